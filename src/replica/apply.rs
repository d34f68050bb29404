//! Applying one change: whether it is new, what it does, and the record that it leads to.

use std::borrow::Borrow;

use serde_json::Value;

use super::change::{Change, PartChange, without_content};
use super::graves::Grave;
use super::known::{Known, is_seen};
use super::log::Entry;
use super::parts;
use super::state::{SchemaFrom, json};
use super::{ChangeError, Mark, Replica, StreamId, Word};
use crate::customer::document::{self, Strictness};
use crate::customer::record::{Claim, Field, MOST_POSITION, Marks, Origin, TooLarge};
use crate::customer::schema::SchemaError;
use crate::customer::{Customer, Document, Json, Record, Refusal, Schema};
use crate::index::Found;
use crate::intake::{Intake, Recorded};
use crate::number::Key;

/// What became of a change.
#[derive(Debug)]
pub enum Outcome {
    /// It was written as this seq, and will be visible with its batch.
    Applied(u64),
    /// The stream has already delivered something as new for that customer or part; nothing was changed.
    Seen,
    /// It is a part of a customer that is not known yet, and waits for it.
    Parked,
    /// A heartbeat, a sample that was compared, or a part that is gone and will be looked for with its batch; nothing was
    /// changed yet.
    Noted,
    /// It was passed over, because a person has said so of the feed.
    Dropped,
    /// Its feed deletes or moves more than it should, and is held: the change is to be applied once somebody has said so.
    Held,
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
    /// A part of a customer that is not known, and as many wait as may.
    #[error(
        "customer_id: expected a customer that is known, found another, and {0} parts wait already; send the customer first"
    )]
    UnknownCustomer(usize),
    /// Where it stands cannot be kept.
    #[error("position: expected at most {MOST_POSITION} bytes, found {0}")]
    Position(usize),
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

impl Replica {
    /// Applies `change`, which stands at `position` of `stream`: bytes that are greater the later it is, at most 127.
    pub fn apply(&mut self, stream: StreamId, position: &[u8], change: impl Borrow<Change>) -> Outcome {
        let origin = Origin {
            stream: stream.0,
            position,
            marks: &[],
        };
        let outcome = if position.len() > MOST_POSITION {
            Outcome::Refused(Refused::Position(position.len()))
        } else {
            self.try_apply(origin, change.borrow())
                .unwrap_or_else(Outcome::Refused)
        };
        self.counters.count(&outcome);
        outcome
    }

    fn try_apply(&mut self, origin: Origin<'_>, change: &Change) -> Result<Outcome, Refused> {
        match change {
            Change::Upsert { customer } => self.upsert(origin, customer),
            Change::Delete { id } => Ok(self.delete(origin, id)),
            Change::Part { customer_id, part } => self.part(origin, customer_id, part.clone()),
            Change::Schema { attributes } => self.set_schema(origin, attributes),
            Change::Gone(part) => {
                self.gone.note(origin, part.clone());
                Ok(Outcome::Noted)
            }
            Change::Heartbeat => Ok(Outcome::Noted),
            Change::Sample { customer } => self.compare(origin, customer),
        }
    }

    fn set_schema(&mut self, origin: Origin<'_>, attributes: &Value) -> Result<Outcome, Refused> {
        let schema = Schema::from_json(self.state.schema.version.saturating_add(1), attributes)?;
        let known = self.state.schema_from.as_ref();
        if known.is_some_and(|from| is_seen(from.stream, &from.position, origin)) {
            return Ok(Outcome::Seen);
        }
        let seq = self.writer.seq() + 1;
        let json = &json(&schema);
        self.batch.push(seq, Entry::Schema { origin, json });
        self.state.schema_from = Some(SchemaFrom {
            seq,
            stream: origin.stream,
            position: origin.position.into(),
        });
        self.writer.set_schema(seq, schema.clone());
        self.state.schema = schema;
        Ok(Outcome::Applied(seq))
    }

    fn upsert(&mut self, origin: Origin<'_>, json: &Document) -> Result<Outcome, Refused> {
        let limits = self.intake.limits();
        let read = document::read_json(json.json(), &self.state.schema, Strictness::Feed, limits)?;
        let mut customer = read.customer;
        if self.gone.is_of_another(&customer, origin) {
            self.take_gone();
        }
        // Reading what is stored costs as much as all the rest: of a customer of which nothing came by itself, nothing is taken
        // over but the lists that the document does not speak of.
        let takes_over = |record: &Record<'_>, marks: &Marks| {
            marks.has_parts()
                || (customer.cases.is_none() && record.field(Field::Cases).is_some())
                || (customer.interactions.is_none() && record.field(Field::Interactions).is_some())
        };
        let (before, claims, mut marks) = match self.known_as_far(&customer.id, takes_over) {
            Known::Nothing => (None, Vec::new(), Marks::default()),
            Known::Deleted(deleted) => {
                if deleted.covers(origin) {
                    return Ok(Outcome::Seen);
                }
                (None, Vec::new(), deleted.into_marks(origin))
            }
            Known::Customer(mut before) => {
                if before.covers(origin) {
                    return Ok(Outcome::Seen);
                }
                let stored = if before.json.is_empty() {
                    None
                } else {
                    Some(self.read_stored(&before.json)?)
                };
                let claims = std::mem::take(&mut before.claims);
                (stored, claims, before.into_marks(origin))
            }
        };
        marks = parts::settle(&mut customer, before.as_ref(), marks, origin, limits);
        for orphan in self.state.parked.of(&customer.id) {
            let part = orphan.change.part();
            let lists = orphan.change.list();
            if marks.covers(part, orphan.stream, &orphan.position)
                || marks.covers(lists, orphan.stream, &orphan.position)
            {
                continue;
            }
            marks.set(part, orphan.stream, &orphan.position, orphan.change.is_deletion());
            orphan.change.clone().change(&mut customer, limits);
        }
        let marks = marks.to_bytes();
        let origin = Origin {
            marks: &marks,
            ..origin
        };
        let outcome = self.write(origin, &customer, &claims)?;
        if matches!(outcome, Outcome::Applied(_)) {
            self.counters.attributes_left_out(read.left_out.len());
            self.state.parked.take(&customer.id);
        }
        Ok(outcome)
    }

    fn delete(&mut self, origin: Origin<'_>, id: &str) -> Outcome {
        let known = self.known(id);
        let is_seen = match &known {
            Known::Nothing => false,
            Known::Deleted(deleted) => deleted.covers(origin),
            Known::Customer(before) => before.covers(origin),
        };
        if is_seen {
            return Outcome::Seen;
        }
        if matches!(known, Known::Customer(_))
            && let Some(outcome) = self.guarded(origin.stream)
        {
            return outcome;
        }
        // Also of a customer that is not known: an older upsert may still be on its way.
        let seq = self.writer.seq() + 1;
        let ended = self.state.parked.end(id, origin);
        let marks = known.ended(origin, &ended).to_bytes();
        let origin = Origin {
            marks: &marks,
            ..origin
        };
        self.batch.push(seq, Entry::Deleted { origin, id });
        self.writer.delete(seq, id, origin);
        self.state.graves.dig(id, Grave::new(seq, origin, self.now_ms));
        Outcome::Applied(seq)
    }

    fn part(&mut self, origin: Origin<'_>, id: &str, change: PartChange) -> Result<Outcome, Refused> {
        let (part, list) = (change.part(), change.list());
        if !change.is_deletion() && self.gone.has_of_another(part, origin) {
            self.take_gone();
        }
        let before = match self.known(id) {
            Known::Deleted(deleted) if deleted.covers_part(part, list, origin) => return Ok(Outcome::Seen),
            Known::Nothing | Known::Deleted(_) => return self.park(origin, id, change),
            Known::Customer(before) => before,
        };
        if before.covers_part(part, list, origin) {
            return Ok(Outcome::Seen);
        }
        let mut customer = self.read_stored(&before.json)?;
        let mut marks = before.marks.clone();
        marks.set(part, origin.stream, origin.position, change.is_deletion());
        change.change(&mut customer, self.intake.limits());
        self.write(before.origin(&marks.to_bytes()), &customer, &before.claims)
    }

    pub(super) fn park(
        &mut self,
        origin: Origin<'_>,
        id: &str,
        change: PartChange,
    ) -> Result<Outcome, Refused> {
        let parked = &mut self.state.parked;
        if parked.covers(id, origin, &change) {
            return Ok(Outcome::Seen);
        }
        // What takes away something that waits comes in its place.
        let has_place = change.is_deletion() && parked.has(id, change.part());
        if parked.len() >= self.settings.parked_max && !has_place {
            return Err(Refused::UnknownCustomer(parked.len()));
        }
        let entry = Entry::Parked {
            origin,
            customer: id,
            json: &change.to_line(id),
        };
        self.batch.push(self.writer.seq(), entry);
        parked.park(id, origin, change);
        Ok(Outcome::Parked)
    }

    fn write(
        &mut self,
        origin: Origin<'_>,
        customer: &Customer,
        before: &[Claim],
    ) -> Result<Outcome, Refused> {
        let recorded = self.recorded(origin, customer, before)?;
        if self.moves(customer, &recorded.claims, before)
            && let Some(outcome) = self.guarded(origin.stream)
        {
            return Ok(outcome);
        }
        self.store(&customer.id, &recorded)
    }

    /// The record that the next change makes of `customer`, which had the claims `before`.
    pub(super) fn recorded(
        &self,
        origin: Origin<'_>,
        customer: &Customer,
        before: &[Claim],
    ) -> Result<Recorded, Refused> {
        let seq = self.writer.seq() + 1;
        let since = |key: Key| {
            before
                .iter()
                .find(|claim| claim.key == key.raw())
                .map_or(seq, |claim| claim.since)
        };
        let intake = self.intake_of(origin);
        Ok(intake.record(customer, &self.state.schema, origin, since)?)
    }

    /// Writes `recorded`, of the customer `id`, as the next change.
    pub(super) fn store(&mut self, id: &str, recorded: &Recorded) -> Result<Outcome, Refused> {
        let seq = self.writer.seq() + 1;
        self.counters.numbers_unclaimed(recorded.unclaimed.len());
        // What was encoded a moment ago is not read to see whether it can be: whoever reads it does that.
        debug_assert!(Record::open(&recorded.bytes).is_ok_and(|record| record.id() == id));
        self.batch.push(seq, Entry::Customer(&recorded.bytes));
        let keys = recorded.claims.iter().map(|claim| claim.key);
        self.writer.write(seq, id, &recorded.bytes, keys);
        self.state.graves.fill(id);
        Ok(Outcome::Applied(seq))
    }

    /// Whether `customer` loses a number by having `claims` instead of those of `before`, or takes one that another has.
    fn moves(&self, customer: &Customer, claims: &[Claim], before: &[Claim]) -> bool {
        let has = |claims: &[Claim], key| claims.iter().any(|claim| claim.key == key);
        let is_number = |claim: &&Claim| Key::from_raw(claim.key).is_number();
        before
            .iter()
            .filter(is_number)
            .any(|claim| !has(claims, claim.key))
            || claims
                .iter()
                .filter(is_number)
                .filter(|claim| !has(before, claim.key))
                .any(|claim| {
                    !claim.shared
                        && self.index().read(|view| {
                            Ok(match view.find(claim.key)? {
                                Found::One(owner) => owner.id() != customer.id,
                                Found::Nobody | Found::Several(_) => false,
                            })
                        })
                })
    }

    /// What becomes of a change of `stream` that deletes or moves a customer, where it is not applied.
    fn guarded(&mut self, stream: u16) -> Option<Outcome> {
        let name = &self.state.streams.get(usize::from(stream))?.stream;
        match self.word.get(name) {
            Some(Word::Accept) => return None,
            Some(Word::Drop) => return Some(Outcome::Dropped),
            None => {}
        }
        // Without a generation, or with a small one, most of them are in the overlay.
        let changed = self.index().overlay_size().0 as u64;
        let customers = self.index().snapshot().header().customers.max(changed);
        if self.guard.may(name, customers, self.now) {
            self.guard.count(name, self.now);
            return None;
        }
        let name = name.clone();
        tracing::error!(
            feed = name,
            changed = self.guard.within(&name, self.now),
            customers,
            "a feed deletes or moves more customers than guard.max_percent allows, and is held: look at its source, then \
             `ringside accept --feed NAME`, or `--drop` to go on without"
        );
        self.mark(Mark::Held(name));
        Some(Outcome::Held)
    }

    /// What takes in customers that came from `origin`.
    fn intake_of(&self, origin: Origin<'_>) -> Intake {
        if self.intake.reads_feeds_alike() {
            return self.intake.clone();
        }
        let feed = self.state.streams.get(usize::from(origin.stream));
        self.intake
            .of_feed(feed.map_or("", |stream| stream.stream.as_str()))
    }

    /// Compares what the source, of which `origin` is, says it has of a customer with what is served.
    fn compare(&mut self, origin: Origin<'_>, json: &Document) -> Result<Outcome, Refused> {
        let json = json.json();
        let is_absence = json.members().count() == 1 && json.get("id").is_some();
        let mut expected = if is_absence {
            None
        } else {
            let limits = self.intake.limits();
            let read = document::read_json(json, &self.state.schema, Strictness::Feed, limits)?;
            Some(
                self.intake_of(origin)
                    .with_phones_apart(&read.customer)
                    .into_owned(),
            )
        };
        let id = match &expected {
            Some(customer) => customer.id.clone(),
            None => json
                .get("id")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned(),
        };
        let mut found = match self.known(&id) {
            Known::Customer(before) => Some(self.read_stored(&before.json)?),
            Known::Nothing | Known::Deleted(_) => None,
        };
        if let (Some(expected), Some(found)) = (&mut expected, &mut found) {
            // What the sample does not speak of is not compared.
            if expected.cases.is_none() {
                found.cases = None;
            }
            if expected.interactions.is_none() {
                found.interactions = None;
            }
            for list in [&mut expected.cases, &mut found.cases] {
                *list = list.take().filter(|list| !list.is_empty());
            }
            for list in [&mut expected.interactions, &mut found.interactions] {
                *list = list.take().filter(|list| !list.is_empty());
            }
        }
        let is_equal = expected == found;
        self.counters.sampled(is_equal);
        if !is_equal {
            tracing::warn!(
                customer = %crate::telemetry::reference(&id),
                "a customer differs from what its source says of it at the same place of the stream"
            );
        }
        Ok(Outcome::Noted)
    }

    pub(super) fn read_stored(&self, json: &[u8]) -> Result<Customer, Refused> {
        let text = std::str::from_utf8(json).map_err(|_| Refused::Damaged)?;
        let document = Document::parse(text).map_err(|_| Refused::Damaged)?;
        let limits = self.intake.limits();
        Ok(document::read_json(document.json(), &self.state.schema, Strictness::Feed, limits)?.customer)
    }
}
