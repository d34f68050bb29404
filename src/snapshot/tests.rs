mod golden;
mod names;
mod suffix;

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;

use super::claimants::{Claimants, Order};
use super::layout::{HEADER_LEN, SectionKind};
use super::scrub::Scrub;
use super::sort::Room;
use super::writer::{Facts, SnapshotWriter};
use super::{Snapshot, SnapshotError, Stream};
use crate::customer::record::{Claim, Origin, Record, encode};
use crate::customer::{Customer, Schema};

fn record(id: &str, claims: &[Claim]) -> Vec<u8> {
    let customer = Customer {
        id: id.into(),
        name: format!("Name of {id}"),
        ..Customer::default()
    };
    encode(
        &customer,
        &Schema::default(),
        claims,
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .expect("fits")
}

fn claim(key: u64, since: u64) -> Claim {
    Claim {
        key,
        since,
        shared: false,
    }
}

fn snapshot(records: &[Vec<u8>]) -> Vec<u8> {
    written(
        SnapshotWriter::new(Cursor::new(Vec::new()), 42).expect("memory"),
        records,
    )
}

fn written(mut writer: SnapshotWriter<Cursor<Vec<u8>>>, records: &[Vec<u8>]) -> Vec<u8> {
    for bytes in records {
        writer.add(&Record::open(bytes).expect("whole")).expect("memory");
    }
    let streams = [Stream {
        stream: "import".into(),
        incarnation: "a".into(),
        token: String::new(),
    }];
    let facts = Facts {
        generation: 3,
        seq: 9,
        created_at_ms: 5,
        schema: &Schema::default(),
        streams: &streams,
        log: crate::snapshot::layout::LogPlace::default(),
    };
    writer.finish(&facts).expect("memory").0.into_inner()
}

fn claimant_ids<D: AsRef<[u8]>>(snapshot: &Snapshot<D>, key: u64, order: Order) -> Vec<String> {
    match snapshot.claimants(key) {
        Claimants::None | Claimants::Damaged => vec![],
        Claimants::One(record) => vec![record.id().to_owned()],
        Claimants::Many(many) => many
            .references(order)
            .filter_map(|reference| snapshot.claimant(reference))
            .map(|record| record.id().to_owned())
            .collect(),
    }
}

#[test]
fn facts_and_customers_come_back() {
    let bytes = snapshot(&[
        record("a", &[claim(1, 1), claim(2, 1)]),
        record("b", &[claim(2, 2)]),
        record("c", &[claim(2, 2), claim(3, 3)]),
    ]);
    let snapshot = Snapshot::open(bytes).expect("a snapshot");
    let header = snapshot.header();
    assert_eq!((header.generation, header.seq, header.created_at_ms), (3, 9, 5));
    assert_eq!(
        (header.customers, header.numbers, header.claims, header.contested),
        (3, 3, 5, 1)
    );
    assert_eq!(snapshot.streams()[0].stream, "import");
    assert_eq!(claimant_ids(&snapshot, 1, Order::NewestClaim), ["a"]);
    assert_eq!(claimant_ids(&snapshot, 2, Order::NewestClaim), ["c", "b", "a"]);
    assert_eq!(
        claimant_ids(&snapshot, 4, Order::NewestClaim),
        Vec::<String>::new()
    );
    assert_eq!(snapshot.customer("b").map(|record| record.id()), Some("b"));
    assert!(snapshot.customer("d").is_none());
    let a = snapshot.customer("a").expect("there");
    assert!(snapshot.is_sole_claimant(&a, 1) && !snapshot.is_sole_claimant(&a, 2));
    assert_eq!(snapshot.verify(|_| ()).expect("whole").claims, 5);
}

#[test]
fn an_empty_snapshot_answers() {
    let snapshot = Snapshot::open(snapshot(&[])).expect("a snapshot");
    assert!(matches!(snapshot.claimants(1), Claimants::None));
    assert!(snapshot.customer("a").is_none());
    assert_eq!(snapshot.verify(|_| ()).expect("whole").customers, 0);
}

/// Whatever bit is flipped, a lookup never answers with a wrong customer or a changed byte, and `verify` or `open`
/// says that something is wrong.
#[test]
fn every_flipped_byte_is_refused_or_missed() {
    let records: Vec<Vec<u8>> = (0..12_u64)
        .map(|n| record(&format!("c{n}"), &[claim(1000 + n / 2, n), claim(2000 + n, n)]))
        .collect();
    let whole = snapshot(&records);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x40;
        let Ok(snapshot) = Snapshot::open(&flipped) else {
            continue;
        };
        assert!(at >= HEADER_LEN, "byte {at} of the header went unnoticed");
        assert!(snapshot.verify(|_| ()).is_err(), "verify did not see byte {at}");
        for (n, bytes) in records.iter().enumerate() {
            let id = format!("c{n}");
            if let Some(found) = snapshot.customer(&id) {
                assert_eq!(found.bytes(), bytes, "byte {at}");
            }
            let key = 2000 + n as u64;
            for found in claimant_ids(&snapshot, key, Order::NewestClaim) {
                assert_eq!(found, id, "byte {at}");
            }
        }
    }
}

#[test]
fn a_scrub_reads_every_section_whatever_its_step() {
    let whole = snapshot(&[
        record("a", &[claim(1, 1)]),
        record("b", &[claim(1, 2), claim(2, 2)]),
    ]);
    for step in [1, 7, 4096] {
        let snapshot = std::sync::Arc::new(Snapshot::open(whole.clone()).expect("a snapshot"));
        let mut scrub = Scrub::new(std::sync::Arc::clone(&snapshot));
        while !scrub.step(step).expect("whole") {}
        for kind in [
            SectionKind::Records,
            SectionKind::Numbers,
            SectionKind::Claimants,
            SectionKind::Ids,
        ] {
            let mut flipped = whole.clone();
            flipped[usize::try_from(snapshot.header().section(kind).offset).expect("small") + 5] ^= 1;
            let mut scrub = Scrub::new(std::sync::Arc::new(Snapshot::open(flipped).expect("opens")));
            let mut found = Vec::new();
            loop {
                match scrub.step(step) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(SnapshotError::Checksum { what, .. }) => found.push(what),
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(found, [kind.name()]);
        }
    }
}

/// A header with a fitting checksum, from a writer at fault or a hostile one.
fn forged(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Result<(), SnapshotError> {
    bytes[at..at + value.len()].copy_from_slice(value);
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
    bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    Snapshot::open(bytes).map(|_| ())
}

#[test]
fn forged_headers_are_refused() {
    let whole = snapshot(&[record("a", &[claim(1, 1)])]);
    let past_the_end = forged(whole.clone(), 128 + 8, &(whole.len() as u64 + 1).to_le_bytes());
    assert!(matches!(
        past_the_end,
        Err(SnapshotError::SectionOutside {
            section: "records",
            ..
        })
    ));
    let overflowing = forged(whole.clone(), 128 + 16, &u64::MAX.to_le_bytes());
    assert!(matches!(
        overflowing,
        Err(SnapshotError::SectionOutside {
            section: "records",
            ..
        })
    ));
    assert!(
        forged(whole.clone(), 32, &u64::MAX.to_le_bytes()).is_err(),
        "a seq that changes cannot count on from"
    );
    // The counts say how the tables are searched; a wrong one makes misses, never a fault.
    for count in [0, 1 << 20, u64::MAX] {
        let mut bytes = whole.clone();
        bytes[56..64].copy_from_slice(&u64::to_le_bytes(count));
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        let snapshot = Snapshot::open(bytes).expect("opens");
        assert!(matches!(snapshot.claimants(2), Claimants::None));
        assert!(snapshot.verify(|_| ()).is_err());
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = snapshot(&[record("a", &[claim(1, 1)])]);
    for len in 0..whole.len() {
        assert!(Snapshot::open(&whole[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn unknown_versions_and_required_sections_are_refused_by_name() {
    let whole = snapshot(&[]);
    let patched = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        Snapshot::open(bytes).map(|_| ()).expect_err("refused")
    };
    assert!(matches!(
        patched(8, 9),
        SnapshotError::FormatVersion { newest: 1, found: 9 }
    ));
    assert!(matches!(
        patched(132, 1),
        SnapshotError::SectionVersion {
            section: "records",
            found: 1,
            ..
        }
    ));
    // The count of sections grows by one entry that is all zero but for its kind: optional, so it is skipped.
    let mut optional = whole.clone();
    optional[12] = 8;
    optional[128 + 7 * 40] = 99;
    let checksum = xxhash_rust::xxh3::xxh3_64(&optional[..HEADER_LEN - 8]);
    optional[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    assert!(Snapshot::open(&optional).is_ok());
    optional[128 + 7 * 40 + 6] = 1;
    let checksum = xxhash_rust::xxh3::xxh3_64(&optional[..HEADER_LEN - 8]);
    optional[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    assert!(matches!(
        Snapshot::open(&optional),
        Err(SnapshotError::UnknownSection { kind: 99 })
    ));
}

#[test]
fn a_skipped_section_is_no_padding() {
    let mut bytes = snapshot(&[record("a", &[claim(1, 1)])]);
    let end = bytes.len() as u64;
    bytes.extend_from_slice(b"later");
    let entry = 128 + 7 * 40;
    bytes[12] = 8;
    bytes[entry] = 99;
    for (at, word) in [(16, end + 5), (entry + 8, end), (entry + 16, 5)] {
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    let sealed = |mut bytes: Vec<u8>| {
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        Snapshot::open(bytes).expect("a snapshot").verify(|_| ())
    };
    assert!(sealed(bytes.clone()).is_ok());
    bytes[entry + 16] = 4;
    assert!(sealed(bytes).is_err(), "a byte behind the last section");
}

proptest! {
    #[test]
    fn what_waits_in_files_makes_the_same_snapshot(
        claims in prop::collection::vec(prop::collection::btree_map(0_u64..20, 1_u64..9, 0..6), 0..80),
        memory in 0_u64..20_000,
    ) {
        let records: Vec<Vec<u8>> = claims
            .iter()
            .enumerate()
            .map(|(n, claims)| {
                record(&format!("c{n:02}"), &claims.iter().map(|(&key, &since)| claim(key, since)).collect::<Vec<_>>())
            })
            .collect();
        let dir = tempfile::tempdir().expect("a folder");
        let room = Room::new(dir.path(), memory);
        let within = SnapshotWriter::within(&room, Cursor::new(Vec::new()), 42).expect("memory");
        prop_assert!(written(within, &records) == snapshot(&records));
    }

    #[test]
    fn claimants_equal_a_model(claims in prop::collection::vec(prop::collection::btree_map(0_u64..40, 1_u64..9, 0..4), 0..60)) {
        let records: Vec<Vec<u8>> = claims
            .iter()
            .enumerate()
            .map(|(n, claims)| {
                record(&format!("c{n:02}"), &claims.iter().map(|(&key, &since)| claim(key, since)).collect::<Vec<_>>())
            })
            .collect();
        let mut model: BTreeMap<u64, Vec<(u64, String)>> = BTreeMap::new();
        for (n, claims) in claims.iter().enumerate() {
            for (&key, &since) in claims {
                model.entry(key).or_default().push((since, format!("c{n:02}")));
            }
        }
        let snapshot = Snapshot::open(snapshot(&records)).expect("a snapshot");
        snapshot.verify(|_| ()).expect("whole");
        for key in 0..40 {
            let mut expected = model.remove(&key).unwrap_or_default();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
            prop_assert_eq!(claimant_ids(&snapshot, key, Order::NewestClaim), expected);
        }
    }
}
