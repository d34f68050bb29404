//! `ringside outbox`, its pages and what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringside::pop::outbox::{Item, Kind};
use serde_json::{Value, json as value};

use crate::program::{Ran, run};
use crate::record::{Record, json};
use crate::site::Site;
use crate::wire::{get, until};

fn outbox(admin: std::net::SocketAddr, arguments: &[&str]) -> Ran {
    let admin = format!("http://{admin}");
    run(&[&["outbox"], arguments, &["--admin", &admin]].concat())
}

#[test]
fn dead_letters_are_shown_replayed_and_dropped_by_command() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let record = Record::start(move |_, _| {
        let status = if well.load(Ordering::Relaxed) { 200 } else { 422 };
        json(status, r#"{"error": "Lovelace is no name"}"#)
    });
    let site = Site::new(&record.config(""));
    let running = site.serve();
    let admin = running.admin_address();
    let box_of = running.outbox().unwrap();
    for nth in 1..=3 {
        let body = value!({"id": nth.to_string(), "call_id": "a", "customer_id": "Lovelace"});
        let item = Item::new(format!("k{nth}"), format!("lane-{nth}"), Kind::Interaction, body);
        box_of.push(item).unwrap();
    }
    until(|| box_of.state(), |state| state.dead == 3);
    let listed = outbox(admin, &[]).ok();
    assert!(listed.contains("nothing waits; 3 dead letters"), "{listed}");
    assert!(
        listed.contains("interaction") && listed.contains("status 422"),
        "{listed}"
    );
    assert!(!listed.contains("Lovelace"), "{listed}");
    let dead: Value = serde_json::from_str(&outbox(admin, &["dead", "--json"]).ok()).unwrap();
    assert_eq!(dead["items"].as_array().unwrap().len(), 3);
    assert_eq!(dead["items"][0]["body"], Value::Null);
    assert!(!dead.to_string().contains("Lovelace"), "{dead}");
    let shown = outbox(admin, &["show", "2"]).ok();
    assert!(
        shown.contains("\"customer_id\": \"Lovelace\"") && shown.contains("is no name"),
        "{shown}"
    );
    let status = run(&["status", "--admin", &format!("http://{admin}")]).ok();
    assert!(
        status.contains("outbox") && status.contains("3 dead letters"),
        "{status}"
    );

    outbox(admin, &["drop", "3"]).ok();
    let again = outbox(admin, &["drop", "3"]);
    assert!(again.err.contains("no such item"), "{}", again.err);
    is_well.store(true, Ordering::Relaxed);
    assert!(
        outbox(admin, &["replay", "1"])
            .ok()
            .contains("1 item to be sent again")
    );
    until(|| box_of.state(), |state| state.dead == 1);
    assert!(outbox(admin, &["replay", "--all"]).ok().contains("1 item"));
    until(|| box_of.state(), |state| (state.dead, state.waiting) == (0, 0));
    assert!(outbox(admin, &["list"]).ok().contains("nothing waits"));

    let metrics = get(admin, "/metrics").body;
    for line in [
        "ringside_pop_outbox_attempts_total{outcome=\"delivered\"} 2",
        "ringside_pop_outbox_attempts_total{outcome=\"refused\"} 3",
        "ringside_pop_outbox_ended_total{how=\"dropped\"} 1",
        "ringside_pop_outbox_items_count{state=\"dead\"} 0",
        "ringside_pop_outbox_oldest_seconds 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
    assert!(!metrics.contains("Lovelace"));
    running.drain();
}

#[test]
fn a_server_without_a_system_of_record_says_so() {
    let site = Site::new("");
    let running = site.serve();
    let told = outbox(running.admin_address(), &[]);
    assert!(
        told.err.contains("system_of_record.kind is \"none\""),
        "{}",
        told.err
    );
    running.drain();
}
