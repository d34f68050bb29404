//! Damage, crowds and long chains: a safe answer, in bounded work.

use std::io::Cursor;
use std::sync::Arc;

use super::{Person, ids, merged, record};
use crate::customer::record::{Claim, Origin, Record, encode};
use crate::customer::{Customer, Schema};
use crate::index::{Index, Mode, OnConflict, Owner, Ownership, Writer};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::writer::{Facts, SnapshotWriter};

fn stored(people: &[(String, Person)]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).expect("memory");
    for (id, person) in people {
        writer
            .add(&Record::open(&record(id, person)).expect("whole"))
            .expect("memory");
    }
    let facts = Facts {
        generation: 1,
        seq: 1 << 20,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    writer.finish(&facts).expect("memory").0.into_inner()
}

fn indexed(bytes: Vec<u8>, ownership: Ownership) -> (Arc<Index>, Writer) {
    Index::new(
        Arc::new(MappedSnapshot::in_memory(bytes).expect("a snapshot")),
        ownership,
    )
}

fn person(claims: &[(u64, u64)]) -> Person {
    let claim = |&(key, since): &(u64, u64)| {
        (
            key,
            Claim {
                key,
                since,
                shared: false,
            },
        )
    };
    Person {
        created: 0,
        claims: claims.iter().map(claim).collect(),
    }
}

const MOVE: Ownership = Ownership::BUILTIN;
const REPLACE: Ownership = Ownership {
    on_conflict: OnConflict::Replace,
    ..MOVE
};

/// A damaged owner's number answers nobody: the next in line may be a stranger.
#[test]
fn a_damaged_owner_does_not_pass_its_number_on() {
    let people = [
        ("a".to_owned(), person(&[(1, 1)])),
        ("b".to_owned(), person(&[(1, 2)])),
    ];
    let whole = stored(&people);
    let name = b"\"id\":\"b\"";
    let at = whole
        .windows(name.len())
        .position(|window| window == name)
        .expect("b is stored");
    for damaged_at in [
        at + 6,
        usize::try_from(claimants_offset(&whole)).expect("small") + 30,
    ] {
        let mut damaged = whole.clone();
        damaged[damaged_at] ^= 1;
        for ownership in [MOVE, REPLACE] {
            let (index, mut writer) = indexed(damaged.clone(), ownership);
            assert_eq!(index.read(|view| view.find(1).map(ids)), Vec::<String>::new());
            writer.upsert(
                writer.seq() + 1,
                &Record::open(&record("z", &person(&[(9, 3)]))).expect("whole"),
            );
            writer.publish();
            assert_eq!(
                index.read(|view| view.find(1).map(ids)),
                Vec::<String>::new(),
                "with an unrelated change in the overlay"
            );
        }
    }
}

fn claimants_offset(bytes: &[u8]) -> u64 {
    use crate::snapshot::layout::SectionKind;
    crate::snapshot::Snapshot::open(bytes)
        .expect("a snapshot")
        .header()
        .section(SectionKind::Claimants)
        .offset
}

/// Each customer loses a number to the next one: to settle the first, all of them would have to be looked at.
#[test]
fn a_long_chain_of_rivals_costs_a_bounded_lookup() {
    let chain: Vec<(String, Person)> = (0..9_000_u64)
        .map(|n| (format!("c{n:05}"), person(&[(n, n + 1), (n + 1, n + 1)])))
        .collect();
    let (index, _writer) = indexed(stored(&chain), REPLACE);
    let found = index.read(|view| view.find(0).map(ids));
    assert!(found.is_empty() || found == ["c00000"], "{found:?}");
}

#[test]
fn a_number_that_very_many_claim_is_answered_safely() {
    let crowd: Vec<(String, Person)> = (0..1_500_u64)
        .map(|n| (format!("c{n:05}"), person(&[(1, n + 1)])))
        .collect();
    let newest = || vec!["c01499".to_owned()];
    let (index, mut writer) = indexed(stored(&crowd), MOVE);
    assert_eq!(index.read(|view| view.find(1).map(ids)), newest());
    writer.upsert(
        writer.seq() + 1,
        &Record::open(&record("z", &person(&[(9, 3)]))).expect("whole"),
    );
    writer.publish();
    assert_eq!(
        index.read(|view| view.find(1).map(ids)),
        newest(),
        "with a change in the overlay"
    );
    let (index, _writer) = indexed(
        stored(&crowd),
        Ownership {
            mode: Mode::Shared,
            ..MOVE
        },
    );
    let count = index.read(|view| view.find(1).map(ids)).len();
    assert!(
        (2..1_500).contains(&count),
        "{count} of them, so that nobody is greeted"
    );

    // More than are read, and more than are allowed to one person; or not more than that.
    for (shared_above, everybody) in [(300, true), (1_600, false)] {
        let ownership = Ownership { shared_above, ..MOVE };
        let (index, _writer) = indexed(stored(&crowd), ownership);
        let count = index.read(|view| view.find(1).map(ids)).len();
        assert_eq!(count > 1, everybody, "{shared_above}: {count}");
    }

    let mut sharing = crowd;
    sharing[0].1.claims.insert(
        1,
        Claim {
            key: 1,
            since: 1,
            shared: true,
        },
    );
    let (index, mut writer) = indexed(stored(&sharing), MOVE);
    assert!(
        index.read(|view| view.find(1).map(ids)).len() > 1,
        "the oldest of them declares it shared"
    );
    writer.upsert(
        writer.seq() + 1,
        &Record::open(&record("z", &person(&[(9, 3)]))).expect("whole"),
    );
    writer.publish();
    assert!(index.read(|view| view.find(1).map(ids)).len() > 1);

    let (index, mut writer) = indexed(stored(&[]), MOVE);
    for (id, person) in &sharing {
        writer.upsert(
            writer.seq() + 1,
            &Record::open(&record(id, person)).expect("whole"),
        );
    }
    writer.publish();
    let found = index.read(|view| view.find(1).map(ids));
    assert!(
        found.len() != 1,
        "not all of them are remembered, so none of them is the owner"
    );
}

/// A customer whose age nobody knows is older than any whose age is known.
#[test]
fn a_customer_of_unknown_age_owns_nothing_that_another_claims() {
    let ownership = Ownership {
        owner: Owner::NewestCustomer,
        ..MOVE
    };
    let (index, mut writer) = indexed(stored(&[]), ownership);
    let ageless = Customer {
        id: "z".into(),
        name: "Z".into(),
        ..Customer::default()
    };
    let claims = [Claim {
        key: 1,
        since: 9,
        shared: false,
    }];
    let bytes = encode(
        &ageless,
        &Schema::default(),
        &claims,
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .expect("fits");
    for bytes in [bytes, record("a", &person(&[(1, 1)]))] {
        writer.upsert(writer.seq() + 1, &Record::open(&bytes).expect("whole"));
    }
    writer.publish();
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["a"]);
    let merge = writer.seal().expect("changes");
    writer.install(merged(&merge, 2));
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["a"]);
}
