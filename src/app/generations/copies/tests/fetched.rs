//! What is taken over from elsewhere instead of copying the source.

use bytes::Bytes;

use super::*;
use crate::app::catch_up::Origin;
use crate::app::shelf::{Entry, Keeping, Manifest, Shelf};
use crate::config::Snapshots;
use crate::snapshot::Snapshot;

/// An object store in `folder`.
fn store(folder: &tempfile::TempDir) -> Snapshots {
    Snapshots {
        store: format!("file://{}", folder.path().join("store").display()),
        kept: 3,
        ..Snapshots::default()
    }
}

fn with_store(store: &Snapshots) -> String {
    format!("[snapshots]\nstore = {:?}\n", store.store)
}

/// Publishes what `folder` has, as of now.
fn publish(centre: &Centre, folder: &tempfile::TempDir, store: &Snapshots) -> Manifest {
    centre.generations.perform("/merge", b"{}").unwrap().unwrap();
    let path = Folder::open(folder.path().join("main"))
        .current()
        .unwrap()
        .unwrap();
    let snapshot = Snapshot::map(&path).unwrap();
    let header = snapshot.header();
    let entry = Entry {
        name: String::new(),
        node: "a".into(),
        line: header.log.line,
        generation: header.generation,
        format_version: header.format_version,
        seq: header.seq,
        created_at_ms: header.created_at_ms,
        published_at_ms: 0,
        customers: header.customers,
        bytes: header.file_length,
    }
    .named();
    let keeping = Keeping {
        kept: 3,
        since_ms: 0,
        unnamed_since_ms: 0,
        served: ("", 0, 0),
    };
    let shelf = Shelf::open(store).unwrap().unwrap();
    shelf.publish(&path, &entry, keeping, &mut |_| true).unwrap();
    shelf.manifest().unwrap()
}

fn world() -> Arc<Mutex<World>> {
    let world = Arc::new(Mutex::new(World::default()));
    (0..CUSTOMERS).for_each(|customer| world.lock().unwrap().put(customer, 0));
    world
}

/// Waits until `centre` serves what the world has, and nothing is missing.
fn until_fresh(centre: &Centre, world: &Mutex<World>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let reading = centre.freshness.now(Instant::now());
        let difference = centre.difference(&world.lock().unwrap(), CUSTOMERS);
        if reading.caught_up && !reading.gap && difference.is_none() {
            return;
        }
        let course = centre.freshness.courses().next().map(|(_, course)| course);
        assert!(
            Instant::now() < deadline,
            "{difference:?}, {reading:?}, {course:?}"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn copies(world: &Mutex<World>) -> u64 {
    world.lock().unwrap().copies
}

#[test]
fn a_new_node_takes_over_what_is_published_and_follows_behind_it() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    publish(&centre, &first, &store);
    centre.stop();
    {
        let mut world = world.lock().unwrap();
        world.put(3, 1);
        world.delete(4);
        world.put_case(5, 2);
    }
    // While the source is away there is no other way to any customer.
    world.lock().unwrap().is_away = true;
    let centre = start(&second, &world, &with_store(&store));
    let deadline = Instant::now() + Duration::from_secs(60);
    while centre.index.read(|view| Ok(view.customer("c1")?.is_none())) {
        assert!(Instant::now() < deadline, "nothing was taken over");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(
        centre.freshness.now(Instant::now()).stale,
        "it is not known to be fresh"
    );
    world.lock().unwrap().is_away = false;
    until_fresh(&centre, &world);
    assert_eq!(copies(&world), 1, "the source was copied by the first node alone");
    centre.stop();
    // It has a log of its own by now.
    let centre = start(&second, &world, &with_store(&store));
    until_fresh(&centre, &world);
    assert_eq!(centre.index.snapshot().header().generation, 1);
    centre.stop();
}

#[test]
fn a_node_that_was_away_for_too_long_takes_over_what_is_newer() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let late = start(&second, &world, &with_store(&store));
    until_fresh(&late, &world);
    late.stop();
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    (0..10).for_each(|customer| world.lock().unwrap().put(customer, 7));
    until_fresh(&centre, &world);
    publish(&centre, &first, &store);
    {
        // What the late one has no longer leads on; what is published does.
        let mut world = world.lock().unwrap();
        world.oldest = world.newest - 2;
        world.put(11, 8);
    }
    let before = copies(&world);
    let late = start(&second, &world, &with_store(&store));
    until_fresh(&late, &world);
    assert_eq!(copies(&world), before, "nothing was copied");
    late.stop();
    centre.stop();
}

#[test]
fn where_what_is_published_does_not_lead_on_either_the_source_is_copied() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    publish(&centre, &first, &store);
    centre.stop();
    {
        let mut world = world.lock().unwrap();
        world.put(1, 5);
        world.put(2, 5);
        world.oldest = world.newest - 1;
    }
    let centre = start(&second, &world, &with_store(&store));
    until_fresh(&centre, &world);
    assert_eq!(copies(&world), 2, "taken over once, then copied once");
    centre.stop();
}

#[test]
fn of_published_generations_the_newest_that_is_there_is_taken_over() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    publish(&centre, &first, &store);
    world.lock().unwrap().put(3, 1);
    until_fresh(&centre, &world);
    let published = publish(&centre, &first, &store).generations;
    assert_eq!(published.len(), 2);
    let file = first.path().join("store/generations").join(&published[0].name);
    std::fs::remove_file(file).unwrap();
    let origin = Origin::Shelf(Shelf::open(&store).unwrap().unwrap());
    assert_eq!(origin.newest().unwrap().generation, published[1].generation);
    let before = copies(&world);
    let other = start(&second, &world, &with_store(&store));
    until_fresh(&other, &world);
    assert_eq!(copies(&world), before, "nothing was copied");
    other.stop();
    centre.stop();
}

/// A generation is copied while changes are posted, and they are first: whoever posted was told that they are kept.
#[test]
fn changes_that_are_posted_while_a_generation_is_fetched_are_not_lost_with_it() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    publish(&centre, &first, &store);
    centre.stop();
    let origin = Origin::Shelf(Shelf::open(&store).unwrap().unwrap());
    let offered = origin.newest().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The second waits for a customer that is not here: it counts as no change that is served.
    for line in [
        br#"{"op":"upsert","position":"1","customer":{"id":"w","name":"Wanda"}}"#.as_slice(),
        br#"{"op":"case","position":"1","customer_id":"c1","case":{"id":"k","title":"late"}}"#.as_slice(),
    ] {
        let folder = tempfile::tempdir_in(&second).unwrap();
        world.lock().unwrap().is_away = true;
        let centre = start(&folder, &world, "[feed.web]\nkind = \"http\"\n");
        let perform = |path: &str, body: Value| {
            let done = centre.generations.perform(path, body.to_string().as_bytes());
            done.unwrap()
        };
        let held = centre.generations.held.folder().hold_build().unwrap();
        let dir = held.folder().dir().file_name().unwrap().to_str().unwrap();
        let reserved = perform(
            "/builds",
            json!({"input": "there", "dir": dir, "replace": true, "fetched": true, "only_if_empty": true}),
        );
        let build = reserved.unwrap()["build"].as_u64().unwrap();
        let path = origin.copy(&offered, &held, build, &mut |_| true).unwrap();
        let pushed = runtime.block_on(centre.pushes.push(None, None, Bytes::from_static(line)));
        assert_eq!(pushed.unwrap().accepted, 1);
        let name = path.file_name().unwrap().to_str().unwrap();
        let refused = perform(
            "/builds/publish",
            json!({"build": build, "snapshot": name, "rows": offered.customers, "refused": 0}),
        );
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ActError::Came), "{refused}");
        assert_eq!(
            centre.generations.held.present(),
            0,
            "nothing else is the present one"
        );
        assert!(centre.generations.waiting().is_none());
        held.remove();
        centre.stop();
        // What was told to be kept is there after a start, too, and is served once its customer is.
        let centre = start(&folder, &world, "[feed.web]\nkind = \"http\"\n");
        let served = || {
            centre
                .index
                .read(|view| view.customer("w").map(|found| found.is_some()))
        };
        if line.starts_with(br#"{"op":"upsert""#) {
            assert!(served());
        } else {
            let customer =
                Bytes::from_static(br#"{"op":"upsert","position":"2","customer":{"id":"c1","name":"C"}}"#);
            runtime
                .block_on(centre.pushes.push(None, None, customer))
                .unwrap();
            let title = centre.index.read(|view| {
                let record = view.customer("c1")?.unwrap();
                Ok(String::from_utf8_lossy(record.json()).contains("late"))
            });
            assert!(title);
        }
        centre.stop();
    }
}

/// The list is of a version to come, or the store is gone: the feed goes on as it would without.
#[test]
fn where_nothing_can_be_fetched_the_source_is_copied() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let manifests = first.path().join("store/manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    let newer = manifests.join("00000000000000000009.json");
    std::fs::write(newer, "{\"version\": 2}").unwrap();
    let centre = start(&second, &world, &with_store(&store));
    until_fresh(&centre, &world);
    assert_eq!(copies(&world), 1);
    centre.stop();
}

#[test]
fn a_node_that_has_its_disk_asks_nobody() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, store) = (world(), store(&first));
    let centre = start(&first, &world, "");
    until_fresh(&centre, &world);
    let own = start(&second, &world, "");
    until_fresh(&own, &world);
    own.stop();
    (0..10).for_each(|customer| world.lock().unwrap().put(customer, 7));
    until_fresh(&centre, &world);
    let newest = publish(&centre, &first, &store).generations.remove(0);
    let before = copies(&world);
    let own = start(&second, &world, &with_store(&store));
    until_fresh(&own, &world);
    let served = own.index.snapshot();
    assert_ne!(
        served.header().seq,
        newest.seq,
        "it goes on over its own generation"
    );
    assert_eq!(copies(&world), before);
    own.stop();
    centre.stop();
}
