#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;
use crate::customer::document::{self, Limits, Strictness};
use crate::customer::record::{Claim, Origin, encode};
use crate::snapshot::writer::{Facts, SnapshotWriter};

const SETTINGS: Settings = Settings {
    vanished_max_percent: 5,
    moved_max_percent: 5,
    refused_max_percent: 10,
    ignore_below: 100,
    schema_removals: SchemaRemovals::Hold,
};

/// Customers by a number that makes their id, with the numbers that they claim; the greater id claims later.
type Customers = BTreeMap<u8, BTreeSet<u8>>;

fn snapshot(customers: &Customers, schema: &Schema) -> Snapshot<Vec<u8>> {
    snapshot_of(customers, schema, |number| 14_806_754_000 + u64::from(number))
}

fn snapshot_of(customers: &Customers, schema: &Schema, key: fn(u8) -> u64) -> Snapshot<Vec<u8>> {
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 7).unwrap();
    for (nth, (id, numbers)) in customers.iter().enumerate() {
        let json = serde_json::json!({"id": format!("c{id}"), "name": "Ada"});
        let customer = document::read(&json, schema, Strictness::Import, Limits::default()).unwrap();
        let claims: Vec<Claim> = numbers
            .iter()
            .map(|number| Claim {
                key: key(*number),
                since: nth as u64 + 1,
                shared: false,
            })
            .collect();
        let origin = Origin {
            stream: 0,
            position: &[],
            marks: &[],
        };
        let bytes = encode(&customer.customer, schema, &claims, origin).unwrap();
        writer.add(&Record::open(&bytes).unwrap()).unwrap();
    }
    let facts = Facts {
        generation: 1,
        seq: customers.len() as u64,
        created_at_ms: 0,
        schema,
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    Snapshot::open(writer.finish(&facts).unwrap().0.into_inner()).unwrap()
}

fn compared(before: &Customers, after: &Customers) -> Comparison {
    let schema = Schema::default();
    let (before, after) = (snapshot(before, &schema), snapshot(after, &schema));
    compare(&before, &after, Order::NewestClaim, Rows::default(), |_| true).unwrap()
}

/// Who answers for each number: the last to claim it.
fn owners(customers: &Customers) -> BTreeMap<u8, u8> {
    let claims = customers
        .iter()
        .flat_map(|(id, numbers)| numbers.iter().map(|number| (*number, *id)));
    claims.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_different_is_what_a_map_says(
        before in btree_map(0..12u8, btree_set(0..16u8, 0..4), 0..10),
        after in btree_map(0..12u8, btree_set(0..16u8, 0..4), 0..10),
    ) {
        let found = compared(&before, &after);
        let vanished = before.keys().filter(|id| !after.contains_key(id)).count() as u64;
        let new_owners = owners(&after);
        let moved = owners(&before)
            .into_iter()
            .filter(|(number, id)| match new_owners.get(number) {
                Some(owner) => owner != id,
                None => after.contains_key(id),
            })
            .count() as u64;
        prop_assert_eq!((found.vanished, found.moved), (vanished, moved));
        prop_assert_eq!(found.numbers_before, owners(&before).len() as u64);
        prop_assert_eq!(found.customers_after, after.len() as u64);
    }

    #[test]
    fn nothing_speaks_against_the_same_customers(
        customers in btree_map(0..12u8, btree_set(0..16u8, 0..4), 0..10),
    ) {
        let none = Settings { vanished_max_percent: 0, moved_max_percent: 0, ignore_below: 0, ..SETTINGS };
        prop_assert_eq!(judge(&compared(&customers, &customers), &none), Vec::new());
    }
}

/// What other systems call customers is no number: new ids for all of them are nobody's business.
#[test]
fn ids_do_not_count_as_numbers() {
    let key = |id: u8| Key::attribute("crm_id", &id.to_string()).raw();
    let all = |shift: u8| (0..10).map(|id| (id, BTreeSet::from([id + shift]))).collect();
    let (before, after): (Customers, Customers) = (all(0), all(1));
    let schema = Schema::default();
    let (before, after) = (
        snapshot_of(&before, &schema, key),
        snapshot_of(&after, &schema, key),
    );
    let found = compare(&before, &after, Order::NewestClaim, Rows::default(), |_| true).unwrap();
    assert_eq!((found.moved, found.vanished), (0, 0));
    assert_eq!((found.numbers_before, found.numbers_after), (0, 0));
    assert_eq!(before.header().attributes, 10);
}

fn codes(found: &Comparison) -> Vec<String> {
    let reasons = judge(found, &SETTINGS).into_iter();
    reasons.map(|reason| reason.code).collect()
}

#[test]
fn a_limit_is_the_most_that_passes() {
    let at = |vanished| Comparison {
        customers_before: 10_000,
        vanished,
        ..Comparison::default()
    };
    assert_eq!(codes(&at(500)), Vec::<String>::new());
    assert_eq!(codes(&at(501)), ["vanished"]);
    let moved = Comparison {
        numbers_before: 1000,
        moved: 101,
        ..Comparison::default()
    };
    assert_eq!(codes(&moved), ["moved"]);
    let refused = Comparison {
        import: Rows {
            rows: 1000,
            refused: 101,
        },
        ..Comparison::default()
    };
    assert_eq!(codes(&refused), ["refused"]);
    let message = judge(&at(777), &SETTINGS).remove(0).message;
    assert!(
        message.contains("777 of the 10000") && message.contains("7.7 %"),
        "{message}"
    );
}

#[test]
fn a_handful_is_never_a_reason() {
    let found = Comparison {
        customers_before: 100,
        vanished: 99,
        numbers_before: 99,
        moved: 99,
        import: Rows {
            rows: 99,
            refused: 99,
        },
        ..Comparison::default()
    };
    assert_eq!(codes(&found), Vec::<String>::new());
    let all = Comparison {
        vanished: 100,
        ..found
    };
    assert_eq!(codes(&all), ["vanished"]);
}

#[test]
fn attributes_that_go_or_change_are_named() {
    let schema = |json| Schema::from_json(1, &json).unwrap();
    let before = schema(serde_json::json!([
        {"key": "email", "type": "email"}, {"key": "tier", "type": "text"}, {"key": "since", "type": "date"},
    ]));
    let after = schema(serde_json::json!([
        {"key": "tier", "type": "bool"}, {"key": "new", "type": "text"}, {"key": "since", "type": "date"},
    ]));
    let (before, after) = (
        snapshot(&Customers::new(), &before),
        snapshot(&Customers::new(), &after),
    );
    let found = compare(&before, &after, Order::NewestClaim, Rows::default(), |_| true).unwrap();
    assert_eq!(found.attributes_removed, ["email"]);
    assert_eq!(found.attributes_changed, ["tier"]);
    assert_eq!(codes(&found), ["schema", "schema"]);
    let allowed = Settings {
        schema_removals: SchemaRemovals::Allow,
        ..SETTINGS
    };
    assert_eq!(judge(&found, &allowed), Vec::new());
}
