//! Customers by the hash of their ids: what callers have who know a customer by a spelling of it.

use super::claimants::Budget;
use super::view::{Records, View};
use crate::customer::Record;
use crate::overlay::{MOST_HINTS, Superseded};

impl View<'_> {
    /// The customers whose id's 53-bit hash ([`crate::snapshot::layout::id_hash53`]) is `hash53`, but for those that
    /// [`View::customer`] has as hidden: one, save where ids collide; then in no particular order. None where so many
    /// changed customers have that hash that not all are remembered.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn by_id_hash(&self, hash53: u64) -> Result<Records<'_>, Superseded> {
        let mut found = Records::new();
        let active = self.active.is_some().then_some(&self.state.active);
        let sealed = self.sealed.as_ref().and(self.state.sealed.as_ref());
        for overlay in [active, sealed].into_iter().flatten() {
            let ids = overlay.alike(hash53);
            if ids.len() > MOST_HINTS {
                return Ok(Records::new());
            }
            for id in ids {
                let known = |record: &Record<'_>| record.id() == &*id;
                if let Some(entry) = self.changed(&id)?
                    && let Some(record) = entry.record()
                    && !found.iter().any(known)
                {
                    found.push(record);
                }
            }
        }
        for record in self.state.snapshot.customers_by_hash53(hash53) {
            if self.changed(record.id())?.is_none() {
                found.push(record);
            }
        }
        if !self.ownership.replaces() {
            return Ok(found);
        }
        let mut standing = Records::new();
        for record in found {
            // As much as for a lookup by id: what one of them costs is not taken from the next.
            if !self.is_hidden(&record, &mut Budget::of_a_lookup())? {
                standing.push(record);
            }
        }
        Ok(standing)
    }
}
