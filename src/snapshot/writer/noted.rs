//! Records that were looked at ahead of being written, on whichever thread: what the tables need of them.

use std::io::{Read, Seek, Write};

use super::SnapshotWriter;
use crate::customer::words;
use crate::snapshot::SnapshotError;
use crate::snapshot::layout::{UNIT, id_hash, number_hash};
use crate::snapshot::names::Row;
use crate::snapshot::table::Entry;

/// What the tables need of records that are to stand one behind the other; references count from the first of them.
#[derive(Debug)]
pub(crate) struct Noted {
    seed: u64,
    bytes: u64,
    ids: Vec<Entry>,
    numbers: Vec<Entry>,
    names: Vec<Named>,
    /// Of all of them, one behind the other.
    words: Vec<u128>,
}

/// What the index of names needs of one record.
#[derive(Debug)]
struct Named {
    created_ms: Option<i64>,
    name: u64,
    words: usize,
}

impl Noted {
    /// Of no records yet; `seed` is the snapshot's.
    pub(crate) fn new(seed: u64) -> Noted {
        Noted {
            seed,
            bytes: 0,
            ids: Vec::new(),
            numbers: Vec::new(),
            names: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Takes note of the next record, which has `len` bytes: its id has the 53-bit hash `hash53`, and it claims `keys`.
    pub(crate) fn note(&mut self, hash53: u64, keys: impl Iterator<Item = u64>, len: usize) {
        let reference = self.bytes / UNIT;
        self.ids.push(Entry {
            hash: id_hash(hash53),
            reference,
        });
        self.numbers.extend(keys.map(|key| Entry {
            hash: number_hash(key, self.seed),
            reference,
        }));
        self.bytes += (len as u64).next_multiple_of(UNIT);
    }

    /// Takes note of the names of the record noted last.
    pub(crate) fn name(&mut self, facts: &words::Facts) {
        self.words.extend_from_slice(&facts.keys);
        self.names.push(Named {
            created_ms: facts.created_ms,
            name: facts.name,
            words: facts.keys.len(),
        });
    }

    /// Takes note that the words of the record noted last are known, as those of a snapshot that is merged.
    pub(crate) fn known_by(&mut self, row: Row) {
        self.names.push(Named {
            created_ms: row.created_ms,
            name: row.name,
            words: 0,
        });
    }

    /// Bytes of the records, each up to where the next one begins.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<W: Read + Write + Seek> SnapshotWriter<W> {
    /// Adds the records of which `noted` is a note, whose ids must not have been added before. Each of `pieces` begins with
    /// one of them and ends with one, with nothing but zeros between.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub(crate) fn add_noted<'p>(
        &mut self,
        pieces: impl IntoIterator<Item = &'p [u8]>,
        noted: &Noted,
    ) -> Result<(), SnapshotError> {
        let begin = self.at;
        for piece in pieces {
            self.put(piece)?;
            self.pad(UNIT)?;
        }
        if self.at - begin != noted.bytes {
            return Err(SnapshotError::Inconsistent(format!(
                "records to be written: expected {} bytes, found {}",
                noted.bytes,
                self.at - begin
            )));
        }
        let behind = |entry: &Entry| Entry {
            hash: entry.hash,
            reference: begin / UNIT + entry.reference,
        };
        for entry in &noted.ids {
            self.ids.push(behind(entry))?;
        }
        for entry in &noted.numbers {
            self.numbers.push(behind(entry))?;
        }
        if let Some(names) = &mut self.names {
            let mut words = &noted.words[..];
            for (entry, named) in noted.ids.iter().zip(&noted.names) {
                let (keys, rest) = words.split_at(named.words.min(words.len()));
                words = rest;
                names.add(behind(entry).reference, (named.created_ms, named.name), keys)?;
            }
        }
        Ok(())
    }
}
