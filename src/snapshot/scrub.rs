//! Scrubbing: reading every byte of a snapshot again, a slice at a time, so that a table that decays on disk or in
//! memory is found within a known time.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

use super::layout::SectionKind;
use super::{Snapshot, SnapshotError};

/// One pass over a snapshot. Whoever runs it decides when to take the next step.
pub struct Scrub<D> {
    snapshot: Arc<Snapshot<D>>,
    section: usize,
    at: usize,
    hash: Xxh3Default,
}

impl<D: AsRef<[u8]>> Scrub<D> {
    /// A pass that has read nothing yet.
    pub fn new(snapshot: Arc<Snapshot<D>>) -> Scrub<D> {
        Scrub {
            snapshot,
            section: 0,
            at: 0,
            hash: Xxh3Default::new(),
        }
    }

    /// The snapshot that is read.
    pub fn snapshot(&self) -> &Arc<Snapshot<D>> {
        &self.snapshot
    }

    /// Reads up to `bytes` more. `Ok(true)` once all is read.
    ///
    /// # Errors
    /// The section that no longer hashes to what its writer saw; the next step goes on with the next section.
    pub fn step(&mut self, bytes: usize) -> Result<bool, SnapshotError> {
        let Some(&kind) = SectionKind::ALL.get(self.section) else {
            return Ok(true);
        };
        let section = self.snapshot.section(kind);
        let end = self.at.saturating_add(bytes).min(section.len());
        self.hash.update(&section[self.at..end]);
        self.at = end;
        if end < section.len() {
            return Ok(false);
        }
        let found = self.hash.digest();
        (self.section, self.at, self.hash) = (self.section + 1, 0, Xxh3Default::new());
        self.snapshot.header().check(kind, found)?;
        Ok(self.section == SectionKind::ALL.len())
    }
}
