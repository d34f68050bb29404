//! Delivering lines of one feed to the replica.

use serde_json::Value;

use super::Settings;
use super::decode::{Decode, Item, Native};
use super::rejects::Rejects;
use crate::customer::Schema;
use crate::replica::{Change, Outcome, Replica, StreamId};

/// How a feed's lines are read.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) decoder: Box<dyn Decode>,
    /// The attributes that its customers have, where the configuration and not the source says it.
    attributes: Option<(Value, Schema)>,
}

impl Default for Format {
    fn default() -> Format {
        Format {
            decoder: Box::new(Native),
            attributes: None,
        }
    }
}

impl Format {
    /// How the lines of `feed` are read.
    pub(super) fn of(feed: &Settings) -> Format {
        let attributes = feed.attributes();
        Format {
            decoder: feed.decoder(),
            attributes: attributes.and_then(|json| Some((json.clone(), Schema::from_json(1, &json).ok()?))),
        }
    }
}

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
    /// Delivers a line of the feed `name`, which is the `number`th of `stream`, is read as `format` says, and says `items`:
    /// none where it is blank.
    pub(super) fn deliver(
        &mut self,
        name: &str,
        stream: StreamId,
        course: &mut Course,
        number: u64,
        (format, line, items): (&Format, &[u8], Vec<Item>),
    ) -> Delivered {
        if items.is_empty() {
            return Delivered::Blank;
        }
        if let Some((attributes, schema)) = &format.attributes
            && schema.attributes != self.replica.schema().attributes
        {
            let change = Change::Schema {
                attributes: attributes.clone(),
            };
            self.replica.apply(stream, &number.to_be_bytes(), &change);
        }
        let mut delivered = None;
        for item in items {
            match self.item(name, stream, course, number, item) {
                Ok(Delivered::Held) => return Delivered::Held,
                Ok(done) => {
                    delivered.get_or_insert(done);
                }
                Err(refused) => {
                    tracing::warn!(
                        feed = name,
                        line = number,
                        reason = refused,
                        "a change was refused"
                    );
                    self.rejects.keep(name, number, &refused, line, self.now_ms);
                    delivered = Some(Delivered::Refused(refused));
                }
            }
        }
        delivered.unwrap_or(Delivered::Blank)
    }

    /// Delivers one of the things that a line says; an error says why it is refused.
    fn item(
        &mut self,
        name: &str,
        stream: StreamId,
        course: &mut Course,
        number: u64,
        item: Item,
    ) -> Result<Delivered, String> {
        let (position, at_ms, change) = match item {
            Item::Change {
                position,
                at_ms,
                change,
            } => (position, at_ms, change),
            Item::Nothing => return Ok(Delivered::Done(number)),
            Item::Anew(what) => {
                let index = self.replica.index();
                let has_any = index.snapshot().header().customers > 0 || index.overlay_size().0 > 0;
                let was_read =
                    course.position.is_some() || self.replica.lives(name).any(|life| !life.token.is_empty());
                // Who begins with a snapshot misses nothing by it.
                if has_any && was_read {
                    self.gap(name, number, &what);
                }
                return Ok(Delivered::Done(number));
            }
            Item::Refused(refused) => {
                self.replica.counters().refuse();
                return Err(refused.reason);
            }
            Item::Truncated(what) => {
                self.gap(name, number, &what);
                return Err(what);
            }
        };
        if *course.positioned.get_or_insert(position.is_some()) != position.is_some() {
            // A line's number and a position of the source's do not compare.
            self.replica.counters().refuse();
            return Err("position: expected on every line of the stream or on none".to_owned());
        }
        let position = position.unwrap_or(number);
        match self.replica.apply(stream, &position.to_be_bytes(), &change) {
            Outcome::Held => Ok(Delivered::Held),
            Outcome::Refused(refused) => Err(refused.without_content()),
            Outcome::Applied(_) | Outcome::Seen | Outcome::Parked | Outcome::Noted | Outcome::Dropped => {
                course.position = course.position.max(Some(position));
                course.at_ms = course.at_ms.max(at_ms);
                Ok(Delivered::Done(position))
            }
        }
    }

    fn gap(&mut self, name: &str, number: u64, what: &str) {
        self.replica.gap(name);
        tracing::error!(
            feed = name,
            line = number,
            what,
            "changes are missing: build the snapshot again (`ringside snapshot build … --replace`)"
        );
    }
}
