#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn side(status: u16, body: &str) -> (u16, &'static str, String) {
    (
        status,
        "application/json; odata.metadata=minimal",
        body.to_owned(),
    )
}

/// An id that Ringside spells itself begins so in these tests.
fn is_ours(id: &str) -> bool {
    id.starts_with("own-")
}

fn compared(asked: Asked, theirs: Value, ours: Value, standing: Standing) -> Compared {
    let (theirs, ours) = (side(200, &theirs.to_string()), side(200, &ours.to_string()));
    let of =
        |(status, content_type, body): &(u16, &'static str, String)| (*status, *content_type, body.clone());
    let (theirs, ours) = (of(&theirs), of(&ours));
    compare(
        asked,
        &Side {
            status: theirs.0,
            content_type: theirs.1,
            body: theirs.2.as_bytes(),
        },
        &Side {
            status: ours.0,
            content_type: ours.1,
            body: ours.2.as_bytes(),
        },
        standing,
        is_ours,
    )
}

fn customers(theirs: Value, ours: Value) -> (Cause, Option<String>) {
    let compared = compared(Asked::Customer, theirs, ours, Standing::Plain);
    (compared.cause, compared.column)
}

fn texts(theirs: &str, ours: &str) -> Cause {
    let side = |body| Side {
        status: 200,
        content_type: "text/plain",
        body,
    };
    compare(
        Asked::Customer,
        &side(theirs.as_bytes()),
        &side(ours.as_bytes()),
        Standing::Plain,
        is_ours,
    )
    .cause
}

#[test]
fn rows_are_found_where_each_dialect_puts_them() {
    let row = |name: &str| json!({"Id": "own-1", "Name": name});
    let theirs = json!({"Id": "003xx", "Name": "Ada Lovelace"});
    for wrap in [
        (|row: Value| json!({"value": [row], "@odata.context": "x"})) as fn(Value) -> Value,
        |row| json!({"totalSize": 1, "records": [row]}),
        |row| json!({"result": [row]}),
        |row| json!({"result": row}),
        |row| json!({"users": [row], "count": 1}),
        |row| json!({"results": [row], "total": 1}),
        |row| json!({"contacts": [row]}),
        |row| json!([row]),
        |row| row,
    ] {
        let of = |row: Value| wrap(row);
        assert_eq!(
            customers(of(theirs.clone()), of(row("Ada Lovelace"))).0,
            Cause::Same
        );
        let (cause, column) = customers(of(theirs.clone()), of(row("Bob")));
        assert_eq!((cause, column.as_deref()), (Cause::OtherCustomer, Some("Name")));
    }
}

#[test]
fn who_is_found_on_one_side_alone_is_told() {
    let (nobody, ada) = (json!({"value": []}), json!({"value": [{"fullname": "Ada"}]}));
    assert_eq!(customers(nobody.clone(), nobody.clone()).0, Cause::Same);
    assert_eq!(customers(ada.clone(), nobody.clone()).0, Cause::OnlyUpstream);
    assert_eq!(customers(nobody.clone(), ada.clone()).0, Cause::OnlyRingside);
    let two = json!({"value": [{"fullname": "Ada"}, {"fullname": "Bob"}]});
    assert_eq!(customers(two.clone(), nobody.clone()).0, Cause::Several);
    for (standing, expected) in [
        (Standing::Several, Cause::Several),
        (Standing::NotToBeGreeted, Cause::NotToBeGreeted),
        (Standing::Overload, Cause::Overload),
    ] {
        let found = compared(Asked::Customer, ada.clone(), nobody.clone(), standing);
        assert_eq!(found.cause, expected);
    }
    // Several cases are nothing particular.
    let found = compared(Asked::Cases, two, nobody, Standing::Plain);
    assert_eq!(found.cause, Cause::OnlyUpstream);
    assert_eq!(found.theirs.as_deref(), Some("Ada"));
}

#[test]
fn ids_count_where_they_are_the_other_systems_own() {
    let row = |id: &str, name: &str| json!({"value": [{"contactid": id, "fullname": name}]});
    assert_eq!(customers(row("g-1", "Ada"), row("own-7", "Ada")).0, Cause::Same);
    assert_eq!(customers(row("g-1", "Ada"), row("g-1", "Ada")).0, Cause::Same);
    let (cause, column) = customers(row("g-1", "Ada"), row("g-2", "Ada"));
    assert_eq!(
        (cause, column.as_deref()),
        (Cause::OtherCustomer, Some("contactid"))
    );
    // The same customer, written otherwise.
    let (cause, column) = customers(row("g-1", "Ada King"), row("g-1", "Ada Lovelace"));
    assert_eq!((cause, column.as_deref()), (Cause::OtherValue, Some("fullname")));
    // Nothing but ids was asked for.
    let ids = |id: &str| json!({"result": [{"sys_id": id}]});
    assert_eq!(customers(ids("5f"), ids("own-5f")).0, Cause::Same);
    assert_eq!(
        customers(json!({"result": [{"a": 1}]}), json!({"result": [{"b": 1}]})).0,
        Cause::Unreadable
    );
}

#[test]
fn values_are_compared_by_what_they_say() {
    let row = |column: &str, value: Value| json!({"records": [{column: value, "Name": "Ada"}]});
    for (column, theirs, ours) in [
        ("Name", json!("Lovelace, Ada"), json!("ada  lovelace")),
        ("phone_number", json!("(480) 675-4110"), json!("+14806754110")),
        ("number", json!(4711), json!("4711")),
        ("Subject", json!("Router"), json!(null)),
        ("createdon", json!("2026"), json!("2027")),
        ("@odata.number", json!("a"), json!("b")),
    ] {
        let cause = customers(row(column, theirs.clone()), row(column, ours.clone())).0;
        assert_eq!(cause, Cause::Same, "{column}: {theirs} {ours}");
    }
    let found = compared(
        Asked::Cases,
        row("ticketnumber", json!("CAS-1")),
        row("ticketnumber", json!("CAS-2")),
        Standing::Plain,
    );
    let expected = Compared {
        cause: Cause::OtherValue,
        column: Some("ticketnumber".to_owned()),
        theirs: Some("CAS-1".to_owned()),
        ours: Some("CAS-2".to_owned()),
    };
    assert_eq!(found, expected);
}

#[test]
fn names_in_text_are_compared() {
    assert_eq!(texts("Ada Lovelace\n", "Ada Lovelace"), Cause::Same);
    assert_eq!(texts("UNKNOWN", ""), Cause::Same);
    assert_eq!(texts("Ada", " "), Cause::OnlyUpstream);
    assert_eq!(texts("", "Ada"), Cause::OnlyRingside);
    assert_eq!(texts("Bob", "Ada"), Cause::OtherCustomer);
}

#[test]
fn statuses_and_what_cannot_be_read_have_their_causes() {
    let cause = |theirs: (u16, &str), ours: (u16, &str)| {
        let of = |(status, body): (u16, &'static str)| Side {
            status,
            content_type: "application/json",
            body: body.as_bytes(),
        };
        let theirs = (theirs.0, Box::leak(theirs.1.to_owned().into_boxed_str()) as &str);
        let ours = (ours.0, Box::leak(ours.1.to_owned().into_boxed_str()) as &str);
        compare(Asked::Customer, &of(theirs), &of(ours), Standing::Plain, is_ours).cause
    };
    let hit = r#"{"value":[{"name":"Ada"}]}"#;
    for status in [401, 429, 500, 503] {
        assert_eq!(cause((status, "{}"), (200, hit)), Cause::UpstreamError);
    }
    assert_eq!(cause((404, "gone"), (200, hit)), Cause::OnlyRingside);
    assert_eq!(cause((204, ""), (404, "{}")), Cause::Same);
    assert_eq!(cause((200, hit), (400, "{}")), Cause::Unsupported);
    assert_eq!(cause((200, hit), (503, "{}")), Cause::Overload);
    assert_eq!(cause((200, hit), (500, "{}")), Cause::Unreadable);
    assert_eq!(cause((200, "<html>"), (200, hit)), Cause::Unreadable);
    assert_eq!(cause((302, ""), (200, hit)), Cause::Unreadable);
    assert_eq!(cause((200, "[1]"), (200, hit)), Cause::Unreadable);
    assert_eq!(
        cause((200, r#"{"error":"quota"}"#), (200, hit)),
        Cause::Unreadable
    );
    assert_eq!(
        cause((200, r#"{"found":false,"name":null}"#), (200, hit)),
        Cause::OnlyRingside
    );
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(theirs: Vec<u8>, ours: Vec<u8>, status in 100_u16..600, as_json: bool) {
        let content_type = if as_json { "application/json" } else { "text/plain" };
        let theirs = Side { status, content_type, body: &theirs };
        let ours = Side { status: 200, content_type, body: &ours };
        compare(Asked::Customer, &theirs, &ours, Standing::Plain, is_ours);
    }

    #[test]
    fn an_answer_agrees_with_itself(name in "[A-Za-z]{1,9}( [A-Za-z]{1,9}){0,3}", id in "[a-z0-9]{1,12}") {
        let row = json!({"value": [{"fullname": name, "contactid": id}]});
        let compared = compared(Asked::Customer, row.clone(), row, Standing::Plain);
        prop_assert_eq!(compared.cause, Cause::Same);
    }
}
