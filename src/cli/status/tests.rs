#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use serde_json::json;

use super::*;

fn told(status: &Value) -> Vec<String> {
    let rows = rows(status.as_object().unwrap(), 1_790_000_000_000);
    let rows = rows.iter().filter(|(_, line)| !line.is_empty());
    rows.map(|(name, line)| format!("{name}: {line}")).collect()
}

fn status() -> Value {
    json!({
        "version": "0.1.0", "role": "active", "tenant": "main", "ready": false, "reasons": ["a", "b"],
        "generation": 12, "created_at_ms": 1_789_999_700_000_i64, "seq": 1000, "customers": 3000, "numbers": 4512,
        "contested": 3, "overlay": {"customers": 17, "bytes": 2048}, "damaged": 0, "position": "41",
        "age_ms": 230, "stale": false, "connected": true,
        "lookups": {"total": 1200, "hit": 1080, "ambiguous": 2, "unknown": 100, "per_s_10s": 12.5, "per_s_60s": 3.0,
            "p50_us": 1.2, "p99_us": 4.04, "p999_us": 9.0},
        "connections": {"open": 17, "max": 10_000},
        "refused": {"connections": 0, "overload": 1200, "cut": 3, "denied": null}, "uptime_s": 3723,
        "listeners": [{"name": "main", "address": "127.0.0.1:7464", "unix": null},
            {"name": "desk", "address": null, "unix": "/run/r.sock", "tls": true}],
        "reload": {"at_ms": 1_789_999_940_000_i64, "outcome": "taken_up", "taken_up": ["treatment"],
            "needs_restart": ["http.workers", "data.dir"], "note": null, "error": null},
        "bodies": {"bytes": 2048, "max": 268_435_456},
        "candidate": {"generation": 13, "customers": 2800, "held_at_ms": 1_789_999_940_000_i64},
        "pair": {"role": "active", "epoch": 8, "node": "node-a", "vrrp": "MASTER", "since": "2026-11-22T00:00:00Z",
            "electable": true, "decides": true, "quorum": false, "reason": "no majority keeps terms: epoch 8 goes on"},
        "later": {"file_bytes": 1_048_576, "members": 13},
    })
}

#[test]
fn a_status_is_told_on_one_screen() {
    let status = status();
    assert_eq!(
        told(&status),
        [
            "pair: node-a, active since 2026-11-22T00:00:00Z, epoch 8, keepalived MASTER, no quorum: no majority keeps terms: epoch 8 goes on",
            "customers: 3,000 customers, 4,512 numbers, 3 of them listed by several",
            "snapshot: generation 12, written 5 minutes ago, seq 1,000",
            "waits: generation 13 with 2,800 customers, made 1 minute ago: `ringside generations` says why",
            "changes: 17 customers since the snapshot, 2.0 KiB",
            "feeds: connected, all applied as of 0.2 s ago, position 41",
            "lookups: 1,200 since the start; 12.5 a second over 10 s, 3.0 over a minute",
            "found: 90 % (1,080); several customers 2, nobody 100",
            "took: half under 1.2 µs, 99 % under 4.0 µs, 99.9 % under 9.0 µs",
            "connections: 17 open of 10,000 at the most",
            "bodies: 2.0 KiB in memory of 256.0 MiB at the most",
            "refused: 1,200 requests as overload, 3 connections that took too long",
            "listener: main  127.0.0.1:7464",
            "listener: desk  unix:/run/r.sock, tls: yes",
            "reload: taken up 1 minute ago; http.workers, data.dir wait for a restart",
            "later file bytes: 1.0 MiB",
            "later members: 13",
        ]
    );
    let status = status.as_object().unwrap();
    assert_eq!(title(status), "Ringside 0.1.0, active, up 1:02:03");
    assert_eq!(reasons(status), ": a; b");
}

#[test]
fn what_is_not_there_is_left_out_and_a_refusal_is_not() {
    assert_eq!(told(&json!({})), Vec::<String>::new());
    let mut status = status();
    status["reload"] = json!({"at_ms": 1_789_999_999_000_i64, "outcome": "refused", "error": "r.toml:3: x"});
    status["connections"] = json!(17);
    status["refused"] = json!({"cut": 0, "denied": null});
    status["overlay"] = json!({"customers": 0, "bytes": 0});
    status["generation"] = json!(0);
    for (name, value) in [
        ("connected", json!(false)),
        ("position", json!(null)),
        ("age_ms", json!(null)),
    ] {
        status[name] = value;
    }
    status["lookups"] = json!({"total": 0, "p50_us": null});
    let told = told(&status);
    for line in [
        "reload: REFUSED just now, the configuration before holds: r.toml:3: x",
        "changes: none since the snapshot",
        "snapshot: none yet; build one with `ringside snapshot build`",
        "feeds: none configured",
        "connections: 17 open",
    ] {
        assert!(told.iter().any(|told| told == line), "{line} is not in {told:#?}");
    }
    assert!(
        !told
            .iter()
            .any(|line| line.starts_with("refused") || line.starts_with("found") || line.starts_with("took"))
    );
    status["stale"] = json!(true);
    let line = feeds(status.as_object().unwrap()).unwrap();
    assert_eq!(
        line,
        "not connected, not caught up yet, answers say that they are stale"
    );
}

#[test]
fn last_digits_are_told_where_they_are_configured() {
    let line = |suffix: Value| {
        let mut status = status();
        status["suffix"] = suffix;
        told(&status).into_iter().find(|line| line.starts_with("suffix"))
    };
    assert_eq!(line(Value::Null), None);
    let waits = line(json!({"digits": 7, "ready": false})).unwrap();
    assert_eq!(
        waits,
        "suffixes: the last 7 digits count from the next merge or import on"
    );
    let ready = line(json!({"digits": 9, "ready": true})).unwrap();
    assert_eq!(
        ready,
        "suffixes: numbers that nobody has are found by their last 9 digits"
    );
}

#[test]
fn feeds_that_wait_for_a_person_are_named() {
    let mut status = status();
    status["held"] = json!(true);
    status["held_feeds"] = json!(["crm", "tickets"]);
    status["gap"] = json!(true);
    let lines = told(&status);
    let starting = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(starting("held: crm, tickets: deletes"), "{lines:#?}");
    assert!(
        starting("gaps: a feed: changes"),
        "one of before names none: {lines:#?}"
    );
    status["held"] = json!(false);
    status["gap"] = json!(false);
    assert_eq!(told(&status), told(&self::status()));
}
