#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs;

use super::*;
use crate::durable::fault::{Disk, Fault, Lost};

mod damage;
mod golden;
mod model;

/// What was read: what a frame's segment is called by, and its bytes.
type Frames = Vec<(u64, Vec<u8>)>;

fn open(dir: &Path) -> (Journal, Recovered, Frames) {
    let mut frames = Frames::new();
    let (journal, recovered) = Journal::open::<JournalError>(dir, |first, frame| {
        frames.push((first, frame.to_vec()));
        Ok(())
    })
    .unwrap();
    assert_eq!(recovered.frames, frames.len() as u64);
    (journal, recovered, frames)
}

fn frame(first: u64, bytes: &str) -> (u64, Vec<u8>) {
    (first, bytes.into())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_appended_is_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("log");
    let (mut journal, recovered, frames) = open(&dir);
    assert_eq!(
        (recovered, frames.len(), dir.exists()),
        (Recovered::default(), 0, false)
    );
    assert!(matches!(journal.append(b"x"), Err(JournalError::NoSegment(_))));
    assert!(!dir.exists(), "an empty journal makes nothing");

    journal.roll(3, b"state").unwrap();
    journal.append(b"one").unwrap();
    journal.append(b"").unwrap();
    journal.roll(9, b"").unwrap();
    journal.append(&[7; 100_000]).unwrap();
    let bytes = journal.bytes();
    assert_eq!(
        journal.segments().map(|(first, _)| first).collect::<Vec<_>>(),
        [3, 9]
    );
    assert_eq!(
        names(&dir),
        ["00000000000000000003.log", "00000000000000000009.log"]
    );

    let (mut journal, recovered, frames) = open(&dir);
    let expected = [
        frame(3, "state"),
        frame(3, "one"),
        frame(3, ""),
        frame(9, ""),
        (9, vec![7; 100_000]),
    ];
    assert_eq!(frames, expected);
    assert_eq!(
        recovered,
        Recovered {
            frames: 5,
            ..Recovered::default()
        }
    );
    assert_eq!(journal.bytes(), bytes);
    journal.append(b"more").unwrap();
    assert_eq!(open(&dir).2.len(), 6);
}

#[test]
fn trimming_keeps_what_holds_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(dir.path());
    for first in [10, 20, 30] {
        journal.roll(first, b"state").unwrap();
    }
    let left = |journal: &Journal| journal.segments().map(|(first, _)| first).collect::<Vec<_>>();
    let one = journal.bytes() / 3;
    for (keep, freed, expected) in [
        (9, 0, vec![10, 20, 30]),
        (19, 0, vec![10, 20, 30]),
        (20, one, vec![20, 30]),
        (u64::MAX, one, vec![30]),
    ] {
        assert_eq!(journal.trim(keep).unwrap(), freed, "{keep}");
        assert_eq!(left(&journal), expected);
        assert_eq!(left(&open(dir.path()).0), expected);
    }
}

#[test]
fn what_cannot_be_appended_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(dir.path());
    journal.roll(5, b"state").unwrap();
    for first in [0, 5] {
        let error = journal.roll(first, b"").unwrap_err();
        assert!(matches!(error, JournalError::Order { last: 5, .. }), "{error}");
    }
    let long = vec![0; frame::LONGEST as usize + 1];
    assert!(matches!(journal.append(&long), Err(JournalError::TooLong(_))));
    assert!(matches!(journal.roll(6, &long), Err(JournalError::TooLong(_))));
    assert!(!journal.is_failed());
    journal.append(b"one").unwrap();
    assert_eq!(open(dir.path()).2, [frame(5, "state"), frame(5, "one")]);
}

#[test]
fn a_visitor_that_refuses_ends_the_opening_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"state").unwrap();
    let path = dir.path().join("00000000000000000001.log");
    let mut torn = fs::read(&path).unwrap();
    torn.extend(b"torn");
    fs::write(&path, &torn).unwrap();
    let refused = Journal::open(dir.path(), |_, _| Err(JournalError::TooLong(0)));
    assert!(matches!(refused, Err(JournalError::TooLong(0))));
    assert_eq!(fs::read(&path).unwrap(), torn);
}

#[test]
fn a_full_disk_is_tried_again_and_leaves_no_trace() {
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded] {
        for nth in 0..2 {
            let dir = tempfile::tempdir().unwrap();
            let disk = Disk::over(dir.path());
            let (mut journal, ..) = open(dir.path());
            journal.roll(1, b"state").unwrap();
            disk.fail_at(nth, Fault::Error(kind));
            let error = journal.append(b"a frame that is long").unwrap_err();
            let JournalError::Undone(DurableError::Full { .. }) = &error else {
                panic!("{error}");
            };
            assert!(error.to_string().contains("tried again"), "{error}");
            assert!(!journal.is_failed());
            let path = dir.path().join("00000000000000000001.log");
            assert_eq!(fs::metadata(path).unwrap().len(), journal.bytes());

            journal.append(b"second try").unwrap();
            journal.roll(2, b"").unwrap();
            disk.restart(Lost::All);
            let expected = [frame(1, "state"), frame(1, "second try"), frame(2, "")];
            assert_eq!(open(dir.path()).2, expected);
        }
    }
}

#[test]
fn a_disk_that_is_full_when_a_segment_begins_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::over(dir.path());
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"state").unwrap();
    for nth in 0..4 {
        disk.fail_at(nth, Fault::Error(std::io::ErrorKind::StorageFull));
        let error = journal.roll(2, b"state").unwrap_err();
        assert!(
            matches!(error, JournalError::Undone(DurableError::Full { .. })),
            "{nth}: {error}"
        );
        assert_eq!(names(dir.path()).len(), 1);
    }
    journal.append(b"goes on").unwrap();
    journal.roll(2, b"state").unwrap();
    assert_eq!(open(dir.path()).2.len(), 3);
}

#[test]
fn a_failed_fsync_is_final() {
    type Act = fn(&mut Journal) -> Result<(), JournalError>;
    let acts: [(&str, Act); 3] = [
        ("append", |journal| journal.append(b"x")),
        ("roll", |journal| journal.roll(9, b"x")),
        ("trim", |journal| journal.trim(2).map(drop)),
    ];
    for (name, act) in acts {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::over(dir.path());
        let (mut journal, ..) = open(dir.path());
        journal.roll(1, b"").unwrap();
        journal.roll(2, b"").unwrap();
        disk.fail_sync(std::io::ErrorKind::Other);
        let error = act(&mut journal).unwrap_err();
        assert!(matches!(error, JournalError::Failed { .. }), "{name}: {error}");
        assert!(error.to_string().contains("then restart"), "{error}");
        assert!(journal.is_failed());
        let steps = disk.steps();
        for result in [
            journal.append(b"y"),
            journal.roll(10, b""),
            journal.trim(9).map(drop),
        ] {
            assert!(matches!(result, Err(JournalError::Failed { .. })), "{name}");
        }
        assert_eq!(disk.steps(), steps, "{name}: a failed journal touches nothing");
    }
}

#[test]
fn a_failed_write_that_cannot_be_taken_off_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::over(dir.path());
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"").unwrap();
    disk.fail_at(0, Fault::Crash);
    assert!(matches!(journal.append(b"x"), Err(JournalError::Failed { .. })));
    assert!(journal.is_failed());
}

#[test]
fn others_may_not_read_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"").unwrap();
    let metadata = fs::metadata(dir.path().join("00000000000000000001.log")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o007, 0);
}
