//! What `pgoutput` writes, protocol version 1: transactions one after the other, in the order of their commits.

use bytes::{Buf, Bytes};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// A transaction begins.
    Begin {
        /// Where its commit is in the log.
        commit: u64,
        /// When it was committed, in microseconds since 2000.
        at_us: i64,
        /// The low half of its number.
        xid: u32,
    },
    /// It ends.
    Commit {
        /// Where the log goes on behind its commit.
        end: u64,
    },
    /// What rows of a table look like from here on.
    Relation(Relation),
    Insert {
        relation: u32,
        new: Vec<Datum>,
    },
    Update {
        relation: u32,
        old: Option<Old>,
        new: Vec<Datum>,
    },
    Delete {
        relation: u32,
        old: Old,
    },
    Truncate {
        relations: Vec<u32>,
    },
    /// What means nothing here: types, origins, messages of applications.
    Other,
}

/// A table as a message describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) type_oid: u32,
}

/// What a row was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Old {
    /// Its replica identity; other columns are null whatever they were.
    Key(Vec<Datum>),
    /// All of it.
    Full(Vec<Datum>),
}

/// A column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Datum {
    Null,
    /// As it was, and too large to be sent again.
    Unchanged,
    Text(Bytes),
}

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a message of pgoutput's protocol 1, found something else at {0}")]
pub(super) struct Malformed(&'static str);

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// It ends too early, or says something that the protocol does not.
    pub(super) fn read(mut bytes: Bytes) -> Result<Message, Malformed> {
        let from = &mut bytes;
        Ok(match byte(from, "the message's type")? {
            b'B' => Message::Begin {
                commit: u64(from)?,
                at_us: i64::from_be_bytes(u64(from)?.to_be_bytes()),
                xid: u32(from)?,
            },
            b'C' => {
                let (_flags, _commit) = (byte(from, "flags")?, u64(from)?);
                Message::Commit { end: u64(from)? }
            }
            b'R' => Message::Relation(relation(from)?),
            b'I' => {
                let relation = u32(from)?;
                expect(from, b'N')?;
                Message::Insert {
                    relation,
                    new: tuple(from)?,
                }
            }
            b'U' => {
                let relation = u32(from)?;
                let mut old = None;
                let mut part = byte(from, "the update's first part")?;
                if part != b'N' {
                    old = Some(old_row(part, from)?);
                    part = byte(from, "the update's second part")?;
                }
                if part != b'N' {
                    return Err(Malformed("the update's new row"));
                }
                Message::Update {
                    relation,
                    old,
                    new: tuple(from)?,
                }
            }
            b'D' => {
                let relation = u32(from)?;
                let part = byte(from, "the deleted row")?;
                Message::Delete {
                    relation,
                    old: old_row(part, from)?,
                }
            }
            b'T' => {
                let count = u32(from)?;
                let _options = byte(from, "the truncation's options")?;
                let relations = (0..count).map(|_| u32(from)).collect::<Result<_, _>>()?;
                Message::Truncate { relations }
            }
            b'Y' | b'O' | b'M' => Message::Other,
            _ => return Err(Malformed("the message's type")),
        })
    }
}

fn relation(from: &mut Bytes) -> Result<Relation, Malformed> {
    let oid = u32(from)?;
    let schema = name(from)?;
    // Tables of the catalogue's own schema come without one.
    let schema = if schema.is_empty() {
        "pg_catalog".to_owned()
    } else {
        schema
    };
    let name_of_table = name(from)?;
    let _identity = byte(from, "the replica identity")?;
    let count = u16(from)?;
    let columns = (0..count)
        .map(|_| {
            // Whether it is part of the identity; of a partitioned table's, whose partitions may have others.
            let _flags = byte(from, "a column's flags")?;
            let column = Column {
                name: name(from)?,
                type_oid: u32(from)?,
            };
            let _modifier = u32(from)?;
            Ok(column)
        })
        .collect::<Result<_, _>>()?;
    Ok(Relation {
        oid,
        schema,
        name: name_of_table,
        columns,
    })
}

fn old_row(part: u8, from: &mut Bytes) -> Result<Old, Malformed> {
    match part {
        b'K' => Ok(Old::Key(tuple(from)?)),
        b'O' => Ok(Old::Full(tuple(from)?)),
        _ => Err(Malformed("the old row")),
    }
}

fn tuple(from: &mut Bytes) -> Result<Vec<Datum>, Malformed> {
    let count = u16(from)?;
    (0..count)
        .map(|_| match byte(from, "a column's kind")? {
            b'n' => Ok(Datum::Null),
            b'u' => Ok(Datum::Unchanged),
            b't' => {
                let length = usize::try_from(u32(from)?).map_err(|_| Malformed("a column's length"))?;
                if from.remaining() < length {
                    return Err(Malformed("a column's text"));
                }
                Ok(Datum::Text(from.split_to(length)))
            }
            _ => Err(Malformed("a column's kind")),
        })
        .collect()
}

fn expect(from: &mut Bytes, expected: u8) -> Result<(), Malformed> {
    if byte(from, "the new row")? == expected {
        Ok(())
    } else {
        Err(Malformed("the new row"))
    }
}

fn name(from: &mut Bytes) -> Result<String, Malformed> {
    let end = from
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(Malformed("a name"))?;
    let text = from.split_to(end);
    from.advance(1);
    String::from_utf8(text.to_vec()).map_err(|_| Malformed("a name"))
}

fn byte(from: &mut Bytes, what: &'static str) -> Result<u8, Malformed> {
    from.try_get_u8().map_err(|_| Malformed(what))
}

fn u16(from: &mut Bytes) -> Result<u16, Malformed> {
    from.try_get_u16().map_err(|_| Malformed("a number of 2 bytes"))
}

fn u32(from: &mut Bytes) -> Result<u32, Malformed> {
    from.try_get_u32().map_err(|_| Malformed("a number of 4 bytes"))
}

fn u64(from: &mut Bytes) -> Result<u64, Malformed> {
    from.try_get_u64().map_err(|_| Malformed("a number of 8 bytes"))
}

#[cfg(test)]
mod tests;
