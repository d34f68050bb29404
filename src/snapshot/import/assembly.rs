//! The thread that writes: it alone sees every row in order, and makes a snapshot of what became of them.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::ImportError;
use super::checkpoint::Checkpoints;
use super::encoder::Made;
use super::manifest::{self, Counts, Manifest, Mark, Place};
use super::notes::{self, Notes};
use super::pipeline::Batch;
use super::records::Records;
use super::repeats::{Passing, Repeat, row_of};
use super::target::Target;
use crate::customer::Schema;
use crate::durable;
use crate::snapshot::folder::{Held, ReadBack};
use crate::snapshot::layout::{Header, LogPlace};
use crate::snapshot::sort::{Room, Sorter};
use crate::snapshot::writer::{Facts, SnapshotWriter, Written};
use crate::snapshot::{SnapshotError, Stream};

/// The snapshot while it is written, in the build folder: its records, to which the tables come at the end.
const RECORDS: &str = "records";
const WRITE_BYTES: usize = 1 << 18;

/// What a finished build has written.
pub(super) struct Assembled {
    pub(super) path: PathBuf,
    pub(super) rejects: Option<PathBuf>,
    pub(super) header: Header,
    pub(super) counts: Counts,
}

/// Opens the file of records of the build folder, of which the first `keep` bytes stay.
fn records_file(dir: &Path, keep: u64) -> io::Result<ReadBack<BufWriter<File>>> {
    let file = durable::working(&dir.join(RECORDS), keep)?;
    Ok(ReadBack(BufWriter::with_capacity(WRITE_BYTES, file)))
}

/// The writing end of a build.
pub(super) struct Assembly<'a> {
    target: &'a Target,
    held: &'a Held,
    room: Room,
    writer: SnapshotWriter<ReadBack<BufWriter<File>>>,
    notes: Notes,
    /// How far it is; only a checkpoint fills in the marks.
    manifest: Manifest,
    checkpoints: Option<Checkpoints>,
    checkpoint_at: u64,
}

impl<'a> Assembly<'a> {
    /// Starts in the folder that `held` holds, in which nothing is kept.
    pub(super) fn start(
        target: &'a Target,
        held: &'a Held,
        manifest: Manifest,
    ) -> Result<Assembly<'a>, ImportError> {
        let dir = held.folder().dir();
        let room = Room::new(dir, target.memory_bytes);
        held.clear(&[])?;
        let writer = SnapshotWriter::within(&room, records_file(dir, 0)?, manifest.seed)?;
        let notes = Notes::start(dir)?;
        Ok(Assembly::of(target, held, room, writer, notes, manifest))
    }

    /// Goes on with what is in the folder; `None` where that is not what `manifest` tells of it.
    pub(super) fn resume(
        target: &'a Target,
        held: &'a Held,
        manifest: Manifest,
    ) -> Result<Option<Assembly<'a>>, ImportError> {
        let dir = held.folder().dir();
        let room = Room::new(dir, target.memory_bytes);
        held.clear(&[manifest::NAME, notes::NAME, RECORDS])?;
        let Some(notes) = Notes::resume(dir, manifest.notes)? else {
            return Ok(None);
        };
        let file = records_file(dir, manifest.records.bytes)?;
        let mut records = Records::of(File::open(dir.join(RECORDS))?, manifest.records.bytes)?;
        let mut writer = SnapshotWriter::resume(&room, file, manifest.seed)?;
        loop {
            match records.next() {
                Ok(Some(record)) => writer.found(&record)?,
                Ok(None) => break,
                Err(SnapshotError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(SnapshotError::Io(error).into());
                }
                Err(_) => return Ok(None),
            }
        }
        writer.go_on()?;
        let whole = mark(writer.written()?) == manifest.records;
        Ok(whole.then(|| Assembly::of(target, held, room, writer, notes, manifest)))
    }

    fn of(
        target: &'a Target,
        held: &'a Held,
        room: Room,
        writer: SnapshotWriter<ReadBack<BufWriter<File>>>,
        notes: Notes,
        manifest: Manifest,
    ) -> Assembly<'a> {
        Assembly {
            checkpoint_at: manifest.place.bytes.saturating_add(target.checkpoint_bytes),
            target,
            held,
            room,
            writer,
            notes,
            manifest,
            checkpoints: None,
        }
    }

    /// Makes durable what is done, now and then, so that another try can go on from there.
    pub(super) fn make_checkpoints(&mut self) -> Result<(), ImportError> {
        let dir = self.held.folder().dir();
        let files = vec![File::open(dir.join(RECORDS))?, self.notes.file()?];
        self.checkpoints = Some(Checkpoints::start(dir.to_owned(), files)?);
        Ok(())
    }

    /// How far the build is.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds what became of the next rows.
    pub(super) fn batch(&mut self, batch: Batch) -> Result<(), ImportError> {
        let Made {
            records,
            noted,
            notes,
            counts,
            ..
        } = batch.made;
        self.writer.add_noted([&records[..]], &noted)?;
        for (about, reject) in &notes {
            self.notes.add(reject, *about)?;
        }
        if counts.rows > 0 {
            self.manifest.counts.last = counts.last;
        }
        self.manifest.counts.rows += counts.rows;
        self.manifest.counts.refused += counts.refused;
        self.manifest.counts.kept_phones += counts.kept_phones;
        self.manifest.place = batch.place;
        if batch.schema.is_some() {
            self.manifest.schema = batch.schema;
        }
        self.checkpoint(batch.place)?;
        self.target.go_on()
    }

    fn checkpoint(&mut self, place: Place) -> Result<(), ImportError> {
        let Some(checkpoints) = &mut self.checkpoints else {
            return Ok(());
        };
        if place.bytes < self.checkpoint_at {
            return Ok(());
        }
        self.checkpoint_at = place.bytes.saturating_add(self.target.checkpoint_bytes);
        self.manifest.records = mark(self.writer.written()?);
        self.manifest.notes = self.notes.written()?;
        checkpoints.make(self.manifest.clone())
    }

    /// Writes the tables over the records of rows whose id is new, and the rejects.
    pub(super) fn finish(mut self, schema: &Schema) -> Result<Assembled, ImportError> {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.end()?;
        }
        let mut counts = self.manifest.counts;
        // A source may have nobody yet, or nobody any more; whether that may be served is judged.
        if self.writer.customers() == 0 && self.target.copy_of.is_none() {
            return Err(ImportError::NoCustomers {
                rows: counts.rows,
                first: self.notes.first_refused()?,
            });
        }
        let mut repeats = Sorter::new(Some(&self.room));
        self.writer.repeated(|first, later| -> Result<(), ImportError> {
            let (row, first) = (row_of(later), row_of(first));
            Ok(repeats.push(Repeat { row, first })?)
        })?;
        let Assembly {
            target,
            held,
            room,
            mut writer,
            notes,
            manifest,
            ..
        } = self;
        let folder = held.folder();
        let rejects = notes.publish(&folder.rejects(target.generation), &mut repeats, &mut counts)?;
        let mut streams = vec![Stream {
            stream: "import".to_owned(),
            incarnation: manifest.created_at_ms.to_string(),
            token: String::new(),
        }];
        streams.extend(manifest.streams);
        let seq = target.begins_behind() + counts.last;
        let facts = Facts {
            generation: target.generation,
            seq,
            created_at_ms: manifest.created_at_ms,
            schema,
            streams: &streams,
            log: match manifest.log {
                // What a log that was there before holds is of no more use.
                LogPlace { line: 0, .. } => LogPlace {
                    line: manifest.seed.max(1),
                    follows: seq,
                },
                place => place,
            },
        };
        let (path, header) = if repeats.len() == 0 {
            let (ReadBack(file), header) = writer.by_suffix(target.suffix_digits).finish(&facts)?;
            file.get_ref().sync_all()?;
            (folder.dir().join(RECORDS), header)
        } else {
            let end = writer.written()?.bytes;
            // What it holds for sorting is needed again.
            drop(writer);
            let records = Records::of(File::open(folder.dir().join(RECORDS))?, end)?;
            without(
                &mut repeats,
                records,
                (target, held, &room),
                manifest.seed,
                &facts,
            )?
        };
        Ok(Assembled {
            path,
            rejects,
            header,
            counts,
        })
    }
}

/// Writes a snapshot of `records` without those of rows that are `repeats`.
fn without(
    repeats: &mut Sorter<Repeat>,
    mut records: Records,
    (target, held, room): (&Target, &Held, &Room),
    seed: u64,
    facts: &Facts<'_>,
) -> Result<(PathBuf, Header), ImportError> {
    let path = held.folder().snapshot(facts.generation);
    let mut staged = durable::Staged::create(&path)?;
    let mut writer =
        SnapshotWriter::within(room, ReadBack(staged.writer()?), seed)?.by_suffix(target.suffix_digits);
    let mut passing = Passing::along(repeats)?;
    while let Some(record) = records.next()? {
        target.go_on()?;
        let row = row_of(&record);
        while passing.before(row)?.is_some() {}
        if !passing.is_at(row) {
            writer.add(&record)?;
        }
    }
    let (_, header) = writer.finish(facts)?;
    staged.publish()?;
    Ok((path, header))
}

fn mark(written: Written) -> Mark {
    Mark {
        bytes: written.bytes,
        xxh3: written.xxh3,
    }
}
