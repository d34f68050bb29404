//! What is behind a segment that could not be begun is in none.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::ErrorKind;
use std::path::Path;

use super::super::super::calls::Bounds;
use super::super::super::store::recover;
use super::*;
use crate::durable::fault::{self, Fault};

fn state() -> Box<State> {
    Box::new(State::new(
        "a",
        super::super::committed::Committed::default(),
        [].into(),
    ))
}

/// What is said of `told`, where the first step on the disk fails if `is_full`.
fn said_of(dir: &Path, told: Vec<Told>, is_full: bool) -> Vec<Said> {
    let (journal, recovered) = recover(dir, &Bounds::default()).unwrap();
    let mut writer = Writer {
        journal,
        segment: recovered.segment.unwrap_or(0),
        is_stale: false,
    };
    writer.roll(&state()).unwrap();
    let (tells, hears) = unbounded();
    for one in told {
        tells.send(one).unwrap();
    }
    drop(tells);
    let (said, heard) = unbounded();
    let disk = fault::Disk::over(dir);
    if is_full {
        disk.fail_at(0, Fault::Error(ErrorKind::StorageFull));
    }
    writer.run(&hears, &said);
    drop(said);
    heard.iter().collect()
}

fn told() -> Vec<Told> {
    let lines = |up_to| Told::Lines {
        lines: b"{\"passed\":{\"sequence\":1}}\n".to_vec(),
        up_to,
    };
    vec![Told::Roll(state(), 1), lines(2), Told::Roll(state(), 3), lines(4)]
}

#[test]
fn lines_behind_a_segment_that_is_not_begun_are_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let said = said_of(dir.path(), told(), true);
    assert!(
        matches!(
            said[..],
            [
                Said::NotRolled(_),
                Said::Written { up_to: 0, .. },
                Said::Rolled { up_to: 3, .. },
                Said::Written { up_to: 4, .. }
            ]
        ),
        "{said:?}"
    );
}

#[test]
fn lines_behind_a_segment_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let said = said_of(dir.path(), told(), false);
    assert!(
        matches!(
            said[..],
            [
                Said::Rolled { up_to: 1, .. },
                Said::Written { up_to: 2, .. },
                Said::Rolled { up_to: 3, .. },
                Said::Written { up_to: 4, .. }
            ]
        ),
        "{said:?}"
    );
}
