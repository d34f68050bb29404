//! From rows to records on several cores, in the order of the rows.
//!
//! One thread reads blocks of rows, workers make records of them, the caller's thread writes. Blocks go to the workers in
//! turn and what comes of them is taken in the same turn, so that the order needs no sorting; every queue is bounded.

use std::thread::ScopedJoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};
use serde_json::Value;

use super::ImportError;
use super::encoder::{Encoder, Made};
use super::manifest::Place;
use super::rejects::Reject;
use crate::customer::Schema;

/// A block is full with so many rows …
pub(super) const BLOCK_ROWS: usize = 256;
/// … or so many bytes, so that a file of huge rows does not pile up in the queues.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// Blocks that wait for one worker, or for what it made to be written.
const QUEUE: usize = 2;

/// Reads rows; only what must be done in order.
pub(super) trait Rows: Send {
    /// Some rows, one behind the other.
    type Block: Send;

    /// The next rows, at most [`BLOCK_ROWS`]; `None` at the end.
    fn block(&mut self) -> Result<Option<Self::Block>, ImportError>;

    /// Behind the row that was read last.
    fn place(&self) -> Place;
}

/// Makes customer documents of rows.
pub(super) trait Documents: Send {
    /// Some rows, one behind the other.
    type Block: Send;

    /// Gives to `each` every row of `block` with its number, and the document in it or why it is refused.
    fn read(&self, block: Self::Block, each: impl FnMut(u64, Result<Document, Reject>));

    /// Waits for the turn of `block`, where the order of blocks matters; `false` where it never comes.
    fn take_turn(&mut self, _block: u64) -> bool {
        true
    }

    /// Adds to the schema what `document` is the first to have, in the turn of its block. Only the outer error ends the
    /// import.
    fn learn(&mut self, _row: u64, _document: &mut Document) -> Result<Result<(), Reject>, ImportError> {
        Ok(Ok(()))
    }

    /// All of `block` is learnt, or there was nothing to learn and no turn was taken.
    fn pass_turn(&mut self, _block: u64) {}

    /// All blocks of this worker are.
    fn end(&mut self) {}

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
    /// Keys of its attributes in the order in which it writes them, where the schema does not have all of them.
    pub(super) unknown: Option<Vec<String>>,
}

/// A block of rows on its way to a worker.
struct Read<B> {
    /// Its place among the blocks, from 0.
    number: u64,
    rows: B,
    /// Behind the last of them.
    place: Place,
}

/// What became of a block of rows.
pub(super) struct Batch {
    pub(super) made: Made,
    /// Behind the last of them.
    pub(super) place: Place,
    /// The schema behind the last of them, where it is not what it was ahead of the first.
    pub(super) schema: Option<Schema>,
}

/// Sends every row of `rows` through one of `workers` and gives what became of it to `sink`, in order. Returns the
/// schema of one of them as it is at the end.
pub(super) fn run<R, D>(
    mut rows: R,
    workers: Vec<D>,
    encoder: Encoder<'_>,
    mut sink: impl FnMut(Batch) -> Result<(), ImportError>,
) -> Result<Schema, ImportError>
where
    R: Rows,
    D: Documents<Block = R::Block>,
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
                let Some(block) = rows.block()? else { break };
                let read = Read {
                    number,
                    rows: block,
                    place: rows.place(),
                };
                // A worker that is gone has failed, or the writer has; they say why.
                if worker.send(read).is_err() {
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

fn work<D: Documents>(
    mut documents: D,
    encoder: Encoder<'_>,
    blocks: &Receiver<Read<D::Block>>,
    done: &Sender<Batch>,
) -> Result<Schema, ImportError> {
    for Read { number, rows, place } in blocks {
        let mut made = Made::new(encoder.seed);
        // From the first document on that may teach the schema something: what is behind it waits as well.
        let mut waiting = Vec::new();
        documents.read(rows, |row, document| match document {
            Ok(Document { unknown: None, .. }) | Err(_) if waiting.is_empty() => {
                encoder.encode(row, document, &documents, &mut made);
            }
            document => waiting.push((row, document)),
        });
        let mut schema = None;
        if !waiting.is_empty() {
            if !documents.take_turn(number) {
                return Ok(documents.schema().clone());
            }
            let known = documents.schema().attributes.len();
            for (row, document) in &mut waiting {
                if let Ok(read) = document
                    && let Err(reject) = documents.learn(*row, read)?
                {
                    *document = Err(reject);
                }
            }
            // Attributes are only ever added.
            let now = documents.schema();
            schema = (now.attributes.len() != known).then(|| now.clone());
        }
        documents.pass_turn(number);
        for (row, document) in waiting {
            encoder.encode(row, document, &documents, &mut made);
        }
        let batch = Batch { made, place, schema };
        if done.send(batch).is_err() {
            return Ok(documents.schema().clone());
        }
    }
    documents.end();
    Ok(documents.schema().clone())
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
