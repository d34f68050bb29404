//! The change log: every change that was applied, durable before anybody sees it.
//!
//! One batch is one frame of a [`Journal`], so that a crash leaves it whole or not at all. Each segment begins with
//! everything that is known beside customers, so that segments can go once no generation that is kept needs them.

mod entry;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::durable::{Damaged, Journal, JournalError, fault};

pub(super) use entry::{Batch, Entry, Kept};

/// The log's folder within the tenant's.
pub const LOG: &str = "log";

/// Why the change log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The files of the log.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A batch that its checksum calls whole, and that does not read.
    #[error(
        "change log: expected {0} as this version writes it, found other bytes; use the Ringside that wrote it"
    )]
    Batch(&'static str),
    /// A batch of another version.
    #[error(
        "change log: expected batches of version {newest} or older, found {found}, which a newer Ringside wrote; use that one, \
         or move the folder log away: feeds then go on from where the snapshot is"
    )]
    Version {
        /// The newest version that this program reads; it reads all before it.
        newest: u8,
        /// What the batch says.
        found: u8,
    },
    /// What was begun is settled first: else what is appended now would be lost without a word.
    #[error("the change log is asked to write while a batch is on its way; settle that first")]
    UnderWay,
    /// The log is closed to changes for good.
    #[error("the change log takes no more changes since {0}; look at the disk, and start again")]
    Failed(String),
}

/// The journal, a batch that was written, how long that took, and what became of it.
type Written = (Journal, Batch, Duration, Result<(), JournalError>);

/// A batch on its way to the disk.
#[derive(Debug)]
enum Writing {
    Beside(JoinHandle<Option<Written>>),
    Done(Option<Box<Written>>),
}

impl Writing {
    /// Begins to append `batch` to `journal` on a thread of its own; where there is none to be had, here.
    fn begin(journal: Journal, mut batch: Batch, now_ms: i64) -> Writing {
        // The steps of a disk that a test watches are this thread's.
        if fault::is_watching() {
            let mut journal = journal;
            let (took, written) = timed(|| journal.append(batch.bytes(now_ms)));
            return Writing::Done(Some(Box::new((journal, batch, took, written))));
        }
        let shared = Arc::new(Mutex::new(Some((journal, batch))));
        let taken = Arc::clone(&shared);
        let write = move || {
            let (mut journal, mut batch) = take(&taken)?;
            let (took, written) = timed(|| journal.append(batch.bytes(now_ms)));
            Some((journal, batch, took, written))
        };
        // A closure that no thread takes is gone with all that is in it: hence what is shared.
        match std::thread::Builder::new()
            .name("log".into())
            .spawn(write.clone())
        {
            Ok(thread) => Writing::Beside(thread),
            Err(_) => Writing::Done(write().map(Box::new)),
        }
    }

    /// `None` where writing ended in a panic.
    fn wait(self) -> Option<Written> {
        match self {
            Writing::Beside(thread) => thread.join().ok().flatten(),
            Writing::Done(written) => written.map(|written| *written),
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

/// The log of one tenant's changes; or none, for an index that nobody has to find again.
#[derive(Debug, Default)]
pub(super) struct Log {
    journal: Option<Journal>,
    /// The thread that has the journal while it writes a batch, and the segments as they were.
    writing: Option<(Writing, Vec<(u64, u64)>)>,
    failed: Option<String>,
    /// Which segment goes on over changes that are not right ahead of it, and over which.
    begun: Option<(u64, u64)>,
}

impl Log {
    /// Opens the log in the folder `dir`, made where it is missing, and calls `visit` with each batch.
    pub(super) fn open(
        dir: &Path,
        visit: &mut dyn FnMut(Kept<'_>) -> Result<(), LogError>,
    ) -> Result<(Log, Option<Damaged>), LogError> {
        let (journal, recovered) = Journal::open(dir, |_, frame| visit(Kept::open(frame)?))?;
        if recovered.torn_bytes > 0 {
            tracing::info!(
                bytes = recovered.torn_bytes,
                "the end of the change log was cut off: a batch that was not durable, which nobody was told of"
            );
        }
        let log = Log {
            journal: Some(journal),
            writing: None,
            failed: None,
            begun: None,
        };
        Ok((log, recovered.damaged))
    }

    /// Calls `visit` with each batch from the segment on that holds the change behind `seq`.
    pub(super) fn read(
        &self,
        seq: u64,
        visit: &mut dyn FnMut(Kept<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        match &self.journal {
            Some(journal) => journal.read(seq.saturating_add(1), |frame| visit(Kept::open(frame)?)),
            None => Ok(()),
        }
    }

    /// Makes `batch` durable.
    pub(super) fn append(&mut self, batch: &[u8]) -> Result<(), LogError> {
        self.writing(|journal| journal.append(batch))
    }

    /// Begins to make `batch` durable, written at `now_ms`; [`Log::settle`] says what became of it, and has to be called ahead
    /// of everything else that is written or read. Gives the batch back where it cannot be begun with.
    pub(super) fn begin_append(&mut self, batch: Batch, now_ms: i64) -> Result<(), Batch> {
        if self.failed.is_some() {
            return Err(batch);
        }
        let Some(journal) = self.journal.take() else {
            return Err(batch);
        };
        let segments = journal.segments().collect();
        self.writing = Some((Writing::begin(journal, batch, now_ms), segments));
        Ok(())
    }

    /// Waits for the batch that was begun with, and says what became of it.
    pub(super) fn settle(&mut self) -> (Batch, Result<Duration, LogError>) {
        let written = self.writing.take().and_then(|(writing, _)| writing.wait());
        let Some((journal, batch, took, written)) = written else {
            // A thread that panicked has the journal no more: nobody knows what is in it.
            let why = "writing a batch ended in a panic".to_owned();
            self.failed = Some(why.clone());
            return (Batch::new(false), Err(LogError::Failed(why)));
        };
        let journal = self.journal.insert(journal);
        if let Err(error) = &written
            && journal.is_failed()
        {
            self.failed = Some(error.to_string());
        }
        (batch, written.map(|()| took).map_err(LogError::from))
    }

    /// Says that the oldest segment goes on right over the change `ahead`, whatever it is called.
    pub(super) fn goes_on_behind(&mut self, ahead: u64) {
        self.begun = self.first().map(|first| (first, ahead));
    }

    /// Begins a segment for the changes from `first` on with `state`, everything known beside customers.
    pub(super) fn roll(&mut self, first: u64, state: &[u8]) -> Result<(), LogError> {
        self.writing(|journal| {
            // Nothing has been applied since the last segment began: what is known beside customers is in its batches.
            if journal.segments().last().is_some_and(|(last, _)| last >= first) {
                return Ok(());
            }
            journal.roll(first, state)
        })
    }

    /// Removes the segments that hold no change from `first` on.
    pub(super) fn trim(&mut self, first: u64) -> Result<u64, LogError> {
        match &mut self.journal {
            Some(journal) => Ok(journal.trim(first)?),
            None => Ok(0),
        }
    }

    /// Whether there is nothing in it, and no segment to append to.
    pub(super) fn is_new(&self) -> bool {
        (self.journal.is_some() || self.writing.is_some()) && self.segments().next().is_none()
    }

    /// The newest change ahead of those that it holds; `None` where it holds none.
    pub(super) fn ahead(&self) -> Option<u64> {
        let first = self.first()?;
        Some(match self.begun {
            Some((begun, ahead)) if begun == first => ahead,
            _ => first.saturating_sub(1),
        })
    }

    /// What the newest segment is called by.
    pub(super) fn last(&self) -> Option<u64> {
        self.segments().last().map(|(last, _)| last)
    }

    /// What the oldest segment is called by.
    fn first(&self) -> Option<u64> {
        self.segments().next().map(|(first, _)| first)
    }

    /// Bytes on disk, without what is being written.
    pub(super) fn bytes(&self) -> u64 {
        self.segments().map(|(_, bytes)| bytes).sum()
    }

    /// What each segment is called by, and its bytes.
    fn segments(&self) -> impl Iterator<Item = (u64, u64)> {
        let writing = self.writing.as_ref();
        let present = self.journal.iter().flat_map(Journal::segments);
        present.chain(
            writing
                .into_iter()
                .flat_map(|(_, segments)| segments.iter().copied()),
        )
    }

    /// Why it takes no more changes; `None` where it does.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    fn writing(
        &mut self,
        write: impl FnOnce(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<(), LogError> {
        if let Some(failed) = &self.failed {
            return Err(LogError::Failed(failed.clone()));
        }
        if self.writing.is_some() {
            return Err(LogError::UnderWay);
        }
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let written = write(journal);
        if let Err(error) = &written
            && journal.is_failed()
        {
            // Never tried again: what the kernel could not write it may have dropped.
            self.failed = Some(error.to_string());
        }
        Ok(written?)
    }
}

/// What is in `shared`, for the first who takes it.
fn take<T>(shared: &Mutex<Option<T>>) -> Option<T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Log {
    /// Whoever opens the folder next must not find it written to.
    fn drop(&mut self) {
        if let Some((writing, _)) = self.writing.take() {
            let _written = writing.wait();
        }
    }
}
