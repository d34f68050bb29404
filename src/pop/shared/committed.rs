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
    pub(crate) calls: Calls,
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
    pub(crate) fn is_of(&self, origin: &Origin, first: u64) -> bool {
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
        skip
    }

    /// Passes over a message that has no entries.
    pub(crate) fn pass(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// The newest letter that was folded.
    pub(crate) fn newest(&self) -> Option<&Mark> {
        self.marks.last()
    }

    /// Whether there is nothing in it that a stream could lack.
    pub(crate) fn is_blank(&self) -> bool {
        self.calls.pieces().next().is_none()
    }
}
