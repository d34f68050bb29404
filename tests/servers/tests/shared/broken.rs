//! What nodes do while servers are dead, the stream is not what it was, or the secret is another one.

use std::time::{Duration, Instant};

use serde_json::json;
use servers::nats::delete_stream;
use servers::wait::until;

use super::pair::{PATIENCE, Pair, SECRET, WAIT_MS};

#[test]
fn without_a_quorum_rings_are_answered_at_once_and_are_replicated_once_it_is_back() {
    let mut pair = Pair::start();
    pair.ring(0, "before", "joan");
    for server in &mut pair.cluster.servers[1..] {
        server.kill().unwrap();
    }
    let (began, mut known) = (Instant::now(), vec!["before".to_owned()]);
    let rings = 20;
    for nth in 0..rings {
        let call = format!("during-{nth}");
        let answer = pair.ring(0, &call, "joan");
        assert_eq!(answer["replicated"], false, "{answer}");
        known.push(call);
    }
    // The first ones may wait until it is known; had each waited, it would be twice as long.
    let each = Duration::from_millis(WAIT_MS);
    assert!(began.elapsed() < each * rings / 2, "{:?}", began.elapsed());
    pair.until_calls(0, "it is known that there is no quorum", |calls| {
        calls["quorum"] == false && calls["unreplicated"].as_u64() >= Some(20)
    });
    let link = ("PUT", "/v1/calls/before/link");
    let answer = pair
        .node(0)
        .ask(link, None, &json!({"customer_id": null}))
        .unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    // Nothing of it is lost with the process.
    pair.kill_and_start(0);
    for server in &mut pair.cluster.servers[1..] {
        server.start_again().unwrap();
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    pair.until_both_show("joan", &known);
    pair.until_whole();
    assert_eq!(pair.ring(0, "after", "ben")["replicated"], true);
}

#[test]
fn any_one_server_may_die_and_nothing_is_lost() {
    let mut pair = Pair::start();
    let mut known = Vec::new();
    for victim in 0..3 {
        pair.cluster.servers[victim].kill().unwrap();
        let mut nth = 0;
        until("rings are replicated without it", PATIENCE, || {
            nth += 1;
            let call = format!("{victim}-{nth}");
            let answer = pair.ring(nth % 2, &call, "joan");
            known.push(call);
            (answer["replicated"] == true)
                .then_some(())
                .ok_or_else(|| answer.to_string())
        });
        // Of both nodes: one of them has lost the server that it was connected to.
        pair.until_whole();
        pair.cluster.servers[victim].start_again().unwrap();
        pair.until_whole();
    }
    until("both know all of it", PATIENCE, || {
        for place in 0..2 {
            let mut shown: Vec<String> = pair
                .shown(place, "joan")
                .into_iter()
                .map(|(call, _)| call)
                .collect();
            let mut known = known.clone();
            shown.sort_unstable();
            known.sort_unstable();
            if shown != known {
                return Err(format!("{shown:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn a_server_that_is_frozen_is_left_for_another() {
    let pair = Pair::start();
    pair.cluster.servers[0].freeze(true).unwrap();
    until("rings are replicated by way of another server", PATIENCE, || {
        let answer = pair.ring(0, "frozen", "joan");
        (answer["replicated"] == true)
            .then_some(())
            .ok_or_else(|| answer.to_string())
    });
    pair.cluster.servers[0].freeze(false).unwrap();
    pair.until_both_show("joan", &["frozen"]);
}

#[test]
fn a_stream_that_somebody_deletes_is_made_again_with_everything_that_was_known() {
    let pair = Pair::start();
    pair.ring(0, "one", "joan");
    pair.ring(1, "two", "joan");
    pair.until_both_show("joan", &["one", "two"]);
    delete_stream(&pair.cluster.urls(0), "RINGSIDE_CALLS");
    until("both have said so", PATIENCE, || {
        let has_said = |place: usize| pair.node(place).log().contains("was deleted, or made again");
        (has_said(0) && has_said(1))
            .then_some(())
            .ok_or_else(|| pair.node(0).log())
    });
    pair.until_whole();
    pair.until_both_show("joan", &["one", "two"]);
    assert_eq!(pair.ring(0, "three", "joan")["replicated"], true);
    pair.until_both_show("joan", &["one", "two", "three"]);
}

#[test]
fn a_node_with_another_secret_goes_on_alone_and_says_why() {
    let mut pair = Pair::start();
    pair.ring(0, "one", "joan");
    pair.until_both_show("joan", &["one"]);
    pair.start_node(1, "jetstream", &"ab".repeat(32));
    pair.ring(0, "two", "joan");
    pair.until_calls(1, "it says why", |calls| {
        let reason = calls["reason"].as_str().unwrap_or_default();
        reason.contains("secret_file") && calls["quorum"] == false
    });
    let answer = pair.ring(1, "three", "ben");
    assert_eq!(
        (answer["replicated"].clone(), answer["pop_id"].is_string()),
        (json!(false), true)
    );
    // It has not written a word that the other one could not read.
    assert_eq!(pair.ring(0, "four", "joan")["replicated"], true);
    pair.start_node(1, "jetstream", "too short");
    pair.until_calls(1, "it says how to make one", |calls| {
        calls["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("openssl rand -hex 32"))
    });
    pair.start_node(1, "jetstream", SECRET);
    pair.until_both_show("joan", &["one", "two", "four"]);
    pair.until_both_show("ben", &["three"]);
}
