//! Two nodes that follow one source, with histories of their own, agree on who owns every number.

use std::path::Path;

use mongodb::bson::{Document, doc, oid::ObjectId};
use servers::mongod::{DATABASE, ReplicaSet};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

/// Fewer numbers than customers, so that most are contested.
const NUMBERS: u32 = 40;
const CUSTOMERS: u32 = 150;

fn number(nth: u32) -> String {
    format!("+1480675{:04}", nth % NUMBERS)
}

/// Customer `n` at its `revision`; object ids grow with `n`, as where each was made a second after the one before.
fn customer(n: u32, revision: u32) -> Document {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&(1_700_000_000 + n).to_be_bytes());
    doc! {
        "_id": ObjectId::from_bytes(id),
        "firstName": format!("Customer {n}"),
        "phoneNumber": [number(n * 7 + revision), number(n * 3 + revision * 5)],
    }
}

fn node(folder: &Path, set: &ReplicaSet) -> Ringside {
    let uri = set.uri();
    let config = format!(
        "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {uri:?}\ndatabase = {DATABASE:?}\n[guard]\nmax_percent = 100\n"
    );
    let node = Ringside::start(folder, &config);
    node.until_fresh();
    node
}

#[test]
fn two_nodes_with_other_histories_agree_on_every_owner() {
    let set = ReplicaSet::single();
    let store = set.store();
    let put = |n, revision| store.try_put("customers", &customer(n, revision)).unwrap();
    (0..CUSTOMERS).rev().for_each(|n| put(n, 0));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = node(folders[0].path(), &set);
    for revision in 1..4 {
        (0..CUSTOMERS)
            .filter(|n| n.is_multiple_of(revision))
            .for_each(|n| put(n, revision));
    }
    // The second one copies what the first one has followed, in another order.
    let second = node(folders[1].path(), &set);
    (0..CUSTOMERS)
        .filter(|n| n.is_multiple_of(5))
        .for_each(|n| put(n, 4));
    put(CUSTOMERS, 0);
    let numbers: Vec<String> = (0..NUMBERS).map(number).collect();
    let expected = |number: &String| {
        let newest = |n: &u32| -> u32 {
            if *n == CUSTOMERS {
                return 0;
            }
            if n.is_multiple_of(5) {
                4
            } else {
                (1..4)
                    .rev()
                    .find(|revision| n.is_multiple_of(*revision))
                    .unwrap_or(0)
            }
        };
        let claims = |n: &u32| {
            [n * 7 + newest(n), n * 3 + newest(n) * 5]
                .into_iter()
                .any(|nth| self::number(nth) == *number)
        };
        (0..=CUSTOMERS)
            .rev()
            .find(claims)
            .map(|n| customer(n, 0).get_object_id("_id").unwrap().to_hex())
    };
    for node in [&first, &second] {
        until("owners are those whom the source made last", PATIENCE, || {
            let owners = node.owners(&numbers);
            match numbers.iter().find(|number| owners[*number] != expected(number)) {
                None => Ok(()),
                Some(number) => Err(format!(
                    "{number}: {:?}, not {:?}",
                    owners[number],
                    expected(number)
                )),
            }
        });
    }
    assert_eq!(first.owners(&numbers), second.owners(&numbers));
}
