//! Customers of an overlay by the words of their names.
//!
//! Whoever writes takes note of whom, no more; the words are read when somebody searches. What is known only ever grows
//! and may say too much: who takes a customer from it looks at the version that is visible.

use std::collections::BTreeSet;
use std::ops::Bound::Included;
use std::sync::{Arc, PoisonError, RwLock};

use crossbeam::queue::SegQueue;

use crate::customer::Record;
use crate::customer::words::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Whose words are not known yet.
    noted: SegQueue<Arc<str>>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    words: BTreeSet<(u128, Arc<str>)>,
    /// By when the source created them; the least number where it does not say.
    created: BTreeSet<(i64, Arc<str>)>,
}

impl Names {
    /// Takes note that `id` has changed.
    pub(super) fn note(&self, id: Arc<str>) {
        self.noted.push(id);
    }

    /// Reads the words of everybody noted, as long as `go_on` says so: `records` calls what it is given with each of a
    /// customer's records. `false` where some are left.
    pub(super) fn catch_up(
        &self,
        mut go_on: impl FnMut() -> bool,
        records: impl Fn(&str, &mut dyn FnMut(&Record<'_>)),
    ) -> bool {
        const BETWEEN: usize = 64;
        if self.noted.is_empty() {
            return true;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut words = Words::new();
        for nth in 1_usize.. {
            let Some(id) = self.noted.pop() else { break };
            records(&id, &mut |record| {
                let facts = words.facts(record);
                known
                    .created
                    .insert((facts.created_ms.unwrap_or(i64::MIN), Arc::clone(&id)));
                known
                    .words
                    .extend(facts.keys.into_iter().map(|key| (key, Arc::clone(&id))));
            });
            if nth.is_multiple_of(BETWEEN) && !go_on() {
                return self.noted.is_empty();
            }
        }
        true
    }

    /// Whoever may have a word between the keys, `most` at the most; one that has several comes several times.
    pub(super) fn with_word(&self, (least, greatest): (u128, u128), most: usize) -> Vec<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let from = (least, Arc::from(""));
        let words = known.words.range((Included(from), std::ops::Bound::Unbounded));
        words
            .take_while(|(key, _)| *key <= greatest)
            .take(most)
            .map(|(_, id)| Arc::clone(id))
            .collect()
    }

    /// Everybody by when their source created them, `most` at the most, the newest first unless `oldest_first`.
    pub(super) fn by_age(&self, oldest_first: bool, most: usize) -> Vec<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let id = |(_, id): &(i64, Arc<str>)| Arc::clone(id);
        if oldest_first {
            known.created.iter().take(most).map(id).collect()
        } else {
            known.created.iter().rev().take(most).map(id).collect()
        }
    }
}
