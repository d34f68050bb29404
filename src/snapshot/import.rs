//! Building a snapshot from a CSV or NDJSON file.
//!
//! A row that is not as it should be is refused, named in the rejects file, and costs nothing but itself; what makes
//! the meaning of the whole file doubtful ends the import, and what was published before stays as it is. A CSV file
//! needs no [`Mapping`]: the columns of id, name and phones are found by their headers.
//!
//! A claim begins at the seq of the base, which is what is served when the import begins (0 where there is none), plus
//! its row: the line of the file on which it begins, from 1, so that among customers of one file the later row is the
//! newer claim. A claim that the same customer has in the base keeps its beginning, since it is unbroken.
//!
//! Rows pass through; what is sorted for the tables stays within [`Target::memory_bytes`]. Everything is in a build folder
//! until it is published, and a build that was ended goes on from there: see `docs/import.md`.

mod assembly;
mod checkpoint;
mod columns;
mod csv;
mod detect;
mod encoder;
mod error;
mod input;
mod lines;
mod manifest;
mod mapping;
mod ndjson;
mod notes;
mod pipeline;
mod records;
mod rejects;
mod repeats;
mod target;
mod turns;

use std::hash::{BuildHasher, RandomState};
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use self::assembly::Assembly;
use self::columns::Columns;
use self::csv::CsvRows;
use self::encoder::Encoder;
use self::manifest::{Counts, Key, Manifest, Mark, Place};
use self::ndjson::{JsonDocuments, NdjsonRows};
use self::pipeline::{Documents, Rows};
use super::folder::{Folder, Held};
use super::{MappedSnapshot, Snapshot};
use crate::customer::Schema;
use crate::intake::Intake;

pub use error::ImportError;
pub use input::{Format, Input, Regular};
pub use mapping::{
    AttributeColumn, CaseColumns, ColumnNames, Delimiter, Encoding, InvalidPhones, LabelsColumn, Mapping,
    MappingError, PhoneColumn,
};
pub use rejects::Reject;
pub use target::{Built, Target};

/// Bytes read from the input at a time.
const READ_BYTES: usize = 1 << 18;
/// Bytes of the input after each of which what is done is made durable: some seconds of work.
pub const CHECKPOINT_BYTES: u64 = 64 << 20;
/// More workers than this wait for the one thread that reads.
const MOST_WORKERS: usize = 8;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are done.
    pub bytes: u64,
    /// Bytes of the whole input, where known.
    pub total: Option<u64>,
    /// Rows that are done, refused ones among them.
    pub rows: u64,
}

/// A field of customers and the CSV column that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// Such as `name`, `phones[0]` or `attributes.email`.
    pub field: String,
    /// The header.
    pub column: String,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Serial number of the snapshot.
    pub generation: u64,
    /// Where it is.
    pub path: PathBuf,
    /// Where the rejects are, if there are any.
    pub rejects: Option<PathBuf>,
    /// Rows of the input: customers and refused ones.
    pub rows: u64,
    /// Customers in the snapshot.
    pub customers: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Phones that customers show and nobody is found by, since they are no valid number.
    pub kept_phones: u64,
    /// Distinct numbers.
    pub numbers: u64,
    /// Claims: a number that three customers list is one number and three claims.
    pub claims: u64,
    /// Numbers with several claimants.
    pub contested: u64,
    /// Attributes of the schema.
    pub attributes: usize,
    /// Which column each field comes from; empty for NDJSON.
    pub detected: Vec<Detected>,
    /// How long it took.
    pub seconds: f64,
    /// Bytes of the snapshot.
    pub bytes: u64,
}

/// What is told while an import goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A build that was ended half way goes on behind this row.
    Resumed {
        /// The line of the input up to which nothing is read again.
        row: u64,
    },
    /// A build that was ended half way is of no use.
    StartedOver {
        /// What is another now, or what is damaged.
        why: String,
    },
    /// So far it is, some hundred rows apart.
    At(Progress),
}

/// Builds a finished snapshot that nobody sees yet.
///
/// # Errors
/// [`ImportError`]; the build folder then keeps what another try can go on from, if anything.
pub fn build<R: Read + Send>(
    input: Input<R>,
    mapping: &Mapping,
    intake: &Intake,
    target: Target,
    events: impl FnMut(Event),
) -> Result<Built, ImportError> {
    let held = Folder::hold(&target.dir)?;
    build_in(held, input, mapping, intake, target, events)
}

/// As [`build`], in the folder of `target`, which `held` holds already.
///
/// # Errors
/// As [`build`].
pub fn build_in<R: Read + Send>(
    held: Held,
    input: Input<R>,
    mapping: &Mapping,
    intake: &Intake,
    target: Target,
    events: impl FnMut(Event),
) -> Result<Built, ImportError> {
    let building = Building {
        intake,
        mapping,
        target: &target,
        held: &held,
        began: Instant::now(),
    };
    match building.build(input, events) {
        Ok(summary) => Ok(Built { held, summary }),
        Err(error) => {
            if !(error.may_pass() && Manifest::is_in(held.folder().dir())) {
                held.remove();
            }
            Err(error.while_writing(&target.dir))
        }
    }
}

/// Builds the next generation of the folder that `held` holds on top of the present one, and makes it the present one.
/// `created_at_ms` and `memory_bytes` as in [`Target`].
///
/// # Errors
/// [`ImportError`]; nothing is published then.
pub fn build_and_publish<R: Read + Send>(
    input: Input<R>,
    mapping: &Mapping,
    intake: &Intake,
    held: &Held,
    created_at_ms: i64,
    memory_bytes: u64,
    events: impl FnMut(Event),
) -> Result<Summary, ImportError> {
    let generation = held.reserve()?;
    let target = Target {
        base: present(held.folder()),
        ..Target::new(held.folder().build(), generation, created_at_ms, memory_bytes)
    };
    let built = build(input, mapping, intake, target, events)?;
    Ok(built.publish(held)?)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_WORKERS))
}

/// The present snapshot. One that cannot be opened is no reason not to build a new one.
fn present(folder: &Folder) -> Option<Arc<MappedSnapshot>> {
    let path = folder.current().ok().flatten()?;
    match Snapshot::map(&path) {
        Ok(snapshot) => Some(Arc::new(snapshot)),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the present snapshot cannot be opened: claims begin anew");
            None
        }
    }
}

/// A schema's version grows with every change of it, and only then.
fn unless_changed(schema: Schema, present: Option<&Schema>) -> Schema {
    match present {
        Some(present) if present.attributes == schema.attributes => present.clone(),
        _ => schema,
    }
}

/// What does not depend on the format.
struct Building<'a> {
    intake: &'a Intake,
    mapping: &'a Mapping,
    target: &'a Target,
    held: &'a Held,
    began: Instant,
}

impl<'a> Building<'a> {
    fn build<R: Read + Send>(
        &self,
        input: Input<R>,
        mut events: impl FnMut(Event),
    ) -> Result<Summary, ImportError> {
        let file = input.file.as_ref();
        let key = file.map(|file| Key::of(file, input.format, self.mapping, self.intake, self.target));
        let mut assembly = self.assembly(key, &mut events)?;
        let from = assembly.manifest().place;
        let present = self.target.base.as_ref().map(|base| base.schema());
        let version = present.map_or(1, |schema| schema.version.saturating_add(1));
        match input.format {
            Format::Csv => {
                let delimiter = self.mapping.delimiter.byte();
                let mut rows = CsvRows::new(boxed(input.reader), delimiter, Place::default());
                let first = rows.next()?.ok_or(ImportError::NoHeaders)?;
                let cells = first.content.map_err(|found| ImportError::Headers {
                    found,
                    remedy: "correct the first line",
                })?;
                let headers = columns::headers(&cells, self.mapping.encoding)?;
                let mut columns = Columns::new(headers, self.mapping, version)?;
                columns.keep_version_of(present);
                let detected = columns.detected();
                if let (Some(file), true) = (file, from.line > 0) {
                    rows = CsvRows::new(boxed(file.from(from.bytes)?), delimiter, from);
                }
                let workers = vec![columns; workers()];
                let schema = self.run(rows, workers, &mut assembly, input.bytes, events)?;
                self.finish(assembly, &schema, detected)
            }
            Format::Ndjson => {
                let rows = match file {
                    Some(file) if from.line > 0 => NdjsonRows::new(boxed(file.from(from.bytes)?), from),
                    _ => NdjsonRows::new(boxed(input.reader), Place::default()),
                };
                let schema = match &assembly.manifest().schema {
                    Some(schema) => schema.clone(),
                    None => {
                        let attributes = self.mapping.attributes.iter();
                        let definitions = attributes.map(AttributeColumn::definition).collect();
                        Schema::new(version, definitions).map_err(ImportError::Schema)?
                    }
                };
                let documents = if self.mapping.only {
                    JsonDocuments::only(unless_changed(schema, present))
                } else {
                    JsonDocuments::inferring(schema)
                };
                let workers = vec![documents; workers()];
                let schema = self.run(rows, workers, &mut assembly, input.bytes, events)?;
                self.finish(assembly, &schema, Vec::new())
            }
        }
    }

    /// What the build folder has of a build of `key`, or an empty one. Without a key nothing is resumed.
    fn assembly(
        &self,
        key: Option<Key>,
        events: &mut impl FnMut(Event),
    ) -> Result<Assembly<'a>, ImportError> {
        let mut started_over = |why: String| events(Event::StartedOver { why });
        let mut resumed = None;
        match (&key, Manifest::load(self.held.folder().dir())?) {
            (Some(key), Some(Ok(manifest))) => match key.differs_from(&manifest.key) {
                Some(why) => started_over(why),
                None => {
                    resumed = Assembly::resume(self.target, self.held, manifest)?;
                    if resumed.is_none() {
                        started_over("its files are damaged".to_owned());
                    }
                }
            },
            (Some(_), Some(Err(why))) => started_over(why.to_owned()),
            (Some(_), None) | (None, _) => {}
        }
        let mut assembly = match resumed {
            Some(resumed) => {
                let row = resumed.manifest().place.line;
                events(Event::Resumed { row });
                resumed
            }
            None => Assembly::start(self.target, self.held, self.manifest(key.clone()))?,
        };
        if key.is_some() {
            assembly.make_checkpoints()?;
        }
        Ok(assembly)
    }

    /// Of a build that has not begun.
    fn manifest(&self, key: Option<Key>) -> Manifest {
        let created_at_ms = self.target.created_at_ms;
        Manifest {
            key: key.unwrap_or_default(),
            created_at_ms,
            streams: self.target.streams.clone(),
            log: self.target.log,
            // Scatters the number table in a way that whoever writes the input does not know.
            seed: RandomState::new().hash_one(created_at_ms),
            place: Place::default(),
            records: Mark::default(),
            notes: Mark::default(),
            counts: Counts::default(),
            schema: None,
        }
    }

    fn run<R, D>(
        &self,
        rows: R,
        workers: Vec<D>,
        assembly: &mut Assembly<'_>,
        total: Option<u64>,
        mut events: impl FnMut(Event),
    ) -> Result<Schema, ImportError>
    where
        R: Rows,
        D: Documents<Block = R::Block>,
    {
        let encoder = Encoder {
            intake: self.intake,
            invalid_phones: self.mapping.invalid_phones,
            region: self.mapping.region,
            base: self.target.base.as_deref(),
            behind: self.target.begins_behind(),
            copy_of: self.target.copy_of,
            seed: assembly.manifest().seed,
        };
        let schema = pipeline::run(rows, workers, encoder, |batch| {
            assembly.batch(batch)?;
            let manifest = assembly.manifest();
            events(Event::At(Progress {
                bytes: manifest.place.bytes,
                total,
                rows: manifest.counts.rows,
            }));
            Ok(())
        })?;
        // Where rows have made it grow, no worker but one knows the last of it.
        Ok(assembly.manifest().schema.clone().unwrap_or(schema))
    }

    fn finish(
        &self,
        assembly: Assembly<'_>,
        schema: &Schema,
        detected: Vec<Detected>,
    ) -> Result<Summary, ImportError> {
        let built = assembly.finish(schema)?;
        Ok(Summary {
            generation: built.header.generation,
            path: built.path,
            rejects: built.rejects,
            rows: built.counts.rows,
            customers: built.header.customers,
            refused: built.counts.refused,
            kept_phones: built.counts.kept_phones,
            numbers: built.header.numbers,
            claims: built.header.claims,
            contested: built.header.contested,
            attributes: schema.attributes.len(),
            detected,
            seconds: self.began.elapsed().as_secs_f64(),
            bytes: built.header.file_length,
        })
    }
}

/// What is read from next differs, and is as fast through a box: it is asked for many rows at once.
fn boxed<'r>(reader: impl Read + Send + 'r) -> BufReader<Box<dyn Read + Send + 'r>> {
    BufReader::with_capacity(READ_BYTES, Box::new(reader))
}
