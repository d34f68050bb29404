//! Deletions that a merge has taken out of the overlay: a snapshot holds customers, and none that are gone.
//!
//! They are kept until every generation that is kept was written after them. Behind that nothing is delivered again:
//! a feed goes on where a generation says, at the earliest where the oldest one does.

use std::collections::{BTreeMap, HashMap};

use crate::customer::record::Origin;

/// A deletion.
#[derive(Debug)]
pub(super) struct Grave {
    stream: u16,
    position: Box<[u8]>,
    marks: Box<[u8]>,
    seq: u64,
    at_ms: i64,
}

impl Grave {
    /// The deletion by the change `seq`, which came from `origin` at `at_ms`, in milliseconds since 1970.
    pub(super) fn new(seq: u64, origin: Origin<'_>, at_ms: i64) -> Grave {
        Grave {
            stream: origin.stream,
            position: origin.position.into(),
            marks: origin.marks.into(),
            seq,
            at_ms,
        }
    }

    /// By which stream and where, and up to where others had delivered the customer.
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin {
            stream: self.stream,
            position: &self.position,
            marks: &self.marks,
        }
    }
}

/// Deletions by customer.
#[derive(Debug, Default)]
pub(super) struct Graves {
    graves: HashMap<Box<str>, Grave>,
    /// When deletions came, those within a second together: by the first's seq, when that was and the last's seq.
    times: BTreeMap<u64, (i64, u64)>,
    /// The newest change of the oldest generation that is kept.
    oldest: u64,
}

impl Graves {
    /// None yet; those at or below the change `oldest` are not remembered.
    pub(super) fn new(oldest: u64) -> Graves {
        Graves {
            oldest,
            ..Graves::default()
        }
    }

    /// The deletion of `id`.
    pub(super) fn get(&self, id: &str) -> Option<&Grave> {
        self.graves.get(id)
    }

    /// Deletions at or below this change are not remembered.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.graves.len()
    }

    /// `id` was deleted.
    pub(super) fn dig(&mut self, id: &str, grave: Grave) {
        if grave.seq <= self.oldest {
            return;
        }
        match self.times.last_entry() {
            Some(mut last) if (0..1000).contains(&(grave.at_ms - last.get().0)) => {
                last.get_mut().1 = grave.seq
            }
            _ => {
                self.times.insert(grave.seq, (grave.at_ms, grave.seq));
            }
        }
        self.graves.insert(id.into(), grave);
    }

    /// `id` is back; its record says from where. What was there before still has to be erased.
    pub(super) fn fill(&mut self, id: &str) {
        self.graves.remove(id);
    }

    /// The oldest generation that is kept holds the changes up to `oldest`.
    pub(super) fn keep_from(&mut self, oldest: u64) {
        self.oldest = self.oldest.max(oldest);
        self.graves.retain(|_, grave| grave.seq > oldest);
        self.times.retain(|_, (_, last)| *last > oldest);
    }

    /// When the first deletion behind the change `seq` came, in milliseconds since 1970, or up to a second earlier;
    /// `None` where there was none.
    pub(super) fn first_behind(&self, seq: u64) -> Option<i64> {
        let mut behind = self.times.values().filter(|(_, last)| *last > seq);
        behind.next().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grave(seq: u64, at_ms: i64) -> Grave {
        let origin = Origin {
            stream: 1,
            position: b"9",
            marks: &[],
        };
        Grave::new(seq, origin, at_ms)
    }

    #[test]
    fn a_grave_lasts_until_every_kept_generation_is_newer() {
        let mut graves = Graves::new(0);
        graves.dig("a", grave(5, 0));
        graves.keep_from(4);
        assert!(graves.get("a").is_some());
        graves.keep_from(5);
        assert!(graves.get("a").is_none());
        graves.dig("a", grave(3, 0));
        assert!(graves.get("a").is_none(), "no generation that is kept is older");
        graves.dig("a", grave(8, 0));
        graves.fill("a");
        assert!(graves.get("a").is_none());
    }

    #[test]
    fn the_age_of_what_has_to_be_erased_is_known() {
        let mut graves = Graves::new(0);
        assert_eq!(graves.first_behind(0), None);
        graves.dig("a", grave(5, 10_000));
        graves.dig("b", grave(6, 10_500));
        graves.dig("c", grave(9, 20_000));
        assert_eq!(graves.first_behind(4), Some(10_000));
        assert_eq!(graves.first_behind(5), Some(10_000));
        assert_eq!(graves.first_behind(6), Some(20_000));
        assert_eq!(graves.first_behind(9), None);
        graves.dig("d", grave(10, 20_100));
        assert_eq!(graves.first_behind(9), Some(20_000));
        graves.keep_from(9);
        assert_eq!(graves.first_behind(9), Some(20_000));
        graves.fill("d");
        assert_eq!(graves.first_behind(9), Some(20_000), "its bytes are still there");
        graves.keep_from(10);
        assert_eq!(graves.first_behind(10), None);
    }
}
