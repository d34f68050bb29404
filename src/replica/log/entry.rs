//! The entries of a batch, byte by byte: version 1, which is stable. Every later Ringside reads it.
//!
//! ```text
//! batch:  0  u8   version, 1       1  u8  1 = says anew all that earlier segments said beside customers
//!         2  i64  milliseconds since 1970 when it was written
//!        10  …    entries
//! entry:  0  u8   kind             1  u64 seq      9  u32  length      13  …  content
//! ```
//!
//! Integers are little-endian. A positioned content begins with `u16` stream, `u8` length of the position, position.
//!
//! | kind | entry | content |
//! | --- | --- | --- |
//! | 1 | customer | the record |
//! | 2 | deleted | position; `u16` length of the marks; marks as in a record; the customer's id |
//! | 3 | schema | position; the schema as JSON |
//! | 4 | stream | `u16` place in the list of streams; the stream as JSON, with where to resume it |
//! | 5 | parked | position; `u16` length of the customer's id; the id; the part's change as JSON |
//! | 6 | mark | the name of what is marked as JSON: a feed that is held, a gap |
//! | 7 | line | `u64` which line of logs this is; `u64` the newest change ahead of it |
//!
//! The seq of kinds 4 to 7 is that of the change ahead of them. Batches of version 0, in which a deletion has no marks nor
//! their length, are read too.

use super::LogError;
use crate::customer::record::Origin;

const VERSION: u8 = 1;
/// Deletions say by whom else their customers had been delivered from this version on.
const MARKED: u8 = 1;
const HEAD: usize = 10;
const ENTRY_HEAD: usize = 13;

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Customer(&'a [u8]),
    Deleted {
        origin: Origin<'a>,
        id: &'a str,
    },
    Schema {
        origin: Origin<'a>,
        json: &'a [u8],
    },
    Stream {
        place: u16,
        json: &'a [u8],
    },
    Parked {
        origin: Origin<'a>,
        customer: &'a str,
        json: &'a [u8],
    },
    Mark(&'a [u8]),
    Line {
        line: u64,
        ahead: u64,
    },
}

/// Entries that become durable together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// An empty one; `anew` where it says everything again that earlier segments said beside customers.
    pub(crate) fn new(anew: bool) -> Batch {
        let mut bytes = vec![VERSION, u8::from(anew)];
        bytes.extend_from_slice(&[0; HEAD - 2]);
        Batch { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEAD
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEAD);
        // A burst's room is not kept for ever.
        self.bytes.shrink_to(1 << 20);
    }

    /// Puts the entries of `earlier` ahead of those that are here.
    pub(crate) fn put_ahead(&mut self, mut earlier: Batch) {
        earlier
            .bytes
            .extend_from_slice(self.bytes.get(HEAD..).unwrap_or_default());
        *self = earlier;
    }

    /// The batch as it is kept, written at `now_ms`.
    pub(crate) fn bytes(&mut self, now_ms: i64) -> &[u8] {
        self.bytes[2..HEAD].copy_from_slice(&now_ms.to_le_bytes());
        &self.bytes
    }

    pub(crate) fn push(&mut self, seq: u64, entry: Entry<'_>) {
        let begin = self.bytes.len();
        let kind = match entry {
            Entry::Customer(_) => 1,
            Entry::Deleted { .. } => 2,
            Entry::Schema { .. } => 3,
            Entry::Stream { .. } => 4,
            Entry::Parked { .. } => 5,
            Entry::Mark(_) => 6,
            Entry::Line { .. } => 7,
        };
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&seq.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        match entry {
            Entry::Customer(record) => self.bytes.extend_from_slice(record),
            Entry::Deleted { origin, id } => {
                self.origin(origin);
                // What marks take is bounded by how many there are.
                let length = u16::try_from(origin.marks.len()).unwrap_or(0);
                self.bytes.extend_from_slice(&length.to_le_bytes());
                self.bytes.extend_from_slice(&origin.marks[..usize::from(length)]);
                self.bytes.extend_from_slice(id.as_bytes());
            }
            Entry::Schema { origin, json } => {
                self.origin(origin);
                self.bytes.extend_from_slice(json);
            }
            Entry::Stream { place, json } => {
                self.bytes.extend_from_slice(&place.to_le_bytes());
                self.bytes.extend_from_slice(json);
            }
            Entry::Parked {
                origin,
                customer,
                json,
            } => {
                self.origin(origin);
                let length = u16::try_from(customer.len()).unwrap_or(u16::MAX);
                self.bytes.extend_from_slice(&length.to_le_bytes());
                self.bytes
                    .extend_from_slice(&customer.as_bytes()[..usize::from(length)]);
                self.bytes.extend_from_slice(json);
            }
            Entry::Mark(name) => self.bytes.extend_from_slice(name),
            Entry::Line { line, ahead } => {
                self.bytes.extend_from_slice(&line.to_le_bytes());
                self.bytes.extend_from_slice(&ahead.to_le_bytes());
            }
        }
        // Nothing that is pushed comes near four gigabytes: records and lines are bounded.
        let length = u32::try_from(self.bytes.len() - begin - ENTRY_HEAD).unwrap_or(u32::MAX);
        self.bytes[begin + 9..begin + ENTRY_HEAD].copy_from_slice(&length.to_le_bytes());
    }

    fn origin(&mut self, origin: Origin<'_>) {
        let length = u8::try_from(origin.position.len()).unwrap_or(u8::MAX);
        self.bytes.extend_from_slice(&origin.stream.to_le_bytes());
        self.bytes.push(length);
        self.bytes
            .extend_from_slice(&origin.position[..usize::from(length)]);
    }
}

/// A batch as it was kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Whether it says everything anew.
    pub(crate) anew: bool,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    version: u8,
    entries: &'a [u8],
}

impl<'a> Kept<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Kept<'a>, LogError> {
        let head = bytes.get(..HEAD).ok_or(LogError::Batch("its head"))?;
        if head[0] > VERSION {
            return Err(LogError::Version {
                newest: VERSION,
                found: head[0],
            });
        }
        Ok(Kept {
            anew: head[1] != 0,
            at_ms: head[2..].try_into().map_or(0, i64::from_le_bytes),
            version: head[0],
            entries: &bytes[HEAD..],
        })
    }

    /// Its entries, each with its seq.
    pub(crate) fn entries(self) -> impl Iterator<Item = Result<(u64, Entry<'a>), LogError>> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let read = take(&mut rest, self.version);
            if read.is_err() {
                rest = &[];
            }
            Some(read)
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], version: u8) -> Result<(u64, Entry<'a>), LogError> {
    let kind = bytes(rest, 1)?[0];
    let seq = number(rest)?;
    let length = bytes(rest, 4)?.try_into().map_or(0, u32::from_le_bytes);
    let mut content = bytes(rest, usize::try_from(length).unwrap_or(usize::MAX))?;
    let entry = match kind {
        1 => Entry::Customer(content),
        2 => {
            let mut origin = origin(&mut content)?;
            if version >= MARKED {
                let length = usize::from(short(&mut content)?);
                origin.marks = bytes(&mut content, length)?;
            }
            Entry::Deleted {
                origin,
                id: text(content)?,
            }
        }
        3 => Entry::Schema {
            origin: origin(&mut content)?,
            json: content,
        },
        4 => Entry::Stream {
            place: short(&mut content)?,
            json: content,
        },
        5 => {
            let origin = origin(&mut content)?;
            let length = usize::from(short(&mut content)?);
            Entry::Parked {
                origin,
                customer: text(bytes(&mut content, length)?)?,
                json: content,
            }
        }
        6 => Entry::Mark(content),
        7 => Entry::Line {
            line: number(&mut content)?,
            ahead: number(&mut content)?,
        },
        _ => return Err(LogError::Batch("an entry's kind")),
    };
    Ok((seq, entry))
}

fn bytes<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], LogError> {
    let (taken, behind) = rest
        .split_at_checked(length)
        .ok_or(LogError::Batch("an entry's length"))?;
    *rest = behind;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u64, LogError> {
    Ok(bytes(rest, 8)?.try_into().map_or(0, u64::from_le_bytes))
}

fn short(rest: &mut &[u8]) -> Result<u16, LogError> {
    Ok(bytes(rest, 2)?.try_into().map_or(0, u16::from_le_bytes))
}

fn origin<'a>(rest: &mut &'a [u8]) -> Result<Origin<'a>, LogError> {
    let stream = short(rest)?;
    let length = usize::from(bytes(rest, 1)?[0]);
    Ok(Origin {
        stream,
        position: bytes(rest, length)?,
        marks: &[],
    })
}

fn text(bytes: &[u8]) -> Result<&str, LogError> {
    std::str::from_utf8(bytes).map_err(|_| LogError::Batch("an id"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn sample() -> Batch {
        let origin = Origin {
            stream: 3,
            position: &[0, 0, 9],
            marks: &[],
        };
        let mut batch = Batch::new(true);
        batch.push(1, Entry::Customer(b"record"));
        let by_others = Origin {
            marks: b"marks",
            ..origin
        };
        batch.push(
            2,
            Entry::Deleted {
                origin: by_others,
                id: "c-1",
            },
        );
        batch.push(3, Entry::Schema { origin, json: b"{}" });
        batch.push(
            3,
            Entry::Stream {
                place: 7,
                json: b"{}",
            },
        );
        batch.push(
            3,
            Entry::Parked {
                origin,
                customer: "c-2",
                json: b"{}",
            },
        );
        batch.push(3, Entry::Mark(b"\"held\""));
        batch.push(3, Entry::Line { line: 5, ahead: 6 });
        batch
    }

    #[test]
    fn entries_come_back() {
        let mut batch = sample();
        let bytes = batch.bytes(-5).to_vec();
        let kept = Kept::open(&bytes).unwrap();
        assert!(kept.anew && kept.at_ms == -5);
        let entries: Vec<_> = kept.entries().map(Result::unwrap).collect();
        let mut again = Batch::new(true);
        for (seq, entry) in &entries {
            again.push(*seq, *entry);
        }
        assert_eq!(entries.len(), 7);
        assert_eq!(again.bytes(-5), bytes);
        batch.clear();
        assert!(batch.is_empty() && !sample().is_empty());
    }

    proptest! {
        #[test]
        fn damaged_batches_are_refused_or_read_and_never_more(at in 0..200_usize, flip in 1..=255_u8, cut in 0..200_usize) {
            let mut bytes = sample().bytes(0).to_vec();
            let length = bytes.len();
            bytes[at % length] ^= flip;
            bytes.truncate(length - cut % length);
            if let Ok(kept) = Kept::open(&bytes) {
                prop_assert!(kept.entries().count() <= 8);
            }
        }
    }
}
