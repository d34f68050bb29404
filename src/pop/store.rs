//! Where entries are kept, so that what is known of calls outlives the process.

mod local;

use std::fmt::Debug;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::entry::Entry;
use crate::durable::JournalError;
use crate::metrics::MetricsError;

pub use local::LocalLog;

/// Where entries are kept.
pub trait CallState: Debug + Send + Sync {
    /// Hands `entry` on, to be kept behind all that were handed on before; `done` is told what has become of it. Never
    /// waits. Whether it was taken.
    fn keep(&self, entry: Arc<Entry>, done: Option<oneshot::Sender<Kept>>) -> bool;

    /// Whether entries are being kept at present.
    fn is_well(&self) -> bool;
}

/// What has become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept on this machine.
    Here,
    /// It is kept on others too.
    Replicated,
    /// It is not kept, or nobody knows.
    Not,
}

/// Why no state is to be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The log of calls cannot be read or written.
    #[error("the log of calls: {0}")]
    Journal(#[from] JournalError),
    /// What the log holds is no state of calls.
    #[error(
        "expected the state of calls in the log of calls, found something else ({0}); move the folder `calls` in the data folder away and start again: calls that last are forgotten"
    )]
    State(serde_json::Error),
    /// The thread that keeps entries cannot be had.
    #[error("no thread for the log of calls is to be had: {0}")]
    Thread(std::io::Error),
    /// Metrics registered twice: a fault of this program.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
