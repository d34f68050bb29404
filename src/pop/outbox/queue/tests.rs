//! One rule of the queue each.

use serde_json::json;

use super::*;
use crate::pop::outbox::item::Kind;

pub(super) fn limits() -> Limits {
    Limits {
        items_max: 1000,
        bytes_max: 1 << 20,
        dead_max: 100,
        dead_kept_s: 3600,
        keys_kept: 1000,
        attempts_max: 3,
        in_flight_max: 4,
        pace: Pace {
            first_ms: 100,
            most_ms: 1000,
            asked_most_ms: 60_000,
            seed: 1,
        },
    }
}

fn queue() -> Queue {
    Queue::new(limits(), State::default())
}

pub(super) fn at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn push(queue: &mut Queue, key: &str, lane: &str, kind: Kind, customer: Option<&str>) -> u64 {
    let body = json!({"customer_id": customer, "call_id": lane});
    let (id, entry) = queue.pushed(Item::new(key, lane, kind, body));
    queue.apply(0, entry);
    id
}

/// Numbers of what is sent now; what dies is written down.
fn sent(queue: &mut Queue, now: u64) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let due = queue.due(now, at());
        all.extend(due.send.iter().map(|item| item.id));
        if due.entries.is_empty() {
            return all;
        }
        for entry in due.entries {
            queue.apply(now, entry);
        }
    }
}

fn settle(queue: &mut Queue, now: u64, id: u64, answer: Answer) {
    for entry in queue.settle(now, at(), id, answer) {
        queue.apply(now, entry);
    }
}

fn delivered() -> Answer {
    Answer::Delivered { assigned_id: None }
}

fn refused() -> Answer {
    Answer::Refused {
        error: "status 422".to_owned(),
        answer: None,
    }
}

fn failed() -> Answer {
    Answer::Failed {
        error: "status 500".to_owned(),
        answer: None,
    }
}

fn away(asked_ms: Option<u64>) -> Answer {
    Answer::Away {
        error: "cannot be reached".to_owned(),
        asked_ms,
    }
}

fn dead(queue: &Queue) -> Vec<u64> {
    queue.dead().map(|dead| dead.item.id).collect()
}

#[test]
fn a_lane_has_one_under_way_and_lanes_do_not_wait_for_each_other() {
    let mut queue = queue();
    for (key, lane) in [
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
        ("c1", "c"),
        ("d1", "d"),
        ("e1", "e"),
    ] {
        push(&mut queue, key, lane, Kind::Interaction, None);
    }
    assert_eq!(sent(&mut queue, 0), [1, 3, 4, 5], "in_flight_max is 4");
    assert_eq!(queue.next_at(), None);
    settle(&mut queue, 1, 3, delivered());
    assert_eq!(sent(&mut queue, 1), [6]);
    settle(&mut queue, 2, 1, failed());
    assert_eq!(sent(&mut queue, 2), [] as [u64; 0], "its lane waits with it");
    let again = queue.next_at().unwrap();
    assert!((52..=102).contains(&again), "{again}");
    assert_eq!(sent(&mut queue, again), [1]);
    settle(&mut queue, again, 1, delivered());
    assert_eq!(sent(&mut queue, again), [2]);
}

#[test]
fn a_key_that_is_or_was_there_is_known() {
    let mut queue = queue();
    let id = push(&mut queue, "k", "a", Kind::Link, None);
    assert_eq!((queue.known("k"), queue.known("other")), (Some(id), None));
    sent(&mut queue, 0);
    settle(&mut queue, 0, id, delivered());
    assert_eq!(queue.counts(), (0, 0, 0));
    assert_eq!(queue.known("k"), Some(id));
    let again = Queue::new(limits(), queue.state());
    assert_eq!(again.known("k"), Some(id));
    assert_eq!(again.state(), queue.state());
}

#[test]
fn a_dead_letter_does_not_hold_its_lane_up() {
    let mut queue = queue();
    for key in ["1", "2", "3"] {
        push(&mut queue, key, "a", Kind::Interaction, None);
    }
    sent(&mut queue, 0);
    settle(&mut queue, 0, 1, refused());
    assert_eq!(sent(&mut queue, 0), [2]);
    let mut now = 0;
    for _ in 0..3 {
        settle(&mut queue, now, 2, failed());
        now += 2000;
        sent(&mut queue, now);
    }
    assert_eq!(
        dead(&queue),
        [1, 2],
        "the second was given up after three attempts"
    );
    let error = queue.item(2).unwrap().last_error.clone().unwrap();
    assert_eq!(error, "given up after 3 such attempts: status 500");
    assert_eq!(queue.item(2).unwrap().attempts, 3);
}

#[test]
fn what_is_about_a_new_customer_waits_for_it_in_every_lane_and_goes_under_its_id() {
    let mut queue = queue();
    push(&mut queue, "c", "new", Kind::Customer, Some("new"));
    push(&mut queue, "l", "call", Kind::Link, Some("new"));
    push(&mut queue, "i", "call", Kind::Interaction, Some("new"));
    push(&mut queue, "o", "other", Kind::Link, Some("old"));
    assert_eq!(sent(&mut queue, 0), [1, 4]);
    let assigned_id = Some("64f".to_owned());
    settle(&mut queue, 0, 1, Answer::Delivered { assigned_id });
    let due = queue.due(0, at());
    assert_eq!(due.send[0].body["customer_id"], "64f");
    assert_eq!(queue.assigned("new"), Some("64f"));
    // After a restart, too, and for what is pushed later.
    let mut queue = Queue::new(limits(), queue.state());
    push(&mut queue, "late", "later", Kind::Link, Some("new"));
    let due = queue.due(0, at());
    assert!(
        due.send
            .iter()
            .all(|item| item.id == 4 || item.body["customer_id"] == "64f")
    );
    assert_eq!(due.send.len(), 3);
}

#[test]
fn what_is_about_a_customer_that_could_not_be_made_dies_and_is_replayed_with_it() {
    let mut queue = queue();
    push(&mut queue, "c", "new", Kind::Customer, Some("new"));
    push(&mut queue, "l", "call", Kind::Link, Some("new"));
    push(&mut queue, "i", "call", Kind::Interaction, Some("old"));
    sent(&mut queue, 0);
    settle(&mut queue, 0, 1, refused());
    assert_eq!(sent(&mut queue, 0), [3], "what does not depend on it goes on");
    assert_eq!(dead(&queue), [1, 2]);
    push(&mut queue, "l2", "call2", Kind::Link, Some("new"));
    assert_eq!(sent(&mut queue, 0), [] as [u64; 0]);
    assert_eq!(dead(&queue), [1, 2, 4]);
    // Whichever of them is named.
    let mut queue = Queue::new(limits(), queue.state());
    let ids: Vec<Entry> = [1, 2, 4].map(|id| Entry::Replayed { id }).into();
    assert_eq!((queue.replay(1), queue.replay(2)), (ids.clone(), ids.clone()));
    assert_eq!(queue.replay(3), []);
    ids.into_iter().for_each(|entry| queue.apply(0, entry));
    assert_eq!(
        sent(&mut queue, 0),
        [1],
        "they wait for the customer again, and their lanes for them"
    );
    let assigned_id = Some("x".to_owned());
    settle(&mut queue, 0, 1, Answer::Delivered { assigned_id });
    assert_eq!(sent(&mut queue, 0), [2, 4]);
}

#[test]
fn while_the_server_is_away_one_item_finds_out_and_nothing_is_held_against_it() {
    let mut queue = queue();
    for lane in ["a", "b", "c"] {
        push(&mut queue, lane, lane, Kind::Interaction, None);
    }
    assert_eq!(sent(&mut queue, 0).len(), 3);
    for id in 1..=3 {
        settle(&mut queue, 10, id, away(None));
    }
    assert!(queue.is_away());
    let mut now = 10;
    for _ in 0..20 {
        now = queue.next_at().unwrap();
        let tried = sent(&mut queue, now);
        assert_eq!(tried.len(), 1);
        settle(&mut queue, now, tried[0], away(Some(5000)));
        assert!(queue.next_at().unwrap() >= now + 5000, "Retry-After");
    }
    assert_eq!(dead(&queue), [] as [u64; 0]);
    now += 10_000;
    let probe = sent(&mut queue, now);
    settle(&mut queue, now, probe[0], delivered());
    assert_eq!(sent(&mut queue, now).len(), 2);
}

#[test]
fn what_is_given_up_is_gone_and_what_needs_it_dies() {
    let mut queue = queue();
    push(&mut queue, "c", "new", Kind::Customer, Some("new"));
    push(&mut queue, "l", "call", Kind::Link, Some("new"));
    push(&mut queue, "i", "a", Kind::Interaction, Some("old"));
    sent(&mut queue, 0);
    for entry in queue.give_up(1, at()) {
        queue.apply(0, entry);
    }
    assert_eq!(dead(&queue), [2]);
    settle(&mut queue, 0, 1, delivered());
    for entry in queue.forget("old") {
        queue.apply(0, entry);
    }
    settle(&mut queue, 0, 3, failed());
    assert_eq!(queue.counts(), (0, 0, 1));
    assert_eq!(queue.give_up(77, at()), []);
    assert_eq!(queue.known("i"), Some(3));
}

#[test]
fn a_deleted_customers_items_go_under_either_id() {
    let mut queue = queue();
    push(&mut queue, "c", "new", Kind::Customer, Some("new"));
    push(&mut queue, "l", "call", Kind::Link, Some("new"));
    push(&mut queue, "d", "x", Kind::Link, Some("64f"));
    sent(&mut queue, 0);
    let assigned_id = Some("64f".to_owned());
    settle(&mut queue, 0, 1, Answer::Delivered { assigned_id });
    settle(&mut queue, 0, 3, refused());
    let forgotten: Vec<Entry> = [2, 3].map(|id| Entry::Dropped { id }).into();
    assert_eq!(queue.forget("64f"), forgotten);
}

#[test]
fn what_waits_and_what_is_dead_is_bounded() {
    let mut queue = Queue::new(
        Limits {
            items_max: 2,
            dead_max: 1,
            ..limits()
        },
        State::default(),
    );
    push(&mut queue, "1", "a", Kind::Sms, None);
    assert!(queue.has_room(&Item::new("2", "a", Kind::Sms, json!({}))));
    let long = Item::new("2", "a", Kind::Sms, json!({"text": "x".repeat(1 << 20)}));
    assert!(!queue.has_room(&long));
    push(&mut queue, "2", "b", Kind::Sms, None);
    assert!(!queue.has_room(&Item::new("3", "a", Kind::Sms, json!({}))));
    sent(&mut queue, 0);
    settle(&mut queue, 0, 1, refused());
    settle(&mut queue, 0, 2, refused());
    assert_eq!(queue.expired(at()), [Entry::Dropped { id: 1 }]);
    let later = Timestamp::from_second(at().as_second() + 3600).unwrap();
    assert_eq!(queue.expired(later).len(), 2);
    assert_eq!(queue.bytes(), 0);
}
