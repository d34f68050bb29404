//! What every answer was, at every seq that a reader may still ask for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One version of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// Which customer.
    pub(crate) person: usize,
    /// Position of the change that made it; no two are alike.
    pub(crate) tag: u64,
}

/// What a lookup came to; `None` for nobody.
pub(crate) type Answer = Option<Version>;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// A customer by id.
    Person(usize),
    /// The owner of a number.
    Number(usize),
}

/// Answers, the oldest first, each from its seq on.
type Answers = VecDeque<(u64, Answer)>;

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Right at the seq that the reader was told.
    Right,
    /// Right at another one since the reader began: not stale, but told as newer than it is.
    Earlier,
    /// Right at none.
    Wrong,
}

/// The truth by seq. One thread says what it is, ahead of making it visible; readers keep what they may need by saying
/// which seq was visible before they began.
pub(crate) struct Oracle {
    people: Vec<Mutex<Answers>>,
    numbers: Vec<Mutex<Answers>>,
    floors: Vec<AtomicU64>,
}

impl Oracle {
    pub(crate) fn new(people: usize, numbers: usize, readers: usize) -> Oracle {
        let nobody = |_| Mutex::new(Answers::from([(0, None)]));
        Oracle {
            people: (0..people).map(nobody).collect(),
            numbers: (0..numbers).map(nobody).collect(),
            floors: (0..readers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// From `seq` on, which nobody sees yet, `asked` is answered with `answer`.
    pub(crate) fn say(&self, asked: Asked, seq: u64, answer: Answer) {
        let floors = self.floors.iter().map(|floor| floor.load(Ordering::SeqCst));
        let floor = floors.min().unwrap_or(u64::MAX);
        let mut answers = self.answers(asked);
        answers.push_back((seq, answer));
        while answers.get(1).is_some_and(|(since, _)| *since <= floor) {
            answers.pop_front();
        }
    }

    /// The reader `nth` asks for nothing ahead of `seq` any more.
    pub(crate) fn begins(&self, nth: usize, seq: u64) {
        self.floors[nth].store(seq, Ordering::SeqCst);
    }

    /// Judges what one view gave, which told the seq `told`, to a reader who began at `begun`: all of it must have been
    /// true at once.
    pub(crate) fn judge(&self, given: &[(Asked, Answer)], begun: u64, told: u64) -> Verdict {
        let holds = |seq| {
            given
                .iter()
                .all(|(asked, answer)| self.at(*asked, seq) == *answer)
        };
        if told < begun {
            return Verdict::Wrong;
        }
        if holds(told) {
            return Verdict::Right;
        }
        let mut moments = vec![begun];
        for (asked, _) in given {
            let answers = self.answers(*asked);
            moments.extend(answers.iter().map(|(since, _)| *since));
        }
        if moments
            .into_iter()
            .any(|seq| (begun..=told).contains(&seq) && holds(seq))
        {
            Verdict::Earlier
        } else {
            Verdict::Wrong
        }
    }

    fn at(&self, asked: Asked, seq: u64) -> Answer {
        let answers = self.answers(asked);
        answers.iter().rev().find(|(since, _)| *since <= seq)?.1
    }

    fn answers(&self, asked: Asked) -> MutexGuard<'_, Answers> {
        let answers = match asked {
            Asked::Person(nth) => &self.people[nth],
            Asked::Number(nth) => &self.numbers[nth],
        };
        answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_true_at_once_is_wrong() {
        let oracle = Oracle::new(2, 1, 1);
        let version = |person, tag| Some(Version { person, tag });
        let (a, b) = (Asked::Person(0), Asked::Person(1));
        oracle.say(a, 5, version(0, 1));
        oracle.say(b, 5, version(1, 2));
        oracle.say(a, 9, version(0, 3));
        oracle.say(b, 9, version(1, 4));
        let judge = |first, second, begun, told| {
            oracle.judge(&[(a, version(0, first)), (b, version(1, second))], begun, told)
        };
        assert_eq!(judge(1, 2, 5, 8), Verdict::Right);
        assert_eq!(judge(3, 4, 5, 9), Verdict::Right);
        assert_eq!(judge(1, 2, 5, 9), Verdict::Earlier, "told as newer than it is");
        assert_eq!(judge(1, 2, 9, 9), Verdict::Wrong, "stale");
        assert_eq!(judge(3, 4, 5, 8), Verdict::Wrong, "not visible yet");
        assert_eq!(judge(1, 4, 5, 9), Verdict::Wrong, "half of a batch");
        assert_eq!(judge(1, 2, 7, 6), Verdict::Wrong, "a seq that goes back");
    }

    #[test]
    fn what_a_reader_may_ask_for_is_kept() {
        let oracle = Oracle::new(1, 0, 1);
        let asked = Asked::Person(0);
        for seq in 1..100 {
            oracle.begins(0, seq / 2);
            oracle.say(asked, seq, Some(Version { person: 0, tag: seq }));
            assert_eq!(
                oracle.at(asked, seq / 2),
                (seq > 1).then_some(Version {
                    person: 0,
                    tag: seq / 2
                })
            );
        }
        assert!(oracle.answers(asked).len() < 60);
    }
}
