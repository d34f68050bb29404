//! Machines that run, and do not do what they should.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use serde_json::json;
use servers::faketime;
use servers::pair::node;
use servers::wait::until;

use crate::shared::with_pair;

const GAP: Duration = Duration::from_secs(8);

#[test]
fn a_node_stands_still_and_goes_on() {
    with_pair(|pair| {
        let (active, term) = pair.until_settled();
        let load = pair.load();
        load.until_replicated(true);
        pair.freeze(active, true);
        until("the other node has the address", servers::pair::PATIENCE, || {
            // Who stands still gives nothing up.
            match pair.net().has_vip(active.other()) {
                true => Ok(()),
                false => Err(pair.tails("keepalived")),
            }
        });
        load.until_answered();
        load.until_listening();
        load.until_replicated(true);
        pair.freeze(active, false);
        pair.until_whole();
        load.until_answered();
        load.until_listening();
        load.until_term_above(term);
        let seen = load.end();
        seen.assert_sound(GAP);
        for desktop in seen.desktops.values() {
            assert!(desktop.epochs.is_sorted(), "{desktop:?}");
        }
    });
}

#[test]
fn the_service_of_the_active_node_stands_still_and_the_watchdog_gives_its_address_away() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        pair.host(active).freeze(node::NAME, true);
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        load.until_replicated(true);
        pair.host(active).freeze(node::NAME, false);
        pair.until_whole();
        assert_eq!(
            pair.until_held(),
            active.other(),
            "who comes back takes nothing away"
        );
        load.end().assert_sound(GAP);
    });
}

#[test]
fn the_service_of_the_active_node_dies_and_the_watchdog_gives_its_address_away() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        pair.kill_one(active, node::NAME);
        pair.until_held_by(active.other());
        load.until_answered();
        load.until_listening();
        load.until_replicated(true);
        pair.restore();
        assert_eq!(
            pair.until_held(),
            active.other(),
            "who comes back takes nothing away"
        );
        load.end().assert_sound(GAP);
    });
}

#[test]
fn the_active_nodes_disk_is_full_and_callers_are_answered() {
    with_pair(|pair| {
        let active = pair.until_held();
        let load = pair.load();
        load.until_replicated(true);
        let ballast = node::data(pair.host(active)).join("ballast");
        let mut file = File::create(&ballast).unwrap();
        for size in [1 << 20, 1 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        drop(file);
        pair.put_large(100, 40);
        pair.put(67, "written while a disk is full");
        pair.until_named(active.other(), 67, "written while a disk is full");
        pair.until_stale(active, true);
        until("the log of calls takes nothing", servers::pair::PATIENCE, || {
            let metrics = node::admin(pair.net(), active, ("GET", "/metrics"), &json!(null));
            let metrics = metrics.map_err(|error| error.to_string())?.body;
            let is_failing = metrics.contains("\nringside_pop_log_failing_count 1");
            is_failing.then_some(()).ok_or(metrics)
        });
        // The majority keeps what this node cannot.
        load.until_replicated(true);
        assert_eq!(pair.until_held(), active);
        fs::remove_file(&ballast).unwrap();
        pair.until_named(active, 67, "written while a disk is full");
        pair.until_stale(active, false);
        load.until_replicated(true);
        load.end().assert_sound(GAP);
    });
}

#[test]
fn a_clock_is_five_minutes_off_and_nobody_notices() {
    with_pair(|pair| {
        let standby = pair.until_held().other();
        let load = pair.load();
        load.until_replicated(true);
        for offset in ["+300", "-300"] {
            // Its service lives in another time; then it becomes the active one.
            pair.kill_one(standby, node::NAME);
            pair.start_service_in(standby, &faketime::variables(offset));
            pair.until_whole();
            if pair.until_held() != standby {
                pair.kill_one(standby.other(), node::NAME);
                pair.until_held_by(standby);
            }
            load.until_answered();
            load.until_listening();
            load.until_replicated(true);
            pair.restore();
            pair.ring(
                node::vip(),
                &json!({"call_id": offset, "ani": "+14806750007", "agent": "1001"}),
            );
        }
        pair.kill_one(standby, node::NAME);
        pair.restore();
        let seen = load.end();
        seen.assert_sound(GAP);
        for desktop in seen.desktops.values() {
            assert!(desktop.epochs.is_sorted(), "{desktop:?}");
        }
    });
}
