use std::thread;

use serde_json::json;

use crate::desktop::{Desktop, EVENTS};
use crate::wire::{get, tcp, until};
use crate::{ADA, becomes, hand_over, node, notify, role};

#[test]
fn a_hand_over_asks_callers_and_desktops_to_come_back_and_loses_none() {
    let (_b_site, b) = node("node-b", None);
    let (_a_site, a) = node("node-a", Some(b.admin_address()));
    let (at, admin) = (a.address("main").unwrap(), a.admin_address());
    notify(b.admin_address(), "BACKUP");
    notify(admin, "MASTER");
    let mut idle = tcp(at);
    let mut busy = tcp(at);
    for client in [&mut idle, &mut busy] {
        let answer = client.get(ADA);
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    let (mut desktop, _) = Desktop::events(at, None);
    thread::scope(|scope| {
        let handing = scope.spawn(|| hand_over(admin, &json!({})));
        let electable = until(|| get(admin, "/electable"), |answer| answer.status == 503).json();
        assert_eq!(
            (&electable["yielding"], &electable["reasons"]),
            (&json!(true), &json!(["handing over"]))
        );
        assert_eq!(role(admin)["role"], "draining");
        assert_eq!(get(admin, "/active").status, 503);
        // Who was connected is sent away, and told when to come back.
        assert!(idle.is_closed());
        let end = desktop.rest();
        assert!(end.contains("retry: 150\n\n"), "{end:?}");
        // Who comes is answered, by the lane and by what is behind it, and asked to come back.
        let ring = json!({"call_id": "x", "ani": "+14806754110", "agent": "1001"}).to_string();
        for (method, path, body) in [("GET", ADA, ""), ("POST", "/v1/rings", ring.as_str())] {
            let mut client = tcp(at);
            let answer = client.request(method, path, "application/json", body.as_bytes());
            assert_eq!(
                (answer.status, answer.header("connection")),
                (200, Some("close")),
                "{}",
                answer.body
            );
            assert!(client.is_closed());
        }
        let waiting = Desktop::ask(at, EVENTS, "");
        assert_eq!(waiting.status(), 200);

        assert_eq!(notify(b.admin_address(), "MASTER").json()["role"], "active");
        notify(admin, "FAULT");
        let done = handing.join().unwrap();
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(
            (&done.json()["handed_over"], &done.json()["to"]),
            (&json!(true), &json!("node-b"))
        );
    });
    becomes(admin, "standby");
    until(|| get(admin, "/electable").status, |status| *status == 200);
    let mut after = tcp(at);
    for _ in 0..2 {
        assert_eq!(after.get(ADA).header("connection"), None);
    }
    let metrics = get(admin, "/metrics").body;
    assert!(metrics.contains("ringside_ha_handovers_total{outcome=\"done\"} 1\n"));
    a.drain();
    b.drain();
}

#[test]
fn who_stops_while_it_is_active_hands_over_first() {
    let (_b_site, b) = node("node-b", None);
    let (_a_site, a) = node("node-a", Some(b.admin_address()));
    let (at, admin) = (a.address("main").unwrap(), a.admin_address());
    notify(admin, "MASTER");
    notify(b.admin_address(), "BACKUP");
    // A role is held for a moment, ahead of which nothing is handed over.
    until(|| role(admin)["held_ms"].as_u64(), |held| *held == Some(0));
    thread::scope(|scope| {
        let stopping = scope.spawn(|| a.drain());
        until(
            || get(admin, "/electable").json(),
            |told| told["yielding"] == true,
        );
        assert_eq!(get(at, ADA).status, 200, "it serves until the other node does");
        assert!(!stopping.is_finished());
        notify(b.admin_address(), "MASTER");
        stopping.join().unwrap();
    });
    b.drain();
}
