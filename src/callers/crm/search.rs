//! Looks up whom a question names: by number as every caller is, or by id.

use std::time::Instant;

use super::ids::Names;
use super::plan::{Plan, Seed};
use super::{Crm, IdsFrom};
use crate::callers::disclosure::Disclosure;
use crate::callers::lookup::{Heard, Judged, Request, Source};
use crate::callers::meters::Outcome;
use crate::callers::parameters::in_text;
use crate::callers::settings::{Attestation, Verstat};
use crate::callers::suffix::How;
use crate::callers::tap::Tapped;
use crate::customer::{Record, Schema};
use crate::index::{self, View};
use crate::number::Key;
use crate::overlay::Superseded;
use crate::telemetry;

/// A customer whom a question finds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person<'v> {
    pub(super) record: Record<'v>,
    pub(super) schema: &'v Schema,
    /// The number that found them; none where an id did.
    pub(super) key: Option<Key>,
    /// Whether their affairs may be told.
    pub(super) may_disclose: bool,
}

/// The one customer that a question is about.
#[derive(Debug)]
pub(super) struct Hit<'v> {
    pub(super) person: Person<'v>,
    /// Which of the plan's seeds are that customer's.
    pub(super) by: Vec<bool>,
}

/// Who a seed is.
#[derive(Debug)]
enum Found<'v> {
    Nobody,
    One(Person<'v>),
    /// Several, or one who is not to be named: whoever else comes into question is not named either.
    Veiled,
}

/// What is looked up, read.
enum Read<'a> {
    Number(Box<Heard<'a>>, Request<'a>),
    Id(&'a str),
}

impl Crm {
    /// Our own id of the customer whom this system calls `id`; `None` where it calls nobody so.
    pub(in crate::callers) fn customer_of(&self, source: &Source, id: &str) -> Option<String> {
        source.tenant.index.read(|view| {
            Ok(match self.by_id(source, view, id, &Request::default())? {
                Found::One(person) => Some(person.record.id().to_owned()),
                Found::Nobody | Found::Veiled => None,
            })
        })
    }

    /// Hands `write` the one customer whom `plan` is about, as of one view; `None` for nobody, and for several. Counts what
    /// was looked up.
    pub(super) fn search(
        &self,
        source: &Source,
        plan: &Plan<'_>,
        context: &Request<'_>,
        mut write: impl FnMut(Option<&Hit<'_>>) -> Result<(), Superseded>,
    ) {
        let begun = Instant::now();
        let numbers: Vec<_> = plan
            .seeds
            .iter()
            .map(|seed| match seed {
                Seed::Number(written) => in_text(written),
                Seed::Id(id) => (*id).into(),
            })
            .collect();
        let read: Vec<Read<'_>> = plan
            .seeds
            .iter()
            .zip(&numbers)
            .map(|(seed, text)| match seed {
                Seed::Number(_) => {
                    let request = Request {
                        ani: text,
                        ..*context
                    };
                    Read::Number(Box::new(source.hear(&request)), request)
                }
                Seed::Id(id) => Read::Id(id),
            })
            .collect();
        let mut outcomes: Vec<(Outcome, How)> = Vec::new();
        let (mut is_named, mut gave) = (false, None);
        source.tenant.index.read(|view| {
            outcomes.clear();
            gave = None;
            let mut found = Vec::with_capacity(read.len());
            for read in &read {
                found.push(match read {
                    Read::Number(heard, _) => {
                        let (one, outcome, how) = by_number(source, view, heard)?;
                        outcomes.push((outcome, how));
                        one
                    }
                    Read::Id(id) => {
                        if source.tap.is_some() {
                            gave = gave.or(Some(self.gave(view, id)?));
                        }
                        self.by_id(source, view, id, context)?
                    }
                });
            }
            let only = only(&found);
            is_named = only.is_some();
            write(only.as_ref())
        });
        if let Some(tap) = &source.tap {
            let mut tapped = Tapped {
                gave,
                ..Tapped::default()
            };
            let numbers = read.iter().filter_map(|read| match read {
                Read::Number(heard, request) => Some((heard, request)),
                Read::Id(_) => None,
            });
            if let (Some((heard, request)), Some((outcome, _))) =
                (numbers.into_iter().next(), outcomes.first())
            {
                tapped = source.tapped(request, heard, *outcome, is_named);
            }
            tap.note(tapped);
        }
        let mut outcomes = outcomes.into_iter();
        for read in &read {
            let Read::Number(heard, request) = read else {
                continue;
            };
            let Some((outcome, how)) = outcomes.next() else {
                break;
            };
            source.meters.count_suffix(how, outcome);
            let took = source
                .meters
                .count(outcome, request.dnis, &source.numbering, begun);
            tracing::debug!(
                ani = %telemetry::number(request.ani),
                call_id = request.call_id.map(telemetry::reference).map(tracing::field::display),
                outcome = outcome.as_str(),
                diverted = heard.is_diverted,
                micros = took.as_micros(),
                "lookup"
            );
        }
    }

    /// Whether `id` is one that Ringside has given out: it is spelled so, or, in a form that has no marks, somebody has it
    /// spelled so.
    fn gave(&self, view: &View<'_>, id: &str) -> Result<bool, Superseded> {
        let id = id.trim();
        let Some(spelled) = self.form.parse(id) else {
            return Ok(false);
        };
        if !self.form.fits(id) || spelled.names == Names::Undisclosed {
            return Ok(true);
        }
        let records = view.by_id_hash(spelled.hash53)?;
        let mut spelled = records.iter().filter(|record| !self.keeps(record));
        Ok(spelled.next().is_some())
    }

    /// Who has `id`, in whichever of the forms that ids are given out in.
    fn by_id<'v>(
        &self,
        source: &Source,
        view: &'v View<'_>,
        id: &str,
        context: &Request<'_>,
    ) -> Result<Found<'v>, Superseded> {
        let id = id.trim();
        let spelled = self.form.parse(id);
        let mut records: Vec<Record<'v>> = Vec::new();
        let mut add = |record: Record<'v>| {
            if !records.iter().any(|known| known.id() == record.id()) {
                records.push(record);
            }
        };
        if let Some(spelled) = spelled
            && spelled.names != Names::Case
        {
            let is_undisclosed = spelled.names == Names::Undisclosed;
            for record in view.by_id_hash(spelled.hash53)? {
                // Whoever has an id of the system's own is not given another, but where nothing may be told of them.
                if is_undisclosed || !self.keeps(&record) {
                    add(record);
                }
            }
        }
        let is_marked = spelled.is_some() && !self.form.fits(id);
        if !is_marked {
            match &self.ids {
                IdsFrom::Own => {
                    for variant in self.form.variants(id) {
                        if self.form.fits(&variant)
                            && let Some(record) = view.customer(&variant)?
                        {
                            add(record);
                        }
                    }
                }
                IdsFrom::Attribute(key) => {
                    for variant in self.form.variants(id) {
                        match view.by_attribute(key, &variant)? {
                            index::Found::Nobody => {}
                            index::Found::One(record) => add(record),
                            index::Found::Several(_) => return Ok(Found::Veiled),
                        }
                    }
                }
            }
        }
        Ok(match records.as_slice() {
            [] => Found::Nobody,
            [record] => {
                let disclosure = of_id(source, view, record, context);
                if disclosure.greet.is_err() {
                    return Ok(Found::Veiled);
                }
                Found::One(Person {
                    record: *record,
                    schema: view.schema(),
                    key: None,
                    may_disclose: disclosure.disclose.is_ok()
                        && spelled.is_none_or(|spelled| spelled.names != Names::Undisclosed),
                })
            }
            _ => Found::Veiled,
        })
    }

    /// Whether `record`'s customer keeps their own id here, and so has no other. Where ids come from an attribute nobody
    /// does: one of Salesforce's is that of a contact or of an account, and for the other a spelling is given out.
    fn keeps(&self, record: &Record<'_>) -> bool {
        self.ids == IdsFrom::Own && self.form.fits(record.id())
    }
}

fn by_number<'v>(
    source: &Source,
    view: &'v View<'_>,
    heard: &Heard<'_>,
) -> Result<(Found<'v>, Outcome, How), Superseded> {
    let found = source.matched(view, heard)?;
    let Judged { disclosure, .. } = source.judge(view, &found, heard);
    let outcome = found.who.outcome(&heard.reading);
    let who = match found.who.one() {
        Some(record) if disclosure.greet.is_ok() => Found::One(Person {
            record: *record,
            schema: view.schema(),
            key: found.key,
            may_disclose: disclosure.disclose.is_ok(),
        }),
        None if !outcome.is_found() => Found::Nobody,
        _ => Found::Veiled,
    };
    Ok((who, outcome, found.how))
}

/// What may be said of `record`'s customer, who is asked for by id: what the network says of a number does not matter, and
/// the id says itself whether its number was one that may disclose.
fn of_id(source: &Source, view: &View<'_>, record: &Record<'_>, context: &Request<'_>) -> Disclosure {
    let decision = source.decide_for(view, record, context);
    Disclosure::of_one(Verstat::Full, Attestation::None, false, decision)
}

/// The one customer who was found, where no more come into question.
fn only<'v>(found: &[Found<'v>]) -> Option<Hit<'v>> {
    let mut only: Option<Person<'v>> = None;
    for found in found {
        match found {
            Found::Nobody => {}
            Found::Veiled => return None,
            Found::One(person) => match &mut only {
                Some(other) if other.record.id() != person.record.id() => return None,
                Some(other) => {
                    other.may_disclose &= person.may_disclose;
                    other.key = other.key.or(person.key);
                }
                None => only = Some(*person),
            },
        }
    }
    Some(Hit {
        person: only?,
        by: found.iter().map(|found| matches!(found, Found::One(_))).collect(),
    })
}
