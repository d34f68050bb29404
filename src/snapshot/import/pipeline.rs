//! From rows to records on several cores, in the order of the rows.
//!
//! One thread reads rows, workers make records of them, the caller's thread writes. Batches go to the workers in turn
//! and are taken from them in the same turn, so that the order needs no sorting; every queue is bounded.

use std::thread::ScopedJoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};
use serde_json::Value;

use super::manifest::Place;
use super::rejects::Reject;
use super::{ImportError, InvalidPhones};
use crate::customer::document::{self, Strictness};
use crate::customer::record::Origin;
use crate::customer::{Phone, Refusal, Schema};
use crate::intake::Intake;
use crate::number::{Cell, Invalid, Region, Unstorable};
use crate::snapshot::MappedSnapshot;

/// A batch is full with so many rows …
const BATCH_ROWS: usize = 256;
/// … or so many bytes, so that a file of huge rows does not pile up in the queues.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for one worker, or for what it made to be written.
const QUEUE: usize = 2;

/// One row as it was read.
pub(super) struct Row<C> {
    /// Line of the input on which it begins, from 1.
    pub(super) number: u64,
    /// Its size in the input.
    pub(super) bytes: usize,
    /// What is in it, or why it is refused.
    pub(super) content: Result<C, String>,
}

/// Reads rows; only what must be done in order.
pub(super) trait Rows: Send {
    /// What a row holds.
    type Content: Send;

    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<Row<Self::Content>>, ImportError>;

    /// Behind the row that was read last.
    fn place(&self) -> Place;
}

/// Makes a customer document of a row. A worker makes those of a whole batch before any of them is encoded, within its
/// turn where the order of batches matters.
pub(super) trait Documents: Send {
    /// What a row holds.
    type Content: Send;

    /// Waits until the batches before `batch` are documents; `false` where they never will be.
    fn take_turn(&mut self, _batch: u64) -> bool {
        true
    }

    /// The batch is documents.
    fn pass_turn(&mut self) {}

    /// All batches of this worker are.
    fn end(&mut self) {}

    /// The document in `content`, or why the row is refused. Only the outer error ends the import.
    fn document(&mut self, row: u64, content: Self::Content)
    -> Result<Result<Document, Reject>, ImportError>;

    /// The schema that documents so far are written under.
    fn schema(&self) -> &Schema;

    /// The CSV header that `field` of a document came from; `phones` are the columns of its phones.
    fn column(&self, field: &str, phones: &[usize]) -> Option<String>;
}

/// A customer document as it stands in a row.
pub(super) struct Document {
    pub(super) json: Value,
    /// Columns that its phones came from.
    pub(super) phones: Vec<usize>,
    /// What was left out of it.
    pub(super) left_out: Vec<Reject>,
}

/// What became of a row.
pub(super) enum Outcome {
    /// A customer.
    Customer {
        record: Vec<u8>,
        /// What it is kept without.
        left_out: Vec<Reject>,
        /// Phones shown and not claimed.
        phones: Vec<Reject>,
    },
    /// Nothing.
    Refused(Reject),
}

/// Rows, or what became of them.
pub(super) struct Batch<T> {
    /// Its place among the batches, from 0.
    pub(super) number: u64,
    /// With the rows' numbers.
    pub(super) rows: Vec<(u64, T)>,
    /// Behind the last of them.
    pub(super) place: Place,
    /// The schema behind the last of them, where it is not what it was ahead of the first.
    pub(super) schema: Option<Schema>,
}

/// What every worker does with a document.
#[derive(Clone, Copy)]
pub(super) struct Encoder<'a> {
    pub(super) intake: &'a Intake,
    pub(super) invalid_phones: InvalidPhones,
    pub(super) region: Option<Region>,
    /// What is served now.
    pub(super) base: Option<&'a MappedSnapshot>,
    /// The seq behind which the claims of rows begin.
    pub(super) behind: u64,
    /// As in the target.
    pub(super) copy_of: Option<u16>,
}

/// Sends every row of `rows` through one of `workers` and gives what became of it to `sink`, in order. Returns the
/// schema of one of them as it is at the end.
pub(super) fn run<R, D>(
    mut rows: R,
    workers: Vec<D>,
    encoder: Encoder<'_>,
    mut sink: impl FnMut(Batch<Outcome>) -> Result<(), ImportError>,
) -> Result<Schema, ImportError>
where
    R: Rows,
    D: Documents<Content = R::Content>,
{
    std::thread::scope(|scope| {
        let (mut to, mut from, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for documents in workers {
            let (rows_in, rows_out) = bounded(QUEUE);
            let (done_in, done_out) = bounded(QUEUE);
            to.push(rows_in);
            from.push(done_out);
            threads.push(scope.spawn(move || work(documents, encoder, &rows_out, &done_in)));
        }
        let reader = scope.spawn(move || {
            for (number, worker) in (0..).zip(to.iter().cycle()) {
                let batch = next_batch(number, &mut rows)?;
                // A worker that is gone has failed, or the writer has; they say why.
                if batch.rows.is_empty() || worker.send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut written = Ok(());
        for worker in from.iter().cycle() {
            let Ok(batch) = worker.recv() else { break };
            written = sink(batch);
            if written.is_err() {
                break;
            }
        }
        drop(from);
        let read: Result<(), ImportError> = join(reader);
        let schemas = threads.into_iter().map(join).collect::<Result<Vec<Schema>, _>>();
        written?;
        read?;
        Ok(schemas?.into_iter().next().unwrap_or_default())
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn next_batch<R: Rows>(number: u64, rows: &mut R) -> Result<Batch<Result<R::Content, String>>, ImportError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
        let Some(row) = rows.next()? else { break };
        bytes += row.bytes;
        batch.push((row.number, row.content));
    }
    Ok(Batch {
        number,
        rows: batch,
        place: rows.place(),
        schema: None,
    })
}

fn work<D: Documents>(
    mut documents: D,
    encoder: Encoder<'_>,
    batches: &Receiver<Batch<Result<D::Content, String>>>,
    done: &Sender<Batch<Outcome>>,
) -> Result<Schema, ImportError> {
    for batch in batches {
        if !documents.take_turn(batch.number) {
            return Ok(documents.schema().clone());
        }
        let known = documents.schema().attributes.len();
        let mut read = Vec::with_capacity(batch.rows.len());
        for (row, content) in batch.rows {
            let document = match content {
                Ok(content) => documents.document(row, content)?,
                Err(reason) => Err(Reject::row(row, reason)),
            };
            read.push((row, document));
        }
        documents.pass_turn();
        let schema = documents.schema();
        let batch = Batch {
            number: batch.number,
            place: batch.place,
            // Attributes are only ever added.
            schema: (schema.attributes.len() != known).then(|| schema.clone()),
            rows: read
                .into_iter()
                .map(|(row, document)| {
                    let outcome = document.and_then(|document| encoder.encode(row, document, &documents));
                    (row, outcome.unwrap_or_else(Outcome::Refused))
                })
                .collect(),
        };
        if done.send(batch).is_err() {
            return Ok(documents.schema().clone());
        }
    }
    documents.end();
    Ok(documents.schema().clone())
}

impl Encoder<'_> {
    fn encode<D: Documents>(&self, row: u64, document: Document, documents: &D) -> Result<Outcome, Reject> {
        let reject = |field: String, reason: String, kept| Reject {
            row,
            column: documents.column(&field, &document.phones),
            field,
            reason,
            kept,
        };
        let schema = documents.schema();
        let limits = self.intake.limits();
        let strictness = match self.copy_of {
            Some(_) => Strictness::Feed,
            None => Strictness::Import,
        };
        let mut customer = match document::read(&document.json, schema, strictness, limits) {
            Ok(read) => read.customer,
            Err(Refusal {
                field,
                expected,
                found,
            }) => {
                return Err(reject(
                    field,
                    format!("expected {expected}, found {found}"),
                    false,
                ));
            }
        };
        if let Some(region) = self.region {
            let has_plus = |number: &str| number.trim_start().starts_with('+');
            // Behind a first number with a plus there may be one without.
            let is_national = |phone: &&mut Phone| {
                phone.region.is_none()
                    && (!has_plus(&phone.number)
                        || self.intake.numbering().apart(
                            &phone.number,
                            Some(region.as_str()),
                            phone.is_extension(),
                        ) != Cell::One)
            };
            for phone in customer.phones.iter_mut().filter(is_national) {
                phone.region = Some(region.as_str().to_owned());
            }
        }
        let position = row.to_be_bytes();
        let origin = Origin {
            stream: self.copy_of.unwrap_or(0),
            // Ahead of every position.
            position: if self.copy_of.is_some() { &[] } else { &position },
            marks: &[],
        };
        let known = self.base.and_then(|base| base.customer(&customer.id));
        let begins = self.behind + row;
        let recorded = self
            .intake
            .record(&customer, schema, origin, |key| {
                let unbroken = known.as_ref().and_then(|known| known.claim(key.raw()));
                unbroken.map_or(begins, |claim| claim.since)
            })
            .map_err(|error| Reject::row(row, error.to_string()))?;
        let mut phones = Vec::new();
        for unclaimed in recorded.unclaimed {
            // Which of several numbers is the customer's nobody can say, so that there is nothing to show either.
            let kept = self.invalid_phones == InvalidPhones::Keep
                && unclaimed.reason != Unstorable::Invalid(Invalid::SeveralNumbers);
            let reject = reject(unclaimed.field, unclaimed.reason.to_string(), kept);
            if !kept {
                return Err(reject);
            }
            phones.push(reject);
        }
        Ok(Outcome::Customer {
            record: recorded.bytes,
            left_out: document.left_out,
            phones,
        })
    }
}

/// What a row that is no text says of itself; `remedy` is the format's.
pub(super) fn not_utf8(bytes: &[u8], error: std::str::Utf8Error, remedy: &str) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!(
        "expected UTF-8, found byte 0x{byte:02x} at byte {} of it; {remedy}",
        at + 1
    )
}
