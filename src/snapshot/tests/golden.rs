//! What this version writes, byte by byte, and that it and what the version before wrote is read.
//!
//! `RINGSIDE_WRITE_GOLDEN=1 cargo test --lib golden` writes it anew, which is right only where the format's version changes,
//! into a file of another name.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::number::SuffixDigits;
use crate::snapshot::layout::{FORMAT_VERSION, Header, LogPlace, renumber};

/// What this version writes.
const PRESENT: &str = "snapshot-1.ringside";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/golden")
        .join(name)
}

/// Customers with numbers, one of them contested, and everything that a header and its sections can say.
fn write() -> Vec<u8> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42).unwrap();
    let mut writer = writer.by_suffix(SuffixDigits::new(7));
    for bytes in [
        record("a", &[claim(14_806_754_110, 1), claim(14_806_754_111, 5)]),
        record("b", &[claim(14_806_754_111, 2)]),
        record("c", &[]),
    ] {
        writer.add(&Record::open(&bytes).unwrap()).unwrap();
    }
    let stream = |stream: &str, incarnation: &str, token: &str| Stream {
        stream: stream.into(),
        incarnation: incarnation.into(),
        token: token.into(),
    };
    let streams = [stream("import", "a", ""), stream("crm", "one", "behind 9")];
    let facts = Facts {
        generation: 3,
        seq: 9,
        created_at_ms: 1_763_762_400_000,
        schema: &Schema::default(),
        streams: &streams,
        log: LogPlace { line: 77, follows: 8 },
    };
    writer.finish(&facts).unwrap().0.into_inner()
}

#[test]
fn golden_files_are_what_is_written() {
    if std::env::var_os("RINGSIDE_WRITE_GOLDEN").is_some() {
        fs::write(golden(PRESENT), write()).unwrap();
    }
    assert_eq!(fs::read(golden(PRESENT)).unwrap(), write());
}

#[test]
fn what_this_version_and_the_one_before_wrote_is_read() {
    for (name, version) in [("snapshot-0.ringside", 0), (PRESENT, FORMAT_VERSION)] {
        let snapshot = Snapshot::open(fs::read(golden(name)).unwrap()).unwrap();
        let header: &Header = snapshot.header();
        assert_eq!(header.format_version, version);
        assert_eq!(
            (header.generation, header.seq, header.created_at_ms),
            (3, 9, 1_763_762_400_000)
        );
        assert_eq!(header.log, LogPlace { line: 77, follows: 8 });
        assert_eq!((header.customers, header.contested, header.suffixes), (3, 1, 2));
        assert_eq!(snapshot.streams()[1].token, "behind 9");
        let ids = |key| claimant_ids(&snapshot, key, Order::NewestClaim);
        assert_eq!(ids(14_806_754_110), ["a"]);
        assert_eq!(ids(14_806_754_111), ["a", "b"]);
        assert_eq!(snapshot.customer("c").unwrap().id(), "c");
        assert_eq!(snapshot.verify(|_| ()).unwrap().claims, 3);
    }
}

/// What was declared stable is what had been written until then.
#[test]
fn version_1_is_version_0_but_for_the_number_and_the_headers_checksum() {
    let (before, now) = (fs::read(golden("snapshot-0.ringside")).unwrap(), write());
    let differ: Vec<usize> = (0..before.len().max(now.len()))
        .filter(|at| before.get(*at) != now.get(*at))
        .collect();
    assert!(differ.contains(&8));
    assert!(
        differ.iter().all(|at| *at == 8 || (4088..4096).contains(at)),
        "{differ:?}"
    );
}

/// A copy of an older file under another number is of the older version still; one of a version that is not known is not
/// copied at all.
#[test]
fn a_header_is_renumbered_in_its_own_version_unless_that_is_not_known() {
    let mut bytes = fs::read(golden("snapshot-0.ringside")).unwrap();
    renumber(&mut bytes, 12, 99).unwrap();
    let snapshot = Snapshot::open(&bytes).unwrap();
    let header = snapshot.header();
    assert_eq!(
        (header.format_version, header.generation, header.log.line),
        (0, 12, 99)
    );

    let mut newer = write();
    newer[8] = 2;
    for error in [
        renumber(&mut newer.clone(), 12, 99).unwrap_err(),
        Snapshot::open(newer).unwrap_err(),
    ] {
        assert!(matches!(
            error,
            SnapshotError::FormatVersion { newest: 1, found: 2 }
        ));
        let told = error.to_string();
        assert!(
            told.contains("version 1 or older, found 2, which a newer Ringside wrote"),
            "{told}"
        );
    }
}
