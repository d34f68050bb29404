//! The service: builds every part in order, binds before it serves, and gives back a handle that drains.

mod access;
mod calls;
pub mod catch_up;
mod error;
pub mod generations;
mod manager;
mod outbox;
mod pages;
mod pair;
mod reload;
mod scrub;
pub mod shelf;
mod signal;
mod site;
pub(crate) mod sources;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::callers;
use crate::config::{Config, Loaded};
use crate::customer::Schema;
use crate::feed::{self, Compaction, Feeds};
use crate::http::{self, Cut, Desk, Hearts, HttpError, Keys, Listener, Readiness, Shadows};
use crate::index::Index;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::pop::{self, Node, Pops};
use crate::replica::{Counters, Freshness, LOG, Replica};
use crate::snapshot::folder::{Folder, Held, TENANT};
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError};
use crate::telemetry::Log;
use crate::tenant::Tenant;
use catch_up::{CatchUp, Publisher, Tending};
use generations::{Copying, Generations, Live};
use outbox::Record;
use pair::{Pair, Turning};
use reload::Reloader;
use scrub::Scrubbing;
use site::Site;

pub use error::AppError;
pub use reload::Reloaded;
pub use signal::{Hangup, serve_until_told_to_stop};
pub use site::Rules;

/// A service that is built and bound, and does not serve yet.
#[derive(Debug)]
pub struct App {
    http: http::Bound,
    feeds: Feeds,
    tenant: Arc<Tenant>,
    readiness: Arc<Readiness>,
    reloader: Arc<Reloader>,
    generations: Arc<Generations>,
    record: Record,
    scrub_within: Duration,
    pops: Arc<Pops>,
    pair: Arc<Pair>,
    metrics: Arc<Metrics>,
    tending: Tending,
}

/// A service that serves. [`Running::drain`] ends it.
#[derive(Debug)]
pub struct Running {
    http: http::Running,
    feeds: feed::Running,
    scrubbing: Scrubbing,
    pops: pop::Running,
    turning: Turning,
    pair: Arc<Pair>,
    tenant: Arc<Tenant>,
    readiness: Arc<Readiness>,
    reloader: Arc<Reloader>,
    generations: Arc<Generations>,
    record: Record,
    sending: Option<pop::outbox::Running>,
    tending: catch_up::Running,
}

impl App {
    /// Builds the service that `loaded` describes, and that takes up what changes of it while it runs; `log`'s level
    /// among it.
    ///
    /// # Errors
    /// The first part that cannot be built or bound, with what to do about it.
    pub fn build(loaded: Loaded, log: Log) -> Result<App, AppError> {
        let started = Instant::now();
        let config = &loaded.config;
        let keys = Keys::open(&config.keys_file()).map_err(HttpError::from)?;
        let rules = Rules::new(&loaded, &keys)?;
        let metrics = Arc::new(Metrics::new()?);
        let folder = Folder::hold(config.data.dir.join(TENANT))?;
        let folder = Arc::new(folder.keeping(config.data.generations_kept));
        let snapshot = Arc::new(present(&folder, config)?);
        let has_customers = snapshot.header().generation > 0;
        let (index, writer) = Index::new(snapshot, sources::phones(config, &rules.numbers.site));

        site::tell_suffixes(&index);
        let (numbering, feeds) = (&rules.numbers.site, &rules.numbers.feeds);
        let intake = Intake::new(numbering.clone(), site::limits(config));
        let ids = &config.customer.id_attributes;
        intake.replace(numbering.clone(), feeds.clone(), site::limits(config), ids);
        let counters = Counters::register(&metrics)?;
        let replica = Replica::new(writer, intake.clone(), site::bounds(config), counters);
        let feeds = followed(config);
        let log_dir = folder.folder().dir().join(LOG);
        let replica = if feeds.is_empty() && !log_dir.exists() {
            replica
        } else {
            replica.recover(&log_dir, site::remembered(&folder))?
        };
        let freshness = Arc::new(Freshness::new(
            feeds.keys().map(String::as_str),
            config.answers.stale_after_s,
            Instant::now(),
        ));
        let compaction = Compaction {
            folder: Arc::clone(&folder),
            overlay_max_bytes: config.data.overlay_max_mib << 20,
            memory_bytes: config.import.memory_mib << 20,
            log_max_bytes: config.data.log_max_mib << 20,
            erase_within_s: config.data.erase_within_s,
            rejects_max_bytes: config.data.rejects_max_mib << 20,
        };
        let tenant = Arc::new(Tenant {
            name: TENANT.into(),
            index,
            freshness: Arc::clone(&freshness),
        });

        let readiness = Arc::new(Readiness::default());
        if has_customers {
            readiness.set_mapped();
        } else if feeds.is_empty() {
            tracing::warn!(
                folder = %config.data.dir.display(),
                "no snapshot and no feed: every lookup is a miss until one is built (`ringside snapshot build`)"
            );
        }
        let pair = Pair::open(&config.ha, folder.folder().dir(), &readiness, &metrics)?;
        let pair = Arc::new(pair);
        let feeds = Feeds::new(&feeds, replica, freshness, compaction);
        let pushes = feeds.pushes();
        let live = Live {
            index: Arc::clone(&tenant.index),
            installer: feeds.installer(),
            readiness: Arc::clone(&readiness),
            copying: Copying {
                intake: intake.clone(),
                memory_bytes: config.import.memory_mib << 20,
                suffix_digits: config.phones.suffixes(),
            },
        };
        let generations = Arc::new(Generations::new(Arc::clone(&folder), config, Some(live)));
        let catch_up = Arc::new(CatchUp::new(config, &generations, started, &metrics)?);
        let feeds = feeds.copying(Arc::clone(&catch_up) as Arc<dyn feed::Copies>);
        let standing = Arc::clone(pair.standing());
        let tending = Tending {
            publisher: Publisher::open(config, &folder, &tenant.index, &metrics)?,
            tenant: Arc::clone(&tenant),
            readiness: Arc::clone(&readiness),
            is_alone: config.feed.values().all(|feed| !feed.is_network()),
            decides: Box::new(move || standing.decides()),
            catch_up,
        };
        let scrub_within = Duration::from_secs(config.data.scrub_interval_s);
        let record = Record::open(&folder, config, &metrics)?;
        let lookups = Arc::new(callers::Meters::register(&metrics)?);
        let sources = rules.sources(config, &tenant, &lookups);
        rules.accesses.log(config, &keys);
        let shadows = Shadows::new(&metrics)?;
        let pops = Pops::open(
            folder.folder().dir(),
            config.calls.clone(),
            config.interactions,
            &config.desks,
            record.outbox.clone(),
            Node::of(&config.ha.node, pair.standing()),
            &metrics,
        )?;
        let pops = Arc::new(pops);
        pair.answers_with(&tenant);
        calls::ask_peer(&pops, &config.ha);
        let desk = Desk::new(&pops, rules.profiles(), record.history.clone());
        let listeners: Vec<Listener> = config
            .listener
            .iter()
            .filter_map(|(name, listener)| {
                let policy = site::policy(config, name, &rules, &sources, &pushes, &shadows, &desk)?;
                Some(Listener {
                    address: listener.address,
                    unix: listener.unix.clone(),
                    ..Listener::new(name.as_str(), policy)
                })
            })
            .collect();
        let admin_access = Arc::new(ArcSwap::from_pointee(rules.accesses.admin.clone()));
        let sources = Arc::new(ArcSwap::from_pointee(sources));
        let site = Site {
            tenant: Arc::clone(&tenant),
            intake,
            lookups: Arc::clone(&lookups),
            listeners: listeners
                .iter()
                .map(|listener| (listener.name.clone(), Arc::clone(&listener.policy)))
                .collect(),
            sources: Arc::clone(&sources),
            admin: Arc::clone(&admin_access),
            generations: Arc::clone(&generations),
            keys,
            pushes,
            shadows: Arc::clone(&shadows),
            installer: feeds.installer(),
            desk,
        };
        let (address, http) = (config.admin.address, config.http);
        let connections_max = config.admin.connections_max;
        let reloader = Reloader::new(site, loaded, log, &metrics)?;
        let admin = http::Admin {
            address,
            connections_max,
            unix: Some(folder.folder().socket()),
            tenant: Arc::clone(&tenant),
            metrics: Arc::clone(&metrics),
            lookups,
            readiness: Arc::clone(&readiness),
            extra: Some(pages::pages(
                &sources,
                &reloader,
                &generations,
                &shadows,
                &record,
                &pair,
                &pops,
            )),
            access: admin_access,
            further: Some(pages::status(&reloader, &tending, &record, &pair, &pops)),
            standing: Arc::clone(pair.standing()),
        };
        let http = http::Server::bind(http, listeners, admin, &metrics)?;
        Ok(App {
            http,
            feeds,
            tenant,
            readiness,
            reloader,
            generations,
            record,
            scrub_within,
            pops,
            pair,
            metrics,
            tending,
        })
    }

    /// Serves.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self) -> Result<Running, AppError> {
        let scrubbing = Scrubbing::spawn(
            Arc::clone(&self.tenant.index),
            self.scrub_within,
            &self.metrics,
            Arc::clone(&self.readiness),
        )?;
        let told = Arc::clone(&self.pops);
        let tell: pop::outbox::Tell = Arc::new(move |outcome| told.told(outcome));
        let sending = self.record.outbox.as_ref().map(|outbox| {
            let is_sensitive = outbox::is_sensitive(&self.tenant.index);
            outbox.start(Arc::clone(&tell), is_sensitive)
        });
        let sending = sending.transpose()?;
        let feeds = self.feeds.spawn()?;
        let pops = self.pops.spawn(&self.tenant)?;
        let tending = self.tending.spawn()?;
        let http = self.http.spawn()?;
        let turning = self.pair.spawn(http.sending_away(), self.pops.shared())?;
        let snapshot = self.tenant.index.snapshot();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            generation = snapshot.header().generation,
            customers = snapshot.header().customers,
            "serving"
        );
        for (address, listener) in http.addresses().iter().zip(http.names()) {
            tracing::info!(listener, address, "listening");
        }
        tracing::info!(address = %http.admin_address(), "administering");
        Ok(Running {
            http,
            feeds,
            scrubbing,
            pops,
            turning,
            pair: self.pair,
            tenant: self.tenant,
            readiness: self.readiness,
            reloader: self.reloader,
            generations: self.generations,
            record: self.record,
            sending,
            tending,
        })
    }
}

impl Running {
    /// The TCP address that callers of the listener `name` connect to.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.http.address(name)
    }

    /// Where every listener listens, as a person writes it: `http://127.0.0.1:7464`, `unix:/run/ringside.sock`.
    pub fn addresses(&self) -> Vec<String> {
        self.http.addresses()
    }

    /// The administration's address.
    pub fn admin_address(&self) -> SocketAddr {
        self.http.admin_address()
    }

    /// Whose customers are served.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The listeners' names, in the order of [`Running::addresses`].
    pub fn names(&self) -> Vec<&str> {
        self.http.names()
    }

    /// What waits to be told to the system of record; `None` where there is none.
    pub fn outbox(&self) -> Option<&Arc<pop::outbox::Outbox>> {
        self.record.outbox.as_ref()
    }

    /// What asks the system of record for older interactions; `None` where it cannot be asked.
    pub fn history(&self) -> Option<&Arc<pop::outbox::History>> {
        self.record.history.as_ref()
    }

    /// Reads the configuration anew, and takes up what can be without a restart.
    ///
    /// # Errors
    /// What is wrong with it; everything then stays as it was.
    pub fn reload(&self) -> Result<Reloaded, AppError> {
        self.reloader.reload()
    }

    /// What ends a drain at once, while it is under way on another thread.
    pub fn cut(&self) -> Cut {
        self.http.cut()
    }

    /// The hearts of the serving threads.
    fn hearts(&self) -> &Hearts {
        self.http.hearts()
    }

    /// How the service is, in one line.
    fn status_line(&self) -> String {
        let snapshot = self.tenant.index.snapshot();
        let header = snapshot.header();
        let freshness = &self.tenant.freshness;
        let reasons = self
            .readiness
            .reasons(&freshness.now(Instant::now()), &freshness.troubles());
        let customers = header.customers;
        let served = format!("generation {}, {customers} customers", header.generation);
        if reasons.is_empty() {
            format!("ready; {served}")
        } else {
            format!("not ready: {}; {served}", reasons.join(", "))
        }
    }

    /// Takes no more callers, finishes the requests that are open, stops the feeds, and ends.
    pub fn drain(self) {
        self.generations.end();
        self.pair.leave();
        self.turning.stop();
        self.http.drain();
        drop(self.pops);
        self.feeds.stop();
        self.tending.stop();
        self.scrubbing.stop();
        if let Some(sending) = self.sending {
            sending.stop();
        }
    }
}

/// The feeds that deliver anything.
fn followed(config: &Config) -> BTreeMap<String, feed::Settings> {
    let feeds = config
        .feed
        .iter()
        .filter(|(_, feed)| feed.kind != feed::Kind::None);
    feeds.map(|(name, feed)| (name.clone(), feed.clone())).collect()
}

/// The folder's present snapshot; an empty one of generation 0 where there is none yet.
fn present(folder: &Held, config: &Config) -> Result<MappedSnapshot, AppError> {
    match folder.folder().current()? {
        Some(path) => Snapshot::map(&path).map_err(|source| AppError::Snapshot { path, source }),
        None => empty(config).map_err(|source| AppError::Snapshot {
            path: folder.folder().dir().into(),
            source,
        }),
    }
}

fn empty(config: &Config) -> Result<MappedSnapshot, SnapshotError> {
    let schema = Schema::default();
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &schema,
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 0)?;
    let (bytes, _) = writer.by_suffix(config.phones.suffixes()).finish(&facts)?;
    MappedSnapshot::in_memory(bytes.into_inner())
}
