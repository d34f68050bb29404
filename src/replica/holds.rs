//! Feeds that are held, and feeds with a gap: what is known of them, and what a person says.

use std::collections::BTreeSet;

use super::Replica;
use super::log::Entry;
use super::state::{Mark, json};

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
