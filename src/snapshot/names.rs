//! Customers by the words of their names, as the section `names` has them.
//!
//! A word is known by its first 16 bytes, and what it leads to is a place in the order of the records; whoever reads a
//! record of it compares the words with what it finds there. So a bit that flips can only make a miss.

mod check;
mod places;

use super::Snapshot;
use super::layout::{SectionKind, UNIT, u64_at};
use super::table::REFERENCE_BITS;
use crate::customer::Record;
pub(super) use check::NamesCheck;
pub use places::Places;

/// Bytes of a customer's row.
pub(crate) const ROW: usize = 24;
/// Bytes of a word's entry.
pub(crate) const WORD: usize = 24;
/// Bytes at the section's end that say what is where.
pub(crate) const TRAILER: usize = 32;

/// What is known of a customer without its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where its record is, in units of 8 bytes.
    pub(crate) reference: u64,
    /// When its source created it, in milliseconds since 1970.
    pub created_ms: Option<i64>,
    /// The [`order`](crate::customer::words::order) of its name.
    pub name: u64,
}

impl Row {
    pub(crate) fn encode(self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..8].copy_from_slice(&self.reference.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.created_ms.unwrap_or(i64::MIN).to_le_bytes());
        bytes[16..].copy_from_slice(&self.name.to_le_bytes());
        bytes
    }
}

/// The section, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Names<'s> {
    rows: &'s [u8],
    postings: &'s [u8],
    words: &'s [u8],
}

impl<'s> Names<'s> {
    /// The parts of `section`; `None` where it is none, or says of itself what cannot be.
    pub(crate) fn of(section: &'s [u8]) -> Option<Names<'s>> {
        let (parts, trailer) = section.split_at_checked(section.len().checked_sub(TRAILER)?)?;
        let size = |at, each: usize| usize::try_from(u64_at(trailer, at)).ok()?.checked_mul(each);
        let (rows, rest) = parts.split_at_checked(size(0, ROW)?)?;
        let (postings, words) = rest.split_at_checked(size(8, 1)?)?;
        (words.len() == size(16, WORD)?).then_some(Names {
            rows,
            postings,
            words,
        })
    }

    /// Customers.
    pub fn customers(&self) -> u32 {
        u32::try_from(self.rows.len() / ROW).unwrap_or(u32::MAX)
    }

    /// Different words, by their keys.
    pub fn words(&self) -> usize {
        self.words.len() / WORD
    }

    /// The row at `place`.
    pub fn row(&self, place: u32) -> Option<Row> {
        let row = self.rows.chunks_exact(ROW).nth(usize::try_from(place).ok()?)?;
        let created_ms = i64::from_le_bytes(u64_at(row, 8).to_le_bytes());
        Some(Row {
            // No greater one leads anywhere.
            reference: u64_at(row, 0) & ((1 << REFERENCE_BITS) - 1),
            created_ms: (created_ms != i64::MIN).then_some(created_ms),
            name: u64_at(row, 16),
        })
    }

    /// The entry of the word `nth`: its key, and its customers' places, encoded.
    pub(crate) fn word(&self, nth: usize) -> Option<(u128, &'s [u8])> {
        let end = self.end(nth)?;
        let begin = if nth == 0 { 0 } else { self.end(nth - 1)? };
        Some((self.key(nth)?, self.postings.get(begin..end)?))
    }

    fn key(&self, nth: usize) -> Option<u128> {
        let key = self.words.get(nth * WORD..)?.first_chunk::<16>()?;
        Some(u128::from_be_bytes(*key))
    }

    fn end(&self, nth: usize) -> Option<usize> {
        let entry = self.words.get(nth * WORD..(nth + 1) * WORD)?;
        usize::try_from(u64_at(entry, 16)).ok()
    }

    /// How many words have keys below `key`.
    fn below(&self, key: u128) -> usize {
        let (mut from, mut to) = (0, self.words());
        while from < to {
            let middle = from.midpoint(to);
            if self.key(middle).is_some_and(|found| found < key) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    /// Adds to `places` all customers with a word of a key from `least` to `greatest`, as long as `go_on` says so, which it
    /// is asked now and then. `false` where it did not.
    pub fn find(
        &self,
        (least, greatest): (u128, u128),
        places: &mut Places,
        mut go_on: impl FnMut() -> bool,
    ) -> bool {
        const BETWEEN: usize = 256;
        for nth in self.below(least).. {
            let Some((_, postings)) = self.word(nth).filter(|(key, _)| *key <= greatest) else {
                break;
            };
            each_place(postings, |place| places.add(place));
            if nth % BETWEEN == BETWEEN - 1 && !go_on() {
                return false;
            }
        }
        true
    }
}

/// Calls `each` with every place of `postings`.
pub(crate) fn each_place(mut postings: &[u8], mut each: impl FnMut(u32)) {
    let mut place = 0_u32;
    while let Some(step) = read_leb(&mut postings) {
        place = place.wrapping_add(step);
        each(place);
    }
}

/// Takes a number from the beginning of `bytes`; `None` at their end.
pub(crate) fn read_leb(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

/// Appends `number` to `bytes`.
pub(crate) fn write_leb(mut number: u32, bytes: &mut impl Extend<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return bytes.extend([low]);
        }
        bytes.extend([low | 0x80]);
    }
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Its index of names; `None` in a file that has none, or where what the section says of itself cannot be.
    pub fn names(&self) -> Option<Names<'_>> {
        let names = Names::of(self.section(SectionKind::Names))?;
        (u64::from(names.customers()) == self.header.customers).then_some(names)
    }

    /// Its index of names, every byte of which is as it was written.
    pub(crate) fn intact_names(&self) -> Option<Names<'_>> {
        let section = self.section(SectionKind::Names);
        let found = xxhash_rust::xxh3::xxh3_64(section);
        self.header.check(SectionKind::Names, found).ok()?;
        self.names()
    }

    /// Where `record`, one of the snapshot, is in the order of the records, which `names` has.
    pub(crate) fn place(&self, names: &Names<'_>, record: &Record<'_>) -> Option<u32> {
        let reference = self.offset_of(record) / UNIT;
        let (mut from, mut to) = (0, names.customers());
        while from < to {
            let middle = from.midpoint(to);
            if names.row(middle)?.reference < reference {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        (names.row(from)?.reference == reference).then_some(from)
    }

    /// The record that `row` leads to.
    pub fn named(&self, row: Row) -> Option<Record<'_>> {
        self.record(row.reference)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<u32>(), 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| write_leb(*number, &mut bytes));
            let mut rest = &bytes[..];
            let back: Vec<u32> = std::iter::from_fn(|| read_leb(&mut rest)).collect();
            prop_assert_eq!(back, numbers);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(names) = Names::of(&bytes) {
                names.row(0);
                names.find((0, u128::MAX), &mut Places::new(10), || true);
            }
            each_place(&bytes, |_| ());
        }
    }
}
