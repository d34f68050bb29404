//! Nothing is missing between two lines of a log, whatever the disk refused.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::path::Path;

use crossbeam::channel::{Receiver, unbounded};

use super::super::super::calls::Bounds as CallBounds;
use super::super::super::entry::{Entry, What};
use super::super::super::store::recover;
use super::super::committed::Committed;
use super::super::course::{Act, Bounds};
use super::super::letter::Origin;
use super::*;

fn course() -> Course {
    let origin = Origin {
        node: "a".to_owned(),
        incarnation: 1,
    };
    let bounds = Bounds {
        origin,
        patience_ms: 200,
        resend_ms: 500,
        pause_ms: 50,
        letter_bytes: 4096,
        letter_entries: 5,
        calls: CallBounds::default(),
    };
    Course::new(bounds, Committed::default(), Vec::new())
}

/// A log in `dir`, and what its disk says.
fn log(dir: &Path, course: &Course) -> (OwnLog, Receiver<Said>) {
    let (journal, _) = recover(dir, &CallBounds::default()).unwrap();
    let (said, hears) = unbounded();
    let disk = Disk::spawn(journal, 0, course, said).unwrap();
    (OwnLog::new(disk, Arc::default()), hears)
}

/// Hands on an own entry, and notes it.
fn hand(log: &mut OwnLog, course: &mut Course, to: u64) -> u64 {
    let what = What::Skipped { to };
    let handed = course.hand(0, Arc::new(Entry { at: to, what }));
    while let Some(act) = course.act() {
        if let Act::Note(line) = act {
            log.note(&line);
        }
    }
    log.write(false, course, handed);
    handed
}

/// The ids to which own entries skip that a start finds in `dir`.
fn found(dir: &Path) -> Vec<u64> {
    let (_, recovered) = recover(dir, &CallBounds::default()).unwrap();
    let own = recovered.pending.iter();
    own.map(|own| own.entry.at).collect()
}

#[test]
fn what_comes_while_a_full_disk_is_being_left_behind_is_not_missing_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut course = course();
    let (mut log, hears) = log(dir.path(), &course);
    let handed = hand(&mut log, &mut course, 1);
    log.fail("the disk is full");
    log.roll(&course, handed);
    // Nobody has heard of the segment yet that is being begun.
    let handed = hand(&mut log, &mut course, 2);
    while log.said(hears.recv().unwrap()) != Some(handed) {}
    assert!(log.is_well());
    drop(log);
    assert_eq!(found(dir.path()), [1, 2]);
}

#[test]
fn what_failed_ahead_of_a_segment_takes_nothing_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut course = course();
    let (mut log, hears) = log(dir.path(), &course);
    let handed = hand(&mut log, &mut course, 1);
    log.roll(&course, handed);
    // Told late, of lines ahead of the segment.
    assert_eq!(log.said(Said::Failed("the disk is full".to_owned())), None);
    let handed = hand(&mut log, &mut course, 2);
    while log.said(hears.recv().unwrap()) != Some(handed) {}
    assert!(log.is_well());
    drop(log);
    assert_eq!(found(dir.path()), [1, 2]);
}

#[test]
fn what_nobody_took_is_written_with_everything_else_once_somebody_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut course = course();
    let (mut log, hears) = log(dir.path(), &course);
    let handed = hand(&mut log, &mut course, 1);
    log.roll(&course, handed);
    log.has_hole = true;
    log.fail("the disk takes nothing for a while");
    let handed = hand(&mut log, &mut course, 2);
    // The segment has begun ahead of the hole.
    while log.is_rolling {
        log.said(hears.recv().unwrap());
    }
    assert!(!log.is_well());
    log.roll(&course, handed);
    while log.said(hears.recv().unwrap()) != Some(handed) {}
    assert!(log.is_well());
    drop(log);
    assert_eq!(found(dir.path()), [1, 2]);
}
