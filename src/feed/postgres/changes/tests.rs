//! Messages in, changes out.

use bytes::Bytes;
use serde_json::json;

use super::super::checks::tests::mapping;
use super::super::pgoutput;
use super::*;
use crate::replica::PartGone;

const CUSTOMERS: u32 = 1;
const CASES: u32 = 2;

fn followed(entity: Entity, name: &str, columns: &[(&str, u32)], key: &[&str]) -> Followed {
    Followed {
        entity,
        schema: "public".into(),
        name: name.into(),
        columns: columns
            .iter()
            .map(|(name, oid)| ((*name).to_owned(), *oid))
            .collect(),
        key: key.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn relation(oid: u32, name: &str, columns: &[(&str, u32)]) -> Relation {
    Relation {
        oid,
        schema: "public".into(),
        name: name.into(),
        columns: columns
            .iter()
            .map(|(name, oid)| pgoutput::Column {
                name: (*name).to_owned(),
                type_oid: *oid,
            })
            .collect(),
    }
}

const OF_CUSTOMERS: [(&str, u32); 4] = [("id", 20), ("name", 25), ("phones", 3802), ("notes", 25)];
const OF_CASES: [(&str, u32); 3] = [("id", 25), ("customer_id", 25), ("title", 25)];

/// In the middle of a transaction whose commit is at 100.
fn changes() -> Changes {
    let tables = HashMap::from([
        (
            CUSTOMERS,
            followed(Entity::Customer, "customers", &OF_CUSTOMERS[..3], &["id"]),
        ),
        (
            CASES,
            followed(Entity::Case, "cases", &OF_CASES, &["id", "customer_id"]),
        ),
    ]);
    let mut changes = Changes::new(mapping(), tables, Kinds::default());
    let begin = Message::Begin {
        commit: 100,
        at_us: 1_500,
        xid: 7,
    };
    for message in [
        begin,
        Message::Relation(relation(CUSTOMERS, "customers", &OF_CUSTOMERS)),
        Message::Relation(relation(CASES, "cases", &OF_CASES)),
    ] {
        assert_eq!(changes.take(message), Ok(Step::Events(Vec::new())));
    }
    changes
}

fn row(texts: &[&str]) -> Vec<Datum> {
    texts
        .iter()
        .map(|text| match *text {
            "NULL" => Datum::Null,
            "SAME" => Datum::Unchanged,
            text => Datum::Text(Bytes::copy_from_slice(text.as_bytes())),
        })
        .collect()
}

fn events(step: Result<Step, SourceError>) -> Vec<(Vec<u8>, Change)> {
    let Ok(Step::Events(events)) = step else {
        panic!("{step:?}");
    };
    events
        .into_iter()
        .map(|event| match event {
            Event::Change {
                position,
                at_ms,
                change,
            } => {
                assert_eq!(at_ms, Some(946_684_800_001));
                (position, change)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn position(ordinal: u64) -> Vec<u8> {
    [100_u64.to_be_bytes(), ordinal.to_be_bytes()].concat()
}

fn upsert(customer: Value) -> Change {
    Change::Upsert {
        customer: customer.into(),
    }
}

#[test]
fn rows_are_changes_with_places_in_their_transaction() {
    let mut changes = changes();
    let inserted = changes.take(Message::Insert {
        relation: CUSTOMERS,
        new: row(&["1", "Ada", r#"["+1"]"#, "long"]),
    });
    let ada = json!({"id": "1", "name": "Ada", "phones": ["+1"]});
    assert_eq!(events(inserted), [(position(3), upsert(ada))]);
    let deleted = changes.take(Message::Delete {
        relation: CUSTOMERS,
        old: Old::Key(row(&["1", "NULL", "NULL", "NULL"])),
    });
    assert_eq!(
        events(deleted),
        [(position(4), Change::Delete { id: "1".into() })]
    );
    assert!(changes.is_within());
    let ended = changes.take(Message::Commit { end: 0x1_0000_0080 });
    assert_eq!(ended, Ok(Step::Events(vec![place(Lsn(0x1_0000_0080))])));
    assert!(!changes.is_within());
    assert!(matches!(&place(Lsn(0x1_0000_0080)), Event::Place { token, .. } if token == "1/80"));
}

#[test]
fn another_key_is_a_delete_and_a_put() {
    let updated = changes().take(Message::Update {
        relation: CUSTOMERS,
        old: Some(Old::Key(row(&["1", "NULL", "NULL", "NULL"]))),
        new: row(&["2", "Ada", "NULL", "NULL"]),
    });
    let ada = json!({"id": "2", "name": "Ada"});
    assert_eq!(
        events(updated),
        [
            (position(2), Change::Delete { id: "1".into() }),
            (position(3), upsert(ada))
        ]
    );
}

#[test]
fn a_part_that_moves_leaves_its_customer() {
    let moved = changes().take(Message::Update {
        relation: CASES,
        old: Some(Old::Full(row(&["c", "1", "Late"]))),
        new: row(&["c", "2", "SAME"]),
    });
    let moved = events(moved);
    let customers: Vec<_> = moved
        .iter()
        .map(|(at, change)| match change {
            Change::Part { customer_id, .. } => (at.clone(), customer_id.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(customers, [(position(2), "1"), (position(3), "2")]);
    let said = format!("{:?}", moved[1]);
    assert!(
        said.contains("Late"),
        "what did not change is taken from what was: {said}"
    );
}

#[test]
fn an_update_that_moves_nothing_is_a_put_alone() {
    let updated = changes().take(Message::Update {
        relation: CASES,
        old: Some(Old::Full(row(&["c", "1", "Late"]))),
        new: row(&["c", "1", "Later"]),
    });
    assert_eq!(events(updated).len(), 1);
    let nameless = changes().take(Message::Delete {
        relation: CASES,
        old: Old::Key(row(&["c", "NULL", "NULL"])),
    });
    let gone = Change::Gone(PartGone::Case("c".into()));
    assert_eq!(events(nameless), [(position(2), gone)]);
}

#[test]
fn what_did_not_come_is_read_and_never_left_out() {
    let mut changes = changes();
    let partial = Message::Update {
        relation: CUSTOMERS,
        old: None,
        new: row(&["1", "Ada", "SAME", "NULL"]),
    };
    let Ok(Step::Read(missing)) = changes.take(partial.clone()) else {
        panic!("a row to be read");
    };
    let missing = *missing;
    assert_eq!(missing.xid, 7);
    assert_eq!(missing.key, [("id".to_owned(), "1".to_owned())]);
    assert_eq!(changes.read_columns(CUSTOMERS), ["id", "name", "phones"]);
    let texts = ["1", "Ada", r#"["+1"]"#].map(|text| Some(text.to_owned()));
    let document = changes.document_of(CUSTOMERS, &texts);
    let found = changes.found(missing.clone(), Some(document));
    let ada = json!({"id": "1", "name": "Ada", "phones": ["+1"]});
    assert_eq!(events(Ok(Step::Events(found))), [(position(3), upsert(ada))]);
    assert_eq!(changes.found(missing.clone(), None), []);
    let another = json!({"id": 2, "name": "Bo"});
    assert_eq!(changes.found(missing, Some(another)), []);
    // A column that nobody reads may be left out.
    let whole = changes.take(Message::Update {
        relation: CUSTOMERS,
        old: None,
        new: row(&["1", "Ada", "NULL", "SAME"]),
    });
    assert_eq!(events(whole).len(), 1);
}

#[test]
fn a_table_that_is_another_one_is_lost() {
    let lost = |message: Message| match changes().take(message) {
        Err(SourceError::Lost(why)) => why,
        other => panic!("{other:?}"),
    };
    let truncated = Message::Truncate {
        relations: vec![9, CASES],
    };
    assert!(lost(truncated).contains("public.cases was truncated"));
    assert!(lost(Message::Relation(relation(CASES, "old", &OF_CASES))).contains("is called public.old"));
    assert!(lost(Message::Relation(relation(9, "cases", &OF_CASES))).contains("another table"));
    let mut altered = OF_CUSTOMERS;
    altered[1].1 = 1043;
    assert!(lost(Message::Relation(relation(CUSTOMERS, "customers", &altered))).contains("altered"));
    altered = OF_CUSTOMERS;
    altered[3] = ("more", 16);
    let unread = Message::Relation(relation(CUSTOMERS, "customers", &altered));
    assert_eq!(changes().take(unread), Ok(Step::Events(Vec::new())));
    let elsewhere = Message::Truncate { relations: vec![9] };
    assert_eq!(changes().take(elsewhere), Ok(Step::Events(Vec::new())));
}

#[test]
fn a_schema_is_read_where_its_transaction_ends() {
    let mut mapping = mapping();
    mapping.schema.from = "attributes".into();
    mapping.schema.under = "custom".into();
    mapping.schema.key = vec!["key".into()];
    let of_attributes = [("key", 25)];
    let tables = HashMap::from([(
        5,
        followed(Entity::Attribute, "attributes", &of_attributes, &["key"]),
    )]);
    let mut changes = Changes::new(mapping, tables, Kinds::default());
    let begin = Message::Begin {
        commit: 100,
        at_us: 1_500,
        xid: 7,
    };
    changes.take(begin).unwrap();
    changes
        .take(Message::Relation(relation(5, "attributes", &of_attributes)))
        .unwrap();
    let inserted = changes.take(Message::Insert {
        relation: 5,
        new: row(&["email"]),
    });
    assert_eq!(inserted, Ok(Step::Events(Vec::new())));
    assert_eq!(
        changes.take(Message::Commit { end: 120 }),
        Ok(Step::Schema {
            end: Lsn(120),
            xid: 7
        })
    );
    let ended = changes.schema(&[json!({"key": "email"})], Lsn(120));
    let kinds: Vec<_> = ended
        .iter()
        .map(|event| matches!(event, Event::Place { .. }))
        .collect();
    assert_eq!(kinds, [false, true]);
}

#[test]
fn types_that_nobody_knows_are_asked_for_and_bytes_that_are_no_text_refused() {
    let mut own = OF_CUSTOMERS;
    own[1].1 = 20_000;
    let asked = changes().take(Message::Relation(relation(CUSTOMERS, "customers", &own)));
    assert!(matches!(asked, Ok(Step::Kinds(_))), "{asked:?}");
    let mut bytes = row(&["1", "Ada", "NULL", "NULL"]);
    bytes[1] = Datum::Text(Bytes::from_static(b"\xff"));
    let refused = changes().take(Message::Insert {
        relation: CUSTOMERS,
        new: bytes,
    });
    assert!(
        matches!(&refused, Ok(Step::Events(events)) if matches!(&events[..], [Event::Refused(_)])),
        "{refused:?}"
    );
    let outside = Changes::new(mapping(), HashMap::new(), Kinds::default()).take(Message::Insert {
        relation: CUSTOMERS,
        new: row(&["1"]),
    });
    assert!(matches!(outside, Err(SourceError::Away(_))));
}
