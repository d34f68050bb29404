//! What else goes on beside copies: going back, parts without customers, other feeds.

use bytes::Bytes;

use super::*;

const TRUSTING: &str = "[sanity]\nvanished_max_percent = 100\nmoved_max_percent = 100\n";

fn world(customers: u64) -> Arc<Mutex<World>> {
    let world = Arc::new(Mutex::new(World::default()));
    for customer in 0..customers {
        world.lock().unwrap().put(customer, 0);
    }
    world
}

impl Centre {
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            let course = self.freshness.courses().next().map(|(_, course)| course);
            let reading = self.freshness.now(Instant::now());
            assert!(
                Instant::now() < deadline,
                "in vain until {what}: {course:?}, {reading:?}"
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn is_fresh(&self) -> bool {
        let reading = self.freshness.now(Instant::now());
        reading.caught_up && !reading.gap && reading.connected
    }

    fn is_equal(&self, world: &Mutex<World>) -> bool {
        self.difference(&world.lock().unwrap(), CUSTOMERS).is_none()
    }

    fn present(&self) -> u64 {
        self.generations.held.present()
    }
}

/// Has a centre copy, lose its place, miss changes and copy again; gives the generation of the first copy.
fn copied_twice(folder: &tempfile::TempDir, world: &Arc<Mutex<World>>) -> (Centre, u64) {
    let centre = start(folder, world, TRUSTING);
    centre.until("everything is copied", || centre.is_fresh());
    let first = centre.present();
    {
        let mut world = world.lock().unwrap();
        world.is_away = true;
        (0..CUSTOMERS / 2).for_each(|customer| world.put(customer, 1));
        world.oldest = world.newest;
        world.cuts += 1;
        world.is_away = false;
    }
    centre.until("everything is copied again", || {
        centre.present() > first && centre.is_fresh() && centre.is_equal(world)
    });
    (centre, first)
}

#[test]
fn going_back_behind_a_copy_misses_what_it_brought_and_says_so() {
    let (folder, world) = (tempfile::tempdir().unwrap(), world(CUSTOMERS));
    let (centre, first) = copied_twice(&folder, &world);
    let body = json!({"generation": first}).to_string();
    // Nothing can be copied meanwhile, so that one can look.
    world.lock().unwrap().is_away = true;
    centre
        .generations
        .perform("/rollback", body.as_bytes())
        .unwrap()
        .unwrap();
    assert!(
        !centre.is_equal(&world),
        "what the copy brought is not in the log"
    );
    centre.until("it is said", || centre.freshness.now(Instant::now()).stale);
    centre.stop();

    let centre = start(&folder, &world, TRUSTING);
    centre.until("a start says it too", || centre.freshness.now(Instant::now()).gap);
    world.lock().unwrap().is_away = false;
    centre.until("everything is copied anew", || {
        centre.is_fresh() && centre.is_equal(&world)
    });
    centre.stop();
}

#[test]
fn going_back_to_a_copy_that_changes_follow_misses_nothing() {
    let (folder, world) = (tempfile::tempdir().unwrap(), world(CUSTOMERS));
    let centre = start(&folder, &world, TRUSTING);
    centre.until("everything is copied", || centre.is_fresh());
    let copy = centre.present();
    let copies = world.lock().unwrap().copies;
    let body = json!({"generation": copy}).to_string();
    let perform = |path| centre.generations.perform(path, body.as_bytes()).unwrap();
    // Where the machine is slow there are more merges than generations are kept.
    perform("/pin").unwrap();
    // Enough for a merge.
    for version in 1..2000 {
        world.lock().unwrap().put(version % CUSTOMERS, version);
    }
    centre.until("it is merged", || {
        centre.present() > copy && centre.is_equal(&world)
    });
    perform("/rollback").unwrap();
    assert!(centre.is_equal(&world) && !centre.freshness.now(Instant::now()).stale);
    world.lock().unwrap().put(3, 9999);
    centre.until("changes follow", || centre.is_equal(&world));
    assert_eq!(world.lock().unwrap().copies, copies);
    centre.stop();
}

#[test]
fn a_part_without_a_customer_waits_for_it_whatever_breaks_behind_the_copy() {
    for restarts in [false, true] {
        let (folder, world) = (tempfile::tempdir().unwrap(), world(3));
        {
            let mut world = world.lock().unwrap();
            world.strays.insert(7, 5);
            world.failing = 3;
        }
        let mut centre = start(&folder, &world, TRUSTING);
        centre.until("everything is copied", || centre.is_fresh());
        if restarts {
            centre.stop();
            centre = start(&folder, &world, TRUSTING);
        }
        {
            let mut world = world.lock().unwrap();
            world.put(7, 1);
            // The source has said of the case what it has to say.
            let of = world.strays.remove(&7).unwrap();
            world.cases.insert(7, of);
        }
        centre.until("the case is there", || centre.is_equal(&world));
        centre.stop();
    }
}

#[test]
fn a_part_that_waited_ahead_of_a_copy_is_not_put_in_the_place_of_the_copys() {
    let (folder, world) = (tempfile::tempdir().unwrap(), world(3));
    world.lock().unwrap().strays.insert(7, 1);
    let centre = start(&folder, &world, TRUSTING);
    centre.until("everything is copied", || centre.is_fresh());
    let copies = world.lock().unwrap().copies;
    {
        let mut world = world.lock().unwrap();
        world.strays.clear();
        world.customers.insert(7, 0);
        world.cases.insert(7, 2);
        world.recreate();
    }
    centre.until("everything is copied again", || {
        world.lock().unwrap().copies > copies && centre.is_fresh()
    });
    world.lock().unwrap().put(7, 4);
    centre.until("the change is there", || {
        centre.index.read(|view| {
            let record = view.customer("c7")?;
            Ok(record.is_some_and(|record| String::from_utf8_lossy(record.json()).contains("name 4")))
        })
    });
    assert_eq!(centre.difference(&world.lock().unwrap(), CUSTOMERS), None);
    centre.stop();
}

#[test]
fn a_copy_beside_another_feed_waits_for_somebodys_word() {
    let (folder, world) = (tempfile::tempdir().unwrap(), world(3));
    world.lock().unwrap().is_away = true;
    let extra = format!("{TRUSTING}[feed.web]\nkind = \"http\"\n");
    let centre = start(&folder, &world, &extra);
    let line = br#"{"op":"upsert","position":"1","customer":{"id":"w","name":"Wanda"}}"#;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pushed = runtime.block_on(centre.pushes.push(None, None, Bytes::from_static(line)));
    assert_eq!(pushed.unwrap().accepted, 1);
    world.lock().unwrap().is_away = false;
    let state = || {
        centre
            .freshness
            .courses()
            .next()
            .map(|(_, course)| (*course).clone())
    };
    centre.until("the copy is held", || {
        state().is_some_and(|course| course.state == "held" && course.message.contains("web"))
    });
    assert!(centre.index.read(|view| Ok(view.customer("w")?.is_some())));
    centre.stop();
}

#[test]
fn a_history_that_is_lost_is_a_gap_though_nobody_can_be_asked_any_more() {
    let (folder, world) = (tempfile::tempdir().unwrap(), world(3));
    let centre = start(&folder, &world, TRUSTING);
    centre.until("everything is copied", || centre.is_fresh());
    {
        let mut world = world.lock().unwrap();
        world.is_closed = true;
        world.put(1, 1);
        world.oldest = world.newest;
    }
    centre.until("it is said", || centre.freshness.now(Instant::now()).gap);
    assert!(centre.freshness.now(Instant::now()).stale);
    centre.stop();
}
