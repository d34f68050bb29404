//! Customers by the words of their names, in one view.
//!
//! What an index says is where to look; who is listed is decided by the record that the view has: so whoever was deleted,
//! renamed or replaced is not. A search is bounded: by the records that it looks at, and by time. What it then does not know
//! it says.

mod candidates;
mod order;
mod wanted;

use std::time::Instant;

use self::candidates::Candidates;
pub use self::order::{By, Order};
use self::order::{Hit, Value};
use self::wanted::{Fit, fit};
pub use self::wanted::{MOST_WANTED, Wanted};
use super::claimants::Budget;
use super::view::{Verdict, View};
use crate::customer::Record;
use crate::customer::words::Words;
use crate::overlay::{Entry, Superseded};

/// What is searched, and how far.
pub struct Search<'s> {
    /// Words that a customer has to have, all of them; [`MOST_WANTED`] at the most. None: everybody.
    pub wanted: &'s [Wanted],
    /// What else has to hold of a customer; `None`: nothing.
    pub filter: Option<&'s dyn Fn(&Record<'_>) -> bool>,
    /// In what order, behind how well they fit.
    pub order: Order<'s>,
    /// How many are wanted, from the first.
    pub first: usize,
    /// The most records that are looked at in the snapshot, and in each overlay.
    pub records_max: usize,
    /// When it ends.
    pub deadline: Instant,
    /// Whether to leave out a customer that changes while one looks, rather than to begin anew with another view.
    pub leave_out: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Listed<'v> {
    /// How many there are.
    pub total: u64,
    /// Whether that is certain, and so the order.
    pub is_exact: bool,
    /// The first of them.
    pub records: Vec<Record<'v>>,
}

/// How a search goes on.
pub(super) struct Looking<'s, 'v> {
    search: &'s Search<'s>,
    words: Words,
    hits: Vec<Hit<'v>>,
    /// Something was not looked at, or left out.
    is_partial: bool,
}

impl Looking<'_, '_> {
    fn is_late(&self) -> bool {
        Instant::now() >= self.search.deadline
    }
}

impl View<'_> {
    /// Whether names are found by an index here; without one, a search reads as many records as it may, and no more.
    pub fn has_names(&self) -> bool {
        self.state.snapshot.names().is_some()
    }

    /// The customers that `search` is about. Takes up to its deadline, so that it is nothing for a thread that answers
    /// lookups.
    ///
    /// # Errors
    /// [`Superseded`], unless such customers are to be left out.
    pub fn search(&self, search: &Search<'_>) -> Result<Listed<'_>, Superseded> {
        let mut looking = Looking {
            search,
            words: Words::new(),
            hits: Vec::new(),
            is_partial: false,
        };
        self.look_at_changes(&mut looking)?;
        let unseen = self.look_at_snapshot(&mut looking)?;
        let Looking {
            mut hits, is_partial, ..
        } = looking;
        hits.sort_unstable_by(|one, other| one.compare(other, &search.order));
        Ok(Listed {
            total: hits.len() as u64 + unseen,
            is_exact: !is_partial,
            records: hits
                .into_iter()
                .take(search.first)
                .map(|hit| hit.record)
                .collect(),
        })
    }

    /// The customers that list the number `key`, whoever answers for it, of whom `search`'s filter and order hold; its words
    /// do not count.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn search_number(&self, key: u64, search: &Search<'_>) -> Result<Listed<'_>, Superseded> {
        let standings = self.contest(key)?.standings;
        let is_exact = standings.len() < MOST_LISTING;
        let standing = standings.into_iter().filter(|one| one.verdict != Verdict::Hidden);
        let mut hits: Vec<Hit<'_>> = standing
            .map(|one| one.record)
            .filter(|record| search.filter.is_none_or(|filter| filter(record)))
            .map(|record| Hit {
                fit: Fit::Exact,
                value: search.order.value(&record, self.schema()),
                record,
            })
            .collect();
        hits.sort_unstable_by(|one, other| one.compare(other, &search.order));
        Ok(Listed {
            total: hits.len() as u64,
            is_exact,
            records: hits
                .into_iter()
                .take(search.first)
                .map(|hit| hit.record)
                .collect(),
        })
    }

    /// Looks at whom the overlays have.
    fn look_at_changes<'s>(&'s self, looking: &mut Looking<'_, 's>) -> Result<(), Superseded> {
        let search = looking.search;
        let most = search.records_max;
        let overlays = [
            (self.active.as_ref(), Some(&self.state.active)),
            (self.sealed.as_ref(), self.state.sealed.as_ref()),
        ];
        for (nth, (pinned, overlay)) in overlays.into_iter().enumerate() {
            let (Some(pinned), Some(overlay)) = (pinned, overlay) else {
                continue;
            };
            // Also beyond the deadline, for a while: who was changed last is noted last.
            let patience = search.deadline + CATCH_UP;
            looking.is_partial |= !overlay.read_names(|| Instant::now() < patience);
            let mut ids = match search.wanted.iter().max_by_key(|wanted| wanted.word.len()) {
                Some(wanted) => overlay.with_word(wanted.keys(), most + 1),
                None => {
                    let is_oldest_first = search.order.by == By::CreatedAt && !search.order.descending;
                    overlay.by_age(is_oldest_first, most + 1)
                }
            };
            looking.is_partial |= ids.len() > most;
            ids.sort_unstable();
            ids.dedup();
            for (looked, id) in ids.iter().enumerate() {
                if looked % BETWEEN == BETWEEN - 1 && looking.is_late() {
                    looking.is_partial = true;
                    break;
                }
                if nth > 0 && self.is_in_active(id, looking)? {
                    continue;
                }
                match self.patiently(pinned.customer(id, self.seq()), looking)? {
                    Some(Some(entry @ Entry::Customer(_))) => match entry.record() {
                        Some(record) => self.look_at(record, looking)?,
                        None => looking.is_partial = true,
                    },
                    Some(Some(Entry::Tombstone(_)) | None) | None => {}
                }
            }
        }
        Ok(())
    }

    /// Whether the active overlay speaks of `id`, or may.
    fn is_in_active(&self, id: &str, looking: &mut Looking<'_, '_>) -> Result<bool, Superseded> {
        let Some(active) = &self.active else {
            return Ok(false);
        };
        let said = self.patiently(active.customer(id, self.seq()), looking)?;
        Ok(said.is_none_or(|entry| entry.is_some()))
    }

    /// What was `read`; `None` where a customer that changed meanwhile is to be left out.
    fn patiently<T>(
        &self,
        read: Result<T, Superseded>,
        looking: &mut Looking<'_, '_>,
    ) -> Result<Option<T>, Superseded> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Superseded) if looking.search.leave_out => {
                looking.is_partial = true;
                Ok(None)
            }
            Err(superseded) => Err(superseded),
        }
    }

    /// Looks at whom the snapshot has; gives back how many fit as far as its index tells and were not looked at.
    fn look_at_snapshot<'s>(&'s self, looking: &mut Looking<'_, 's>) -> Result<u64, Superseded> {
        let search = looking.search;
        let snapshot = self.snapshot();
        let Some(names) = snapshot.names() else {
            for (looked, record) in snapshot.records().enumerate() {
                let is_late = looked % BETWEEN == BETWEEN - 1 && looking.is_late();
                let Some(record) = record.ok().filter(|_| looked < search.records_max && !is_late) else {
                    looking.is_partial = true;
                    break;
                };
                self.look_at_stored(record, looking)?;
            }
            return Ok(0);
        };
        let mut candidates = Candidates::find(&names, search);
        looking.is_partial |= candidates.is_partial;
        let is_broad = candidates.count() > search.records_max as u64;
        // What the index alone says of whoever is not looked at has to be so.
        let is_told_by_index = search.filter.is_none()
            && search.wanted.iter().all(Wanted::is_told_by_keys)
            && matches!(search.order.by, By::Name | By::CreatedAt);
        if is_broad {
            looking.is_partial |= !is_told_by_index || self.ownership.replaces();
            looking.is_partial |= !self.leave_out_changed(&mut candidates, looking)?;
        }
        let picked = candidates.pick(&names, search, is_broad);
        // Then it is not known whether they are the first.
        looking.is_partial |= is_broad && looking.is_late();
        let enough = looking.hits.len() + search.first;
        let mut last: Option<(Fit, u64)> = None;
        for (looked, place) in picked.iter().enumerate() {
            let is_late = looked % BETWEEN == BETWEEN - 1 && looking.is_late();
            // Those that the index has as the same are ordered by their records.
            let is_enough = is_broad
                && is_told_by_index
                && looking.hits.len() >= enough
                && last != Some((place.fit, place.column));
            if is_late || is_enough {
                looking.is_partial |= is_late;
                return Ok(candidates.count() - looked as u64);
            }
            last = Some((place.fit, place.column));
            match names.row(place.place).and_then(|row| snapshot.named(row)) {
                Some(record) => self.look_at_stored(record, looking)?,
                None => looking.is_partial = true,
            }
        }
        let unseen = candidates.count() - picked.len() as u64;
        looking.is_partial |= unseen > 0;
        Ok(unseen)
    }

    /// Leaves out of `candidates` whoever the overlays speak of; `false` where those are too many to ask for each.
    fn leave_out_changed(
        &self,
        candidates: &mut Candidates,
        looking: &mut Looking<'_, '_>,
    ) -> Result<bool, Superseded> {
        let snapshot = self.snapshot();
        let Some(names) = snapshot.names() else {
            return Ok(false);
        };
        let changed = |overlay: &crate::overlay::Overlay| overlay.len();
        let count = changed(&self.state.active) + self.state.sealed.as_deref().map_or(0, changed);
        if count > looking.search.records_max {
            return Ok(false);
        }
        for pinned in [&self.active, &self.sealed].into_iter().flatten() {
            for entry in pinned.customers(self.seq()) {
                let Some((id, _)) = self.patiently(entry, looking)? else {
                    continue;
                };
                if let Some(record) = snapshot.customer(id)
                    && let Some(place) = snapshot.place(&names, &record)
                {
                    candidates.leave_out(place);
                }
            }
        }
        Ok(true)
    }

    /// Looks at `record` of the snapshot, unless an overlay speaks of its customer.
    fn look_at_stored<'s>(
        &'s self,
        record: Record<'s>,
        looking: &mut Looking<'_, 's>,
    ) -> Result<(), Superseded> {
        match self.patiently(self.changed(record.id()), looking)? {
            Some(None) => self.look_at(record, looking),
            Some(Some(_)) | None => Ok(()),
        }
    }

    /// Takes `record` up where it fits.
    fn look_at<'s>(&'s self, record: Record<'s>, looking: &mut Looking<'_, 's>) -> Result<(), Superseded> {
        let search = looking.search;
        let Some(fit) = fit(&record, search.wanted, &mut looking.words) else {
            return Ok(());
        };
        if search.filter.is_some_and(|filter| !filter(&record)) {
            return Ok(());
        }
        if self.ownership.replaces() {
            let is_hidden = self.is_hidden(&record, &mut Budget::of_a_lookup());
            if self.patiently(is_hidden, looking)?.unwrap_or(true) {
                return Ok(());
            }
        }
        let value: Value = search.order.value(&record, self.schema());
        looking.hits.push(Hit { fit, value, record });
        Ok(())
    }
}

/// Where so many list a number, not all of them need be known.
const MOST_LISTING: usize = 64;
/// How many records are looked at between two looks at the clock.
const BETWEEN: usize = 32;
/// How long beyond its deadline a search reads the words of whoever has changed since the last one.
const CATCH_UP: std::time::Duration = std::time::Duration::from_secs(1);
