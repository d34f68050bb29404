//! What people do to a pair: hand over, force, delete.

use std::time::Duration;

use serde_json::{Value, json};
use servers::pair::{Place, broker, node};
use servers::wait::until;

use crate::shared::with_pair;

#[test]
fn the_address_is_handed_over_and_nobody_is_kept_waiting() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        let answer = node::admin(
            pair.net(),
            active,
            ("POST", "/handover"),
            &json!({"force": false}),
        )
        .unwrap();
        assert_eq!(answer.json()["handed_over"], true, "{answer:?}");
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        load.until_replicated(true);
        pair.until_whole();
        assert_eq!(pair.holder(), Some(active.other()));
        let seen = load.end();
        seen.assert_sound(Duration::from_secs(5));
        assert!(seen.lookups.failed.len() <= 8, "{:?}", seen.lookups);
    });
}

#[test]
fn both_nodes_are_told_that_they_are_active_and_keepalived_has_the_last_word() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        let master = json!({"type": "INSTANCE", "name": "ringside", "state": "MASTER", "priority": 150});
        for place in Place::NODES {
            let answer = node::admin(pair.net(), place, ("POST", "/role"), &master).unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        // Calls are told to both, and both have all of them.
        for place in Place::NODES {
            let call = format!("told-{}", place.name());
            let ring = json!({"call_id": call, "ani": "+14806750007", "agent": "1003"});
            let rung = node::ask(pair.net(), node::callers(place), ("POST", "/v1/rings"), &ring).unwrap();
            assert_eq!(rung.status, 200, "{rung:?}");
            until("its desktop is shown it", servers::pair::PATIENCE, || match load
                .desktop("1003")
                .of_call(&call)
                .len()
            {
                1 => Ok(()),
                found => Err(format!("{found} times")),
            });
        }
        // The watchdog tells the service again what keepalived said.
        until("the standby is one again", servers::pair::PATIENCE, || {
            let role = node::role(pair.net(), active.other());
            match role["role"].as_str() {
                Some("standby") => Ok(()),
                _ => Err(role.to_string()),
            }
        });
        pair.until_held_by(active);
        load.until_replicated(true);
        let seen = load.end();
        seen.assert_sound(Duration::from_secs(5));
        for desktop in seen.desktops.values() {
            assert!(desktop.epochs.is_sorted(), "{desktop:?}");
        }
    });
}

#[test]
fn a_word_that_keepalived_does_not_know_changes_nothing() {
    with_pair(|pair| {
        let active = pair.until_held();
        let before = node::role(pair.net(), active);
        for (body, status) in [
            (
                json!({"type": "INSTANCE", "name": "ringside", "state": "BOSS", "priority": 1}),
                400,
            ),
            (json!({"state": null}), 400),
            (Value::Null, 400),
        ] {
            let answer = node::admin(pair.net(), active, ("POST", "/role"), &body).unwrap();
            assert_eq!(answer.status, status, "{answer:?}");
        }
        let answer = node::admin(
            pair.net(),
            active,
            ("POST", "/role"),
            &json!({"type": "INSTANCE", "name": "ringside", "state": "BOSS"}),
        );
        let said = answer.unwrap().body;
        for word in ["MASTER", "BACKUP", "FAULT", "STOP", "BOSS"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        // From nobody: without a key.
        let at = format!("{}:{}", active.address(), node::ADMIN).parse().unwrap();
        let stop = json!({"type": "INSTANCE", "name": "ringside", "state": "STOP"});
        let refused = node::ask(pair.net(), at, ("POST", "/role"), &stop).unwrap();
        assert_eq!(refused.status, 401, "{refused:?}");
        let after = node::role(pair.net(), active);
        assert_eq!(
            (&after["role"], &after["epoch"]),
            (&before["role"], &before["epoch"])
        );
    });
}

#[test]
fn the_stream_is_deleted_under_the_pair_and_is_made_again() {
    with_pair(|pair| {
        pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        broker::delete_stream(pair.net(), "RINGSIDE_CALLS");
        load.until_answered();
        load.until_replicated(true);
        pair.until_whole();
        let ring = json!({"call_id": "behind-it", "ani": "+14806750007", "agent": "1001"});
        pair.ring(node::vip(), &ring);
        for place in Place::NODES {
            until(
                "both nodes have what came behind it",
                servers::pair::PATIENCE,
                || {
                    let current = node::ask(
                        pair.net(),
                        node::callers(place),
                        ("GET", "/v1/agents/1001/current"),
                        &Value::Null,
                    );
                    let current = current.map_err(|error| error.to_string())?.json();
                    let has = current.to_string().contains("behind-it");
                    has.then_some(()).ok_or_else(|| current.to_string())
                },
            );
        }
        load.end().assert_sound(Duration::from_secs(5));
    });
}
