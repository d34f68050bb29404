//! The life of a serving thread: that it turns, and how it is ended at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Time between two beats of a thread's heart.
pub(super) const BEAT: Duration = Duration::from_millis(250);

/// The hearts of all serving threads. Each thread notes now and then that it still turns; a thread that is stuck, in a
/// lock or a loop, notes nothing.
#[derive(Debug)]
pub struct Hearts {
    begun: Instant,
    /// Milliseconds after `begun` of each thread's last beat.
    beats: Vec<AtomicU64>,
}

/// What one serving thread has of it.
#[derive(Debug, Clone)]
pub(super) struct Life {
    hearts: Arc<Hearts>,
    nth: usize,
    cut: watch::Receiver<bool>,
}

impl Hearts {
    /// Hearts of `threads` threads that begin to beat now.
    pub(super) fn new(threads: usize) -> Hearts {
        Hearts {
            begun: Instant::now(),
            beats: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether every serving thread has turned within the last `within`.
    pub fn beat_within(&self, within: Duration) -> bool {
        let beats = self.beats.iter().map(|beat| beat.load(Ordering::Relaxed));
        all_turn(beats, self.now_ms(), millis(within))
    }

    fn now_ms(&self) -> u64 {
        millis(self.begun.elapsed())
    }
}

/// Whether none of `beats` is more than `within_ms` before `now_ms`.
fn all_turn(beats: impl IntoIterator<Item = u64>, now_ms: u64, within_ms: u64) -> bool {
    beats
        .into_iter()
        .all(|beat| now_ms.saturating_sub(beat) <= within_ms)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Life {
    /// The life of the `nth` thread of `hearts`, which ends at once when `cut` says so.
    pub(super) fn new(hearts: &Arc<Hearts>, nth: usize, cut: &watch::Sender<bool>) -> Life {
        Life {
            hearts: Arc::clone(hearts),
            nth,
            cut: cut.subscribe(),
        }
    }

    /// Runs `serving` to its end, or until the thread's connections are to be cut.
    pub(super) async fn lead(mut self, serving: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(BEAT);
        let beating = async {
            loop {
                ticks.tick().await;
                if let Some(beat) = self.hearts.beats.get(self.nth) {
                    beat.store(self.hearts.now_ms(), Ordering::Relaxed);
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = beating => {}
            _either = self.cut.wait_for(|cut| *cut) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_is_stuck_is_enough() {
        assert!(all_turn([], 9000, 100));
        assert!(all_turn([8950, 9000, 8900], 9000, 100));
        assert!(!all_turn([8950, 9000, 8899], 9000, 100));
        // A beat may be noted between the clock's reading and the look.
        assert!(all_turn([9001], 9000, 0));
    }

    #[test]
    fn a_thread_beats_while_it_serves_and_not_while_it_is_stuck() {
        let hearts = Arc::new(Hearts::new(1));
        let (cut, _) = watch::channel(false);
        let life = Life::new(&hearts, 0, &cut);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let Ok(runtime) = runtime else {
            unreachable!("a runtime of one thread");
        };
        hearts.beats[0].store(u64::MAX, Ordering::Relaxed);
        let watching = Arc::clone(&hearts);
        runtime.block_on(life.lead(async move {
            while watching.beats[0].load(Ordering::Relaxed) == u64::MAX {
                tokio::task::yield_now().await;
            }
        }));
        assert!(hearts.beats[0].load(Ordering::Relaxed) < u64::MAX);
    }
}
