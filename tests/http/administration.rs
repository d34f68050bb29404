//! Administration: health, readiness, metrics, status.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringside::http::{Page, Readiness, Server};
use serde_json::json;

use crate::served::{address, admin, any_port, listener, serve, settings};
use crate::support::{Plan, ada, centre, person};
use crate::wire::{get, tcp};

#[test]
fn readiness_follows_its_latch() {
    let centre = centre(&Plan::default());
    let readiness = Arc::new(Readiness::default());
    let listeners = vec![listener(&centre, Some(any_port()), None)];
    let running = Server::bind(
        settings(),
        listeners,
        admin(&centre, &readiness, None),
        &centre.metrics,
    )
    .unwrap()
    .spawn()
    .unwrap();
    let mut client = tcp(running.admin_address());
    assert_eq!(client.get("/livez").status, 200);
    assert_eq!(client.get("/electable").status, 503);
    let unready = client.get("/readyz");
    assert_eq!(
        (unready.status, unready.body.as_str()),
        (503, r#"{"ready":false,"reasons":["no snapshot is mapped yet"]}"#)
    );
    readiness.set_mapped();
    assert_eq!(client.get("/electable").status, 200);
    let ready = client.get("//readyz");
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, r#"{"ready":true,"reasons":[]}"#)
    );
    assert_eq!(client.post("/readyz", "application/json", b"").status, 405);
    assert_eq!(
        client.get("/v1/lookup?ani=1").json()["error"]["code"],
        "no_such_path"
    );
    assert_eq!(
        get(address(&running), "/readyz").status,
        404,
        "callers do not administer"
    );
}

#[test]
fn further_pages_can_be_added() {
    let centre = centre(&Plan::default());
    let extra: ringside::http::Extra = Arc::new(|call| {
        (call.path == "/explain").then(|| Page {
            status: 200,
            content_type: "text/plain",
            body: call.query.into(),
        })
    });
    let listeners = vec![listener(&centre, Some(any_port()), None)];
    let admin = admin(&centre, &Arc::default(), Some(extra));
    let running = Server::bind(settings(), listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap();
    let page = get(running.admin_address(), "/explain?ani=1");
    assert_eq!(
        (page.body.as_str(), page.header("content-type")),
        ("ani=1", Some("text/plain"))
    );
    assert_eq!(get(running.admin_address(), "/other").status, 404);
}

#[test]
fn lookups_and_requests_are_counted() {
    let plan = Plan {
        customers: vec![
            ada(),
            person("a", "x", json!([{"number": "+14806754111", "shared": true}])),
            person("b", "y", json!(["+14806754111"])),
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    let mut client = tcp(address(&running));
    for ani in [
        "+14806754110",
        "+14806754110",
        "+14806754111",
        "+14806754199",
        "",
        "+18005550199",
        "4411",
        "x",
    ] {
        client.get(&format!("/v1/lookup?ani={ani}"));
    }
    client.get("/nothing");
    let text = get(running.admin_address(), "/metrics");
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        r#"ringside_callers_lookups_total{dialect="native",outcome="hit"} 2"#,
        r#"ringside_callers_lookups_total{dialect="native",outcome="ambiguous"} 1"#,
        r#"ringside_callers_lookups_total{dialect="native",outcome="anonymous"} 1"#,
        r#"ringside_callers_lookups_total{dialect="native",outcome="own_number"} 1"#,
        r#"ringside_callers_lookups_total{dialect="native",outcome="internal"} 1"#,
        "ringside_callers_lookup_seconds_count 8",
        r#"ringside_http_requests_total{class="2xx"} 8"#,
        r#"ringside_http_requests_total{class="4xx"} 1"#,
        "ringside_http_connections_count{listener=\"main\"} 1",
        "ringside_snapshot_damaged_count 0",
    ] {
        assert!(
            text.body.lines().any(|found| found == line),
            "{line} is not in\n{}",
            text.body
        );
    }
}

#[test]
fn the_status_tells_what_is_served() {
    let centre = centre(&Plan::default());
    let running = serve(&centre);
    get(address(&running), "/v1/lookup?ani=+14806754110");
    let status = get(running.admin_address(), "/status").json();
    for (key, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("role", json!("alone")),
        ("tenant", json!("main")),
        ("ready", json!(false)),
        ("generation", json!(12)),
        ("seq", json!(100)),
        ("customers", json!(1)),
        ("numbers", json!(2)),
        ("overlay", json!({"customers": 0, "bytes": 0})),
        ("position", json!(null)),
        ("connected", json!(false)),
        (
            "listeners",
            json!([{"name": "main", "address": address(&running), "unix": null}]),
        ),
    ] {
        assert_eq!(status[key], value, "{key}");
    }
    assert_eq!(
        (&status["lookups"]["total"], &status["lookups"]["hit"]),
        (&json!(1), &json!(1))
    );
    assert!(status["lookups"]["p99_us"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_stuck_thread_has_no_heartbeat() {
    let centre = centre(&Plan::default());
    // A page that holds the administration's thread up until it is let go.
    let (let_go, held) = channel::<()>();
    let held = Mutex::new(held);
    let extra: ringside::http::Extra = Arc::new(move |call| {
        (call.path == "/hold").then(|| {
            let _let_go = held.lock().unwrap().recv();
            Page {
                status: 200,
                content_type: "text/plain",
                body: Vec::new(),
            }
        })
    });
    let listeners = vec![listener(&centre, Some(any_port()), None)];
    let admin = admin(&centre, &Arc::default(), Some(extra));
    let running = Server::bind(settings(), listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap();
    let hearts = Arc::clone(running.hearts());
    let within = Duration::from_millis(1500);
    assert!(hearts.beat_within(within));
    let address = running.admin_address();
    let holding = std::thread::spawn(move || get(address, "/hold").status);
    let begun = Instant::now();
    while hearts.beat_within(within) {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it beats while it is stuck"
        );
        std::thread::yield_now();
    }
    let_go.send(()).unwrap();
    assert_eq!(holding.join().unwrap(), 200);
    while !hearts.beat_within(within) {
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "it does not beat again"
        );
        std::thread::yield_now();
    }
}
