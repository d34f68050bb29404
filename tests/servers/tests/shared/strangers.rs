//! Who does not belong to a pair: a node that the servers do not let in, and one of a version that is not known yet.

use async_nats::jetstream;
use serde_json::json;
use servers::nats::Cluster;

use super::pair::{Pair, SECRET};

const STREAM: &str = "RINGSIDE_CALLS";

#[test]
fn a_node_that_the_servers_do_not_let_in_goes_on_alone_and_says_what_to_correct() {
    let cluster = Cluster::start_with("authorization { user: ringside, password: right }").unwrap();
    let mut pair = Pair::start_on(cluster, Some("right"));
    pair.password = Some("wrong".to_owned());
    pair.start_node(1, "jetstream", SECRET);
    pair.until_calls(1, "it says what to correct", |calls| {
        let reason = calls["reason"].as_str().unwrap_or_default();
        reason.contains("login") && calls["quorum"] == false && calls["following"] == false
    });
    let answer = pair.ring(1, "one", "joan");
    assert_eq!(
        (answer["replicated"].clone(), answer["pop_id"].is_string()),
        (json!(false), true)
    );
    assert_eq!(pair.ring(0, "two", "ben")["replicated"], true);
    pair.password = Some("right".to_owned());
    pair.start_node(1, "jetstream", SECRET);
    pair.until_both_show("joan", &["one"]);
    pair.until_both_show("ben", &["two"]);
}

#[test]
fn nodes_that_meet_a_newer_version_go_on_alone_until_it_is_gone() {
    let mut pair = Pair::start();
    pair.ring(0, "one", "joan");
    pair.until_both_show("joan", &["one"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let context =
        runtime.block_on(async { jetstream::new(async_nats::connect(pair.cluster.urls(0)).await.unwrap()) });
    let newer = runtime.block_on(async {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in [
            ("Version", "2"),
            ("Node", "node-c"),
            ("Incarnation", "1"),
            ("First", "1"),
        ] {
            headers.insert(format!("Ringside-{name}"), value);
        }
        let sent = context.publish_with_headers("ringside.calls.entries", headers, "of tomorrow".into());
        sent.await.unwrap().await.unwrap().sequence
    });
    for place in 0..2 {
        pair.until_calls(place, "it says what to do", |calls| {
            let reason = calls["reason"].as_str().unwrap_or_default();
            reason.contains("version 2 of the node node-c") && reason.contains("install the same version")
        });
    }
    // Started again, they find it before they write a word.
    for place in 0..2 {
        pair.kill_and_start(place);
        pair.until_calls(place, "it says so again", |calls| {
            calls["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("version 2"))
        });
        let answer = pair.ring(place, &format!("alone-{place}"), "ben");
        assert_eq!(
            (answer["replicated"].clone(), answer["pop_id"].is_string()),
            (json!(false), true)
        );
    }
    let last = runtime.block_on(async {
        let mut stream = context.get_stream(STREAM).await.unwrap();
        stream.info().await.unwrap().state.last_sequence
    });
    assert_eq!(last, newer, "nobody has written behind it");
    runtime.block_on(async {
        let stream = context.get_stream(STREAM).await.unwrap();
        stream.delete_message(newer).await.unwrap();
    });
    for place in 0..2 {
        pair.kill_and_start(place);
    }
    pair.until_whole();
    pair.until_both_show("joan", &["one"]);
    assert_eq!(pair.ring(0, "two", "joan")["replicated"], true);
    pair.until_both_show("joan", &["one", "two"]);
    let mut shown: Vec<String> = pair.shown(1, "ben").into_iter().map(|(call, _)| call).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["alone-0", "alone-1"]);
}
