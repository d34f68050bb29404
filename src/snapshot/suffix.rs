//! Numbers by their last digits.

use super::layout::{SEVERAL, SectionKind, number_hash};
use super::table::{NUMBER_SLOT, Table};
use super::{Snapshot, SnapshotError};
use crate::number::{Key, SuffixDigits};

/// The numbers of a snapshot that end in some last digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// None.
    None,
    /// This one alone.
    One(Key),
    /// Several; or what they lead to is damaged, so that it is not known whether there is one.
    Several,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// The last digits that its table of suffixes goes by; `None` where it has none.
    #[inline]
    pub fn suffix_digits(&self) -> Option<SuffixDigits> {
        u8::try_from(self.header.suffix_digits)
            .ok()
            .and_then(SuffixDigits::new)
    }

    /// The numbers that end in `suffix`, as [`Snapshot::suffix_digits`] has it: as few as the records say, and as many as
    /// the table says. A slot that decays can only make it a miss: one of several is marked as such in one slot.
    pub fn ending(&self, suffix: u64) -> Ending {
        let Some(digits) = self.suffix_digits() else {
            return Ending::None;
        };
        let table = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Suffixes), self.header.suffixes);
        let mut found = Ending::None;
        for reference in table.candidates(number_hash(suffix, self.header.seed)) {
            // Of another suffix with the same fingerprint, once in millions: a miss then.
            if reference == SEVERAL {
                return Ending::Several;
            }
            let mut note = |key: Key| {
                found = match found {
                    _ if digits.of(key) != Some(suffix) => found,
                    Ending::None => Ending::One(key),
                    Ending::One(one) if one == key => found,
                    Ending::One(_) | Ending::Several => Ending::Several,
                };
            };
            if self.is_claimants_entry(reference) {
                match self.claimants_entry(reference) {
                    Some(many) => note(Key::from_raw(many.key())),
                    None => return Ending::Several,
                }
            } else {
                match self.record(reference) {
                    Some(record) => record.claims().for_each(|claim| note(Key::from_raw(claim.key))),
                    None => return Ending::Several,
                }
            }
        }
        found
    }

    /// Whether `key`, which a record of the snapshot claims, is found by its last digits, or is one of several.
    pub(super) fn verify_suffix(&self, key: Key) -> Result<(), SnapshotError> {
        let Some(suffix) = self.suffix_digits().and_then(|digits| digits.of(key)) else {
            return Ok(());
        };
        match self.ending(suffix) {
            Ending::One(found) if found == key => Ok(()),
            Ending::Several => Ok(()),
            Ending::None | Ending::One(_) => Err(SnapshotError::Inconsistent(
                "suffixes: expected the last digits of each public number to lead to it, found some that do not"
                    .to_owned(),
            )),
        }
    }
}
