//! What is known beside customers, and kept in the log: streams, parts that wait, feeds that are held, gaps.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use super::graves::Graves;
use super::log::{Batch, Entry};
use super::parked::Parked;
use crate::customer::Schema;
use crate::customer::record::Origin;
use crate::snapshot::Stream;

/// Everything known beside customers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Which line of logs this is; seqs of one say nothing of those of another.
    pub(super) line: u64,
    /// The streams that records' origins count into; the first is the import.
    pub(super) streams: Vec<Stream>,
    pub(super) schema: Schema,
    /// What the present schema came from, where a change brought it.
    pub(super) schema_from: Option<SchemaFrom>,
    pub(super) parked: Parked,
    pub(super) graves: Graves,
    /// Feeds that wait for somebody's word.
    pub(super) held: BTreeSet<String>,
    /// Feeds that could not go on where they had stopped, with the newest change ahead of the gap.
    pub(super) gaps: BTreeMap<String, u64>,
    /// Lives of streams that begin with a copy: the feed and the incarnation.
    pub(super) copies: BTreeSet<(String, String)>,
}

/// The change that brought a schema.
#[derive(Debug, Clone)]
pub(super) struct SchemaFrom {
    pub(super) seq: u64,
    pub(super) stream: u16,
    pub(super) position: Box<[u8]>,
}

/// Something that is marked of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    Held(String),
    Released(String),
    Gap(String),
    /// What was built anew has no gaps.
    Cured,
    /// This life of the feed's stream begins with a copy.
    Copy {
        feed: String,
        incarnation: String,
    },
}

impl State {
    /// What a log that begins over a snapshot of these begins with.
    pub(super) fn over(line: u64, streams: &[Stream], schema: &Schema, seq: u64) -> State {
        let mut streams = streams.to_vec();
        if streams.is_empty() {
            // The place of imports, so that those of other streams stay theirs.
            streams.push(Stream {
                stream: "import".into(),
                incarnation: String::new(),
                token: String::new(),
            });
        }
        State {
            line,
            streams,
            schema: schema.clone(),
            graves: Graves::new(seq),
            ..State::default()
        }
    }

    /// Gives the line a name where it has none, as at `now_ms`, milliseconds since 1970.
    pub(super) fn draw_line(&mut self, now_ms: i64) {
        if self.line == 0 {
            self.line = RandomState::new().hash_one(now_ms).max(1);
        }
    }

    pub(super) fn mark(&mut self, mark: Mark, seq: u64) {
        match mark {
            Mark::Held(feed) => {
                self.held.insert(feed);
            }
            Mark::Released(feed) => {
                self.held.remove(&feed);
            }
            Mark::Gap(feed) => {
                self.gaps.insert(feed, seq);
            }
            Mark::Cured => self.gaps.clear(),
            Mark::Copy { feed, incarnation } => {
                // What earlier lives had waiting the copy has, or it is no more.
                let streams = &self.streams;
                self.parked.retain(|orphan| {
                    let stream = streams.get(usize::from(orphan.stream));
                    stream.is_none_or(|stream| stream.stream != feed || stream.incarnation == incarnation)
                });
                self.copies.insert((feed, incarnation));
            }
        }
    }

    /// What the first batch of a segment says that goes on right over the change `ahead`, and is behind `seq`.
    pub(super) fn batch(&self, seq: u64, ahead: u64) -> Batch {
        let mut batch = Batch::new(true);
        batch.push(
            seq,
            Entry::Line {
                line: self.line,
                ahead,
            },
        );
        for (place, stream) in self.streams.iter().enumerate() {
            push_stream(&mut batch, seq, place, stream);
        }
        if let Some(from) = &self.schema_from {
            let origin = Origin {
                stream: from.stream,
                position: &from.position,
                marks: &[],
            };
            batch.push(
                from.seq,
                Entry::Schema {
                    origin,
                    json: &json(&self.schema),
                },
            );
        }
        // Ahead of the parts that wait, as they were said.
        for (feed, incarnation) in &self.copies {
            let (feed, incarnation) = (feed.clone(), incarnation.clone());
            batch.push(seq, Entry::Mark(&json(&Mark::Copy { feed, incarnation })));
        }
        for (customer, orphan) in self.parked.iter() {
            let origin = Origin {
                stream: orphan.stream,
                position: &orphan.position,
                marks: &[],
            };
            let json = orphan.change.to_line(customer);
            batch.push(
                seq,
                Entry::Parked {
                    origin,
                    customer,
                    json: &json,
                },
            );
        }
        for feed in &self.held {
            batch.push(seq, Entry::Mark(&json(&Mark::Held(feed.clone()))));
        }
        for (feed, at) in &self.gaps {
            batch.push(*at, Entry::Mark(&json(&Mark::Gap(feed.clone()))));
        }
        batch
    }
}

pub(super) fn push_stream(batch: &mut Batch, seq: u64, place: usize, stream: &Stream) {
    // The list is bounded by what origins can count.
    if let Ok(place) = u16::try_from(place) {
        batch.push(
            seq,
            Entry::Stream {
                place,
                json: &json(stream),
            },
        );
    }
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and lists of our own always are JSON.
    serde_json::to_vec(value).unwrap_or_default()
}
