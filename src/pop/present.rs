//! The state that desktops see: own entries at once, those of others as they come.
//!
//! It is another one than the stream makes where entries of others come while own ones are on their way. That is put right
//! once nothing of our own is on its way any more.

use std::ops::Deref;

use super::calls::Calls;
use super::entry::{Entry, What};
use super::message::Message;

/// The present state of calls.
#[derive(Debug)]
pub(super) struct Present {
    calls: Calls,
    /// Own entries that were handed on to be kept.
    handed: u64,
    /// Entries were applied in another order than the stream's.
    has_diverged: bool,
    /// An own entry was applied that nobody keeps.
    has_lost: bool,
}

/// What follows where nothing of our own is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing, or something still is.
    Nothing,
    /// Ids up to this one stand for other messages elsewhere.
    Raised(u64),
    /// The same, and others have to be told.
    Skip(u64),
    /// The state is another one now; messages up to this one are void for these agents.
    Reset(u64, Vec<String>),
    /// What is known here has to be brought.
    Bring,
}

impl Deref for Present {
    type Target = Calls;

    fn deref(&self) -> &Calls {
        &self.calls
    }
}

impl Present {
    /// The state `calls`, which `handed` own entries led to that others may not know yet.
    pub(super) fn new(calls: Calls, handed: u64) -> Present {
        Present {
            calls,
            handed,
            // What is still on its way may stand elsewhere in the stream than here, or be there twice.
            has_diverged: handed > 0,
            has_lost: false,
        }
    }

    /// Applies an own entry.
    pub(super) fn apply(&mut self, entry: &Entry) -> Vec<Message> {
        self.calls.apply(entry)
    }

    /// It was handed on to be kept, or could not be.
    pub(super) fn handed(&mut self, is_taken: bool) {
        self.handed += u64::from(is_taken);
        self.has_lost |= !is_taken;
    }

    /// Applies an entry of another node, which stands behind the own one with the number `own`.
    pub(super) fn learn(&mut self, entry: &Entry, own: u64) -> Vec<Message> {
        self.has_diverged |= own != self.handed && !matches!(entry.what, What::Skipped { .. });
        self.calls.apply(entry)
    }

    /// The stream began anew.
    pub(super) fn rebased(&mut self) {
        self.has_diverged = true;
    }

    /// Puts the state right, where the stream has every own entry: it made `committed`, up to the own entry `own`.
    pub(super) fn settle(&mut self, own: u64, committed: &Calls) -> Settled {
        if own != self.handed {
            return Settled::Nothing;
        }
        if std::mem::take(&mut self.has_lost) {
            self.has_diverged = true;
            return Settled::Bring;
        }
        let (ours, theirs) = (self.calls.newest_id(), committed.newest_id());
        let newest = ours.max(theirs);
        if std::mem::take(&mut self.has_diverged) {
            // One that was given to nobody: whoever was told the newest message here may have been told another one there.
            let newest = newest + 1;
            if self.calls.is_same_as(committed) {
                self.calls.begin_ids(newest);
                return Settled::Skip(newest);
            }
            let agents = self.calls.agents_unlike(committed);
            self.calls = committed.clone();
            self.calls.begin_ids(newest);
            return Settled::Reset(newest, agents);
        }
        self.calls.begin_ids(newest);
        match ours.cmp(&theirs) {
            std::cmp::Ordering::Equal => Settled::Nothing,
            std::cmp::Ordering::Less => Settled::Raised(newest),
            std::cmp::Ordering::Greater => Settled::Skip(newest),
        }
    }
}
