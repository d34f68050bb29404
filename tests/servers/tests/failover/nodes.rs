//! Whole machines that lose their power, and come back.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use servers::pair::{Pair, Place, node};
use servers::wait::until;

use crate::shared::with_pair;

/// Three adverts that are missing, the skew, and what a busy machine takes.
const GAP: Duration = Duration::from_secs(8);

#[test]
fn the_active_node_is_down_and_the_other_one_takes_its_place() {
    with_pair(|pair| {
        let (active, term) = pair.until_settled();
        let load = pair.load();
        load.until_replicated(true);
        pair.kill(active);
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        // Two of three are a majority.
        load.until_replicated(true);
        pair.revive(active);
        pair.until_whole();
        assert_eq!(
            pair.until_held(),
            active.other(),
            "who comes back takes nothing away"
        );
        load.until_term_above(term);
        load.end().assert_sound(GAP);
    });
}

#[test]
fn the_standby_is_down_and_callers_see_nothing_of_it() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        pair.kill(active.other());
        load.until_replicated(true);
        load.until_answered();
        assert_eq!(pair.until_held(), active);
        pair.revive(active.other());
        pair.until_whole();
        assert_eq!(pair.until_held(), active);
        let seen = load.end();
        seen.assert_sound(Duration::from_secs(5));
        assert_eq!(seen.lookups.failed, Vec::new());
    });
}

#[test]
fn both_nodes_are_down_and_serve_when_they_are_back() {
    with_pair(|pair| {
        let load = pair.load();
        load.until_replicated(true);
        Place::NODES.into_iter().for_each(|node| pair.kill(node));
        Place::NODES.into_iter().for_each(|node| pair.revive(node));
        pair.until_held();
        load.until_answered();
        load.until_listening();
        pair.until_whole();
        load.until_replicated(true);
        load.end().assert_sound(Duration::from_secs(60));
    });
}

#[test]
fn the_arbiter_is_down_and_callers_see_nothing_of_it() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        pair.kill(Place::Arbiter);
        load.until_replicated(true);
        load.until_answered();
        assert_eq!(pair.until_held(), active);
        pair.put(66, "written without an arbiter");
        let nodes = Place::NODES.into_iter();
        nodes.for_each(|node| pair.until_named(node, 66, "written without an arbiter"));
        pair.revive(Place::Arbiter);
        pair.until_whole();
        let seen = load.end();
        seen.assert_sound(Duration::from_secs(5));
        assert_eq!(seen.lookups.failed, Vec::new());
    });
}

#[test]
fn the_active_node_and_the_arbiter_are_down_and_pops_go_on_unreplicated() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        pair.kill(active);
        pair.kill(Place::Arbiter);
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        load.until_replicated(false);
        refuses_links(pair, active.other(), "alone");
        pair.revive(Place::Arbiter);
        load.until_replicated(true);
        pair.revive(active);
        pair.until_whole();
        let seen = load.end();
        seen.assert_sound(GAP);
        assert!(seen.rings.replicated(false) > 0);
    });
}

#[test]
fn the_active_node_dies_with_something_to_be_told_and_the_other_one_tells_it() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        pair.record().is_away(true);
        let ring = json!({"call_id": "handed-on", "ani": "+14806750007", "agent": "1001"});
        pair.ring(node::vip(), &ring);
        let link = json!({"customer_id": "c-9", "agent": "1001"});
        pair.link("handed-on", &link);
        pair.kill(active);
        pair.record().is_away(false);
        let keys = |pair: &Pair| -> BTreeSet<String> {
            let told = pair.record().told().into_iter();
            let links = told.filter(|it| it.line == "PUT /interactions/handed-on/link");
            links
                .filter(|it| it.body.contains("\"c-9\""))
                .map(|it| it.key)
                .collect()
        };
        until(
            "the other node tells it",
            servers::pair::PATIENCE,
            || match keys(pair).len() {
                0 => Err(format!("{:?}", pair.record().told())),
                _ => Ok(()),
            },
        );
        pair.revive(active);
        pair.until_whole();
        assert_eq!(keys(pair).len(), 1, "{:?}", pair.record().told());
        load.end().assert_sound(GAP);
    });
}

/// What has to be kept by a majority is refused at `place`, with the word when to come again; pops are shown all the same.
pub(crate) fn refuses_links(pair: &Pair, place: Place, call: &str) {
    let at = node::callers(place);
    let ring = json!({"call_id": call, "ani": "+14806750007", "agent": "1001"});
    let ask =
        |what: (&str, &str), body: &Value| node::until_answered(|| node::ask(pair.net(), at, what, body));
    let rung = ask(("POST", "/v1/rings"), &ring);
    assert_eq!(
        (rung.status, &rung.json()["replicated"]),
        (200, &json!(false)),
        "{rung:?}"
    );
    assert!(rung.json()["pop_id"].is_string(), "{rung:?}");
    let link = json!({"customer_id": "c-8", "agent": "1001"});
    let linked = ask(("PUT", &format!("/v1/calls/{call}/link")), &link);
    assert_eq!(linked.status, 503, "{linked:?}");
    assert!(linked.header("retry-after").is_some(), "{linked:?}");
}
