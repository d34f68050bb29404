//! The journal through crashes, full disks and flipped bytes.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io;

use proptest::prelude::*;

use super::super::fault::{Disk, Fault, Lost};
use super::*;

type Frames = Vec<Vec<u8>>;

fn open(dir: &Path) -> (Journal, Recovered, Frames) {
    let mut frames = Vec::new();
    let (journal, recovered) = Journal::open(dir, &mut |frame: &[u8]| {
        frames.push(frame.to_vec());
        Ok::<(), JournalError>(())
    })
    .unwrap();
    (journal, recovered, frames)
}

fn read(journal: &Journal, from: u64) -> Frames {
    let mut frames = Vec::new();
    journal
        .read(from, &mut |frame: &[u8]| {
            frames.push(frame.to_vec());
            Ok::<(), JournalError>(())
        })
        .unwrap();
    frames
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A journal of two segments: `a` and `b` in the first, `c` and `d` in the second.
fn small(dir: &Path) {
    let (mut journal, ..) = open(dir);
    journal.roll(1, b"a").unwrap();
    journal.append(b"b").unwrap();
    journal.roll(5, b"c").unwrap();
    journal.append(b"d").unwrap();
}

#[test]
fn what_was_appended_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let (mut journal, recovered, frames) = open(dir.path());
    assert_eq!(frames, [b"a", b"b", b"c", b"d"]);
    assert_eq!(
        recovered,
        Recovered {
            frames: 4,
            ..Recovered::default()
        }
    );
    assert_eq!(read(&journal, 5), [b"c", b"d"]);
    assert_eq!(read(&journal, 4).len(), 4);
    journal.append(b"e").unwrap();
    assert_eq!(read(&journal, 9), [b"c", b"d", b"e"]);
    assert_eq!(journal.first(), Some(1));
    assert!(journal.trim(4).unwrap() == 0 && journal.trim(5).unwrap() > 0);
    assert_eq!(open(dir.path()).2, [b"c", b"d", b"e"]);
    assert_eq!(
        journal.bytes(),
        fs::metadata(path_of(dir.path(), 5)).unwrap().len()
    );
}

#[test]
fn without_a_segment_nothing_can_be_appended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(&dir.path().join("log"));
    assert!(matches!(
        journal.append(b"a"),
        Err(JournalError::NoSegment { .. })
    ));
}

#[test]
fn every_cut_is_a_torn_end() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let path = path_of(dir.path(), 5);
    let whole = fs::read(&path).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let (mut journal, recovered, frames) = open(dir.path());
        assert_eq!(recovered.damaged, None, "{end}");
        assert!(frames.len() == 2 || frames == [b"a", b"b", b"c"], "{end}");
        journal.append(b"x").unwrap();
        assert_eq!(open(dir.path()).2.last().unwrap(), b"x", "{end}");
        let _ = fs::remove_file(&path);
        fs::remove_file(path_of(dir.path(), 1)).unwrap();
        small(dir.path());
    }
}

#[test]
fn every_flipped_byte_is_noticed_and_nothing_wrong_is_read() {
    for (nth, segment) in [(1, 1), (5, 2)] {
        let length = {
            let dir = tempfile::tempdir().unwrap();
            small(dir.path());
            fs::metadata(path_of(dir.path(), nth)).unwrap().len()
        };
        for at in 0..usize::try_from(length).unwrap() {
            let dir = tempfile::tempdir().unwrap();
            small(dir.path());
            let path = path_of(dir.path(), nth);
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 0x40;
            fs::write(&path, bytes).unwrap();
            let mut frames: Frames = Vec::new();
            let opened = Journal::open(dir.path(), &mut |frame: &[u8]| {
                frames.push(frame.to_vec());
                Ok::<(), JournalError>(())
            });
            let whole: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
            assert!(
                whole.iter().zip(&frames).all(|(whole, frame)| whole == frame) && frames.len() < 4,
                "segment {segment}, byte {at}: {frames:?}"
            );
            let Ok((_, recovered)) = opened else { continue };
            assert!(
                recovered.damaged.is_some() || recovered.torn_bytes > 0,
                "segment {segment}, byte {at}"
            );
            // What was whole is there again, and what was set aside is not read again.
            let again = open(dir.path());
            assert_eq!(again.2, frames, "segment {segment}, byte {at}");
            assert_eq!(again.1.damaged, None);
        }
    }
}

#[test]
fn damage_is_set_aside_with_all_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let path = path_of(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (mut journal, recovered, frames) = open(dir.path());
    assert_eq!(frames, [b"a"]);
    assert!(
        recovered
            .damaged
            .unwrap()
            .path
            .ends_with("00000000000000000001.damaged")
    );
    assert_eq!(
        names(dir.path()),
        [
            "00000000000000000001.damaged",
            "00000000000000000001.log",
            "00000000000000000005.damaged"
        ]
    );
    journal.append(b"e").unwrap();
    assert_eq!(open(dir.path()).2, [b"a", b"e"]);
}

#[test]
fn a_failed_fsync_closes_it_and_a_full_disk_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::over(dir.path());
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"a").unwrap();
    disk.fail_at(1, Fault::Error(io::ErrorKind::StorageFull));
    let error = journal.append(b"lost").unwrap_err();
    assert!(error.to_string().contains("free space"), "{error}");
    assert!(!journal.is_failed());
    journal.append(b"b").unwrap();
    disk.fail_at(2, Fault::Error(io::ErrorKind::Other));
    journal.append(b"lost").unwrap_err();
    assert!(journal.is_failed());
    assert!(matches!(journal.append(b"c"), Err(JournalError::Closed { .. })));
    assert!(matches!(journal.roll(9, b"c"), Err(JournalError::Closed { .. })));
    assert_eq!(read(&journal, 1), [b"a", b"b"]);
    disk.restart(Lost::All);
    assert_eq!(open(dir.path()).2, [b"a", b"b"]);
}

#[derive(Debug, Clone)]
enum Op {
    Append(u8),
    Roll,
    Trim(u64),
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => any::<u8>().prop_map(Op::Append),
        2 => Just(Op::Roll),
        1 => (0..30_u64).prop_map(Op::Trim),
        1 => Just(Op::Reopen),
    ]
}

proptest! {
    /// Whatever step a crash falls on and whatever it loses: all that was told durable is there, in order, and at most
    /// what was under way beside it.
    #[test]
    fn nothing_that_was_durable_is_lost(
        ops in prop::collection::vec(op(), 1..30),
        crashes in prop::collection::vec((1..12_u64, 0..3_u8, any::<u64>()), 0..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::over(dir.path());
        let mut crashes = crashes.into_iter();
        let arm = |crash: Option<(u64, u8, u64)>| if let Some((nth, ..)) = crash { disk.fail_at(nth, Fault::Crash) };
        let mut crash = crashes.next();
        arm(crash);
        // The segments that must be there, each with its frames; and what may be there beside them.
        let mut model: Vec<(u64, Frames)> = Vec::new();
        let (mut journal, ..) = open(dir.path());
        let mut next = 1_u64;
        for op in ops {
            let mut under_way: Option<(bool, Vec<u8>)> = None;
            let done = match op {
                Op::Append(byte) => {
                    let frame = vec![byte; usize::from(byte) + 1];
                    under_way = Some((false, frame.clone()));
                    let done = journal.append(&frame);
                    if done.is_ok() {
                        model.last_mut().unwrap().1.push(frame);
                    }
                    done.map_err(|error| matches!(error, JournalError::NoSegment { .. }))
                }
                Op::Roll => {
                    next += 3;
                    let frame = next.to_le_bytes().to_vec();
                    under_way = Some((true, frame.clone()));
                    let done = journal.roll(next, &frame);
                    if done.is_ok() {
                        model.push((next, vec![frame]));
                    }
                    done.map_err(|_| false)
                }
                Op::Trim(keep) => {
                    let done = journal.trim(keep).map_err(|_| false);
                    let kept = model.partition_point(|(first, _)| *first <= keep).saturating_sub(1);
                    if done.is_ok() {
                        model.drain(..kept);
                    } else {
                        // Some of them may be gone.
                        let there: Vec<u64> = model.iter().map(|(first, _)| *first).skip(kept).collect();
                        model.retain(|(first, _)| there.contains(first));
                    }
                    done.map(|_| ())
                }
                Op::Reopen => {
                    if !disk.has_crashed() {
                        journal = open(dir.path()).0;
                    }
                    Ok(())
                }
            };
            if done == Err(true) || !disk.has_crashed() {
                continue;
            }
            let (_, kind, seed) = crash.unwrap();
            disk.restart(match kind {
                0 => Lost::Nothing,
                1 => Lost::All,
                _ => Lost::Some(seed),
            });
            let (reopened, recovered, frames) = open(dir.path());
            prop_assert_eq!(recovered.damaged, None);
            journal = reopened;
            let expected: Frames = model.iter().flat_map(|(_, frames)| frames.clone()).collect();
            // What was to be trimmed may still be there, and what was under way may have made it.
            let more: Frames = expected.iter().cloned().chain(under_way.iter().map(|(_, frame)| frame.clone())).collect();
            prop_assert!(
                frames.ends_with(&more) || frames.ends_with(&expected),
                "expected {expected:?} and perhaps {under_way:?}, found {frames:?}"
            );
            if let Some((is_roll, frame)) = under_way
                && frames.ends_with(&more)
            {
                match is_roll {
                    true => model.push((next, vec![frame])),
                    false => model.last_mut().unwrap().1.push(frame),
                }
            }
            crash = crashes.next();
            arm(crash);
        }
    }
}
