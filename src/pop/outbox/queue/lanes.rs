//! Which item of each lane comes up, and when: one at a time, the one with the lowest number.

use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
struct Lane {
    items: BTreeSet<u64>,
    /// Whether one of it is under way.
    busy: bool,
    /// What is among those that come up: when, and which.
    offered: Option<(u64, u64)>,
}

/// All lanes that have items.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<String, Lane>,
    /// When, and which: at most one of each lane.
    coming: BTreeSet<(u64, u64)>,
    flying: HashMap<u64, String>,
    /// Lanes whose first item waits for the customer of this provisional id.
    parked: HashMap<String, Vec<String>>,
}

impl Lanes {
    pub(super) fn join(&mut self, id: u64, lane: &str) {
        self.lanes.entry(lane.to_owned()).or_default().items.insert(id);
    }

    pub(super) fn leave(&mut self, id: u64, lane: &str) {
        let Some(of) = self.lanes.get_mut(lane) else {
            return;
        };
        of.items.remove(&id);
        self.tidy(lane);
    }

    /// Has the first item of `lane` come up when `due` says, unless one of it is under way.
    pub(super) fn offer(&mut self, lane: &str, due: impl Fn(u64) -> u64) {
        let Some(of) = self.lanes.get_mut(lane) else {
            return;
        };
        if let Some(offered) = of.offered.take() {
            self.coming.remove(&offered);
        }
        if let Some(first) = of.items.first().copied().filter(|_| !of.busy) {
            let offered = (due(first), first);
            of.offered = Some(offered);
            self.coming.insert(offered);
        }
    }

    /// Takes the next item that is due out of those that come up.
    pub(super) fn next_due(&mut self, now: u64) -> Option<u64> {
        let (_, id) = self.coming.first().copied().filter(|(due, _)| *due <= now)?;
        self.coming.pop_first();
        Some(id)
    }

    pub(super) fn first_due(&self) -> Option<u64> {
        self.coming.first().map(|(due, _)| *due)
    }

    pub(super) fn fly(&mut self, id: u64, lane: &str) {
        self.flying.insert(id, lane.to_owned());
        if let Some(of) = self.lanes.get_mut(lane) {
            of.busy = true;
            of.offered = None;
        }
    }

    /// The lane of the item that was under way.
    pub(super) fn land(&mut self, id: u64) -> Option<String> {
        let lane = self.flying.remove(&id)?;
        if let Some(of) = self.lanes.get_mut(&lane) {
            of.busy = false;
        }
        self.tidy(&lane);
        Some(lane)
    }

    pub(super) fn flying(&self) -> usize {
        self.flying.len()
    }

    pub(super) fn is_flying(&self, id: u64) -> bool {
        self.flying.contains_key(&id)
    }

    /// Whether nothing of its lane is ahead of the item `id`.
    pub(super) fn is_first(&self, id: u64, lane: &str) -> bool {
        self.lanes
            .get(lane)
            .is_some_and(|of| of.items.first() == Some(&id))
    }

    pub(super) fn park(&mut self, customer: String, lane: &str) {
        if let Some(of) = self.lanes.get_mut(lane) {
            of.offered = None;
        }
        self.parked.entry(customer).or_default().push(lane.to_owned());
    }

    pub(super) fn unpark(&mut self, customer: &str) -> Vec<String> {
        self.parked.remove(customer).unwrap_or_default()
    }

    /// Forgets a lane without items.
    fn tidy(&mut self, lane: &str) {
        let is_over = |of: &Lane| of.items.is_empty() && !of.busy;
        if self.lanes.get(lane).is_some_and(is_over)
            && let Some(of) = self.lanes.remove(lane)
            && let Some(offered) = of.offered
        {
            self.coming.remove(&offered);
        }
    }
}
