//! One view: everything that one lookup sees, as of one seq.

use smallvec::SmallVec;

use super::State;
use super::claimants::{Budget, Claimants};
use super::ownership::{Mode, Ownership, Phones, Shared};
use crate::customer::{Record, Schema};
use crate::overlay::{Entry, Pinned, Superseded};
use crate::snapshot::claimants::Claimants as Stored;
use crate::snapshot::{MappedSnapshot, Stream};

/// Claimants, the owner first; a number with eight or fewer costs no allocation.
pub type Records<'v> = SmallVec<[Record<'v>; 8]>;

/// Who answers for a number.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost the lookup an allocation"
)]
pub enum Found<'v> {
    /// Nobody.
    Nobody,
    /// One customer.
    One(Record<'v>),
    /// Several, in a stable order: of a shared number, or in shared mode.
    Several(Records<'v>),
}

impl Found<'_> {
    /// Whether anybody answers.
    pub fn is_somebody(&self) -> bool {
        !matches!(self, Found::Nobody)
    }
}

/// One view of the index.
pub struct View<'v> {
    pub(super) state: &'v State,
    seq: u64,
    pub(super) ownership: Ownership,
    pub(super) active: Option<Pinned<'v>>,
    pub(super) sealed: Option<Pinned<'v>>,
}

impl<'v> View<'v> {
    pub(super) fn new(state: &'v State, seq: u64) -> View<'v> {
        // An empty overlay costs a load, not a pin: quiet hours are most hours.
        let pin = |overlay: &'v crate::overlay::Overlay| (!overlay.is_empty()).then(|| overlay.pin());
        View {
            state,
            // A state that has just been replaced ends where its overlay was closed, whatever is visible by now; a snapshot
            // that has just replaced everything may be ahead of what is visible.
            seq: seq.min(state.active.closed()).max(state.snapshot.header().seq),
            ownership: state.phones.ownership(),
            active: pin(&state.active),
            sealed: state.sealed.as_deref().and_then(pin),
        }
    }

    /// The seq as of which everything is seen.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The snapshot below the overlays.
    pub fn snapshot(&self) -> &'v MappedSnapshot {
        &self.state.snapshot
    }

    /// The snapshot's generation.
    pub fn generation(&self) -> u64 {
        self.state.snapshot.header().generation
    }

    /// The present schema.
    pub fn schema(&self) -> &'v Schema {
        self.state.schema.at(self.seq)
    }

    /// The streams that records' origins count into.
    pub fn streams(&self) -> &'v [Stream] {
        &self.state.streams
    }

    /// The rules of who answers.
    pub fn phones(&self) -> &'v Phones {
        &self.state.phones
    }

    /// The customer with `id`, whoever owns its numbers; `None` too where it is hidden under `replace`.
    ///
    /// # Errors
    /// [`Superseded`], as all of a view's methods; [`super::Index::read`] then calls again.
    pub fn customer(&self, id: &str) -> Result<Option<Record<'_>>, Superseded> {
        let found = match self.changed(id)? {
            Some(entry) => entry.record(),
            None => self.state.snapshot.customer(id),
        };
        match found {
            Some(record)
                if self.ownership.replaces() && self.is_hidden(&record, &mut Budget::of_a_lookup())? =>
            {
                Ok(None)
            }
            found => Ok(found),
        }
    }

    /// Who answers for the number `key`.
    ///
    /// # Errors
    /// [`Superseded`].
    #[inline]
    pub fn find(&self, key: u64) -> Result<Found<'_>, Superseded> {
        // Of nearly every number the snapshot alone knows one customer, or none: no list of claimants is made of those.
        if !self.ownership.replaces() && !self.is_hinted(key) {
            match self.state.snapshot.claimants(key) {
                Stored::None => return Ok(Found::Nobody),
                Stored::One(record) if self.is_unchanged(&record)? => return Ok(Found::One(record)),
                Stored::One(_) | Stored::Many(_) | Stored::Damaged => {}
            }
        }
        self.find_among_claimants(key)
    }

    /// Whether an overlay may know a claimant of `key`.
    #[inline]
    fn is_hinted(&self, key: u64) -> bool {
        let overlays = [&self.active, &self.sealed].into_iter().flatten();
        overlays.into_iter().any(|overlay| !overlay.hints(key).is_empty())
    }

    /// Whether no overlay says anything of `record`'s customer.
    #[inline]
    fn is_unchanged(&self, record: &Record<'_>) -> Result<bool, Superseded> {
        let is_alone = self.active.is_none() && self.sealed.is_none();
        Ok(is_alone || self.changed(record.id())?.is_none())
    }

    #[inline(never)]
    fn find_among_claimants(&self, key: u64) -> Result<Found<'_>, Superseded> {
        let mut budget = Budget::of_a_lookup();
        let Claimants {
            mut records,
            shared,
            partial,
        } = self.claimants(key, &mut budget)?;
        if self.ownership.replaces() {
            let mut standing = Records::new();
            for record in records {
                if !self.is_hidden(&record, &mut budget)? {
                    standing.push(record);
                }
            }
            records = standing;
        }
        Ok(match records.len() {
            0 => Found::Nobody,
            // Whoever is missing may be the owner, or one more of those who share.
            _ if partial && !(shared.is_some() && records.len() > 1) => Found::Nobody,
            1 => Found::One(records[0]),
            _ if shared.is_some() => Found::Several(records),
            _ => Found::One(records[0]),
        })
    }

    /// Whether `record` answers for its number `key`, alone or among those who share it.
    ///
    /// # Errors
    /// [`Superseded`].
    #[inline]
    pub fn owns(&self, record: &Record<'_>, key: u64) -> Result<bool, Superseded> {
        if self.ownership.mode == Mode::Shared
            || (self.active.is_none()
                && self.sealed.is_none()
                && self.state.snapshot.is_sole_claimant(record, key))
        {
            return Ok(true);
        }
        Ok(match self.find(key)? {
            Found::Nobody => false,
            Found::One(owner) => owner.id() == record.id(),
            Found::Several(all) => all.iter().any(|owner| owner.id() == record.id()),
        })
    }

    /// Every claimant of `key` and how it stands, the strongest first.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn contest(&self, key: u64) -> Result<Contest<'_>, Superseded> {
        let mut budget = Budget::of_a_lookup();
        let Claimants {
            records,
            shared,
            partial,
        } = self.every_claimant(key, &mut budget)?;
        // Where the owner may be among those that are not known, nobody owns.
        let nobody = partial && shared.is_none();
        let mut standings: Vec<Standing<'_>> = Vec::with_capacity(records.len());
        for record in records {
            let verdict = if self.ownership.replaces() && self.is_hidden(&record, &mut budget)? {
                Verdict::Hidden
            } else if !nobody
                && (shared.is_some() || !standings.iter().any(|other| other.verdict == Verdict::Owner))
            {
                Verdict::Owner
            } else {
                Verdict::Outranked
            };
            standings.push(Standing { record, verdict });
        }
        Ok(Contest { shared, standings })
    }

    /// What the overlays say of `id`, the newer one first.
    #[inline]
    pub(super) fn changed(&self, id: &str) -> Result<Option<&Entry>, Superseded> {
        for overlay in [&self.active, &self.sealed].into_iter().flatten() {
            if let Some(entry) = overlay.customer(id, self.seq)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// See [`View::contest`].
#[derive(Debug)]
pub struct Contest<'v> {
    /// Why all claimants that stand answer; `None` where one of them does.
    pub shared: Option<Shared>,
    /// The claimants, the strongest first.
    pub standings: Vec<Standing<'v>>,
}

/// A claimant and how it stands.
#[derive(Debug)]
pub struct Standing<'v> {
    /// The claimant.
    pub record: Record<'v>,
    /// How it stands.
    pub verdict: Verdict,
}

/// How a claimant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answers for the number.
    Owner,
    /// A stronger claim answers; the customer stays reachable by id.
    Outranked,
    /// Hidden altogether while the owner of one of its numbers stands.
    Hidden,
}
