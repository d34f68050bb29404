//! What is remembered of items that are no more: that their keys were had, and which ids their customers got.

use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_128;

/// A key's hash: keys may be long, and are kept for long.
pub(super) type Hash = [u64; 2];

/// Pairs, of which the oldest go where there are too many.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    most: usize,
    order: VecDeque<K>,
    known: HashMap<K, V>,
}

pub(super) fn hash(key: &str) -> Hash {
    let bytes = xxh3_128(key.as_bytes()).to_le_bytes();
    let half = |from: usize| {
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[from..from + 8]);
        u64::from_le_bytes(half)
    };
    [half(0), half(8)]
}

impl<K: Clone + Eq + std::hash::Hash, V: Clone> Memory<K, V> {
    /// One of at most `most` pairs.
    pub(super) fn new(most: usize) -> Memory<K, V> {
        Memory {
            most,
            order: VecDeque::new(),
            known: HashMap::new(),
        }
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        if self.known.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + std::hash::Hash + ?Sized,
    {
        self.known.get(key)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The pairs, the oldest first.
    pub(super) fn pairs(&self) -> Vec<(K, V)> {
        let pair = |key: &K| Some((key.clone(), self.known.get(key)?.clone()));
        self.order.iter().filter_map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_no_others() {
        let mut memory = Memory::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            memory.put(key, value);
        }
        assert_eq!(memory.pairs(), [("b", 2), ("c", 4)]);
        assert_eq!((memory.get("a"), memory.get("c")), (None, Some(&4)));
        let mut none = Memory::new(0);
        none.put("a", 1);
        assert_eq!(none.pairs(), []);
    }

    #[test]
    fn keys_that_differ_have_hashes_that_differ() {
        assert_ne!(hash("a"), hash("b"));
        assert_eq!(hash("a"), hash("a"));
        assert_ne!(hash("a")[0], hash("a")[1]);
    }
}
