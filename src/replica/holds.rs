//! Feeds that are held, and feeds with a gap: what is known of them, and what a person says.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::Refused;
use super::change::Change;
use super::log::Entry;
use super::state::{Mark, json};
use super::{Replica, TooManyStreams};
use crate::customer::record::Origin;
use crate::snapshot::Stream;

/// What a person has said of a feed that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// What waits is to be applied.
    Accept,
    /// What waits is applied but for what deletes or moves customers.
    Drop,
}

impl Replica {
    /// Feeds that wait for somebody's word.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.state.held.iter().map(String::as_str)
    }

    /// Whether the feed `name` waits for somebody's word.
    pub fn is_held(&self, name: &str) -> bool {
        self.state.held.contains(name)
    }

    /// Has the feed `name`, which is held, go on. Whether it was held.
    pub fn release(&mut self, name: &str, word: Word) -> bool {
        if !self.is_held(name) {
            return false;
        }
        self.mark(Mark::Released(name.into()));
        self.word.insert(name.into(), word);
        self.guard.reset();
        true
    }

    /// The feed `name` has nothing more to deliver: a word that was said of what waited is of no more use.
    pub fn caught_up(&mut self, name: &str) {
        if self.word.remove(name).is_some() {
            self.guard.reset();
        }
    }

    /// The feed `name` could not go on where it had stopped: changes may be missing until everything is built anew.
    pub fn gap(&mut self, name: &str) {
        self.counters.gaps.inc();
        self.mark(Mark::Gap(name.into()));
    }

    /// A copy of the source of the feed `name` is to be made, with which the life `incarnation` of its stream begins:
    /// a generation from ahead of it lacks what the copy brings, whatever the log has.
    ///
    /// # Errors
    /// The list of streams is full.
    pub fn copies(&mut self, name: &str, incarnation: &str) -> Result<(), TooManyStreams> {
        self.stream(name, incarnation)?;
        self.mark(Mark::Copy {
            feed: name.into(),
            incarnation: incarnation.into(),
        });
        Ok(())
    }

    /// Has `change`, a part that a copy with the life `incarnation` of the stream `name` has no customer for, wait for it,
    /// whoever is served until the copy is.
    ///
    /// # Errors
    /// As many wait as may.
    pub fn wait_for_customer(
        &mut self,
        name: &str,
        incarnation: &str,
        change: &Change,
    ) -> Result<(), Refused> {
        // The list of streams was not full when the copy began.
        let (Ok(stream), Change::Part { customer_id, part }) = (self.stream(name, incarnation), change)
        else {
            return Ok(());
        };
        let origin = Origin {
            stream: stream.0,
            position: &[],
            marks: &[],
        };
        self.park(origin, customer_id, part.clone()).map(drop)
    }

    /// Feeds that go on behind a copy that is not in a generation whose streams are `streams`.
    pub(super) fn without_copies(&self, streams: &[Stream]) -> Vec<String> {
        let state = &self.state;
        let mut newest: BTreeMap<&str, &Stream> = BTreeMap::new();
        let is_begun = |stream: &&Stream| !stream.token.is_empty();
        for stream in state.streams.iter().skip(1).filter(is_begun) {
            newest.insert(&stream.stream, stream);
        }
        newest.retain(|_, life| {
            let is_this = |stream: &Stream| {
                stream.stream == life.stream && stream.incarnation == life.incarnation && is_begun(&stream)
            };
            let key = (life.stream.clone(), life.incarnation.clone());
            state.copies.contains(&key) && !streams.iter().any(is_this)
        });
        newest.into_keys().map(str::to_owned).collect()
    }

    /// Feeds with a gap.
    pub fn gaps(&self) -> impl Iterator<Item = &str> {
        self.state.gaps.keys().map(String::as_str)
    }

    pub(super) fn gap_everywhere(&mut self) {
        let names: BTreeSet<String> = self
            .state
            .streams
            .iter()
            .skip(1)
            .map(|stream| stream.stream.clone())
            .collect();
        for name in names {
            self.gap(&name);
        }
    }

    /// A whole copy that began behind the change `follows` has what was missing ahead of it, and no more than that.
    pub(super) fn cured(&mut self, follows: u64) {
        let mut later = self.state.gaps.clone();
        later.retain(|_, at| *at > follows);
        self.mark(Mark::Cured);
        for (name, at) in later {
            let gap = Mark::Gap(name);
            self.batch.push(at, Entry::Mark(&json(&gap)));
            self.state.mark(gap, at);
        }
    }
}
