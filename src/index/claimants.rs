//! Who claims a number in one view, and who is hidden: bounded work, whatever the data.

use smallvec::SmallVec;

use super::ownership::{Mode, OnConflict, Rank, Shared};
use super::view::{Records, View};
use crate::customer::Record;
use crate::number::Key;
use crate::overlay::{Entry, MOST_HINTS, Superseded};
use crate::snapshot::claimants::{Claimants as Stored, Many};

/// The most claimants of one number in the snapshot that a lookup reads.
const MOST_STORED: usize = 256;
/// The most records that one lookup reads to find out who is hidden under `replace`.
const MOST_READS: usize = 4096;
/// The longest chain of customers that hide one another which is followed: recursion, so it has to be short.
const DEEPEST: usize = 32;

/// What one lookup may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    reads: usize,
    depth: usize,
}

impl Budget {
    pub(super) fn of_a_lookup() -> Budget {
        Budget {
            reads: MOST_READS,
            depth: DEEPEST,
        }
    }
}

/// The claimants of one number.
#[derive(Debug, Default)]
pub(super) struct Claimants<'v> {
    /// The strongest first.
    pub(super) records: Records<'v>,
    /// Why all of them answer, where they do.
    pub(super) shared: Option<Shared>,
    /// Some are not among them: they are damaged, or too many. A number must not pass on to the next in line for that,
    /// who may be a stranger.
    pub(super) partial: bool,
}

impl<'v> View<'v> {
    /// Claimants of `key`; of a contested number whose owner alone answers, that owner may be all.
    #[inline]
    pub(super) fn claimants(&self, key: u64, budget: &mut Budget) -> Result<Claimants<'_>, Superseded> {
        let owner_alone =
            self.ownership.mode == Mode::Unique && self.ownership.on_conflict == OnConflict::Move;
        if self.active.is_none() && self.sealed.is_none() {
            match self.state.snapshot.claimants(key) {
                Stored::None => return Ok(Claimants::default()),
                Stored::One(record) => {
                    return Ok(Claimants {
                        records: Records::from_iter([record]),
                        ..Claimants::default()
                    });
                }
                Stored::Many(many)
                    if owner_alone && !many.shared() && self.phones().shared(key, many.count()).is_none() =>
                {
                    let owner = many.references(self.ownership.order()).next();
                    let owner = owner.and_then(|owner| self.state.snapshot.claimant(owner));
                    let owner = owner.filter(|owner| owner.claim(key).is_some());
                    let partial = owner.is_none();
                    return Ok(Claimants {
                        records: owner.into_iter().collect(),
                        shared: None,
                        partial,
                    });
                }
                Stored::Many(_) | Stored::Damaged => {}
            }
        }
        self.every_claimant(key, budget)
    }

    /// All claimants of `key` that bounds allow.
    pub(super) fn every_claimant(&self, key: u64, budget: &mut Budget) -> Result<Claimants<'_>, Superseded> {
        let mut found = Claimants::default();
        self.changed_claimants(key, &mut found)?;
        match self.state.snapshot.claimants(key) {
            Stored::None => {}
            Stored::One(record) => {
                if self.changed(record.id())?.is_none() {
                    found.records.push(record);
                }
            }
            Stored::Many(many) => self.stored_claimants(&many, &mut found)?,
            Stored::Damaged => found.partial = true,
        }
        budget.reads = budget.reads.saturating_sub(found.records.len());
        if found.shared.is_none() {
            found.shared = self.phones().shared(key, found.records.len());
        }
        if found.shared.is_none() {
            let declares = |record: &Record<'_>| record.claim(key).is_some_and(|claim| claim.shared);
            found.shared = found.records.iter().any(declares).then_some(Shared::Customer);
        }
        self.sort(key, &mut found.records);
        Ok(found)
    }

    /// Claimants in the overlays.
    fn changed_claimants<'s>(&'s self, key: u64, found: &mut Claimants<'s>) -> Result<(), Superseded> {
        for (overlay, newer) in [(&self.active, &None), (&self.sealed, &self.active)] {
            let Some(overlay) = overlay else { continue };
            let hints = overlay.hints(key);
            found.partial |= hints.len() > MOST_HINTS;
            for id in hints {
                // What the newer overlay says of a customer has been gathered with that overlay.
                if let Some(newer) = newer
                    && newer.customer(id, self.seq())?.is_some()
                {
                    continue;
                }
                match overlay.customer(id, self.seq())? {
                    Some(entry @ Entry::Customer(_)) => match entry.record() {
                        Some(record) if record.claim(key).is_some() => found.records.push(record),
                        Some(_) => {}
                        None => found.partial = true,
                    },
                    Some(Entry::Tombstone(_)) | None => {}
                }
            }
        }
        Ok(())
    }

    /// Claimants in the snapshot that no overlay speaks of.
    fn stored_claimants<'s>(&'s self, many: &Many<'s>, found: &mut Claimants<'s>) -> Result<(), Superseded> {
        let crowded = many.count() > MOST_STORED;
        if crowded {
            // Who declared the number shared may be beyond what is read, and so may those who make it a crowd: then
            // customers that have changed since count twice, which errs on the side of greeting nobody.
            let count = many.count() + found.records.len();
            found.shared = self.phones().shared(many.key(), count);
            if found.shared.is_none() && many.shared() {
                found.shared = Some(Shared::Customer);
            }
        }
        let owner_alone = self.ownership.mode == Mode::Unique
            && self.ownership.on_conflict == OnConflict::Move
            && found.shared.is_none()
            && crowded;
        for reference in many.references(self.ownership.order()).take(MOST_STORED) {
            let Some(record) = self.state.snapshot.claimant(reference) else {
                found.partial = true;
                continue;
            };
            if record.claim(many.key()).is_some() && self.changed(record.id())?.is_none() {
                found.records.push(record);
                if owner_alone {
                    // The order is that of the ranks: nobody behind is stronger.
                    return Ok(());
                }
            }
        }
        found.partial |= crowded;
        Ok(())
    }

    fn sort(&self, key: u64, records: &mut Records<'_>) {
        if records.len() < 2 {
            return;
        }
        // Ranks may take reading a date, so once for each.
        let mut ranked: SmallVec<[(Option<Rank<'_>>, Record<'_>); 8]> = records
            .iter()
            .map(|record| (self.ownership.rank(record, key), *record))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0));
        for (slot, (_, record)) in records.iter_mut().zip(ranked) {
            *slot = record;
        }
    }

    /// Whether an owner of one of `record`'s numbers hides it: claims are settled from the greatest down, and a
    /// customer that loses one is out of the settling of all lesser ones.
    pub(super) fn is_hidden(&self, record: &Record<'_>, budget: &mut Budget) -> Result<bool, Superseded> {
        self.is_hidden_above(record, None, budget)
    }

    /// Whether `record` loses a number to a claim greater than `floor`, by a claimant that still stands there. Out of
    /// budget it is hidden, since no person is better than a wrong one.
    fn is_hidden_above(
        &self,
        record: &Record<'_>,
        floor: Option<Rank<'_>>,
        budget: &mut Budget,
    ) -> Result<bool, Superseded> {
        if budget.depth == 0 {
            return Ok(true);
        }
        budget.depth -= 1;
        let hidden = self.loses_above(record, floor, budget);
        budget.depth += 1;
        hidden
    }

    fn loses_above(
        &self,
        record: &Record<'_>,
        floor: Option<Rank<'_>>,
        budget: &mut Budget,
    ) -> Result<bool, Superseded> {
        // An id that several customers have is nobody's; it hides none of them.
        let numbers = record
            .claims()
            .filter(|claim| Key::from_raw(claim.key).is_number());
        for claim in numbers {
            if budget.reads == 0 {
                return Ok(true);
            }
            let claimants = self.every_claimant(claim.key, budget)?;
            if claimants.shared.is_some() {
                continue;
            }
            if claimants.partial {
                return Ok(true);
            }
            let own = self.ownership.rank(record, claim.key);
            for rival in &claimants.records {
                let rank = self.ownership.rank(rival, claim.key);
                if rank <= own || rank <= floor {
                    break;
                }
                if !self.is_hidden_above(rival, rank, budget)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
