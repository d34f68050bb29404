//! How far it is, for whoever asks without waiting.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::store::Sync;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Status {
    is_connected: AtomicBool,
    has_quorum: AtomicBool,
    is_failing: AtomicBool,
    has_caught_up: AtomicBool,
    sequence: AtomicU64,
    behind: AtomicU64,
    waiting: AtomicUsize,
    unreplicated: AtomicUsize,
    why: Mutex<Option<String>>,
}

impl Status {
    /// Own entries that the stream has not given back.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the disk takes what happens.
    pub(super) fn is_well(&self) -> bool {
        !self.is_failing.load(Ordering::Relaxed)
    }

    pub(super) fn set_well(&self, is_well: bool) {
        self.is_failing.store(!is_well, Ordering::Relaxed);
    }

    /// What is wrong, or nothing any more.
    pub(super) fn set_why(&self, why: Option<String>) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn set(&self, sync: &Sync, waiting: usize) {
        self.is_connected.store(sync.is_connected, Ordering::Relaxed);
        self.has_quorum.store(sync.has_quorum, Ordering::Relaxed);
        self.has_caught_up.store(sync.has_caught_up, Ordering::Relaxed);
        self.sequence.store(sync.sequence, Ordering::Relaxed);
        self.behind.store(sync.behind, Ordering::Relaxed);
        self.unreplicated.store(sync.unreplicated, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    pub(super) fn sync(&self) -> Sync {
        Sync {
            is_shared: true,
            is_connected: self.is_connected.load(Ordering::Relaxed),
            has_quorum: self.has_quorum.load(Ordering::Relaxed),
            has_caught_up: self.has_caught_up.load(Ordering::Relaxed),
            sequence: self.sequence.load(Ordering::Relaxed),
            behind: self.behind.load(Ordering::Relaxed),
            unreplicated: self.unreplicated.load(Ordering::Relaxed),
            why: self.why.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
