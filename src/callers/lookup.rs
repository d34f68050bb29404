//! The lookup that all dialects share: the number as sent → its key → who has it → what may be said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::answer::{Ani, Answer, Who, Whom};
use super::compare::Standing;
use super::disclosure::Disclosure;
use super::diversion;
use super::meters::{Meters, Outcome};
use super::settings::{Answers, Verstat};
use super::suffix::{How, Match};
use super::tap::{Tap, Tapped};
use super::treatment::{Caller, Decision, Dialled, Treatment};
use crate::customer::Record;
use crate::customer::record::Field;
use crate::index::{Found, View};
use crate::number::{self, Numbering, Reading, Reason};
use crate::overlay::Superseded;
use crate::replica::freshness;
use crate::telemetry::{self, Redacted};
use crate::tenant::Tenant;

/// What a caller asks. Empty texts count as absent, save for `ani`, where empty means withheld.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The calling number, as sent.
    pub ani: &'a str,
    /// The dialled number, as sent.
    pub dnis: Option<&'a str>,
    /// The call that the lookup belongs to.
    pub call_id: Option<&'a str>,
    /// The network's word on the calling number.
    pub verstat: Option<&'a str>,
    /// Who diverted the call, as sent: a number, or the header `Diversion`. Matters where the calling number is one of
    /// our own.
    pub diversion: Option<&'a str>,
    /// The region that the calling number is read in, where it is not the source's.
    pub region: Option<&'a str>,
}

/// Where lookups come from: one listener, its way of writing numbers, and the contact centre that it asks.
#[derive(Debug, Clone)]
pub struct Source {
    /// Whose customers are looked up.
    pub tenant: Arc<Tenant>,
    /// How numbers that arrive here are read.
    pub numbering: Numbering,
    /// The keys of the configuration by which they are read otherwise than everywhere, for people.
    pub number_rules: Arc<[String]>,
    /// What answers hold.
    pub answers: Answers,
    /// How callers are treated.
    pub treatment: Arc<Treatment>,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// Where somebody wants to know what a call was about; `None` for callers.
    pub tap: Option<Arc<Tap>>,
}

/// What a request says, read by a source's rules.
pub(super) struct Heard<'a> {
    /// The number that is looked up.
    pub(super) reading: Reading<'a>,
    /// Whether that is who diverted the call, in place of the calling number.
    pub(super) is_diverted: bool,
    /// The calling number as sent, save where that is not what is looked up.
    pub(super) written: &'a str,
    dialled: Dialled<'a>,
    verstat: Option<&'a str>,
    pub(super) attested: Verstat,
}

/// What is decided of a caller, as of one view.
pub(super) struct Judged<'s> {
    /// What follows from the treatment rules.
    pub(super) decision: Option<&'s Decision>,
    /// What is permitted.
    pub(super) disclosure: Disclosure,
}

impl Source {
    /// Looks `request` up in one view, hands the answer to `write`, and counts. `write` is called again, with another
    /// view, where the first one was superseded: it must then begin again.
    pub(super) fn look_up(
        &self,
        request: &Request<'_>,
        write: impl FnMut(&Answer<'_, '_>) -> Result<(), Superseded>,
    ) -> Outcome {
        let begun = Instant::now();
        self.answer(request, &self.hear(request), begun, write)
    }

    /// Looks `request` up as [`look_up`](Source::look_up) does, which has been `heard` already; it counts from `begun`.
    #[inline]
    pub(super) fn answer(
        &self,
        request: &Request<'_>,
        heard: &Heard<'_>,
        begun: Instant,
        mut write: impl FnMut(&Answer<'_, '_>) -> Result<(), Superseded>,
    ) -> Outcome {
        let reading = &heard.reading;
        let freshness = self.tenant.freshness.now(begun);
        let (outcome, how, is_named) = self.tenant.index.read(|view| {
            let matched = self.matched(view, heard);
            let found = matched.as_ref().map_err(|superseded| *superseded)?;
            let Judged { decision, disclosure } = self.judge(view, found, heard);
            let (who, key, how) = (found.who.as_whom(), found.key, found.how);
            let answer = Answer {
                view,
                ani: Ani::of(reading, request.ani),
                outcome: found.who.outcome(reading),
                decision,
                disclosure,
                who,
                key,
                how,
                freshness: &freshness,
                matches_max: self.answers.matches_max,
            };
            write(&answer)?;
            Ok((
                answer.outcome,
                how,
                self.tap.is_some() && answer.guest().is_some(),
            ))
        });
        if let Some(tap) = &self.tap {
            tap.note(self.tapped(request, heard, outcome, is_named));
        }
        self.meters.count_suffix(how, outcome);
        let took = self.meters.count(outcome, request.dnis, &self.numbering, begun);
        tracing::debug!(
            ani = %telemetry::number(request.ani),
            call_id = request.call_id.map(telemetry::reference).map(tracing::field::display),
            outcome = outcome.as_str(),
            diverted = heard.is_diverted,
            micros = took.as_micros(),
            "lookup"
        );
        outcome
    }

    /// Hands a miss to `write` that says nothing of any number, for whoever may not ask. `write` may be called again, as by
    /// [`Source::look_up`].
    pub(super) fn disable(&self, mut write: impl FnMut(&Answer<'_, '_>) -> Result<(), Superseded>) {
        let freshness = freshness::Reading {
            position: freshness::Position::none(),
            age_ms: None,
            connected: false,
            caught_up: false,
            lag_ms: None,
            gap: false,
            held: false,
            failed: false,
            stale: true,
        };
        self.tenant.index.read(|view| {
            write(&Answer {
                view,
                ani: Ani::None,
                key: None,
                how: How::Exact,
                who: Whom::Nobody,
                outcome: Outcome::Disabled,
                decision: None,
                disclosure: Disclosure::NONE,
                freshness: &freshness,
                matches_max: 1,
            })
        });
        self.meters.count_disabled();
    }

    /// What a tap is told of a lookup.
    pub(super) fn tapped(
        &self,
        request: &Request<'_>,
        heard: &Heard<'_>,
        outcome: Outcome,
        is_named: bool,
    ) -> Tapped {
        let dialled = request
            .dnis
            .and_then(|dnis| self.numbering.read(dnis, None).key());
        Tapped {
            is_lookup: true,
            gave: None,
            number: heard.reading.key(),
            dialled,
            ani: Some(Redacted::new(request.ani.to_owned())),
            standing: match outcome {
                Outcome::Ambiguous => Standing::Several,
                Outcome::Hit if !is_named => Standing::NotToBeGreeted,
                _ => Standing::Plain,
            },
            is_found: outcome.is_found(),
        }
    }

    /// The number in `written` as every source reads it alike: `+14806754110`; as it is where that cannot be.
    pub fn canonical(&self, written: &str) -> String {
        match self.numbering.read_text(written, None) {
            reading if reading.sip_user().is_some() => written.to_owned(),
            reading => reading
                .number()
                .map_or_else(|| written.to_owned(), |key| key.to_string()),
        }
    }

    /// Reads `request`: the calling number, or who diverted the call where the calling number is our own.
    pub(super) fn hear<'a>(&self, request: &Request<'a>) -> Heard<'a> {
        let calling = self.numbering.read_text(request.ani, request.region);
        let diverted = match (calling.reason(), request.diversion) {
            (Some(Reason::OwnNumber), Some(diversion)) => {
                diversion::behind(diversion, &self.numbering, request.region, |_, _| {})
            }
            _ => None,
        };
        let is_diverted = diverted.is_some();
        let verstat = request.verstat.filter(|text| !text.is_empty());
        // The network vouches for the number that called, and that is our own; a forged call stays a forged one.
        let verstat = verstat.filter(|text| !is_diverted || Verstat::of(Some(text)) == Verstat::Failed);
        Heard {
            reading: diverted.unwrap_or(calling),
            is_diverted,
            written: if is_diverted { "" } else { request.ani },
            dialled: self.treatment.dialled(&self.numbering, request.dnis),
            verstat,
            attested: Verstat::of(verstat),
        }
    }

    /// What is decided of whoever was `found`.
    pub(super) fn judge(&self, view: &View<'_>, found: &Match<'_>, heard: &Heard<'_>) -> Judged<'_> {
        let decision = self.treatment.decide(&heard.caller(view, &found.who));
        let disclosure = match (found.who.one(), found.key) {
            (Some(record), Some(key)) => {
                let is_declared = record.claim(key.raw()).is_some_and(|claim| claim.shared);
                let shared = is_declared || view.phones().is_shared_line(key.raw());
                let required = self.answers.require_attestation;
                let disclosure = Disclosure::of_one(heard.attested, required, shared, decision);
                match found.how {
                    How::Suffix(_) => disclosure.of_suffix(),
                    How::Exact | How::Link | How::Unclear(_) => disclosure,
                }
            }
            _ => Disclosure::NONE,
        };
        Judged { decision, disclosure }
    }

    /// What treatment rules decide of `record`'s customer, who is asked for by id.
    pub(super) fn decide_for(
        &self,
        view: &View<'_>,
        record: &Record<'_>,
        request: &Request<'_>,
    ) -> Option<&Decision> {
        self.treatment.decide(&Caller {
            record: Some(record),
            schema: view.schema(),
            found: true,
            dialled: self.treatment.dialled(&self.numbering, request.dnis),
            verstat: request.verstat.filter(|text| !text.is_empty()),
            attested: Verstat::of(request.verstat),
        })
    }

    /// Hands `write` the answer to a `request` that there is no time for: a miss that says so, without a lookup. Counts
    /// it. `write` is called as [`look_up`](Source::look_up) calls it.
    pub(super) fn overloaded(
        &self,
        request: &Request<'_>,
        mut write: impl FnMut(&Answer<'_, '_>) -> Result<(), Superseded>,
    ) {
        let freshness = self.tenant.freshness.now(Instant::now());
        self.tenant.index.read(|view| {
            write(&Answer {
                view,
                ani: Ani::unread(request.ani),
                outcome: Outcome::Overload,
                // The first rule that holds may be one that needs the lookup.
                decision: None,
                disclosure: Disclosure::NONE,
                who: Whom::Nobody,
                key: None,
                how: How::Exact,
                freshness: &freshness,
                matches_max: self.answers.matches_max,
            })
        });
        self.meters.count_overload();
    }

    /// Who has the whole number, as of `view`.
    pub(super) fn who<'v>(&self, view: &'v View<'_>, reading: &Reading<'_>) -> Result<Who<'v>, Superseded> {
        let Some(key) = reading.key() else {
            return Ok(Who::Nobody);
        };
        let Some(user) = reading.sip_user() else {
            // Taken apart where it stands: whole, it is a copy of room for several.
            return match view.find(key.raw()) {
                Ok(Found::One(record)) => Ok(Who::One(record)),
                Ok(Found::Nobody) => Ok(Who::Nobody),
                Ok(Found::Several(records)) => Ok(Who::Several(records)),
                Err(superseded) => Err(superseded),
            };
        };
        // The key of a SIP user is a hash, so the user itself has the last word.
        Ok(match view.find(key.raw())? {
            Found::Nobody => Who::Nobody,
            Found::One(record) if self.lists(&record, user) => Who::One(record),
            Found::One(_) => Who::Nobody,
            Found::Several(mut records) => {
                records.retain(|record| self.lists(record, user));
                match records.as_slice() {
                    [] => Who::Nobody,
                    [record] => Who::One(*record),
                    _ => Who::Several(records),
                }
            }
        })
    }

    /// Whether `record`'s customer lists the SIP user `user`. What such an address is depends on the source in one thing, what
    /// is withheld, and `user` was found by this source's rules: so these recognize it again, whoever stored it.
    pub(super) fn lists(&self, record: &Record<'_>, user: &str) -> bool {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Phone {
            Plain(String),
            Described { number: String },
            Other(serde::de::IgnoredAny),
        }
        let phones = record
            .field(Field::Phones)
            .and_then(|json| serde_json::from_slice::<Vec<Phone>>(json).ok());
        let attributes = record
            .field(Field::Attributes)
            .and_then(|json| serde_json::from_slice::<BTreeMap<String, Phone>>(json).ok());
        phones
            .into_iter()
            .flatten()
            .chain(attributes.into_iter().flat_map(BTreeMap::into_values))
            .any(|phone| match phone {
                Phone::Plain(written) | Phone::Described { number: written } => {
                    self.numbering.read(&written, None).sip_user() == Some(user)
                }
                Phone::Other(_) => false,
            })
    }
}

impl Heard<'_> {
    /// What treatment rules look at.
    pub(super) fn caller<'c>(&'c self, view: &'c View<'_>, who: &'c Who<'_>) -> Caller<'c> {
        Caller {
            record: who.one(),
            schema: view.schema(),
            found: !matches!(who, Who::Nobody),
            dialled: self.dialled,
            verstat: self.verstat,
            attested: self.attested,
        }
    }
}

impl<'v> From<Found<'v>> for Who<'v> {
    fn from(found: Found<'v>) -> Who<'v> {
        match found {
            Found::Nobody => Who::Nobody,
            Found::One(record) => Who::One(record),
            Found::Several(records) => Who::Several(records),
        }
    }
}

impl Who<'_> {
    pub(super) fn outcome(&self, reading: &number::Reading<'_>) -> Outcome {
        match (self, reading.reason()) {
            (Who::One(_), _) => Outcome::Hit,
            (Who::Several(_), _) => Outcome::Ambiguous,
            (Who::Nobody, None) => Outcome::Unknown,
            (Who::Nobody, Some(Reason::Anonymous)) => Outcome::Anonymous,
            (Who::Nobody, Some(Reason::OwnNumber)) => Outcome::OwnNumber,
            (Who::Nobody, Some(Reason::Internal)) => Outcome::Internal,
            (Who::Nobody, Some(Reason::Invalid)) => Outcome::Invalid,
        }
    }
}
