//! Merging: a snapshot and the sealed overlay over it become the next snapshot.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use crate::customer::{Record, Schema};
use crate::intake::Intake;
use crate::number::SuffixDigits;
use crate::overlay::{Entry, Overlay};
use crate::snapshot::layout::{Header, LogPlace};
use crate::snapshot::sort::Room;
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, SnapshotError, Stream};

/// What [`super::Writer::seal`] gives for merging; holds no lock, so that reads and changes go on meanwhile.
#[derive(Debug, Clone)]
pub struct Merge {
    pub(super) snapshot: Arc<MappedSnapshot>,
    pub(super) sealed: Arc<Overlay>,
    pub(super) schema: Arc<Schema>,
    pub(super) suffix_digits: Option<SuffixDigits>,
    pub(super) seq: u64,
    pub(super) log_line: u64,
    pub(super) intake: Option<Intake>,
}

impl Merge {
    /// The generation that is merged with the overlay.
    pub fn base(&self) -> u64 {
        self.snapshot.header().generation
    }

    /// The same, of a snapshot over which the change log `line` goes on.
    #[must_use]
    pub fn of_line(self, line: u64) -> Merge {
        Merge {
            log_line: line,
            ..self
        }
    }

    /// The same, bringing records of earlier schemas under the present one as `intake` does.
    #[must_use]
    pub fn under_schema(self, intake: Intake) -> Merge {
        Merge {
            intake: Some(intake),
            ..self
        }
    }

    /// Writes the merged snapshot to `out`: the old one's unchanged records as they are, then the changed ones by id. What
    /// sorting takes is within `room`.
    ///
    /// # Errors
    /// Where `out` cannot be written, or the old snapshot has a damaged record: a merge that left it out would make a
    /// passing fault a lasting one.
    pub fn write<W: Read + Write + Seek>(
        &self,
        out: W,
        room: &Room,
        generation: u64,
        created_at_ms: i64,
        streams: &[Stream],
    ) -> Result<(W, Header), SnapshotError> {
        let seed = self.snapshot.header().seed;
        let mut writer = SnapshotWriter::within(room, out, seed)?.by_suffix(self.suffix_digits);
        let sealed = self.sealed.pin();
        for record in self.snapshot.records() {
            let record = record?;
            if let Ok(None) = sealed.customer(record.id(), self.seq) {
                self.add(&mut writer, &record, streams)?;
            }
        }
        let mut changed: Vec<(&str, &Entry)> = sealed.customers(self.seq).flatten().collect();
        changed.sort_unstable_by_key(|(id, _)| *id);
        for (_, entry) in changed {
            if let Entry::Customer(bytes) = entry {
                let record =
                    Record::open(bytes).map_err(|source| SnapshotError::Record { offset: 0, source })?;
                self.add(&mut writer, &record, streams)?;
            }
        }
        let facts = Facts {
            generation,
            seq: self.seq,
            created_at_ms,
            schema: &self.schema,
            streams,
            log: LogPlace {
                line: self.log_line,
                follows: self.seq,
            },
        };
        writer.finish(&facts)
    }

    fn add<W: Read + Write + Seek>(
        &self,
        writer: &mut SnapshotWriter<W>,
        record: &Record<'_>,
        streams: &[Stream],
    ) -> Result<(), SnapshotError> {
        let intake = self.intake.as_ref();
        let rewritten = intake
            .filter(|_| record.schema_version() != self.schema.version)
            .and_then(|intake| {
                let feed = streams.get(usize::from(record.origin().stream));
                let feed = feed.map_or("", |stream| stream.stream.as_str());
                intake.of_feed(feed).under(record, &self.schema, self.seq)
            });
        match rewritten.as_deref().map(Record::open) {
            Some(Ok(rewritten)) => writer.add(&rewritten),
            // One that the new schema does not take stays readable under the old one.
            _ => writer.add(record),
        }
    }

    /// The newest change that the merge holds.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}
