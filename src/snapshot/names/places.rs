//! A set of customers by their places.

/// Which customers, a bit for each of a snapshot: two sets are compared in the time that reading them takes, whatever is
/// in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    words: Vec<u64>,
    customers: u32,
}

impl Places {
    /// None of `customers`.
    pub fn new(customers: u32) -> Places {
        let words = usize::try_from(customers.div_ceil(64)).unwrap_or(0);
        Places {
            words: vec![0; words],
            customers,
        }
    }

    /// All of `customers`.
    pub fn all(customers: u32) -> Places {
        let mut places = Places::new(customers);
        places.words.fill(u64::MAX);
        if let (Some(last), left @ 1..) = (places.words.last_mut(), customers % 64) {
            *last = (1 << left) - 1;
        }
        places
    }

    /// Adds the customer at `place`; one that nobody is at adds nobody.
    pub fn add(&mut self, place: u32) {
        if place < self.customers
            && let Some(word) = self.words.get_mut(place as usize / 64)
        {
            *word |= 1 << (place % 64);
        }
    }

    /// Takes out the customer at `place`; whether it was there.
    pub fn remove(&mut self, place: u32) -> bool {
        let had = self.has(place);
        if had && let Some(word) = self.words.get_mut(place as usize / 64) {
            *word &= !(1 << (place % 64));
        }
        had
    }

    /// Whether the customer at `place` is in it.
    pub fn has(&self, place: u32) -> bool {
        let word = self.words.get(place as usize / 64);
        word.is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// Keeps those that are in `other`, too.
    pub fn keep(&mut self, other: &Places) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// How many are in it.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// All that are in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).step_by(64).zip(&self.words).flat_map(|(first, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(first + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn places(customers: u32, of: &BTreeSet<u32>) -> Places {
        let mut places = Places::new(customers);
        of.iter().for_each(|place| places.add(*place));
        places
    }

    proptest! {
        #[test]
        fn a_set_is_one(
            one in prop::collection::btree_set(0_u32..200, 0..50),
            other in prop::collection::btree_set(0_u32..200, 0..50),
            customers in 0_u32..200,
        ) {
            let within = |set: &BTreeSet<u32>| set.iter().copied().filter(|place| *place < customers).collect::<BTreeSet<u32>>();
            let (one, other) = (one, other);
            let mut both = places(customers, &one);
            prop_assert_eq!(both.iter().collect::<BTreeSet<u32>>(), within(&one));
            both.keep(&places(customers, &other));
            let expected: BTreeSet<u32> = within(&one).intersection(&within(&other)).copied().collect();
            prop_assert_eq!(both.count(), expected.len() as u64);
            prop_assert!((0..200).all(|place| both.has(place) == expected.contains(&place)));
            prop_assert!(Places::all(customers).iter().eq(0..customers));
        }
    }
}
