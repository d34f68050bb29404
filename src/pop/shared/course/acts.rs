//! What a node is told of the stream, and what it does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::super::entry::Entry;
use super::super::letter::Letter;
use super::Own;

/// A stream, when one looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    /// When it was created, nanoseconds since 1970.
    pub(crate) life: u64,
    /// The first message that it still has; one more than the last where it has none.
    pub(crate) first: u64,
    /// The last message.
    pub(crate) last: u64,
    /// Where this node's newest letter was, there is another message now.
    pub(crate) is_another_end: bool,
}

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tailed {
    /// Entries.
    Letter(Letter),
    /// Something that is not about the state of calls, with its [`stamp`](super::super::committed::stamp).
    Other { stamp: u64 },
    /// A node wrote it that this one does not understand, for this reason.
    Unreadable(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Connect, if need be, and look at the stream.
    Look,
    /// Ask the other node for the state that it has folded.
    AskPeer,
    /// Read the stream from this message on.
    Follow(u64),
    /// Publish this.
    Publish(Arc<Letter>),
    /// Publish what means nothing, to see whether it is kept.
    Try,
    /// Own entries up to this one, counted from the start, are kept on other machines.
    Replicated(u64),
    /// Own entries up to this one are not sent, because everything that is known is brought.
    Superseded(u64),
    /// The stream's order has gone on: these entries of others, and own ones up to this one.
    Folded { foreign: Vec<Arc<Entry>>, own: u64 },
    /// The committed state began anew; where `is_bringing`, what is known here is to be brought as entries.
    Rebased { is_bringing: bool },
    /// Note this on disk.
    Note(Line),
    /// Write everything to disk anew.
    Restate,
    /// What is written is replicated from now on, or is not.
    Quorum(bool),
    /// Say this to whoever operates the node.
    Tell(Told),
}

/// A line of the own log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// An own entry was handed on.
    Handed(Own),
    /// The message `sequence` was folded.
    Letter {
        sequence: u64,
        node: String,
        incarnation: u64,
        first: u64,
        entries: Vec<Arc<Entry>>,
    },
    /// The message `sequence` was folded, whose entries are own ones that were handed on.
    Own {
        sequence: u64,
        incarnation: u64,
        first: u64,
        count: usize,
    },
    /// The message `sequence` changes nothing.
    Passed {
        sequence: u64,
        #[serde(default)]
        stamp: u64,
    },
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The stream is followed.
    Following { sequence: u64, last: u64 },
    /// It was deleted, or made again.
    MadeAgain,
    /// It is the same, but its end is another one than was read.
    LostEnd,
    /// It no longer has what comes next.
    Trimmed { expected: u64, first: u64 },
    /// Nobody can tell what it had: the state begins with what it still has.
    Incomplete,
    /// Messages are missing in it.
    Missing { expected: u64, found: u64 },
    /// A message cannot be understood: this node goes on alone.
    Unreadable(String),
    /// What is written is replicated again, or no longer.
    Quorum(bool),
}
