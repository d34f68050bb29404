#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc};
use serde_json::json;

use super::*;
use crate::feed::mapping::{Cases, Customers, Interactions, Schemas};
use crate::replica::PartGone;

/// The moment of every event, in seconds since 1970.
const AT: u32 = 1_700_000_000;

fn paths(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn reader() -> Reader {
    let mapping = Mapping {
        customers: Customers {
            from: "people".into(),
            id: paths(&["_id"]),
            name: paths(&["name"]),
            phones: paths(&["phones"]),
            ..Customers::default()
        },
        cases: Cases {
            from: "tickets".into(),
            id: paths(&["_id"]),
            customer_id: paths(&["customer.id", "owner"]),
            title: paths(&["title"]),
            ..Cases::default()
        },
        interactions: Interactions {
            from: "calls".into(),
            id: paths(&["_id"]),
            customer_id: paths(&["owner"]),
            started_at: paths(&["at"]),
            ..Interactions::default()
        },
        schema: Schemas {
            from: "fields".into(),
            key: paths(&["key"]),
            label: paths(&["label"]),
            kind: paths(&["type"]),
            under: "attributes".into(),
            ..Schemas::default()
        },
    };
    Reader {
        mapping: Arc::new(mapping),
        schema: None,
        is_told: false,
    }
}

/// An event of `operation` on the document `id` of the collection `from`, with `more`.
fn event(operation: &str, from: &str, id: &str, more: Document) -> RawDocumentBuf {
    let mut event = doc! {
        "_id": {"_data": "82650000000000000129"},
        "operationType": operation,
        "clusterTime": Timestamp { time: AT, increment: 1 },
        "ns": {"db": "cim", "coll": from},
        "documentKey": {"_id": id},
    };
    event.extend(more);
    RawDocumentBuf::try_from(&event).unwrap()
}

fn read(event: &RawDocumentBuf) -> Vec<Event> {
    let mut out = VecDeque::new();
    assert_eq!(reader().read(event, &mut out), Ok(Read::Done));
    out.into()
}

fn changes(event: &RawDocumentBuf) -> Vec<Change> {
    let mut before: Option<Vec<u8>> = None;
    read(event)
        .into_iter()
        .map(|event| match event {
            Event::Change {
                position,
                at_ms,
                change,
            } => {
                assert_eq!(at_ms, Some(i64::from(AT) * 1000));
                assert!(before.as_ref().is_none_or(|before| *before < position));
                before = Some(position);
                change
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn refusals(event: &RawDocumentBuf) -> Vec<String> {
    let refused = |event| match event {
        Event::Refused(unreadable) => Some(unreadable.reason),
        _ => None,
    };
    read(event).into_iter().filter_map(refused).collect()
}

fn person(name: &str) -> Document {
    doc! {"_id": "c1", "name": name, "phones": ["+14806754110"]}
}

fn ticket(owner: &str) -> Document {
    doc! {"_id": "k1", "owner": owner, "title": "broken"}
}

fn upserted(name: &str) -> Change {
    Change::Upsert {
        customer: json!({"id": "c1", "name": name, "phones": ["+14806754110"]}).into(),
    }
}

fn case_of(owner: &str) -> Change {
    let line = json!({"op": "case", "customer_id": owner, "case": {"id": "k1", "title": "broken"}});
    Change::decode_value(line).unwrap().change
}

fn case_gone(owner: &str) -> Change {
    Change::decode_value(json!({"op": "case", "customer_id": owner, "delete": "k1"}))
        .unwrap()
        .change
}

fn lost(event: &RawDocumentBuf) -> bool {
    let read = reader().read(event, &mut VecDeque::new());
    matches!(read, Err(SourceError::Lost(_)))
}

#[test]
fn whatever_changes_a_customer_has_the_whole_of_it() {
    for operation in ["insert", "update", "replace"] {
        let whole = event(operation, "people", "c1", doc! {"fullDocument": person("Ada")});
        assert_eq!(changes(&whole), [upserted("Ada")], "{operation}");
        let with_before = doc! {"fullDocument": person("Ada"), "fullDocumentBeforeChange": person("Eva")};
        let whole = event(operation, "people", "c1", with_before);
        assert_eq!(changes(&whole), [upserted("Ada")], "{operation}");
    }
    let gone = Change::Delete { id: "c1".into() };
    let deleted = event("delete", "people", "c1", doc! {});
    assert_eq!(changes(&deleted), std::slice::from_ref(&gone));
    let with_before = doc! {"fullDocumentBeforeChange": person("Ada")};
    assert_eq!(
        changes(&event("delete", "people", "c1", with_before)),
        std::slice::from_ref(&gone)
    );
    // Nobody to anybody any more.
    let empty = doc! {"fullDocument": {"_id": "c1"}};
    assert_eq!(changes(&event("replace", "people", "c1", empty)), [gone]);
}

#[test]
fn the_moment_is_the_servers_own_where_it_says_so() {
    let at = mongodb::bson::DateTime::from_millis(1_700_000_000_123);
    let said = event("delete", "people", "c1", doc! {"wallTime": at});
    let read = read(&said);
    assert!(matches!(
        read.as_slice(),
        [Event::Change {
            at_ms: Some(1_700_000_000_123),
            ..
        }]
    ));
}

#[test]
fn a_lookup_that_found_nothing_says_nothing() {
    let absent = event(
        "update",
        "people",
        "c1",
        doc! {"updateDescription": {"updatedFields": {"name": "x"}}},
    );
    assert_eq!(read(&absent), []);
    let null = doc! {"fullDocument": mongodb::bson::Bson::Null};
    assert_eq!(read(&event("update", "tickets", "k1", null)), []);
}

#[test]
fn a_customer_who_is_known_by_another_id_is_gone_by_the_one_before() {
    let mut reader = reader();
    let mapping = Arc::make_mut(&mut reader.mapping);
    mapping.customers.id = paths(&["number"]);
    let images = doc! {
        "fullDocument": {"_id": 1, "number": "b", "name": "Ada"},
        "fullDocumentBeforeChange": {"_id": 1, "number": "a", "name": "Ada"},
    };
    let mut out = VecDeque::new();
    reader
        .read(&event("update", "people", "1", images), &mut out)
        .unwrap();
    let said: Vec<_> = out
        .into_iter()
        .map(|event| match event {
            Event::Change { change, .. } => change,
            other => panic!("{other:?}"),
        })
        .collect();
    let put = Change::Upsert {
        customer: json!({"id": "b", "name": "Ada"}).into(),
    };
    assert_eq!(said, [Change::Delete { id: "a".into() }, put]);
}

#[test]
fn a_part_that_moves_leaves_whom_it_was_of() {
    let put = case_of("c2");
    let looked_for = Change::Gone(PartGone::Case("k1".into()));
    let images = doc! {"fullDocument": ticket("c2"), "fullDocumentBeforeChange": ticket("c1")};
    assert_eq!(
        changes(&event("update", "tickets", "k1", images)),
        [case_gone("c1"), put.clone()]
    );
    let same = doc! {"fullDocument": ticket("c2"), "fullDocumentBeforeChange": ticket("c2")};
    assert_eq!(
        changes(&event("replace", "tickets", "k1", same)),
        std::slice::from_ref(&put)
    );
    // Without pre-images: whatever may have moved it has it looked for.
    let updated = |description: Document| {
        let more = doc! {"fullDocument": ticket("c2"), "updateDescription": description};
        changes(&event("update", "tickets", "k1", more))
    };
    let both = [looked_for.clone(), put.clone()];
    assert_eq!(
        updated(doc! {"updatedFields": {"owner": "c2"}, "removedFields": []}),
        both
    );
    assert_eq!(updated(doc! {"updatedFields": {"customer.id": "c2"}}), both);
    assert_eq!(updated(doc! {"updatedFields": {"customer": {"id": "c2"}}}), both);
    assert_eq!(
        updated(doc! {"updatedFields": {}, "removedFields": ["customer.id"]}),
        both,
        "another path says whose it is now"
    );
    assert_eq!(
        updated(doc! {"updatedFields": {"title": "broken"}, "removedFields": ["note"]}),
        std::slice::from_ref(&put)
    );
    let replaced = doc! {"fullDocument": ticket("c2")};
    assert_eq!(
        changes(&event("replace", "tickets", "k1", replaced.clone())),
        both
    );
    assert_eq!(changes(&event("insert", "tickets", "k1", replaced)), [put]);
    // Nobody's any more: it is taken away, and what is left of it refused.
    let nobodys = doc! {
        "fullDocument": {"_id": "k1", "title": "broken"},
        "updateDescription": {"updatedFields": {}, "removedFields": ["owner"]},
    };
    let nobodys = event("update", "tickets", "k1", nobodys);
    assert!(matches!(
        &read(&nobodys)[..],
        [Event::Change { change, .. }, Event::Refused(_)] if *change == looked_for
    ));
}

#[test]
fn a_part_that_is_gone_is_looked_for_where_nobody_says_whose_it_was() {
    let gone = |from: &str, more| changes(&event("delete", from, "k1", more));
    assert_eq!(
        gone("tickets", doc! {}),
        [Change::Gone(PartGone::Case("k1".into()))]
    );
    assert_eq!(
        gone("calls", doc! {}),
        [Change::Gone(PartGone::Interaction("k1".into()))]
    );
    let expired = doc! {"fullDocumentBeforeChange": mongodb::bson::Bson::Null};
    assert_eq!(
        gone("tickets", expired),
        [Change::Gone(PartGone::Case("k1".into()))]
    );
    assert_eq!(
        gone("tickets", doc! {"fullDocumentBeforeChange": ticket("c1")}),
        [case_gone("c1")]
    );
}

#[test]
fn a_collection_that_is_gone_or_another_one_is_lost() {
    for operation in ["drop", "rename", "dropDatabase", "invalidate"] {
        assert!(lost(&event(operation, "people", "c1", doc! {})), "{operation}");
    }
    // Another one takes the place of a followed one.
    let to = doc! {"to": {"db": "cim", "coll": "people"}};
    assert!(lost(&event("rename", "people.new", "c1", to)));
    assert_eq!(read(&event("create", "people", "c1", doc! {})), []);
    assert_eq!(
        read(&event(
            "insert",
            "others",
            "c1",
            doc! {"fullDocument": person("Ada")}
        )),
        []
    );
}

#[test]
fn what_is_no_bson_is_refused_and_takes_away_what_was_there() {
    let broken = |from: &str| {
        let whole = doc! {"fullDocument": {"_id": "c1", "name": "Ada", "owner": "c2"}};
        let mut bytes = event("replace", from, "c1", whole).into_bytes();
        let at = bytes.windows(3).position(|three| three == b"Ada").unwrap();
        bytes[at] = 0xff;
        RawDocumentBuf::from_bytes(bytes).unwrap()
    };
    let said = read(&broken("people"));
    let [Event::Refused(unreadable), Event::Change { change, .. }] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!(unreadable.reason, "expected valid BSON");
    assert_eq!(*change, Change::Delete { id: "c1".into() });
    assert!(matches!(
        &read(&broken("tickets"))[..],
        [
            Event::Refused(_),
            Event::Change {
                change: Change::Gone(_),
                ..
            }
        ]
    ));
}

#[test]
fn what_is_no_event_is_refused_and_not_repeated() {
    let strange = RawDocumentBuf::try_from(&doc! {"_id": {"_data": "82"}, "name": "Ada"}).unwrap();
    assert_eq!(refusals(&strange), ["expected an event of a change stream"]);
    let nameless = doc! {"documentKey": {"_id": {"a": 1}}};
    let reasons = refusals(&event("delete", "people", "c1", nameless));
    assert_eq!(reasons, ["expected an id at _id"]);
}

#[test]
fn a_schema_that_changed_while_nobody_was_connected_is_told_and_then_only_when_it_changes() {
    let field = |label: &str, kind: &str| json!({"key": "tier", "label": label, "type": kind});
    let mut reader = reader();
    // As it is when one connects: the change of it is still on its way.
    reader.schema = reader.mapping.schema(&[field("Rank", "text")]);
    let changed = event("update", "fields", "f1", doc! {"fullDocument": {"_id": "f1"}});
    let mut out = VecDeque::new();
    let Ok(Read::Schema(at)) = reader.read(&changed, &mut out) else {
        panic!("not read")
    };
    assert_eq!(reader.attributes(), Some("fields"));
    let mut read = |label: &str, kind: &str| {
        let mut out = VecDeque::new();
        let read = reader.schema(&[field(label, kind)], at.clone(), &mut out);
        read.map(|()| out.len())
    };
    assert_eq!(read("Rank", "text"), Ok(1), "whoever goes on has the one before");
    assert_eq!(read("Rank", "text"), Ok(0));
    assert_eq!(read("Level", "text"), Ok(1));
    assert!(matches!(read("Level", "phone"), Err(SourceError::Lost(_))));
    for operation in ["insert", "replace", "delete"] {
        let changed = event(operation, "fields", "f1", doc! {});
        assert!(matches!(
            reader.read(&changed, &mut VecDeque::new()),
            Ok(Read::Schema(_))
        ));
    }
}

/// A token as a server makes it: the cluster time, what kind of token it is, the place within the transaction, the
/// collection and the document's key.
fn token(seconds: u32, nth: u32, within: u8, id: ObjectId) -> String {
    let id: String = id.bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    // 82: a timestamp; 2B 02: the version; 2C 01 00: an event; 29 or 2B …: the place; 6E 5A: a UUID.
    let place = if within == 0 {
        "29".to_owned()
    } else {
        format!("2B{:02X}", within * 2)
    };
    format!(
        "82{seconds:08X}{nth:08X}2B022C0100{place}6E5A1004{}46645F69640064{id}0004",
        "AB".repeat(16)
    )
}

#[test]
fn positions_are_in_the_order_of_events_within_a_transaction_too() {
    let id = |byte| ObjectId::from_bytes([byte; 12]);
    let of = |token: String| {
        let event = doc! {"_id": {"_data": token}, "operationType": "delete"};
        position(&RawDocumentBuf::try_from(&event).unwrap())
    };
    let in_order = [
        of(token(AT, 1, 0, id(9))),
        of(token(AT, 2, 0, id(8))),
        // A transaction, whose changes have one cluster time.
        of(token(AT, 3, 0, id(7))),
        of(token(AT, 3, 1, id(6))),
        of(token(AT, 3, 2, id(1))),
        of(token(AT, 256, 0, id(1))),
        of(token(AT + 1, 1, 0, id(0))),
    ];
    assert!(in_order.is_sorted_by(|a, b| a < b), "{in_order:?}");
    let long = of("AB".repeat(400));
    assert_eq!(long.len(), MOST_POSITION - 1, "with a byte left for the ordinal");
    assert_eq!(of("not hexadecimal".into()), Vec::<u8>::new());
}
