//! What is kept is there again, whatever happened meanwhile.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::super::calls::{Bounds, Calls};
use super::super::super::entry::{Entry, Offer, What};
use super::super::{Done, Kept, Waits};
use super::{CallState, LocalLog, WAITING};

const CUSTOMER: &str = "c-1";

fn ring(nth: u64) -> Entry {
    Entry {
        at: 1_000 + nth,
        what: What::Ring {
            call: nth.to_string(),
            ids: Vec::new(),
            facts: Box::default(),
            recorded: true,
            offers: vec![Offer {
                agent: "joan".to_owned(),
                pops: true,
                ..Offer::default()
            }],
            link: Some(CUSTOMER.to_owned()),
            inherits: None,
        },
    }
}

/// What becomes of what is waited for.
fn end(waits: Waits) -> Kept {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(waits.kept(Duration::from_secs(30)))
}

/// Keeps `entries`, and waits until they are.
fn keep(log: &LocalLog, calls: &mut Calls, entries: impl IntoIterator<Item = Entry>) {
    for entry in entries {
        let entry = Arc::new(entry);
        calls.apply(&entry);
        let (done, kept) = Done::new();
        assert!(log.keep(entry, Some(done)));
        assert_eq!(end(kept), Kept::Here);
    }
}

fn open(dir: &Path) -> (LocalLog, Calls) {
    LocalLog::open(dir, &Bounds::default()).unwrap()
}

/// What the newest segment is called.
fn newest(dir: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    files.pop().unwrap()
}

#[test]
fn a_restart_finds_every_call_and_gives_no_id_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = {
        let (log, mut calls) = open(dir.path());
        keep(&log, &mut calls, (0..10).map(ring));
        calls
    };
    for _ in 0..3 {
        let (log, mut calls) = open(dir.path());
        assert_eq!(calls.current("joan"), before.current("joan"));
        assert!(calls.newest_id() >= before.newest_id() + WAITING as u64);
        let next = ring(10 + calls.newest_id());
        keep(&log, &mut calls, [next]);
        assert_eq!(calls.current("joan").len(), before.current("joan").len() + 1);
        before = calls;
    }
    let segments = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(segments, 1, "segments that nobody needs are gone");
}

#[test]
fn half_an_entry_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let (log, mut calls) = open(dir.path());
        keep(&log, &mut calls, (0..3).map(ring));
        calls
    };
    let mut file = OpenOptions::new().append(true).open(newest(dir.path())).unwrap();
    file.write_all(b"\xf7RF\xfe\x10\0\0\0half").unwrap();
    drop(file);
    let (_log, calls) = open(dir.path());
    assert_eq!(calls.current("joan"), before.current("joan"));
}

#[test]
fn a_state_of_something_else_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = crate::durable::Journal::open::<super::StoreError>(dir.path(), |_, _| Ok(()))
        .unwrap()
        .0;
    journal.roll(1, b"{\"calls\": 7}").unwrap();
    drop(journal);
    let error = LocalLog::open(dir.path(), &Bounds::default()).unwrap_err();
    assert!(error.to_string().contains("move the folder `calls`"), "{error}");
}

#[test]
fn a_log_that_is_left_in_the_middle_has_all_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (log, mut calls) = open(dir.path());
    keep(&log, &mut calls, (0..5).map(ring));
    // As a process that is killed leaves it: nobody closes anything.
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let (_other, found) = open(copy.path());
    assert_eq!(found.current("joan"), calls.current("joan"));
    drop(log);
}
