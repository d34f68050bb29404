//! Recovery: a snapshot and the log that goes on over it become what they were.

use super::change::{Change, Decoded};
use super::graves::Grave;
use super::log::{Entry, Kept, LogError};
use super::state::{Mark, SchemaFrom, State};
use crate::customer::{Record, Schema};
use crate::index::Over;
use crate::overlay::{Entry as Version, Overlay};
use crate::snapshot::{MappedSnapshot, Stream};

/// Takes batches up, the oldest first.
#[derive(Debug)]
pub(super) struct Recovery {
    generation: u64,
    snapshot_line: u64,
    follows: u64,
    overlay: Overlay,
    schema: Option<Schema>,
    pub(super) state: State,
    /// The newest change.
    pub(super) seq: u64,
    /// Changes that are over the snapshot.
    pub(super) changes: u64,
    /// The newest change ahead of the log's first; `None` before the first batch.
    pub(super) ahead: Option<u64>,
    foreign: bool,
}

impl Recovery {
    /// Of what goes on over `snapshot`, into the empty `overlay`. Deletions are remembered from `remembered` on, which is at most what the snapshot
    /// follows.
    pub(super) fn over(snapshot: &MappedSnapshot, overlay: Overlay, remembered: u64) -> Recovery {
        let header = snapshot.header();
        Recovery {
            generation: header.generation,
            snapshot_line: header.log.line,
            follows: header.log.follows,
            overlay,
            schema: None,
            state: State::over(
                header.log.line,
                snapshot.streams(),
                snapshot.schema(),
                remembered.min(header.log.follows),
            ),
            seq: header.seq,
            changes: 0,
            ahead: None,
            foreign: false,
        }
    }

    /// Whether the log is of another line than the snapshot: then nothing of it has been taken up.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether the log has every change behind the snapshot; an empty one does.
    pub(super) fn is_whole(&self) -> bool {
        self.ahead.is_none_or(|ahead| ahead <= self.follows)
    }

    /// The changes over the snapshot, and what is known beside them.
    pub(super) fn finish(self) -> (Over, State, u64) {
        let over = Over {
            overlay: self.overlay,
            schema: self.schema,
            streams: self.state.streams.clone(),
        };
        (over, self.state, self.seq)
    }

    pub(super) fn batch(&mut self, batch: Kept<'_>) -> Result<(), LogError> {
        if self.foreign {
            return Ok(());
        }
        if batch.anew {
            self.state.parked.clear();
            self.state.held.clear();
            self.state.gaps.clear();
        }
        for entry in batch.entries() {
            let (seq, entry) = entry?;
            self.entry(seq, entry, batch.at_ms)?;
            if self.foreign {
                break;
            }
            self.seq = self.seq.max(seq);
        }
        Ok(())
    }

    fn entry(&mut self, seq: u64, entry: Entry<'_>, at_ms: i64) -> Result<(), LogError> {
        let is_over = seq > self.follows;
        match entry {
            Entry::Customer(bytes) => {
                let record = Record::open(bytes).map_err(|_| LogError::Batch("a customer's record"))?;
                self.state.graves.fill(record.id());
                self.state.parked.take(record.id());
                if is_over {
                    let version = Version::Customer(record.bytes().into());
                    let claims = record.claims().map(|claim| claim.key);
                    self.put(seq, record.id(), version, claims);
                }
            }
            Entry::Deleted { origin, id } => {
                self.state.parked.end(id, origin);
                let grave = Grave::new(seq, origin, at_ms);
                self.state.graves.dig(id, grave);
                if is_over {
                    self.put(seq, id, Version::tombstone(origin), std::iter::empty());
                }
            }
            Entry::Schema { origin, json } => {
                self.state.schema_from = Some(SchemaFrom {
                    seq,
                    stream: origin.stream,
                    position: origin.position.into(),
                });
                if is_over {
                    let schema: Schema =
                        serde_json::from_slice(json).map_err(|_| LogError::Batch("a schema"))?;
                    self.state.schema = schema.clone();
                    self.schema = Some(schema);
                }
            }
            Entry::Stream { place, json } => {
                let stream: Stream = serde_json::from_slice(json).map_err(|_| LogError::Batch("a stream"))?;
                let place = usize::from(place);
                // An import's own place is as its snapshot says.
                let known = self.state.streams.len();
                match self.state.streams.get_mut(place) {
                    // A life is registered without a place; a copy's header may know of one.
                    Some(known) if stream.token.is_empty() && is_same_life(known, &stream) => {}
                    Some(known) if place > 0 => *known = stream,
                    Some(_) => {}
                    None if place == known => self.state.streams.push(stream),
                    None => return Err(LogError::Batch("the place of a stream")),
                }
            }
            Entry::Parked {
                origin,
                customer,
                json,
            } => {
                if let Ok(Decoded {
                    change: Change::Part { part, .. },
                    ..
                }) = Change::decode(json)
                {
                    self.state.parked.park(customer, origin, part);
                }
            }
            Entry::Mark(json) => {
                let mark: Mark = serde_json::from_slice(json).map_err(|_| LogError::Batch("a mark"))?;
                self.state.mark(mark, seq);
            }
            Entry::Line { line, ahead } => {
                if self.generation > 0 && line != self.snapshot_line {
                    self.foreign = true;
                    return Ok(());
                }
                self.state.line = line;
                self.ahead.get_or_insert(ahead);
            }
        }
        Ok(())
    }

    fn put(&mut self, seq: u64, id: &str, version: Version, claims: impl Iterator<Item = u64>) {
        self.changes += 1;
        // Everything in the log is visible: of a customer's versions the newest is enough.
        self.overlay.put(seq, id, version, claims, seq);
    }
}

fn is_same_life(one: &Stream, other: &Stream) -> bool {
    one.stream == other.stream && one.incarnation == other.incarnation
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::Cursor;

    use super::*;
    use crate::replica::state::json;
    use crate::snapshot::layout::LogPlace;
    use crate::snapshot::writer::{Facts, SnapshotWriter};

    fn life(stream: &str, incarnation: &str, token: &str) -> Stream {
        Stream {
            stream: stream.into(),
            incarnation: incarnation.into(),
            token: token.into(),
        }
    }

    /// Where to resume the life that a header knows `behind copy`, once a log has said `later` of its place in the list.
    fn resumed(later: &[Stream]) -> Vec<String> {
        let streams = [life("import", "", ""), life("crm", "one", "behind copy")];
        let facts = Facts {
            generation: 1,
            seq: 0,
            created_at_ms: 0,
            schema: &Schema::default(),
            streams: &streams,
            log: LogPlace::default(),
        };
        let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
        let bytes = writer.finish(&facts).unwrap().0.into_inner();
        let snapshot = MappedSnapshot::in_memory(bytes).unwrap();
        let mut recovery = Recovery::over(&snapshot, Overlay::new(), 0);
        for stream in later {
            let json = &json(stream);
            recovery.entry(1, Entry::Stream { place: 1, json }, 0).unwrap();
        }
        let streams = recovery.state.streams.into_iter();
        streams.map(|stream| stream.token).collect()
    }

    #[test]
    fn a_life_that_is_registered_without_a_place_keeps_that_of_the_copy() {
        assert_eq!(resumed(&[life("crm", "one", "")]), ["", "behind copy"]);
        assert_eq!(resumed(&[life("crm", "one", "later")]), ["", "later"]);
        // Another life has a beginning of its own.
        assert_eq!(resumed(&[life("crm", "two", "")]), ["", ""]);
        assert_eq!(resumed(&[life("tickets", "one", "")]), ["", ""]);
    }
}
