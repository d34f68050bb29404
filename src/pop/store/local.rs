//! Entries in a log on this machine. A thread writes them, as many at once as have come, and waits for the disk, which
//! nobody else does.
//!
//! The log is `durable::journal`'s: each segment begins with the state as of its beginning, in JSON; every further frame is
//! entries, one a line. The state is made here once more of the entries that are written, so that no ring waits while it is
//! written out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::calls::{Bounds, Calls};
use super::super::entry::Entry;
use super::super::pops::now;
use super::{CallState, Done, StoreError, recover};
use crate::durable::{Journal, JournalError};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// The most entries that wait for the disk.
const WAITING: usize = 1 << 16;
/// The most entries in one frame.
const TOGETHER: usize = 1024;
/// Size from which on a segment is left, at the least.
const SEGMENT_BYTES: u64 = 16 << 20;
/// So many times the state's size is a segment worth.
const STATES: u64 = 4;
/// Time after which a segment is left, so that what is over leaves the disk.
const SEGMENT_AGE: Duration = Duration::from_secs(3600);

/// A log of entries on this machine.
#[derive(Debug)]
pub struct LocalLog {
    queue: Option<Sender<Waiting>>,
    is_well: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Waiting {
    entry: Arc<Entry>,
    done: Option<Done>,
}

/// What the thread works with.
struct Writer {
    journal: Journal,
    mirror: Calls,
    is_well: Arc<AtomicBool>,
    segment: u64,
    /// Bytes of the present segment, and how many it may have.
    bytes: u64,
    bytes_max: u64,
    began: Instant,
    /// Written out again, where the disk took nothing.
    unkept: Vec<u8>,
}

impl LocalLog {
    /// Opens the log in the folder `dir`, and gives the state that it makes under `bounds`.
    ///
    /// # Errors
    /// The log cannot be read, or not be written.
    pub fn open(dir: &Path, bounds: &Bounds) -> Result<(LocalLog, Calls), StoreError> {
        let (journal, recovered) = recover(dir, bounds)?;
        let (mut calls, segment) = (recovered.present, recovered.segment);
        if segment.is_none() {
            calls.begin_ids(now());
        }
        // What was told of entries that a crash kept out of the log must not be told of others.
        calls.skip_ids(WAITING as u64 * 4);
        let is_well = Arc::new(AtomicBool::new(true));
        let mut writer = Writer {
            journal,
            mirror: calls.clone(),
            is_well: Arc::clone(&is_well),
            segment: segment.unwrap_or(0),
            bytes: 0,
            bytes_max: SEGMENT_BYTES,
            began: Instant::now(),
            unkept: Vec::new(),
        };
        writer.roll()?;
        let (queue, waiting) = bounded(WAITING);
        let thread = std::thread::Builder::new()
            .name("calls".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(StoreError::Thread)?;
        let log = LocalLog {
            queue: Some(queue),
            is_well,
            thread: Some(thread),
        };
        Ok((log, calls))
    }
}

impl CallState for LocalLog {
    fn keep(&self, entry: Arc<Entry>, done: Option<Done>) -> bool {
        // Whoever waits for it learns that it is not kept as its end of the channel is dropped.
        let taken = self
            .queue
            .as_ref()
            .map(|queue| queue.try_send(Waiting { entry, done }));
        let is_taken = matches!(taken, Some(Ok(())));
        if !is_taken {
            self.is_well.store(false, Ordering::Relaxed);
        }
        is_taken
    }

    fn is_well(&self) -> bool {
        self.is_well.load(Ordering::Relaxed)
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the log of calls ended in a panic; what it said stands above");
        }
    }
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Waiting>) {
        let mut together = Vec::new();
        loop {
            let first = match waiting.recv_timeout(SEGMENT_AGE) {
                Ok(first) => first,
                Err(RecvTimeoutError::Disconnected) => return,
                // On a quiet system what is over leaves the disk too.
                Err(RecvTimeoutError::Timeout) => {
                    if self.bytes > 0 {
                        self.leave_segment();
                    }
                    continue;
                }
            };
            together.push(first);
            together.extend(waiting.try_iter().take(TOGETHER - 1));
            let is_kept = self.write(&together);
            self.is_well.store(is_kept, Ordering::Relaxed);
            for done in together.drain(..).filter_map(|waiting| waiting.done) {
                if is_kept {
                    done.here();
                }
                done.end(false);
            }
        }
    }

    fn write(&mut self, together: &[Waiting]) -> bool {
        // What an earlier attempt left goes first; it is bounded, for a state that lacks entries is better than none.
        if self.unkept.len() as u64 > SEGMENT_BYTES {
            self.unkept.clear();
        }
        for waiting in together {
            self.mirror.apply(&waiting.entry);
            // Texts and numbers can be written to memory.
            let _infallible = serde_json::to_writer(&mut self.unkept, &*waiting.entry);
            self.unkept.push(b'\n');
        }
        if let Err(error) = self.journal.append(&self.unkept) {
            if self.is_well.load(Ordering::Relaxed) {
                tracing::error!(%error, "calls are not kept: a restart would forget them");
            }
            return false;
        }
        self.bytes += self.unkept.len() as u64;
        self.unkept.clear();
        if self.bytes > self.bytes_max || self.began.elapsed() > SEGMENT_AGE {
            self.leave_segment();
        }
        true
    }

    fn leave_segment(&mut self) {
        if let Err(error) = self.roll() {
            tracing::warn!(%error, "the log of calls goes on in the same segment");
            self.began = Instant::now();
        }
    }

    /// Begins a segment with the present state, and leaves those before it.
    fn roll(&mut self) -> Result<(), StoreError> {
        let state = serde_json::to_vec(&self.mirror).map_err(StoreError::State)?;
        self.segment += 1;
        self.journal.roll(self.segment, &state)?;
        self.bytes = 0;
        self.bytes_max = SEGMENT_BYTES.max(STATES * state.len() as u64);
        self.began = Instant::now();
        match self.journal.trim(self.segment) {
            Ok(_) | Err(JournalError::Undone(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
