//! The state that the stream makes, in its order: the same on every node that has read as far.

use serde::{Deserialize, Serialize};

use super::super::calls::{Bounds, Calls};
use super::letter::{Letter, Origin};

/// The most writers of whom it is known how far they have come. Each start of a node is another one.
const MARKS_MAX: usize = 64;

/// What a stream has made of calls so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Committed {
    /// When the stream was created, nanoseconds since 1970; 0: what is known is of none.
    pub(crate) life: u64,
    /// The last message that was folded.
    pub(crate) sequence: u64,
    marks: Vec<Mark>,
    /// The last message, where it has no entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passed: Option<Passed>,
    pub(crate) calls: Calls,
}

/// A message without entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Passed {
    pub(crate) sequence: u64,
    /// What [`stamp`] makes of it.
    pub(crate) stamp: u64,
}

/// The newest message that was read, as far as it would be known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Newest {
    Letter(Mark),
    Passed(Passed),
}

/// What tells a message from others, which were sealed with other random numbers; never 0.
pub(crate) fn stamp(payload: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(payload).max(1)
}

impl Newest {
    /// Its place in the stream.
    pub(crate) fn sequence(&self) -> u64 {
        match self {
            Newest::Letter(mark) => mark.sequence,
            Newest::Passed(passed) => passed.sequence,
        }
    }

    /// Whether it is the message with `payload`, that `writer` wrote, from their entry on.
    pub(crate) fn is_it(&self, writer: Option<&(Origin, u64)>, payload: &[u8]) -> bool {
        match self {
            Newest::Letter(mark) => writer.is_some_and(|(origin, first)| mark.is_of(origin, *first)),
            Newest::Passed(passed) => passed.stamp == stamp(payload),
        }
    }
}

/// How far a writer has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) origin: Origin,
    /// The last entry.
    pub(crate) n: u64,
    /// The message that it came with.
    pub(crate) sequence: u64,
}

impl Mark {
    /// Whether it came with a message that `origin` wrote, from its entry `first` on.
    fn is_of(&self, origin: &Origin, first: u64) -> bool {
        self.origin == *origin && (1..=self.n).contains(&first)
    }
}

impl Committed {
    /// Nothing yet, behind the message `sequence` of the stream `life`.
    pub(crate) fn new(life: u64, sequence: u64, bounds: &Bounds) -> Committed {
        Committed {
            life,
            sequence,
            marks: Vec::new(),
            passed: None,
            calls: Calls::new(bounds.clone()),
        }
    }

    /// The state `calls`, which no stream knows.
    pub(crate) fn of(calls: Calls) -> Committed {
        Committed {
            calls,
            ..Committed::default()
        }
    }

    /// The same under `bounds`.
    pub(crate) fn with(mut self, bounds: &Bounds) -> Committed {
        self.calls = std::mem::take(&mut self.calls).with(bounds.clone());
        self
    }

    /// Folds the message `sequence`. Gives how many of its first entries were known: they came with another message, which
    /// nobody had heard was stored, and are passed over.
    pub(crate) fn fold(&mut self, sequence: u64, letter: &Letter) -> usize {
        self.sequence = sequence;
        let known = self.marks.iter().position(|mark| mark.origin == letter.origin);
        let had = known
            .and_then(|place| self.marks.get(place))
            .map_or(0, |mark| mark.n);
        let skip = usize::try_from((had + 1).saturating_sub(letter.first)).unwrap_or(usize::MAX);
        let skip = skip.min(letter.entries.len());
        for entry in letter.entries.iter().skip(skip) {
            self.calls.apply(entry);
        }
        let mark = Mark {
            origin: letter.origin.clone(),
            n: had.max(letter.last()),
            sequence,
        };
        // By when they wrote last.
        if let Some(place) = known {
            self.marks.remove(place);
        } else if self.marks.len() >= MARKS_MAX {
            // Starts of one node push out none of the other.
            let of_it = |mark: &Mark| mark.origin.node == letter.origin.node;
            self.marks.remove(self.marks.iter().position(of_it).unwrap_or(0));
        }
        self.marks.push(mark);
        self.passed = None;
        skip
    }

    /// Passes over a message that has no entries, or none that are new; a `stamp` of 0 is none.
    pub(crate) fn pass(&mut self, sequence: u64, stamp: u64) {
        self.sequence = sequence;
        if stamp > 0 {
            self.passed = Some(Passed { sequence, stamp });
        }
    }

    /// The newest message that was read.
    pub(crate) fn newest(&self) -> Option<Newest> {
        let letter = || self.marks.last().cloned().map(Newest::Letter);
        self.passed.map(Newest::Passed).or_else(letter)
    }

    /// Whether there is nothing in it that a stream could lack.
    pub(crate) fn is_blank(&self) -> bool {
        self.calls.pieces().next().is_none()
    }
}
