//! Parts that are gone without a word whose they were.

use super::crash::Node;
use super::*;
use crate::durable::fault::{Disk, Fault, Lost};

fn upsert(id: &str, position: u64) -> Value {
    json!({"op": "upsert", "position": position, "customer": {"id": id, "name": id}})
}

fn part(kind: &str, customer: &str, id: &str, position: u64) -> Value {
    json!({"op": kind, "position": position, "customer_id": customer, kind: {"id": id}})
}

/// Applies `line` and makes nothing of it durable.
fn hand(replica: &mut Replica, stream: StreamId, line: &Value) -> Outcome {
    let decoded = Change::decode(line.to_string().as_bytes()).unwrap();
    let position = decoded.position.unwrap().to_be_bytes();
    replica.apply(stream, &position, decoded.change)
}

fn gone(replica: &mut Replica, stream: StreamId, id: &str, position: u64) {
    let change = Change::Gone(PartGone::Case(id.to_owned()));
    let outcome = replica.apply(stream, &position.to_be_bytes(), change);
    assert!(matches!(outcome, Outcome::Noted), "{outcome:?}");
}

fn ids(index: &Index, customer: &str, list: &str) -> Vec<String> {
    let found = document(index, customer).unwrap();
    let list = found[list].as_array().cloned().unwrap_or_default();
    let ids = list.iter().map(|part| part["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[test]
fn it_is_taken_from_whoever_has_it_in_one_look_for_all_of_a_batch() {
    let (index, mut replica, stream) = replica();
    // In the snapshot, in the sealed overlay, in the active one and in the batch itself.
    apply(&mut replica, stream, &upsert("a", 1));
    apply(&mut replica, stream, &part("case", "a", "k1", 2));
    apply(&mut replica, stream, &part("interaction", "a", "k1", 3));
    apply(&mut replica, stream, &part("case", "a", "stays", 4));
    merge(&mut replica);
    apply(&mut replica, stream, &upsert("b", 5));
    apply(&mut replica, stream, &part("case", "b", "k2", 6));
    let late = merged(&mut replica).unwrap();
    apply(&mut replica, stream, &upsert("c", 7));
    apply(&mut replica, stream, &part("case", "c", "k2", 8));
    hand(&mut replica, stream, &part("case", "c", "k3", 9));
    for (nth, id) in ["k1", "k2", "k3", "nobody's"].iter().enumerate() {
        gone(&mut replica, stream, id, 10 + nth as u64);
    }
    assert!(replica.uncommitted_bytes() > 0);
    assert_eq!(ids(&index, "a", "cases").len(), 2, "not ahead of the batch");
    replica.commit().unwrap();
    assert_eq!(ids(&index, "a", "cases"), ["stays"]);
    assert_eq!(
        ids(&index, "a", "interactions"),
        ["k1"],
        "another thing of that id"
    );
    assert!(ids(&index, "b", "cases").is_empty() && ids(&index, "c", "cases").is_empty());
    let counters = replica.counters();
    assert_eq!((counters.gone_as("taken"), counters.gone_as("nobody")), (4, 1));
    assert_eq!(counters.looks(), 1);
    // What comes again changes nothing, whether it was ahead of the look or behind it.
    replica.install(late);
    merge(&mut replica);
    let seq = index.seq();
    let again = apply(&mut replica, stream, &part("case", "b", "k2", 6));
    assert!(matches!(again, Outcome::Seen), "{again:?}");
    gone(&mut replica, stream, "k2", 11);
    replica.commit().unwrap();
    assert_eq!((index.seq(), replica.uncommitted_bytes()), (seq, 0));
}

#[test]
fn what_is_put_behind_it_stays() {
    let (index, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    for (id, position) in [("a", 1), ("b", 2)] {
        apply(&mut replica, first, &upsert(id, position));
    }
    apply(&mut replica, first, &part("case", "a", "k", 3));
    // Of the same stream: its place says so, in one look.
    gone(&mut replica, first, "k", 4);
    hand(&mut replica, first, &part("case", "b", "k", 5));
    replica.commit().unwrap();
    assert_eq!(
        (ids(&index, "a", "cases").len(), ids(&index, "b", "cases").len()),
        (0, 1)
    );
    assert_eq!(replica.counters().looks(), 1);
    // Of another stream, by itself and with a document: its place says nothing.
    gone(&mut replica, first, "k", 6);
    hand(&mut replica, second, &part("case", "a", "k", 1));
    replica.commit().unwrap();
    assert_eq!(
        (ids(&index, "a", "cases").len(), ids(&index, "b", "cases").len()),
        (1, 0)
    );
    gone(&mut replica, first, "k", 7);
    let whole =
        json!({"op": "upsert", "position": 2, "customer": {"id": "b", "name": "b", "cases": [{"id": "k"}]}});
    hand(&mut replica, second, &whole);
    replica.commit().unwrap();
    assert_eq!(
        (ids(&index, "a", "cases").len(), ids(&index, "b", "cases").len()),
        (0, 1)
    );
}

#[test]
fn of_what_is_said_twice_the_last_counts() {
    let (index, mut replica, stream) = replica();
    apply(&mut replica, stream, &upsert("a", 1));
    apply(&mut replica, stream, &part("case", "a", "k", 2));
    for position in [3, 7, 5] {
        gone(&mut replica, stream, "k", position);
    }
    replica.commit().unwrap();
    let late = apply(&mut replica, stream, &part("case", "a", "k", 6));
    assert!(matches!(late, Outcome::Seen), "{late:?}");
    assert!(ids(&index, "a", "cases").is_empty());
    let counters = replica.counters();
    assert_eq!((counters.gone_as("taken"), counters.gone_as("nobody")), (1, 0));
}

#[test]
fn what_waits_for_its_customer_goes_as_well() {
    let (index, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    for nth in 0..BOUNDS.parked_max {
        hand(&mut replica, first, &part("case", "a", &format!("k{nth}"), 1));
    }
    gone(&mut replica, second, "k7", 1);
    replica.commit().unwrap();
    assert_eq!(replica.counters().gone_as("parked"), 1, "though no more may wait");
    apply(&mut replica, first, &upsert("a", 2));
    let left = ids(&index, "a", "cases");
    assert!(!left.is_empty() && !left.contains(&"k7".to_owned()), "{left:?}");
}

#[test]
fn what_reads_like_an_id_is_none() {
    let (index, mut replica, stream) = replica();
    apply(&mut replica, stream, &upsert("a", 1));
    let titled =
        json!({"op": "case", "position": 2, "customer_id": "a", "case": {"id": "k", "title": r#""id":"l""#}});
    apply(&mut replica, stream, &titled);
    apply(&mut replica, stream, &part("interaction", "a", "l", 3));
    let seq = index.seq();
    gone(&mut replica, stream, "l", 4);
    replica.commit().unwrap();
    assert_eq!((ids(&index, "a", "cases").len(), index.seq()), (1, seq));
    assert_eq!(replica.counters().gone_as("nobody"), 1);
}

#[test]
fn what_was_not_durable_is_looked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let disk = Disk::over(&dir);
    let mut node = Node::open(&dir).unwrap();
    let stream = node.replica.stream("main", "one").unwrap();
    apply(&mut node.replica, stream, &upsert("a", 1));
    apply(&mut node.replica, stream, &part("case", "a", "k", 2));
    let behind = |node: &Node| node.replica.lives("main").last().unwrap().token.clone();
    // A full disk: what was found is tried again with its batch.
    gone(&mut node.replica, stream, "k", 3);
    node.replica.resume_from(stream, "3".into());
    disk.fail_at(0, Fault::Error(std::io::ErrorKind::StorageFull));
    assert!(node.replica.commit().is_err());
    assert_eq!(ids(&node.index, "a", "cases"), ["k"]);
    disk.fail_at(0, Fault::Crash);
    assert!(node.replica.commit().is_err());
    drop(node);
    disk.restart(Lost::All);
    // Neither it nor the place behind it.
    let mut node = Node::open(&dir).unwrap();
    assert_eq!((ids(&node.index, "a", "cases").len(), &*behind(&node)), (1, ""));
    let stream = node.replica.stream("main", "one").unwrap();
    gone(&mut node.replica, stream, "k", 3);
    node.replica.resume_from(stream, "3".into());
    node.replica.commit().unwrap();
    drop(node);
    let node = Node::open(&dir).unwrap();
    assert_eq!((ids(&node.index, "a", "cases").len(), &*behind(&node)), (0, "3"));
}
