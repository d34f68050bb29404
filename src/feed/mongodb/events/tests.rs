use mongodb::bson::{Bson, Document, doc};
use serde_json::json;

use super::*;
use crate::feed::mapping::{Cases, Customers, Schemas};

fn paths(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn reader() -> Reader {
    let mapping = Mapping {
        customers: Customers {
            from: "customers".into(),
            id: paths(&["_id"]),
            name: paths(&["name"]),
            ..Customers::default()
        },
        cases: Cases {
            from: "cases".into(),
            id: paths(&["_id"]),
            customer_id: paths(&["owner.id", "customerId"]),
            title: paths(&["title"]),
            ..Cases::default()
        },
        schema: Schemas {
            from: "schema".into(),
            key: paths(&["key"]),
            kind: paths(&["type"]),
            label: paths(&["label"]),
            ..Schemas::default()
        },
        ..Mapping::default()
    };
    Reader {
        mapping: Arc::new(mapping),
        schema: None,
    }
}

/// An event of `collection`, with these further members.
fn event(operation: &str, collection: &str, further: Document) -> RawDocumentBuf {
    let mut event = doc! {
        "_id": {"_data": "826B018E00000000012B04"},
        "operationType": operation,
        "clusterTime": Timestamp { time: 1_795_264_000, increment: 1 },
        "ns": {"db": "cim", "coll": collection},
        "documentKey": {"_id": "x"},
    };
    event.extend(further);
    RawDocumentBuf::try_from(&event).unwrap()
}

/// What is read of an event, as lines of changes; `refused` for what is.
fn read(operation: &str, collection: &str, further: Document) -> Vec<String> {
    let mut out = VecDeque::new();
    let read = reader().read(&event(operation, collection, further), &mut out);
    assert_eq!(read, Ok(Read::Done));
    let line = |event| match event {
        Event::Change { change, .. } => String::from_utf8(change.to_line(None)).unwrap(),
        Event::Refused(_) => "refused".to_owned(),
        other => panic!("{other:?}"),
    };
    out.into_iter().map(line).collect()
}

fn case(owner: &str) -> Document {
    doc! {"_id": "x", "customerId": owner, "title": "Late"}
}

fn put_of(owner: &str) -> String {
    let line = json!({"op": "case", "customer_id": owner, "case": {"id": "x", "title": "Late"}});
    let change = Change::decode(line.to_string().as_bytes()).unwrap().change;
    String::from_utf8(change.to_line(None)).unwrap()
}

#[test]
fn customers_come_and_go() {
    let ada = doc! {"fullDocument": {"_id": "x", "name": "Ada"}};
    for operation in ["insert", "update", "replace"] {
        let lines = read(operation, "customers", ada.clone());
        assert_eq!(lines, [r#"{"customer":{"id":"x","name":"Ada"},"op":"upsert"}"#]);
    }
    let gone = [r#"{"id":"x","op":"delete"}"#];
    assert_eq!(read("delete", "customers", doc! {}), gone);
    // Looked up, and gone by then: its deletion follows.
    let unknown = doc! {"fullDocument": Bson::Null};
    assert_eq!(read("update", "customers", unknown), Vec::<String>::new());
    assert_eq!(read("insert", "others", ada), Vec::<String>::new());
}

#[test]
fn a_part_that_moves_is_gone_where_it_was() {
    let looked_for = r#"{"delete":"x","op":"case"}"#.to_owned();
    let moved = |updated| doc! {"fullDocument": case("b"), "updateDescription": {"updatedFields": updated, "removedFields": []}};
    assert_eq!(
        read("insert", "cases", doc! {"fullDocument": case("b")}),
        [put_of("b")]
    );
    assert_eq!(
        read("update", "cases", moved(doc! {"title": "Late"})),
        [put_of("b")]
    );
    for updated in [
        doc! {"customerId": "b"},
        doc! {"owner.id": "b"},
        doc! {"owner": {"id": "b"}},
    ] {
        assert_eq!(
            read("update", "cases", moved(updated)),
            [looked_for.clone(), put_of("b")]
        );
    }
    let removed = |field: &str| {
        doc! {
            "fullDocument": {"_id": "x", "title": "Late"},
            "updateDescription": {"updatedFields": {}, "removedFields": [field]},
        }
    };
    assert_eq!(
        read("update", "cases", removed("customerId")),
        [&*looked_for, "refused"]
    );
    assert_eq!(read("update", "cases", removed("status")), ["refused"]);
    let replaced = doc! {"fullDocument": case("b")};
    assert_eq!(
        read("replace", "cases", replaced.clone()),
        [looked_for.clone(), put_of("b")]
    );
    assert_eq!(read("delete", "cases", doc! {}), [looked_for]);

    // Where it was is known.
    let was = |owner| {
        let mut event = replaced.clone();
        event.insert("fullDocumentBeforeChange", case(owner));
        event
    };
    let gone = |of: &str| read("delete", "cases", doc! {"fullDocumentBeforeChange": case(of)}).remove(0);
    assert!(gone("a").contains(r#""customer_id":"a""#), "{}", gone("a"));
    assert_eq!(read("replace", "cases", was("b")), [put_of("b")]);
    assert_eq!(read("replace", "cases", was("a")), [gone("a"), put_of("b")]);
}

#[test]
fn what_cannot_be_read_is_refused_and_is_no_longer_who_it_was() {
    let nobodys = doc! {"fullDocument": {"_id": "x", "title": "Nobody's"}};
    assert_eq!(read("insert", "cases", nobodys), ["refused"]);
    assert_eq!(read("delete", "customers", doc! {"documentKey": {}}), ["refused"]);

    let mut bytes = event(
        "insert",
        "customers",
        doc! {"fullDocument": {"_id": "x", "name": "ADA"}},
    )
    .into_bytes();
    let at = bytes.windows(3).position(|three| three == b"ADA").unwrap();
    bytes[at] = 0xff;
    let mut out = VecDeque::new();
    let broken = RawDocumentBuf::from_bytes(bytes).unwrap();
    assert_eq!(reader().read(&broken, &mut out), Ok(Read::Done));
    assert!(matches!(out[0], Event::Refused(_)), "{out:?}");
    let is_gone =
        |event: &Event| matches!(event, Event::Change { change: Change::Delete { id }, .. } if id == "x");
    assert!(is_gone(&out[1]), "{out:?}");
}

#[test]
fn a_collection_that_is_no_longer_there_is_lost() {
    for operation in ["drop", "rename", "dropDatabase", "invalidate"] {
        let mut out = VecDeque::new();
        let read = reader().read(&event(operation, "customers", doc! {}), &mut out);
        assert!(matches!(read, Err(SourceError::Lost(_))), "{operation}: {read:?}");
    }
}

#[test]
fn a_schema_with_other_attributes_is_copied_anew_and_another_label_is_not() {
    let attribute = |kind: &str, label: &str| vec![json!({"key": "email", "type": kind, "label": label})];
    let mut reader = reader();
    reader.schema = reader.mapping.schema(&attribute("text", "E-mail"));
    let mut out = VecDeque::new();
    let same = reader.schema(&attribute("text", "E-mail"), vec![1], &mut out);
    assert_eq!((same, out.len()), (Ok(()), 0));
    let label = reader.schema(&attribute("text", "Mail"), vec![2], &mut out);
    assert_eq!((label, out.len()), (Ok(()), 1));
    let kind = reader.schema(&attribute("date", "Mail"), vec![3], &mut out);
    assert!(matches!(kind, Err(SourceError::Lost(_))), "{kind:?}");
}

#[test]
fn positions_are_the_tokens_bytes_and_sort_as_events_do() {
    let at = |data: &str| position(&RawDocumentBuf::try_from(&doc! {"_id": {"_data": data}}).unwrap());
    assert_eq!(at("826B018E"), [0x82, 0x6b, 0x01, 0x8e]);
    assert!(at("826B018E00000001") < at("826B018E00000002"));
    let long = format!("82{}", "AB".repeat(500));
    assert_eq!(at(&long).len(), MOST_POSITION - 1);
    // What is no token sorts ahead of everything, and is no panic.
    assert_eq!(at("zz"), [0_u8; 0]);
    assert_eq!(at("é"), [0_u8; 0]);
}
