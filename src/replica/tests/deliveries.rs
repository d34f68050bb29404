//! What streams deliver in any order, twice, of parts, samples and masses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;
use crate::number::SourceSettings;

fn upsert(id: &str, position: u64, number: &str) -> Value {
    json!({"op": "upsert", "position": position,
           "customer": {"id": id, "name": id, "phones": [number]}})
}

fn case(position: u64, id: &str, title: &str) -> Value {
    json!({"op": "case", "position": position, "customer_id": "a",
           "case": {"id": id, "title": title}})
}

fn titles(index: &Index) -> Vec<String> {
    let found = document(index, "a").unwrap();
    let cases = found["cases"].as_array().cloned().unwrap_or_default();
    let mut titles: Vec<String> = cases
        .iter()
        .map(|case| case["title"].as_str().unwrap_or_default().to_owned())
        .collect();
    titles.sort();
    titles
}

#[test]
fn parts_and_document_of_one_customer_come_in_any_order() {
    let (index, mut replica, stream) = replica();
    let with_cases = json!({"op": "upsert", "position": 5, "customer": {"id": "a", "name": "A",
        "cases": [{"id": "k", "title": "of 5"}, {"id": "l", "title": "of 5"}]}});
    apply(&mut replica, stream, &upsert("a", 2, NUMBERS[0]));
    apply(&mut replica, stream, &case(7, "k", "of 7"));
    apply(
        &mut replica,
        stream,
        &json!({"op": "case", "position": 8, "customer_id": "a", "delete": "l"}),
    );
    apply(&mut replica, stream, &with_cases);
    assert_eq!(titles(&index), ["of 7"]);
    // An earlier one of a part that nobody has spoken of since is no repetition; of the others it is.
    assert!(matches!(
        apply(&mut replica, stream, &case(4, "m", "of 4")),
        Outcome::Seen
    ));
    assert!(matches!(
        apply(&mut replica, stream, &case(6, "k", "of 6")),
        Outcome::Seen
    ));
    assert!(matches!(
        apply(&mut replica, stream, &case(6, "l", "of 6")),
        Outcome::Seen
    ));
    assert!(matches!(
        apply(&mut replica, stream, &case(6, "m", "of 6")),
        Outcome::Applied(_)
    ));
    merge(&mut replica);
    assert!(matches!(
        apply(&mut replica, stream, &case(7, "k", "of 7")),
        Outcome::Seen
    ));
    assert_eq!(titles(&index), ["of 6", "of 7"]);
}

#[test]
fn what_two_streams_say_of_a_customer_is_seen_by_each_of_them() {
    let (index, mut replica, first) = replica();
    let second = replica.stream("other", "one").unwrap();
    apply(&mut replica, first, &upsert("a", 5, NUMBERS[0]));
    apply(&mut replica, second, &upsert("a", 3, NUMBERS[1]));
    for (stream, line) in [
        (first, upsert("a", 5, NUMBERS[0])),
        (second, upsert("a", 2, NUMBERS[2])),
    ] {
        assert!(matches!(apply(&mut replica, stream, &line), Outcome::Seen));
    }
    assert_eq!(owner(&index, NUMBERS[1]).as_deref(), Some("a"));
}

#[test]
fn a_part_waits_for_its_customer_and_goes_with_it() {
    let (index, mut replica, stream) = replica();
    assert!(matches!(
        apply(&mut replica, stream, &case(1, "k", "waited")),
        Outcome::Parked
    ));
    assert!(matches!(
        apply(&mut replica, stream, &case(1, "k", "waited")),
        Outcome::Seen
    ));
    apply(&mut replica, stream, &upsert("a", 2, NUMBERS[0]));
    assert_eq!(titles(&index), ["waited"]);
    apply(
        &mut replica,
        stream,
        &json!({"op": "delete", "position": 3, "id": "a"}),
    );
    assert!(matches!(
        apply(&mut replica, stream, &case(1, "k", "waited")),
        Outcome::Seen
    ));
    apply(&mut replica, stream, &case(4, "l", "waits"));
    apply(
        &mut replica,
        stream,
        &json!({"op": "delete", "position": 5, "id": "a"}),
    );
    apply(&mut replica, stream, &upsert("a", 6, NUMBERS[0]));
    assert_eq!(titles(&index), Vec::<String>::new());
}

#[test]
fn a_schema_is_seen_with_its_batch_and_not_ahead_of_it() {
    let (index, mut replica, stream) = replica();
    let schema = json!({"op": "schema", "schema": [{"key": "tier", "type": "text"}]});
    let decoded = Change::decode(schema.to_string().as_bytes()).unwrap();
    replica.apply(stream, &[1], decoded.change);
    assert_eq!(index.schema().version, 0);
    index.read(|view| {
        assert_eq!(view.schema().version, 0);
        Ok(())
    });
    replica.commit().unwrap();
    assert_eq!(index.schema().version, 1);
}

#[test]
fn a_merge_brings_earlier_records_under_the_new_schema() {
    let (index, mut replica, stream) = replica();
    let schema = |position: u64, key: &str, kind: &str| {
        json!({"op": "schema", "position": position,
               "schema": [{"key": key, "type": kind}, {"key": "tier", "type": "text"}]})
    };
    apply(&mut replica, stream, &schema(1, "old", "text"));
    let customer = json!({"op": "upsert", "position": 2, "customer": {"id": "a", "name": "A",
        "attributes": {"old": NUMBERS[1], "tier": "gold"}}});
    apply(&mut replica, stream, &customer);
    merge(&mut replica);
    apply(&mut replica, stream, &schema(3, "old", "phone"));
    apply(&mut replica, stream, &upsert("b", 4, NUMBERS[0]));
    assert_eq!(owner(&index, NUMBERS[1]), None);
    merge(&mut replica);
    assert_eq!(
        owner(&index, NUMBERS[1]).as_deref(),
        Some("a"),
        "an attribute of type phone is a key"
    );
    index.read(|view| {
        let record = view.customer("a")?.unwrap();
        assert_eq!(record.schema_version(), view.schema().version);
        Ok(())
    });
}

#[test]
fn samples_are_read_by_the_rules_of_their_feed() {
    let (index, mut replica, stream) = replica();
    let british = SourceSettings {
        default_region: "GB".parse().ok(),
        ..SourceSettings::default()
    };
    let site = intake().numbering();
    let feeds = BTreeMap::from([("main".to_owned(), site.with_source(&british).unwrap())]);
    replica.intake.replace(site, feeds, Limits::default(), &[]);
    // Two numbers in Britain, and none in the region of the site.
    let customer = json!({"id": "a", "name": "A", "phones": ["020 7946 0958 / 020 7946 0959"]});
    for (position, op) in [(1, "upsert"), (2, "sample")] {
        apply(
            &mut replica,
            stream,
            &json!({"op": op, "position": position, "customer": customer}),
        );
    }
    assert_eq!(owner(&index, "+442079460959").as_deref(), Some("a"));
    assert_eq!(
        (
            replica.counters().samples("equal"),
            replica.counters().samples("different")
        ),
        (1, 0)
    );
}

#[test]
fn samples_are_compared_and_change_nothing() {
    let (index, mut replica, stream) = replica();
    apply(&mut replica, stream, &upsert("a", 1, NUMBERS[0]));
    apply(&mut replica, stream, &case(2, "k", "a case"));
    let seq = index.seq();
    let sample = |customer: Value| json!({"op": "sample", "position": 3, "customer": customer});
    for equal in [
        json!({"id": "a", "name": "a", "phones": [NUMBERS[0]]}),
        json!({"id": "a", "name": "a", "phones": [NUMBERS[0]], "cases": [{"id": "k", "title": "a case"}]}),
        json!({"id": "nobody"}),
    ] {
        assert!(matches!(
            apply(&mut replica, stream, &sample(equal)),
            Outcome::Noted
        ));
    }
    assert_eq!(replica.counters().samples("equal"), 3);
    for different in [
        json!({"id": "a", "name": "b", "phones": [NUMBERS[0]]}),
        json!({"id": "a", "name": "a", "phones": [NUMBERS[1]]}),
        json!({"id": "a", "name": "a", "phones": [NUMBERS[0]], "cases": []}),
        json!({"id": "b", "name": "b"}),
        json!({"id": "a"}),
    ] {
        apply(&mut replica, stream, &sample(different));
    }
    assert_eq!(replica.counters().samples("different"), 5);
    let beat = json!({"op": "heartbeat", "position": 9, "at": "2026-11-18T14:10:00Z"});
    assert!(matches!(apply(&mut replica, stream, &beat), Outcome::Noted));
    assert_eq!((index.seq(), replica.counters().changes("noted")), (seq, 9));
}

/// A hundred customers, and a replica that lets a tenth of them go within a minute.
fn guarded() -> (Arc<Index>, Replica, StreamId) {
    let (index, mut replica, stream) = replica();
    for nth in 0..100 {
        let line = upsert(&format!("c{nth}"), nth + 1, &format!("+1415555{:04}", 2000 + nth));
        apply(&mut replica, stream, &line);
    }
    merge(&mut replica);
    replica.set(Settings {
        guard: guard::Settings {
            max_percent: 10,
            window_s: 60,
            ignore_below: 0,
        },
        ..BOUNDS
    });
    (index, replica, stream)
}

fn delete(nth: u64, position: u64) -> Value {
    json!({"op": "delete", "position": position, "id": format!("c{nth}")})
}

#[test]
fn a_feed_that_deletes_masses_is_held_until_somebody_has_looked() {
    let (index, mut replica, stream) = guarded();
    let now = Instant::now();
    replica.at(now, 0);
    for nth in 0..10 {
        assert!(matches!(
            apply(&mut replica, stream, &delete(nth, 200 + nth)),
            Outcome::Applied(_)
        ));
    }
    // What nobody has may be deleted as often as one likes.
    assert!(matches!(
        apply(&mut replica, stream, &delete(1000, 299)),
        Outcome::Applied(_)
    ));
    assert!(matches!(
        apply(&mut replica, stream, &delete(10, 300)),
        Outcome::Held
    ));
    assert!(document(&index, "c10").is_some() && replica.is_held("main"));
    replica.commit().unwrap();
    assert_eq!(replica.counters().held.get(), 1, "as soon as it is held");
    assert!(replica.release("main", super::super::Word::Accept) && !replica.is_held("main"));
    replica.commit().unwrap();
    assert_eq!(replica.counters().held.get(), 0);
    for nth in 10..50 {
        assert!(matches!(
            apply(&mut replica, stream, &delete(nth, 300 + nth)),
            Outcome::Applied(_)
        ));
    }
    replica.caught_up("main");
    assert!(!replica.release("main", super::super::Word::Drop));
    replica.at(now + Duration::from_secs(120), 0);
    for nth in 50..60 {
        apply(&mut replica, stream, &delete(nth, 400 + nth));
    }
    let held = apply(&mut replica, stream, &delete(60, 500));
    assert!(matches!(held, Outcome::Held), "{held:?}");
    replica.release("main", super::super::Word::Drop);
    assert!(matches!(
        apply(&mut replica, stream, &delete(60, 500)),
        Outcome::Dropped
    ));
    assert!(matches!(
        apply(&mut replica, stream, &upsert("new", 501, NUMBERS[0])),
        Outcome::Applied(_)
    ));
    assert!(document(&index, "c60").is_some());
}

#[test]
fn a_feed_that_moves_masses_is_held_too() {
    let (_, mut replica, stream) = guarded();
    let moved = |nth: u64| {
        upsert(
            &format!("c{nth}"),
            300 + nth,
            &format!("+1415555{:04}", 3000 + nth),
        )
    };
    for nth in 0..10 {
        apply(&mut replica, stream, &moved(nth));
    }
    // New customers and new names are no move.
    assert!(matches!(
        apply(&mut replica, stream, &upsert("new", 400, NUMBERS[0])),
        Outcome::Applied(_)
    ));
    assert!(matches!(apply(&mut replica, stream, &moved(20)), Outcome::Held));
    let taken = upsert("thief", 401, "+14155552030");
    assert!(matches!(apply(&mut replica, stream, &taken), Outcome::Held));
}

/// Ids of other systems are no numbers: who renames all of them moves nobody, and an id that another has is not taken.
#[test]
fn ids_are_not_guarded() {
    let (index, mut replica, stream) = guarded();
    let numbering = replica.intake.numbering();
    let ids = ["crm_id".to_owned()];
    replica
        .intake
        .replace(numbering, BTreeMap::new(), Limits::default(), &ids);
    let schema = json!({"op": "schema", "position": 150, "schema": [{"key": "crm_id", "type": "text"}]});
    assert!(matches!(
        apply(&mut replica, stream, &schema),
        Outcome::Applied(_)
    ));
    let with_id = |nth: u64, position: u64, id: &str| {
        let number = format!("+1415555{:04}", 2000 + nth);
        json!({"op": "upsert", "position": position,
               "customer": {"id": format!("c{nth}"), "name": "N", "phones": [number], "attributes": {"crm_id": id}}})
    };
    for nth in 0..30 {
        for (position, id) in [(200, "first"), (300, "second")] {
            let outcome = apply(
                &mut replica,
                stream,
                &with_id(nth, position + nth, &format!("{id}-{nth}")),
            );
            assert!(matches!(outcome, Outcome::Applied(_)), "{nth}: {outcome:?}");
        }
    }
    for nth in 0..30 {
        let outcome = apply(&mut replica, stream, &with_id(nth, 400 + nth, "the same"));
        assert!(matches!(outcome, Outcome::Applied(_)), "{nth}: {outcome:?}");
    }
    let found = |id: &str| index.read(|view| Ok(view.by_attribute("crm_id", id)?.is_somebody()));
    assert!(found("the same") && !found("first-3") && !found("second-3"));
}

#[test]
fn a_deletion_is_remembered_as_long_as_a_generation_is_kept_that_knows_the_customer() {
    let (index, mut replica, stream) = replica();
    apply(&mut replica, stream, &upsert("a", 1, NUMBERS[0]));
    merge(&mut replica);
    let kept = index.seq();
    apply(
        &mut replica,
        stream,
        &json!({"op": "delete", "position": 2, "id": "a"}),
    );
    apply(&mut replica, stream, &upsert("b", 3, NUMBERS[1]));
    merge(&mut replica);
    replica.trim(kept).unwrap();
    assert!(matches!(
        apply(&mut replica, stream, &upsert("a", 1, NUMBERS[0])),
        Outcome::Seen
    ));
    assert!(replica.first_deletion_behind(kept).is_some());
    replica.trim(index.seq()).unwrap();
    assert!(replica.first_deletion_behind(kept).is_none());
}

#[test]
fn a_feed_that_begins_another_life_has_not_been_forgiven() {
    let (_, mut replica, first) = guarded();
    let mut applied = 0;
    for nth in 0..100_u64 {
        let stream = match nth % 2 {
            0 => first,
            _ => replica.stream("main", &format!("life-{nth}")).unwrap(),
        };
        match apply(&mut replica, stream, &delete(nth, 1000 + nth)) {
            Outcome::Applied(_) => applied += 1,
            Outcome::Held => break,
            outcome => panic!("{outcome:?}"),
        }
    }
    assert!(replica.is_held("main"), "{applied} were deleted");
    assert_eq!(applied, 10);
}
