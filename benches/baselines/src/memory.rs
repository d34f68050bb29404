//! Indexes in memory, which lead into the map of the snapshot.

use fst::MapBuilder;
use hashbrown::HashMap;
use ptr_hash::{DefaultPtrHash, PtrHashParams};
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::layout::SectionKind;

use crate::{Built, Index, Place, verified};

/// Bits of a slot that say where a record is; the others are a fingerprint of the number.
const PLACE_BITS: u32 = 40;

/// Each number of `snapshot`, and where its record begins within the records, in the order of the numbers.
pub(crate) fn places(snapshot: &MappedSnapshot) -> Vec<Place> {
    let start = snapshot.section(SectionKind::Records).as_ptr().addr();
    let mut places: Vec<Place> = snapshot
        .records()
        .flatten()
        .flat_map(|record| {
            let place = (record.bytes().as_ptr().addr() - start) as u64;
            let keys: Vec<u64> = record.claims().map(|claim| claim.key).collect();
            keys.into_iter().map(move |key| (key, place))
        })
        .collect();
    places.sort_unstable();
    places
}

/// The records that indexes lead into.
#[derive(Clone, Copy)]
struct Records(&'static [u8]);

impl Records {
    fn of(snapshot: &'static MappedSnapshot) -> Records {
        Records(snapshot.section(SectionKind::Records))
    }

    #[inline]
    fn answer(self, place: u64, key: u64) -> Option<u64> {
        verified(self.0.get(usize::try_from(place).ok()?..)?, key)
    }
}

struct Hashbrown {
    records: Records,
    map: HashMap<u64, u64>,
}

/// A hash map that keeps its keys.
pub(crate) fn hashbrown(snapshot: &'static MappedSnapshot, places: &[Place]) -> Built {
    let map = places.iter().copied().collect();
    let records = Records::of(snapshot);
    Ok(Box::new(Hashbrown { records, map }))
}

impl Index for Hashbrown {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        self.records.answer(*self.map.get(&key)?, key)
    }

    fn bytes(&self) -> u64 {
        self.map.allocation_size() as u64
    }
}

struct PtrHash {
    records: Records,
    hash: DefaultPtrHash,
    slots: Vec<u64>,
}

/// A minimal perfect hash, and slots of a fingerprint and a place as Ringside's table has them.
pub(crate) fn ptrhash(snapshot: &'static MappedSnapshot, places: &[Place]) -> Built {
    let keys: Vec<u64> = places.iter().map(|(key, _)| *key).collect();
    let hash = DefaultPtrHash::new(&keys, PtrHashParams::default());
    let mut slots = vec![0; keys.len()];
    for (key, place) in places {
        let slot = slots
            .get_mut(hash.index(key))
            .ok_or("a slot outside of the table")?;
        *slot = fingerprint(*key) << PLACE_BITS | place;
    }
    let records = Records::of(snapshot);
    Ok(Box::new(PtrHash { records, hash, slots }))
}

fn fingerprint(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> PLACE_BITS
}

impl Index for PtrHash {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        let slot = *self.slots.get(self.hash.index(&key))?;
        if slot >> PLACE_BITS != fingerprint(key) {
            return None;
        }
        self.records.answer(slot & ((1 << PLACE_BITS) - 1), key)
    }

    fn bytes(&self) -> u64 {
        let (pilots, remap) = self.hash.bits_per_element();
        // Bits of each number, a few of them.
        let hash = (pilots + remap) * self.slots.len() as f64 / 8.0;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes, of which a double counts more than there are"
        )]
        let hash = hash as u64;
        hash + (self.slots.len() * size_of::<u64>()) as u64
    }
}

struct Sorted {
    records: Records,
    keys: Vec<u64>,
    places: Vec<u64>,
}

/// Two arrays, the first one in order.
pub(crate) fn sorted(snapshot: &'static MappedSnapshot, places: &[Place]) -> Built {
    let (keys, places) = places.iter().copied().unzip();
    let records = Records::of(snapshot);
    Ok(Box::new(Sorted {
        records,
        keys,
        places,
    }))
}

impl Index for Sorted {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        let at = self.keys.binary_search(&key).ok()?;
        self.records.answer(*self.places.get(at)?, key)
    }

    fn bytes(&self) -> u64 {
        (self.keys.len() * 2 * size_of::<u64>()) as u64
    }
}

struct Fst {
    records: Records,
    map: fst::Map<Vec<u8>>,
}

/// A transducer of the numbers' digits. Digits of one length are in the order of the numbers.
pub(crate) fn fst(snapshot: &'static MappedSnapshot, places: &[Place]) -> Built {
    let mut builder = MapBuilder::memory();
    for (key, place) in places {
        builder.insert(itoa::Buffer::new().format(*key), *place)?;
    }
    let map = fst::Map::new(builder.into_inner()?)?;
    let records = Records::of(snapshot);
    Ok(Box::new(Fst { records, map }))
}

impl Index for Fst {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        let place = self.map.get(itoa::Buffer::new().format(key))?;
        self.records.answer(place, key)
    }

    fn bytes(&self) -> u64 {
        self.map.as_fst().as_bytes().len() as u64
    }
}
