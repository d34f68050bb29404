//! The end of the stream, as a relay sees it.

use crate::feed::jetstream::marks::{Mark, Stamp};
use crate::feed::source::Life;

/// The last message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last {
    /// There never was one.
    Nothing,
    /// It is gone.
    Gone,
    /// Nobody's relay published it.
    Foreign,
    /// A relay published it; whether that one has said that it stops.
    Ours(Stamp, bool),
}

impl Last {
    /// The message with these headers and payload.
    pub(crate) fn of(stamp: Option<Stamp>, subject: &str, payload: &[u8]) -> Last {
        let Some(stamp) = stamp else {
            return Last::Foreign;
        };
        let has_left = subject.contains(".control.") && Mark::read(payload) == Some(Mark::Left);
        Last::Ours(stamp, has_left)
    }
}

/// The end of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// When the stream was created, in nanoseconds since 1970.
    pub(crate) created_ns: i128,
    /// The first sequence that it still has.
    pub(crate) first: u64,
    /// The last one that it gave.
    pub(crate) last: u64,
    /// The message there.
    pub(crate) message: Last,
    /// The newest whole copy that is still there from its beginning.
    pub(crate) whole: Option<u64>,
    /// The newest copy, whole or not.
    pub(crate) begun: Option<u64>,
    /// The most bytes that a message and its headers may have.
    pub(crate) max_payload: usize,
}

impl End {
    /// Whether nobody publishes, for sure.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.message, Last::Nothing | Last::Ours(_, true))
    }

    /// What the last message says of itself.
    pub(super) fn stamp(&self) -> Option<&Stamp> {
        match &self.message {
            Last::Ours(stamp, _) => Some(stamp),
            _ => None,
        }
    }

    /// The epoch of the last message.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.stamp().map(|stamp| stamp.epoch)
    }

    /// Where the source was.
    pub(super) fn life(&self) -> Option<Life> {
        self.stamp().and_then(|stamp| stamp.life.clone())
    }

    /// Why changes are missing behind the last message unless another copy is made, where that is so.
    pub(super) fn missing(&self) -> Option<&'static str> {
        if self.message == Last::Gone {
            return Some("the end of the stream was purged");
        }
        // A copy gives up the place that was followed ahead of it.
        self.begun
            .is_some_and(|begun| begun > self.whole.unwrap_or(0))
            .then_some("a copy was cut off")
    }

    /// Why whoever begins to read here needs another copy, where that is so.
    pub(super) fn needs_copy(&self) -> Option<&'static str> {
        let whole = self.whole.unwrap_or(0);
        if self.begun.is_some_and(|begun| begun > whole) {
            return Some("a copy was cut off");
        }
        if self.whole.is_none() && self.first > 1 {
            return Some("the stream no longer holds its copy");
        }
        None
    }
}
