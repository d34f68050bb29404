//! Why the outbox does not do what it was asked for.

use std::io;
use std::path::PathBuf;

use super::item::Kind;
use crate::durable::JournalError;
use crate::metrics::MetricsError;

/// Why the outbox does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// As much waits as may: the caller is to come again.
    #[error(
        "the outbox is full: {waiting} items wait for the system of record; try again later, and look at `ringside outbox`"
    )]
    Full {
        /// Items that wait.
        waiting: usize,
    },
    /// Nothing of that kind is told to the system of record.
    #[error("the system of record is not told of any {}: [system_of_record] has no place for it", .0.name())]
    NotTaken(Kind),
    /// A key that cannot stand in a header.
    #[error("expected an idempotency key of 1 to 200 visible ASCII characters, found one of {0} bytes")]
    Key(usize),
    /// A lane that is none.
    #[error("expected a lane of 1 to 400 bytes, found {0}")]
    Lane(usize),
    /// An item that is longer than any may be.
    #[error("expected an item of at most {most} bytes, found {found}")]
    TooLarge {
        /// The most bytes.
        most: u64,
        /// Its bytes.
        found: u64,
    },
    /// The queue's files.
    #[error("the outbox: {0}")]
    Journal(#[from] JournalError),
    /// What is in the queue's files is none of this version's.
    #[error(
        "{}: expected the outbox of this version, found something else ({why}); use the version of ringside that wrote \
         it, or move the folder away, with what waits in it", dir.display()
    )]
    Unreadable {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file that the configuration names.
    #[error("system_of_record.{key}: {why}")]
    Settings {
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The thread that sends.
    #[error(
        "the outbox's thread cannot be started: {0}; raise the limit of processes of the user who runs this"
    )]
    Thread(#[from] io::Error),
    /// Metrics of these names are there.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl OutboxError {
    /// Whether the same may succeed later: 503 with Retry-After.
    pub fn is_temporary(&self) -> bool {
        matches!(self, OutboxError::Full { .. } | OutboxError::Journal(_))
    }
}
