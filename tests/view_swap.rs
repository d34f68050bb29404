//! The protocol by which readers take a view while the writer publishes, seals, installs and replaces, explored under many
//! schedules.
//!
//! This is a model of `ringside::index`, step for step, in atomics that an explorer can interleave: those of `arc-swap` and
//! of the overlay's map it cannot. What it holds is the order of steps; that the index takes them in this order is what its
//! unit tests and the checked reads of `loadtest reads` hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

const SCHEDULES: usize = 20_000;
const CHANGES: u64 = 6;

/// Two numbers that two customers swap with every batch of two changes: the first has `seq / 2 % 2`, the other the rest.
type Pair = [u64; 2];

/// What a batch that ends with `seq` makes of them.
fn at(seq: u64) -> Pair {
    let first = seq / 2 % 2;
    [first, 1 - first]
}

/// Versions by customer, each with its seq, the newest last.
struct Overlay {
    versions: [Mutex<Vec<(u64, u64)>>; 2],
    closed: AtomicU64,
}

impl Overlay {
    fn new() -> Arc<Overlay> {
        Arc::new(Overlay {
            versions: [Mutex::new(Vec::new()), Mutex::new(Vec::new())],
            closed: AtomicU64::new(u64::MAX),
        })
    }

    fn get(&self, customer: usize, seq: u64) -> Option<u64> {
        let versions = self.versions[customer].lock().unwrap();
        let version = versions.iter().rev().find(|(written, _)| *written <= seq);
        version.map(|(_, value)| *value)
    }
}

#[derive(Clone)]
struct State {
    active: Arc<Overlay>,
    sealed: Option<Arc<Overlay>>,
    snapshot: (u64, Pair),
}

/// Which step of a reader or the writer is done the wrong way, to see that it would be noticed.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    /// The reader takes the seq ahead of the state.
    SeqFirst,
    /// The reader does not mind where a state ends that was replaced.
    NoEnd,
    /// The writer publishes after each change of a batch.
    HalfBatches,
}

struct Index {
    /// One step to read and to replace, as an `ArcSwap`.
    state: Mutex<Arc<State>>,
    visible: AtomicU64,
    wrong: Wrong,
}

impl Index {
    fn load(&self) -> Arc<State> {
        Arc::clone(&self.state.lock().unwrap())
    }

    fn store(&self, state: State) {
        *self.state.lock().unwrap() = Arc::new(state);
    }

    /// One lookup: what it saw, and as of which seq.
    fn read(&self) -> (u64, Pair) {
        let early = self.visible.load(Ordering::Acquire);
        let state = self.load();
        let mut seq = match self.wrong {
            Wrong::SeqFirst => early,
            _ => self.visible.load(Ordering::Acquire),
        };
        if self.wrong != Wrong::NoEnd {
            seq = seq.min(state.active.closed.load(Ordering::Acquire));
        }
        if self.wrong != Wrong::SeqFirst {
            seq = seq.max(state.snapshot.0);
        }
        let value = |customer: usize| {
            let changed = state.active.get(customer, seq);
            let sealed = || state.sealed.as_ref().and_then(|sealed| sealed.get(customer, seq));
            changed.or_else(sealed).unwrap_or(state.snapshot.1[customer])
        };
        (seq, [value(0), value(1)])
    }
}

fn write(index: &Index) {
    let mut seq = 0;
    for _ in 0..CHANGES {
        let state = index.load();
        for (customer, value) in at(seq + 2).into_iter().enumerate() {
            seq += 1;
            state.active.versions[customer].lock().unwrap().push((seq, value));
            if index.wrong == Wrong::HalfBatches {
                index.visible.store(seq, Ordering::Release);
            }
        }
        index.visible.store(seq, Ordering::Release);
        match thread_rng().gen_range(0..4) {
            // Seal, and at once or later take up what the merge made.
            0 if state.sealed.is_none() => {
                state.active.closed.store(seq, Ordering::Release);
                index.store(State {
                    active: Overlay::new(),
                    sealed: Some(Arc::clone(&state.active)),
                    snapshot: state.snapshot,
                });
            }
            1 => {
                if let Some(sealed) = &state.sealed {
                    let merged = sealed.closed.load(Ordering::Acquire);
                    index.store(State {
                        sealed: None,
                        snapshot: (merged, at(merged)),
                        ..State::clone(&state)
                    });
                }
            }
            // Another generation in place of everything, built from what is visible.
            2 => {
                state.active.closed.store(seq, Ordering::Release);
                index.store(State {
                    active: Overlay::new(),
                    sealed: None,
                    snapshot: (seq, at(seq)),
                });
            }
            _ => {}
        }
    }
}

fn explore(wrong: Wrong, schedules: usize) {
    shuttle::check_random(
        move || {
            let index = Arc::new(Index {
                state: Mutex::new(Arc::new(State {
                    active: Overlay::new(),
                    sealed: None,
                    snapshot: (0, at(0)),
                })),
                visible: AtomicU64::new(0),
                wrong,
            });
            let writer = {
                let index = Arc::clone(&index);
                thread::spawn(move || write(&index))
            };
            let reader = {
                let index = Arc::clone(&index);
                thread::spawn(move || {
                    let mut newest = 0;
                    for _ in 0..4 {
                        let least = index.visible.load(Ordering::Acquire);
                        let (seq, pair) = index.read();
                        assert_eq!(pair, at(seq), "as of {seq}");
                        assert!(seq >= newest && seq >= least, "{seq} after {newest} and {least}");
                        newest = seq;
                    }
                })
            };
            writer.join().unwrap();
            reader.join().unwrap();
            assert_eq!(index.read(), (CHANGES * 2, at(CHANGES * 2)));
        },
        schedules,
    );
}

#[test]
fn every_view_is_of_one_seq_and_none_goes_back() {
    explore(Wrong::Nothing, SCHEDULES);
}

#[test]
fn the_explorer_finds_what_would_be_wrong() {
    for wrong in [Wrong::SeqFirst, Wrong::NoEnd, Wrong::HalfBatches] {
        let found = std::panic::catch_unwind(|| explore(wrong, SCHEDULES));
        assert!(found.is_err(), "nothing was found wrong");
    }
}
