//! Merges beside the plain way: one record after the other, on one thread.

use super::*;
use crate::snapshot::SnapshotError;
use crate::snapshot::layout::{HEADER_LEN, LogPlace, SectionKind};

/// Enough customers for several batches that are verified ahead of being written.
const CUSTOMERS: u64 = 6_000;
/// Among so many, some numbers are claimed by several.
const NUMBERS: u64 = 5_000;

const RULES: Ownership = Ownership {
    mode: Mode::Shared,
    owner: Owner::NewestClaim,
    on_conflict: OnConflict::Move,
    shared_above: 0,
    suffix_digits: 7,
};

/// A number that has more digits than its suffix.
fn number(nth: u64) -> u64 {
    14_806_750_000 + nth % NUMBERS
}

fn person(created: u64, since: u64, numbers: &[u64]) -> Person {
    let claim = |key| Claim {
        key,
        since,
        shared: false,
    };
    Person {
        created,
        claims: numbers.iter().map(|&key| (key, claim(key))).collect(),
    }
}

/// Customers whose records are of many lengths, so that padding is of all kinds.
fn many(index: u64) -> (String, Person) {
    let id = format!(
        "c-{index}-{}",
        "x".repeat(usize::try_from(index % 11).expect("small"))
    );
    (
        id,
        person(index % 4, index + 1, &[number(index), number(index * 7 + 1)]),
    )
}

/// What a merge of `base` with what made `people` of it comes to, written the plain way.
fn plainly(base: &MappedSnapshot, merge: &Merge, people: &People, changed: &BTreeSet<String>) -> Vec<u8> {
    let seed = base.header().seed;
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), seed).expect("memory");
    let mut writer = writer.by_suffix(merge.suffix_digits);
    for kept in base.records().map(|record| record.expect("whole")) {
        if !changed.contains(kept.id()) {
            writer.add(&kept).expect("memory");
        }
    }
    for (id, person) in people.iter().filter(|(id, _)| changed.contains(*id)) {
        let bytes = record(id, person);
        writer.add(&Record::open(&bytes).expect("whole")).expect("memory");
    }
    let facts = Facts {
        generation: 2,
        seq: merge.seq(),
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: LogPlace {
            line: base.header().log.line,
            follows: merge.seq(),
        },
    };
    writer.finish(&facts).expect("memory").0.into_inner()
}

/// An index over [`CUSTOMERS`] customers, and them.
fn begun() -> (Writer, People) {
    let (_, mut writer) = Index::new(empty(), RULES);
    let people: People = (0..CUSTOMERS).map(many).collect();
    let merge = filled(&mut writer, &people);
    writer.install(merged(&merge, 1));
    (writer, people)
}

/// A merge that brings `people`.
fn filled(writer: &mut Writer, people: &People) -> Merge {
    for (id, person) in people {
        let seq = writer.seq() + 1;
        writer.upsert(seq, &Record::open(&record(id, person)).expect("whole"));
    }
    writer.seal().expect("something was written")
}

fn write(merge: &Merge, room: &Room) -> Result<Vec<u8>, SnapshotError> {
    let (out, _) = merge.write(Cursor::new(Vec::new()), room, 2, 0, &[])?;
    Ok(out.into_inner())
}

/// Changes `people` and the index in the same way.
fn change(writer: &mut Writer, people: &mut People, change: &(u64, bool)) -> String {
    let (nth, stays) = *change;
    let seq = writer.seq() + 1;
    let (id, mut person) = many(nth);
    if stays {
        // Beyond the customers are new ones.
        let key = number(nth * 3);
        person.claims.insert(
            key,
            Claim {
                key,
                since: seq,
                shared: false,
            },
        );
        writer.upsert(seq, &Record::open(&record(&id, &person)).expect("whole"));
        people.insert(id.clone(), person);
    } else {
        writer.delete(seq, &id, Origin::default());
        people.remove(&id);
    }
    id
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever changes, the file is the same to the byte, whether it is sorted in memory or in runs, and it has what a
    /// plain map has.
    #[test]
    fn a_merge_writes_what_one_thread_writes_record_by_record(
        changes in prop::collection::vec((0..CUSTOMERS + 50, prop::bool::weighted(0.7)), 1..400),
        memory in prop_oneof![Just(u64::MAX), 10_000_u64..1_000_000],
    ) {
        let (mut writer, mut people) = begun();
        let changed: BTreeSet<String> =
            changes.iter().map(|one| change(&mut writer, &mut people, one)).collect();
        let base = writer.index().snapshot();
        let merge = writer.seal().expect("something was written");
        let dir = tempfile::tempdir().expect("a folder");
        let written = write(&merge, &Room::new(dir.path(), memory)).expect("memory");
        prop_assert!(written == plainly(&base, &merge, &people, &changed), "another file than the plain one");
        let snapshot = MappedSnapshot::in_memory(written).expect("a snapshot");
        snapshot.verify(|_| ()).expect("whole");
        let found: BTreeMap<String, Vec<u8>> = snapshot
            .records()
            .map(|found| found.expect("whole"))
            .map(|found| (found.id().to_owned(), found.bytes().to_vec()))
            .collect();
        let expected: BTreeMap<String, Vec<u8>> =
            people.iter().map(|(id, person)| (id.clone(), record(id, person))).collect();
        prop_assert!(found == expected, "other customers than the map's");
    }

    /// One flipped bit in a record ends the merge; one between two records is left behind.
    #[test]
    fn a_wrong_byte_of_the_old_snapshot_is_not_carried_on(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (_, mut writer) = Index::new(empty(), RULES);
        let few = (0..300).map(many).collect::<People>();
        let mut bytes = write(&filled(&mut writer, &few), &Room::new("", u64::MAX)).expect("memory");
        let base = MappedSnapshot::in_memory(bytes.clone()).expect("a snapshot");
        let section = base.section(SectionKind::Records);
        let at = at.index(section.len());
        bytes[HEADER_LEN + at] ^= 1 << bit;
        let is_in_a_record = base.records().any(|record| {
            let record = record.expect("whole").bytes();
            let begin = record.as_ptr().addr() - section.as_ptr().addr();
            (begin..begin + record.len()).contains(&at)
        });
        let damaged = MappedSnapshot::in_memory(bytes).expect("its header is whole");
        let (_, mut writer) = Index::new(Arc::new(damaged), RULES);
        let merge = filled(&mut writer, &People::from([many(CUSTOMERS + 1)]));
        match write(&merge, &Room::new("", u64::MAX)) {
            Ok(written) => {
                prop_assert!(!is_in_a_record, "a damaged record was carried on");
                MappedSnapshot::in_memory(written).expect("a snapshot").verify(|_| ()).expect("whole");
            }
            Err(error) => {
                prop_assert!(is_in_a_record && matches!(error, SnapshotError::Record { .. }), "{error}");
            }
        }
    }
}

/// A disk that fills up ends the merge with its error, and nobody is left waiting.
#[test]
fn a_writer_that_fails_ends_the_merge() {
    #[derive(Debug)]
    struct Full(Cursor<Vec<u8>>);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.position() > 100_000 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl std::io::Read for Full {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(bytes)
        }
    }
    impl std::io::Seek for Full {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let (mut writer, mut people) = begun();
    change(&mut writer, &mut people, &(7, true));
    let merge = writer.seal().expect("something was written");
    let error = merge
        .write(Full(Cursor::default()), &Room::new("", u64::MAX), 2, 0, &[])
        .expect_err("the disk is full");
    assert!(
        matches!(&error, SnapshotError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull),
        "{error}"
    );
}
