//! The replica beside a plain model, with replays, parts and merges.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
pub(super) enum Op {
    Upsert {
        id: usize,
        name: u8,
        numbers: Vec<usize>,
    },
    Delete {
        id: usize,
    },
    Case {
        id: usize,
        case: usize,
        open: bool,
    },
    RemoveCase {
        id: usize,
        case: usize,
    },
    /// Removed, and nobody says whose it was.
    Gone {
        case: usize,
    },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4_usize, any::<u8>(), prop::collection::vec(0..NUMBERS.len(), 0..3))
            .prop_map(|(id, name, numbers)| Op::Upsert { id, name, numbers }),
        1 => (0..4_usize).prop_map(|id| Op::Delete { id }),
        2 => (0..4_usize, 0..2_usize, any::<bool>()).prop_map(|(id, case, open)| Op::Case { id, case, open }),
        1 => (0..4_usize, 0..2_usize).prop_map(|(id, case)| Op::RemoveCase { id, case }),
        1 => (0..2_usize).prop_map(|case| Op::Gone { case }),
    ]
}

pub(super) fn change(op: &Op, position: usize) -> Change {
    let line = match op {
        Op::Upsert { id, name, numbers } => {
            let phones: Vec<&str> = numbers.iter().map(|number| NUMBERS[*number]).collect();
            json!({"op": "upsert", "position": position,
                   "customer": {"id": format!("c{id}"), "name": format!("n{name}"), "phones": phones}})
        }
        Op::Delete { id } => {
            json!({"op": "delete", "position": position.to_string(), "id": format!("c{id}")})
        }
        Op::Case { id, case, open } => {
            json!({"op": "case", "position": position, "customer_id": format!("c{id}"),
            "case": {"id": format!("k{case}"), "status": if *open { "open" } else { "closed" }}})
        }
        Op::RemoveCase { id, case } => json!({"op": "case", "position": position,
            "customer_id": format!("c{id}"), "delete": format!("k{case}")}),
        Op::Gone { case } => return Change::Gone(PartGone::Case(format!("k{case}"))),
    };
    Change::decode(line.to_string().as_bytes()).unwrap().change
}

pub(super) fn apply_op(replica: &mut Replica, stream: StreamId, op: &Op, position: usize) -> Outcome {
    replica.apply(stream, &(position as u64).to_be_bytes(), change(op, position))
}

#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    name: String,
    claims: BTreeMap<&'static str, usize>,
    cases: BTreeMap<usize, bool>,
}

/// What the customers should be after `ops`, each applied once.
pub(super) fn model(ops: &[Op]) -> BTreeMap<usize, Person> {
    let mut people: BTreeMap<usize, Person> = BTreeMap::new();
    // Parts that wait for their customers.
    let mut waiting: BTreeMap<usize, BTreeMap<usize, Option<bool>>> = BTreeMap::new();
    for (nth, op) in ops.iter().enumerate() {
        match op {
            Op::Upsert { id, name, numbers } => {
                let person = people.entry(*id).or_default();
                person.name = format!("n{name}");
                for (case, open) in waiting.remove(id).into_iter().flatten() {
                    match open {
                        Some(open) => person.cases.insert(case, open),
                        None => person.cases.remove(&case),
                    };
                }
                let before = std::mem::take(&mut person.claims);
                for number in numbers {
                    let number = NUMBERS[*number];
                    person.claims.insert(number, *before.get(number).unwrap_or(&nth));
                }
            }
            Op::Delete { id } => {
                people.remove(id);
                waiting.remove(id);
            }
            Op::Case { id, case, open } => match people.get_mut(id) {
                Some(person) => {
                    person.cases.insert(*case, *open);
                }
                None => {
                    waiting.entry(*id).or_default().insert(*case, Some(*open));
                }
            },
            Op::RemoveCase { id, case } => match people.get_mut(id) {
                Some(person) => {
                    person.cases.remove(case);
                }
                None => {
                    waiting.entry(*id).or_default().insert(*case, None);
                }
            },
            Op::Gone { case } => {
                for person in people.values_mut() {
                    person.cases.remove(case);
                }
                for waiting in waiting.values_mut() {
                    waiting.entry(*case).and_modify(|open| *open = None);
                }
            }
        }
    }
    people
}

pub(super) fn equals(index: &Index, people: &BTreeMap<usize, Person>) -> Result<(), TestCaseError> {
    for id in 0..4 {
        let found = document(index, &format!("c{id}"));
        let Some(person) = people.get(&id) else {
            prop_assert_eq!(found, None);
            continue;
        };
        let found = found.unwrap();
        prop_assert_eq!(found["name"].as_str(), Some(person.name.as_str()));
        let cases: BTreeMap<String, bool> = found["cases"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|case| (case["id"].as_str().unwrap().to_owned(), case["status"] == "open"))
            .collect();
        let expected = person
            .cases
            .iter()
            .map(|(case, open)| (format!("k{case}"), *open))
            .collect();
        prop_assert_eq!(cases, expected);
    }
    for number in NUMBERS {
        let claimants = people
            .iter()
            .filter_map(|(id, person)| Some((*person.claims.get(number)?, *id)));
        prop_assert_eq!(
            owner(index, number),
            claimants.max().map(|(_, id)| format!("c{id}"))
        );
    }
    Ok(())
}

proptest! {
    /// Whatever is delivered again, and wherever merges fall, the customers are what applying once makes them.
    #[test]
    fn replays_change_nothing(
        ops in prop::collection::vec(op(), 1..40),
        replays in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
        merges in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 0..3),
    ) {
        let (index, mut replica, stream) = replica();
        let merges: Vec<(usize, usize)> = merges
            .iter()
            .map(|(at, lasting)| (at.index(ops.len()), *lasting))
            .collect();
        let mut merging: Option<(Arc<MappedSnapshot>, usize)> = None;
        for (nth, op) in ops.iter().enumerate() {
            apply_op(&mut replica, stream, op, nth + 1);
            replica.commit().unwrap();
            if let Some((merged, _)) = merging.take_if(|(_, until)| *until <= nth) {
                replica.install(merged);
            }
            if let Some((_, lasting)) = merges.iter().find(|(at, _)| *at == nth)
                && merging.is_none()
                && let Some(merged) = merged(&mut replica)
            {
                merging = Some((merged, nth + lasting));
            }
            if let Some((from, _)) = replays.iter().find(|(_, at)| at.index(ops.len()) == nth) {
                let from = from.index(nth + 1);
                let seq = index.seq();
                for (again, op) in ops.iter().enumerate().take(nth + 1).skip(from) {
                    let outcome = apply_op(&mut replica, stream, op, again + 1);
                    replica.commit().unwrap();
                    prop_assert!(!matches!(outcome, Outcome::Applied(_)) , "{:?} again: {:?}", op, outcome);
                }
                prop_assert_eq!(index.seq(), seq);
            }
            equals(&index, &model(&ops[..=nth]))?;
        }
    }

    /// The same of two streams, each of which delivers again what it had delivered, whatever the other has said since.
    #[test]
    fn replays_of_two_streams_change_nothing(
        ops in prop::collection::vec((op(), 0..2_usize), 1..40),
        by_part in any::<bool>(),
        replays in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..2_usize), 0..6),
        merges in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let (index, mut replica, first) = replica();
        let streams = [first, replica.stream("other", "one").unwrap()];
        let (ops, by): (Vec<Op>, Vec<usize>) = ops.into_iter().map(|op| one_stream_a_part(op, by_part)).unzip();
        for (nth, op) in ops.iter().enumerate() {
            apply_op(&mut replica, streams[by[nth]], op, nth + 1);
            replica.commit().unwrap();
            if merges.iter().any(|at| at.index(ops.len()) == nth) {
                merge(&mut replica);
            }
            for (from, _, whose) in replays.iter().filter(|(_, at, _)| at.index(ops.len()) == nth) {
                let seq = index.seq();
                for again in (from.index(nth + 1)..=nth).filter(|again| by[*again] == *whose) {
                    let outcome = apply_op(&mut replica, streams[*whose], &ops[again], again + 1);
                    replica.commit().unwrap();
                    prop_assert!(
                        matches!(outcome, Outcome::Seen | Outcome::Noted), "{:?} again: {:?}", ops[again], outcome);
                }
                prop_assert_eq!(index.seq(), seq);
            }
            equals(&index, &model(&ops[..=nth]))?;
        }
    }
}

/// That a part is gone, and not whose it was, is said by the stream that delivers the part: then each part has one
/// stream. Otherwise all deliver all, and say whose it was.
fn one_stream_a_part((op, stream): (Op, usize), by_part: bool) -> (Op, usize) {
    match op {
        Op::Gone { case } if !by_part => (Op::RemoveCase { id: 0, case }, stream),
        Op::Gone { case } | Op::Case { case, .. } | Op::RemoveCase { case, .. } if by_part => (op, case),
        op => (op, stream),
    }
}
