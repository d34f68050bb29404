//! Whether an index of names and the records say the same.

use super::super::layout::{SectionKind, UNIT, number_hash};
use super::super::{Snapshot, SnapshotError};
use super::{Row, each_place};
use crate::customer::Record;
use crate::customer::words::Words;

/// A check under way. What leads where is summed up, once by the records and once by the index: looking each word of each
/// record up would read the longest lists as often as they are long.
#[derive(Debug, Default)]
pub(crate) struct NamesCheck {
    words: Words,
    sum: u64,
}

impl NamesCheck {
    pub(crate) fn new() -> NamesCheck {
        NamesCheck::default()
    }

    /// Takes note of `record`, which is the customer at `place` of `snapshot`.
    pub(crate) fn see<D: AsRef<[u8]>>(
        &mut self,
        snapshot: &Snapshot<D>,
        record: &Record<'_>,
        place: u64,
    ) -> Result<(), SnapshotError> {
        if !snapshot.header().has(SectionKind::Names) {
            return Ok(());
        }
        let names = snapshot
            .names()
            .ok_or_else(|| wrong("no row for each customer"))?;
        let place = u32::try_from(place).map_err(|_| wrong("too many customers"))?;
        let facts = self.words.facts(record);
        let expected = Row {
            reference: snapshot.offset_of(record) / UNIT,
            created_ms: facts.created_ms,
            name: facts.name,
        };
        if names.row(place) != Some(expected) {
            return Err(wrong("another row"));
        }
        for key in facts.keys {
            self.sum = self.sum.wrapping_add(led(key, place));
        }
        Ok(())
    }

    /// Holds what was noted of every record against the index.
    pub(crate) fn end<D: AsRef<[u8]>>(&self, snapshot: &Snapshot<D>) -> Result<(), SnapshotError> {
        let Some(names) = snapshot.names() else {
            return Ok(());
        };
        let (mut sum, mut before) = (0_u64, None);
        for nth in 0..names.words() {
            let (key, postings) = names
                .word(nth)
                .filter(|(key, _)| before.is_none_or(|before| before < *key))
                .ok_or_else(|| wrong("words out of order"))?;
            before = Some(key);
            each_place(postings, |place| sum = sum.wrapping_add(led(key, place)));
        }
        if sum == self.sum {
            Ok(())
        } else {
            Err(wrong("words that do not"))
        }
    }
}

/// A number for a word that leads to a customer, such that sums of them tell sets apart.
fn led(key: u128, place: u32) -> u64 {
    let [high, low] = [key >> 64, key].map(|half| (half & u128::from(u64::MAX)) as u64);
    number_hash(low, number_hash(high, u64::from(place) + 1))
}

fn wrong(found: &str) -> SnapshotError {
    SnapshotError::Inconsistent(format!(
        "names: expected the words of every name to lead to its customer, found {found}"
    ))
}
