//! Datastores: who is down, what callers see of it, and what becomes of what is written meanwhile.

use std::time::Duration;

use serde_json::json;
use servers::pair::{Pair, Place, Seen, node, store};
use servers::wait::until;

use crate::shared::with_pair;

/// Callers have no part in what happens to the datastores.
fn assert_untouched(seen: &Seen) {
    seen.assert_sound(Duration::from_secs(5));
    assert_eq!(seen.lookups.failed, Vec::new());
    assert!(
        seen.rings.replicated(true) > seen.rings.replicated(false),
        "{:?}",
        seen.rings
    );
}

/// What the system of record was told of the link of the call `linked`.
fn links(pair: &Pair) -> Vec<String> {
    let told = pair.record().told().into_iter();
    let of_link = told.filter(|it| it.line == "PUT /interactions/linked/link");
    of_link.map(|it| it.body).collect()
}

fn kill(pair: &mut Pair, place: Place) {
    pair.kill_one(place, "mongod");
}

#[test]
fn the_primary_datastore_is_down_and_the_other_one_takes_its_place() {
    with_pair(|pair| {
        let primary = store::until_primary(pair.net(), &Place::NODES);
        let load = pair.load();
        kill(pair, primary);
        store::until_primary(pair.net(), &[primary.other()]);
        pair.put(61, "written to the new primary");
        // Of two datastores one is no majority: what is written now may still be undone, and is not shown.
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_stale(node, true));
        pair.start_store(primary);
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_named(node, 61, "written to the new primary"));
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_stale(node, false));
        let seen = load.end();
        assert_untouched(&seen);
        assert!(seen.lookups.stale > 0);
    });
}

#[test]
fn the_secondary_datastore_alone_is_down_and_answers_say_that_they_are_stale() {
    with_pair(|pair| {
        let secondary = store::until_primary(pair.net(), &Place::NODES).other();
        let load = pair.load();
        kill(pair, secondary);
        pair.put(62, "written beside a secondary that is down");
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_stale(node, true));
        pair.start_store(secondary);
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_named(node, 62, "written beside a secondary that is down"));
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_stale(node, false));
        let seen = load.end();
        assert_untouched(&seen);
        assert!(seen.lookups.stale > 0);
    });
}

#[test]
fn both_datastores_are_down_and_what_is_to_be_told_waits() {
    with_pair(|pair| {
        let load = pair.load();
        Place::NODES.into_iter().for_each(|node| kill(pair, node));
        pair.record().is_away(true);
        let ring = json!({"call_id": "linked", "ani": "+14806750007", "agent": "1001"});
        let rung = node::until_answered(|| pair.ask(("POST", "/v1/rings"), &ring));
        assert_eq!(rung.status, 200, "{rung:?}");
        let link = json!({"customer_id": "c-8", "agent": "1001"});
        pair.link("linked", &link);
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_stale(node, true));
        assert_eq!(links(pair), Vec::<String>::new(), "it was away");
        Place::NODES.into_iter().for_each(|node| pair.start_store(node));
        pair.record().is_away(false);
        until("the link is told", servers::pair::PATIENCE, || {
            match links(pair).is_empty() {
                true => Err(format!("{:?}", pair.record().told())),
                false => Ok(()),
            }
        });
        store::until_whole(pair.net());
        pair.put(63, "written when they were back");
        Place::NODES
            .into_iter()
            .for_each(|node| pair.until_named(node, 63, "written when they were back"));
        assert_untouched(&load.end());
        let bodies = links(pair);
        assert_eq!(
            bodies.iter().filter(|body| body.contains("\"c-8\"")).count(),
            1,
            "{bodies:?}"
        );
    });
}

#[test]
fn the_primary_datastore_and_the_arbiters_are_down_and_lookups_go_on() {
    with_pair(|pair| {
        let primary = store::until_primary(pair.net(), &Place::NODES);
        no_majority(pair, primary, 64);
    });
}

#[test]
fn the_secondary_datastore_and_the_arbiters_are_down_and_lookups_go_on() {
    with_pair(|pair| {
        let secondary = store::until_primary(pair.net(), &Place::NODES).other();
        no_majority(pair, secondary, 65);
    });
}

/// Without the datastore of `place` and the arbiter's nobody is primary, until one of the two is back.
fn no_majority(pair: &mut Pair, place: Place, customer: u32) {
    let load = pair.load();
    kill(pair, place);
    kill(pair, Place::Arbiter);
    Place::NODES
        .into_iter()
        .for_each(|node| pair.until_stale(node, true));
    store::until_no_primary(pair.net());
    pair.start_store(Place::Arbiter);
    store::until_primary(pair.net(), &[place.other()]);
    pair.start_store(place);
    store::until_whole(pair.net());
    pair.put(customer, "written when they were back");
    Place::NODES
        .into_iter()
        .for_each(|node| pair.until_named(node, customer, "written when they were back"));
    Place::NODES
        .into_iter()
        .for_each(|node| pair.until_stale(node, false));
    let seen = load.end();
    assert_untouched(&seen);
    assert!(seen.lookups.stale > 0);
}
