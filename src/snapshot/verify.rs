//! Verifying a snapshot: every byte, and every way from a table to a record and back.

use super::claimants::{Claimants, Order};
use super::layout::{self, HEADER_LEN, SectionKind, id_hash53};
use super::names::NamesCheck;
use super::table::{ID_SLOT, NUMBER_SLOT, Table};
use super::{Snapshot, SnapshotError};
use crate::number::Key;

/// What a whole verification saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records read, each of them found again by its id and by each of its numbers.
    pub customers: u64,
    /// Claims followed.
    pub claims: u64,
    /// Customers whose id's 53-bit hash is also another's.
    pub hash_collisions: u64,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Checks the checksum of every section.
    ///
    /// # Errors
    /// The first section that does not hash to what the header says.
    pub fn verify_sections(&self) -> Result<(), SnapshotError> {
        for kind in SectionKind::ALL {
            self.header
                .check(kind, xxhash_rust::xxh3::xxh3_64(self.section(kind)))?;
        }
        Ok(())
    }

    /// Checks that what lies between the sections, and behind the last, is zero.
    fn verify_padding(&self) -> Result<(), SnapshotError> {
        let bytes = self.data.as_ref();
        let mut sections: Vec<(u64, u64)> = layout::extents(bytes).collect();
        sections.push((self.header.file_length, 0));
        sections.sort_unstable();
        let mut from = HEADER_LEN as u64;
        for (offset, length) in sections {
            let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
            let padding = bytes.get(at(from)..at(offset)).unwrap_or_default();
            if let Some(nth) = padding.iter().position(|byte| *byte != 0) {
                return Err(SnapshotError::Inconsistent(format!(
                    "byte {}: expected zero between sections, found {:#04x}",
                    from + nth as u64,
                    padding[nth]
                )));
            }
            from = from.max(offset.saturating_add(length));
        }
        Ok(())
    }

    /// Checks every byte, every record, and that tables and records agree. `progress` is told the number of
    /// customers done, now and then.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn verify(&self, mut progress: impl FnMut(u64)) -> Result<Verified, SnapshotError> {
        self.verify_while(|done| {
            progress(done);
            true
        })
    }

    /// As [`Snapshot::verify`], for as long as `go_on` says so.
    ///
    /// # Errors
    /// As [`Snapshot::verify`]; [`SnapshotError::Ended`] where it was told to end.
    pub fn verify_while(&self, mut go_on: impl FnMut(u64) -> bool) -> Result<Verified, SnapshotError> {
        let mut go_on = |done| {
            if go_on(done) {
                Ok(())
            } else {
                Err(SnapshotError::Ended)
            }
        };
        self.verify_sections()?;
        self.verify_padding()?;
        let mut seen = Verified::default();
        let mut names = NamesCheck::new();
        for record in self.records() {
            let record = record?;
            let same = |found: &crate::customer::Record<'_>| std::ptr::eq(found.bytes(), record.bytes());
            if !self.customer(record.id()).is_some_and(|found| same(&found)) {
                return Err(SnapshotError::Inconsistent(format!(
                    "customer {}: expected its id to lead to its record, found another or none",
                    record.id()
                )));
            }
            for claim in record.claims() {
                let found = match self.claimants(claim.key) {
                    Claimants::None | Claimants::Damaged => false,
                    Claimants::One(found) => same(&found),
                    Claimants::Many(many) => {
                        [Order::NewestClaim, Order::NewestCustomer].iter().all(|order| {
                            many.references(*order)
                                .any(|reference| self.claimant(reference).is_some_and(|r| same(&r)))
                        })
                    }
                };
                if !found {
                    return Err(SnapshotError::Inconsistent(format!(
                        "customer {}: expected each of its numbers and ids to lead to its record, found one that does not",
                        record.id()
                    )));
                }
                self.verify_suffix(Key::from_raw(claim.key))?;
                seen.claims += 1;
            }
            names.see(self, &record, seen.customers)?;
            if self.customers_by_hash53(id_hash53(record.id())).count() > 1 {
                seen.hash_collisions += 1;
            }
            seen.customers += 1;
            if seen.customers.is_multiple_of(4096) {
                go_on(seen.customers)?;
            }
        }
        go_on(seen.customers)?;
        names.end(self)?;
        let numbers = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Numbers), self.header.keys());
        let ids = Table::<ID_SLOT>::new(self.section(SectionKind::Ids), self.header.customers);
        let suffixes = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Suffixes), self.header.suffixes);
        for (what, expected, found) in [
            (
                "entries in the suffix table",
                self.header.suffixes,
                suffixes.references().count() as u64,
            ),
            ("customers", self.header.customers, seen.customers),
            ("claims", self.header.claims, seen.claims),
            (
                "entries in the number table",
                self.header.keys(),
                numbers.references().count() as u64,
            ),
            (
                "entries in the id table",
                self.header.customers,
                ids.references().count() as u64,
            ),
        ] {
            if expected != found {
                return Err(SnapshotError::Inconsistent(format!(
                    "{what}: expected {expected}, found {found}"
                )));
            }
        }
        Ok(seen)
    }
}
