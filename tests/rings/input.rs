//! Rings, events and links that are not as they should be.

use serde_json::{Value, json};

use crate::site::Site;
use crate::wire::tcp;
use crate::{ADA, JSON, PATIENT, current, send};

/// What is refused, and which field is named.
#[test]
fn a_ring_that_cannot_be_read_is_refused_by_its_field() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    let whole = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"});
    let long = "x".repeat(10_000);
    for (field, value) in [
        ("call_id", Value::Null),
        ("call_id", json!("")),
        ("call_id", json!(long)),
        ("call_id", json!({})),
        ("ani", json!({"number": ADA})),
        ("agent", json!(long)),
        (
            "agents",
            json!((0..300).map(|nth| nth.to_string()).collect::<Vec<_>>()),
        ),
        ("extension", json!(long)),
        ("direction", json!("sideways")),
        ("variables", json!("a=b")),
        ("variables", json!([1, 2])),
    ] {
        let mut ring = whole.clone();
        ring[field] = value.clone();
        let answer = send(at, "POST", "/v1/rings", &ring);
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.body);
        assert_eq!(answer.json()["error"]["field"], field, "{value}: {}", answer.body);
        assert!(!answer.body.contains("4806754110"), "{}", answer.body);
    }
    assert!(current(at, "1001").is_empty());
    assert_eq!(send(at, "POST", "/v1/rings", &whole).status, 200);
    assert_eq!(current(at, "1001").len(), 1);
}

#[test]
fn a_body_that_is_none_is_refused() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"ring\"",
        "{\"call_id\": \"a\", \"call_id\": ",
        "call_id",
        "\u{feff}{}",
    ] {
        let answer = tcp(at).post("/v1/rings", JSON, body.as_bytes());
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.body);
        assert!(
            answer.json()["error"]["message"].is_string(),
            "{body:?}: {}",
            answer.body
        );
    }
    // Nested deeper than anybody means it.
    let deep = format!(
        "{{\"call_id\":\"a\",\"variables\":{}{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert_eq!(tcp(at).post("/v1/rings", JSON, deep.as_bytes()).status, 400);
    let latin = b"{\"call_id\":\"call-\xe9\",\"ani\":\"+14806754110\",\"agent\":\"1001\"}";
    assert_eq!(tcp(at).post("/v1/rings", JSON, latin).status, 400);
}

#[test]
fn a_ring_of_a_megabyte_is_refused_ahead_of_being_read() {
    let site = Site::new("http.body_max_bytes = 65536\n");
    let (_serving, at, _) = site.start(&PATIENT);
    let ring =
        json!({"call_id": "call-1", "ani": ADA, "agent": "1001", "variables": {"note": "x".repeat(1 << 20)}});
    let body = ring.to_string();
    let mut client = tcp(at);
    let head = format!(
        "POST /v1/rings HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes());
    assert_eq!(client.response(true).status, 413);
    assert!(current(at, "1001").is_empty());
}

/// What is as large as may be, or larger than is kept, harms nobody.
#[test]
fn variables_are_bounded() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    let many: serde_json::Map<String, Value> = (0..1000)
        .map(|nth| (format!("v{nth}"), json!("x".repeat(30))))
        .collect();
    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001", "variables": many});
    let answer = send(at, "POST", "/v1/rings", &ring);
    let size = |pops: &[Value]| pops.iter().map(|pop| pop.to_string().len()).sum::<usize>();
    match answer.status {
        200 => assert!(
            size(&current(at, "1001")) < 64 << 10,
            "{}",
            size(&current(at, "1001"))
        ),
        400 | 413 => assert!(current(at, "1001").is_empty()),
        other => panic!("{other}: {}", answer.body),
    }
}

/// Nobody's desk: the caller is told, and looked up all the same.
#[test]
fn a_ring_for_nobody_says_why() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    for (whom, reason) in [
        (json!({}), "no_agent"),
        (json!({"agent": ""}), "no_agent"),
        (json!({"agents": []}), "no_agent"),
        (json!({"extension": "9999"}), "unknown_extension"),
        (json!({"queue": "sales"}), "queued"),
    ] {
        let mut ring = json!({"call_id": format!("call-{reason}-{whom}"), "ani": ADA});
        ring.as_object_mut()
            .unwrap()
            .extend(whom.as_object().unwrap().clone());
        let answer = send(at, "POST", "/v1/rings", &ring);
        let found = answer.json();
        assert_eq!(
            (answer.status, &found["reason"]),
            (200, &json!(reason)),
            "{whom}: {found}"
        );
        assert_eq!(found["pop_id"], Value::Null, "{whom}");
        assert_eq!(found["lookup"]["name"], "Ada Lovelace", "{whom}");
    }
    // An agent whom nobody has heard of may log in later.
    let ring = json!({"call_id": "call-later", "ani": ADA, "agent": "nobody yet/../1001?x=1"});
    let answer = send(at, "POST", "/v1/rings", &ring);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(current(at, "1001").is_empty());
    assert_eq!(current(at, "nobody%20yet%2F..%2F1001%3Fx%3D1").len(), 1);
}

#[test]
fn kinds_of_calls_that_nobody_knows_ring() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    for (nth, kind) in ["", "acd_in", "ACD_IN", "🙂", "'; DROP TABLE calls; --", "CON"]
        .iter()
        .enumerate()
    {
        let agent = format!("10{nth}");
        let ring = json!({"call_id": format!("call-{nth}"), "ani": ADA, "agent": agent, "call_type": kind});
        let answer = send(at, "POST", "/v1/rings", &ring);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
        assert!(answer.json()["pop_id"].is_string(), "{kind}: {}", answer.body);
        assert_eq!(current(at, &agent).len(), 1, "{kind}");
    }
}

#[test]
fn a_ring_that_is_told_again_is_one() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"});
    let once = send(at, "POST", "/v1/rings", &ring).json();
    let again = send(at, "POST", "/v1/rings", &ring).json();
    assert_eq!(once["pop_id"], again["pop_id"]);
    // Also by somebody who knows less, or other, of it.
    let ring = json!({"call_id": "call-1", "ani": "", "agent": "1001", "dnis": "+18005550100"});
    assert_eq!(
        send(at, "POST", "/v1/rings", &ring).json()["pop_id"],
        once["pop_id"]
    );
    let pops = current(at, "1001");
    assert_eq!(
        (pops.len(), &pops[0]["lookup"]["name"]),
        (1, &json!("Ada Lovelace"))
    );
}

#[test]
fn what_is_said_of_no_call_is_not_found() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    let answer = send(
        at,
        "PUT",
        "/v1/calls/none/link",
        &json!({"customer_id": "c-1", "agent": "1001"}),
    );
    assert_eq!(answer.status, 404, "{}", answer.body);
    let answer = send(
        at,
        "PUT",
        "/v1/agents/1001/calls/none/link",
        &json!({"customer_id": "c-1"}),
    );
    assert_eq!(answer.status, 404, "{}", answer.body);

    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"});
    assert_eq!(send(at, "POST", "/v1/rings", &ring).status, 200);
    let link = |body: &Value| send(at, "PUT", "/v1/agents/1001/calls/call-1/link", body).status;
    assert_eq!(link(&json!({"customer_id": "c-none"})), 404);
    assert_eq!(link(&json!({"customer_id": 7})), 400);
    assert_eq!(link(&json!({})), 400);
    assert_eq!(link(&json!({"customer_id": "c-2"})), 200);
    assert_eq!(current(at, "1001")[0]["lookup"]["customer_id"], "c-2");
    let event = |body: &Value| send(at, "POST", "/v1/agents/1001/calls/call-1/events", body).status;
    assert_eq!(event(&json!({"event": "explode"})), 400);
    assert_eq!(event(&json!({})), 400);
    assert_eq!(
        event(&json!({"event": "wrap_up", "wrap_up": "x".repeat(100_000)})),
        400
    );
    assert_eq!(event(&json!({"event": "answer"})), 200);
    assert_eq!(current(at, "1001")[0]["state"], "answered");
}

#[test]
fn new_customers_are_checked_ahead_of_being_kept() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "Katherine", "phones": ["no number"]}), "phones"),
        (json!({"name": "Katherine", "phones": "+14806754199"}), "phones"),
        (json!({"name": {}, "phones": ["+14806754199"]}), "name"),
        (
            json!({"name": "Katherine", "phones": ["+14806754199"], "id": "a b"}),
            "id",
        ),
        (
            json!({"name": "x".repeat(100_000), "phones": ["+14806754199"]}),
            "name",
        ),
    ] {
        let answer = send(at, "POST", "/v1/agents/1001/customers", &body);
        assert_eq!(answer.status, 400, "{}", answer.body);
        let found = answer.json();
        let named = found["error"]["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{field}: {found}");
    }
}

#[test]
fn a_text_message_is_not_sent_to_nobody() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&PATIENT);
    for body in [
        json!({}),
        json!({"type": "fax", "customer_id": "c-1", "number": ADA}),
        json!({"type": "sms", "customer_id": "c-1", "number": "no number"}),
    ] {
        let answer = send(at, "POST", "/v1/agents/1001/interactions", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
}
