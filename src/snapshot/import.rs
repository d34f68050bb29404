//! Building a snapshot from a CSV or NDJSON file.
//!
//! A row that is not as it should be is refused, named in the rejects file, and costs nothing but itself; what makes
//! the meaning of the whole file doubtful ends the import, and what was published before stays as it is. A CSV file
//! needs no [`Mapping`]: the columns of id, name and phones are found by their headers.
//!
//! A claim begins at the seq of the base, which is what is served when the import begins (0 where there is none), plus
//! its row: the line of the file on which it begins, from 1, so that among customers of one file the later row is the
//! newer claim. A claim that the same customer has in the base keeps its beginning, since it is unbroken. Memory: the tables of the snapshot and 16 to 32 bytes a
//! customer to find ids that come twice; rows themselves pass through.

mod columns;
mod csv;
mod detect;
mod error;
mod lines;
mod mapping;
mod ndjson;
mod pipeline;
mod rejects;
mod target;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use self::columns::Columns;
use self::csv::CsvRows;
use self::ndjson::{JsonDocuments, NdjsonRows, Unnamed};
use self::pipeline::{Batch, Documents, Encoder, Outcome, Rows};
use self::rejects::Rejects;
use super::folder::{Folder, Held, ReadBack};
use super::writer::{Facts, SnapshotWriter};
use super::{MappedSnapshot, Snapshot, SnapshotError, Stream};
use crate::customer::{Record, Schema};
use crate::intake::Intake;

pub use error::ImportError;
pub use mapping::{
    AttributeColumn, CaseColumns, ColumnNames, Delimiter, Encoding, InvalidPhones, LabelsColumn, Mapping,
    MappingError, PhoneColumn,
};
pub use rejects::Reject;
pub use target::{Built, Target};

/// Bytes read from the input at a time.
const READ_BYTES: usize = 1 << 18;
/// More workers than this wait for the one thread that reads.
const MOST_WORKERS: usize = 8;

/// The format of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a line of headers (RFC 4180).
    Csv,
    /// One customer document a line.
    Ndjson,
}

/// What to import.
#[derive(Debug)]
pub struct Input<R> {
    /// The bytes.
    pub reader: R,
    /// How many there will be, where known.
    pub bytes: Option<u64>,
    /// Their format.
    pub format: Format,
}

impl Input<File> {
    /// The file at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, format: Format) -> Result<Input<File>, ImportError> {
        let failed = |source| ImportError::Open {
            path: path.to_owned(),
            source,
        };
        let reader = File::open(path).map_err(failed)?;
        let facts = reader.metadata().map_err(failed)?;
        Ok(Input {
            reader,
            bytes: facts.is_file().then_some(facts.len()),
            format,
        })
    }
}

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
    let building = Building {
        intake,
        mapping,
        target: &target,
        held: &held,
        total: input.bytes,
    };
    match building.input(input, events) {
        Ok(summary) => Ok(Built { held, summary }),
        Err(error) => {
            held.remove();
            Err(error)
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
    let target = Target {
        dir: held.folder().build(),
        generation: held.folder().next_generation()?,
        base: present(held.folder()),
        created_at_ms,
        memory_bytes,
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
    total: Option<u64>,
}

impl Building<'_> {
    fn input<R: Read + Send>(
        &self,
        input: Input<R>,
        events: impl FnMut(Event),
    ) -> Result<Summary, ImportError> {
        let mapping = self.mapping;
        let present = self.target.base.as_ref().map(|base| base.schema());
        let version = present.map_or(1, |schema| schema.version.saturating_add(1));
        let reader = BufReader::with_capacity(READ_BYTES, input.reader);
        match input.format {
            Format::Csv => {
                let mut rows = CsvRows::new(reader, mapping.delimiter.byte());
                let first = rows.next()?.ok_or(ImportError::NoHeaders)?;
                let cells = first.content.map_err(|found| ImportError::Headers {
                    found,
                    remedy: "correct the first line",
                })?;
                let headers = columns::headers(&cells, mapping.encoding)?;
                let mut columns = Columns::new(headers, mapping, version)?;
                columns.keep_version_of(present);
                let detected = columns.detected();
                let summary = self.run(rows, vec![columns; workers()], events)?;
                Ok(Summary { detected, ..summary })
            }
            Format::Ndjson => {
                let definitions = mapping
                    .attributes
                    .iter()
                    .map(AttributeColumn::definition)
                    .collect();
                let schema = Schema::new(version, definitions).map_err(ImportError::Schema)?;
                // A schema that grows with the rows is one worker's, who sees them in order.
                let workers = if mapping.only {
                    let schema = unless_changed(schema, present);
                    vec![JsonDocuments::new(schema, Unnamed::Drop); workers()]
                } else {
                    vec![JsonDocuments::new(schema, Unnamed::Infer)]
                };
                self.run(NdjsonRows::new(reader), workers, events)
            }
        }
    }

    fn run<R, D>(&self, rows: R, workers: Vec<D>, events: impl FnMut(Event)) -> Result<Summary, ImportError>
    where
        R: Rows,
        D: Documents<Content = R::Content>,
    {
        let generation = self.target.generation;
        let file = self.held.folder().snapshot(generation);
        self.write(generation, rows, workers, events)
            .map_err(|error| error.while_writing(&file))
    }

    fn write<R, D>(
        &self,
        generation: u64,
        rows: R,
        workers: Vec<D>,
        mut events: impl FnMut(Event),
    ) -> Result<Summary, ImportError>
    where
        R: Rows,
        D: Documents<Content = R::Content>,
    {
        let began = Instant::now();
        let mut staged = self.held.stage(generation)?;
        let writer = ReadBack(staged.writer()?);
        // Scatters the number table in a way that whoever writes the input does not know.
        let seed = RandomState::new().hash_one(self.target.created_at_ms);
        let mut writing = Writing {
            writer: SnapshotWriter::new(writer, seed)?,
            rejects: Rejects::new(self.held, generation),
            ids: HashMap::new(),
            rows: 0,
            last: 0,
            refused: 0,
            kept_phones: 0,
        };
        let encoder = Encoder {
            intake: self.intake,
            invalid_phones: self.mapping.invalid_phones,
            region: self.mapping.region,
            base: self.target.base.as_deref(),
        };
        let schema = pipeline::run(rows, workers, encoder, |batch| {
            let bytes = batch.bytes_read;
            writing.batch(batch)?;
            events(Event::At(Progress {
                bytes,
                total: self.total,
                rows: writing.rows,
            }));
            Ok(())
        })?;
        let Writing {
            writer,
            rejects,
            rows,
            last,
            refused,
            kept_phones,
            ..
        } = writing;
        if writer.customers() == 0 {
            return Err(ImportError::NoCustomers {
                rows,
                first: rejects.first().cloned().map(Box::new),
            });
        }
        let streams = [Stream {
            stream: "import".to_owned(),
            incarnation: self.target.created_at_ms.to_string(),
            token: String::new(),
        }];
        let (_, header) = writer.finish(&Facts {
            generation,
            seq: self.target.base.as_ref().map_or(0, |base| base.header().seq) + last,
            created_at_ms: self.target.created_at_ms,
            schema: &schema,
            streams: &streams,
        })?;
        // Before the snapshot, so that no generation stands there whose rejects are missing.
        let rejects = match rejects.into_file() {
            Some(file) => {
                let path = file.target().to_owned();
                file.publish()?;
                Some(path)
            }
            None => None,
        };
        let path = staged.target().to_owned();
        staged.publish()?;
        Ok(Summary {
            generation,
            path,
            rejects,
            rows,
            customers: header.customers,
            refused,
            kept_phones,
            numbers: header.numbers,
            claims: header.claims,
            contested: header.contested,
            attributes: schema.attributes.len(),
            detected: Vec::new(),
            seconds: began.elapsed().as_secs_f64(),
            bytes: header.file_length,
        })
    }
}

/// The thread that writes: it alone sees every row in order.
struct Writing<'a, W> {
    writer: SnapshotWriter<W>,
    rejects: Rejects<'a>,
    /// The row of each id, by the id's xxh3-64.
    ids: HashMap<u64, u64>,
    rows: u64,
    last: u64,
    refused: u64,
    kept_phones: u64,
}

impl<W: io::Read + io::Write + io::Seek> Writing<'_, W> {
    fn batch(&mut self, batch: Batch<Outcome>) -> Result<(), ImportError> {
        for (row, outcome) in batch.rows {
            self.rows += 1;
            self.last = row;
            match outcome {
                Outcome::Refused(reject) => self.refuse(&reject)?,
                Outcome::Customer {
                    id,
                    record,
                    rejects,
                    kept_phones,
                } => match self.ids.entry(id) {
                    Entry::Occupied(first) => {
                        let mut reject = Reject::row(
                            row,
                            format!(
                                "expected each id once, found that of row {}; keep the row that is right",
                                first.get()
                            ),
                        );
                        "id".clone_into(&mut reject.field);
                        self.refuse(&reject)?;
                    }
                    Entry::Vacant(free) => {
                        free.insert(row);
                        let record = Record::open(&record)
                            .map_err(|source| SnapshotError::Record { offset: 0, source })?;
                        self.writer.add(&record)?;
                        self.kept_phones += kept_phones;
                        for reject in &rejects {
                            self.rejects.add(reject)?;
                        }
                    }
                },
            }
        }
        Ok(())
    }

    fn refuse(&mut self, reject: &Reject) -> Result<(), ImportError> {
        self.refused += 1;
        self.rejects.add(reject)
    }
}
