//! Hashing keys that are numbers already: ids' hashes, and numbers.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashers of one map, which no two maps have alike: whoever writes customers cannot choose numbers that collide.
#[derive(Debug, Clone)]
pub(super) struct Keys(u64);

impl Default for Keys {
    fn default() -> Keys {
        Keys(RandomState::new().hash_one(0_u64))
    }
}

impl BuildHasher for Keys {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// Mixes numbers, so that every bit of them tells in every bit of the hash.
#[derive(Debug)]
pub(super) struct Mixed(u64);

impl Hasher for Mixed {
    fn write_u64(&mut self, number: u64) {
        // MurmurHash3's last step.
        let mut mixed = self.0 ^ number;
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 = mixed ^ (mixed >> 33);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_spread_and_each_map_spreads_them_otherwise() {
        let (one, other) = (Keys::default(), Keys::default());
        let mut parts = [0; 16];
        for number in 0..16_000_u64 {
            parts[usize::try_from(one.hash_one(14_806_754_000 + number) >> 60).unwrap_or(0)] += 1;
        }
        assert!(parts.iter().all(|count| (800..1200).contains(count)), "{parts:?}");
        assert_ne!(one.hash_one(1_u64), other.hash_one(1_u64));
    }
}
