//! A made-up source that fails in every way, followed by real feeds, with real copies and merges: at the end what is
//! served is what the source has.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

mod beside;
mod fetched;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::app::catch_up::CatchUp;
use crate::app::generations::Live;
use crate::app::{self, sources};
use crate::config::Config;
use crate::feed::source::{Event, Life, Row, Rows, Source, SourceError, Standing};
use crate::feed::{Compaction, Feeds, Kind, Pushes, Running, Settings};
use crate::http::Readiness;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::number::Numbering;
use crate::replica::{Change, Counters, Freshness, LOG, Replica};
use crate::snapshot::folder::Folder;

/// A system of record.
#[derive(Debug, Default)]
struct World {
    life: u64,
    customers: BTreeMap<u64, u64>,
    cases: BTreeMap<u64, u64>,
    /// What happened, and where it stands.
    log: Vec<(u64, Value)>,
    newest: u64,
    /// Nothing at or ahead of this place can be had any more.
    oldest: u64,
    is_away: bool,
    /// Connections break when this grows.
    cuts: u64,
    copies: u64,
    /// Cases whose customers are not there.
    strays: BTreeMap<u64, u64>,
    /// So many times what comes next cannot be had.
    failing: u64,
    /// Nobody new is let in.
    is_closed: bool,
}

impl World {
    fn happen(&mut self, change: Value) {
        self.newest += 1;
        self.log.push((self.newest, change));
    }

    fn put(&mut self, customer: u64, version: u64) {
        self.customers.insert(customer, version);
        self.happen(json!({"op": "upsert", "customer": document(customer, version)}));
    }

    fn delete(&mut self, customer: u64) {
        self.customers.remove(&customer);
        self.cases.remove(&customer);
        self.happen(json!({"op": "delete", "id": id(customer)}));
    }

    fn put_case(&mut self, customer: u64, version: u64) {
        if self.customers.contains_key(&customer) {
            self.cases.insert(customer, version);
            self.happen(json!({"op": "case", "customer_id": id(customer), "case": case(version)}));
        }
    }

    /// The stream is no more; another one begins.
    fn recreate(&mut self) {
        self.life += 1;
        (self.newest, self.oldest) = (0, 0);
        self.log.clear();
        self.cuts += 1;
    }
}

fn id(customer: u64) -> String {
    format!("c{customer}")
}

fn case(version: u64) -> Value {
    json!({"id": "k", "title": format!("case {version}")})
}

/// Customers of odd versions share a number with their neighbour.
fn document(customer: u64, version: u64) -> Value {
    let number = 4_806_750_000 + customer / 2 * 2 * (version % 2) + customer * (1 - version % 2);
    json!({
        "id": id(customer),
        "name": format!("name {version}"),
        "created_at": "2026-01-01T00:00:00Z",
        "phones": [format!("+1{number}")],
    })
}

/// The world as a source, on one connection.
struct MadeUp {
    world: Arc<Mutex<World>>,
    cuts: u64,
    cursor: u64,
    life: u64,
    events: std::collections::VecDeque<Event>,
}

impl MadeUp {
    fn look<T>(&self, at: impl FnOnce(&mut World) -> T) -> Result<T, SourceError> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.is_away || world.cuts != self.cuts {
            return Err(SourceError::Away("cut".into()));
        }
        Ok(at(&mut world))
    }
}

impl Source for MadeUp {
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError> {
        self.events.clear();
        self.cuts = self.world.lock().unwrap().cuts;
        self.look(|world| {
            if world.is_closed {
                return Err(SourceError::Away("closed".into()));
            }
            let prefix = format!("{}-", world.life);
            Ok(match known.last() {
                Some(life) if life.incarnation.starts_with(&prefix) => Standing::GoesOn(life.clone()),
                _ => Standing::Copy { why: "new".into() },
            })
        })?
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        self.look(|world| {
            world.copies += 1;
            Life {
                incarnation: format!("{}-{}-{}", world.life, world.newest, world.copies),
                token: world.newest.to_string(),
            }
        })
    }

    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError> {
        // Each customer is read at another moment, as by a cursor without a snapshot.
        let mut next = 0;
        loop {
            let found = self.look(|world| {
                let found = world
                    .customers
                    .range(next..)
                    .next()
                    .map(|(key, version)| (*key, *version));
                found.map(|(customer, version)| (customer, version, world.cases.get(&customer).copied()))
            })?;
            let Some((customer, version, of_case)) = found else {
                for (customer, version) in self.look(|world| world.strays.clone())? {
                    rows.put(Row::Case {
                        customer_id: id(customer),
                        case: case(version),
                    })?;
                }
                return Ok(());
            };
            rows.put(Row::Customer(document(customer, version)))?;
            if let Some(version) = of_case {
                rows.put(Row::Case {
                    customer_id: id(customer),
                    case: case(version),
                })?;
            }
            next = customer + 1;
            tokio::task::yield_now().await;
        }
    }

    async fn follow(&mut self, from: &Life) -> Result<(), SourceError> {
        self.cursor = from.token.parse().unwrap();
        self.life = from.incarnation.split('-').next().unwrap().parse().unwrap();
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let (cursor, life) = (self.cursor, self.life);
            let found = self.look(|world| {
                if let Some(failing) = world.failing.checked_sub(1) {
                    world.failing = failing;
                    return Err(SourceError::Away("failing".into()));
                }
                if world.life != life || cursor < world.oldest {
                    return Err(SourceError::Lost("history is gone".into()));
                }
                let from = world.log.partition_point(|(place, _)| *place <= cursor);
                Ok(world.log[from..].iter().take(7).cloned().collect::<Vec<_>>())
            })??;
            if found.is_empty() {
                self.events.push_back(Event::Idle { lag_ms: None });
                let _over =
                    tokio::time::timeout(Duration::from_millis(2), std::future::pending::<()>()).await;
                continue;
            }
            for (place, change) in found {
                self.events.push_back(Event::Change {
                    position: place.to_be_bytes().to_vec(),
                    at_ms: None,
                    change: Change::decode_value(change).unwrap().change,
                });
                self.cursor = place;
            }
            self.events.push_back(Event::Place {
                token: self.cursor.to_string(),
                position: self.cursor.to_string(),
            });
        }
    }

    fn confirm(&mut self, _token: &str) {}
}

struct Centre {
    index: Arc<Index>,
    freshness: Arc<Freshness>,
    generations: Arc<Generations>,
    running: Running,
    pushes: Pushes,
}

fn start(folder: &tempfile::TempDir, world: &Arc<Mutex<World>>, extra: &str) -> Centre {
    let file = folder.path().join("c.toml");
    let text = format!(
        "[data]\ndir = {:?}\n[guard]\nmax_percent = 100\n[phones]\nowner = \"newest_customer\"\n{extra}",
        folder.path()
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), std::iter::empty()).unwrap();
    let metrics = Arc::new(Metrics::new().unwrap());
    let held = Arc::new(Folder::hold(folder.path().join("main")).unwrap());
    let snapshot = Arc::new(app::present(&held, &config).unwrap());
    let numbering = Numbering::new(&config.numbers).unwrap();
    let (index, writer) = Index::new(snapshot, sources::phones(&config, &numbering));
    let intake = Intake::new(numbering, app::site::limits(&config));
    let counters = Counters::register(&metrics).unwrap();
    let replica = Replica::new(writer, intake.clone(), app::site::bounds(&config), counters)
        .recover(&held.folder().dir().join(LOG), app::site::remembered(&held))
        .unwrap();
    let freshness = Arc::new(Freshness::new(["main"], 0, Instant::now()));
    let compaction = Compaction {
        folder: Arc::clone(&held),
        overlay_max_bytes: 20_000,
        memory_bytes: 64 << 20,
        log_max_bytes: 1 << 30,
        erase_within_s: 1_000_000,
        rejects_max_bytes: 1 << 20,
    };
    let settings = Settings {
        kind: Kind::MadeUp,
        ..Settings::default()
    };
    let mut settings = BTreeMap::from([("main".to_owned(), settings)]);
    if let Some(web) = config.feed.get("web") {
        settings.insert("web".to_owned(), web.clone());
    }
    let feeds = Feeds::new(&settings, replica, Arc::clone(&freshness), compaction);
    let pushes = feeds.pushes();
    let live = Live {
        index: Arc::clone(&index),
        installer: feeds.installer(),
        readiness: Arc::new(Readiness::default()),
        copying: Copying {
            intake,
            memory_bytes: 64 << 20,
            suffix_digits: None,
        },
    };
    let generations = Arc::new(Generations::new(held, &config, Some(live)));
    let world = Arc::clone(world);
    let catch_up = CatchUp::new(&config, &generations, Instant::now(), &metrics).unwrap();
    let running = feeds
        .copying(Arc::new(catch_up))
        .spawn_reading(move |_, reading| {
            let source = MadeUp {
                world: Arc::clone(&world),
                cuts: 0,
                cursor: 0,
                life: 0,
                events: std::collections::VecDeque::new(),
            };
            reading.by(source, true)
        })
        .unwrap();
    Centre {
        index,
        freshness,
        generations,
        running,
        pushes,
    }
}

impl Centre {
    fn stop(self) {
        self.generations.end();
        self.running.stop();
    }

    /// What differs between what is served and what the world has.
    fn difference(&self, world: &World, most: u64) -> Option<String> {
        for customer in 0..most {
            let served = self.index.read(|view| {
                Ok(view
                    .customer(&id(customer))?
                    .map(|record| serde_json::from_slice::<Value>(record.json()).unwrap()))
            });
            let expected = world.customers.get(&customer);
            let said = |key: &str| {
                served
                    .as_ref()
                    .and_then(|served| served[key].as_str())
                    .map(str::to_owned)
            };
            let name = expected.map(|version| format!("name {version}"));
            if said("name") != name {
                return Some(format!("{customer}: {:?}, not {name:?}", said("name")));
            }
            let title = served
                .as_ref()
                .and_then(|served| served["cases"][0]["title"].as_str().map(str::to_owned));
            let of_case = world
                .cases
                .get(&customer)
                .map(|version| format!("case {version}"));
            if title != of_case {
                return Some(format!("{customer}: {title:?}, not {of_case:?}"));
            }
        }
        None
    }
}

fn draw(random: &mut u64, below: u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) % below
}

const CUSTOMERS: u64 = 40;

fn trial(seed: u64) {
    let random = &mut { seed };
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(Mutex::new(World::default()));
    for customer in 0..CUSTOMERS {
        world.lock().unwrap().put(customer, 0);
    }
    let mut centre = start(
        &folder,
        &world,
        "[sanity]\nvanished_max_percent = 100\nmoved_max_percent = 100\n",
    );
    for step in 1..400 {
        {
            let mut world = world.lock().unwrap();
            let customer = draw(random, CUSTOMERS);
            match draw(random, 100) {
                0..60 => world.put(customer, step),
                60..70 => world.delete(customer),
                70..85 => world.put_case(customer, step),
                85..88 => world.cuts += 1,
                88 => world.is_away = true,
                89..93 => world.is_away = false,
                93 => {
                    let gone = draw(random, 20);
                    world.oldest = world.newest.saturating_sub(gone);
                }
                94 => world.recreate(),
                _ => {}
            }
        }
        if draw(random, 120) == 0 {
            centre.stop();
            centre = start(
                &folder,
                &world,
                "[sanity]\nvanished_max_percent = 100\nmoved_max_percent = 100\n",
            );
        }
        if draw(random, 3) == 0 {
            std::thread::park_timeout(Duration::from_millis(draw(random, 12)));
        }
    }
    world.lock().unwrap().is_away = false;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let reading = centre.freshness.now(Instant::now());
        let difference = centre.difference(&world.lock().unwrap(), CUSTOMERS);
        if reading.caught_up && !reading.gap && difference.is_none() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "seed {seed}: {difference:?}, {reading:?}, {:?}",
            centre.freshness.courses().next()
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
    centre.stop();
}

#[test]
fn through_every_fault_what_is_served_ends_up_as_the_source_has_it() {
    let seeds = std::env::var("RINGSIDE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    match seeds {
        Some(seed) => trial(seed),
        None => (0..6).for_each(trial),
    }
}

#[test]
fn a_copy_in_which_customers_are_missing_waits_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(Mutex::new(World::default()));
    for customer in 0..CUSTOMERS {
        world.lock().unwrap().put(customer, 0);
    }
    let centre = start(&folder, &world, "[sanity]\nignore_below = 0\n");
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            let course = centre.freshness.courses().next().map(|(_, course)| course);
            assert!(Instant::now() < deadline, "in vain until {what}: {course:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    };
    let is_fresh = || {
        let reading = centre.freshness.now(Instant::now());
        reading.caught_up && !reading.gap && reading.connected
    };
    until("everything is copied", &is_fresh);
    {
        let mut world = world.lock().unwrap();
        (0..CUSTOMERS / 2).for_each(|customer| world.delete(customer));
        world.recreate();
    }
    let state = || centre.freshness.courses().next().map(|(_, course)| course.state);
    until("the copy is held", &|| state() == Some("held"));
    assert!(
        centre.freshness.now(Instant::now()).stale,
        "what is served is not what the source has"
    );
    assert!(
        centre.index.read(|view| Ok(view.customer("c1")?.is_some())),
        "and stays"
    );
    centre.generations.perform("/accept", b"{}").unwrap().unwrap();
    until("the copy is served", &is_fresh);
    assert_eq!(centre.difference(&world.lock().unwrap(), CUSTOMERS), None);
    world.lock().unwrap().put(1, 8);
    until("changes follow", &|| {
        centre.difference(&world.lock().unwrap(), CUSTOMERS).is_none()
    });
    centre.stop();
}
