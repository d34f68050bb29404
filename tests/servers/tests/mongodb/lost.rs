//! Changes that can no longer be had, and collections that are no longer there: everything is copied again.

use mongodb::bson::doc;
use servers::mongod::{Options, ReplicaSet, Store};
use servers::ringside::PATIENCE;
use servers::wait::until;

use crate::centre::{case, compare, customer, follow, until_here, until_logged, until_named};

/// Customers of most of these tests.
const CUSTOMERS: u32 = 30;

fn fill(store: &Store, customers: u32) {
    for n in 0..customers {
        store.put("customers", &customer(n, 0));
    }
    store.put("cases", &case(1, 1, 0));
}

/// Writes until nothing is left in the oplog of what was there before.
fn roll_over(store: &Store) {
    let newest = store.admin(doc! {"hello": 1});
    let newest = newest.get_timestamp("operationTime").unwrap();
    let block = "x".repeat(1 << 20);
    let mut written = 0_u32;
    until("the oplog is rolled over", PATIENCE * 2, || {
        for _ in 0..8 {
            store.put(
                "others",
                &doc! {"_id": written % 16, "block": format!("{written}{block}")},
            );
            written += 1;
        }
        let oldest = store.oldest_in_oplog();
        if oldest > (newest.time, newest.increment) {
            Ok(())
        } else {
            Err(format!("{oldest:?} after {written} MiB, {newest} is to go"))
        }
    });
}

/// A server whose oplog is soon rolled over.
fn forgetful() -> ReplicaSet {
    ReplicaSet::single_with(&Options {
        oplog_mib: 1,
        arguments: vec!["--syncdelay".into(), "1".into()],
        ..Options::default()
    })
}

#[test]
fn a_place_is_kept_where_nothing_followed_changes() {
    let set = forgetful();
    let store = set.store();
    fill(&store, CUSTOMERS);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    roll_over(&store);
    until("the place is one that the oplog has", PATIENCE, || {
        let status = ringside.status();
        let position = status["position"].as_str().unwrap_or_default();
        let (seconds, nth) = position.split_once('.').unwrap_or_default();
        let place = (seconds.parse().unwrap_or(0), nth.parse().unwrap_or(0));
        let oldest = store.oldest_in_oplog();
        if place > oldest {
            Ok(())
        } else {
            Err(format!(
                "{place:?}, but the oldest is {oldest:?}\n{}",
                ringside.log()
            ))
        }
    });
    let ringside = ringside.kill_and_start();
    until_here(&ringside, &store, "idle");
    compare(&ringside, &store, 0..CUSTOMERS);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn an_oplog_that_is_rolled_over_is_copied_again() {
    let set = forgetful();
    let store = set.store();
    fill(&store, CUSTOMERS);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    drop(ringside);
    store.put("customers", &customer(1, 1));
    store.remove("customers", "c-2");
    store.remove("cases", "k-1");
    roll_over(&store);
    store.put("customers", &customer(3, 1));
    let ringside = follow(folder.path(), &set.uri(), "");
    until_logged(&ringside, "286");
    until_here(&ringside, &store, "rolled");
    ringside.until_fresh();
    compare(&ringside, &store, 0..CUSTOMERS);
    // So small an oplog may leave the place of a copy behind once more while it is made.
    let copies = ringside.log().matches("everything is to be copied").count();
    assert!((2..=4).contains(&copies), "{copies}\n{}", ringside.log());
}

#[test]
fn a_collection_that_is_dropped_is_copied_again() {
    let set = ReplicaSet::single();
    let store = set.store();
    fill(&store, CUSTOMERS);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    store.run(doc! {"drop": "customers"});
    store.put("customers", &customer(1, 1));
    until_named(&ringside, "c-2", None);
    until_here(&ringside, &store, "dropped");
    compare(&ringside, &store, 0..CUSTOMERS);

    // Replaced as a whole, as by a restore.
    for n in 3..6 {
        store.put("restored", &customer(n, 2));
    }
    let database = servers::mongod::DATABASE;
    store.admin(doc! {
        "renameCollection": format!("{database}.restored"),
        "to": format!("{database}.customers"),
        "dropTarget": true,
    });
    until_named(&ringside, "c-3", Some("Customer 3 Revision 2"));
    until_here(&ringside, &store, "renamed");
    compare(&ringside, &store, 0..CUSTOMERS);

    store.run(doc! {"dropDatabase": 1});
    store.put("customers", &customer(7, 3));
    until_named(&ringside, "c-7", Some("Customer 7 Revision 3"));
    until_here(&ringside, &store, "database");
    compare(&ringside, &store, 0..CUSTOMERS);
}

#[test]
fn a_large_collection_that_is_dropped_waits_for_somebody_and_stays_served() {
    let set = ReplicaSet::single();
    let store = set.store();
    fill(&store, 150);
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    store.run(doc! {"drop": "customers"});
    store.put("customers", &customer(1, 1));
    until_logged(&ringside, "the copy waits for somebody's word");
    assert_eq!(ringside.status()["stale"], true);
    assert_eq!(
        ringside.customer("c-149").unwrap()["name"],
        "Customer 149 Revision 0"
    );
}

#[test]
fn collections_that_are_not_there_yet_are_followed() {
    let set = ReplicaSet::single();
    let store = set.store();
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    fill(&store, CUSTOMERS);
    until_here(&ringside, &store, "first");
    compare(&ringside, &store, 0..CUSTOMERS);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}
