//! How a lookup came to its answer: how the number was read, who claims it, who answers and why the others do not.

mod judged;
mod suffix;

use serde::Serialize;

use super::call::Call;
use super::diversion;
use super::lookup::{Request, Source};
use super::native::{check_region, request_of};
use super::parameters::{Parameters, Written};
use super::refusal::Refusal;
use super::sources::Sources;
use crate::customer::Record;
use crate::customer::record::Field;
use crate::index::{Contest, Mode, OnConflict, Owner, Ownership, Shared, Standing, Verdict, View};
use crate::number::{Key, Reading, Reason, display_national, region_of};
use crate::overlay::Superseded;
use crate::snapshot::Stream;

pub use judged::{PermissionExplained, RuleExplained, TreatmentExplained};

/// How one lookup came to its answer. Everything in it is for the operator's eyes: it holds numbers and names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The number as it was given.
    pub written: String,
    /// The keys of the configuration by which numbers are read otherwise at this source than by `[numbers]` alone.
    pub number_rules: Vec<String>,
    /// The rules that applied, in their order; of the calling number, and then of who diverted the call.
    pub steps: Vec<String>,
    /// Whether who diverted the call is looked up, in place of our own number.
    pub diverted: bool,
    /// The number that is looked up, `+14155552671`; `null` where there is none.
    pub number: Option<String>,
    /// The number as people write it within its country.
    pub national: Option<String>,
    /// Country of a valid public number.
    pub country: Option<&'static str>,
    /// Whether the number is valid in its country's plan.
    pub valid: bool,
    /// `exact`, `suffix` (found by its last digits) or `none`.
    #[serde(rename = "match")]
    pub matched: &'static str,
    /// The number that was found, which is another than `number` where only their last digits are the same; `null`
    /// where nobody answers.
    pub matched_number: Option<String>,
    /// Why it matches nobody whoever the customers are: `anonymous`, `own_number`, `invalid`; `internal` where an
    /// extension found nobody; `unknown` where no customer claims the number.
    pub reason: Option<&'static str>,
    /// The generation of the snapshot that was looked in.
    pub generation: u64,
    /// The seq as of which it was looked.
    pub seq: u64,
    /// The rules of ownership, as configured.
    pub rules: Rules,
    /// Whether all who claim the number answer for it.
    pub shared: bool,
    /// Why: `mode`, `shared_lines`, `shared_above` or `customer`, one of whom declares it.
    pub shared_by: Option<&'static str>,
    /// Every claim, the strongest first.
    pub claims: Vec<ClaimExplained>,
    /// How the caller is treated.
    pub treatment: TreatmentExplained,
    /// Whether the caller may be greeted by name.
    pub may_greet: PermissionExplained,
    /// Whether the caller may be told of the customer's affairs.
    pub may_disclose: PermissionExplained,
}

/// The rules of ownership, in the words of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// `unique` or `shared`.
    pub mode: &'static str,
    /// `newest_claim` or `newest_customer`.
    pub owner: &'static str,
    /// `move` or `replace`.
    pub on_conflict: &'static str,
    /// The most customers that may list a number before it is taken for shared; 0: any number.
    pub shared_above: u32,
}

/// One customer's claim on the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimExplained {
    /// The customer's id.
    pub customer_id: String,
    /// The customer's name.
    pub name: String,
    /// `owner`, `outranked` or `hidden`.
    pub verdict: &'static str,
    /// Why, as a sentence without a full stop.
    pub why: String,
    /// The seq at which the customer's present unbroken claim began.
    pub since: u64,
    /// Whether the customer declares the number to be used by several.
    pub shared: bool,
    /// When the source created the customer, where it says so.
    pub created_at: Option<String>,
    /// Name of the stream that the customer came by.
    pub stream: String,
    /// Which life of that stream.
    pub incarnation: String,
    /// Where the customer stands in the stream: a file's row, or the position's bytes in hexadecimal.
    pub position: String,
}

impl Explanation {
    /// Explains what `call` asks for: `?ani=…`, the parameters of a lookup, and `listener=…`, as which it is read.
    ///
    /// # Errors
    /// It is no GET, asks for no number, or names a region or a listener that there is not.
    pub fn asked(call: &Call<'_>, sources: &Sources) -> Result<Explanation, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        let mut parameters = Parameters::default();
        parameters.read_form(call.query);
        let ani = parameters
            .ani
            .as_ref()
            .map(Written::as_str)
            .ok_or(Refusal::Missing("ani"))?;
        check_region(&parameters)?;
        let source = sources.get(parameters.listener.as_deref(), parameters.dialect.as_deref())?;
        let request = request_of(&parameters, ani);
        Ok(source
            .tenant
            .index
            .read(|view| Explanation::of(&request, source, view)))
    }

    /// Explains what a lookup of `request` at `source` sees in `view`.
    ///
    /// # Errors
    /// [`Superseded`], as all of a view's methods; call again with a fresh view.
    pub fn of(request: &Request<'_>, source: &Source, view: &View<'_>) -> Result<Explanation, Superseded> {
        let heard = source.hear(request);
        let reading = &heard.reading;
        let found = source.matched(view, &heard)?;
        let judged = source.judge(view, &found, &heard);
        let ownership = view.phones().ownership();
        let contest = match found.key {
            Some(key) => view.contest(key.raw())?,
            None => Contest {
                shared: None,
                standings: Vec::new(),
            },
        };
        let key = found.key;
        let owner = contest
            .standings
            .iter()
            .find(|standing| standing.verdict == Verdict::Owner);
        let explain = |standing: &Standing<'_>| {
            key.map(|key| claim(standing, owner, &contest, key, ownership, view.streams()))
        };
        Ok(Explanation {
            written: request.ani.to_owned(),
            number_rules: source.number_rules.to_vec(),
            steps: steps(request, source)
                .into_iter()
                .chain(suffix::step(view, &heard, &found))
                .collect(),
            diverted: heard.is_diverted,
            number: reading.number().map(|number| number.to_string()),
            national: reading.number().map(display_national),
            country: reading.number().and_then(region_of),
            valid: reading.is_valid(),
            matched: match owner {
                Some(_) => found.how.as_str(),
                None => "none",
            },
            matched_number: key.filter(|_| owner.is_some()).map(|key| key.to_string()),
            reason: reason(reading, owner.is_some()),
            generation: view.generation(),
            seq: view.seq(),
            rules: Rules::of(ownership),
            shared: contest.shared.is_some(),
            shared_by: contest.shared.map(|shared| match shared {
                Shared::Mode => "mode",
                Shared::Line => "shared_lines",
                Shared::Crowd => "shared_above",
                Shared::Customer => "customer",
            }),
            claims: contest.standings.iter().filter_map(explain).collect(),
            treatment: TreatmentExplained::of(source, view, &found.who, &heard, &judged),
            may_greet: PermissionExplained::of(judged.disclosure.greet),
            may_disclose: PermissionExplained::of(judged.disclosure.disclose),
        })
    }
}

impl Rules {
    fn of(ownership: Ownership) -> Rules {
        Rules {
            mode: match ownership.mode {
                Mode::Unique => "unique",
                Mode::Shared => "shared",
            },
            owner: match ownership.owner {
                Owner::NewestClaim | Owner::Auto => "newest_claim",
                Owner::NewestCustomer => "newest_customer",
            },
            on_conflict: match ownership.on_conflict {
                OnConflict::Move => "move",
                OnConflict::Replace => "replace",
            },
            shared_above: ownership.shared_above,
        }
    }
}

/// The rules that applied to the calling number and, where that is our own, to who diverted the call.
fn steps(request: &Request<'_>, source: &Source) -> Vec<String> {
    let numbering = &source.numbering;
    let mut steps = numbering.trace(request.ani, request.region);
    let Some(diversion) = request.diversion.filter(|diversion| !diversion.is_empty()) else {
        return steps;
    };
    if numbering.read(request.ani, request.region).reason() != Some(Reason::OwnNumber) {
        steps.push("the diversion does not matter: the calling number is not our own".to_owned());
        return steps;
    }
    let mut last = "";
    let found = diversion::behind(diversion, numbering, request.region, |entry, fate| {
        last = entry.address;
        steps.push(format!("diversion {last:?}: {}", fate.words()));
    });
    if found.is_some() {
        steps.extend(numbering.trace(last, request.region));
    }
    steps
}

fn reason(reading: &Reading<'_>, found: bool) -> Option<&'static str> {
    match reading.reason() {
        _ if found => None,
        Some(reason) => Some(reason.as_str()),
        None => Some("unknown"),
    }
}

fn claim(
    standing: &Standing<'_>,
    owner: Option<&Standing<'_>>,
    contest: &Contest<'_>,
    key: Key,
    ownership: Ownership,
    streams: &[Stream],
) -> ClaimExplained {
    let record = &standing.record;
    let own = record.claim(key.raw());
    let origin = record.origin();
    let stream = streams.get(usize::from(origin.stream));
    ClaimExplained {
        customer_id: record.id().to_owned(),
        name: text(record, Field::Name).unwrap_or_default(),
        verdict: match standing.verdict {
            Verdict::Owner => "owner",
            Verdict::Outranked => "outranked",
            Verdict::Hidden => "hidden",
        },
        why: why(standing, owner, contest, key, ownership),
        since: own.map_or(0, |claim| claim.since),
        shared: own.is_some_and(|claim| claim.shared),
        created_at: text(record, Field::CreatedAt),
        stream: stream.map_or_else(|| format!("#{}", origin.stream), |stream| stream.stream.clone()),
        incarnation: stream
            .map(|stream| stream.incarnation.clone())
            .unwrap_or_default(),
        position: position(origin.position),
    }
}

fn why(
    standing: &Standing<'_>,
    owner: Option<&Standing<'_>>,
    contest: &Contest<'_>,
    key: Key,
    ownership: Ownership,
) -> String {
    let others = contest.standings.len() > 1;
    match (standing.verdict, owner) {
        (Verdict::Owner, _) if !others => "the only claim".to_owned(),
        (Verdict::Owner, _) if contest.shared.is_some() => {
            let why = match contest.shared {
                Some(Shared::Line) => "the line is one of numbers.shared_lines",
                Some(Shared::Crowd) => "more customers than phones.shared_above list the number",
                Some(Shared::Customer) => "the number is declared shared",
                Some(Shared::Mode) | None => "in mode shared",
            };
            format!("{why}: all claimants answer")
        }
        (Verdict::Owner, _) => match ownership.owner {
            Owner::NewestClaim | Owner::Auto => "the newest claim of those that stand".to_owned(),
            Owner::NewestCustomer => "the customer created last of those that stand".to_owned(),
        },
        (Verdict::Outranked, Some(owner)) => {
            let (than, by) = (
                owner.record.id(),
                compared(&standing.record, &owner.record, key, ownership),
            );
            format!("{than} {by}; this customer stays reachable by id and by its other numbers")
        }
        (Verdict::Hidden, Some(owner)) if owner.record.id() != standing.record.id() => {
            let (than, by) = (
                owner.record.id(),
                compared(&standing.record, &owner.record, key, ownership),
            );
            format!("{than} {by}, and on_conflict = \"replace\" hides who loses")
        }
        (Verdict::Outranked | Verdict::Hidden, _) => {
            "another customer owns one of its numbers, and on_conflict = \"replace\" hides who loses"
                .to_owned()
        }
    }
}

/// What makes `owner`'s claim stronger, as what follows its id.
fn compared(loser: &Record<'_>, owner: &Record<'_>, key: Key, ownership: Ownership) -> String {
    let since = |record: &Record<'_>| record.claim(key.raw()).map_or(0, |claim| claim.since);
    match ownership.owner {
        Owner::NewestClaim | Owner::Auto if since(owner) == since(loser) => {
            format!(
                "has claimed it as long (seq {}), and the greater id decides",
                since(owner)
            )
        }
        Owner::NewestClaim | Owner::Auto => format!(
            "has the newer claim (seq {}, this one {})",
            since(owner),
            since(loser)
        ),
        Owner::NewestCustomer if owner.created_ms() == loser.created_ms() => {
            "was created at the same time, and the greater id decides".to_owned()
        }
        Owner::NewestCustomer => "was created later".to_owned(),
    }
}

/// A text of the record's JSON.
fn text(record: &Record<'_>, field: Field) -> Option<String> {
    serde_json::from_slice(record.field(field)?).ok()
}

/// A position of eight bytes is a count, such as a file's row; others are opaque.
fn position(bytes: &[u8]) -> String {
    match <[u8; 8]>::try_from(bytes) {
        Ok(row) => u64::from_be_bytes(row).to_string(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests;
