//! Changes that are posted: what is answered, what is refused, and what holds a feed.

use std::fs;

use serde_json::{Value, json};

use crate::described::Described;
use crate::program::run;
use crate::site::{Server, Site, phone};
use crate::wire::{self, Response};

const FED: [(&str, &str); 2] = [
    ("RINGSIDE__FEED__MAIN__KIND", "http"),
    ("RINGSIDE__LOG__LEVEL", "info"),
];

fn post_to(server: &Server, target: &str, body: &[u8]) -> Response {
    wire::tcp(server.callers).post(target, "application/x-ndjson", body)
}

fn post(server: &Server, lines: &[Value]) -> Value {
    let body: Vec<String> = lines.iter().map(Value::to_string).collect();
    let answer = post_to(server, "/v1/changes", body.join("\n").as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn upsert(id: &str, nth: u64) -> Value {
    json!({"op": "upsert", "customer": {"id": id, "name": id, "phones": [phone(nth)]}})
}

fn at(position: u64, mut line: Value) -> Value {
    line["position"] = position.to_string().into();
    line
}

fn counts(answer: &Value) -> (u64, u64) {
    (
        answer["accepted"].as_u64().unwrap(),
        answer["rejected"].as_u64().unwrap(),
    )
}

#[test]
fn the_good_lines_of_a_bad_batch_are_durable_and_the_bad_ones_told() {
    let site = Site::new();
    let server = site.serve_with(&FED);
    let body = [
        upsert("good", 1).to_string().into_bytes(),
        b"{\"op\":\"upsert\",".to_vec(),
        b"\xff\xfe not UTF-8".to_vec(),
        Vec::new(),
        json!({"op": "upsert", "customer": {"id": "bad", "name": "Zebedee", "phones": 7}})
            .to_string()
            .into_bytes(),
        json!({"op": "upset"}).to_string().into_bytes(),
        b"[]\r".to_vec(),
        upsert("also-good", 2).to_string().into_bytes(),
    ]
    .join(&b'\n');
    let answer = post_to(&server, "/v1/changes", &body).json();
    assert_eq!(counts(&answer), (2, 5), "{answer}");
    let lines: Vec<u64> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 5, 6, 7]);
    let reason = answer["errors"][2]["reason"].as_str().unwrap();
    assert!(reason.starts_with("phones: expected"), "{reason}");
    assert_eq!(
        (answer["seq"].as_u64(), answer["position"].as_str()),
        (Some(2), Some("7"))
    );
    assert_eq!(server.name(1).as_deref(), Some("good"));
    let rejects = fs::read_to_string(site.folder().join("feed-rejects.ndjson")).unwrap();
    assert_eq!(rejects.lines().count(), 5);
    assert!(rejects.contains("Zebedee") && rejects.contains("\"feed\":\"main\""));

    server.kill();
    let server = site.serve_with(&FED);
    assert_eq!(server.name(2).as_deref(), Some("also-good"));
    let more = post(&server, &[upsert("third", 3)]);
    assert_eq!(more["position"], "8", "the order of arrival goes on");
}

#[test]
fn positions_of_the_source_make_replays_harmless() {
    let site = Site::new();
    let server = site.serve_with(&FED);
    let lines = [
        at(10, upsert("a", 1)),
        at(20, upsert("b", 2)),
        at(30, upsert("a", 3)),
    ];
    assert_eq!(post(&server, &lines)["position"], "30");
    let again = post(&server, &[at(15, upsert("a", 9)), at(5, upsert("c", 4))]);
    assert_eq!((counts(&again), again["position"].as_str()), ((2, 0), Some("30")));
    assert_eq!(
        server.name(9),
        None,
        "older than what was delivered of that customer"
    );
    assert_eq!(
        server.name(4).as_deref(),
        Some("c"),
        "another customer's may be older"
    );
    let mixed = post(&server, &[upsert("d", 5)]);
    assert_eq!(counts(&mixed), (0, 1), "{mixed}");
    let other = post_to(
        &server,
        "/v1/changes?incarnation=second",
        upsert("d", 5).to_string().as_bytes(),
    );
    assert_eq!(counts(&other.json()), (1, 0), "another life begins anew");
    for (query, status, code) in [
        ("?feed=other", 404, "no_such_feed"),
        ("?incarnation=a%20b", 400, "invalid"),
        ("?incarnation=", 400, "invalid"),
    ] {
        let answer = post_to(&server, &format!("/v1/changes{query}"), b"{}");
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (status, &json!(code)),
            "{query}"
        );
    }
    assert_eq!(wire::get(server.callers, "/v1/changes").status, 405);
    assert_eq!(
        counts(&post(&server, &[])),
        (0, 0),
        "an empty post is a sign of life"
    );
    let without = Site::new();
    let none = without.serve();
    assert_eq!(post_to(&none, "/v1/changes", b"{}").status, 404);
}

#[test]
fn customers_of_any_size_are_taken_or_refused_by_name() {
    let site = Site::new();
    let server = site.serve_with(&[FED[0], ("RINGSIDE__HTTP__BODY_MAX_BYTES", "20000000")]);
    let many: Vec<String> = (0..60).map(|nth| phone(100 + nth)).collect();
    let sixty = json!({"op": "upsert", "customer": {"id": "many", "name": "many", "phones": many}});
    assert_eq!(counts(&post(&server, &[sixty])), (1, 0));
    assert_eq!(server.name(159).as_deref(), Some("many"));
    let phones: Vec<String> = (0..101).map(|nth| phone(100 + nth)).collect();
    let too_many = json!({"op": "upsert", "customer": {"id": "most", "name": "most", "phones": phones}});
    let huge = json!({"op": "upsert", "customer": {"id": "huge", "name": "huge",
        "interactions": [{"id": "i", "activities": [{"kind": "ivr", "wrap_up": "x".repeat(16 << 20)}]}]}});
    let answer = post(&server, &[too_many, huge, upsert("small", 1)]);
    assert_eq!(counts(&answer), (1, 2), "{}", answer["errors"]);
    assert_eq!(server.name(1).as_deref(), Some("small"));
    let longer = vec![b' '; 20_000_001];
    assert_eq!(post_to(&server, "/v1/changes", &longer).status, 413);
}

#[test]
fn short_lines_that_make_long_records_are_durable_bit_by_bit() {
    let site = Site::new();
    let server = site.serve_with(&FED);
    let committed = || wire::metric(server.admin, "ringside_replica_commit_seconds_count");
    let legs: Vec<Value> = (0..50)
        .map(|_| json!({"kind": "ivr", "wrap_up": "x".repeat(1000)}))
        .collect();
    let interactions: Vec<Value> = (0..20)
        .map(|nth| json!({"id": format!("i{nth}"), "activities": legs}))
        .collect();
    let long = json!({"op": "upsert", "customer": {"id": "a", "name": "a", "interactions": interactions}});
    let mut lines = vec![long];
    lines.extend(
        (0..30).map(|nth| json!({"op": "case", "customer_id": "a", "case": {"id": format!("k{nth}")}})),
    );
    let before = committed();
    let answer = post(&server, &lines);
    assert_eq!(
        (counts(&answer), answer["position"].as_str()),
        ((31, 0), Some("31")),
        "{answer}"
    );
    let after = committed();
    assert!(
        after >= before + 5,
        "{before} {after}: all of it was in memory at once"
    );
}

#[test]
fn a_schema_reaches_answers_without_a_restart_and_samples_tell_what_differs() {
    let site = Site::new();
    let server = site.serve_with(&FED);
    let schema = json!({"op": "schema", "schema": [{"key": "tier", "label": "Tier", "type": "text"}]});
    let mut gold = upsert("a", 1);
    gold["customer"]["attributes"] = json!({"tier": "gold"});
    assert_eq!(counts(&post(&server, &[schema, gold])), (2, 0));
    let answer = wire::get(server.callers, "/v1/customers/a").json();
    assert_eq!(answer["customer"]["attributes"]["tier"], "gold", "{answer}");
    let sample = |name: &str| {
        json!({"op": "sample", "customer": {"id": "a", "name": name, "phones": [phone(1)],
            "attributes": {"tier": "gold"}}})
    };
    let beat = json!({"op": "heartbeat", "at": "2026-11-18T14:10:00Z"});
    assert_eq!(counts(&post(&server, &[sample("a"), sample("b"), beat])), (3, 0));
    let compared = |outcome: &str| {
        wire::metric(
            server.admin,
            &format!("ringside_replica_samples_total{{outcome=\"{outcome}\"}}"),
        )
    };
    assert_eq!((compared("equal"), compared("different")), (1, 1));
    let status = wire::get(server.admin, "/status").json();
    assert!(status["source_lag_ms"].as_u64().unwrap() > 0, "{status}");
}

#[test]
fn what_is_answered_is_what_the_description_says() {
    let site = Site::new();
    site.build(&site.people("a.csv", 0, 100, "v0"), &[]).ok();
    let guard = [
        FED[0],
        FED[1],
        ("RINGSIDE__GUARD__IGNORE_BELOW", "0"),
        ("RINGSIDE__GUARD__MAX_PERCENT", "10"),
        ("RINGSIDE__HTTP__BODY_MAX_BYTES", "8192"),
    ];
    let server = site.serve_with(&guard);
    let mut described = Described::by(wire::get(server.callers, "/openapi.json").json());
    let good = upsert("good", 1).to_string();
    let mixed = format!("{good}\n{{\"op\":\"upset\"}}");
    let long = " ".repeat(9000);
    let masses: Vec<String> = (0..30)
        .map(|nth| json!({"op": "delete", "id": format!("c-{nth}")}).to_string())
        .collect();
    let masses = masses.join("\n");
    for (query, body, status) in [
        ("", "", 200),
        ("", &*mixed, 200),
        ("?incarnation=a%20b", &good, 400),
        ("?feed=other", &good, 404),
        ("", &long, 413),
        ("", &masses, 409),
    ] {
        let answer = post_to(&server, &format!("/v1/changes{query}"), body.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.body);
        described.check("/v1/changes", "post", &answer);
    }
}

#[test]
fn a_feed_that_deletes_masses_waits_for_somebody_and_answers_go_on() {
    let site = Site::new();
    site.build(&site.people("a.csv", 0, 100, "v0"), &[]).ok();
    let guard = [
        FED[0],
        FED[1],
        ("RINGSIDE__GUARD__IGNORE_BELOW", "0"),
        ("RINGSIDE__GUARD__MAX_PERCENT", "10"),
    ];
    let server = site.serve_with(&guard);
    let deletions = |from: u64, to: u64| -> String {
        let lines = (from..to).map(|nth| json!({"op": "delete", "id": format!("c-{nth}")}).to_string());
        lines.collect::<Vec<_>>().join("\n")
    };
    let answer = post_to(&server, "/v1/changes", deletions(0, 30).as_bytes());
    assert_eq!(
        (
            answer.status,
            &answer.json()["error"]["code"],
            &answer.json()["error"]["line"]
        ),
        (409, &json!("held"), &json!(11)),
        "{}",
        answer.body
    );
    assert_eq!(
        (server.name(9), server.name(10).as_deref()),
        (None, Some("Ada v0"))
    );
    let lookup = wire::get(server.callers, &crate::site::target(50)).json();
    assert_eq!(lookup["stale"], true, "{lookup}");
    let ready = wire::get(server.admin, "/readyz");
    assert!(
        ready.status == 503 && ready.body.contains("ringside accept --feed"),
        "{}",
        ready.body
    );
    assert_eq!(wire::get(server.admin, "/electable").status, 200);
    let url = format!("http://{}", server.admin);
    let status = wire::get(server.admin, "/status").json();
    assert_eq!(
        (&status["held_feeds"], &status["gap_feeds"]),
        (&json!(["main"]), &json!([]))
    );
    let said = run(&["status", "--admin", &url]);
    let said = said.out + &said.err;
    assert!(
        said.contains("accept --feed") && said.contains("main: deletes"),
        "{said}"
    );
    assert_eq!(
        post_to(&server, "/v1/changes", upsert("new", 500).to_string().as_bytes()).status,
        409
    );

    // Also over a kill it waits.
    server.kill();
    let server = site.serve_with(&guard);
    assert_eq!(post_to(&server, "/v1/changes", b"").status, 409);
    site.run(&["accept", "--feed", "other"])
        .failed(&["expected a feed that is held", "other"]);
    site.run(&["accept", "--feed", "main", "--drop"]).ok();
    let body = format!("{}\n{}", deletions(10, 30), upsert("new", 500));
    assert_eq!(post_to(&server, "/v1/changes", body.as_bytes()).status, 200);
    assert_eq!(server.name(10).as_deref(), Some("Ada v0"), "passed over");
    assert_eq!(server.name(500).as_deref(), Some("new"));
    assert_eq!(wire::get(server.admin, "/readyz").status, 200);

    assert_eq!(
        post_to(&server, "/v1/changes", deletions(10, 30).as_bytes()).status,
        409
    );
    site.run(&["accept", "--feed", "main"]).ok();
    assert_eq!(
        post_to(&server, "/v1/changes", deletions(10, 60).as_bytes()).status,
        200
    );
    assert_eq!(
        (server.name(59), server.name(60).as_deref()),
        (None, Some("Ada v0"))
    );
}

#[test]
fn only_who_may_feed_may_post() {
    let site = Site::new();
    let key = |name: &str, scope: &str| -> String {
        let said = site.run(&["key", "add", name, "--scope", scope, "--json"]).ok();
        let told: Value = serde_json::from_str(&said).unwrap();
        told["token"].as_str().unwrap().to_owned()
    };
    let (asks, feeds) = (key("ivr", "lookup"), key("crm", "feed"));
    let server = site.serve_with(&FED[..1]);
    let post = |key: &str| {
        let headers = format!("Authorization: Bearer {key}\r\n");
        wire::tcp(server.callers)
            .ask(
                "POST",
                "/v1/changes",
                &headers,
                upsert("a", 1).to_string().as_bytes(),
            )
            .status
    };
    assert_eq!((post("nonsense"), post(&asks), post(&feeds)), (401, 403, 200));
}
