//! Applying one change: whether it is new, what it does, and the record that it leads to.

use std::sync::Arc;

use serde_json::Value;

use super::change::{Change, Part, without_content};
use super::graves::Graves;
use super::{ChangeError, Counters};
use crate::customer::document::{self, Strictness};
use crate::customer::record::{Claim, Origin, TooLarge};
use crate::customer::schema::SchemaError;
use crate::customer::{Customer, Record, Refusal, Schema};
use crate::index::{Current, Index, Merge, Writer};
use crate::intake::Intake;
use crate::snapshot::{MappedSnapshot, Stream};

/// One life of one stream; a place in the list of streams, which records' origins count into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamId(u16);

/// What became of a change.
#[derive(Debug)]
pub enum Outcome {
    /// It was written as this seq, and will be visible with its batch.
    Applied(u64),
    /// The stream has already delivered something as new for that customer; nothing was changed.
    Seen,
    /// It cannot be applied; nothing was changed.
    Refused(Refused),
}

/// Why a change cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Its customer's document is not as it should be.
    #[error(transparent)]
    Document(#[from] Refusal),
    /// Its schema is none.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A part of a customer that is not known.
    #[error("customer_id: expected a customer that is known, found another; send the customer first")]
    UnknownCustomer,
    /// Too much for one record.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The record that the change builds on, or the one that it made, is damaged.
    #[error("the customer's record is damaged; send the whole customer again")]
    Damaged,
}

impl Refused {
    /// What was expected and where, without a word of what was found: safe to log.
    pub fn without_content(&self) -> String {
        match self {
            Refused::Change(error) => error.without_content(),
            Refused::Document(refusal) => without_content(refusal),
            // A schema's text is the contact centre's, not a customer's.
            other => other.to_string(),
        }
    }
}

/// What is known of a customer ahead of a change.
enum Known {
    Nothing,
    Newer,
    Deleted,
    Customer { claims: Vec<Claim>, json: Vec<u8> },
}

/// Applies changes to an index. There is one for an index, because it holds its writer.
///
/// What has been seen is told by customer: by the origin in its record, or by its tombstone. A part of a customer
/// counts as the customer, so that its position is the customer's from then on; a stream delivers the changes of one
/// customer, parts included, in the order of their positions.
#[derive(Debug)]
pub struct Replica {
    writer: Writer,
    intake: Intake,
    schema: Schema,
    streams: Vec<Stream>,
    graves: Graves,
    /// What the present schema came from, where a change brought it.
    schema_from: Option<(StreamId, [u8; 8])>,
    /// A merge that was begun and whose snapshot has not been taken up.
    merging: Option<(Merge, Vec<Stream>)>,
    counters: Counters,
}

impl Replica {
    /// A replica that writes through `writer` and makes records by `intake`.
    pub fn new(writer: Writer, intake: Intake, counters: Counters) -> Replica {
        let snapshot = writer.index().snapshot();
        let schema = Schema::clone(&writer.index().schema());
        Replica {
            schema,
            streams: snapshot.streams().to_vec(),
            graves: Graves::new(snapshot.header().seq),
            schema_from: None,
            merging: None,
            writer,
            intake,
            counters,
        }
    }

    /// The index that is written.
    pub fn index(&self) -> &Arc<Index> {
        self.writer.index()
    }

    /// What the replica counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every stream that records' origins count into, with where to resume it.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The lives of the stream `name` that are known, the newest last, each with where to resume it.
    pub fn lives(&self, name: &str) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |stream| stream.stream == name)
    }

    /// The stream `name` in its life `incarnation`; positions compare only within one.
    ///
    /// # Errors
    /// The list of streams is full, at 65 536 lives of streams.
    pub fn stream(&mut self, name: &str, incarnation: &str) -> Result<StreamId, TooManyStreams> {
        let known = self
            .streams
            .iter()
            .position(|known| known.stream == name && known.incarnation == incarnation);
        let place = u16::try_from(known.unwrap_or(self.streams.len())).map_err(|_| TooManyStreams)?;
        if known.is_none() {
            let stream = Stream {
                stream: name.into(),
                incarnation: incarnation.into(),
                token: String::new(),
            };
            self.streams.push(stream);
            self.writer.set_streams(&self.streams);
        }
        Ok(StreamId(place))
    }

    /// Remembers where to resume `stream` once everything applied so far has been kept.
    pub fn resume_from(&mut self, stream: StreamId, token: String) {
        if let Some(stream) = self.streams.get_mut(usize::from(stream.0)) {
            stream.token = token;
        }
    }

    /// Applies `change`, which stands at `position` of `stream`.
    pub fn apply(&mut self, stream: StreamId, position: u64, change: Change) -> Outcome {
        let position = position.to_be_bytes();
        let origin = Origin {
            stream: stream.0,
            position: &position,
        };
        let outcome = match self.try_apply(origin, change) {
            Ok(Some(seq)) => Outcome::Applied(seq),
            Ok(None) => Outcome::Seen,
            Err(refused) => Outcome::Refused(refused),
        };
        match outcome {
            Outcome::Applied(_) => self.counters.applied.inc(),
            Outcome::Seen => self.counters.seen.inc(),
            Outcome::Refused(_) => self.counters.refused.inc(),
        }
        outcome
    }

    /// Counts a change that could not even be decoded.
    pub fn refuse(&self) {
        self.counters.refused.inc();
    }

    /// Makes everything applied so far visible, at once.
    pub fn publish(&mut self) {
        self.writer.publish();
    }

    /// Seals the overlay for a merge; gives the merge that was begun where it has not been taken up, so that one that
    /// failed can be tried again. `None` where there is nothing to merge. The streams are as of the sealed seq.
    pub fn seal(&mut self) -> Option<(Merge, Vec<Stream>)> {
        if self.merging.is_none() {
            self.merging = Some((self.writer.seal()?, self.streams.clone()));
        }
        self.merging.clone()
    }

    /// Takes up what a merge made; not where everything was replaced since it was begun. Whether it was taken up.
    pub fn install(&mut self, snapshot: Arc<MappedSnapshot>) -> bool {
        if self.merging.take().is_none() {
            return false;
        }
        self.graves.generation(snapshot.header().seq);
        self.writer.install(snapshot);
        self.counters.merges.inc();
        true
    }

    /// Whether a merge was begun whose snapshot is to be taken up.
    pub fn is_merging(&self) -> bool {
        self.merging.is_some()
    }

    /// Takes up `snapshot` in place of everything, as a start over it would: what changes have brought since goes, and
    /// streams are to be resumed where it says. A merge that was begun is of no more use.
    pub fn replace(&mut self, snapshot: &Arc<MappedSnapshot>) {
        self.schema = snapshot.schema().clone();
        self.schema_from = None;
        self.streams = snapshot.streams().to_vec();
        self.merging = None;
        self.writer.replace_all(snapshot);
        self.graves = Graves::new(self.writer.seq());
    }

    fn try_apply(&mut self, origin: Origin<'_>, change: Change) -> Result<Option<u64>, Refused> {
        match change {
            Change::Upsert { customer } => self.upsert(origin, &customer),
            Change::Delete { id } => Ok(self.delete(origin, &id)),
            Change::Case { customer_id, part } => {
                self.patch(origin, &customer_id, |customer, limits| match part {
                    Part::Put(case) => customer.put_case(case, limits),
                    Part::Delete(id) => {
                        customer.remove_case(&id);
                    }
                })
            }
            Change::Interaction { customer_id, part } => {
                self.patch(origin, &customer_id, |customer, limits| match part {
                    Part::Put(interaction) => customer.put_interaction(interaction, limits),
                    Part::Delete(id) => {
                        customer.remove_interaction(&id);
                    }
                })
            }
            Change::Schema { attributes } => self.set_schema(origin, &attributes),
        }
    }

    fn set_schema(&mut self, origin: Origin<'_>, attributes: &Value) -> Result<Option<u64>, Refused> {
        let schema = Schema::from_json(self.schema.version.saturating_add(1), attributes)?;
        let known = self.schema_from.as_ref();
        if known.is_some_and(|(stream, position)| is_seen(stream.0, position, origin)) {
            return Ok(None);
        }
        self.schema = schema;
        self.schema_from = origin
            .position
            .try_into()
            .ok()
            .map(|position| (StreamId(origin.stream), position));
        let seq = self.writer.seq() + 1;
        self.writer.set_schema(seq, self.schema.clone());
        Ok(Some(seq))
    }

    fn upsert(&mut self, origin: Origin<'_>, json: &Value) -> Result<Option<u64>, Refused> {
        let read = document::read(json, &self.schema, Strictness::Feed, self.intake.limits())?;
        let mut customer = read.customer;
        let claims = match self.known(&customer.id, origin) {
            Known::Newer => return Ok(None),
            Known::Nothing | Known::Deleted => Vec::new(),
            Known::Customer { claims, json } => {
                if customer.cases.is_none() || customer.interactions.is_none() {
                    let before = self.read_stored(&json)?;
                    customer.cases = customer.cases.or(before.cases);
                    customer.interactions = customer.interactions.or(before.interactions);
                }
                claims
            }
        };
        self.counters
            .attributes_left_out
            .inc_by(read.left_out.len() as u64);
        self.write(origin, &customer, &claims).map(Some)
    }

    fn delete(&mut self, origin: Origin<'_>, id: &str) -> Option<u64> {
        if matches!(self.known(id, origin), Known::Newer) {
            return None;
        }
        // Also of a customer that is not known: an older upsert may still be on its way.
        let seq = self.writer.seq() + 1;
        self.writer.delete(seq, id, origin.stream, origin.position);
        self.graves.dig(seq, id, origin);
        Some(seq)
    }

    fn patch(
        &mut self,
        origin: Origin<'_>,
        id: &str,
        patch: impl FnOnce(&mut Customer, document::Limits),
    ) -> Result<Option<u64>, Refused> {
        match self.known(id, origin) {
            Known::Newer => Ok(None),
            Known::Nothing | Known::Deleted => Err(Refused::UnknownCustomer),
            Known::Customer { claims, json } => {
                let mut customer = self.read_stored(&json)?;
                patch(&mut customer, self.intake.limits());
                self.write(origin, &customer, &claims).map(Some)
            }
        }
    }

    fn write(&mut self, origin: Origin<'_>, customer: &Customer, before: &[Claim]) -> Result<u64, Refused> {
        let seq = self.writer.seq() + 1;
        let since = |key: crate::number::Key| {
            before
                .iter()
                .find(|claim| claim.key == key.raw())
                .map_or(seq, |claim| claim.since)
        };
        let recorded = self.intake.record(customer, &self.schema, origin, since)?;
        self.counters
            .numbers_unclaimed
            .inc_by(recorded.unclaimed.len() as u64);
        let record = Record::open(&recorded.bytes).map_err(|_| Refused::Damaged)?;
        self.writer.upsert(seq, &record);
        self.graves.fill(&customer.id);
        Ok(seq)
    }

    fn read_stored(&self, json: &[u8]) -> Result<Customer, Refused> {
        let json: Value = serde_json::from_slice(json).map_err(|_| Refused::Damaged)?;
        Ok(document::read(&json, &self.schema, Strictness::Feed, self.intake.limits())?.customer)
    }

    /// What is known of `id`, and whether it is already as new as `origin`.
    fn known(&self, id: &str, origin: Origin<'_>) -> Known {
        let deleted = |stream, position: &[u8]| {
            if is_seen(stream, position, origin) {
                Known::Newer
            } else {
                Known::Deleted
            }
        };
        self.writer.current(id, |current| match current {
            None => self
                .graves
                .get(id)
                .map_or(Known::Nothing, |grave| deleted(grave.stream, &grave.position)),
            Some(Current::Deleted { stream, position }) => deleted(stream, position),
            Some(Current::Customer(record)) => {
                let known = record.origin();
                if is_seen(known.stream, known.position, origin) {
                    return Known::Newer;
                }
                Known::Customer {
                    claims: record.claims().collect(),
                    json: record.json().to_vec(),
                }
            }
        })
    }
}

/// Whether what came from `position` of `stream` is as new as `origin`: positions compare only within one stream.
fn is_seen(stream: u16, position: &[u8], origin: Origin<'_>) -> bool {
    stream == origin.stream && position >= origin.position
}

/// The list of streams is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most 65536 lives of streams, found more; build the snapshot again, which forgets them")]
pub struct TooManyStreams;
