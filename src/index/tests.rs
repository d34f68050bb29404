//! The index beside a plain model: maps, and claims settled one by one from the greatest down.

mod bounds;
mod by_attribute;
mod by_hash;
mod merging;
mod names;
mod replace;
mod seq;
mod suffix;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::{Found, Index, Merge, Mode, OnConflict, Owner, Ownership, Phones, Verdict, Writer};
use crate::customer::record::{Claim, Origin, Record, encode};
use crate::customer::{Customer, Schema};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::sort::Room;
use crate::snapshot::writer::{Facts, SnapshotWriter};

const KEYS: std::ops::Range<u64> = 1..6;
const IDS: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    created: u64,
    claims: BTreeMap<u64, Claim>,
}

type People = BTreeMap<String, Person>;

#[derive(Debug, Clone)]
enum Step {
    Upsert {
        id: usize,
        created: u64,
        keys: BTreeMap<u64, bool>,
    },
    Delete {
        id: usize,
    },
    Publish,
    Seal,
    Install,
}

fn step() -> impl Strategy<Value = Step> {
    let shared = prop::bool::weighted(0.1);
    prop_oneof![
        6 => (0..IDS, 0_u64..4, prop::collection::btree_map(KEYS, shared, 0..4))
            .prop_map(|(id, created, keys)| Step::Upsert { id, created, keys }),
        2 => (0..IDS).prop_map(|id| Step::Delete { id }),
        3 => Just(Step::Publish),
        1 => Just(Step::Seal),
        1 => Just(Step::Install),
    ]
}

/// Ownership, with number 5 a shared line now and then.
fn phones() -> impl Strategy<Value = Phones> {
    let lines = prop_oneof![2 => Just(Vec::new()), 1 => Just(vec![9, 5])];
    (ownerships(), prop_oneof![2 => Just(0), 1 => 1_u32..4], lines).prop_map(
        |(ownership, shared_above, lines)| {
            let ownership = Ownership {
                shared_above,
                ..ownership
            };
            Phones::new(ownership, lines)
        },
    )
}

fn ownerships() -> impl Strategy<Value = Ownership> {
    prop_oneof![Just(Mode::Unique), Just(Mode::Shared)].prop_flat_map(|mode| {
        prop_oneof![Just(Owner::NewestClaim), Just(Owner::NewestCustomer)].prop_flat_map(move |owner| {
            prop_oneof![Just(OnConflict::Move), Just(OnConflict::Replace)].prop_map(move |on_conflict| {
                Ownership {
                    mode,
                    owner,
                    on_conflict,
                    shared_above: 0,
                    suffix_digits: 0,
                }
            })
        })
    })
}

/// What readers should see, worked out the slow way.
struct Model<'a> {
    people: &'a People,
    ownership: Ownership,
    has_line: bool,
    hidden: BTreeSet<&'a str>,
}

impl<'a> Model<'a> {
    fn new(people: &'a People, phones: &Phones) -> Model<'a> {
        let ownership = phones.ownership();
        let mut model = Model {
            people,
            ownership,
            has_line: phones.is_shared_line(5),
            hidden: BTreeSet::new(),
        };
        if ownership.mode == Mode::Unique && ownership.on_conflict == OnConflict::Replace {
            // Every claim in the contact centre, the greatest first: a customer that still stands takes the number,
            // and all others that claim it are out.
            let mut claims: Vec<((u64, &str), u64)> = people
                .iter()
                .flat_map(|(id, person)| person.claims.keys().map(move |key| (id, person, *key)))
                .map(|(id, person, key)| ((model.strength(person, key), id.as_str()), key))
                .filter(|(_, key)| !model.shared(*key))
                .collect();
            claims.sort_unstable_by(|a, b| b.cmp(a));
            let mut hidden = BTreeSet::new();
            for ((_, id), key) in claims {
                if !hidden.contains(id) {
                    let rivals = people
                        .iter()
                        .filter(|(_, person)| person.claims.contains_key(&key));
                    hidden.extend(
                        rivals
                            .map(|(rival, _)| rival.as_str())
                            .filter(|rival| *rival != id),
                    );
                }
            }
            model.hidden = hidden;
        }
        model
    }

    fn strength(&self, person: &Person, key: u64) -> u64 {
        match self.ownership.owner {
            Owner::NewestClaim | Owner::Auto => person.claims[&key].since,
            Owner::NewestCustomer => person.created,
        }
    }

    fn shared(&self, key: u64) -> bool {
        let claims = || self.people.values().filter_map(|person| person.claims.get(&key));
        let above = self.ownership.shared_above as usize;
        claims().any(|claim| claim.shared)
            || (self.has_line && key == 5)
            || (above > 0 && claims().count() > above)
    }

    /// Who answers for `key`, the strongest first.
    fn find(&self, key: u64) -> Vec<String> {
        let mut claimants: Vec<(u64, &str)> = self
            .people
            .iter()
            .filter(|(id, person)| person.claims.contains_key(&key) && !self.hidden.contains(id.as_str()))
            .map(|(id, person)| (self.strength(person, key), id.as_str()))
            .collect();
        claimants.sort_unstable_by(|a, b| b.cmp(a));
        if self.ownership.mode == Mode::Unique && !self.shared(key) {
            claimants.truncate(1);
        }
        claimants.into_iter().map(|(_, id)| id.to_owned()).collect()
    }
}

fn record(id: &str, person: &Person) -> Vec<u8> {
    let customer = Customer {
        id: id.into(),
        name: format!("{:?}", person.claims.keys()),
        created_at: Some(format!("2026-01-0{}T00:00:00Z", person.created + 1)),
        ..Customer::default()
    };
    let claims: Vec<Claim> = person.claims.values().copied().collect();
    encode(
        &customer,
        &Schema::default(),
        &claims,
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .expect("fits")
}

fn empty() -> Arc<MappedSnapshot> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).expect("memory");
    let facts = Facts {
        generation: 1,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).expect("memory").0.into_inner();
    Arc::new(MappedSnapshot::in_memory(bytes).expect("a snapshot"))
}

fn merged(merge: &Merge, generation: u64) -> Arc<MappedSnapshot> {
    let (out, _) = merge
        .write(
            Cursor::new(Vec::new()),
            &Room::new("", u64::MAX),
            generation,
            0,
            &[],
        )
        .expect("memory");
    let snapshot = MappedSnapshot::in_memory(out.into_inner()).expect("a snapshot");
    snapshot.verify(|_| ()).expect("whole");
    Arc::new(snapshot)
}

fn ids(found: Found<'_>) -> Vec<String> {
    match found {
        Found::Nobody => vec![],
        Found::One(record) => vec![record.id().to_owned()],
        Found::Several(records) => records.iter().map(|record| record.id().to_owned()).collect(),
    }
}

fn check(index: &Index, people: &People) -> Result<(), TestCaseError> {
    let model = Model::new(people, &index.read(|view| Ok(view.phones().clone())));
    for key in KEYS {
        let expected = model.find(key);
        prop_assert_eq!(
            &index.read(|view| view.find(key).map(ids)),
            &expected,
            "number {}",
            key
        );
        let standing = index.read(|view| {
            let contest = view.contest(key)?;
            let owners = contest
                .standings
                .iter()
                .filter(|standing| standing.verdict == Verdict::Owner);
            Ok(owners
                .map(|standing| standing.record.id().to_owned())
                .collect::<Vec<_>>())
        });
        prop_assert_eq!(&standing, &expected, "contest of {}", key);
    }
    for n in 0..IDS {
        let id = format!("c{n}");
        let expected = people.get(&id).filter(|_| !model.hidden.contains(id.as_str()));
        let found = index.read(|view| Ok(view.customer(&id)?.map(|found| found.bytes().to_vec())));
        prop_assert_eq!(
            &found,
            &expected.map(|person| record(&id, person)),
            "customer {}",
            id
        );
        if let Some(person) = expected {
            for key in person.claims.keys() {
                let owns = index.read(|view| {
                    let record = view.customer(&id)?;
                    record.map_or(Ok(false), |record| view.owns(&record, *key))
                });
                let owns_in_model = model.ownership.mode == Mode::Shared || model.find(*key).contains(&id);
                prop_assert_eq!(owns, owns_in_model, "{} owns {}", id, key);
            }
        }
    }
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
                let id = format!("c{id}");
                let before = written
                    .get(&id)
                    .map(|person| person.claims.clone())
                    .unwrap_or_default();
                let claims = keys
                    .iter()
                    .map(|(&key, &shared)| {
                        let since = before.get(&key).map_or(seq, |claim| claim.since);
                        (key, Claim { key, since, shared })
                    })
                    .collect();
                let person = Person {
                    created: *created,
                    claims,
                };
                writer.upsert(seq, &Record::open(&record(&id, &person)).expect("whole"));
                written.insert(id, person);
            }
            Step::Delete { id } => {
                let id = format!("c{id}");
                writer.delete(seq, &id, Origin::default());
                written.remove(&id);
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
        check(&index, &published)?;
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
fn rules_can_be_replaced_between_two_lookups() {
    let ownership = Ownership::BUILTIN;
    let (index, mut writer) = Index::new(empty(), ownership);
    swap(&mut writer, 0);
    let seq = writer.seq() + 1;
    let claims = BTreeMap::from([(
        1,
        Claim {
            key: 1,
            since: seq,
            shared: false,
        },
    )]);
    writer.upsert(
        seq,
        &Record::open(&record("c", &Person { created: 0, claims })).expect("whole"),
    );
    writer.publish();
    let found = || index.read(|view| view.find(1).map(ids));
    assert_eq!(found(), ["c"]);
    index.set_phones(Phones::new(ownership, [1]));
    assert_eq!(found(), ["c", "a"]);
    // A state that the writer makes keeps them.
    let merge = writer.seal().expect("changes");
    writer.install(merged(&merge, 2));
    assert_eq!(found(), ["c", "a"]);
    index.set_phones(ownership.into());
    assert_eq!(found(), ["c"]);
}

#[test]
fn when_the_owner_leaves_the_next_claimant_answers() {
    let ownership = Ownership::BUILTIN;
    let (index, mut writer) = Index::new(empty(), ownership);
    let claims = |since| {
        BTreeMap::from([(
            1,
            Claim {
                key: 1,
                since,
                shared: false,
            },
        )])
    };
    for (seq, id) in [(1, "a"), (2, "b")] {
        let person = Person {
            created: 0,
            claims: claims(seq),
        };
        writer.upsert(seq, &Record::open(&record(id, &person)).expect("whole"));
    }
    writer.publish();
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["b"]);
    writer.delete(3, "b", Origin::default());
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["b"], "not visible yet");
    writer.publish();
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["a"]);
}

/// Two customers swap their two numbers, over and over, while overlays are sealed and merged: no reader ever sees one
/// number at both, or at neither.
#[test]
fn a_swap_is_never_seen_half_done() {
    let rounds = std::env::var("RINGSIDE_SWAPS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(3_000);
    let ownership = Ownership {
        mode: Mode::Shared,
        owner: Owner::NewestClaim,
        on_conflict: OnConflict::Move,
        shared_above: 0,
        suffix_digits: 0,
    };
    let (index, mut writer) = Index::new(empty(), ownership);
    swap(&mut writer, 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut flips, mut last) = (0_u64, 0_u64, Vec::new());
            while !done.load(Ordering::Relaxed) {
                let (one, two) = index.read(|view| Ok((ids(view.find(1)?), ids(view.find(2)?))));
                assert!(
                    (one == ["a"] && two == ["b"]) || (one == ["b"] && two == ["a"]),
                    "number 1 at {one:?}, number 2 at {two:?}"
                );
                let owns = index.read(|view| {
                    let a = view
                        .customer("a")?
                        .and_then(|a| a.claims().next())
                        .map(|claim| claim.key);
                    let b = view
                        .customer("b")?
                        .and_then(|b| b.claims().next())
                        .map(|claim| claim.key);
                    Ok((a, b))
                });
                assert!(
                    matches!(owns, (Some(1), Some(2)) | (Some(2), Some(1))),
                    "{owns:?}"
                );
                reads += 1;
                if one != last {
                    flips += 1;
                    last = one;
                }
            }
            (reads, flips)
        });
        let mut waiting: Option<Merge> = None;
        for round in 1..rounds {
            swap(&mut writer, round);
            match round % 50 {
                20 => waiting = writer.seal(),
                40 => {
                    if let Some(merge) = waiting.take() {
                        writer.install(merged(&merge, round));
                    }
                }
                _ => {}
            }
        }
        done.store(true, Ordering::Relaxed);
        let (reads, flips) = reader.join().expect("the reader saw no half");
        assert!(reads > 0 && flips > 0);
    });
}

fn swap(writer: &mut Writer, round: u64) {
    for (n, id) in ["a", "b"].into_iter().enumerate() {
        let seq = writer.seq() + 1;
        let key = 1 + (n as u64 + round) % 2;
        let claims = BTreeMap::from([(
            key,
            Claim {
                key,
                since: seq,
                shared: false,
            },
        )]);
        writer.upsert(
            seq,
            &Record::open(&record(id, &Person { created: 0, claims })).expect("whole"),
        );
    }
    writer.publish();
}
