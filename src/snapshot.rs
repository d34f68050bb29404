//! The snapshot: an immutable file of all customers as of one seq, read where it is mapped.
//!
//! [`layout`] documents every byte. [`Snapshot`] reads any bytes that can be had as a slice, a map or memory, and
//! holds no `unsafe`; [`map`] is the one file that maps. A lookup costs one read in a table and one in a record.

pub mod claimants;
pub mod export;
pub mod folder;
pub mod import;
pub mod judge;
pub mod layout;
pub mod map;
pub mod names;
pub mod scrub;
pub mod sort;
pub mod suffix;
mod table;
pub mod verify;
pub mod writer;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::customer::{Record, Schema};
use crate::number::SuffixDigits;
use claimants::{Claimants, Many};
use layout::{Header, SectionKind, UNIT, id_hash, id_hash53, number_hash};
use table::{ID_SLOT, NUMBER_SLOT, Table};

/// A snapshot that is mapped from a file.
pub type MappedSnapshot = Snapshot<map::Map>;

/// Why a file is no snapshot that this program can serve.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file does not begin as a snapshot does.
    #[error(
        "expected a Ringside snapshot, found another file; name a file that `ringside snapshot build` wrote"
    )]
    Magic,
    /// Another format version.
    #[error(
        "expected a snapshot of format version {newest} or older, found {found}, which a newer Ringside wrote; use that one, \
         or build or copy the snapshot again with this one"
    )]
    FormatVersion {
        /// The newest version that this program reads; it reads all before it.
        newest: u32,
        /// What the file says.
        found: u32,
    },
    /// The file is shorter or longer than it was written.
    #[error("expected a file of {expected} bytes, found {found}; copy it again, or build it again")]
    Truncated {
        /// Bytes as written.
        expected: u64,
        /// Bytes now.
        found: u64,
    },
    /// Bytes changed since they were written.
    #[error(
        "{what}: expected checksum {expected:016x}, found {found:016x}; the file is damaged: build it again, or go back to the generation before"
    )]
    Checksum {
        /// Which bytes.
        what: &'static str,
        /// As written.
        expected: u64,
        /// As computed.
        found: u64,
    },
    /// A required section that this program does not know.
    #[error("section of unknown kind {kind} is required to read this file; use a newer Ringside")]
    UnknownSection {
        /// The directory's kind.
        kind: u32,
    },
    /// A known section in an unknown version.
    #[error("section {section}: expected version {expected}, found {found}; use a newer Ringside")]
    SectionVersion {
        /// The section.
        section: &'static str,
        /// What this program reads.
        expected: u16,
        /// What the file says.
        found: u16,
    },
    /// A section that leads outside of the file.
    #[error(
        "section {section}: expected its end within {file} bytes, found {section_end}; the file is damaged"
    )]
    SectionOutside {
        /// The section.
        section: &'static str,
        /// Where it would end.
        section_end: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// A section is not there.
    #[error("section {section}: expected in the directory, found nothing; the file is damaged")]
    MissingSection {
        /// The section.
        section: &'static str,
    },
    /// A section of JSON that does not read.
    #[error("section {section}: {source}; the file is damaged")]
    Json {
        /// The section.
        section: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A record that is damaged.
    #[error(
        "record at byte {offset}: {source}; the file is damaged: build it again, or go back to the generation before"
    )]
    Record {
        /// Where it is.
        offset: u64,
        /// What is wrong with it.
        source: crate::customer::record::Damage,
    },
    /// Tables and records disagree.
    #[error("{0}; the file is damaged, or its writer is at fault: build it again")]
    Inconsistent(String),
    /// Whoever asked wants no more of it.
    #[error("it was ended before it was done")]
    Ended,
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A stream of changes that the snapshot's customers came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The feed's name; `import` for the file that a snapshot was built from.
    pub stream: String,
    /// Which life of the stream; positions compare only within one.
    pub incarnation: String,
    /// Where to resume; empty where there is nothing to resume.
    pub token: String,
}

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes of a record that [`Snapshot::fetch`] fetches: of a longer one the rest is fetched in time by its own reading.
const FETCHED: usize = 512;

/// The greatest seq: claims keep one bit of the word that holds it, and changes go on counting from it.
const MOST_SEQ: u64 = 1 << 62;

/// An open snapshot over the bytes of `D`.
#[derive(Debug)]
pub struct Snapshot<D> {
    data: D,
    header: Header,
    schema: Schema,
    streams: Vec<Stream>,
    damaged: AtomicU64,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Opens `data`. Reads the header, the schema and the streams, and nothing else, so that opening costs the same
    /// for ten thousand and ten million customers; [`Snapshot::verify`] reads every byte.
    ///
    /// # Errors
    /// [`SnapshotError`] where the file is none, is truncated, or is of an unknown version.
    pub fn open(data: D) -> Result<Snapshot<D>, SnapshotError> {
        let bytes = data.as_ref();
        let header = Header::decode(bytes)?;
        let schema: Schema = json_section(bytes, &header, SectionKind::Schema)?;
        schema
            .validate()
            .map_err(|error| SnapshotError::Inconsistent(format!("schema: {error}")))?;
        let streams = json_section(bytes, &header, SectionKind::Streams)?;
        if header.seq > MOST_SEQ {
            return Err(SnapshotError::Inconsistent(format!(
                "seq: expected at most {MOST_SEQ}, found {}",
                header.seq
            )));
        }
        let digits = header.suffix_digits;
        if digits != 0 && u8::try_from(digits).ok().and_then(SuffixDigits::new).is_none() {
            return Err(SnapshotError::Inconsistent(format!(
                "suffixes: expected 7 to 15 last digits, found {digits}"
            )));
        }
        Ok(Snapshot {
            data,
            header,
            schema,
            streams,
            damaged: AtomicU64::new(0),
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The schema under which its records were written last.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The streams that records' origins count into; the first is the import.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Records and claimants entries that a lookup found damaged since the snapshot was opened, and answered as a
    /// miss.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// The customer with `id`.
    #[inline]
    pub fn customer(&self, id: &str) -> Option<Record<'_>> {
        self.candidates_by_id(id_hash53(id))
            .find(|record| record.id() == id)
    }

    /// Customers whose id has the 53-bit hash `hash53`: one, save where two ids collide.
    pub fn customers_by_hash53(&self, hash53: u64) -> impl Iterator<Item = Record<'_>> {
        self.candidates_by_id(hash53)
            .filter(move |record| id_hash53(record.id()) == hash53)
    }

    fn candidates_by_id(&self, hash53: u64) -> impl Iterator<Item = Record<'_>> {
        let table = Table::<ID_SLOT>::new(self.section(SectionKind::Ids), self.header.customers);
        table
            .candidates(id_hash(hash53))
            .filter_map(|reference| self.record(reference))
    }

    /// Who claims the number `key`.
    #[inline]
    pub fn claimants(&self, key: u64) -> Claimants<'_> {
        let table = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Numbers), self.header.keys());
        let mut damaged = false;
        for reference in table.candidates(number_hash(key, self.header.seed)) {
            if self.is_claimants_entry(reference) {
                match self.claimants_entry(reference) {
                    Some(many) if many.key() == key => return Claimants::Many(many),
                    Some(_) => {}
                    None => damaged = true,
                }
                continue;
            }
            // A fingerprint fits one absent key in millions, so the record itself has the last word.
            match self.record(reference) {
                Some(record) if record.claim(key).is_some() => return Claimants::One(record),
                Some(_) => {}
                None => damaged = true,
            }
        }
        if damaged {
            Claimants::Damaged
        } else {
            Claimants::None
        }
    }

    /// Has the memory fetched that looking up `keys` is going to read, for all of them at once.
    pub fn fetch(&self, keys: &[u64]) {
        let table = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Numbers), self.header.keys());
        let hash = |key: &u64| number_hash(*key, self.header.seed);
        for key in keys {
            map::fetch(table.bucket(hash(key)));
        }
        let records = keys.iter().filter_map(|key| table.candidates(hash(key)).next());
        for reference in records {
            let bytes = self.data.as_ref();
            let bytes = bytes.get(as_index(reference * UNIT)..).unwrap_or_default();
            for line in bytes.chunks(LINE).take(FETCHED / LINE) {
                map::fetch(line);
            }
        }
    }

    /// Whether `record`, read from this snapshot, is the only claimant of `key` in it; reads no other record.
    #[inline]
    pub fn is_sole_claimant(&self, record: &Record<'_>, key: u64) -> bool {
        let table = Table::<NUMBER_SLOT>::new(self.section(SectionKind::Numbers), self.header.keys());
        let offset = self.offset_of(record);
        table
            .candidates(number_hash(key, self.header.seed))
            .any(|reference| reference * UNIT == offset)
    }

    /// Every record, in the file's order.
    ///
    /// # Errors
    /// The first damaged record ends the iteration, since where the next one begins is not known.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, SnapshotError>> {
        let section = self.header.section(SectionKind::Records);
        let mut offset = section.offset;
        let end = section.offset + section.length;
        std::iter::from_fn(move || {
            if offset >= end {
                return None;
            }
            let bytes = self
                .data
                .as_ref()
                .get(as_index(offset)..as_index(end))
                .unwrap_or_default();
            Some(match Record::open(bytes) {
                Ok(record) => {
                    offset += (record.bytes().len() as u64).next_multiple_of(UNIT);
                    Ok(record)
                }
                Err(source) => {
                    let at = std::mem::replace(&mut offset, end);
                    Err(SnapshotError::Record { offset: at, source })
                }
            })
        })
    }

    /// Bytes of `kind`'s section.
    pub fn section(&self, kind: SectionKind) -> &[u8] {
        section(self.data.as_ref(), &self.header, kind)
    }

    fn record(&self, reference: u64) -> Option<Record<'_>> {
        let section = self.header.section(SectionKind::Records);
        let offset = reference * UNIT;
        let bytes = if offset >= section.offset {
            self.data
                .as_ref()
                .get(as_index(offset)..as_index(section.offset + section.length))
        } else {
            None
        };
        if let Some(bytes) = bytes {
            // How long the record is, its first line says; most have a second and a third one, to be had meanwhile.
            map::fetch(bytes.get(LINE..).unwrap_or_default());
            map::fetch(bytes.get(2 * LINE..).unwrap_or_default());
        }
        let record = bytes.and_then(|bytes| Record::open(bytes).ok());
        self.count_damage(record.is_none());
        record
    }

    /// Where in the file `record`, which was read from it, begins.
    #[inline]
    fn offset_of(&self, record: &Record<'_>) -> u64 {
        let start = self.data.as_ref().as_ptr().addr();
        record.bytes().as_ptr().addr().wrapping_sub(start) as u64
    }

    fn is_claimants_entry(&self, reference: u64) -> bool {
        let section = self.header.section(SectionKind::Claimants);
        (section.offset..section.offset + section.length).contains(&(reference * UNIT))
    }

    fn claimants_entry(&self, reference: u64) -> Option<Many<'_>> {
        let section = self.header.section(SectionKind::Claimants);
        let bytes = self
            .data
            .as_ref()
            .get(as_index(reference * UNIT)..as_index(section.offset + section.length));
        let many = bytes.and_then(Many::open);
        self.count_damage(many.is_none());
        many
    }

    /// The record that a claimants entry refers to.
    pub fn claimant(&self, reference: claimants::Reference) -> Option<Record<'_>> {
        self.record(reference.0)
    }

    fn count_damage(&self, damaged: bool) {
        if damaged {
            self.damaged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Offsets past the address space lead nowhere, and nowhere is what `get` makes of them.
fn as_index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn section<'a>(bytes: &'a [u8], header: &Header, kind: SectionKind) -> &'a [u8] {
    let section = header.section(kind);
    bytes
        .get(as_index(section.offset)..as_index(section.offset + section.length))
        .unwrap_or_default()
}

fn json_section<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    header: &Header,
    kind: SectionKind,
) -> Result<T, SnapshotError> {
    let content = section(bytes, header, kind);
    header.check(kind, xxhash_rust::xxh3::xxh3_64(content))?;
    serde_json::from_slice(content).map_err(|source| SnapshotError::Json {
        section: kind.name(),
        source,
    })
}

#[cfg(test)]
mod tests;
