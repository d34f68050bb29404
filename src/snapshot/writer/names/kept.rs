//! The names of the customers that a merge keeps, at the places that they have in the next snapshot.

use std::io;

use super::List;
use super::runs::Run;
use crate::snapshot::names::{Names, each_place};

/// The words of a snapshot, of the customers that are kept.
pub(super) struct Kept<'s> {
    names: Names<'s>,
    nth: usize,
    gone: Gone,
}

impl<'s> Kept<'s> {
    /// `gone` are the places, ascending, of customers that are not kept.
    pub(super) fn new(names: Names<'s>, gone: &[u32]) -> Kept<'s> {
        Kept {
            names,
            nth: 0,
            gone: Gone::new(names.customers(), gone),
        }
    }
}

impl Run for Kept<'_> {
    fn next(&mut self) -> io::Result<Option<(u128, List)>> {
        loop {
            let Some((key, postings)) = self.names.word(self.nth) else {
                return Ok(None);
            };
            self.nth += 1;
            let mut list = List::default();
            each_place(postings, |place| {
                if let Some(place) = self.gone.place_of(place) {
                    list.add(place);
                }
            });
            if !list.bytes.is_empty() {
                return Ok(Some((key, list)));
            }
        }
    }
}

/// Who is gone, and how many of those ahead of everybody are.
struct Gone {
    /// For each 64 places: which are gone, and how many ahead of them are.
    blocks: Vec<(u64, u32)>,
    customers: u32,
}

impl Gone {
    fn new(customers: u32, gone: &[u32]) -> Gone {
        let mut blocks = vec![(0_u64, 0_u32); customers.div_ceil(64) as usize];
        for place in gone {
            if let Some((bits, _)) = blocks.get_mut(*place as usize / 64) {
                *bits |= 1 << (place % 64);
            }
        }
        let mut before = 0;
        for (bits, ahead) in &mut blocks {
            *ahead = before;
            before += bits.count_ones();
        }
        Gone { blocks, customers }
    }

    /// Where the customer at `place` comes to be; `None` where it is gone.
    fn place_of(&self, place: u32) -> Option<u32> {
        let (bits, ahead) = self.blocks.get(place as usize / 64)?;
        let bit = 1_u64 << (place % 64);
        let is_kept = place < self.customers && bits & bit == 0;
        is_kept.then(|| place - ahead - (bits & (bit - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn those_that_are_kept_close_up(gone in prop::collection::btree_set(0_u32..300, 0..60), customers in 1_u32..300) {
            let list: Vec<u32> = gone.iter().copied().collect();
            let places = Gone::new(customers, &list);
            let kept = (0..customers).filter(|place| !gone.contains(place));
            let mut expected = vec![None; 300];
            for (next, place) in kept.enumerate() {
                expected[place as usize] = u32::try_from(next).ok();
            }
            for place in 0..300 {
                prop_assert_eq!(places.place_of(place), expected[place as usize]);
            }
        }
    }
}
