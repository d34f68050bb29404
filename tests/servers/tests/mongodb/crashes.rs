//! Servers killed, frozen and missing, and Ringside killed beside them.

use std::time::Duration;

use mongodb::bson::doc;
use servers::mongod::{ReplicaSet, Store};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

use crate::centre::{case, compare, customer, follow, until_here, until_named};

/// Customers of each of these tests.
const CUSTOMERS: u32 = 30;

fn fill(store: &Store) {
    for n in 0..CUSTOMERS {
        store.put("customers", &customer(n, 0));
        store.put("cases", &case(n, n, 0));
    }
}

/// Waits until the status says `what` of `key`.
fn until_status(ringside: &Ringside, key: &str, what: impl Fn(&serde_json::Value) -> bool) -> Duration {
    until("the status says it", PATIENCE, || {
        let status = ringside.status();
        if what(&status[key]) {
            Ok(())
        } else {
            Err(format!("{key} is {}\n{}", status[key], ringside.log()))
        }
    })
}

#[test]
fn what_changes_while_nobody_follows_is_followed_up_and_not_copied_again() {
    let set = ReplicaSet::single();
    let store = set.store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    let generation = ringside.status()["generation"].clone();
    drop(ringside);
    for n in 0..CUSTOMERS / 2 {
        store.put("customers", &customer(n, 1));
        store.remove("cases", format!("k-{n}"));
    }
    store.remove("customers", "c-29");
    let ringside = follow(folder.path(), &set.uri(), "");
    until_here(&ringside, &store, "killed");
    compare(&ringside, &store, 0..CUSTOMERS);

    store.put("customers", &customer(3, 2));
    let ringside = ringside.stop_and_start();
    until_here(&ringside, &store, "stopped");
    compare(&ringside, &store, 0..CUSTOMERS);
    assert_eq!(ringside.status()["generation"], generation);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn a_place_is_kept_where_nothing_followed_changes() {
    let set = ReplicaSet::single();
    let store = set.store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    let position = |ringside: &Ringside| {
        let position = ringside.status()["position"].as_str().unwrap_or_default().to_owned();
        let seconds = position.split('.').next().unwrap_or_default();
        seconds.parse::<u64>().unwrap_or(0)
    };
    let before = position(&ringside);
    // Of no collection that is followed.
    until("the place is behind what else was written", PATIENCE, || {
        store.put("others", &doc! {"_id": 1, "at": i64::try_from(before).unwrap()});
        match position(&ringside) {
            now if now > before + 1 => Ok(()),
            now => Err(format!("{now} is not behind {before}")),
        }
    });
    let kept = position(&ringside);
    let ringside = ringside.kill_and_start();
    assert!(position(&ringside) + 1 >= kept, "{} of {kept}", position(&ringside));
    ringside.until_fresh();
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn a_server_that_is_killed_or_stands_still_is_told_and_followed_again() {
    let mut set = ReplicaSet::single();
    let store = set.store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "[answers]\nstale_after_s = 30\n");
    ringside.until_fresh();
    set.node(0).kill();
    until_status(&ringside, "connected", |connected| connected == false);
    assert_eq!(ringside.customer("c-1").unwrap()["name"], "Customer 1 Revision 0");
    set.node(0).start_again();
    set.until_primary(0);
    store.put("customers", &customer(1, 1));
    until_named(&ringside, "c-1", Some("Customer 1 Revision 1"));

    // Its connections stay open, and nothing comes.
    set.node(0).freeze(true);
    until_status(&ringside, "connected", |connected| connected == false);
    set.node(0).freeze(false);
    store.put("customers", &customer(1, 2));
    until_here(&ringside, &store, "frozen");
    ringside.until_fresh();
    compare(&ringside, &store, 0..CUSTOMERS);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn a_majority_that_lags_is_told_as_age_though_the_stream_is_silent() {
    let mut set = ReplicaSet::with_arbiter();
    let store = set.store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "[answers]\nstale_after_s = 4\n");
    ringside.until_fresh();
    set.node(1).kill();
    store.put("customers", &customer(5, 1));
    // The primary takes writes that no majority has.
    until("what is served is told to be old", PATIENCE, || {
        store.put("customers", &customer(6, 1));
        let status = ringside.status();
        let age = status["age_ms"].as_u64().unwrap_or(0);
        if age >= 4000 && status["stale"] == true {
            Ok(())
        } else {
            Err(format!("{status}\n{}", ringside.log()))
        }
    });
    assert_eq!(ringside.status()["connected"], true);
    assert_eq!(ringside.customer("c-5").unwrap()["name"], "Customer 5 Revision 0");
    set.node(1).start_again();
    until_here(&ringside, &store, "secondary");
    until_status(&ringside, "stale", |stale| stale == false);
    compare(&ringside, &store, 0..CUSTOMERS);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn a_primary_that_is_killed_loses_nothing_that_stays() {
    let mut set = ReplicaSet::with_arbiter();
    let store = set.store();
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    for n in 0..CUSTOMERS {
        store.put("customers", &customer(n, 1));
    }
    // Some of that may be rolled back.
    set.node(0).kill();
    set.until_primary(1);
    let second = set.store_of(1);
    for n in 10..CUSTOMERS {
        second.put("customers", &customer(n, 2));
    }
    set.node(0).start_again();
    set.until_primary(0);
    let ringside = ringside.kill_and_start();
    until_here(&ringside, &set.store(), "primary");
    compare(&ringside, &set.store(), 0..CUSTOMERS);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}
