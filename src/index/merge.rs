//! Merging: a snapshot and the sealed overlay over it become the next snapshot.
//!
//! One thread verifies and notes what is kept of the old one, the caller's writes it.

mod unchanged;

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use crossbeam::channel::bounded;

use self::unchanged::{Marks, opened};
use crate::customer::{Record, Schema};
use crate::intake::Intake;
use crate::number::SuffixDigits;
use crate::overlay::{Entry, Overlay};
use crate::snapshot::layout::{Header, LogPlace, SectionKind};
use crate::snapshot::names::Names;
use crate::snapshot::sort::Room;
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, SnapshotError, Stream};

/// Batches that were verified and wait to be written.
const QUEUE: usize = 4;

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
        let names = self.names();
        let changed = self.changed(&sealed)?;
        let marks = &Marks::of(changed.iter().map(|(id, _)| *id));
        let gone = std::thread::scope(|scope| {
            let (verified, batches) = bounded(QUEUE);
            let verifying = std::thread::Builder::new()
                .name("verify".into())
                .spawn_scoped(scope, move || self.unchanged(marks, streams, names, &verified))?;
            let mut written = Ok(());
            for batch in &batches {
                written = writer.add_noted(batch.pieces.iter().map(AsRef::as_ref), &batch.noted);
                if written.is_err() {
                    break;
                }
            }
            drop(batches);
            let unchanged = verifying
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(unchanged)
        })?;
        for (_, entry) in changed {
            if let Entry::Customer(bytes) = entry {
                let record = opened(bytes)?;
                match self.rewritten(&record, streams) {
                    Some(rewritten) => writer.add(&opened(&rewritten)?)?,
                    None => writer.add(&record)?,
                }
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
        writer.finish_over(&facts, names.map(|names| (names, &gone[..])))
    }

    /// The old snapshot's index of names, where it has one that is whole; otherwise every name is read again.
    fn names(&self) -> Option<Names<'_>> {
        let names = self.snapshot.intact_names();
        if names.is_none() && self.snapshot.header().has(SectionKind::Names) {
            tracing::warn!("the snapshot's index of names is damaged; it is made anew");
        }
        names
    }

    /// `record` under the present schema, where it was written under an earlier one. One that the new schema does not take
    /// stays readable under the old one.
    fn rewritten(&self, record: &Record<'_>, streams: &[Stream]) -> Option<Vec<u8>> {
        let intake = self.intake.as_ref()?;
        if record.schema_version() == self.schema.version {
            return None;
        }
        let feed = streams.get(usize::from(record.origin().stream));
        let feed = feed.map_or("", |stream| stream.stream.as_str());
        let rewritten = intake.of_feed(feed).under(record, &self.schema, self.seq)?;
        Record::open(&rewritten).is_ok().then_some(rewritten)
    }

    /// The newest change that the merge holds.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}
