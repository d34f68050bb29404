//! Customers that are gone stay gone, whichever stream delivers what of them again.

use super::crash::Node;
use super::*;

fn upsert(id: &str, position: u64) -> Value {
    json!({"op": "upsert", "position": position, "customer": {"id": id, "name": id, "phones": [NUMBERS[0]]}})
}

fn delete(id: &str, position: u64) -> Value {
    json!({"op": "delete", "position": position, "id": id})
}

fn case(id: &str, position: u64) -> Value {
    json!({"op": "case", "position": position, "customer_id": id, "case": {"id": "k"}})
}

fn is_seen(replica: &mut Replica, stream: StreamId, line: &Value) {
    let outcome = apply(replica, stream, line);
    assert!(matches!(outcome, Outcome::Seen), "{line}: {outcome:?}");
}

#[test]
fn a_customer_that_one_stream_deleted_does_not_come_back_by_what_another_delivers_again() {
    let (index, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    apply(&mut replica, second, &case("a", 4));
    apply(&mut replica, first, &upsert("a", 1));
    apply(&mut replica, second, &upsert("a", 5));
    apply(&mut replica, first, &delete("a", 2));
    for merges in [false, true] {
        if merges {
            merge(&mut replica);
        }
        for (stream, line) in [
            (first, upsert("a", 1)),
            (first, delete("a", 2)),
            (second, upsert("a", 5)),
            (second, delete("a", 3)),
            (second, case("a", 4)),
        ] {
            is_seen(&mut replica, stream, &line);
        }
        assert_eq!(document(&index, "a"), None);
    }
    // What is new brings the customer back, and what is delivered again then changes nothing either.
    apply(&mut replica, second, &upsert("a", 6));
    for (stream, line) in [
        (first, delete("a", 2)),
        (first, upsert("a", 1)),
        (second, case("a", 4)),
    ] {
        is_seen(&mut replica, stream, &line);
    }
    assert!(document(&index, "a").unwrap()["cases"].is_null());
}

#[test]
fn two_deletions_remember_one_another() {
    let (index, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    apply(&mut replica, first, &delete("a", 7));
    apply(&mut replica, second, &delete("a", 3));
    is_seen(&mut replica, first, &delete("a", 7));
    is_seen(&mut replica, first, &upsert("a", 6));
    is_seen(&mut replica, first, &case("a", 6));
    is_seen(&mut replica, second, &upsert("a", 3));
    apply(&mut replica, first, &upsert("a", 8));
    is_seen(&mut replica, second, &delete("a", 3));
    assert!(document(&index, "a").is_some());
}

#[test]
fn a_part_that_waited_for_a_customer_who_is_gone_does_not_wait_again() {
    let (_, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    apply(&mut replica, second, &case("a", 4));
    apply(&mut replica, first, &case("a", 9));
    apply(&mut replica, first, &delete("a", 8));
    is_seen(&mut replica, second, &case("a", 4));
    assert_eq!(
        replica.state.parked.len(),
        1,
        "that of 9 is newer than the deletion"
    );
}

#[test]
fn a_deletion_is_brought_back_with_all_that_it_remembers() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    for merges in [false, true] {
        let mut node = Node::open(&dir).unwrap();
        if merges {
            // A generation that is kept and knows nothing of the deletion.
            node.merge().unwrap();
        }
        let [first, second] = ["main", "other"].map(|name| node.replica.stream(name, "one").unwrap());
        let id = format!("c{merges}");
        let upsert = upsert(&id, 5);
        for (stream, line) in [(first, &upsert), (second, &upsert), (second, &delete(&id, 6))] {
            let outcome = apply(&mut node.replica, stream, line);
            assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
        }
        if merges {
            node.merge().unwrap();
        }
        drop(node);
        let mut node = Node::open(&dir).unwrap();
        is_seen(&mut node.replica, first, &upsert);
        assert_eq!(document(&node.index, &id), None);
    }
}
