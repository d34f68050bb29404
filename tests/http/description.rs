//! What `/openapi.json` says of the native dialect is what is answered, and nothing of it is never answered.

use std::time::Duration;

use bytes::BytesMut;
use ringside::callers::{Call, Dialect, Reply};
use ringside::http::{Access, Settings, Sources};
use serde_json::{Value, json};

use crate::access::Ring;
use crate::described::Described;
use crate::served::{BODY_MAX, address, guarded, serve, serve_all, serve_under, settings};
use crate::support::{BATCH_MAX, Plan, ada, centre, person};
use crate::wire::{Response, get, tcp};

const LOOKUP: &str = "/v1/lookup";
const IN_PATH: &str = "/v1/lookup/{ani}";
const CUSTOMER: &str = "/v1/customers/{id}";
const LIST: &str = "/v1/customers";
const CHANGES: &str = "/v1/changes";
const DESCRIPTION: &str = "/openapi.json";
/// Each described path, and one that it means.
const PATHS: [(&str, &str); 6] = [
    (LOOKUP, "/v1/lookup?ani=+14806754110"),
    (IN_PATH, "/v1/lookup/+14806754110"),
    (CUSTOMER, "/v1/customers/c-1842"),
    (LIST, "/v1/customers?search=ada"),
    (CHANGES, "/v1/changes"),
    (DESCRIPTION, "/openapi.json"),
];
/// What a feed answers; `tests/feeds/pushed.rs` sees most of it.
const OF_FEEDS: [&str; 7] = ["200", "400", "404", "408", "409", "413", "507"];

fn methods(path: &str) -> &'static [&'static str] {
    match path {
        LOOKUP => &["GET", "POST"],
        CHANGES => &["POST"],
        _ => &["GET"],
    }
}

fn plan() -> Plan {
    let mut ada = ada();
    ada["interactions"] = json!([{
        "id": "i-9", "started_at": "2026-11-18T14:02:11Z", "direction": "inbound", "type": "finesse",
        "ani": "+14806754110", "duration_s": 61,
        "activities": [{"kind": "agent", "agent_id": "1001", "duration_s": 60, "wrap_up": "solved"}],
    }]);
    let sparse = person("c-2", "Ida Rhodes", json!(["+14806754180"]));
    let other = json!({"id": "c-3", "name": "Ann Ott", "company": "Ott", "phones": [
        {"number": "+14806754180", "kind": "home", "shared": true, "verified_at": "2026-11-01"}, "+14806754170"]});
    Plan {
        customers: vec![ada, sparse, other],
        suffix_digits: 8,
        ..Plan::default()
    }
}

fn description() -> Described {
    let running = serve(&centre(&plan()));
    let response = get(address(&running), "/openapi.json");
    let mut described = Described::by(response.json());
    described.check(DESCRIPTION, "get", &response);
    described
}

/// What becomes of a call without sockets.
fn respond(reply: &Reply, out: &BytesMut) -> Response {
    let retry = reply
        .retry_after_s
        .map(|seconds| format!("retry-after: {seconds}\r\n"));
    Response {
        status: reply.status,
        head: format!(
            "content-type: {}\r\n{}",
            reply.content_type,
            retry.unwrap_or_default()
        ),
        body: String::from_utf8(out.to_vec()).unwrap(),
    }
}

#[test]
fn every_answer_is_as_described_and_every_status_occurs() {
    let mut described = description();
    let served = centre(&plan());
    let running = serve(&served);
    let mut client = tcp(address(&running));
    for query in [
        "ani=+14806754110",
        "ani=+14806754180",
        "ani=+14806754199",
        "ani=",
        "ani=anonymous",
        "ani=+18005550199",
        "ani=1234",
        "ani=rubbish",
        "ani=+496754110",
        "ani=+14806754170",
    ] {
        let whole = client.get(&format!("/v1/lookup?{query}"));
        described.check(LOOKUP, "get", &whole);
        described.check_schema("Answer", &whole.json());
        for format in [
            "flat",
            "kv",
            "text",
            "json&fields=name,customer.company,customer.attributes.tier",
        ] {
            described.check(
                LOOKUP,
                "get",
                &client.get(&format!("/v1/lookup?{query}&format={format}")),
            );
        }
        described.check(
            LOOKUP,
            "get",
            &client.get(&format!(
                "/v1/lookup?{query}&fields=customer.labels,customer.flags"
            )),
        );
    }
    for target in [
        "/v1/lookup/+14806754110",
        "/v1/lookup/x?format=flat",
        "/v1/lookup/1?onmiss=404",
        "/v1/lookup/1?region=XX",
    ] {
        described.check(IN_PATH, "get", &client.get(target));
    }
    for query in [
        "ani=1&onmiss=404",
        "ani=1&onmiss=404&format=text",
        "ani=1&format=xml",
        "fields=name",
        "ani=1&fields=x",
    ] {
        described.check(LOOKUP, "get", &client.get(&format!("/v1/lookup?{query}")));
    }
    let many = json!({"anis": vec!["1"; BATCH_MAX + 1]}).to_string();
    for (kind, body) in [
        ("application/json", r#"{"ani": "+14806754110"}"#),
        ("application/json", r#"{"ani": 14806754110, "format": "flat"}"#),
        ("application/json", r#"{"ani": "1", "onmiss": "404"}"#),
        ("application/json", r#"{"anis": ["+14806754110", null, 7]}"#),
        (
            "application/json",
            r#"{"anis": ["+14806754110"], "format": "flat"}"#,
        ),
        ("application/json", r#"{"anis": 7}"#),
        ("application/json", "{"),
        ("application/json", &many),
        (
            "application/x-www-form-urlencoded",
            "ani=%2B14806754110&format=kv",
        ),
    ] {
        described.check(LOOKUP, "post", &client.post(LOOKUP, kind, body.as_bytes()));
    }
    for id in ["c-1842", "c-2", "c-3", "nobody"] {
        described.check(CUSTOMER, "get", &client.get(&format!("/v1/customers/{id}")));
    }
    for query in [
        "search=ada",
        "search=nobody",
        "search=%2B14806754180&sort=-name",
        "page=0",
        "",
    ] {
        described.check(LIST, "get", &client.get(&format!("/v1/customers?{query}")));
    }
    let long = vec![b'x'; BODY_MAX + 1];
    described.check(LOOKUP, "post", &client.post(LOOKUP, "application/json", &long));

    let (long, fields) = ("1".repeat(9000), "X-Filler: y\r\n".repeat(70));
    let joined = |target: &str| if target.contains('?') { '&' } else { '?' };
    for (path, target) in PATHS {
        for method in methods(path).iter().copied() {
            let lower = method.to_lowercase();
            let mut client = tcp(address(&running));
            let response = client.ask(method, &format!("{target}{}x={long}", joined(target)), "", b"");
            assert_eq!(response.status, 414, "{}", response.body);
            described.check(path, &lower, &response);
            let response = client.ask(method, target, &fields, b"");
            assert_eq!(response.status, 431, "{}", response.body);
            described.check(path, &lower, &response);
            let (plain, query) = target.split_once('?').unwrap_or((target, ""));
            let call = Call {
                method,
                path: plain,
                query,
                ..Call::default()
            };
            let mut out = BytesMut::new();
            let reply = served.native.overloaded(&call, &mut out);
            described.check(path, &lower, &respond(&reply, &out));
        }
    }
    refusals_for_who_asks(&mut described);
    let hasty = serve_under(
        &centre(&plan()),
        Settings {
            body_timeout: Duration::from_millis(100),
            ..settings()
        },
    );
    let mut client = tcp(address(&hasty));
    client.send(b"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nani=");
    described.check(LOOKUP, "post", &client.response(true));

    let unseen = described.unseen(|path| !Described::is_of_the_pop(path));
    let of_feeds = OF_FEEDS.map(|status| format!("post /v1/changes {status}"));
    assert_eq!(unseen, of_feeds, "never seen (left)");
}

fn refusals_for_who_asks(described: &mut Described) {
    let centre = &centre(&plan());
    let ring = Ring::empty();
    ring.add("feeder", &["feed"]);
    let far = Access {
        dialect_sources: [(Dialect::Native, Sources::new(["192.0.2.0/24".parse().unwrap()]))].into(),
        ..Access::default()
    };
    let listeners = vec![
        guarded(centre, "keys", ring.access()),
        guarded(centre, "far", far),
    ];
    let running = serve_all(centre, listeners, Access::default());
    for (path, target) in PATHS {
        for (listener, status) in [("keys", 401), ("far", 403)] {
            let at = running.address(listener).unwrap();
            for method in methods(path) {
                let response = tcp(at).ask(method, target, "", b"");
                assert_eq!(response.status, status, "{}", response.body);
                described.check(path, &method.to_lowercase(), &response);
            }
        }
    }
}

#[test]
fn the_description_tells_wrong_answers_from_right_ones() {
    let described = description();
    let running = serve(&centre(&plan()));
    let right = get(address(&running), "/v1/lookup?ani=+14806754110").json();
    let missed = get(address(&running), "/v1/lookup?ani=+14806754199").json();
    assert!(described.is_valid("Answer", &right) && described.is_valid("Answer", &missed));
    for (key, value) in [
        ("customer_id", json!(null)),
        ("reason", json!("unknown")),
        ("reason", json!("nobody")),
        ("match", json!("fuzzy")),
        ("count", json!(2)),
        ("age_ms", json!(-1)),
        ("case", json!({"number": "CAS-1"})),
        ("surprise", json!(1)),
    ] {
        let mut wrong = right.clone();
        wrong[key] = value;
        assert!(!described.is_valid("Answer", &wrong), "{key}");
    }
    let mut wrong: Value = missed.clone();
    wrong["name"] = "Ada Lovelace".into();
    assert!(
        !described.is_valid("Answer", &wrong),
        "the name of the caller before"
    );
    let mut wrong = missed;
    wrong.as_object_mut().unwrap().remove("name");
    assert!(
        !described.is_valid("Answer", &wrong),
        "no name to overwrite the one before"
    );
}
