//! Feeds on their thread, with real files and real merges.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::merging::Merging;
use super::{Compaction, Feeds, Installer, Kind, Places, Running, Settings};
use crate::customer::document::{self, Limits, Strictness};
use crate::customer::record::{Claim, Origin, encode};
use crate::customer::{Record, Schema};
use crate::index::{Found, Index, Ownership};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::number::{self, Numbering, SourceSettings};
use crate::replica::compaction::compact;
use crate::replica::{Change, Counters, Freshness, LOG, Replica, Settings as Bounds, guard};
use crate::snapshot::folder::{Folder, FolderError, Held, ReadBack};
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, Snapshot, Stream};

struct Centre {
    folder: tempfile::TempDir,
    changes: PathBuf,
    index: Arc<Index>,
    freshness: Arc<Freshness>,
    counters: Counters,
    running: Running,
    installer: Installer,
    held: Arc<Held>,
}

fn snapshot(data: &Path) -> Arc<MappedSnapshot> {
    if let Some(path) = data
        .exists()
        .then(|| Folder::open(data).current().unwrap())
        .flatten()
    {
        return Arc::new(Snapshot::map(&path).unwrap());
    }
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    Arc::new(MappedSnapshot::in_memory(writer.finish(&facts).unwrap().0.into_inner()).unwrap())
}

fn start(folder: tempfile::TempDir, overlay_max_bytes: u64) -> Centre {
    start_polling(folder, overlay_max_bytes, 10)
}

fn start_polling(folder: tempfile::TempDir, overlay_max_bytes: u64, poll_ms: u64) -> Centre {
    let data = folder.path().join("main");
    let changes = folder.path().join("changes.ndjson");
    let ownership = Ownership::BUILTIN;
    let (index, writer) = Index::new(snapshot(&data), ownership);
    let intake = Intake::new(
        Numbering::new(&number::Settings::builtin()).unwrap(),
        Limits::default(),
    );
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let held = Arc::new(Folder::hold(&data).unwrap());
    let replica = Replica::new(writer, intake, BOUNDS, counters.clone())
        .recover(&data.join(LOG), 0)
        .unwrap();
    let freshness = Arc::new(Freshness::new(["main"], 0, Instant::now()));
    let settings = BTreeMap::from([(
        "main".into(),
        Settings {
            kind: Kind::File,
            path: changes.clone(),
            poll_ms,
            numbers: SourceSettings::default(),
            ..Settings::default()
        },
    )]);
    let compaction = Compaction {
        folder: Arc::clone(&held),
        overlay_max_bytes,
        memory_bytes: 64 << 20,
        log_max_bytes: 1 << 30,
        erase_within_s: 1_000_000,
        rejects_max_bytes: 1 << 20,
    };
    let feeds = Feeds::new(&settings, replica, Arc::clone(&freshness), compaction);
    let installer = feeds.installer();
    let running = feeds.spawn().unwrap();
    Centre {
        folder,
        changes,
        index,
        freshness,
        counters,
        running,
        installer,
        held,
    }
}

const BOUNDS: Bounds = Bounds {
    guard: guard::Settings {
        max_percent: 100,
        window_s: 60,
        ignore_below: 0,
    },
    parked_max: 100,
};

fn append(path: &Path, lines: &[String]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
}

fn upsert(id: &str, number: &str) -> String {
    format!(r#"{{"op":"upsert","customer":{{"id":"{id}","name":"{id}","phones":["{number}"]}}}}"#)
}

fn owner(index: &Index, key: u64) -> Option<String> {
    index.read(|view| {
        Ok(match view.find(key)? {
            Found::One(record) => Some(record.id().to_owned()),
            _ => None,
        })
    })
}

/// Waits until `condition` holds, and fails if that takes a minute.
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn changes_are_seen_in_lookups_and_deletes_too() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(
        &centre.changes,
        &[
            upsert("a", "+14806754110"),
            "garbage".into(),
            upsert("b", "+12565938310"),
        ],
    );
    until("b answers", || {
        owner(&centre.index, 12565938310).as_deref() == Some("b")
    });
    assert_eq!(owner(&centre.index, 14806754110).as_deref(), Some("a"));
    until("the position is told", || {
        centre.freshness.now(Instant::now()).position.as_deref() == Some("3")
    });
    assert!(centre.freshness.now(Instant::now()).connected);
    append(&centre.changes, &[r#"{"op":"delete","id":"a"}"#.into()]);
    until("a is gone", || owner(&centre.index, 14806754110).is_none());
    centre.running.stop();
}

#[test]
fn positions_stand_on_every_line_or_on_none() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    let placed = r#"{"op":"delete","id":"a","position":"17"}"#.to_owned();
    append(
        &centre.changes,
        &[
            format!("\u{feff}{}", upsert("a", "+14806754110")),
            placed,
            upsert("b", "+12565938310"),
        ],
    );
    until("b answers", || owner(&centre.index, 12565938310).is_some());
    assert_eq!(
        owner(&centre.index, 14806754110).as_deref(),
        Some("a"),
        "a position among line numbers says nothing"
    );
    centre.running.stop();
}

#[test]
fn a_feed_whose_file_is_gone_says_that_it_is_not_connected() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    let connected = || centre.freshness.now(Instant::now()).connected;
    until("it is connected", connected);
    std::fs::remove_file(&centre.changes).unwrap();
    until("it says that it is not", || !connected());
    centre.running.stop();
}

#[test]
fn what_came_from_a_replaced_file_is_merged_at_once() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("a answers", || owner(&centre.index, 14806754110).is_some());
    std::fs::remove_file(&centre.changes).unwrap();
    append(&centre.changes, &[upsert("b", "+12565938310")]);
    until("a is in a generation", || {
        centre.index.snapshot().customer("a").is_some()
    });
    centre.running.stop();
}

#[test]
fn a_feed_is_behind_until_it_has_read_everything() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    let reading = || centre.freshness.now(Instant::now());
    assert!(!reading().caught_up && reading().stale && reading().age_ms.is_none());
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("it has caught up", || reading().caught_up);
    assert!(owner(&centre.index, 14806754110).is_some() && !reading().stale);
    centre.running.stop();
}

#[test]
fn a_batch_that_swaps_two_numbers_is_seen_whole() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(
        &centre.changes,
        &[upsert("a", "+14806754110"), upsert("b", "+12565938310")],
    );
    until("both answer", || owner(&centre.index, 12565938310).is_some());
    append(
        &centre.changes,
        &[upsert("a", "+12565938310"), upsert("b", "+14806754110")],
    );
    until("the swap is seen", || {
        let key = |key| move |found: Found<'_>| (key, matches!(found, Found::One(r) if r.id() == "a"));
        let (one, two) = centre.index.read(|view| {
            Ok((
                view.find(14806754110).map(key(1))?,
                view.find(12565938310).map(key(2))?,
            ))
        });
        assert!(one.1 != two.1, "a has one of the two numbers at every moment");
        two.1
    });
    centre.running.stop();
}

#[test]
fn the_overlay_is_merged_and_a_restart_goes_on_behind_the_merge() {
    let centre = start(tempfile::tempdir().unwrap(), 1);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("the first generation is served", || {
        centre.index.snapshot().header().customers == 1
    });
    append(
        &centre.changes,
        &[upsert("b", "+12565938310"), r#"{"op":"delete","id":"a"}"#.into()],
    );
    until("the deletion is merged too", || {
        let snapshot = centre.index.snapshot();
        snapshot.header().customers == 1 && snapshot.customer("b").is_some()
    });
    assert_eq!(owner(&centre.index, 12565938310).as_deref(), Some("b"));
    assert_eq!(owner(&centre.index, 14806754110), None);
    let generation = centre.index.snapshot().header().generation;
    let Centre {
        folder,
        running,
        held,
        ..
    } = centre;
    running.stop();
    drop(held);

    let centre = start(folder, u64::MAX);
    assert!(centre.index.snapshot().header().generation >= generation);
    append(&centre.changes, &[upsert("c", "+13343762205")]);
    until("c answers", || owner(&centre.index, 13343762205).is_some());
    // Had the file been read from its start, the deletion would have taken its place in the overlay.
    assert_eq!(centre.index.overlay_size().0, 1);
    centre.running.stop();
}

#[test]
fn stopping_does_not_wait_for_the_next_look() {
    let centre = start_polling(tempfile::tempdir().unwrap(), u64::MAX, 600_000);
    let began = Instant::now();
    centre.running.stop();
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_merge_that_fails_is_counted_and_changes_go_on() {
    let centre = start(tempfile::tempdir().unwrap(), 1);
    std::fs::remove_dir_all(centre.folder.path().join("main")).unwrap();
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("the merge has failed", || {
        centre.counters.merges_failed.get() == 1
    });
    append(&centre.changes, &[upsert("b", "+12565938310")]);
    until("b answers", || owner(&centre.index, 12565938310).is_some());
    assert_eq!(owner(&centre.index, 14806754110).as_deref(), Some("a"));
    centre.running.stop();
}

#[test]
fn the_position_is_that_of_the_present_file() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    let told = |position| {
        move |centre: &Centre| centre.freshness.now(Instant::now()).position.as_deref() == Some(position)
    };
    append(
        &centre.changes,
        &[upsert("a", "+14806754110"), upsert("b", "+12565938310")],
    );
    until("two lines are told", || told("2")(&centre));
    std::fs::write(&centre.changes, upsert("c", "+13343762205") + "\n").unwrap();
    until("one line of the new life is told", || told("1")(&centre));
    assert_eq!(owner(&centre.index, 13343762205).as_deref(), Some("c"));
    centre.running.stop();
}

#[test]
fn what_was_written_while_nobody_ran_is_not_lost_to_a_rotation() {
    let centre = start(tempfile::tempdir().unwrap(), 1);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("a is in a generation", || {
        centre.index.snapshot().header().customers == 1
    });
    let Centre {
        folder,
        changes,
        running,
        held,
        ..
    } = centre;
    running.stop();
    drop(held);
    append(&changes, &[upsert("b", "+12565938310")]);
    let rotated = changes.with_extension("1");
    std::fs::hard_link(&changes, rotated).unwrap();
    std::fs::remove_file(&changes).unwrap();
    append(&changes, &[upsert("c", "+13343762205")]);

    let centre = start(folder, u64::MAX);
    until("c answers", || owner(&centre.index, 13343762205).is_some());
    assert_eq!(owner(&centre.index, 12565938310).as_deref(), Some("b"));
    assert_eq!(centre.counters.gaps.get(), 0);
    centre.running.stop();
}

/// A snapshot of one customer, `id`, as the folder's next generation, with `streams` behind the import's.
fn replacement(data: &Path, held: &Held, id: &str, number: u64, places: Places) -> Arc<MappedSnapshot> {
    let generation = held.reserve().unwrap();
    let document = serde_json::json!({"id": id, "name": id});
    let schema = Schema::default();
    let read = document::read(&document, &schema, Strictness::Import, Limits::default()).unwrap();
    let claim = Claim {
        key: number,
        since: 1,
        shared: false,
    };
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    let record = encode(&read.customer, &schema, &[claim], origin).unwrap();
    let mut staged = held.stage(generation).unwrap();
    let mut writer = SnapshotWriter::new(ReadBack(staged.writer().unwrap()), 1).unwrap();
    writer.add(&Record::open(&record).unwrap()).unwrap();
    let mut streams = vec![Stream {
        stream: "import".into(),
        incarnation: "1".into(),
        token: String::new(),
    }];
    streams.extend(places.streams);
    let facts = Facts {
        generation,
        seq: places.seq + 1,
        created_at_ms: 0,
        schema: &schema,
        streams: &streams,
        log: crate::snapshot::layout::LogPlace::default(),
    };
    writer.finish(&facts).unwrap();
    held.publish(staged, generation, held.present()).unwrap();
    Arc::new(Snapshot::map(&Folder::open(data).snapshot(generation)).unwrap())
}

#[test]
fn a_replacement_takes_the_place_of_what_came_before_its_build_began() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("a answers", || owner(&centre.index, 14806754110).is_some());
    let places = centre.installer.places().unwrap();
    assert_eq!(places.streams.len(), 1);
    append(&centre.changes, &[upsert("b", "+12565938310")]);
    until("b answers", || owner(&centre.index, 12565938310).is_some());

    let data = centre.folder.path().join("main");
    let snapshot = replacement(&data, &centre.held, "i", 13343762205, places);
    assert!(centre.installer.replace(snapshot, true));
    assert_eq!(owner(&centre.index, 13343762205).as_deref(), Some("i"));
    assert_eq!(
        owner(&centre.index, 14806754110),
        None,
        "it came before the build began"
    );
    until("b answers again", || owner(&centre.index, 12565938310).is_some());
    append(&centre.changes, &[upsert("c", "+14155552671")]);
    until("c answers", || owner(&centre.index, 14155552671).is_some());
    assert_eq!(centre.counters.gaps.get(), 0);
    centre.running.stop();
}

#[test]
fn a_merge_that_is_overtaken_by_a_replacement_changes_nothing() {
    let centre = start(tempfile::tempdir().unwrap(), u64::MAX);
    append(&centre.changes, &[upsert("a", "+14806754110")]);
    until("a answers", || owner(&centre.index, 14806754110).is_some());
    let places = centre.installer.places().unwrap();
    let data = centre.folder.path().join("main");
    // The merge's compare-and-swap: what it merged with is no longer the present generation.
    let snapshot = replacement(&data, &centre.held, "i", 13343762205, places);
    let error = centre.held.point_to(snapshot.header().generation, 0).unwrap_err();
    assert!(
        matches!(error, FolderError::Conflict { base: 0, present: 1 }),
        "{error}"
    );
    // A replaced file has what came from the old one merged at once, over generation 0, which is not present any more.
    std::fs::remove_file(&centre.changes).unwrap();
    append(&centre.changes, &[upsert("b", "+12565938310")]);
    until("the merge has failed", || {
        centre.counters.merges_failed.get() == 1
    });
    assert_eq!(Folder::open(&data).present().unwrap(), 1);
    assert_eq!(
        Folder::open(&data).generations().unwrap(),
        [1],
        "nothing of it stays"
    );
    assert!(centre.installer.replace(snapshot, true));
    assert_eq!(owner(&centre.index, 13343762205).as_deref(), Some("i"));
    centre.running.stop();
}

#[test]
fn a_late_merge_that_is_the_present_generation_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("main");
    let ownership = Ownership::BUILTIN;
    let (index, writer) = Index::new(snapshot(&data), ownership);
    let numbering = Numbering::new(&number::Settings::builtin()).unwrap();
    let intake = Intake::new(numbering, Limits::default());
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let compaction = Compaction {
        folder: Arc::new(Folder::hold(&data).unwrap()),
        overlay_max_bytes: u64::MAX,
        memory_bytes: 64 << 20,
        log_max_bytes: 1 << 30,
        erase_within_s: 1_000_000,
        rejects_max_bytes: 1 << 20,
    };
    let mut replica = Replica::new(writer, intake, BOUNDS, counters)
        .recover(&data.join(LOG), 0)
        .unwrap();
    let stream = replica.stream("main", "one").unwrap();
    let line = br#"{"op":"upsert","customer":{"id":"a","name":"A"}}"#;
    replica.apply(stream, b"1", Change::decode(line).unwrap().change);
    let (merge, streams) = replica.seal().unwrap().unwrap();
    let merged = compact(&merge, &streams, &compaction.folder, 0, 64 << 20);
    // As by going back and forth again while the merge goes on.
    assert!(replica.replace(&index.snapshot(), false).unwrap() && !replica.is_merging());
    let mut merging = Merging::new(compaction, std::sync::mpsc::channel().0);
    merging.finish(&mut replica, merged);
    assert_eq!(index.snapshot().header().generation, 1);
    assert!(index.read(|view| Ok(view.customer("a")?.is_some())));
}
