//! The journal beside a list: whatever happened, what was acknowledged is read, in order, and at most the one frame more
//! that was being written.

use proptest::prelude::*;

use super::*;

/// What is done to the journal.
#[derive(Debug, Clone)]
enum Act {
    Append(Vec<u8>),
    /// Begins a segment so many numbers later.
    Roll(u64),
    /// Keeps what holds the number that is so many before the last segment's.
    Trim(u64),
    Reopen,
    /// Lets the step after so many others fail or crash.
    Fail(u64, Fault),
}

/// A journal on a disk, and what must be in it.
struct Pair {
    disk: Disk,
    dir: tempfile::TempDir,
    journal: Option<Journal>,
    known: Frames,
    lost: Vec<Lost>,
}

impl Pair {
    /// Crashes lose by `lost`, the last one first.
    fn new(lost: &[Lost]) -> Pair {
        let dir = tempfile::tempdir().unwrap();
        let mut pair = Pair {
            disk: Disk::over(dir.path()),
            dir,
            journal: None,
            known: Frames::new(),
            lost: lost.to_vec(),
        };
        pair.reopen(None, None);
        pair
    }

    fn last(&self) -> u64 {
        self.known.last().map_or(0, |(first, _)| *first)
    }

    fn act(&mut self, act: &Act) {
        let last = self.last();
        let journal = self.journal.as_mut().unwrap();
        match act {
            Act::Append(bytes) => match journal.append(bytes) {
                Ok(()) => self.known.push((last, bytes.clone())),
                Err(JournalError::NoSegment(_)) => assert!(self.known.is_empty()),
                Err(error) => self.failed(&error, Some((last, bytes.clone())), None),
            },
            Act::Roll(later) => {
                let state = (last + later, format!("state {later}").into_bytes());
                match journal.roll(state.0, &state.1) {
                    Ok(()) => self.known.push(state),
                    Err(error) => self.failed(&error, Some(state), None),
                }
            }
            Act::Trim(before) => {
                let keep = last.saturating_sub(*before);
                match journal.trim(keep) {
                    Ok(freed) => {
                        let held = self.holding(keep);
                        let gone: Frames = self.known.drain(..held).collect();
                        assert_eq!(freed > 0, !gone.is_empty());
                    }
                    Err(error) => self.failed(&error, None, Some(keep)),
                }
            }
            Act::Reopen => self.reopen(None, None),
            Act::Fail(nth, fault) => self.disk.fail_at(*nth, *fault),
        }
    }

    /// Where the frames begin that trimming to `keep` must leave.
    fn holding(&self, keep: u64) -> usize {
        let held = self
            .known
            .iter()
            .rev()
            .map(|(first, _)| *first)
            .find(|first| *first <= keep);
        self.known
            .iter()
            .position(|(first, _)| Some(*first) == held)
            .unwrap_or(0)
    }

    fn failed(&mut self, error: &JournalError, maybe: Option<(u64, Vec<u8>)>, keep: Option<u64>) {
        let journal = self.journal.as_ref().unwrap();
        assert_eq!(
            journal.is_failed(),
            matches!(error, JournalError::Failed { .. }),
            "{error}"
        );
        // What was undone is not in the log, unless the machine stopped before it could be: then nobody was told.
        if self.disk.is_crashed() || journal.is_failed() {
            self.reopen(maybe, keep);
        } else {
            assert!(matches!(error, JournalError::Undone(_)), "{error}");
            self.reopen(None, keep);
        }
    }

    /// Opens what a crash left, if there was one; opening may crash or fail too.
    fn reopen(&mut self, maybe: Option<(u64, Vec<u8>)>, keep: Option<u64>) {
        self.journal = None;
        loop {
            if self.disk.is_crashed() {
                self.disk.restart(self.lost.pop().unwrap_or(Lost::All));
            }
            let mut frames = Frames::new();
            let opened = Journal::open::<JournalError>(self.dir.path(), |first, frame| {
                frames.push((first, frame.to_vec()));
                Ok(())
            });
            let skipped = self.check(&frames, maybe.as_ref(), keep);
            if let Ok((journal, recovered)) = opened {
                assert_eq!((recovered.damaged, recovered.set_aside), (None, 0));
                assert_eq!(recovered.frames, frames.len() as u64);
                assert!(self.known.len() - skipped <= frames.len());
                self.known = frames;
                self.journal = Some(journal);
                return;
            }
        }
    }

    /// Frames that were trimmed at the beginning, of which it is sure that they might be.
    fn check(&self, frames: &Frames, maybe: Option<&(u64, Vec<u8>)>, keep: Option<u64>) -> usize {
        let most = keep.map_or(0, |keep| self.holding(keep));
        let fits = |skipped: usize| {
            let rest = frames.strip_prefix(&self.known[skipped..]);
            let starts = skipped == 0 || self.known[skipped - 1].0 != self.known[skipped].0;
            starts
                && rest
                    .is_some_and(|more| more.is_empty() || maybe.is_some_and(|maybe| more == [maybe.clone()]))
        };
        (0..=most).find(|skipped| fits(*skipped)).unwrap_or_else(|| {
            panic!(
                "read {frames:?}, known {:?}, perhaps {maybe:?}, keep {keep:?}",
                self.known
            )
        })
    }

    /// The plug is pulled while nothing is being done.
    fn end(mut self) {
        self.journal = None;
        let lost = self.lost.pop().unwrap_or(Lost::All);
        self.disk.restart(lost);
        self.reopen(None, None);
    }
}

fn script() -> Vec<Act> {
    let append = |bytes: &str| Act::Append(bytes.into());
    let mut acts = vec![
        Act::Roll(3),
        append("one"),
        append(""),
        Act::Roll(1),
        append("a longer frame"),
    ];
    acts.extend([
        Act::Roll(5),
        append("x"),
        Act::Trim(2),
        append("y"),
        Act::Reopen,
        Act::Roll(1),
        Act::Trim(0),
        append("z"),
    ]);
    acts
}

#[test]
fn a_crash_at_every_step_keeps_what_was_acknowledged() {
    let mut losses = vec![Lost::All, Lost::Nothing];
    losses.extend((0..6).map(Lost::Some));
    let mut pair = Pair::new(&[]);
    script().iter().for_each(|act| pair.act(act));
    let steps = pair.disk.steps();
    pair.end();
    assert!(steps > 30, "{steps} steps are too few for this script");
    for step in 0..steps {
        for lost in &losses {
            let mut pair = Pair::new(&[Lost::All, *lost]);
            pair.act(&Act::Fail(step, Fault::Crash));
            script().iter().for_each(|act| pair.act(act));
            pair.end();
        }
    }
}

#[test]
fn a_crash_at_every_step_of_opening_after_a_crash_loses_nothing() {
    // A torn end, a stale file and a trimmed segment, all at once.
    for seed in 0..16 {
        for step in 0.. {
            let mut pair = Pair::new(&[Lost::Some(seed), Lost::Some(seed)]);
            let acts = script();
            acts.iter().for_each(|act| pair.act(act));
            let journal = pair.journal.as_mut().unwrap();
            // The write of the body and what would take it off fail.
            pair.disk.fail_at(1, Fault::Crash);
            let frame = (pair.known.last().unwrap().0, b"the one being written".to_vec());
            let error = journal.append(&frame.1).unwrap_err();
            pair.journal = None;
            assert!(matches!(error, JournalError::Failed { .. }));
            pair.disk.restart(Lost::Some(seed));
            let before = pair.disk.steps();
            pair.disk.fail_at(step, Fault::Crash);
            pair.reopen(Some(frame), None);
            let is_past = pair.disk.steps() - before <= step;
            pair.end();
            if is_past {
                break;
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let full = Just(Fault::Error(std::io::ErrorKind::StorageFull));
    let act = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Act::Append),
        2 => (1..4_u64).prop_map(Act::Roll),
        1 => (0..6_u64).prop_map(Act::Trim),
        1 => Just(Act::Reopen),
        2 => (0..8_u64, prop_oneof![Just(Fault::Crash), full]).prop_map(|(nth, fault)| Act::Fail(nth, fault)),
    ];
    prop::collection::vec(act, 0..40)
}

proptest! {
    #[test]
    fn it_is_the_list_that_was_appended(acts in acts(), seeds in prop::collection::vec(any::<u64>(), 8)) {
        let lost: Vec<Lost> = seeds.into_iter().map(Lost::Some).collect();
        let mut pair = Pair::new(&lost);
        acts.iter().for_each(|act| pair.act(act));
        pair.end();
    }
}
