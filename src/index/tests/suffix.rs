//! Numbers by their last digits beside a plain model: whoever is claimed as of the published seq, and nothing else.

use super::*;
use crate::index::Over;
use crate::index::{BySuffix, Suffixes};
use crate::number::{Key, SuffixDigits};

/// Keys 1 to 5 of the steps. The first two have the same last seven digits, the first and the third eight; the fourth is
/// too short, the fifth an extension with the digits of the first.
const NUMBERS: [u64; 5] = [
    14_806_754_110,
    4_936_754_110,
    44_206_754_110,
    754_110,
    1 << 60 | 114_806_754_110,
];

fn number(key: u64) -> u64 {
    NUMBERS[usize::try_from(key).expect("small") - 1]
}

#[derive(Debug, Clone)]
enum Move {
    Step(Step),
    /// A reload of the configuration.
    Digits(u8),
    /// An import of what is published.
    Import(bool),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => step().prop_map(Move::Step),
        1 => prop::sample::select(vec![0, 7, 8]).prop_map(Move::Digits),
        1 => any::<bool>().prop_map(Move::Import),
    ]
}

fn phones(digits: u8, on_conflict: OnConflict) -> Phones {
    Phones::from(Ownership {
        mode: Mode::Unique,
        owner: Owner::NewestClaim,
        on_conflict,
        shared_above: 0,
        suffix_digits: digits,
    })
}

fn built(people: &People, digits: Option<SuffixDigits>, generation: u64, seq: u64) -> Arc<MappedSnapshot> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).expect("memory");
    let mut writer = writer.by_suffix(digits);
    for (id, person) in people {
        writer
            .add(&Record::open(&record(id, person)).expect("whole"))
            .expect("memory");
    }
    let facts = Facts {
        generation,
        seq,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).expect("memory").0.into_inner();
    let snapshot = MappedSnapshot::in_memory(bytes).expect("a snapshot");
    snapshot.verify(|_| ()).expect("whole");
    Arc::new(snapshot)
}

/// Claimed numbers that end in `suffix`.
fn alike(people: &People, digits: SuffixDigits, suffix: u64) -> BTreeSet<u64> {
    let keys = people.values().flat_map(|person| person.claims.keys().copied());
    keys.filter(|key| digits.of(Key::from_raw(*key)) == Some(suffix))
        .collect()
}

fn check_suffixes(index: &Index, published: &People, stored: &People) -> Result<(), TestCaseError> {
    for suffix in [6_754_110, 6_754_111, 754_110, 36_754_110, 16_754_110, 0] {
        index.read(|view| {
            let found = view.find_by_suffix(suffix)?;
            let Suffixes::Ready(digits) = view.suffixes() else {
                assert!(matches!(found, BySuffix::Nobody), "not ready: {found:?}");
                return Ok(());
            };
            let expected = alike(published, digits, suffix);
            match found {
                BySuffix::Nobody => assert!(expected.is_empty(), "{suffix}: {expected:?}"),
                BySuffix::One(key, found) => {
                    assert_eq!(expected, BTreeSet::from([key.raw()]), "{suffix}");
                    assert_eq!(ids(found), ids(view.find(key.raw())?));
                }
                // Only where it is so, or was when the snapshot was written.
                BySuffix::Several => assert!(
                    expected.len() > 1 || alike(stored, digits, suffix).len() > 1,
                    "{suffix}: {expected:?}"
                ),
            }
            Ok(())
        });
    }
    Ok(())
}

fn run_suffixes(digits: u8, on_conflict: OnConflict, moves: &[Move]) -> Result<(), TestCaseError> {
    let people = People::new();
    let first = built(&people, SuffixDigits::new(digits), 1, 0);
    let (index, mut writer) = Index::new(first, phones(digits, on_conflict));
    let (mut written, mut published, mut stored) = (people.clone(), people.clone(), people);
    let mut waiting: Option<(Merge, People)> = None;
    let mut generation = 1;
    let mut digits = digits;
    let mut has_changed = false;
    for one in moves {
        let seq = writer.seq() + 1;
        match one {
            Move::Step(Step::Upsert { id, created, keys }) => {
                let id = format!("c{id}");
                let claims = keys.iter().map(|(&key, &shared)| {
                    let key = number(key);
                    (
                        key,
                        Claim {
                            key,
                            since: seq,
                            shared,
                        },
                    )
                });
                let person = Person {
                    created: *created,
                    claims: claims.collect(),
                };
                writer.upsert(seq, &Record::open(&record(&id, &person)).expect("whole"));
                written.insert(id, person);
            }
            Move::Step(Step::Delete { id }) => {
                let id = format!("c{id}");
                writer.delete(seq, &id, Origin::default());
                written.remove(&id);
            }
            Move::Step(Step::Publish) => {
                writer.publish();
                published = written.clone();
            }
            Move::Step(Step::Seal) => {
                if let Some(merge) = writer.seal() {
                    waiting = Some((merge, written.clone()));
                }
                published = written.clone();
            }
            Move::Step(Step::Install) => {
                if let Some((merge, people)) = waiting.take() {
                    generation += 1;
                    writer.install(merged(&merge, generation));
                    stored = people;
                }
            }
            Move::Digits(other) => {
                has_changed |= *other != digits;
                digits = *other;
                index.set_phones(phones(digits, on_conflict));
            }
            Move::Import(with) => {
                // What is not published goes, as the feeds would deliver it again.
                written = published.clone();
                stored = published.clone();
                generation += 1;
                let by = SuffixDigits::new(digits).filter(|_| *with);
                has_changed = digits > 0 && !with;
                {
                    let over = Over {
                        overlay: writer.overlay(),
                        ..Over::default()
                    };
                    let snapshot = built(&stored, by, generation, writer.seq());
                    writer.replace_all(&snapshot, over);
                }
                waiting = None;
            }
        }
        if !has_changed {
            let expected = SuffixDigits::new(digits).map_or(Suffixes::Off, Suffixes::Ready);
            prop_assert_eq!(index.suffixes(), expected);
        }
        check_suffixes(&index, &published, &stored)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn suffixes_equal_the_model(
        digits in prop::sample::select(vec![0, 7, 8]),
        replaces in any::<bool>(),
        moves in prop::collection::vec(moves(), 1..60),
    ) {
        let on_conflict = if replaces { OnConflict::Replace } else { OnConflict::Move };
        run_suffixes(digits, on_conflict, &moves)?;
    }
}

fn person(keys: &[u64]) -> Person {
    let claim = |key: &u64| {
        (
            *key,
            Claim {
                key: *key,
                since: 1,
                shared: false,
            },
        )
    };
    Person {
        created: 0,
        claims: keys.iter().map(claim).collect(),
    }
}

fn found(index: &Index, suffix: u64) -> Option<(u64, Vec<String>)> {
    index.read(|view| {
        Ok(match view.find_by_suffix(suffix)? {
            BySuffix::One(key, found) => Some((key.raw(), ids(found))),
            BySuffix::Nobody | BySuffix::Several => None,
        })
    })
}

#[test]
fn a_merge_writes_the_table_that_its_base_has_not() {
    let (index, mut writer) = Index::new(empty(), phones(7, OnConflict::Move));
    let seven = SuffixDigits::new(7).expect("7");
    assert_eq!(index.suffixes(), Suffixes::Waiting(seven));
    let ada = record("ada", &person(&[NUMBERS[0]]));
    writer.upsert(1, &Record::open(&ada).expect("whole"));
    writer.publish();
    assert_eq!(
        found(&index, 6_754_110),
        None,
        "what the snapshot has is not known"
    );
    let merge = writer.seal().expect("something to merge");
    writer.install(merged(&merge, 2));
    assert_eq!(index.suffixes(), Suffixes::Ready(seven));
    assert_eq!(
        found(&index, 6_754_110),
        Some((NUMBERS[0], vec!["ada".to_owned()]))
    );
    // A second number ends so: nobody, and so it stays until a merge when its customer has gone.
    let bob = record("bob", &person(&[NUMBERS[1]]));
    writer.upsert(2, &Record::open(&bob).expect("whole"));
    assert!(found(&index, 6_754_110).is_some(), "not visible yet");
    writer.publish();
    assert_eq!(found(&index, 6_754_110), None);
    let merge = writer.seal().expect("something to merge");
    writer.install(merged(&merge, 3));
    writer.delete(3, "bob", Origin::default());
    writer.publish();
    assert_eq!(found(&index, 6_754_110), None);
    let merge = writer.seal().expect("something to merge");
    writer.install(merged(&merge, 4));
    assert_eq!(
        found(&index, 6_754_110),
        Some((NUMBERS[0], vec!["ada".to_owned()]))
    );
    writer.delete(4, "ada", Origin::default());
    writer.publish();
    assert_eq!(found(&index, 6_754_110), None, "gone");
}

#[test]
fn more_numbers_than_are_remembered_are_several() {
    let seven = SuffixDigits::new(7);
    let people = People::new();
    let (index, mut writer) = Index::new(built(&people, seven, 1, 0), phones(7, OnConflict::Move));
    for nth in 1..=40_u64 {
        let one = record("ada", &person(&[nth * 10_000_000 + 1]));
        writer.upsert(nth, &Record::open(&one).expect("whole"));
        writer.publish();
        // One customer that gets another number again and again: it has but one, until that is no longer known.
        let expected = (nth <= 16).then(|| (nth * 10_000_000 + 1, vec!["ada".to_owned()]));
        assert_eq!(found(&index, 1), expected, "{nth}");
    }
}
