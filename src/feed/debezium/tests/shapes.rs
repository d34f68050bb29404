//! What is refused, and with which remedy; what concerns nobody.

use serde_json::{Value, json};

use super::*;

fn event(op: &str, source: Value, before: Value, after: Value) -> String {
    json!({"before": before, "after": after, "source": source, "op": op, "ts_ms": 9}).to_string()
}

fn postgres(table: &str) -> Value {
    json!({"connector": "postgresql", "db": "crm", "schema": "public", "table": table, "ts_ms": 7})
}

fn mongodb() -> Value {
    json!({"connector": "mongodb", "db": "crm", "collection": "customers", "ts_ms": 7})
}

fn beside(key: Value, value: &str) -> String {
    format!(r#"{{"key":{key},"value":{value}}}"#)
}

fn only(value: &str) -> String {
    let told = all_told(value);
    assert_eq!(told.len(), 1, "{told:?}");
    told.into_iter().next().unwrap()
}

#[test]
fn the_source_says_when_and_the_transport_in_which_order() {
    let [Item::Change { position, at_ms, .. }] = &*items(&event(
        "c",
        postgres("customers"),
        json!(null),
        json!({"id": 1, "name": "Ada"}),
    )) else {
        unreachable!("one change")
    };
    assert_eq!((*position, *at_ms), (None, Some(7)));
}

#[test]
fn tables_are_known_by_any_of_their_names_and_others_concern_nobody() {
    let of = |from: &str, source: Value| {
        let mut mapping = mapping();
        mapping.customers.from = from.into();
        let mut items = Vec::new();
        let event = event("c", source, json!(null), json!({"id": 1, "name": "Ada"}));
        Debezium::new(mapping, &Settings::default()).decode(Message::of(event.as_bytes()), &mut items);
        matches!(*items, [Item::Change { .. }])
    };
    for name in ["customers", "public.customers", "crm.public.customers"] {
        assert!(of(name, postgres("customers")), "{name}");
    }
    for name in ["archive.customers", "customer", "public"] {
        assert!(!of(name, postgres("customers")), "{name}");
    }
    assert!(of(
        "crm.people",
        json!({"connector": "mysql", "db": "crm", "table": "people"})
    ));
    assert_eq!(
        only(&event("d", postgres("other"), json!(null), json!(null))),
        "nothing"
    );
    assert_eq!(
        only(&event("t", postgres("other"), json!(null), json!(null))),
        "nothing"
    );
    assert!(only(&event("t", postgres("cases"), json!(null), json!(null))).starts_with("truncated"));
}

#[test]
fn a_row_without_what_was_not_logged_is_refused_where_that_is_read() {
    let with = |column: &str, value: Value| {
        let mut row = json!({"id": 1, "name": "Ada"});
        row[column] = value;
        only(&event("u", postgres("customers"), json!(null), row))
    };
    let missing = json!("__debezium_unavailable_value");
    for column in ["name", "phones", "tier", "created_at", "do_not_call"] {
        let told = with(column, missing.clone());
        assert!(told.contains("REPLICA IDENTITY FULL"), "{column}: {told}");
    }
    assert!(with("numbers", json!([missing])).contains("REPLICA IDENTITY FULL"));
    assert!(with("notes", missing).starts_with("upsert"), "nobody reads it");
}

#[test]
fn deletions_that_name_nobody_are_refused() {
    let gone = |before| event("d", postgres("customers"), before, json!(null));
    assert_eq!(only(&gone(json!({"id": 3, "name": ""}))), "delete 3");
    for before in [json!(null), json!({"id": 0}), json!({"_id": null, "id": 3})] {
        let told = only(&gone(before));
        assert!(told.contains("drops keys"), "{told}");
    }
    assert_eq!(
        only(&beside(json!({"id": 3}), &gone(json!({"id": 0, "name": ""})))),
        "delete 3"
    );
    assert_eq!(only(&beside(json!({"id": 3}), &gone(json!(null)))), "delete 3");
    // The key is another column than that of the ids, which the database did not log.
    let told = only(&beside(json!({"pk": 3}), &gone(json!({"pk": 3, "id": 4}))));
    assert!(told.contains("message.key.columns"), "{told}");
    let told = only(&beside(json!({"id": 3}), &gone(json!({"_id": "", "id": 3}))));
    assert!(told.contains("message.key.columns"), "{told}");
}

#[test]
fn what_postgresql_makes_up_names_no_owner() {
    let before = json!({"id": "5f", "customer_id": 0, "title": ""});
    let gone = event("d", postgres("cases"), before, json!(null));
    assert_eq!(only(&gone), "Gone(Case(\"5f\"))");
    assert_eq!(only(&beside(json!({"id": "5f"}), &gone)), "Gone(Case(\"5f\"))");
    let key = json!({"id": "5f", "customer_id": 7});
    assert_eq!(only(&beside(key, &gone)), "no case 5f of 7", "the key is logged");
}

#[test]
fn whoever_had_the_id_or_the_part_has_it_no_more() {
    let case = |id: &str, owner: i64| json!({"id": id, "customer_id": owner});
    let moved = |before, after| all_told(&event("u", postgres("cases"), before, after));
    assert_eq!(
        moved(case("5", 1), case("5", 2)),
        ["no case 5 of 1", "case 5 of 2"]
    );
    assert_eq!(
        moved(case("5", 1), case("6", 1)),
        ["no case 5 of 1", "case 6 of 1"]
    );
    assert_eq!(moved(case("5", 0), case("5", 2)), ["case 5 of 2"], "made up");
    assert_eq!(moved(json!(null), case("5", 2)), ["case 5 of 2"]);
    let renamed = |before, after| all_told(&event("u", postgres("customers"), before, after));
    let ada = |id| json!({"id": id, "name": "Ada"});
    let told = renamed(ada(1), ada(2));
    assert_eq!((told.len(), &*told[0]), (2, "delete 1"));
    // The id of one column is not looked for in another, where it may be somebody else's.
    let told = renamed(
        json!({"_id": null, "id": 1, "name": ""}),
        json!({"_id": "x", "id": 1, "name": "Ada"}),
    );
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_snapshot_that_begins_is_told_whichever_table_it_begins_with() {
    let of = |table: &str, snapshot: Value| {
        let mut source = postgres(table);
        source["snapshot"] = snapshot;
        all_told(&event("r", source, json!(null), json!({"id": 1, "name": "Ada"})))
    };
    let told = of("customers", json!("first"));
    assert!(
        told[0].starts_with("anew") && told[1].starts_with("upsert"),
        "{told:?}"
    );
    assert!(of("other", json!("first"))[0].starts_with("anew"));
    for within in [
        json!("true"),
        json!("last"),
        json!("incremental"),
        json!(true),
        json!(null),
    ] {
        assert_eq!(of("customers", within).len(), 1);
    }
}

#[test]
fn a_moment_beyond_all_time_costs_the_moment_alone() {
    for beyond in [i64::MIN, i64::MAX] {
        let row = json!({"id": 1, "name": "Ada", "created_at": beyond});
        let told = only(&event("c", postgres("customers"), json!(null), row));
        assert_eq!(told, r#"upsert {"id":"1","name":"Ada"}"#);
    }
}

#[test]
fn documents_are_read_in_either_extended_json() {
    let of = |after: &str| only(&event("c", mongodb(), json!(null), json!(after)));
    let canonical = r#"{"_id":{"$oid":"65f1a2b3c4d5e6f708192a3b"},"firstName":"Ada","createdAt":{"$date":{"$numberLong":"1772360430123"}}}"#;
    let relaxed = r#"{"_id":{"$oid":"65f1a2b3c4d5e6f708192a3b"},"firstName":"Ada","createdAt":{"$date":"2026-03-01T10:20:30.123Z"}}"#;
    assert_eq!(of(canonical), of(relaxed));
    assert!(of(canonical).contains("2026-03-01T10:20:30.123Z"));
    assert!(of("[]").starts_with("refused") && of("{").starts_with("refused"));
}

#[test]
fn documents_that_are_not_whole_are_refused() {
    let update = event("u", mongodb(), json!(null), json!(null));
    assert!(only(&update).contains("change_streams_update_full"));
    let mut patch: Value = serde_json::from_str(&update).unwrap();
    patch["patch"] = json!("{\"$set\":{\"lastName\":\"King\"}}");
    assert!(only(&patch.to_string()).contains("Debezium 2"));
}

#[test]
fn deletions_of_documents_need_a_key_or_an_image() {
    let gone = event("d", mongodb(), json!(null), json!(null));
    assert!(only(&gone).contains("changeStreamPreAndPostImages"));
    for (key, id) in [
        (
            json!({"id": "{\"$oid\":\"65f1a2b3c4d5e6f708192a3b\"}"}),
            "65f1a2b3c4d5e6f708192a3b",
        ),
        (json!({"id": "\"c-7\""}), "c-7"),
        (json!({"id": "42"}), "42"),
        (json!({"id": "{\"$numberLong\":\"42\"}"}), "42"),
        (json!({"payload": {"id": "\"c-7\""}, "schema": {}}), "c-7"),
        (json!({"id": "no quotation marks"}), "no quotation marks"),
    ] {
        assert_eq!(only(&beside(key, &gone)), format!("delete {id}"));
    }
    let imaged = event("d", mongodb(), json!("{\"_id\":\"c-7\"}"), json!(null));
    assert_eq!(only(&imaged), "delete c-7");
    let mut mapping = mapping();
    mapping.customers.id = paths(&["number", "_id"]);
    let mut items = Vec::new();
    Debezium::new(mapping, &Settings::default()).decode(
        Message::of(beside(json!({"id": "42"}), &gone).as_bytes()),
        &mut items,
    );
    assert!(told(&items[0]).contains("not its _id"), "another's id may be 42");
}

#[test]
fn records_without_their_envelope_are_refused() {
    for flattened in [
        r#"{"id":1,"name":"Ada"}"#,
        r#"{"_id":"65f1a2b3c4d5e6f708192a3b","firstName":"Ada","__deleted":"false"}"#,
        r#"{"schema":{"type":"struct","name":"crm.public.customers.Value"},"payload":{"id":1,"name":"Ada"}}"#,
        r#"{"key":{"id":1},"value":{"id":1,"__op":"u"}}"#,
    ] {
        assert!(only(flattened).contains("ExtractNewDocumentState"), "{flattened}");
    }
    let unknown = event("x", postgres("customers"), json!(null), json!({"id": 1}));
    assert!(only(&unknown).contains("one of c u d r t m"));
    let without_row = event("u", postgres("customers"), json!(null), json!(null));
    assert!(only(&without_row).contains("whole row"));
    let without_id = event("c", postgres("customers"), json!(null), json!({"name": "Ada"}));
    assert!(only(&without_id).contains("expected an id at _id or id"));
}

#[test]
fn refusals_repeat_nothing_of_what_they_refuse_and_keep_all_of_it() {
    let found = event(
        "c",
        postgres("customers"),
        json!(null),
        json!({"name": "Ada Lovelace"}),
    );
    let [Item::Refused(refused)] = &*items(&found) else {
        unreachable!("refused")
    };
    assert!(!refused.reason.contains("Ada"));
    assert_eq!(refused.found, found.as_bytes());
}
