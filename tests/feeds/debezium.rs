//! Debezium's events, posted and followed by the real program.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use serde_json::{Value, json};

use crate::site::{Server, Site, phone, target, until};
use crate::wire::{self, Response};

const POSTED: [(&str, &str); 3] = [
    ("RINGSIDE__FEED__MAIN__KIND", "debezium"),
    ("RINGSIDE__FEED__MAIN__CUSTOMERS__FROM", "public.customers"),
    ("RINGSIDE__LOG__LEVEL", "info"),
];

/// An event of a customer's row, which `nth` had and has, where it did and does.
fn event(op: &str, before: Option<(u64, &str)>, after: Option<(u64, &str)>) -> Value {
    let row =
        |(nth, name): (u64, &str)| json!({"id": nth, "name": name, "phone": phone(nth), "tier": "gold"});
    json!({
        "before": before.map(row),
        "after": after.map(row),
        "source": {"connector": "postgresql", "db": "crm", "schema": "public", "table": "customers", "ts_ms": 1},
        "op": op,
        "ts_ms": 2,
    })
}

fn post(server: &Server, body: &str) -> Response {
    wire::tcp(server.callers).post("/v1/changes?feed=main", "application/json", body.as_bytes())
}

fn accepted(answer: &Response) -> (u64, u64) {
    let (status, answer) = (answer.status, answer.json());
    assert_eq!(status, 200, "{answer}");
    let count = |key: &str| answer[key].as_u64().unwrap();
    (count("accepted"), count("rejected"))
}

#[test]
fn events_are_posted_one_by_one_or_several_at_once() {
    let site = Site::new();
    let server = site.serve_with(&POSTED);
    let ada = event("c", None, Some((1, "Ada")));
    let pretty = serde_json::to_string_pretty(&ada).unwrap();
    assert_eq!(accepted(&post(&server, &pretty)), (1, 0));
    assert_eq!(server.name(1).as_deref(), Some("Ada"));

    let array = json!([
        event("c", None, Some((2, "Grace"))),
        event("r", None, Some((3, "Mary")))
    ]);
    assert_eq!(accepted(&post(&server, &array.to_string())), (2, 0));
    let cloud = json!({
        "specversion": "1.0", "id": "1", "source": "/debezium/postgresql/crm", "type": "io.debezium.x.DataChangeEvent",
        "data": event("u", None, Some((2, "Grace Hopper"))),
    });
    let gone = json!({"key": {"id": 3}, "value": event("d", Some((3, "")), None)});
    let tombstone = json!({"key": {"id": 3}, "value": null});
    let lines = format!("{cloud}\n{gone}\n{tombstone}\n{{\"ts_ms\":7}}\n");
    assert_eq!(accepted(&post(&server, &lines)), (4, 0));
    assert_eq!(server.name(2).as_deref(), Some("Grace Hopper"));
    assert_eq!(server.name(3), None);

    let flattened = post(&server, r#"{"id":1,"name":"half of Ada"}"#);
    assert_eq!(accepted(&flattened), (0, 1));
    let reason = flattened.json()["errors"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(reason.contains("ExtractNewRecordState"), "{reason}");
    assert_eq!(server.name(1).as_deref(), Some("Ada"), "as it was");
    let rejects = fs::read_to_string(site.folder().join("feed-rejects.ndjson")).unwrap();
    assert!(rejects.contains("half of Ada"));
}

#[test]
fn a_truncated_table_is_a_gap_that_is_told_and_costs_nobody() {
    let site = Site::new();
    let server = site.serve_with(&POSTED);
    accepted(&post(&server, &event("c", None, Some((1, "Ada"))).to_string()));
    assert_eq!(wire::get(server.admin, "/readyz").status, 200);
    let answer = post(&server, &event("t", None, None).to_string());
    assert_eq!(accepted(&answer), (0, 1));
    assert!(
        answer.body.contains("crm.public.customers was truncated"),
        "{}",
        answer.body
    );
    assert_eq!(server.name(1).as_deref(), Some("Ada"));
    let ready = wire::get(server.admin, "/readyz");
    assert_eq!(ready.status, 503, "{}", ready.body);
    let answer = wire::get(server.callers, &target(1));
    assert_eq!(answer.json()["stale"], json!(true), "{}", answer.body);
}

#[test]
fn a_snapshot_that_begins_anew_is_a_gap_unless_it_is_where_everything_begins() {
    let site = Site::new();
    let server = site.serve_with(&POSTED);
    let mut first = event("r", None, Some((1, "Ada")));
    first["source"]["snapshot"] = "first".into();
    // The tables' definitions come ahead of it, in posts of their own.
    let definition = json!({"source": {}, "ddl": "CREATE TABLE customers", "tableChanges": []});
    accepted(&post(&server, &definition.to_string()));
    accepted(&post(&server, &first.to_string()));
    accepted(&post(&server, &event("r", None, Some((2, "Grace"))).to_string()));
    assert_eq!(wire::get(server.admin, "/readyz").status, 200);
    server.kill();

    let server = site.serve_with(&POSTED);
    assert_eq!(accepted(&post(&server, &first.to_string())), (1, 0));
    let ready = wire::get(server.admin, "/readyz");
    assert_eq!(
        ready.status, 503,
        "who was deleted meanwhile is still there: {}",
        ready.body
    );
    assert_eq!(server.name(2).as_deref(), Some("Grace"));
}

#[test]
fn a_file_of_keys_and_values_is_followed_and_gone_on_with_after_a_kill() {
    let site = Site::new();
    let path = site.folder().parent().unwrap().join("events.ndjson");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let append = |line: &Value| {
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writeln!(file, "{line}").unwrap();
    };
    let path_text = path.to_str().unwrap();
    let attributes = r#"[{ key = "tier", label = "Tier" }]"#;
    let fed = [
        POSTED[0],
        ("RINGSIDE__FEED__MAIN__DEBEZIUM__TRANSPORT", "file"),
        ("RINGSIDE__FEED__MAIN__PATH", path_text),
        ("RINGSIDE__FEED__MAIN__POLL_MS", "10"),
        ("RINGSIDE__FEED__MAIN__CUSTOMERS__ATTRIBUTES", attributes),
    ];
    let beside =
        |nth: u64, value: Value| json!({"topic": "crm.public.customers", "key": {"id": nth}, "value": value});
    append(&beside(1, event("c", None, Some((1, "Ada")))));
    let server = site.serve_with(&fed);
    until("the customer is there", || server.name(1).is_some());
    let answer = wire::get(server.callers, &target(1)).body;
    assert!(
        answer.contains("gold"),
        "the configuration says what attributes there are: {answer}"
    );
    server.kill();

    append(&beside(1, event("d", Some((1, "")), None)));
    append(&beside(1, Value::Null));
    append(&beside(2, event("c", None, Some((2, "Grace")))));
    let server = site.serve_with(&fed);
    until("the rest is read", || server.name(2).is_some());
    assert_eq!(server.name(1), None);
}
