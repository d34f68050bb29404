//! What people do to the queue, and what age does: each says what to write down, and changes nothing.

use jiff::Timestamp;

use super::{Queue, because_of};
use crate::pop::outbox::entry::{Dead, Entry};
use crate::pop::outbox::item::Item;

impl Queue {
    /// What to write down for the dead letter `id` to be sent again, with those that died because of it; or, where it died
    /// because of another one, for all of these. Nothing where there is none.
    pub(in crate::pop::outbox) fn replay(&self, id: u64) -> Vec<Entry> {
        let Some(dead) = self.dead.get(&id) else {
            return Vec::new();
        };
        let cause = dead
            .because_of
            .as_ref()
            .and_then(|customer| self.lost.get(customer));
        let id = cause.copied().unwrap_or(id);
        let customer = self.dead.get(&id).and_then(|dead| dead.item.creates());
        let with = self
            .dead
            .iter()
            .filter(|(_, dead)| customer.is_some() && dead.because_of.as_deref() == customer);
        let mut ids: Vec<u64> = with.map(|(id, _)| *id).chain([id]).collect();
        ids.sort_unstable();
        ids.into_iter().map(|id| Entry::Replayed { id }).collect()
    }

    /// What to write down for the item `id` to be given up, whether it waits or is dead. What waits for the customer that it
    /// makes becomes dead letters.
    pub(in crate::pop::outbox) fn give_up(&self, id: u64, at: Timestamp) -> Vec<Entry> {
        let waiting = self.waiting.get(&id).map(|waiting| &waiting.item);
        let Some(item) = waiting.or_else(|| Some(&self.dead.get(&id)?.item)) else {
            return Vec::new();
        };
        let mut entries = vec![Entry::Dropped { id }];
        if let (Some(_), Some(customer)) = (waiting, item.creates()) {
            let others = self.waiting.range(id + 1..);
            let others = others.filter(|(_, other)| {
                other.item.creates().is_none() && other.item.customer_id() == Some(customer)
            });
            entries.extend(others.map(|(other, _)| because_of(*other, customer, at)));
        }
        entries
    }

    /// What to write down for everything about the customer `id` to be given up.
    pub(in crate::pop::outbox) fn forget(&self, id: &str) -> Vec<Entry> {
        let is_of = |item: &Item| {
            item.customer_id().is_some_and(|customer| {
                customer == id || self.assigned.get(customer).is_some_and(|assigned| assigned == id)
            })
        };
        let waiting = self
            .waiting
            .iter()
            .filter(|(_, waiting)| is_of(&waiting.item))
            .map(|(id, _)| *id);
        let dead = self
            .dead
            .iter()
            .filter(|(_, dead)| is_of(&dead.item))
            .map(|(id, _)| *id);
        waiting.chain(dead).map(|id| Entry::Dropped { id }).collect()
    }

    /// What to write down for dead letters to go that have been kept for long enough, or are too many.
    pub(in crate::pop::outbox) fn expired(&self, at: Timestamp) -> Vec<Entry> {
        let too_many = self.dead.len().saturating_sub(self.limits.dead_max);
        let is_old = |dead: &Dead| at.as_second() - dead.at.as_second() >= self.limits.dead_kept_s;
        let gone = self.dead.iter().enumerate();
        let gone = gone.filter(|(nth, (_, dead))| *nth < too_many || is_old(dead));
        gone.map(|(_, (id, _))| Entry::Dropped { id: *id }).collect()
    }
}
