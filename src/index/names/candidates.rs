//! Who of a snapshot may fit a search, by its index of names alone.

use std::time::Instant;

use super::order::By;
use super::wanted::Fit;
use super::{Search, Wanted};
use crate::snapshot::names::{Names, Places};

/// Whoever has words that begin as those of the search, and which of them have the words themselves.
pub(super) struct Candidates {
    begun: Places,
    exact: Places,
    count: u64,
    /// Not all of them are there: time was up.
    pub(super) is_partial: bool,
}

/// Candidates between two looks at the clock.
const BETWEEN: usize = 1 << 14;

/// A candidate, ahead of those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Picked {
    pub(super) fit: Fit,
    /// What the index has of what counts, such that the least comes first.
    pub(super) column: u64,
    pub(super) place: u32,
}

impl Candidates {
    pub(super) fn find(names: &Names<'_>, search: &Search<'_>) -> Candidates {
        let customers = names.customers();
        let mut is_partial = false;
        let mut all = |keys: &dyn Fn(&Wanted) -> (u128, u128)| {
            let mut all: Option<Places> = None;
            for wanted in search.wanted {
                let mut places = Places::new(customers);
                is_partial |= !names.find(keys(wanted), &mut places, || Instant::now() < search.deadline);
                match &mut all {
                    Some(all) => all.keep(&places),
                    empty => *empty = Some(places),
                }
            }
            all.unwrap_or_else(|| Places::all(customers))
        };
        let begun = all(&Wanted::keys);
        let exact = all(&Wanted::exact);
        Candidates {
            count: begun.count(),
            begun,
            exact,
            is_partial,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Leaves out the customer at `place`.
    pub(super) fn leave_out(&mut self, place: u32) {
        if self.begun.remove(place) {
            self.count -= 1;
        }
    }

    /// Those that come first, as far as the index tells, and no more than may be looked at. In their order only where
    /// they are `in_order`, which matters where not all of them are looked at.
    /// Where time is up it picks no more.
    pub(super) fn pick(&self, names: &Names<'_>, search: &Search<'_>, in_order: bool) -> Vec<Picked> {
        let most = search.records_max;
        let mut picked = Vec::with_capacity(most.min(usize::try_from(self.count).unwrap_or(most)) * 2);
        for (nth, place) in self.begun.iter().enumerate() {
            if nth % BETWEEN == BETWEEN - 1 && Instant::now() >= search.deadline {
                break;
            }
            picked.push(Picked {
                fit: if self.exact.has(place) {
                    Fit::Exact
                } else {
                    Fit::Beginnings
                },
                column: if in_order { column(names, search, place) } else { 0 },
                place,
            });
            if picked.len() >= most.saturating_mul(2).max(64) {
                keep_first(&mut picked, most);
            }
        }
        keep_first(&mut picked, most);
        if in_order {
            picked.sort_unstable();
        }
        picked
    }
}

fn keep_first(picked: &mut Vec<Picked>, most: usize) {
    if picked.len() > most {
        picked.select_nth_unstable(most);
        picked.truncate(most);
    }
}

/// What the index has of what `search` orders by, such that the least comes first and who has none comes last.
fn column(names: &Names<'_>, search: &Search<'_>, place: u32) -> u64 {
    let Some(row) = names.row(place) else {
        return u64::MAX;
    };
    let descending = search.order.descending;
    let turned = |value: u64| if descending { !value } else { value };
    match search.order.by {
        By::Name => turned(row.name),
        By::CreatedAt => row.created_ms.map_or(u64::MAX, |ms| turned(shifted(ms))),
        // The index has neither: the newest are as good as any.
        By::UpdatedAt | By::Attribute(_) => row.created_ms.map_or(u64::MAX, |ms| !shifted(ms)),
    }
}

/// `ms` as a number that orders alike.
fn shifted(ms: i64) -> u64 {
    u64::from_le_bytes(ms.to_le_bytes()) ^ (1 << 63)
}
