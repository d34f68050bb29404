//! Where entries are kept, so that what is known of calls outlives the process.

mod local;
mod recovery;

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;

use super::calls::Calls;
use super::entry::Entry;
use crate::durable::JournalError;
use crate::metrics::MetricsError;

pub use local::LocalLog;
pub(super) use recovery::{State, recover};

/// Where entries are kept.
pub trait CallState: Debug + Send + std::marker::Sync {
    /// Hands `entry` on, to be kept behind all that were handed on before; `done` is told what has become of it. Never
    /// waits. Whether it was taken.
    fn keep(&self, entry: Arc<Entry>, done: Option<Done>) -> bool;

    /// Tells `done` what has become of everything that was handed on before. Never waits.
    fn tell(&self, done: Done) {
        done.here();
        done.end(false);
    }

    /// Whether entries are being kept on this machine at present.
    fn is_well(&self) -> bool;

    /// What an entry has to become for whoever was promised that it holds.
    fn promised(&self) -> Kept {
        Kept::Here
    }

    /// Tells `follower` from now on what others write.
    fn follow(&self, _follower: Weak<dyn Follower>) {}

    /// How far it is known elsewhere what is kept here.
    fn sync(&self) -> Sync {
        Sync::default()
    }
}

/// Who is told what others write, and where everything stands in the order that holds for all.
pub trait Follower: Debug + Send + std::marker::Sync {
    /// The order has gone on: `foreign` are entries of others, and own ones are in it up to the one handed on as number `own`,
    /// from 1. It makes the state `committed`.
    fn folded(&self, foreign: &[Arc<Entry>], own: u64, committed: &Calls);

    /// The order began anew. Where `is_bringing`, nobody but this node may know what it knows.
    fn rebased(&self, is_bringing: bool);
}

/// What has become of an entry: the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// It is not kept, or nobody knows.
    Not,
    /// It is kept on this machine.
    Here,
    /// It is kept on others too.
    Replicated,
}

/// Who waits for what becomes of an entry.
#[derive(Debug)]
pub struct Done {
    told: oneshot::Sender<Kept>,
    is_here: Arc<AtomicBool>,
}

/// The other end of [`Done`].
#[derive(Debug)]
pub(super) struct Waits {
    told: oneshot::Receiver<Kept>,
    is_here: Arc<AtomicBool>,
}

impl Done {
    /// One who waits, and for what.
    pub(super) fn new() -> (Done, Waits) {
        let (told, hears) = oneshot::channel();
        let is_here = Arc::new(AtomicBool::new(false));
        let done = Done {
            told,
            is_here: Arc::clone(&is_here),
        };
        (done, Waits { told: hears, is_here })
    }

    /// It is kept on this machine; more may come.
    pub(super) fn here(&self) {
        self.is_here.store(true, Ordering::Release);
    }

    /// Nothing more comes: the entry is replicated, or is kept as far as was said.
    pub(super) fn end(self, is_replicated: bool) {
        let kept = match is_replicated {
            true => Kept::Replicated,
            false if self.is_here.load(Ordering::Acquire) => Kept::Here,
            false => Kept::Not,
        };
        // Whoever waited may have gone.
        let _told = self.told.send(kept);
    }
}

impl Waits {
    /// What has become of it, as far as is known within `within`.
    pub(super) async fn kept(self, within: std::time::Duration) -> Kept {
        match tokio::time::timeout(within, self.told).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(_)) | Err(_) if self.is_here.load(Ordering::Acquire) => Kept::Here,
            Ok(Err(_)) | Err(_) => Kept::Not,
        }
    }
}

/// How far it is known elsewhere what is kept here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sync {
    /// Whether others are to know it at all.
    pub is_shared: bool,
    /// Whether there is a connection, and the stream is followed.
    pub is_connected: bool,
    /// Whether what is written is replicated at present.
    pub has_quorum: bool,
    /// The last message of the stream that is known here.
    pub sequence: u64,
    /// How many more it has.
    pub behind: u64,
    /// Own entries that are on this machine alone.
    pub unreplicated: usize,
    /// Whether the stream was once read to its end since this node started, or began the stream anew.
    pub has_caught_up: bool,
    /// What is wrong, and what to do about it.
    pub why: Option<String>,
}

impl Sync {
    /// Whether what others wrote is to be read first.
    pub(super) fn is_catching_up(&self) -> bool {
        self.is_shared && !self.has_caught_up
    }

    /// Whether whoever is promised something can be: nothing is shared, or it is replicated.
    pub fn can_promise(&self) -> bool {
        !self.is_shared || self.has_quorum
    }
}

/// Why no state is to be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The log of calls cannot be read or written.
    #[error("the log of calls: {0}")]
    Journal(#[from] JournalError),
    /// What the log holds is no state of calls. It is not told with what it says, which may be a caller's number.
    #[error(
        "expected the state of calls in the log of calls, found something else ({kind:?} at byte {byte}); move the folder `calls` in the data folder away and start again: calls that last are forgotten",
        kind = .0.classify(),
        byte = .0.column(),
    )]
    State(serde_json::Error),
    /// The thread that keeps entries cannot be had.
    #[error("no thread for the log of calls is to be had: {0}")]
    Thread(std::io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// Metrics registered twice: a fault of this program.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_told_without_what_it_says() {
        let error = serde_json::from_str::<Entry>(r#"{"at":"+14806754110"}"#).unwrap_err();
        let told = StoreError::State(error).to_string();
        assert!(told.contains("found something else (Data at byte "), "{told}");
        assert!(!told.contains("4806754110"), "{told}");
    }
}
