//! Delivering lines of one feed to the replica.

use super::rejects::Rejects;
use crate::replica::{Change, Outcome, Replica, StreamId};

/// What some editors put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where changes of a feed go.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    pub(super) replica: &'a mut Replica,
    pub(super) rejects: &'a mut Rejects,
    /// Milliseconds since 1970.
    pub(super) now_ms: i64,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivered {
    /// It holds nothing.
    Blank,
    /// It is done with, and stands at this position.
    Done(u64),
    /// It is refused, for this reason, which repeats nothing of it.
    Refused(String),
    /// It is to be delivered again once somebody has had a look.
    Held,
}

/// What is known of how a stream's lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// The greatest position so far.
    pub(super) position: Option<u64>,
    /// Whether the lines say where they stand; `None` ahead of the first.
    pub(super) positioned: Option<bool>,
    /// When the source made the newest change, in milliseconds since 1970, where its lines say so.
    pub(super) at_ms: Option<i64>,
}

impl Sink<'_> {
    /// Delivers a line of the feed `name`, which is the `number`th of `stream`.
    pub(super) fn deliver(
        &mut self,
        name: &str,
        stream: StreamId,
        course: &mut Course,
        number: u64,
        line: &[u8],
    ) -> Delivered {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Delivered::Blank;
        }
        let refused = match Change::decode(line) {
            Ok(decoded)
                if *course.positioned.get_or_insert(decoded.position.is_some())
                    != decoded.position.is_some() =>
            {
                // A line's number and a position of the source's do not compare.
                self.replica.counters().refuse();
                "position: expected on every line of the stream or on none".to_owned()
            }
            Ok(decoded) => {
                let position = decoded.position.unwrap_or(number);
                match self
                    .replica
                    .apply(stream, &position.to_be_bytes(), decoded.change)
                {
                    Outcome::Held => return Delivered::Held,
                    Outcome::Refused(refused) => refused.without_content(),
                    Outcome::Applied(_)
                    | Outcome::Seen
                    | Outcome::Parked
                    | Outcome::Noted
                    | Outcome::Dropped => {
                        course.position = course.position.max(Some(position));
                        course.at_ms = course.at_ms.max(decoded.at_ms);
                        return Delivered::Done(position);
                    }
                }
            }
            Err(error) => {
                self.replica.counters().refuse();
                error.without_content()
            }
        };
        tracing::warn!(
            feed = name,
            line = number,
            reason = refused,
            "a change was refused"
        );
        self.rejects.keep(name, number, &refused, line, self.now_ms);
        Delivered::Refused(refused)
    }
}
