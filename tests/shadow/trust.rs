//! Whose word counts: the upstream's for what it answers, and for an hour for what Ringside answers.

use std::sync::Arc;

use ringside::http::{Access, Ceiling, Demand, Keys, ShadowSettings, Sources, edit_keys};
use serde_json::json;

use crate::record::{Act, SystemOfRecord, answer, ok};
use crate::stage::{ADA, Stage, before};
use crate::wire::{Response, tcp};

/// A system of record that knows one token.
fn guarded() -> SystemOfRecord {
    SystemOfRecord::new(|asked| match asked.header("authorization") {
        Some("Bearer good") => Act::Answer(ok("application/json", r#"{"found":true,"name":"From the CRM"}"#)),
        _ => Act::Answer(answer("401 Unauthorized", "", "")),
    })
}

fn required() -> Access {
    Access {
        demand: Demand::Required,
        ..Access::default()
    }
}

fn ask(stage: &Stage, authorization: &str) -> Response {
    let header = match authorization {
        "" => String::new(),
        value => format!("Authorization: {value}\r\n"),
    };
    tcp(stage.at).ask("GET", "/v1/lookup?ani=%2B14806754110", &header, b"")
}

#[test]
fn what_the_upstream_answers_it_judges() {
    let record = guarded();
    let stage = Stage::of(before(record.url()), required());
    assert_eq!(ask(&stage, "Bearer good").json()["name"], "From the CRM");
    assert_eq!(ask(&stage, "Bearer bad").status, 401);
    assert_eq!(ask(&stage, "").status, 401);
    assert_eq!(record.count(), 3, "no key of ours is asked for");
}

#[test]
fn credentials_that_it_accepted_count_here_and_others_do_not() {
    let record = guarded();
    let settings = ShadowSettings {
        percent: 100,
        ..before(record.url())
    };
    let stage = Stage::of(settings, required());
    // Unknown yet: the upstream says who that is.
    assert_eq!(ask(&stage, "Bearer good").json()["name"], "From the CRM");
    assert_eq!(ask(&stage, "Bearer good").json()["name"], "Ada Lovelace");
    assert_eq!(record.count(), 1);
    for _ in 0..2 {
        assert_eq!(ask(&stage, "Bearer bad").status, 401);
        assert_eq!(ask(&stage, "").status, 401);
        assert_eq!(ask(&stage, "Basic Z29vZA==").status, 401);
    }
    assert_eq!(record.count(), 7);
    let report = stage.report(1);
    assert_eq!(report["credentials"], 1);
    let text = stage.act("/shadow/reveal", json!({})).body;
    assert!(!text.contains("good") && !text.contains("Bearer"), "{text}");
}

#[test]
fn a_credential_that_it_refuses_is_forgotten() {
    let is_good = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let good = Arc::clone(&is_good);
    let record = SystemOfRecord::new(move |_| match good.load(std::sync::atomic::Ordering::Relaxed) {
        true => Act::Answer(ok("application/json", r#"{"found":true,"name":"From the CRM"}"#)),
        false => Act::Answer(answer("401 Unauthorized", "", "")),
    });
    let stage = Stage::of(before(record.url()), required());
    ask(&stage, "Bearer any");
    assert_eq!(stage.report(1)["credentials"], 1);
    is_good.store(false, std::sync::atomic::Ordering::Relaxed);
    ask(&stage, "Bearer any");
    assert_eq!(stage.report(2)["credentials"], 0);
}

#[test]
fn keys_of_ringside_count_and_go_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let key = edit_keys(&file, |ring| {
        let scopes = vec!["lookup".parse().unwrap()];
        ring.add("pbx", scopes, 1, None)
            .map(|(_, token)| token.expose().to_owned())
    })
    .unwrap();
    let access = Access {
        keys: Keys::open(&file).unwrap(),
        key_in_query: true,
        ..required()
    };
    let record = guarded();
    let stage = Stage::of(before(record.url()), access);
    stage.act("/shadow", json!({"percent": 100}));
    assert_eq!(
        ask(&stage, &format!("Bearer {key}")).json()["name"],
        "Ada Lovelace"
    );
    stage.act("/shadow", json!({"off": true}));
    ask(&stage, &format!("Bearer {key}"));
    stage.get(&format!("/v1/lookup?ani=1&key={key}"));
    let asked = record.asked();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert!(!asked.head.contains("rs_"), "{}", asked.head);
    }
}

#[test]
fn networks_and_ceilings_hold_whoever_answers() {
    let record = SystemOfRecord::text("From the CRM");
    let ceiling: Ceiling = serde_json::from_value(json!(["feed"])).unwrap();
    let access = Access {
        scopes: ceiling,
        ..Access::default()
    };
    let stage = Stage::of(before(record.url()), access);
    assert_eq!(stage.get("/v1/lookup?ani=1").status, 403);
    let elsewhere: Sources = serde_json::from_value(json!(["10.9.9.9"])).unwrap();
    let access = Access {
        dialect_sources: [(ringside::callers::Dialect::Native, elsewhere)].into(),
        ..Access::default()
    };
    let stage = Stage::of(before(record.url()), access);
    assert_eq!(stage.get("/v1/lookup?ani=1").status, 403);
    let elsewhere: Sources = serde_json::from_value(json!(["10.9.9.9"])).unwrap();
    let access = Access {
        dialect_sources: [(ringside::callers::Dialect::Zendesk, elsewhere)].into(),
        ..Access::default()
    };
    let stage = Stage::of(before(record.url()), access);
    let login = tcp(stage.at).ask("POST", "/oauth/tokens", "", b"");
    assert_eq!(login.status, 403, "nor does anybody log in from there");
    assert_eq!(record.count(), 0);
    assert_eq!(stage.name(ADA), "From the CRM");
}

#[test]
fn what_an_upstream_answers_to_anybody_opens_nothing() {
    // It judges who asks for customers, and answers whatever else comes.
    let record = SystemOfRecord::new(|asked| match asked.head.starts_with("GET /v1/lookup") {
        true => Act::Answer(answer("401 Unauthorized", "", "")),
        false => Act::Answer(ok("application/json", r#"[{"version":"65.0"}]"#)),
    });
    let settings = ShadowSettings {
        percent: 100,
        ..before(record.url())
    };
    let stage = Stage::of(settings, required());
    let header = "Authorization: Bearer forged\r\n";
    for (method, target) in [
        ("OPTIONS", "/v1/lookup?ani=%2B14806754110"),
        ("HEAD", "/v1/lookup?ani=%2B14806754110"),
        ("PUT", "/v1/lookup?ani=%2B14806754110"),
        ("GET", "/v1/customers/c-1842"),
        ("GET", "/services/data/"),
        ("GET", "/services/data/v52.0/query?q=nothing"),
        ("GET", "/cid?number=%2B14806754110"),
        ("POST", "/services/oauth2/token"),
    ] {
        tcp(stage.at).ask(method, target, header, b"");
        assert_eq!(ask(&stage, "Bearer forged").status, 401, "{method} {target}");
    }
    assert_eq!(stage.report(1)["credentials"], 0);
}

#[test]
fn a_page_to_sign_in_at_opens_nothing() {
    let record = SystemOfRecord::new(|_| Act::Answer(ok("text/html; charset=utf-8", "<form>")));
    let settings = ShadowSettings {
        percent: 100,
        ..before(record.url())
    };
    let stage = Stage::of(settings, required());
    for _ in 0..2 {
        assert_eq!(ask(&stage, "Bearer forged").body, "<form>");
    }
}
