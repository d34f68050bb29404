//! What readers find after a crash, or a failure, at every single step: the old file or the new one.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::fault::{Disk, Fault, Lost, Step, step};
use super::{Current, Staged, clean_stale, move_file, write_atomically};

/// Runs `act` in a folder made by `prepare` with a crash at each of its steps in turn, and with each loss; then `check`
/// learns of the folder whether the act had said that it was done.
fn at_every_step(prepare: fn(&Path), act: fn(&Path) -> bool, check: fn(&Path, bool)) {
    let mut losses = vec![Lost::All, Lost::Nothing];
    losses.extend((0..12).map(Lost::Some));
    for lost in losses {
        for nth in 0.. {
            let dir = tempfile::tempdir().unwrap();
            prepare(dir.path());
            let disk = Disk::over(dir.path());
            disk.fail_at(nth, Fault::Crash);
            let is_done = act(dir.path());
            let is_past = !disk.is_crashed();
            assert!(nth > 0 || !is_past, "the act has steps");
            disk.restart(lost);
            clean_stale(dir.path()).unwrap();
            check(dir.path(), is_done);
            if is_past {
                break;
            }
        }
    }
}

/// The same with each step failing alone: `check` also sees a folder in which nothing staged is left.
fn with_every_failure(prepare: fn(&Path), act: fn(&Path) -> bool, check: fn(&Path, bool)) {
    for nth in 0.. {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let disk = Disk::over(dir.path());
        disk.fail_at(nth, Fault::Error(io::ErrorKind::StorageFull));
        let is_done = act(dir.path());
        assert!(clean_stale(dir.path()).unwrap().is_empty(), "step {nth}");
        check(dir.path(), is_done);
        if disk.steps() <= nth {
            break;
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The file `state` is old or new, and new where that was said.
fn state_is_whole(dir: &Path, is_done: bool) {
    let found = fs::read_to_string(dir.join("state")).unwrap();
    assert!(
        found == "new contents" || found == "old" && !is_done,
        "{found:?}, {is_done}"
    );
    assert_eq!(names(dir), ["state"]);
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let prepare = |dir: &Path| fs::write(dir.join("state"), "old").unwrap();
    let act =
        |dir: &Path| write_atomically(&dir.join("state"), |file| file.write_all(b"new contents")).is_ok();
    at_every_step(prepare, act, state_is_whole);
    with_every_failure(prepare, act, state_is_whole);
}

#[test]
fn a_pointer_leads_to_a_whole_file() {
    let prepare = |dir: &Path| {
        fs::write(dir.join("1.snap"), "old").unwrap();
        fs::write(dir.join("CURRENT"), "1.snap\n").unwrap();
    };
    let act = |dir: &Path| {
        let published = Staged::create(&dir.join("2.snap")).and_then(|mut staged| {
            staged.writer().unwrap().write_all(b"new contents").unwrap();
            staged.publish()
        });
        published.and_then(|()| Current::publish(dir, "2.snap")).is_ok()
    };
    let check = |dir: &Path, is_done: bool| {
        let current = Current::read(dir).unwrap().unwrap();
        let found = fs::read_to_string(&current).unwrap();
        match current.file_name().unwrap().to_str().unwrap() {
            "1.snap" => assert!(found == "old" && !is_done, "{found:?}, {is_done}"),
            _ => assert_eq!(found, "new contents"),
        }
    };
    at_every_step(prepare, act, check);
    with_every_failure(prepare, act, check);
}

#[test]
fn a_moved_file_is_here_or_there() {
    let prepare = |dir: &Path| fs::write(dir.join("from"), "whole").unwrap();
    let act = |dir: &Path| move_file(&dir.join("from"), &dir.join("to")).is_ok();
    let check = |dir: &Path, is_done: bool| {
        let names = names(dir);
        assert!(names == ["to"] || names == ["from"] && !is_done, "{names:?}");
        assert_eq!(fs::read_to_string(dir.join(&names[0])).unwrap(), "whole");
    };
    at_every_step(prepare, act, check);
    with_every_failure(prepare, act, check);
}

/// Whoever forgets an fsync is found out by some loss.
#[test]
fn the_disk_loses_what_was_not_made_durable() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let dir = tempfile::tempdir().unwrap();
        let (state, staged) = (dir.path().join("state"), dir.path().join("staged"));
        fs::write(&state, "old").unwrap();
        let disk = Disk::over(dir.path());
        step(Step::Create, &staged).unwrap();
        fs::write(&staged, "new contents").unwrap();
        super::names::rename(&staged, &state).unwrap();
        disk.restart(Lost::Some(seed));
        found.insert(fs::read_to_string(&state).unwrap());
    }
    for expected in ["old", "", "new contents"] {
        assert!(found.contains(expected), "{found:?}");
    }
    assert!(
        found
            .iter()
            .any(|found| found.starts_with("new") && found.ends_with('\0')),
        "{found:?}"
    );
    assert!(found.len() > 6, "torn in many ways: {found:?}");
}

#[test]
fn the_disk_loses_bytes_and_names_and_keeps_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::over(dir.path());
    let (synced, nameless) = (dir.path().join("synced"), dir.path().join("nameless"));
    for path in [&synced, &nameless] {
        step(Step::Create, path).unwrap();
        fs::write(path, "durable").unwrap();
        step(Step::Sync, path).unwrap();
        if *path == synced {
            super::names::sync_folder(dir.path()).unwrap();
        }
    }
    step(Step::Write, &synced).unwrap();
    fs::write(&synced, "durable and more").unwrap();
    super::remove_file(&synced).unwrap();
    disk.restart(Lost::All);
    assert_eq!(names(dir.path()), ["synced"]);
    assert_eq!(fs::read_to_string(&synced).unwrap(), "durable");
}
