//! Customers' ids, as numbers.

use xxhash_rust::xxh3::xxh3_64;

/// The 53-bit hash of a customer's id: the key of a snapshot's id table, and what the reversible spellings for other
/// systems (GUIDs, integers) spell. Two ids may have the same.
pub fn id_hash53(id: &str) -> u64 {
    xxh3_64(id.as_bytes()) >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_fit_a_double_and_stay_what_they_are() {
        assert_eq!(id_hash53("c-71938937"), 414_276_285_419_692);
        assert!(["", "a", "c-1842"].iter().all(|id| id_hash53(id) < 1 << 53));
    }
}
