//! The thread that changes everything: customers, generations and the snapshot that is served.

use std::io::Error;
use std::sync::Arc;
use std::thread::JoinHandle;

use ringside::replica::Change;
use ringside::replica::compaction::{self, CompactionError};
use ringside::snapshot::MappedSnapshot;
use serde_json::json;

use super::oracle::Oracle;
use super::truth::Truth;
use super::{HOT, NUMBERS, PEOPLE, Random, id, number};
use crate::centre::{Centre, other};

/// Memory of a compaction, bytes.
const MEMORY: u64 = 64 << 20;
/// Batches between a merge that was taken up and the next one.
const MERGE_EVERY: u64 = 40;
/// Batches between two swaps; no multiple of the others, so that swaps meet merges at any stage.
const SWAP_EVERY: u64 = 109;

type Merged = Result<Arc<MappedSnapshot>, CompactionError>;

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) changes: u64,
    pub(crate) batches: u64,
    pub(crate) merges: u64,
    pub(crate) swaps: u64,
}

/// Changes `centre`, and tells `oracle` ahead of readers.
pub(crate) struct Changes<'a> {
    centre: &'a mut Centre,
    oracle: &'a Oracle,
    truth: Truth,
    random: Random,
    merging: Option<JoinHandle<Merged>>,
    pub(crate) done: Done,
}

impl<'a> Changes<'a> {
    /// Begins with everybody and a number each.
    pub(crate) fn new(centre: &'a mut Centre, oracle: &'a Oracle, seed: u64) -> Result<Changes<'a>, Error> {
        let mut changes = Changes {
            centre,
            oracle,
            truth: Truth::new(PEOPLE, NUMBERS),
            random: Random(seed),
            merging: None,
            done: Done::default(),
        };
        for person in 0..PEOPLE {
            changes.put(person, &[person % NUMBERS])?;
        }
        changes.commit()?;
        Ok(changes)
    }

    /// One batch, and what there is to do beside it.
    pub(crate) fn batch(&mut self) -> Result<(), Error> {
        for _ in 0..=self.random.below(12) {
            self.change()?;
        }
        self.commit()?;
        self.done.batches += 1;
        if let Some(merging) = self.merging.take_if(|merging| merging.is_finished()) {
            let merged = merging
                .join()
                .map_err(|_| Error::other("a merge ended in a panic"))?;
            if self.centre.replica.is_merging() {
                self.centre.install(merged.map_err(other)?)?;
                self.done.merges += 1;
            } else if let Ok(late) = merged
                && late.header().generation == self.centre.held.present()
            {
                // What it was made of was replaced meanwhile, and is served again.
                self.centre.replica.replace(&late, false).map_err(other)?;
                self.done.swaps += 1;
            }
        }
        if self.merging.is_none() && self.done.batches.is_multiple_of(MERGE_EVERY) {
            self.merge()?;
        }
        if self.done.batches.is_multiple_of(SWAP_EVERY) {
            self.swap()?;
        }
        Ok(())
    }

    fn merge(&mut self) -> Result<(), Error> {
        let Some((merge, streams)) = self.centre.replica.seal().map_err(other)? else {
            return Ok(());
        };
        let held = Arc::clone(&self.centre.held);
        self.merging = Some(std::thread::spawn(move || {
            compaction::compact(&merge, &streams, &held, 0, MEMORY)
        }));
        Ok(())
    }

    /// Waits for a merge that is under way, whose folder is about to go.
    pub(crate) fn end(self) -> Done {
        if let Some(merging) = self.merging {
            let _of_no_more_use = merging.join();
        }
        self.done
    }

    /// Goes back to an earlier generation: the log has everything since.
    fn swap(&mut self) -> Result<(), Error> {
        let line = self.centre.replica.log_place().line;
        let (kept, _) = compaction::kept(&self.centre.held, line).map_err(other)?;
        let earlier: Vec<u64> = kept
            .iter()
            .filter(|kept| !kept.is_present)
            .map(|kept| kept.generation)
            .collect();
        if !earlier.is_empty() {
            let generation = earlier[self.random.below(earlier.len())];
            self.done.swaps += u64::from(self.centre.swap(generation)?);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        let seq = self.done.changes;
        debug_assert!(seq >= self.centre.index.seq());
        for (asked, answer) in self.truth.take_touched() {
            self.oracle.say(asked, seq, answer);
        }
        // Half of the batches are written while the next is applied, as those of feeds that are behind are.
        if self.random.below(2) == 0 {
            return self.centre.replica.begin_commit().map_err(other);
        }
        self.centre.replica.commit().map_err(other)
    }

    /// Half of what happens, happens to few.
    fn one_of(&mut self, all: usize) -> usize {
        let few = self.random.below(2) == 0;
        self.random.below(if few { HOT } else { all })
    }

    fn change(&mut self) -> Result<(), Error> {
        let (a, b) = (self.one_of(PEOPLE), self.one_of(PEOPLE));
        let number = self.one_of(NUMBERS);
        let numbers = self.truth.numbers_of(a);
        match self.random.below(8) {
            // Deleted, or back without the numbers that it had.
            0 if self.truth.is_there(a) => self.delete(a),
            1 if a != b && self.truth.is_there(a) && self.truth.is_there(b) => {
                let other = self.truth.numbers_of(b);
                self.put(a, &other)?;
                self.put(b, &numbers)
            }
            // One more claim, and perhaps another owner.
            2 if self.truth.has_room(number, a) && !numbers.contains(&number) => {
                self.put(a, &[&numbers[..], &[number]].concat())
            }
            // A number moves.
            3 | 4 => match self.truth.owner(number) {
                Some(owner) if owner != a => {
                    let mut left = self.truth.numbers_of(owner);
                    left.retain(|kept| *kept != number);
                    self.put(owner, &left)?;
                    if self.truth.has_room(number, a) && !numbers.contains(&number) {
                        self.put(a, &[&numbers[..], &[number]].concat())?;
                    }
                    Ok(())
                }
                _ => self.put(a, &numbers),
            },
            _ => self.put(a, &numbers),
        }
    }

    fn put(&mut self, person: usize, numbers: &[usize]) -> Result<(), Error> {
        let tag = self.centre.position + 1;
        let phones: Vec<String> = numbers.iter().map(|nth| format!("+{}", number(*nth))).collect();
        let customer = json!({"id": id(person), "name": format!("v{tag}"), "phones": phones});
        let seq = self.centre.apply(Change::Upsert {
            customer: customer.into(),
        })?;
        self.truth.put(person, numbers, tag, seq);
        self.done.changes = seq;
        Ok(())
    }

    fn delete(&mut self, person: usize) -> Result<(), Error> {
        self.done.changes = self.centre.apply(Change::Delete { id: id(person) })?;
        self.truth.delete(person);
        Ok(())
    }
}
