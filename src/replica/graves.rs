//! Deletions that a merge has taken out of the overlay: a snapshot holds customers, and none that are gone.
//!
//! They are kept until every generation that is kept was written after them. Behind that nothing is delivered again:
//! a feed goes on where a generation says, at the earliest where the oldest one does.

use std::collections::{HashMap, VecDeque};

use crate::customer::record::Origin;
use crate::snapshot::folder::KEPT_GENERATIONS;

/// A deletion.
#[derive(Debug)]
pub(super) struct Grave {
    /// As in a record's origin.
    pub(super) stream: u16,
    /// As in a record's origin.
    pub(super) position: Box<[u8]>,
    seq: u64,
}

/// Deletions by customer.
#[derive(Debug)]
pub(super) struct Graves {
    graves: HashMap<Box<str>, Grave>,
    /// Seqs of the generations that are kept, the oldest first.
    generations: VecDeque<u64>,
}

impl Graves {
    /// None yet, over a snapshot of `seq`.
    pub(super) fn new(seq: u64) -> Graves {
        Graves {
            graves: HashMap::new(),
            generations: VecDeque::from([seq]),
        }
    }

    /// The deletion of `id`.
    pub(super) fn get(&self, id: &str) -> Option<&Grave> {
        self.graves.get(id)
    }

    /// `id` was deleted by the change `seq`.
    pub(super) fn dig(&mut self, seq: u64, id: &str, origin: Origin<'_>) {
        let grave = Grave {
            stream: origin.stream,
            position: origin.position.into(),
            seq,
        };
        self.graves.insert(id.into(), grave);
    }

    /// `id` is back; its record says from where.
    pub(super) fn fill(&mut self, id: &str) {
        self.graves.remove(id);
    }

    /// A generation that holds the changes up to `seq` is the present one.
    pub(super) fn generation(&mut self, seq: u64) {
        self.generations.push_back(seq);
        while self.generations.len() > KEPT_GENERATIONS {
            self.generations.pop_front();
        }
        let oldest = self.generations.front().copied().unwrap_or(seq);
        self.graves.retain(|_, grave| grave.seq > oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grave_lasts_until_every_kept_generation_is_newer() {
        let mut graves = Graves::new(0);
        let origin = Origin {
            stream: 1,
            position: b"9",
        };
        graves.dig(5, "a", origin);
        graves.generation(5);
        graves.generation(6);
        assert!(graves.get("a").is_some());
        graves.generation(7);
        assert!(
            graves.get("a").is_none(),
            "the generations kept are of 5, 6 and 7"
        );
        graves.dig(8, "a", origin);
        graves.fill("a");
        assert!(graves.get("a").is_none());
    }
}
