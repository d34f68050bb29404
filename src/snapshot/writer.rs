//! Writing a snapshot: records as they come, then the tables over them, then the header.

mod contested;
mod names;
mod noted;
mod suffixes;

use std::io::{Read, Seek, SeekFrom, Write};

use xxhash_rust::xxh3::Xxh3Default;

use self::contested::{Crowds, Gathered};
use self::names::Index;
pub(crate) use self::noted::Noted;
use super::layout::{
    FORMAT_VERSION, HEADER_LEN, Header, LogPlace, SECTION_ALIGN, Section, SectionKind, UNIT, id_hash,
    id_hash53, number_hash,
};
use super::names::Names;
use super::sort::{Room, Sorter};
use super::table::{self, Entry, ID_SLOT, NUMBER_SLOT};
use super::{SnapshotError, Stream};
use crate::customer::record::HEADER_LEN as RECORD_HEADER;
use crate::customer::words::Words;
use crate::customer::{Record, Schema};
use crate::number::SuffixDigits;

/// Bytes of a table that are written at a time.
const TABLE_BYTES: usize = 1 << 16;

/// What a snapshot says of itself beside its customers.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Serial number in its folder.
    pub generation: u64,
    /// The newest change that it holds.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// The schema.
    pub schema: &'a Schema,
    /// The streams that records' origins count into.
    pub streams: &'a [Stream],
    /// Which change log goes on over it.
    pub log: LogPlace,
}

/// How far a snapshot is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// xxh3-64 of the records in them.
    pub(super) xxh3: u64,
}

/// Writes one snapshot to `W`, which can be read back: contested numbers are sorted out at the end, by reading the
/// few records that contest them. Memory: 16 bytes a customer and 16 a claim, and once more for the claims at the end;
/// with a [`Room`], no more than that allows, and the same file comes of it. Words of names take what their
/// customers do, encoded, and some 80 bytes each. A table of suffixes takes 16 bytes a number
/// at the end, when the claims have gone.
pub struct SnapshotWriter<W> {
    out: W,
    at: u64,
    hash: Xxh3Default,
    sections: [Section; SectionKind::ALL.len()],
    numbers: Sorter<Entry>,
    ids: Sorter<Entry>,
    room: Option<Room>,
    seed: u64,
    suffix_digits: Option<SuffixDigits>,
    /// Customers by their names, where they are to be found so.
    names: Option<Index>,
    words: Words,
}

impl<W: Read + Write + Seek> SnapshotWriter<W> {
    /// Starts a snapshot in `out`, which is empty; `seed` scatters the number table. Sorts in memory.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(out: W, seed: u64) -> Result<SnapshotWriter<W>, SnapshotError> {
        SnapshotWriter::start(out, seed, None)
    }

    /// Has the snapshot have a table by which numbers are found by that many last digits; `None`: none.
    #[must_use]
    pub fn by_suffix(mut self, digits: Option<SuffixDigits>) -> SnapshotWriter<W> {
        self.suffix_digits = digits;
        self
    }

    /// Starts a snapshot in `out`, which is empty, and sorts within `room`.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn within(room: &Room, out: W, seed: u64) -> Result<SnapshotWriter<W>, SnapshotError> {
        SnapshotWriter::start(out, seed, Some(room.clone()))
    }

    fn start(mut out: W, seed: u64, room: Option<Room>) -> Result<SnapshotWriter<W>, SnapshotError> {
        out.write_all(&[0; HEADER_LEN])?;
        SnapshotWriter::behind_header(out, seed, room)
    }

    /// Goes on with a snapshot whose records in `out` are handed to [`SnapshotWriter::found`] one by one before any is
    /// added; nothing is written until [`SnapshotWriter::go_on`].
    pub(super) fn resume(room: &Room, out: W, seed: u64) -> Result<SnapshotWriter<W>, SnapshotError> {
        SnapshotWriter::behind_header(out, seed, Some(room.clone()))
    }

    fn behind_header(out: W, seed: u64, room: Option<Room>) -> Result<SnapshotWriter<W>, SnapshotError> {
        let mut writer = SnapshotWriter {
            out,
            at: HEADER_LEN as u64,
            hash: Xxh3Default::new(),
            sections: [Section::absent(); SectionKind::ALL.len()],
            numbers: Sorter::new(room.as_ref()),
            ids: Sorter::new(room.as_ref()),
            names: Some(Index::new(room.as_ref())),
            words: Words::new(),
            room,
            seed,
            suffix_digits: None,
        };
        writer.begin(SectionKind::Records)?;
        Ok(writer)
    }

    /// Adds a customer, whose id must not have been added before.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn add(&mut self, record: &Record<'_>) -> Result<(), SnapshotError> {
        let reference = self.at / UNIT;
        self.put(record.bytes())?;
        self.pad(UNIT)?;
        self.index(record, reference)
    }

    /// Takes note of a customer whose record `out` has already, behind the one before.
    pub(super) fn found(&mut self, record: &Record<'_>) -> Result<(), SnapshotError> {
        let reference = self.at / UNIT;
        self.pass(record.bytes());
        let padding = self.padding(UNIT);
        self.pass(&[0; 64][..padding]);
        self.index(record, reference)
    }

    /// From here on customers are added.
    pub(super) fn go_on(&mut self) -> Result<(), SnapshotError> {
        self.out.seek(SeekFrom::Start(self.at))?;
        Ok(())
    }

    /// How much is written; `out` has it all.
    pub(super) fn written(&mut self) -> Result<Written, SnapshotError> {
        self.out.flush()?;
        Ok(Written {
            bytes: self.at,
            xxh3: self.hash.digest(),
        })
    }

    /// Customers added so far.
    pub fn customers(&self) -> u64 {
        self.ids.len()
    }

    /// Hands to `each` every record whose id an earlier one has, behind the first with that id. Not in the order of the
    /// file.
    pub(super) fn repeated<E: From<SnapshotError>>(
        &mut self,
        mut each: impl FnMut(&Record<'_>, &Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ids = std::mem::replace(&mut self.ids, Sorter::new(None));
        self.numbers.begin().map_err(SnapshotError::Io)?;
        let mut crowd: Option<Entry> = None;
        // The first record of each id that has the present hash: more than one where ids collide.
        let mut firsts: Vec<Vec<u8>> = Vec::new();
        for entry in ids.merge().map_err(SnapshotError::Io)? {
            let entry = entry.map_err(SnapshotError::Io)?;
            let Some(first) = crowd.filter(|first| first.hash == entry.hash) else {
                crowd = Some(entry);
                firsts.clear();
                continue;
            };
            if firsts.is_empty() {
                firsts.push(self.read_back(first.reference)?);
            }
            let bytes = self.read_back(entry.reference)?;
            let later = opened(&bytes, entry.reference)?;
            let mut earlier = None;
            for bytes in &firsts {
                let record = opened(bytes, first.reference)?;
                if record.id() == later.id() {
                    earlier = Some(record);
                    break;
                }
            }
            match earlier {
                Some(earlier) => each(&earlier, &later)?,
                None => firsts.push(bytes),
            }
        }
        self.ids = ids;
        Ok(())
    }

    /// Writes the tables and the header, and gives back `out` and the header.
    ///
    /// # Errors
    /// Where `out` cannot be written or read back.
    pub fn finish(self, facts: &Facts<'_>) -> Result<(W, Header), SnapshotError> {
        self.finish_over(facts, None)
    }

    /// As [`SnapshotWriter::finish`]; `over` are the names of a snapshot whose customers were added first, in their order
    /// and without words, and the places, ascending, of those of them that were not.
    pub(crate) fn finish_over(
        mut self,
        facts: &Facts<'_>,
        over: Option<(Names<'_>, &[u32])>,
    ) -> Result<(W, Header), SnapshotError> {
        self.end(SectionKind::Records);
        self.ids.begin()?;
        let (customers, claims) = (self.ids.len(), self.numbers.len());

        self.begin(SectionKind::Claimants)?;
        let Gathered {
            mut entries,
            contested,
            attributes,
        } = Crowds::gather(&mut self)?;
        self.end(SectionKind::Claimants);
        let numbers = entries.len() - attributes;
        self.table::<NUMBER_SLOT>(SectionKind::Numbers, &mut entries)?;
        let suffixes = self
            .suffix_digits
            .map(|digits| self.suffixes(digits, &mut entries));
        let suffixes = suffixes.transpose()?;
        drop(entries);
        let mut ids = std::mem::replace(&mut self.ids, Sorter::new(None));
        self.table::<ID_SLOT>(SectionKind::Ids, &mut ids)?;

        self.json(SectionKind::Schema, facts.schema)?;
        self.json(SectionKind::Streams, facts.streams)?;
        let suffixes = match suffixes {
            Some(suffixes) => self.suffix_table(suffixes)?,
            None => 0,
        };

        if let Some(names) = self.names.take() {
            self.name_section(names, over)?;
        }

        let header = Header {
            format_version: FORMAT_VERSION,
            file_length: self.at,
            generation: facts.generation,
            seq: facts.seq,
            created_at_ms: facts.created_at_ms,
            customers,
            numbers,
            attributes,
            claims,
            contested,
            seed: self.seed,
            log: facts.log,
            suffix_digits: self.suffix_digits.map_or(0, |digits| u64::from(digits.count())),
            suffixes,
            sections: self.sections,
        };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.encode())?;
        self.out.flush()?;
        Ok((self.out, header))
    }

    fn index(&mut self, record: &Record<'_>, reference: u64) -> Result<(), SnapshotError> {
        self.ids.push(Entry {
            hash: id_hash(id_hash53(record.id())),
            reference,
        })?;
        for claim in record.claims() {
            self.numbers.push(Entry {
                hash: number_hash(claim.key, self.seed),
                reference,
            })?;
        }
        if let Some(names) = &mut self.names {
            let facts = self.words.facts(record);
            names.add(reference, (facts.created_ms, facts.name), &facts.keys)?;
        }
        Ok(())
    }

    fn table<const SLOT: usize>(
        &mut self,
        kind: SectionKind,
        entries: &mut Sorter<Entry>,
    ) -> Result<(), SnapshotError> {
        let count = entries.len();
        let sorted = entries.merge()?.map(|entry| entry.map_err(SnapshotError::Io));
        self.table_of::<SLOT>(kind, count, sorted)
    }

    /// Writes the section `kind`: the table of `count` entries that come in order.
    fn table_of<const SLOT: usize>(
        &mut self,
        kind: SectionKind,
        count: u64,
        sorted: impl Iterator<Item = Result<Entry, SnapshotError>>,
    ) -> Result<(), SnapshotError> {
        self.begin(kind)?;
        let mut gathered = Vec::with_capacity(TABLE_BYTES);
        table::build::<SLOT, SnapshotError>(count, sorted, |bucket| {
            gathered.extend_from_slice(bucket);
            if gathered.len() >= TABLE_BYTES {
                self.put(&gathered)?;
                gathered.clear();
            }
            Ok(())
        })?;
        self.put(&gathered)?;
        self.end(kind);
        Ok(())
    }

    fn read_back(&mut self, reference: u64) -> Result<Vec<u8>, SnapshotError> {
        self.out.seek(SeekFrom::Start(reference * UNIT))?;
        let mut bytes = vec![0; RECORD_HEADER];
        self.out.read_exact(&mut bytes)?;
        let len = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
        bytes.resize(len.max(RECORD_HEADER), 0);
        self.out.read_exact(&mut bytes[RECORD_HEADER..])?;
        self.out.seek(SeekFrom::Start(self.at))?;
        Ok(bytes)
    }

    fn json<T: serde::Serialize + ?Sized>(
        &mut self,
        kind: SectionKind,
        value: &T,
    ) -> Result<(), SnapshotError> {
        let json = serde_json::to_vec(value).map_err(|source| SnapshotError::Json {
            section: kind.name(),
            source,
        })?;
        self.begin(kind)?;
        self.put(&json)?;
        self.end(kind);
        Ok(())
    }

    fn begin(&mut self, kind: SectionKind) -> Result<(), SnapshotError> {
        self.pad(SECTION_ALIGN)?;
        self.hash = Xxh3Default::new();
        self.sections[kind as usize - 1].offset = self.at;
        Ok(())
    }

    fn end(&mut self, kind: SectionKind) {
        let section = &mut self.sections[kind as usize - 1];
        section.length = self.at - section.offset;
        section.xxh3 = self.hash.digest();
    }

    fn padding(&self, align: u64) -> usize {
        usize::try_from(self.at.next_multiple_of(align) - self.at).unwrap_or(0)
    }

    fn pad(&mut self, align: u64) -> Result<(), SnapshotError> {
        let padding = self.padding(align);
        self.put(&[0; 64][..padding])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.out.write_all(bytes)?;
        self.pass(bytes);
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
    }
}

fn opened(bytes: &[u8], reference: u64) -> Result<Record<'_>, SnapshotError> {
    Record::open(bytes).map_err(|source| SnapshotError::Record {
        offset: reference * UNIT,
        source,
    })
}
