use std::collections::BTreeSet;

use super::*;
use crate::number::{Key, SuffixDigits};
use crate::snapshot::layout::{SEVERAL, number_hash, number_of_hash};
use crate::snapshot::suffix::Ending;

const ADA: u64 = 14_806_754_110;
const BOB: u64 = 4_936_754_110;
const EVE: u64 = 442_079_460_958;

fn by_suffix(digits: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42).expect("memory");
    written(
        writer.without_names().by_suffix(SuffixDigits::new(digits)),
        records,
    )
}

fn three() -> [Vec<u8>; 3] {
    [
        record("ada", &[claim(ADA, 1), claim(EVE, 1)]),
        record("bob", &[claim(BOB, 2)]),
        record("eve", &[claim(EVE, 3), claim(1 << 60 | 19_460_958, 3)]),
    ]
}

#[test]
fn a_number_is_found_by_its_last_digits_where_it_is_the_only_one() {
    let snapshot = Snapshot::open(by_suffix(7, &three())).expect("a snapshot");
    snapshot.verify(|_| ()).expect("whole");
    assert_eq!(snapshot.header().suffixes, 2);
    assert_eq!(snapshot.ending(6_754_110), Ending::Several);
    // Two customers have it: one number all the same.
    assert_eq!(snapshot.ending(9_460_958), Ending::One(Key(EVE)));
    assert_eq!(snapshot.ending(9_460_959), Ending::None);
    let snapshot = Snapshot::open(by_suffix(8, &three())).expect("a snapshot");
    // …06754110.
    assert_eq!(snapshot.ending(6_754_110), Ending::One(Key(ADA)));
    assert_eq!(snapshot.ending(36_754_110), Ending::One(Key(BOB)));
    // Longer than some of the numbers.
    let snapshot = Snapshot::open(by_suffix(11, &three())).expect("a snapshot");
    assert_eq!(snapshot.header().suffixes, 2);
    assert_eq!(snapshot.ending(BOB), Ending::None);
    assert_eq!(snapshot.ending(ADA), Ending::One(Key(ADA)));
}

#[test]
fn a_snapshot_without_the_table_is_one_as_before() {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42).expect("memory");
    let without = written(writer.without_names(), &three());
    let opened = Snapshot::open(without.clone()).expect("a snapshot");
    opened.verify(|_| ()).expect("whole");
    assert_eq!(opened.suffix_digits(), None);
    assert_eq!(opened.ending(9_460_958), Ending::None);
    assert_eq!(without[12], 6, "sections, as ever");
    let mut scrub = Scrub::new(std::sync::Arc::new(opened));
    while !scrub.step(4096).expect("whole") {}
    // Up to the header and the last section they are the same.
    let with = by_suffix(7, &three());
    assert_eq!(with[12], 7);
    assert!(with[HEADER_LEN..].starts_with(&without[HEADER_LEN..]));
    // Whoever does not know the section skips it: its flag says that it may.
    assert_eq!(with[128 + 6 * 40], 7);
    assert_eq!(with[128 + 6 * 40 + 6], 0);
}

#[test]
fn any_flipped_bit_of_the_table_is_seen_and_makes_a_miss_at_the_worst() {
    let whole = by_suffix(7, &three());
    let opened = Snapshot::open(whole.clone()).expect("a snapshot");
    let section = opened.header().section(SectionKind::Suffixes);
    let from = usize::try_from(section.offset).expect("small");
    for at in from..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let snapshot = Snapshot::open(flipped).expect("opens");
            assert!(matches!(
                snapshot.verify(|_| ()),
                Err(SnapshotError::Checksum { what: "suffixes", .. })
            ));
            assert!(
                !matches!(snapshot.ending(6_754_110), Ending::One(_)),
                "{at}: one of several"
            );
            let other = snapshot.ending(9_460_958);
            assert!(other == opened.ending(9_460_958) || !matches!(other, Ending::One(_)));
        }
    }
}

#[test]
fn a_header_that_speaks_of_a_table_must_lead_to_one_that_can_be() {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42).expect("memory");
    let without = written(writer.without_names(), &three());
    assert!(matches!(
        forged(without, 104, &7_u64.to_le_bytes()),
        Err(SnapshotError::MissingSection { section: "suffixes" })
    ));
    for digits in [6_u64, 16, u64::MAX] {
        let refused = forged(by_suffix(7, &three()), 104, &digits.to_le_bytes());
        assert!(matches!(refused, Err(SnapshotError::Inconsistent(_))), "{digits}");
    }
    // A wrong count makes misses, never a fault.
    for count in [0, 1 << 20, u64::MAX] {
        let mut bytes = by_suffix(7, &three());
        bytes[112..120].copy_from_slice(&u64::to_le_bytes(count));
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        let snapshot = Snapshot::open(bytes).expect("opens");
        assert!(!matches!(snapshot.ending(6_754_110), Ending::One(_)));
        assert!(snapshot.verify(|_| ()).is_err());
    }
}

#[test]
fn the_mark_of_several_is_what_a_slot_has_room_for() {
    assert_eq!(SEVERAL, (1 << crate::snapshot::table::REFERENCE_BITS) - 1);
}

proptest! {
    #[test]
    fn a_hash_leads_back_to_its_number(key in any::<u64>(), seed in any::<u64>()) {
        prop_assert_eq!(number_of_hash(number_hash(key, seed), seed), key);
    }

    /// Also where sorting spills to files.
    #[test]
    fn suffixes_equal_a_model(
        digits in 7_u8..=9,
        claims in prop::collection::vec(prop::collection::btree_set((0_u64..40, 0_u64..20), 0..4), 0..60),
        memory in prop::sample::select(vec![1_u64 << 10, 1 << 20]),
    ) {
        let digits = SuffixDigits::new(digits).expect("7 to 9");
        let key = |(head, tail): (u64, u64)| head * 10_000_000 + tail;
        let records: Vec<Vec<u8>> = (0..)
            .zip(&claims)
            .map(|(n, claims)| {
                let claims: Vec<Claim> = claims.iter().map(|&parts| claim(key(parts), 1)).collect();
                record(&format!("c{n:02}"), &claims)
            })
            .collect();
        let dir = tempfile::tempdir().expect("a folder");
        let room = Room::new(dir.path(), memory);
        let within = SnapshotWriter::within(&room, Cursor::new(Vec::new()), 42).expect("memory");
        let snapshot = Snapshot::open(written(within.by_suffix(Some(digits)), &records)).expect("a snapshot");
        snapshot.verify(|_| ()).expect("whole");
        let mut model: BTreeMap<u64, BTreeSet<Key>> = BTreeMap::new();
        for key in claims.iter().flatten().map(|&parts| Key(key(parts))) {
            if let Some(suffix) = digits.of(key) {
                model.entry(suffix).or_default().insert(key);
            }
        }
        prop_assert_eq!(snapshot.header().suffixes, model.len() as u64);
        for (suffix, keys) in model {
            let expected = match keys.iter().next() {
                Some(one) if keys.len() == 1 => Ending::One(*one),
                _ => Ending::Several,
            };
            prop_assert_eq!(snapshot.ending(suffix), expected);
        }
        prop_assert_eq!(snapshot.ending(19_999_999), Ending::None);
    }
}
