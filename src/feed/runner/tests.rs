#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Cursor;

use bytes::Bytes;
use futures_util::FutureExt;

use super::*;
use crate::customer::Schema;
use crate::customer::document::Limits;
use crate::feed::Kind;
use crate::feed::link::Delivery;
use crate::index::{Index, Ownership};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::number::{self, Numbering};
use crate::replica::{Counters, Settings as Bounds, guard};
use crate::snapshot::folder::Folder;
use crate::snapshot::layout::LogPlace;
use crate::snapshot::writer::{Facts, SnapshotWriter};

fn snapshot(generation: u64, log: LogPlace) -> Arc<MappedSnapshot> {
    let facts = Facts {
        generation,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log,
    };
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    Arc::new(MappedSnapshot::in_memory(bytes).unwrap())
}

fn feeds(folder: &std::path::Path) -> Feeds {
    let snapshot = snapshot(0, LogPlace::default());
    let (_, writer) = Index::new(snapshot, Ownership::BUILTIN);
    let intake = Intake::new(
        Numbering::new(&number::Settings::builtin()).unwrap(),
        Limits::default(),
    );
    let guard = guard::Settings {
        max_percent: 100,
        window_s: 60,
        ignore_below: 0,
    };
    let bounds = Bounds {
        guard,
        parked_max: 100,
    };
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let replica = Replica::new(writer, intake, bounds, counters)
        .recover(&folder.join("log"), 0)
        .unwrap();
    let of = |kind| Settings {
        kind,
        ..Settings::default()
    };
    let settings = BTreeMap::from([
        ("main".to_owned(), of(Kind::MadeUp)),
        ("web".to_owned(), of(Kind::Http)),
    ]);
    let compaction = Compaction {
        folder: Arc::new(Folder::hold(folder.join("main")).unwrap()),
        overlay_max_bytes: 1 << 30,
        memory_bytes: 64 << 20,
        log_max_bytes: 1 << 30,
        erase_within_s: 1_000_000,
        rejects_max_bytes: 1 << 20,
    };
    let freshness = Arc::new(Freshness::new(["main", "web"], 0, Instant::now()));
    Feeds::new(&settings, replica, freshness, compaction)
}

#[test]
fn posts_and_deliveries_that_take_turns_for_long_are_taken_one_behind_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = feeds(folder.path());
    let (signals, installer) = (feeds.signals.clone(), feeds.installer());
    for _ in 0..20_000 {
        let pushes = Pushes {
            waiting: Arc::default(),
            ..feeds.pushes()
        };
        let post = pushes.push(None, None, Bytes::from_static(b"{\"op\":\"heartbeat\"}"));
        assert_eq!(post.now_or_never(), None);
        let delivery = Delivery {
            feed: "main".into(),
            session: 0,
            incarnation: "one".into(),
            at: Instant::now(),
            events: Vec::new(),
        };
        signals.send(Signal::Delivered(delivery)).unwrap();
    }
    let running = feeds.spawn_reading(|_, _| Ok(None)).unwrap();
    assert!(installer.places().is_some(), "the thread is still there");
    running.stop();
}

#[test]
fn a_stop_behind_deliveries_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = feeds(folder.path());
    let signals = feeds.signals.clone();
    for session in [0, 1] {
        let delivery = Delivery {
            feed: "main".into(),
            session,
            incarnation: "one".into(),
            at: Instant::now(),
            events: Vec::new(),
        };
        signals.send(Signal::Delivered(delivery)).unwrap();
    }
    signals.send(Signal::Stop).unwrap();
    let running = feeds.spawn_reading(|_, _| Ok(None)).unwrap();
    running.thread.join().unwrap();
}

#[test]
fn what_is_posted_while_the_feeds_stand_still_comes_behind_what_is_replaced_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = feeds(folder.path());
    let (installer, pushes) = (feeds.installer(), feeds.pushes());
    let (signals, index) = (feeds.signals.clone(), Arc::clone(feeds.replica.index()));
    let running = feeds.spawn_reading(|_, _| Ok(None)).unwrap();
    let halt = installer.halt().unwrap();
    assert!(halt.is_empty);
    // They go on where nothing comes of it.
    drop(halt);
    let halt = installer.halt().unwrap();
    let line = Bytes::from_static(b"{\"op\":\"upsert\",\"customer\":{\"id\":\"a\",\"name\":\"A\"}}");
    let mut posted = Box::pin(pushes.push(None, None, line));
    assert_eq!(posted.as_mut().now_or_never(), None);
    let (told, places) = channel();
    signals.send(Signal::Places(told)).unwrap();
    let answer = places.recv_timeout(Duration::from_millis(20));
    assert!(matches!(answer, Err(RecvTimeoutError::Timeout)), "{answer:?}");
    assert_eq!(halt.places.seq, 0);
    let other = LogPlace { line: 7, follows: 0 };
    assert!(halt.replace(snapshot(1, other), false));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(posted).unwrap().accepted, 1);
    assert!(index.read(|view| Ok(view.customer("a")?.is_some())));
    assert!(!installer.halt().unwrap().is_empty);
    running.stop();
}

#[test]
fn behind_a_generation_of_another_log_nothing_is_as_fresh_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = feeds(folder.path());
    let (freshness, installer) = (Arc::clone(&feeds.freshness), feeds.installer());
    freshness.caught_up("main", None::<u64>, Instant::now());
    let running = feeds.spawn_reading(|_, _| Ok(None)).unwrap();
    let line = installer.places().unwrap().log;
    assert!(installer.replace(snapshot(1, line), false));
    assert!(
        freshness.now(Instant::now()).caught_up,
        "the log has what came since"
    );
    let other = LogPlace {
        line: line.line.wrapping_add(1),
        ..line
    };
    assert!(installer.replace(snapshot(2, other), false));
    let reading = freshness.now(Instant::now());
    assert!(!reading.caught_up && reading.stale, "{reading:?}");
    running.stop();
}
