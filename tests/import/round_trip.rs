//! What is exported builds the same customers again.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use ringside::customer::Schema;
use ringside::snapshot::import::{Format, Mapping};
use ringside::snapshot::{MappedSnapshot, export};

use super::place::{Place, claimant_ids, hospitals, json};

/// Customers as documents by id, with their claims but for when these began.
fn content(snapshot: &MappedSnapshot) -> BTreeMap<String, (serde_json::Value, Vec<(u64, bool)>)> {
    let customers = snapshot.records().map(|record| {
        let record = record.unwrap();
        let claims = record.claims().map(|claim| (claim.key, claim.shared)).collect();
        (record.id().to_owned(), (json(&record), claims))
    });
    customers.collect()
}

fn exported(snapshot: &MappedSnapshot) -> (String, String) {
    let mut lines = Vec::new();
    let customers = export::export(snapshot, &mut lines, |_| {}).unwrap();
    assert_eq!(customers, snapshot.header().customers);
    let schema: &Schema = snapshot.schema();
    (
        String::from_utf8(lines).unwrap(),
        export::mapping(schema).unwrap(),
    )
}

#[test]
fn hospitals_exported_and_built_again_are_the_same() {
    let place = Place::new();
    place
        .build(
            fs::File::open(hospitals()).unwrap(),
            Format::Csv,
            &Mapping::default(),
        )
        .unwrap();
    let first = place.snapshot();
    let (lines, mapping) = exported(&first);
    let summary = place.ndjson(&lines, &format!("only = true\n{mapping}")).unwrap();
    let second = place.snapshot();
    assert_eq!((summary.refused, second.schema()), (0, first.schema()));
    assert_eq!(content(&first), content(&second));
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let phone = prop_oneof![
        "\\+1480675[0-9]{4}".prop_map(serde_json::Value::from),
        ("[0-9() -]{3,12}1", any::<bool>()).prop_map(
            |(number, shared)| serde_json::json!({"number": number, "shared": shared, "kind": "work"})
        ),
    ];
    let text = "[ -~äß\u{1F600}]{0,12}";
    (
        "[a-d0-9]{1,3}",
        "[A-Za-zäß\"\\\\]{1,10}",
        prop::collection::vec(phone, 0..4),
        prop::option::of(text),
        prop::option::of(any::<bool>()),
        prop::collection::vec("[a-z]{1,4}", 0..3),
    )
        .prop_map(|(id, name, phones, note, vip, labels)| {
            serde_json::json!({
                "id": id, "name": name, "phones": phones, "labels": labels,
                "attributes": {"note": note, "vip": vip},
                "case": {"id": "c", "title": name, "status": "open"},
                "interactions": [{"id": "i", "started_at": "2026-11-18T14:02:11Z", "duration_s": 3}],
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exported_and_built_again_is_the_same(documents in prop::collection::vec(document(), 1..20)) {
        let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
        let place = Place::new();
        place.ndjson(&lines, "").unwrap();
        let first = place.snapshot();
        let (lines, mapping) = exported(&first);
        let again = Place::new();
        let summary = again.ndjson(&lines, &mapping).unwrap();
        prop_assert_eq!(summary.refused, 0);
        let second = again.snapshot();
        prop_assert_eq!(first.schema(), second.schema());
        prop_assert_eq!(content(&first), content(&second));
        prop_assert_eq!(exported(&second).0, lines);
    }
}

/// Numbers that were read by the rules of one region are the same to a server of another.
#[test]
fn the_region_of_an_import_stays_with_its_phones() {
    let place = Place::new();
    let summary = place
        .csv(
            "id,name,phone\n1,A,020 7946 0000\n2,B,+1 480 675 4110\n",
            "region = \"GB\"",
        )
        .unwrap();
    assert_eq!((summary.customers, summary.numbers), (2, 2));
    let snapshot = place.snapshot();
    assert_eq!(claimant_ids(&snapshot, 442_079_460_000), ["1"]);
    assert_eq!(
        json(&snapshot.customer("1").unwrap())["phones"],
        serde_json::json!([{"number": "020 7946 0000", "region": "GB"}])
    );
    assert_eq!(
        json(&snapshot.customer("2").unwrap())["phones"],
        serde_json::json!(["+1 480 675 4110"])
    );
}

/// Whichever worker comes first, attributes are in the order in which the rows bring them.
#[test]
fn attributes_come_in_the_order_of_the_rows() {
    let rows = |keys: u32| -> String {
        (0..keys * 200)
            .map(|n| {
                let key = n / 200;
                format!("{{\"id\":\"{n}\",\"name\":\"x\",\"attributes\":{{\"k{key}\":\"v{n}\"}}}}\n")
            })
            .collect()
    };
    let place = Place::new();
    let summary = place.ndjson(&rows(40), "").unwrap();
    assert_eq!((summary.refused, summary.attributes), (0, 40));
    let snapshot = place.snapshot();
    let keys: Vec<&str> = snapshot
        .schema()
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    let expected: Vec<String> = (0..40).map(|key| format!("k{key}")).collect();
    assert_eq!(keys, expected);
    for n in [0, 199, 200, 4321, 7999] {
        let customer = snapshot.customer(&n.to_string()).unwrap();
        let value = customer.attribute(n / 200).unwrap();
        assert_eq!(value, format!("\"v{n}\"").as_bytes());
    }
    let error = place.ndjson(&rows(52), "").unwrap_err().to_string();
    assert!(error.contains("row 10001") && error.contains("k50"), "{error}");
}
