//! Parts that are gone, of which the source does not say whose they were: they are looked for with their batch.
//!
//! Looking for them reads every customer, once for all that wait. What the same stream delivers of such a part meanwhile
//! needs no look ahead of it: its place in the stream is behind, and the part's mark says so. What another stream delivers
//! has no such order, and has them looked for first.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use memchr::memmem::Finder;

use super::Replica;
use super::apply::{Outcome, Refused};
use super::change::{Part as Change, PartChange, PartGone};
use super::known::Known;
use crate::customer::Customer;
use crate::customer::record::{Field, Origin, Part, Record};
use crate::telemetry::reference;

/// What stands ahead of an id in a record.
const ID: &[u8] = br#""id":""#;
/// What one takes beside its id and position, about, bytes.
const EACH: usize = 128;

/// Parts that are gone and have not been looked for, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Gone {
    parts: Vec<Missing>,
    /// Where they stand among those; of each part and stream there is one.
    places: HashMap<Part, Vec<usize>>,
    bytes: usize,
}

/// A part that is gone.
#[derive(Debug)]
struct Missing {
    stream: u16,
    position: Box<[u8]>,
    part: PartGone,
}

impl Missing {
    fn change(&self) -> PartChange {
        match &self.part {
            PartGone::Case(id) => PartChange::Case(Change::Delete(id.clone())),
            PartGone::Interaction(id) => PartChange::Interaction(Change::Delete(id.clone())),
        }
    }
}

impl Gone {
    /// `origin` says that `part` is gone; the last place at which a stream says so is the one that counts.
    pub(super) fn note(&mut self, origin: Origin<'_>, part: PartGone) {
        let missing = Missing {
            stream: origin.stream,
            position: origin.position.into(),
            part,
        };
        let places = self.places.entry(missing.change().part()).or_default();
        for place in &*places {
            if let Some(known) = self.parts.get_mut(*place)
                && known.stream == missing.stream
            {
                known.position = missing.position.max(std::mem::take(&mut known.position));
                return;
            }
        }
        let (PartGone::Case(id) | PartGone::Interaction(id)) = &missing.part;
        self.bytes += EACH + id.len() + origin.position.len();
        places.push(self.parts.len());
        self.parts.push(missing);
    }

    /// Bytes that they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether another stream than that of `origin` says that `part` is gone.
    pub(super) fn has_of_another(&self, part: Part, origin: Origin<'_>) -> bool {
        let places = self.places.get(&part).into_iter().flatten();
        let mut missing = places.filter_map(|place| self.parts.get(*place));
        missing.any(|missing| missing.stream != origin.stream)
    }

    /// Whether `customer`, which `origin` delivers, has a part of which another stream says that it is gone.
    pub(super) fn is_of_another(&self, customer: &Customer, origin: Origin<'_>) -> bool {
        !self.parts.is_empty() && parts_of(customer).any(|part| self.has_of_another(part, origin))
    }
}

/// The parts that are looked for in records.
struct Search<'g> {
    cases: HashMap<&'g [u8], Vec<usize>>,
    interactions: HashMap<&'g [u8], Vec<usize>>,
    id: Finder<'static>,
}

impl<'g> Search<'g> {
    fn of(parts: &'g [Missing]) -> Search<'g> {
        let mut search = Search {
            cases: HashMap::new(),
            interactions: HashMap::new(),
            id: Finder::new(ID),
        };
        for (nth, missing) in parts.iter().enumerate() {
            let (ids, id) = match &missing.part {
                PartGone::Case(id) => (&mut search.cases, id),
                PartGone::Interaction(id) => (&mut search.interactions, id),
            };
            ids.entry(id.as_bytes()).or_default().push(nth);
        }
        search
    }

    /// Calls `found` with which of the parts `change` is of.
    fn look_at(&self, change: &PartChange, found: impl FnMut(usize)) {
        let (ids, id) = match change {
            PartChange::Case(Change::Put(case)) => (&self.cases, &case.id),
            PartChange::Case(Change::Delete(id)) => (&self.cases, id),
            PartChange::Interaction(Change::Put(interaction)) => (&self.interactions, &interaction.id),
            PartChange::Interaction(Change::Delete(id)) => (&self.interactions, id),
        };
        let nths = ids.get(id.as_bytes()).into_iter().flatten();
        nths.copied().for_each(found);
    }

    /// Calls `found` with which of the parts `record` may have.
    fn look(&self, record: &Record<'_>, mut found: impl FnMut(usize)) {
        for (ids, field) in [
            (&self.cases, Field::Cases),
            (&self.interactions, Field::Interactions),
        ] {
            let Some(list) = record.field(field).filter(|_| !ids.is_empty()) else {
                continue;
            };
            for at in self.id.find_iter(list) {
                // Ids hold nothing that JSON escapes.
                let id = list.get(at + ID.len()..).unwrap_or_default();
                let id = memchr::memchr(b'"', id).and_then(|end| id.get(..end));
                for nth in id.and_then(|id| ids.get(id)).into_iter().flatten() {
                    found(*nth);
                }
            }
        }
    }
}

impl Replica {
    /// Looks for the parts that are gone, and takes them from whoever has them.
    pub(super) fn take_gone(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        if gone.parts.is_empty() {
            return;
        }
        let begun = Instant::now();
        let search = Search::of(&gone.parts);
        let mut found: Vec<(usize, Box<str>)> = Vec::new();
        let read = self.writer.every(&mut |record| {
            search.look(record, |nth| found.push((nth, record.id().into())));
        });
        for (customer, orphan) in self.state.parked.iter() {
            search.look_at(&orphan.change, |nth| found.push((nth, customer.into())));
        }
        // In the order in which they came, each customer once.
        found.sort_unstable();
        found.dedup();
        let mut had: Vec<bool> = vec![false; gone.parts.len()];
        for (nth, customer) in found {
            let Some(missing) = gone.parts.get(nth) else {
                continue;
            };
            let origin = Origin {
                stream: missing.stream,
                position: &missing.position,
                marks: &[],
            };
            match self.take_away(origin, &customer, missing.change()) {
                Ok(true) => had[nth] = true,
                Ok(false) => {}
                Err(refused) => {
                    had[nth] = true;
                    self.counters.gone("refused", 1);
                    tracing::error!(
                        customer = %reference(&customer),
                        reason = refused.without_content(),
                        "a case or an interaction is gone and cannot be taken from its customer; send the whole customer again"
                    );
                }
            }
        }
        let nobodys = had.iter().filter(|had| !**had).count();
        self.counters.gone("nobody", nobodys);
        self.counters.looked(begun.elapsed());
        if let Err(error) = read {
            tracing::error!(
                %error,
                "parts that are gone cannot be looked for behind the damage: they may still be served; build the snapshot again"
            );
            let streams: HashSet<u16> = gone.parts.iter().map(|missing| missing.stream).collect();
            for stream in streams {
                let stream = self.state.streams.get(usize::from(stream));
                if let Some(name) = stream.map(|stream| stream.stream.clone()) {
                    self.gap(&name);
                }
            }
        }
    }

    /// Takes a part from the customer `id`, or from what waits for it, as `change` from `origin` says. Whether it had it.
    fn take_away(&mut self, origin: Origin<'_>, id: &str, change: PartChange) -> Result<bool, Refused> {
        let (part, list) = (change.part(), change.list());
        let Known::Customer(before) = self.known(id) else {
            let waits = self.state.parked.has(id, part);
            let is_new = waits && matches!(self.park(origin, id, change)?, Outcome::Parked);
            self.counters.gone("parked", usize::from(is_new));
            return Ok(waits);
        };
        let mut customer = self.read_stored(&before.json)?;
        if !parts_of(&customer).any(|other| other == part) {
            return Ok(false);
        }
        if before.covers_part(part, list, origin) {
            return Ok(true);
        }
        let mut marks = before.marks.clone();
        marks.set(part, origin.stream, origin.position, true);
        change.change(&mut customer, self.intake.limits());
        // Nobody's number is lost by it, so that it needs nobody's word.
        let recorded = self.recorded(before.origin(&marks.to_bytes()), &customer, &before.claims)?;
        self.store(&customer.id, &recorded)?;
        self.counters.gone("taken", 1);
        Ok(true)
    }
}

/// The cases and interactions of `customer`.
fn parts_of(customer: &Customer) -> impl Iterator<Item = Part> {
    let cases = customer.cases.iter().flatten();
    let interactions = customer.interactions.iter().flatten();
    let cases = cases.map(|case| Part::case(&case.id));
    cases.chain(interactions.map(|interaction| Part::interaction(&interaction.id)))
}
