#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::feed::source::{Event, Rows};
use crate::replica::Change;

const WITHIN: Duration = Duration::from_secs(30);

/// Says what it was told to, once, and then nothing for ever.
struct Scripted(VecDeque<Result<Event, SourceError>>);

impl Source for Scripted {
    async fn connect(&mut self, _known: &[Life]) -> Result<Standing, SourceError> {
        Ok(Standing::GoesOn(Life {
            incarnation: "one".into(),
            token: "0".into(),
        }))
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        Err(SourceError::Stopped)
    }

    async fn copy(&mut self, _rows: &mut dyn Rows) -> Result<(), SourceError> {
        Err(SourceError::Stopped)
    }

    async fn follow(&mut self, _from: &Life) -> Result<(), SourceError> {
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        match self.0.pop_front() {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }

    fn confirm(&mut self, _token: &str) {}
}

struct Bench {
    received: Receiver<Signal>,
    words: UnboundedSender<Word>,
    thread: JoinHandle<()>,
    sessions: u64,
}

fn bench(script: impl IntoIterator<Item = Result<Event, SourceError>>) -> Bench {
    let (signals, received) = channel();
    let (told, words) = unbounded_channel();
    let reader = Reader {
        feed: "main".into(),
        source: Scripted(script.into_iter().collect()),
        signals,
        words,
        freshness: Arc::new(Freshness::new(["main"], 0, Instant::now())),
        copies: None,
        has_parts: false,
        memory: 0,
    };
    Bench {
        received,
        words: told,
        thread: reader.spawn().unwrap(),
        sessions: 0,
    }
}

impl Bench {
    /// What is delivered next; sessions begin as they are asked for.
    fn delivery(&mut self, within: Duration) -> Option<Delivery> {
        loop {
            match self.received.recv_timeout(within).ok()? {
                Signal::Delivered(delivery) => return Some(delivery),
                Signal::Ask(_, Question::Begin(told)) => {
                    self.sessions += 1;
                    let known = Known {
                        session: self.sessions,
                        lives: Vec::new(),
                        gap: false,
                    };
                    told.send(known).unwrap();
                }
                Signal::Ask(_, Question::Away(told)) => told.send(()).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn stop(self) {
        self.words.send(Word::Stop).unwrap();
        self.thread.join().unwrap();
    }
}

fn beat() -> Event {
    Event::Change {
        position: vec![1],
        at_ms: None,
        change: Change::Heartbeat,
    }
}

fn large() -> Event {
    Event::Change {
        position: vec![1],
        at_ms: None,
        change: Change::Upsert {
            customer: serde_json::Value::from("x".repeat(MOST_BYTES / 2)).into(),
        },
    }
}

#[test]
fn no_more_is_read_than_may_wait() {
    let events = MOST_DELIVERIES * 2 * MOST_EVENTS;
    let mut bench = bench(std::iter::repeat_with(|| Ok(beat())).take(events));
    for _ in 0..MOST_DELIVERIES {
        assert_eq!(bench.delivery(WITHIN).unwrap().events.len(), MOST_EVENTS);
    }
    let early = bench.delivery(Duration::from_millis(200));
    assert!(early.is_none(), "more than may wait");
    let done = |session| Word::Done {
        session,
        deliveries: 2,
        token: None,
    };
    bench.words.send(done(7)).unwrap();
    assert!(
        bench.delivery(Duration::from_millis(200)).is_none(),
        "of another session"
    );
    bench.words.send(done(1)).unwrap();
    assert!(bench.delivery(WITHIN).is_some() && bench.delivery(WITHIN).is_some());
    assert!(bench.delivery(Duration::from_millis(200)).is_none());
    bench.stop();
}

#[test]
fn large_changes_go_a_few_at_a_time() {
    let mut bench = bench(std::iter::repeat_with(|| Ok(large())).take(5));
    for expected in [2, 2, 1] {
        assert_eq!(bench.delivery(WITHIN).unwrap().events.len(), expected);
    }
    bench.stop();
}

#[test]
fn an_error_behind_events_is_not_forgotten() {
    let cut = Err(SourceError::Away("cut".into()));
    let mut bench = bench([Ok(beat()), Ok(beat()), cut, Ok(beat())]);
    let first = bench.delivery(WITHIN).unwrap();
    assert_eq!((first.session, first.events.len()), (1, 2));
    let second = bench.delivery(WITHIN).unwrap();
    assert_eq!((second.session, second.events.len()), (2, 1));
    bench.stop();
}
