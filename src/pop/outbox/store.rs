//! The queue's files.

use std::path::Path;

use super::entry::{Entry, Frame, State};
use super::error::OutboxError;
use super::queue::{Limits, Queue};
use crate::durable::{Journal, JournalError};

/// Bytes of files, beside what waits, at which they are written anew.
const SLACK: u64 = 4 << 20;

/// The queue's files, and what is in them that is no longer needed.
#[derive(Debug)]
pub(super) struct Store {
    journal: Journal,
    /// Since when there is something of an item that is no more.
    stale_since: Option<u64>,
    /// Whether something happened that could not be written.
    is_behind: bool,
}

impl Store {
    /// Opens the files in `dir`, gives the queue that they hold, and writes them anew: without what is no longer needed.
    ///
    /// # Errors
    /// They cannot be read, or not be written where there are none.
    pub(super) fn open(dir: &Path, limits: Limits) -> Result<(Store, Queue), OutboxError> {
        let mut queue = Queue::new(limits, State::default());
        let unreadable = |why: String| OutboxError::Unreadable {
            dir: dir.to_owned(),
            why,
        };
        let visit = |_: u64, frame: &[u8]| -> Result<(), OutboxError> {
            // What the error says may repeat a customer's data.
            let frame = serde_json::from_slice(frame)
                .map_err(|error| unreadable(format!("{:?} at byte {}", error.classify(), error.column())))?;
            match frame {
                Frame::State(state) if state.version == 1 => queue = Queue::new(limits, state),
                Frame::State(state) => return Err(unreadable(format!("version {}", state.version))),
                Frame::Entries(entries) => entries.into_iter().for_each(|entry| queue.apply(0, entry)),
            }
            Ok(())
        };
        let (journal, recovered) = Journal::open(dir, visit)?;
        if recovered.damaged.is_some() || recovered.set_aside > 0 {
            tracing::error!(
                dir = %dir.display(),
                files = recovered.set_aside,
                "files of the outbox are damaged and were set aside as *.damaged: what was to be told to the system of \
                 record may be missing; look at the disk, then remove them"
            );
        }
        let mut store = Store {
            journal,
            stale_since: None,
            is_behind: false,
        };
        match store.rewrite(&queue) {
            Ok(()) => {}
            Err(error) if store.journal.segments().len() > 0 => {
                tracing::warn!(%error, "the outbox's files cannot be written anew; trying again");
                store.is_behind = true;
            }
            Err(error) => return Err(error.into()),
        }
        Ok((store, queue))
    }

    /// Makes `entries` durable.
    ///
    /// # Errors
    /// They are not; with [`JournalError::Undone`], the same may be tried again.
    pub(super) fn write(&mut self, now: u64, entries: &[Entry]) -> Result<(), JournalError> {
        self.journal.append(&frame(&Frame::Entries(entries.to_vec())))?;
        let ends = |entry: &Entry| matches!(entry, Entry::Delivered { .. } | Entry::Dropped { .. });
        if entries.iter().any(ends) {
            self.stale_since.get_or_insert(now);
        }
        Ok(())
    }

    /// Remembers that something happened that could not be written: it is, with the next [`rewrite`](Store::rewrite).
    pub(super) fn falls_behind(&mut self, now: u64) {
        self.is_behind = true;
        self.stale_since.get_or_insert(now);
    }

    /// When the files are to be written anew, where what is no longer needed may stay for `erase_within_ms`.
    pub(super) fn rewrite_at(&self, queue: &Queue, now: u64, erase_within_ms: u64) -> Option<u64> {
        if self.journal.is_failed() {
            return None;
        }
        let is_fat = self.journal.bytes() > 3 * queue.bytes() + SLACK + queue.remembered_bytes();
        if self.is_behind || (is_fat && self.stale_since.is_some()) {
            return Some(now);
        }
        // Half of the time is for a disk that is full for a while.
        Some(self.stale_since? + erase_within_ms / 2)
    }

    /// Writes all that there is into a file of its own, and removes those before it.
    ///
    /// # Errors
    /// The files are as before.
    pub(super) fn rewrite(&mut self, queue: &Queue) -> Result<(), JournalError> {
        let last = self.journal.segments().last().map_or(0, |(first, _)| first);
        let next = last + 1;
        self.journal.roll(next, &frame(&Frame::State(queue.state())))?;
        self.is_behind = false;
        self.journal.trim(next)?;
        self.stale_since = None;
        Ok(())
    }

    /// Whether nothing more is taken before a restart.
    pub(super) fn is_failed(&self) -> bool {
        self.journal.is_failed()
    }
}

fn frame(frame: &Frame) -> Vec<u8> {
    // Texts, numbers and lists of them: nothing that has no JSON.
    serde_json::to_vec(frame).unwrap_or_default()
}
