use std::collections::BTreeSet;

use super::*;
use crate::customer::words::{Words, key, keys_from};
use crate::snapshot::names::Places;

fn named(id: &str, name: &str, company: &str, created_at: Option<&str>) -> Vec<u8> {
    let customer = Customer {
        id: id.into(),
        name: name.into(),
        company: (!company.is_empty()).then(|| company.into()),
        created_at: created_at.map(str::to_owned),
        ..Customer::default()
    };
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    encode(&customer, &Schema::default(), &[], origin).expect("fits")
}

fn few() -> Vec<Vec<u8>> {
    vec![
        named("a", "Ada Lovelace", "", Some("2024-05-01T00:00:00Z")),
        named("b", "Adam Ångström", "Ada's Äpfel GmbH", None),
        named("c", "Zoë O'Brien", "", Some("1969-12-31T23:59:59Z")),
    ]
}

/// The ids of the customers with a word between the keys.
fn found<D: AsRef<[u8]>>(snapshot: &Snapshot<D>, keys: (u128, u128)) -> Vec<String> {
    let names = snapshot.names().expect("there");
    let mut places = Places::new(names.customers());
    assert!(names.find(keys, &mut places, || true));
    let record = |place| snapshot.named(names.row(place).expect("a row")).expect("whole");
    places.iter().map(|place| record(place).id().to_owned()).collect()
}

#[test]
fn customers_are_found_by_words_and_by_their_beginnings() {
    let snapshot = Snapshot::open(snapshot(&few())).expect("a snapshot");
    snapshot.verify(|_| ()).expect("whole");
    assert_eq!(found(&snapshot, keys_from("ad")), ["a", "b"]);
    assert_eq!(found(&snapshot, (key("ada"), key("ada"))), ["a", "b"]);
    assert_eq!(found(&snapshot, (key("adam"), key("adam"))), ["b"]);
    assert_eq!(found(&snapshot, keys_from("obri")), ["c"]);
    assert_eq!(found(&snapshot, keys_from("x")), [""; 0]);
    let names = snapshot.names().expect("there");
    let created: Vec<_> = (0..4)
        .map(|place| names.row(place).map(|row| row.created_ms))
        .collect();
    assert_eq!(
        created,
        [Some(Some(1_714_521_600_000)), Some(None), Some(Some(-1000)), None]
    );
}

#[test]
fn a_snapshot_without_names_is_one_as_before() {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42).expect("memory");
    let without = written(writer.without_names(), &few());
    let opened = Snapshot::open(without.clone()).expect("a snapshot");
    opened.verify(|_| ()).expect("whole");
    assert!(opened.names().is_none());
    let with = snapshot(&few());
    assert!(with[HEADER_LEN..].starts_with(&without[HEADER_LEN..]));
    // Whoever does not know the section skips it.
    assert_eq!((without[12], with[12]), (6, 7));
    assert_eq!((with[128 + 6 * 40], with[128 + 6 * 40 + 6]), (8, 0));
}

#[test]
fn the_section_is_written_as_documented() {
    let bytes = snapshot(&[named("a", "Bo Al", "", Some("1970-01-01T00:00:00.258Z"))]);
    let opened = Snapshot::open(bytes).expect("a snapshot");
    let mut expected = Vec::new();
    expected.extend_from_slice(&(HEADER_LEN as u64 / 8).to_le_bytes());
    expected.extend_from_slice(&258_u64.to_le_bytes());
    expected.extend_from_slice(b"\0\0\0la ob");
    expected.extend_from_slice(&[0, 0]);
    expected.extend_from_slice(b"al\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    expected.extend_from_slice(&1_u64.to_le_bytes());
    expected.extend_from_slice(b"bo\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    expected.extend_from_slice(&2_u64.to_le_bytes());
    for word in [1_u64, 2, 2, 0] {
        expected.extend_from_slice(&word.to_le_bytes());
    }
    assert_eq!(opened.section(SectionKind::Names), expected);
}

#[test]
fn any_flipped_bit_is_seen_and_makes_a_miss_at_the_worst() {
    let whole = snapshot(&few());
    let section = Snapshot::open(&whole)
        .expect("a snapshot")
        .header()
        .section(SectionKind::Names);
    let from = usize::try_from(section.offset).expect("small");
    for at in from..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let snapshot = Snapshot::open(flipped).expect("opens");
            assert!(matches!(
                snapshot.verify(|_| ()),
                Err(SnapshotError::Checksum { what: "names", .. })
            ));
            assert!(snapshot.intact_names().is_none());
            let Some(names) = snapshot.names() else { continue };
            let mut places = Places::new(names.customers());
            names.find(keys_from("ad"), &mut places, || true);
            for place in places.iter() {
                if let Some(record) = names.row(place).and_then(|row| snapshot.named(row)) {
                    assert!(few().iter().any(|bytes| bytes == record.bytes()));
                }
            }
        }
    }
}

/// A section with a fitting checksum whose words lead elsewhere.
#[test]
fn an_index_that_says_something_else_is_told() {
    let whole = snapshot(&few());
    let section = Snapshot::open(&whole)
        .expect("a snapshot")
        .header()
        .section(SectionKind::Names);
    let (from, len) = (
        usize::try_from(section.offset).expect("small"),
        usize::try_from(section.length).expect("small"),
    );
    // A reference, a time, a posting, and the beginning of a word.
    for at in [0, 8, 3 * 24, len - 32 - 24] {
        let mut bytes = whole.clone();
        bytes[from + at] ^= 1;
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[from..from + len]);
        let entry = 128 + 6 * 40 + 24;
        bytes[entry..entry + 8].copy_from_slice(&checksum.to_le_bytes());
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..HEADER_LEN - 8]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        let told = Snapshot::open(bytes).expect("opens").verify(|_| ());
        assert!(
            matches!(&told, Err(SnapshotError::Inconsistent(what)) if what.starts_with("names:")),
            "{at}: {told:?}"
        );
    }
}

proptest! {
    #[test]
    fn words_equal_a_model(
        customers in prop::collection::vec(prop::collection::vec("[a-cé]{1,3}|Konstantinopoulo[a-c]", 0..4), 0..40),
        searched in "[a-c]{1,2}|konstantinopoulo",
        memory in 0_u64..10_000,
    ) {
        let records: Vec<Vec<u8>> = customers
            .iter()
            .enumerate()
            .map(|(n, words)| named(&format!("c{n:03}"), &words.join(" "), "", None))
            .collect();
        let dir = tempfile::tempdir().expect("a folder");
        let room = Room::new(dir.path(), memory);
        let within = SnapshotWriter::within(&room, Cursor::new(Vec::new()), 42).expect("memory");
        let bytes = written(within, &records);
        prop_assert_eq!(&bytes, &snapshot(&records), "what waits in files makes the same");
        let snapshot = Snapshot::open(bytes).expect("a snapshot");
        prop_assert!(snapshot.verify(|_| ()).is_ok());
        let expected: BTreeSet<String> = records
            .iter()
            .map(|bytes| Record::open(bytes).expect("whole"))
            .filter(|record| {
                let (least, greatest) = keys_from(&searched);
                let facts = Words::new().facts(record);
                facts.keys.iter().any(|key| (least..=greatest).contains(key))
            })
            .map(|record| record.id().to_owned())
            .collect();
        let found: BTreeSet<String> = found(&snapshot, keys_from(&searched)).into_iter().collect();
        prop_assert_eq!(found, expected);
    }
}
