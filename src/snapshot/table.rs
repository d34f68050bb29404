//! A static hash table: 64-byte buckets of packed slots, one cache line read for a lookup.
//!
//! A slot is `SLOT` bytes, little-endian: 40 bits of reference, the rest a fingerprint; zero is empty. An entry
//! whose bucket is full goes to the next one, so a search ends at the first bucket with an empty slot. Behind the
//! last home bucket lie as many more as the overflow took, and always one with an empty slot.
//!
//! The table holds no keys: whoever follows a reference compares the key with what it finds there.

use std::io::{self, Read};

use super::sort::{Item, read_u64};

/// Bytes of a bucket: one cache line.
pub(crate) const BUCKET: usize = 64;
/// Bits of a reference. References count 8-byte units of the file, which reaches 8 TiB.
pub(crate) const REFERENCE_BITS: usize = 40;
const REFERENCE_MASK: u64 = (1 << REFERENCE_BITS) - 1;

/// Slot bytes of the number table: 24 bits of fingerprint, 8 slots a bucket.
pub(crate) const NUMBER_SLOT: usize = 8;
/// Slot bytes of the id table: 8 bits of fingerprint, 10 slots a bucket.
pub(crate) const ID_SLOT: usize = 6;

/// Entries per 100 slots. Numbers: 11.0 bytes each. Ids: 7.5 bytes each.
const fn load_percent(slot: usize) -> u64 {
    if slot == NUMBER_SLOT { 73 } else { 85 }
}

/// An entry: the key's hash and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Well-mixed hash: the top bits choose the bucket, the low bits are the fingerprint.
    pub(crate) hash: u64,
    /// 1 to 2⁴⁰ − 1.
    pub(crate) reference: u64,
}

impl Item for Entry {
    fn size(&self) -> u64 {
        size_of::<Entry>() as u64
    }

    fn write(&self, run: &mut Vec<u8>) {
        run.extend_from_slice(&self.hash.to_le_bytes());
        run.extend_from_slice(&self.reference.to_le_bytes());
    }

    fn read(run: &mut impl Read) -> io::Result<Entry> {
        Ok(Entry {
            hash: read_u64(run)?,
            reference: read_u64(run)?,
        })
    }
}

/// Home buckets for `entries` entries.
pub(crate) fn home_buckets<const SLOT: usize>(entries: u64) -> u64 {
    let slots = entries.saturating_mul(100).div_ceil(load_percent(SLOT));
    slots.div_ceil((BUCKET / SLOT) as u64).max(1)
}

fn home(hash: u64, buckets: u64) -> u64 {
    // The high half of the product maps the hash onto the buckets in order, without a division.
    u64::try_from((u128::from(hash) * u128::from(buckets)) >> 64).unwrap_or(0)
}

fn fingerprint<const SLOT: usize>(hash: u64) -> u64 {
    hash & ((1 << (8 * SLOT - REFERENCE_BITS)) - 1)
}

/// Writes the table of `count` entries, which come sorted by hash, bucket by bucket to `write`.
pub(crate) fn build<const SLOT: usize, E>(
    count: u64,
    mut entries: impl Iterator<Item = Result<Entry, E>>,
    mut write: impl FnMut(&[u8; BUCKET]) -> Result<(), E>,
) -> Result<(), E> {
    let buckets = home_buckets::<SLOT>(count);
    let mut next = entries.next().transpose()?;
    let mut bucket = 0;
    loop {
        let mut bytes = [0; BUCKET];
        let mut free = BUCKET / SLOT;
        for slot in bytes.chunks_exact_mut(SLOT) {
            let Some(entry) = next.filter(|entry| home(entry.hash, buckets) <= bucket) else {
                break;
            };
            let packed =
                fingerprint::<SLOT>(entry.hash) << REFERENCE_BITS | (entry.reference & REFERENCE_MASK);
            slot.copy_from_slice(&packed.to_le_bytes()[..SLOT]);
            free -= 1;
            next = entries.next().transpose()?;
            debug_assert!(next.is_none_or(|next| next.hash >= entry.hash));
        }
        write(&bytes)?;
        bucket += 1;
        if bucket >= buckets && next.is_none() && free > 0 {
            return Ok(());
        }
    }
}

/// The most buckets that a search reads. At the loads above none needs a quarter of them; a damaged or hostile table
/// may have no empty slot at all.
const MOST_PROBES: usize = 64;

/// A table's bytes, as [`build`] wrote them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a, const SLOT: usize> {
    bytes: &'a [u8],
    buckets: u64,
}

impl<'a, const SLOT: usize> Table<'a, SLOT> {
    pub(crate) fn new(bytes: &'a [u8], entries: u64) -> Self {
        Table {
            bytes,
            buckets: home_buckets::<SLOT>(entries),
        }
    }

    /// The bytes from `hash`'s home bucket on.
    #[inline]
    pub(crate) fn bucket(self, hash: u64) -> &'a [u8] {
        let start = usize::try_from(home(hash, self.buckets))
            .unwrap_or(usize::MAX)
            .saturating_mul(BUCKET);
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The references whose slots could be `hash`'s, most of the time exactly one.
    #[inline]
    pub(crate) fn candidates(self, hash: u64) -> Candidates<'a, SLOT> {
        let rest = self.bucket(hash);
        Candidates {
            rest: &rest[..rest.len().min(MOST_PROBES * BUCKET)],
            slot: 0,
            fingerprint: fingerprint::<SLOT>(hash),
        }
    }

    /// Every reference of the table, in the order of the hashes.
    pub(crate) fn references(self) -> impl Iterator<Item = u64> + 'a {
        self.bytes.chunks_exact(BUCKET).flat_map(|bucket| {
            bucket
                .chunks_exact(SLOT)
                .map(slot)
                .filter(|slot| *slot != 0)
                .map(|slot| slot & REFERENCE_MASK)
        })
    }
}

fn slot(bytes: &[u8]) -> u64 {
    let mut packed = [0; 8];
    packed[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(packed)
}

/// See [`Table::candidates`].
pub(crate) struct Candidates<'a, const SLOT: usize> {
    rest: &'a [u8],
    slot: usize,
    fingerprint: u64,
}

impl<const SLOT: usize> Iterator for Candidates<'_, SLOT> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            let bucket = self.rest.get(..BUCKET)?;
            while self.slot < BUCKET / SLOT {
                let packed = slot(&bucket[self.slot * SLOT..(self.slot + 1) * SLOT]);
                self.slot += 1;
                if packed == 0 {
                    self.rest = &[];
                    return None;
                }
                if packed >> REFERENCE_BITS == self.fingerprint {
                    return Some(packed & REFERENCE_MASK);
                }
            }
            self.rest = &self.rest[BUCKET..];
            self.slot = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table<const SLOT: usize>(entries: &[Entry]) -> Vec<u8> {
        let mut bytes = Vec::new();
        build::<SLOT, ()>(entries.len() as u64, entries.iter().copied().map(Ok), |bucket| {
            bytes.extend_from_slice(bucket);
            Ok(())
        })
        .expect("memory");
        bytes
    }

    fn holds<const SLOT: usize>(hashes: &[u64]) {
        let mut entries: Vec<Entry> = hashes
            .iter()
            .zip(1..)
            .map(|(&hash, reference)| Entry { hash, reference })
            .collect();
        entries.sort_unstable();
        let bytes = table::<SLOT>(&entries);
        let table = Table::<SLOT>::new(&bytes, entries.len() as u64);
        for entry in &entries {
            assert!(
                table
                    .candidates(entry.hash)
                    .any(|reference| reference == entry.reference)
            );
        }
        assert_eq!(table.references().count(), entries.len());
        assert!(bytes.ends_with(&[0; 4]), "the last bucket ends a search");
    }

    proptest! {
        #[test]
        fn every_entry_is_found(hashes in prop::collection::vec(any::<u64>(), 0..2000)) {
            holds::<NUMBER_SLOT>(&hashes);
            holds::<ID_SLOT>(&hashes);
        }

        /// Hashes that all want one bucket overflow far, also past the last home bucket.
        #[test]
        fn crowds_overflow(count in 1_usize..200, top in prop::sample::select(vec![0_u64, u64::MAX << 32])) {
            let hashes: Vec<u64> = (0..count as u64).map(|low| top | low).collect();
            holds::<NUMBER_SLOT>(&hashes);
            holds::<ID_SLOT>(&hashes);
        }
    }

    #[test]
    fn sizes_are_within_their_targets() {
        let entries: Vec<Entry> = (0..100_000_u64)
            .map(|nth| Entry {
                hash: xxhash_rust::xxh3::xxh3_64(&nth.to_le_bytes()),
                reference: nth + 1,
            })
            .collect();
        let mut sorted = entries;
        sorted.sort_unstable();
        assert!(table::<NUMBER_SLOT>(&sorted).len() <= 12 * sorted.len());
        assert!(table::<ID_SLOT>(&sorted).len() <= 8 * sorted.len());
    }

    #[test]
    fn an_absent_hash_seldom_has_a_candidate() {
        let hash = |nth: u64| xxhash_rust::xxh3::xxh3_64(&nth.to_le_bytes());
        let mut entries: Vec<Entry> = (0..10_000)
            .map(|nth| Entry {
                hash: hash(nth),
                reference: nth + 1,
            })
            .collect();
        entries.sort_unstable();
        let bytes = table::<NUMBER_SLOT>(&entries);
        let table = Table::<NUMBER_SLOT>::new(&bytes, 10_000);
        let false_hits: usize = (10_000..20_000)
            .map(|nth| table.candidates(hash(nth)).count())
            .sum();
        assert!(false_hits < 20, "{false_hits} of 10,000");
    }
}
