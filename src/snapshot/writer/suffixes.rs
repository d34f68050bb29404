//! The table of last digits: one entry for each suffix that public numbers have.

use std::io::{Read, Seek, Write};

use super::SnapshotWriter;
use crate::number::{Key, SuffixDigits};
use crate::snapshot::SnapshotError;
use crate::snapshot::layout::{SEVERAL, SectionKind, number_hash, number_of_hash};
use crate::snapshot::sort::Sorter;
use crate::snapshot::table::{Entry, NUMBER_SLOT};

impl<W: Read + Write + Seek> SnapshotWriter<W> {
    /// Of `numbers`, one entry a number, one entry for each that has `digits` digits: its suffix's hash, and where the
    /// number leads to.
    pub(super) fn suffixes(
        &self,
        digits: SuffixDigits,
        numbers: &mut Sorter<Entry>,
    ) -> Result<Sorter<Entry>, SnapshotError> {
        let mut suffixes = Sorter::new(self.room.as_ref());
        for entry in numbers.merge()? {
            let Entry { hash, reference } = entry?;
            let key = Key::from_raw(number_of_hash(hash, self.seed));
            if let Some(suffix) = digits.of(key) {
                let hash = number_hash(suffix, self.seed);
                suffixes.push(Entry { hash, reference })?;
            }
        }
        Ok(suffixes)
    }

    /// Writes the section of `suffixes`, and says how many different ones there are.
    pub(super) fn suffix_table(&mut self, mut suffixes: Sorter<Entry>) -> Result<u64, SnapshotError> {
        // The size of the table follows from their number, so they pass by twice.
        let mut count = 0;
        for entry in Distinct::of(suffixes.merge()?) {
            entry?;
            count += 1;
        }
        let distinct = Distinct::of(suffixes.merge()?).map(|entry| entry.map_err(SnapshotError::Io));
        self.table_of::<NUMBER_SLOT>(SectionKind::Suffixes, count, distinct)?;
        Ok(count)
    }
}

/// Makes one entry of those that follow one another with the same hash, which is a suffix's alone.
struct Distinct<I> {
    entries: I,
    next: Option<Entry>,
}

impl<I> Distinct<I> {
    fn of(entries: I) -> Distinct<I> {
        Distinct { entries, next: None }
    }
}

impl<I: Iterator<Item = std::io::Result<Entry>>> Iterator for Distinct<I> {
    type Item = std::io::Result<Entry>;

    fn next(&mut self) -> Option<std::io::Result<Entry>> {
        let mut one = match self.next.take() {
            Some(entry) => entry,
            None => match self.entries.next()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            },
        };
        for entry in self.entries.by_ref() {
            match entry {
                Ok(entry) if entry.hash == one.hash => one.reference = SEVERAL,
                Ok(entry) => {
                    self.next = Some(entry);
                    break;
                }
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(one))
    }
}
