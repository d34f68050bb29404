//! Parts whose customer is not known yet: they wait for it, bounded, and are applied with it.

use std::collections::HashMap;

use super::change::PartChange;
use crate::customer::record::{Origin, Part};

/// A part that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Orphan {
    pub(super) stream: u16,
    pub(super) position: Box<[u8]>,
    pub(super) change: PartChange,
}

/// Parts that wait, by the customer that they wait for.
#[derive(Debug, Default)]
pub(super) struct Parked {
    orphans: HashMap<Box<str>, Vec<Orphan>>,
    count: usize,
}

impl Parked {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// What waits for `customer`, in the order in which it came.
    pub(super) fn of(&self, customer: &str) -> &[Orphan] {
        self.orphans.get(customer).map_or(&[], Vec::as_slice)
    }

    /// Whether `origin` has delivered that part already, at the same place or a later one.
    pub(super) fn covers(&self, customer: &str, origin: Origin<'_>, change: &PartChange) -> bool {
        self.of(customer).iter().any(|orphan| {
            orphan.stream == origin.stream
                && *orphan.position >= *origin.position
                && orphan.change.part() == change.part()
        })
    }

    /// Has `change` wait for `customer`, in the place of what the same stream said of the part before.
    pub(super) fn park(&mut self, customer: &str, origin: Origin<'_>, change: PartChange) {
        let waiting = self.orphans.entry(customer.into()).or_default();
        let before = waiting.len();
        waiting.retain(|orphan| orphan.stream != origin.stream || orphan.change.part() != change.part());
        waiting.push(Orphan {
            stream: origin.stream,
            position: origin.position.into(),
            change,
        });
        self.count = self.count + waiting.len() - before;
    }

    /// Takes what waits for `customer`.
    pub(super) fn take(&mut self, customer: &str) -> Vec<Orphan> {
        let taken = self.orphans.remove(customer).unwrap_or_default();
        self.count -= taken.len();
        taken
    }

    /// `customer` was deleted by `origin`: takes what waits for it, but for what the same stream has delivered from behind.
    pub(super) fn end(&mut self, customer: &str, origin: Origin<'_>) -> Vec<Orphan> {
        let is_later =
            |orphan: &Orphan| orphan.stream == origin.stream && *orphan.position > *origin.position;
        let (later, ended): (Vec<_>, Vec<_>) = self.take(customer).into_iter().partition(is_later);
        self.count += later.len();
        if !later.is_empty() {
            self.orphans.insert(customer.into(), later);
        }
        ended
    }

    /// Whether something waits that is said of `part` of `customer`.
    pub(super) fn has(&self, customer: &str, part: Part) -> bool {
        self.of(customer)
            .iter()
            .any(|orphan| orphan.change.part() == part)
    }

    /// Everything that waits, and for whom.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Orphan)> {
        self.orphans
            .iter()
            .flat_map(|(customer, orphans)| orphans.iter().map(move |orphan| (&**customer, orphan)))
    }

    /// Keeps what `keeps` says.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&Orphan) -> bool) {
        self.orphans.retain(|_, waiting| {
            waiting.retain(&mut keeps);
            !waiting.is_empty()
        });
        self.count = self.orphans.values().map(Vec::len).sum();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Parked::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Case;
    use crate::replica::change::Part as Change;

    fn case(id: &str) -> PartChange {
        PartChange::Case(Change::Put(Case {
            id: id.into(),
            ..Case::default()
        }))
    }

    #[test]
    fn a_part_waits_once_and_is_counted() {
        let at = |position| Origin {
            stream: 1,
            position,
            marks: &[],
        };
        let mut parked = Parked::default();
        parked.park("a", at(b"1"), case("k"));
        parked.park("a", at(b"3"), case("k"));
        parked.park("a", at(b"2"), case("l"));
        assert_eq!((parked.len(), parked.of("a").len()), (2, 2));
        assert!(parked.covers("a", at(b"3"), &case("k")) && !parked.covers("a", at(b"4"), &case("k")));
        assert!(!parked.covers("b", at(b"1"), &case("k")));
        assert!(parked.has("a", case("l").part()) && !parked.has("b", case("l").part()));
        assert_eq!(parked.end("a", at(b"2")).len(), 1, "that of 3 came from behind");
        assert_eq!((parked.len(), parked.of("a").len()), (1, 1));
        assert_eq!(parked.take("a").len(), 1);
        assert_eq!((parked.len(), parked.iter().count()), (0, 0));
    }
}
