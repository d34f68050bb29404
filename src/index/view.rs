//! One view: everything that one lookup sees, as of one seq.

use smallvec::SmallVec;

use super::State;
use super::ownership::{Mode, OnConflict, Ownership, Rank};
use crate::customer::{Record, Schema};
use crate::overlay::{Entry, Pinned, Superseded};
use crate::snapshot::claimants::Claimants;
use crate::snapshot::{MappedSnapshot, Stream};

/// The most claimants of one number that a lookup considers; a switchboard with more is nobody's number.
pub(super) const MOST_CLAIMANTS: usize = 1000;
/// The most claimants that are looked at to find out whether one customer is hidden under `replace`.
const MOST_STEPS: usize = 10_000;

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
    state: &'v State,
    seq: u64,
    ownership: Ownership,
    active: Option<Pinned<'v>>,
    sealed: Option<Pinned<'v>>,
}

impl<'v> View<'v> {
    pub(super) fn new(state: &'v State, seq: u64, ownership: Ownership) -> View<'v> {
        // An empty overlay costs a load, not a pin: quiet hours are most hours.
        let pin = |overlay: &'v crate::overlay::Overlay| (!overlay.is_empty()).then(|| overlay.pin());
        View {
            state,
            seq,
            ownership,
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
        &self.state.schema
    }

    /// The streams that records' origins count into.
    pub fn streams(&self) -> &'v [Stream] {
        &self.state.streams
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
            Some(record) if self.ownership.replaces() && self.hidden(&record)? => Ok(None),
            found => Ok(found),
        }
    }

    /// Who answers for the number `key`.
    ///
    /// # Errors
    /// [`Superseded`].
    #[inline]
    pub fn find(&self, key: u64) -> Result<Found<'_>, Superseded> {
        let mut claimants = self.claimants(key)?;
        let shared = self.ownership.mode == Mode::Shared || is_shared(&claimants, key);
        if self.ownership.replaces() {
            let mut standing = Records::new();
            for record in claimants {
                if !self.hidden(&record)? {
                    standing.push(record);
                }
            }
            claimants = standing;
        }
        Ok(match claimants.len() {
            0 => Found::Nobody,
            1 => Found::One(claimants[0]),
            _ if shared => Found::Several(claimants),
            _ => Found::One(claimants[0]),
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
        let claimants = self.every_claimant(key)?;
        let shared = self.ownership.mode == Mode::Shared || is_shared(&claimants, key);
        let mut standings: Vec<Standing<'_>> = Vec::with_capacity(claimants.len());
        for record in claimants {
            let verdict = if self.ownership.replaces() && self.hidden(&record)? {
                Verdict::Hidden
            } else if shared || !standings.iter().any(|other| other.verdict == Verdict::Owner) {
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
    fn changed(&self, id: &str) -> Result<Option<&Entry>, Superseded> {
        for overlay in [&self.active, &self.sealed].into_iter().flatten() {
            if let Some(entry) = overlay.customer(id, self.seq)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Claimants of `key` by rank; of a contested number that the snapshot alone decides, the owner alone.
    #[inline]
    fn claimants(&self, key: u64) -> Result<Records<'_>, Superseded> {
        let unique = self.ownership.mode == Mode::Unique && self.ownership.on_conflict == OnConflict::Move;
        if self.active.is_none() && self.sealed.is_none() {
            match self.state.snapshot.claimants(key) {
                Claimants::None => return Ok(Records::new()),
                Claimants::One(record) => return Ok(Records::from_iter([record])),
                Claimants::Many(many) if unique && !many.shared() => {
                    // A damaged record must not hand its number to the next in line, who may be a stranger.
                    let owner = many.references(self.ownership.order()).next();
                    let owner = owner.and_then(|owner| self.state.snapshot.claimant(owner));
                    return Ok(owner.into_iter().collect());
                }
                Claimants::Many(_) => {}
            }
        }
        self.every_claimant(key)
    }

    /// All claimants of `key`, the strongest first.
    fn every_claimant(&self, key: u64) -> Result<Records<'_>, Superseded> {
        let mut claimants = Records::new();
        for overlay in [&self.active, &self.sealed].into_iter().flatten() {
            for id in overlay.hints(key) {
                let record = self.changed(id)?.and_then(Entry::record);
                let Some(record) = record.filter(|record| record.claim(key).is_some()) else {
                    continue;
                };
                // Both overlays may hint at one customer.
                if !claimants.iter().any(|known| known.id() == record.id()) {
                    claimants.push(record);
                }
            }
        }
        match self.state.snapshot.claimants(key) {
            Claimants::None => {}
            Claimants::One(record) => {
                if self.changed(record.id())?.is_none() {
                    claimants.push(record);
                }
            }
            Claimants::Many(many) => {
                for reference in many.references(self.ownership.order()).take(MOST_CLAIMANTS) {
                    let Some(record) = self.state.snapshot.claimant(reference) else {
                        continue;
                    };
                    if record.claim(key).is_some() && self.changed(record.id())?.is_none() {
                        claimants.push(record);
                    }
                }
            }
        }
        claimants.sort_by(|a, b| self.ownership.rank(b, key).cmp(&self.ownership.rank(a, key)));
        claimants.truncate(MOST_CLAIMANTS);
        Ok(claimants)
    }

    /// Whether an owner of one of `record`'s numbers hides it: claims are settled from the greatest down, and a
    /// customer that loses one is out of the settling of all lesser ones.
    fn hidden(&self, record: &Record<'_>) -> Result<bool, Superseded> {
        let mut steps = MOST_STEPS;
        self.hidden_above(record, None, &mut steps)
    }

    /// Whether `record` loses a number to a claim greater than `floor`, by a claimant that still stands there.
    fn hidden_above(
        &self,
        record: &Record<'_>,
        floor: Option<Rank<'_>>,
        steps: &mut usize,
    ) -> Result<bool, Superseded> {
        for claim in record.claims() {
            let claimants = self.every_claimant(claim.key)?;
            if is_shared(&claimants, claim.key) {
                continue;
            }
            let own = self.ownership.rank(record, claim.key);
            for rival in &claimants {
                let rank = self.ownership.rank(rival, claim.key);
                if rank <= own || rank <= floor {
                    break;
                }
                // Out of steps: hidden, since no person is better than a wrong one.
                let Some(left) = steps.checked_sub(1) else {
                    return Ok(true);
                };
                *steps = left;
                if !self.hidden_above(rival, rank, steps)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

fn is_shared(claimants: &[Record<'_>], key: u64) -> bool {
    claimants
        .iter()
        .any(|record| record.claim(key).is_some_and(|claim| claim.shared))
}

/// See [`View::contest`].
#[derive(Debug)]
pub struct Contest<'v> {
    /// Whether all claimants that stand answer.
    pub shared: bool,
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
