//! What both nodes know while everything is as it should be, and behind it.

use std::fs;

use serde_json::json;

use super::pair::{PATIENCE, Pair, SECRET};
use servers::wait::until;

#[test]
fn a_ring_is_replicated_before_it_is_answered_and_either_node_knows_it_after_a_kill() {
    let mut pair = Pair::start();
    for nth in 1..=5 {
        let answer = pair.ring(0, &format!("c{nth}"), "joan");
        assert_eq!(answer["replicated"], true, "{answer}");
    }
    let all = ["c1", "c2", "c3", "c4", "c5"];
    pair.until_both_show("joan", &all);
    // What only the stream knows of: the other node is killed at once, and comes back.
    pair.ring(1, "c6", "joan");
    pair.kill_and_start(1);
    let all = ["c1", "c2", "c3", "c4", "c5", "c6"];
    pair.until_both_show("joan", &all);
    pair.until_whole();
    let link = ("PUT", "/v1/calls/c6/link");
    let answer = pair
        .node(1)
        .ask(link, None, &json!({"customer_id": null}))
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    pair.kill_and_start(0);
    pair.until_both_show("joan", &all);
}

#[test]
fn two_nodes_that_write_at_once_end_with_the_same_calls() {
    let pair = Pair::start();
    std::thread::scope(|scope| {
        for place in 0..2 {
            let pair = &pair;
            scope.spawn(move || {
                for nth in 0..100 {
                    pair.ring(place, &format!("{place}-{nth}"), "joan");
                }
            });
        }
    });
    pair.until_whole();
    until("both show the same", PATIENCE, || {
        let [a, b] = [0, 1].map(|place| pair.shown(place, "joan"));
        (a.len() == 200 && a == b)
            .then_some(())
            .ok_or_else(|| format!("{} and {}", a.len(), b.len()))
    });
}

#[test]
fn whoever_keeps_the_stream_can_read_no_number_and_no_agent() {
    let pair = Pair::start();
    pair.ring(0, "confidential-call", "confidential-agent");
    pair.until_whole();
    let mut files = 0;
    for server in &pair.cluster.servers {
        let mut folders = vec![server.folder().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let bytes = fs::read(&path).unwrap_or_default();
                for secret in ["confidential", "4806754110"] {
                    let found = bytes
                        .windows(secret.len())
                        .any(|window| window == secret.as_bytes());
                    assert!(!found, "{}", path.display());
                }
            }
        }
    }
    assert!(files > 10, "{files}");
}

#[test]
fn calls_of_one_machine_come_along_when_they_are_shared_and_stay_when_no_longer() {
    let mut pair = Pair::start();
    pair.start_node(0, "local", SECRET);
    let answer = pair.ring(0, "alone", "joan");
    assert_eq!(answer["replicated"], false, "{answer}");
    pair.ring(1, "meanwhile", "joan");
    pair.start_node(0, "jetstream", SECRET);
    pair.until_both_show("joan", &["meanwhile", "alone"]);
    pair.until_whole();
    pair.start_node(0, "local", SECRET);
    assert_eq!(pair.shown(0, "joan").len(), 2);
}
