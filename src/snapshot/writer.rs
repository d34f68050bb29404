//! Writing a snapshot: records as they come, then the tables over them, then the header.

use std::io::{Read, Seek, SeekFrom, Write};

use xxhash_rust::xxh3::Xxh3Default;

use super::claimants::Many;
use super::layout::{
    HEADER_LEN, Header, SECTION_ALIGN, Section, SectionKind, UNIT, id_hash, id_hash53, number_hash,
};
use super::table::{self, Entry, ID_SLOT, NUMBER_SLOT};
use super::{SnapshotError, Stream};
use crate::customer::record::HEADER_LEN as RECORD_HEADER;
use crate::customer::{Record, Schema};

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
}

/// Writes one snapshot to `W`, which can be read back: contested numbers are sorted out at the end, by reading the
/// few records that contest them. Memory: 16 bytes a customer and 16 a claim, and once more
/// what the claimants section takes.
pub struct SnapshotWriter<W> {
    out: W,
    at: u64,
    hash: Xxh3Default,
    sections: [Section; SectionKind::ALL.len()],
    numbers: Vec<Entry>,
    ids: Vec<Entry>,
    seed: u64,
}

impl<W: Read + Write + Seek> SnapshotWriter<W> {
    /// Starts a snapshot in `out`, which is empty; `seed` scatters the number table.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn new(mut out: W, seed: u64) -> Result<SnapshotWriter<W>, SnapshotError> {
        out.write_all(&[0; HEADER_LEN])?;
        let mut writer = SnapshotWriter {
            out,
            at: HEADER_LEN as u64,
            hash: Xxh3Default::new(),
            sections: Default::default(),
            numbers: Vec::new(),
            ids: Vec::new(),
            seed,
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
        self.ids.push(Entry {
            hash: id_hash(id_hash53(record.id())),
            reference,
        });
        for claim in record.claims() {
            self.numbers.push(Entry {
                hash: number_hash(claim.key, self.seed),
                reference,
            });
        }
        Ok(())
    }

    /// Customers added so far.
    pub fn customers(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Writes the tables and the header, and gives back `out` and the header.
    ///
    /// # Errors
    /// Where `out` cannot be written or read back.
    pub fn finish(mut self, facts: &Facts<'_>) -> Result<(W, Header), SnapshotError> {
        self.end(SectionKind::Records);
        let (customers, claims) = (self.ids.len() as u64, self.numbers.len() as u64);

        let mut entries = std::mem::take(&mut self.numbers);
        entries.sort_unstable();
        let claimants = self.gather_contested(&mut entries)?;
        self.begin(SectionKind::Claimants)?;
        for entry in &claimants {
            debug_assert_eq!(self.at % UNIT, 0);
            self.put(entry)?;
        }
        self.end(SectionKind::Claimants);
        let contested = claimants.len() as u64;

        self.begin(SectionKind::Numbers)?;
        table::build::<NUMBER_SLOT, SnapshotError>(&entries, |bucket| self.put(bucket))?;
        self.end(SectionKind::Numbers);
        let numbers = entries.len() as u64;
        drop(entries);

        let mut ids = std::mem::take(&mut self.ids);
        ids.sort_unstable();
        self.begin(SectionKind::Ids)?;
        table::build::<ID_SLOT, SnapshotError>(&ids, |bucket| self.put(bucket))?;
        self.end(SectionKind::Ids);

        self.json(SectionKind::Schema, facts.schema)?;
        self.json(SectionKind::Streams, facts.streams)?;

        let header = Header {
            file_length: self.at,
            generation: facts.generation,
            seq: facts.seq,
            created_at_ms: facts.created_at_ms,
            customers,
            numbers,
            claims,
            contested,
            seed: self.seed,
            sections: self.sections,
        };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.encode())?;
        self.out.flush()?;
        Ok((self.out, header))
    }

    /// Replaces each run of entries with one hash, which is one number's claimants, by one entry that leads to where
    /// its claimants entry will be; gives back these entries in order.
    fn gather_contested(&mut self, entries: &mut Vec<Entry>) -> Result<Vec<Vec<u8>>, SnapshotError> {
        let mut at = self.at.next_multiple_of(SECTION_ALIGN);
        let mut gathered = Vec::new();
        let (mut read, mut write) = (0, 0);
        while let Some(&first) = entries.get(read) {
            let run = entries[read..]
                .iter()
                .take_while(|entry| entry.hash == first.hash)
                .count();
            let mut entry = first;
            if run > 1 {
                let claimants = self.claimants_entry(&entries[read..read + run])?;
                entry.reference = at / UNIT;
                at += claimants.len() as u64;
                gathered.push(claimants);
            }
            entries[write] = entry;
            write += 1;
            read += run;
        }
        entries.truncate(write);
        Ok(gathered)
    }

    fn claimants_entry(&mut self, run: &[Entry]) -> Result<Vec<u8>, SnapshotError> {
        struct Claimant {
            id: String,
            since: u64,
            created_ms: Option<i64>,
            reference: u64,
        }
        let (mut key, mut shared, mut claimants) = (0, false, Vec::with_capacity(run.len()));
        for entry in run {
            let bytes = self.read_back(entry.reference * UNIT)?;
            let record = Record::open(&bytes).map_err(|source| SnapshotError::Record {
                offset: entry.reference * UNIT,
                source,
            })?;
            let claim = record
                .claims()
                .find(|claim| number_hash(claim.key, self.seed) == entry.hash);
            let Some(claim) = claim else { continue };
            key = claim.key;
            shared |= claim.shared;
            claimants.push(Claimant {
                id: record.id().to_owned(),
                since: claim.since,
                created_ms: record.created_ms(),
                reference: entry.reference,
            });
        }
        let references = |claimants: &[Claimant]| -> Vec<u64> {
            claimants.iter().map(|claimant| claimant.reference).collect()
        };
        claimants.sort_unstable_by(|a, b| (b.since, &b.id).cmp(&(a.since, &a.id)));
        let newest_claim = references(&claimants);
        claimants.sort_unstable_by(|a, b| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
        Ok(Many::encode(key, shared, &newest_claim, &references(&claimants)))
    }

    fn read_back(&mut self, offset: u64) -> Result<Vec<u8>, SnapshotError> {
        self.out.seek(SeekFrom::Start(offset))?;
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

    fn pad(&mut self, align: u64) -> Result<(), SnapshotError> {
        let padding = self.at.next_multiple_of(align) - self.at;
        self.put(&[0; 64][..usize::try_from(padding).unwrap_or(0)])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}
