#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::io::Cursor;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::customer::Schema;
use crate::customer::document::Limits;
use crate::feed::rejects::Rejects;
use crate::index::{Index, Ownership};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::number::{self, Numbering};
use crate::replica::{Counters, Settings, Word as Said, guard};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::layout::LogPlace;
use crate::snapshot::writer::{Facts, SnapshotWriter};

const NOW_MS: i64 = 1_000_000_000;

struct Bench {
    replica: Replica,
    rejects: Rejects,
    freshness: Freshness,
    streamed: Streamed,
    words: UnboundedReceiver<Word>,
    start: Instant,
    _folder: tempfile::TempDir,
}

fn bench(max_percent: u64) -> Bench {
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: LogPlace::default(),
    };
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    let snapshot = Arc::new(MappedSnapshot::in_memory(bytes).unwrap());
    let (_, writer) = Index::new(snapshot, Ownership::BUILTIN);
    let numbering = Numbering::new(&number::Settings::builtin()).unwrap();
    let guard = guard::Settings {
        max_percent,
        window_s: 60,
        ignore_below: 0,
    };
    let bounds = Settings {
        guard,
        parked_max: 100,
    };
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let intake = Intake::new(numbering, Limits::default());
    let mut replica = Replica::new(writer, intake, bounds, counters);
    // Two hours ago, so that what happened an hour ago can be told.
    let now = Instant::now();
    let start = now.checked_sub(Duration::from_secs(7200)).unwrap_or(now);
    replica.at(now, NOW_MS);
    let folder = tempfile::tempdir().unwrap();
    let (told, words) = unbounded_channel();
    let mut streamed = Streamed::new("main", told);
    streamed.begin(&replica);
    Bench {
        replica,
        rejects: Rejects::new(folder.path(), 1 << 20, 1_000_000, NOW_MS),
        freshness: Freshness::new(["main"], 0, start),
        streamed,
        words,
        start,
        _folder: folder,
    }
}

fn upsert(position: u8, id: &str) -> Event {
    Event::Change {
        position: vec![position],
        at_ms: Some(NOW_MS - 5000),
        change: Change::Upsert {
            customer: json!({"id": id, "name": id}).into(),
        },
    }
}

fn delete(position: u8, id: &str) -> Event {
    Event::Change {
        position: vec![position],
        at_ms: None,
        change: Change::Delete { id: id.into() },
    }
}

fn place(token: &str) -> Event {
    Event::Place {
        token: token.into(),
        position: format!("at {token}"),
    }
}

const IDLE: Event = Event::Idle { lag_ms: Some(0) };

impl Bench {
    fn deliver(&mut self, session: u64, at: Instant, events: Vec<Event>) {
        self.streamed.take(Delivery {
            feed: "main".into(),
            session,
            incarnation: "one".into(),
            at,
            events,
        });
    }

    fn apply(&mut self) {
        let mut sink = Sink {
            replica: &mut self.replica,
            rejects: &mut self.rejects,
            now_ms: NOW_MS,
        };
        self.streamed.apply(&mut sink).unwrap();
        self.replica.commit().unwrap();
        self.streamed.committed(&self.freshness, NOW_MS);
    }

    fn has(&self, id: &str) -> bool {
        let index = self.replica.index();
        index.read(|view| Ok(view.customer(id)?.is_some()))
    }

    /// How many deliveries are said to be done with, and up to where.
    fn done(&mut self) -> Vec<(usize, Option<String>)> {
        let mut done = Vec::new();
        while let Ok(word) = self.words.try_recv() {
            if let Word::Done {
                deliveries, token, ..
            } = word
            {
                done.push((deliveries, token));
            }
        }
        done
    }
}

#[test]
fn what_is_of_an_ended_session_is_passed_over() {
    let mut bench = bench(100);
    let now = Instant::now();
    bench.deliver(1, now, vec![upsert(1, "a"), place("1")]);
    assert_eq!(bench.streamed.begin(&bench.replica).session, 2);
    assert!(!bench.streamed.has_work());
    bench.deliver(1, now, vec![upsert(2, "b"), place("2")]);
    bench.deliver(2, now, vec![upsert(3, "c"), place("3")]);
    bench.apply();
    assert!(!bench.has("a") && !bench.has("b") && bench.has("c"));
    assert_eq!(bench.done(), [(1, Some("3".into()))]);
    let lives = bench.streamed.begin(&bench.replica).lives;
    assert_eq!(
        lives.iter().map(|life| life.token.as_str()).collect::<Vec<_>>(),
        ["3"]
    );
    bench.streamed.renew();
    bench.deliver(3, now, vec![upsert(4, "d")]);
    assert!(!bench.streamed.has_work());
    assert!(matches!(bench.words.try_recv(), Ok(Word::Again)));
}

#[test]
fn a_feed_that_is_held_goes_on_where_it_was_and_tells_no_place_ahead_of_it() {
    let mut bench = bench(0);
    let now = Instant::now();
    bench.deliver(1, now, vec![upsert(1, "a"), place("1")]);
    bench.deliver(
        1,
        now,
        vec![upsert(2, "b"), delete(3, "a"), upsert(4, "c"), place("4")],
    );
    bench.deliver(1, now, vec![upsert(5, "d"), place("5"), IDLE]);
    bench.apply();
    assert!(bench.has("a") && bench.has("b") && !bench.has("c") && !bench.has("d"));
    assert_eq!(bench.done(), [(1, Some("1".into()))]);
    assert_eq!(bench.replica.lives("main").last().unwrap().token, "1");
    assert!(!bench.freshness.now(Instant::now()).caught_up);
    assert!(bench.replica.release("main", Said::Accept));
    bench.apply();
    assert!(!bench.has("a") && bench.has("c") && bench.has("d"));
    assert_eq!(bench.done(), [(2, Some("5".into()))]);
    assert!(bench.freshness.now(Instant::now()).caught_up);
}

#[test]
fn what_waited_for_an_hour_says_how_things_were_an_hour_ago() {
    let mut bench = bench(100);
    let now = Instant::now();
    let Some(before) = now
        .checked_sub(Duration::from_secs(3600))
        .filter(|at| *at > bench.start)
    else {
        return;
    };
    bench.deliver(1, before, vec![upsert(1, "a"), place("1"), IDLE]);
    bench.apply();
    let reading = bench.freshness.now(now);
    assert!(reading.caught_up);
    assert!(reading.age_ms.unwrap() >= 3_599_000, "{reading:?}");
    bench.deliver(1, now, vec![Event::Idle { lag_ms: Some(9000) }]);
    bench.apply();
    let age_ms = bench.freshness.now(now).age_ms.unwrap();
    assert!((9000..20_000).contains(&age_ms), "{age_ms}");
}

#[test]
fn changes_make_nothing_fresh_ahead_of_the_first_end() {
    let mut bench = bench(100);
    let now = Instant::now();
    bench.deliver(1, now, vec![upsert(1, "a"), place("1")]);
    bench.apply();
    assert!(!bench.freshness.now(now).caught_up, "there may be more behind it");
    // More has come since it was said that there is nothing.
    bench.deliver(1, now, vec![IDLE, upsert(2, "b"), place("2")]);
    bench.apply();
    assert!(!bench.freshness.now(now).caught_up);
    bench.deliver(1, now, vec![IDLE]);
    bench.apply();
    assert!(bench.freshness.now(now).caught_up);
    let reading = bench.freshness.now(now);
    assert_eq!(reading.position.as_deref(), Some("at 2"));
    assert_eq!(reading.lag_ms, Some(5000));
}

#[test]
fn what_is_left_of_a_copy_waits_durably_for_its_customers() {
    let mut bench = bench(100);
    let late = |customer: &str| {
        let line = json!({"op": "case", "customer_id": customer, "case": {"id": "k", "title": "late"}});
        Change::decode_value(line).unwrap().change
    };
    bench.deliver(1, Instant::now(), vec![upsert(1, "here"), place("1")]);
    bench.apply();
    bench.replica.copies("main", "two").unwrap();
    let left = Left {
        incarnation: "two".into(),
        late: vec![late("there"), late("here")],
        refused: vec![Unreadable {
            reason: "expected a customer".into(),
            found: b"none".to_vec(),
        }],
    };
    let mut sink = Sink {
        replica: &mut bench.replica,
        rejects: &mut bench.rejects,
        now_ms: NOW_MS,
    };
    bench.streamed.keep(&mut sink, &left);
    bench.replica.commit().unwrap();
    let cases = |bench: &Bench, id: &str| {
        bench.replica.index().read(|view| {
            let record = view.customer(id)?;
            let json =
                record.map(|record| serde_json::from_slice::<serde_json::Value>(record.json()).unwrap());
            Ok(json.and_then(|json| json["cases"][0]["title"].as_str().map(str::to_owned)))
        })
    };
    assert_eq!(
        cases(&bench, "here"),
        None,
        "who is served now is of another life"
    );
    bench.deliver(1, Instant::now(), vec![]);
    bench.streamed.take(Delivery {
        feed: "main".into(),
        session: 1,
        incarnation: "two".into(),
        at: Instant::now(),
        events: vec![upsert(1, "there")],
    });
    bench.apply();
    assert_eq!(cases(&bench, "there").as_deref(), Some("late"));
}

#[test]
fn a_source_that_is_never_silent_is_fresh_once_its_changes_come_at_once() {
    let mut bench = bench(100);
    let now = Instant::now();
    let at = |position: u8, ms_ago: i64| {
        let Event::Change { position, change, .. } = upsert(position, "a") else {
            panic!("no change")
        };
        Event::Change {
            position,
            at_ms: Some(NOW_MS - ms_ago),
            change,
        }
    };
    // Behind, or a clock that is ahead.
    for (nth, ms_ago) in [(1, 3_600_000), (2, 30_000), (3, -60_000)] {
        bench.deliver(1, now, vec![at(nth, ms_ago), place("1")]);
        bench.apply();
        assert!(!bench.freshness.now(now).caught_up, "{ms_ago}");
    }
    bench.deliver(1, now, vec![at(4, 50), place("2")]);
    bench.apply();
    assert!(bench.freshness.now(now).caught_up);
}
