//! Customers by the hash of their ids, some of which collide.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{IDS, Merge, Model, People, Person, Step, empty, merged, phones, record, step};
use crate::customer::record::{Claim, Origin, Record};
use crate::index::{Index, Ownership, Phones};
use crate::overlay::{Entry, Overlay};
use crate::snapshot::layout::id_hash53;

/// Two pairs whose hashes are the same, found by trying 260 million ids; and two that have theirs for themselves.
const COLLIDING: [&str; IDS] = [
    "c-71938937",
    "c-106511062",
    "c-187792980",
    "c-192282950",
    "c-1",
    "c-2",
];

fn found(index: &Index, hash53: u64) -> Vec<Vec<u8>> {
    index.read(|view| {
        let found = view.by_id_hash(hash53)?;
        let mut found: Vec<Vec<u8>> = found.iter().map(|record| record.bytes().to_vec()).collect();
        found.sort_unstable();
        Ok(found)
    })
}

fn check(index: &Index, people: &People, phones: &Phones) -> Result<(), TestCaseError> {
    let model = Model::new(people, phones);
    for hash53 in COLLIDING.map(id_hash53) {
        let mut expected: Vec<Vec<u8>> = people
            .iter()
            .filter(|(id, _)| id_hash53(id) == hash53 && !model.hidden.contains(id.as_str()))
            .map(|(id, person)| record(id, person))
            .collect();
        expected.sort_unstable();
        prop_assert_eq!(&found(index, hash53), &expected, "hash {}", hash53);
    }
    prop_assert!(found(index, id_hash53("nobody")).is_empty());
    Ok(())
}

fn run(phones: &Phones, steps: &[Step]) -> Result<(), TestCaseError> {
    let (index, mut writer) = Index::new(empty(), phones.clone());
    let (mut written, mut published) = (People::new(), People::new());
    let mut waiting: Option<Merge> = None;
    let mut generation = 1;
    for step in steps {
        let seq = writer.seq() + 1;
        match step {
            Step::Upsert { id, created, keys } => {
                let id = COLLIDING[*id];
                let claims = keys
                    .iter()
                    .map(|(&key, &shared)| {
                        (
                            key,
                            Claim {
                                key,
                                since: seq,
                                shared,
                            },
                        )
                    })
                    .collect();
                let person = Person {
                    created: *created,
                    claims,
                };
                writer.upsert(seq, &Record::open(&record(id, &person)).expect("whole"));
                written.insert(id.to_owned(), person);
            }
            Step::Delete { id } => {
                writer.delete(seq, COLLIDING[*id], Origin::default());
                written.remove(COLLIDING[*id]);
            }
            Step::Publish => {
                writer.publish();
                published = written.clone();
            }
            Step::Seal => {
                if let Some(merge) = writer.seal() {
                    waiting = Some(merge);
                }
                published = written.clone();
            }
            Step::Install => {
                if let Some(merge) = waiting.take() {
                    generation += 1;
                    writer.install(merged(&merge, generation));
                }
            }
        }
        check(&index, &published, phones)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn equals_the_model(phones in phones(), steps in prop::collection::vec(step(), 1..60)) {
        run(&phones, &steps)?;
    }
}

#[test]
fn ids_that_collide_are_all_listed() {
    let hashes: BTreeSet<u64> = COLLIDING.into_iter().map(id_hash53).collect();
    assert_eq!(hashes.len(), 4, "the ids were found for this hash");
}

#[test]
fn a_customer_that_changes_again_is_remembered_once() {
    let overlay = Overlay::new();
    for seq in 1..1000 {
        let entry = Entry::Customer(record("c-1", &nobody_in_particular()).into());
        overlay.put(seq, "c-1", entry, std::iter::empty(), seq - 1);
    }
    assert_eq!(overlay.alike(id_hash53("c-1")).len(), 1);
    assert!(overlay.alike(id_hash53("c-2")).is_empty());
}

fn nobody_in_particular() -> Person {
    Person {
        created: 0,
        claims: BTreeMap::new(),
    }
}

#[test]
fn what_ids_take_is_counted() {
    let (index, mut writer) = Index::new(empty(), Ownership::BUILTIN);
    let bytes = record("c-1", &nobody_in_particular());
    writer.upsert(1, &Record::open(&bytes).expect("whole"));
    writer.publish();
    let (_, first) = index.overlay_size();
    writer.upsert(2, &Record::open(&bytes).expect("whole"));
    let (_, second) = index.overlay_size();
    assert!(
        first > second - first,
        "the hash is remembered with the first version: {first}, {second}"
    );
}
