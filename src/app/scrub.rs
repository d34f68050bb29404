//! The thread that has the snapshot read ahead, and then reads all of it again and again, slowly, and says so where a
//! byte has changed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Readiness;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::snapshot::scrub::Scrub;

use super::AppError;

/// Bytes read between two pauses: short enough that the page cache and the core are free again at once.
const STEP: usize = 1 << 20;
/// Bytes read ahead between two pauses, when the service starts: a third of a millisecond where they are cached.
const READ_AHEAD: usize = 16 << 20;
const READ_AHEAD_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause, so that a new generation is taken up soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A running scrub. Stopping it waits for one step at the most.
#[derive(Debug)]
pub(super) struct Scrubbing {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Scrubbing {
    /// Scrubs `index`'s snapshot so that every byte is read once `within` that time.
    pub(super) fn spawn(
        index: Arc<Index>,
        within: Duration,
        metrics: &Metrics,
        readiness: Arc<Readiness>,
    ) -> Result<Scrubbing, AppError> {
        let passes = metrics.counter("ringside_snapshot_scrubs_total", "Whole passes over a snapshot.")?;
        let damaged = metrics.counter(
            "ringside_snapshot_scrub_damage_total",
            "Sections that a pass found changed since they were written.",
        )?;
        let (stop, stopped) = channel();
        let run = move || {
            if !read_ahead(&index, &stopped) {
                return;
            }
            let mut scrub = Scrub::new(index.snapshot());
            loop {
                match scrub.step(STEP) {
                    Ok(false) => {}
                    Ok(true) => {
                        passes.inc();
                        scrub = Scrub::new(index.snapshot());
                    }
                    Err(error) => {
                        damaged.inc();
                        readiness.set_damaged();
                        tracing::error!(
                            %error,
                            "the mapped snapshot has changed: numbers may be missed; build it again, or go back to \
                             the generation before: `ringside rollback`"
                        );
                    }
                }
                if !Arc::ptr_eq(scrub.snapshot(), &index.snapshot()) {
                    readiness.clear_damaged();
                    scrub = Scrub::new(index.snapshot());
                }
                let steps = scrub.snapshot().header().file_length.div_ceil(STEP as u64).max(1);
                let pause = within.div_f64(steps as f64).min(LONGEST_PAUSE);
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("scrub".into()).spawn(run)?;
        Ok(Scrubbing { stop, thread })
    }

    pub(super) fn stop(self) {
        drop(self.stop);
        let _panicked = self.thread.join();
    }
}

/// Has the whole snapshot read ahead, with a pause behind every piece, since callers are answered meanwhile on the same
/// cores. False where it was told to stop.
fn read_ahead(index: &Index, stopped: &Receiver<()>) -> bool {
    let snapshot = index.snapshot();
    for offset in (0..snapshot.header().file_length).step_by(READ_AHEAD) {
        if let Err(error) = snapshot.populate(offset, READ_AHEAD as u64) {
            tracing::debug!(%error, "the snapshot is read from disk as it is asked for");
            return true;
        }
        if stopped.recv_timeout(READ_AHEAD_PAUSE) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
    }
    true
}
