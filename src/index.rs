//! The index: one view of active overlay over sealed overlay over snapshot, and who owns a number in it.
//!
//! Invariants: there is one [`Writer`]. A state is replaced whole, and readers take the state before the seq, so
//! that a seq is never older than the snapshot that it is read with. All seqs of a sealed overlay are above the
//! snapshot's and below the active overlay's.

mod by_attribute;
mod by_hash;
mod claimants;
mod merge;
mod names;
mod ownership;
mod suffix;
mod view;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

pub use merge::Merge;
pub use names::{By, Listed, MOST_WANTED, Order, Search, Wanted};
pub use ownership::{Mode, OnConflict, Owner, Ownership, Phones, Shared};
pub use suffix::{BySuffix, Suffixes};
pub use view::{Contest, Found, Records, Standing, Verdict, View};
pub use writer::{Known, Over, Writer};

use crate::customer::Schema;
use crate::overlay::{Overlay, Superseded};
use crate::snapshot::{MappedSnapshot, Stream};

/// What a view is made of.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) active: Arc<Overlay>,
    pub(crate) sealed: Option<Arc<Overlay>>,
    pub(crate) snapshot: Arc<MappedSnapshot>,
    pub(crate) schema: Current<Schema>,
    pub(crate) streams: Arc<[Stream]>,
    pub(crate) phones: Arc<Phones>,
}

/// Something that a change replaces whole: a reader takes what was true at its seq.
#[derive(Debug, Clone)]
pub(crate) struct Current<T> {
    newest: Arc<T>,
    /// The seq of the newest, and what was true ahead of it.
    before: Option<(u64, Arc<T>)>,
}

impl<T> Current<T> {
    fn new(newest: Arc<T>) -> Current<T> {
        Current { newest, before: None }
    }

    fn at(&self, seq: u64) -> &Arc<T> {
        match &self.before {
            Some((since, before)) if seq < *since => before,
            _ => &self.newest,
        }
    }

    /// The change `seq` brings `newest`; readers may be at `visible` still.
    fn then(&self, seq: u64, newest: Arc<T>, visible: u64) -> Current<T> {
        Current {
            newest,
            before: Some((seq, Arc::clone(self.at(visible)))),
        }
    }
}

/// The customers as readers see them.
#[derive(Debug)]
pub struct Index {
    state: ArcSwap<State>,
    visible: AtomicU64,
}

impl Index {
    /// An index over `snapshot`, and its one writer; `phones` are the rules of ownership, alone or with shared lines.
    pub fn new(snapshot: Arc<MappedSnapshot>, phones: impl Into<Phones>) -> (Arc<Index>, Writer) {
        let seq = snapshot.header().seq;
        let schema = Current::new(Arc::new(snapshot.schema().clone()));
        let streams = snapshot.streams().into();
        let phones: Phones = phones.into();
        let state = State {
            active: Arc::new(Overlay::by_suffix(phones.suffix_digits())),
            sealed: None,
            snapshot,
            schema,
            streams,
            phones: Arc::new(phones),
        };
        let index = Arc::new(Index {
            state: ArcSwap::from_pointee(state),
            visible: AtomicU64::new(seq),
        });
        (Arc::clone(&index), Writer::new(index, seq))
    }

    /// Calls `read` with one view, and again with a fresh one as often as the view turns out to be superseded, which
    /// a reader that does not sleep in between sees once in a great while.
    #[inline]
    pub fn read<R>(&self, mut read: impl FnMut(&View<'_>) -> Result<R, Superseded>) -> R {
        loop {
            let state = self.state.load();
            // After the state, so that the seq that is told is never older than what the snapshot holds.
            let seq = self.visible.load(Ordering::Acquire);
            if let Ok(answer) = read(&View::new(&state, seq)) {
                return answer;
            }
        }
    }

    /// Has what lookups of `keys` are about to read fetched from memory, for all of them at once: each waits twice
    /// otherwise, one after the other. Changes no answer.
    pub fn fetch(&self, keys: &[u64]) {
        self.state.load().snapshot.fetch(keys);
    }

    /// The newest visible seq.
    pub fn seq(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    /// The snapshot that views are over at present.
    pub fn snapshot(&self) -> Arc<MappedSnapshot> {
        Arc::clone(&self.state.load().snapshot)
    }

    /// The present schema.
    pub fn schema(&self) -> Arc<Schema> {
        let state = self.state.load();
        Arc::clone(state.schema.at(self.seq()))
    }

    /// Customers and bytes in the overlays, sealed and active.
    pub fn overlay_size(&self) -> (usize, u64) {
        let state = self.state.load();
        let sealed = state.sealed.as_deref();
        (
            state.active.len() + sealed.map_or(0, Overlay::len),
            state.active.bytes() + sealed.map_or(0, Overlay::bytes),
        )
    }

    /// Whether numbers are found by their last digits at present.
    pub fn suffixes(&self) -> Suffixes {
        self.state.load().suffixes()
    }

    /// Replaces the rules of who answers; lookups that have begun finish under those that they began with.
    pub fn set_phones(&self, phones: Phones) {
        let phones = Arc::new(phones);
        // The writer may replace another part of the state at the same time.
        self.state.rcu(|state| State {
            phones: Arc::clone(&phones),
            ..State::clone(state)
        });
    }
}

#[cfg(test)]
mod tests;
