//! Cables, and words that are lost between machines that all run.

use std::time::Duration;

use serde_json::json;
use servers::pair::{Pair, Place, node};
use servers::wait::until;

use crate::nodes::refuses_links;
use crate::shared::with_pair;

#[test]
fn the_network_is_split_and_the_active_node_keeps_the_arbiter() {
    with_pair(|pair| {
        let active = pair.until_held();
        split(pair, active);
    });
}

#[test]
fn the_network_is_split_and_the_standby_keeps_the_arbiter() {
    with_pair(|pair| {
        let active = pair.until_held();
        split(pair, active.other());
    });
}

/// Cuts the two nodes from each other, and the one that is not `with_arbiter` from the arbiter. Callers reach both.
fn split(pair: &mut Pair, with_arbiter: Place) {
    let alone = with_arbiter.other();
    let load = pair.load();
    load.until_replicated(true);
    pair.net().cut(with_arbiter, alone);
    pair.net().cut(alone, Place::Arbiter);
    until("both sides have the address", servers::pair::PATIENCE, || {
        let has = Place::NODES.map(|node| pair.net().has_vip(node));
        if has == [true, true] {
            Ok(())
        } else {
            Err(format!("{has:?}"))
        }
    });
    Place::NODES.into_iter().for_each(|node| pair.until_serves(node));
    pair.until_replicated(with_arbiter, true);
    pair.until_replicated(alone, false);
    refuses_links(pair, alone, &format!("beside-{}", alone.name()));
    let ring =
        json!({"call_id": format!("kept-{}", with_arbiter.name()), "ani": "+14806750009", "agent": "1002"});
    pair.ring(node::callers(with_arbiter), &ring);
    load.until_answered();
    pair.net().mend();
    pair.until_whole();
    load.until_answered();
    load.until_listening();
    load.until_replicated(true);
    // Both sides' calls are everybody's now.
    for (call, agent) in [
        (format!("beside-{}", alone.name()), "1001"),
        (format!("kept-{}", with_arbiter.name()), "1002"),
    ] {
        for place in Place::NODES {
            until("a call is known on both nodes", servers::pair::PATIENCE, || {
                let target = format!("/v1/agents/{agent}/current");
                let current = node::ask(pair.net(), node::callers(place), ("GET", &target), &json!(null));
                let current = current.map_err(|error| error.to_string())?.json();
                let pops = current["pops"].as_array().cloned().unwrap_or_default();
                match pops.iter().filter(|pop| pop["call_id"] == call).count() {
                    1 => Ok(()),
                    found => Err(format!("{place:?}: {call} {found} times in {current}")),
                }
            });
        }
        let shown = || load.desktop(agent).of_call(&call).len();
        until(
            "its desktop was shown it once",
            servers::pair::PATIENCE,
            || match shown() {
                1 => Ok(()),
                found => Err(format!("{call}: {found} times")),
            },
        );
    }
    let seen = load.end();
    seen.assert_sound(Duration::from_secs(8));
    for desktop in seen.desktops.values() {
        assert!(desktop.epochs.is_sorted(), "{desktop:?}");
    }
}

#[test]
fn the_active_nodes_cable_is_pulled_and_put_back() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        pair.net().pull(active);
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        load.until_replicated(true);
        pair.net().plug(active);
        pair.until_whole();
        assert_eq!(
            pair.until_held(),
            active.other(),
            "who comes back takes nothing away"
        );
        load.end().assert_sound(Duration::from_secs(8));
    });
}
