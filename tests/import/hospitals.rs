//! A real file: the hospitals of the United States, as their government publishes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringside::customer::Record;
use ringside::index::{Found, Index, Mode, OnConflict, Owner, Ownership};
use ringside::number::Key;
use ringside::snapshot::import::{Detected, Event, Format, Input, Mapping, build_and_publish};

use super::place::{MEMORY, NOW_MS, Place, claimant_ids, hospitals, intake, json, numbering, rejects};

/// Ids of who answers for `key`.
fn answering(index: &Index, key: Key) -> Vec<String> {
    let id = |record: &Record<'_>| record.id().to_owned();
    index.read(|view| {
        Ok(match view.find(key.raw())? {
            Found::Nobody => vec![],
            Found::One(record) => vec![id(&record)],
            Found::Several(records) => records.iter().map(id).collect(),
        })
    })
}

#[test]
fn every_hospital_is_found_by_its_number_however_it_is_written() {
    // Counted without any code of ours, so that the snapshot is held to something else than itself.
    let mut by_digits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(hospitals()).unwrap();
    let attributes = reader.headers().unwrap().len() - 3;
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let digits = row[7].chars().filter(char::is_ascii_digit).collect();
        by_digits.entry(digits).or_default().push(row[0].to_owned());
        rows += 1;
    }
    let contested = by_digits.values().filter(|ids| ids.len() > 1).count() as u64;
    assert_eq!((rows, contested), (4772, 16));

    let place = Place::new();
    let mut told = Vec::new();
    let input = Input::open(&hospitals(), Format::Csv).unwrap();
    let total = input.bytes;
    let summary = build_and_publish(
        input,
        &Mapping::default(),
        &intake(),
        &place.held,
        NOW_MS,
        MEMORY,
        |event| match event {
            Event::At(progress) => told.push(progress),
            other => panic!("{other:?}"),
        },
    )
    .unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.rows, Some(last.bytes), last.total), (rows, total, total));
    assert_eq!(
        (summary.rows, summary.customers, summary.refused),
        (rows, rows, 0)
    );
    assert_eq!((summary.contested, summary.attributes), (contested, attributes));
    for (field, column) in [
        ("id", "Provider ID"),
        ("name", "Hospital Name"),
        ("phones[0]", "Phone Number"),
        ("attributes.zip_code", "ZIP Code"),
    ] {
        let detected = Detected {
            field: field.into(),
            column: column.into(),
        };
        assert!(summary.detected.contains(&detected), "{field}");
    }

    let snapshot = Arc::new(place.snapshot());
    let index = |mode| {
        let ownership = Ownership {
            mode,
            owner: Owner::NewestClaim,
            on_conflict: OnConflict::Move,
            shared_above: 0,
            suffix_digits: 0,
        };
        Index::new(Arc::clone(&snapshot), ownership).0
    };
    let (unique, shared) = (index(Mode::Unique), index(Mode::Shared));
    assert_eq!(
        (snapshot.header().seq, snapshot.header().customers),
        (rows + 1, rows)
    );
    let numbering = numbering();
    let mut invalid = 0;
    for (digits, ids) in &by_digits {
        let stored = numbering.key_to_store(digits, None, false);
        let Ok(Some(_)) = stored else {
            invalid += ids.len() as u64;
            continue;
        };
        let (area, exchange, line) = (&digits[..3], &digits[3..6], &digits[6..]);
        for written in [
            digits.clone(),
            format!("+1{digits}"),
            format!("({area}) {exchange}-{line}"),
            format!("{area}.{exchange}.{line}"),
            format!("tel:+1-{area}-{exchange}-{line}"),
            format!("1 {area} {exchange} {line}"),
        ] {
            let key = numbering.read(&written, None).key().unwrap();
            // The newest claim, which is the latest row, comes first.
            let expected: Vec<String> = ids.iter().rev().cloned().collect();
            assert_eq!(claimant_ids(&snapshot, key.raw()), expected, "{written}");
            assert_eq!(answering(&shared, key), expected, "{written}, shared");
            assert_eq!(answering(&unique, key), expected[..1], "{written}, unique");
        }
    }
    assert_eq!(summary.kept_phones, invalid);
    assert_eq!(summary.numbers, by_digits.len() as u64 - invalid);
    assert_eq!(summary.claims, rows - invalid);
    let kept = rejects(&summary);
    assert_eq!(kept.len() as u64, invalid);
    assert!(
        kept.iter()
            .all(|line| line["kept"] == true && line["column"] == "Phone Number"),
        "{kept:?}"
    );

    let first = json(&snapshot.customer("10005").unwrap());
    assert_eq!(first["name"], "MARSHALL MEDICAL CENTER SOUTH");
    assert_eq!(first["attributes"]["zip_code"], "35957");
    assert_eq!(
        first["attributes"]["location"],
        "2505 U S HIGHWAY 431 NORTH BOAZ, AL 35957"
    );
    assert_eq!(
        snapshot.customer("10005").unwrap().origin().position,
        2_u64.to_be_bytes()
    );
}
