//! Ringside's own dialect: `/v1/lookup`, `/v1/customers/{id}`, and `/openapi.json`, which describes them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use smallvec::SmallVec;

use super::answer::Answer;
use super::batch::Batch;
use super::call::{Call, Reply, TEXT};
use super::fields::Fields;
use super::list::{Lists, Settings as SearchSettings};
use super::lookup::{Heard, Request, Source};
use super::meters::Outcome;
use super::openapi;
use super::parameters::{Parameters, Written};
use super::posted;
use super::refusal::{RETRY_AFTER_S, Refusal};
use super::tap::Tap;
use crate::number::{Key, Region};
use crate::overlay::Superseded;
use crate::telemetry::Lines;

/// Where customers are listed.
const LIST: &str = "/v1/customers";
const LIST_SLASH: &str = "/v1/customers/";
const GET: &str = "GET, HEAD";
const GET_POST: &str = "GET, HEAD, POST";
/// Numbers of a batch whose customers are fetched from memory at once: what a core can wait for at the same time.
pub(super) const GROUP: usize = 16;
/// What no customer's number is; an unreadable request gets its answer where an error would be shown as a name.
const UNREADABLE: &str = "?";

/// The native dialect for one source.
#[derive(Debug, Clone)]
pub struct Native {
    source: Source,
    pub(super) batch_max: usize,
    lists: Lists,
    /// Strangers can cause as many of these lines as they like.
    refusals: Arc<Lines>,
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Begun<'a> {
    /// It is answered.
    Done(Reply),
    /// It asks for several numbers, none of which has been looked up yet, or not all of them.
    Batch(Box<Batch<'a>>),
}

/// What a path names.
enum Place<'a> {
    /// A lookup, perhaps of the number in the path.
    Lookup(Option<&'a str>),
    /// The customer with this id.
    Customer(&'a str),
    /// The customers that a query is about.
    List,
    /// The description of the dialect.
    Description,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Flat,
    Text,
    Pairs,
}

impl Format {
    const NAMES: [(&'static str, Format); 4] = [
        ("json", Format::Json),
        ("flat", Format::Flat),
        ("text", Format::Text),
        ("kv", Format::Pairs),
    ];

    /// The format that `parameters` name.
    fn of(parameters: &Parameters<'_>) -> Result<Format, Refusal> {
        chosen(
            "format",
            "json, flat, text or kv",
            parameters.format.as_deref(),
            &Format::NAMES,
        )
    }

    /// Whether whoever reads it takes every body for an answer, whatever the status.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Format::Text | Format::Pairs)
    }

    pub(super) fn reply(self, status: u16) -> Reply {
        let reply = Reply::json(status);
        match self {
            Format::Json | Format::Flat => reply,
            Format::Text | Format::Pairs => Reply {
                content_type: TEXT,
                ..reply
            },
        }
    }
}

impl Native {
    /// The paths that it answers, for people.
    pub const PATHS: &'static str = "/v1/lookup?ani=, /v1/lookup/{ani}, /v1/customers/{id}, /v1/customers?search=, POST /v1/changes, /openapi.json";

    /// The dialect over `source`; one request asks for `batch_max` numbers at the most.
    pub fn new(source: Source, batch_max: usize) -> Native {
        Native {
            source,
            batch_max,
            lists: Lists::new(SearchSettings::BUILTIN),
            refusals: Arc::default(),
        }
    }

    /// The same dialect, whose searches do as much as `settings` say.
    #[must_use]
    pub fn searching(self, settings: SearchSettings) -> Native {
        Native {
            lists: Lists::new(settings),
            ..self
        }
    }

    /// Its lists of customers: longer work than a lookup.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Where its lookups come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The same dialect, whose lookups are noted in `tap`.
    pub(super) fn tapped(&self, tap: &Arc<Tap>) -> Native {
        let source = Source {
            tap: Some(Arc::clone(tap)),
            ..self.source.clone()
        };
        Native {
            source,
            ..self.clone()
        }
    }

    /// Answers `call` into `out`, which is empty; `None` where the path is not one of this dialect.
    pub fn answer(&self, call: &Call<'_>, out: &mut BytesMut) -> Option<Reply> {
        let mut begun = self.begin(call, out)?;
        loop {
            match begun {
                Begun::Done(reply) => return Some(reply),
                Begun::Batch(batch) => begun = batch.resume(out),
            }
        }
    }

    /// Answers the lookup `call`, whose sender may not ask, as a miss, where that sender takes every body for a name;
    /// `None` where it reads statuses, and for other paths.
    pub fn disabled(&self, call: &Call<'_>, out: &mut BytesMut) -> Option<Reply> {
        let Some(Place::Lookup(_)) = place(call) else {
            return None;
        };
        let mut parameters = Parameters::default();
        let _unreadable = posted::read(call, &mut parameters);
        parameters.read_form(call.query);
        let asked = parameters.format.as_deref()?;
        let mut plain = Format::NAMES.into_iter().filter(|(_, format)| format.is_plain());
        let (_, format) = plain.find(|(name, _)| asked.eq_ignore_ascii_case(name))?;
        self.source.disable(|answer| {
            out.clear();
            match format {
                Format::Text => answer.write_name(out),
                _ => answer.write_pairs(&Fields::all(), out),
            }
            Ok(())
        });
        Some(format.reply(200))
    }

    /// Begins to answer `call` into `out`, which is empty; `None` where the path is not one of this dialect. A batch is
    /// answered in slices, so that others may be answered in between.
    pub fn begin<'a>(&'a self, call: &Call<'a>, out: &mut BytesMut) -> Option<Begun<'a>> {
        let begun = match place(call)? {
            Place::Lookup(in_path) => self.lookup(call, in_path, out),
            Place::Customer(id) => self.customer(call, id, out).map(Begun::Done),
            Place::List => self.list(call, out).map(Begun::Done),
            Place::Description => describe(call, out).map(Begun::Done),
        };
        Some(begun.unwrap_or_else(|refusal| Begun::Done(refused(&refusal, out))))
    }

    /// Whether the body of `call` is part of its question: `call` itself holds none yet.
    pub fn reads_body(&self, call: &Call<'_>) -> bool {
        call.method == "POST" && matches!(place(call), Some(Place::Lookup(None)))
    }

    /// Writes `refusal` of `call` to `out`, which is empty, in the shape that its caller reads: whoever takes every body
    /// for an answer is given a miss.
    pub fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        let Some(Place::Lookup(in_path)) = place(call) else {
            return refused(refusal, out);
        };
        let parameters = Parameters::of(in_path, call.query);
        match Format::of(&parameters) {
            Ok(format) if format.is_plain() => self.refuse_plainly(&parameters, format, refusal, out),
            _ => refused(refusal, out),
        }
    }

    /// Answers a `call` that there is no time for, into `out`, which is empty; nobody is looked up. To a lookup that is a
    /// miss of the usual shape.
    pub fn overloaded(&self, call: &Call<'_>, out: &mut BytesMut) -> Reply {
        let Some(Place::Lookup(in_path)) = place(call) else {
            return refused(&Refusal::Overload, out);
        };
        let parameters = Parameters::of(in_path, call.query);
        let format = Format::of(&parameters).unwrap_or(Format::Json);
        let ani = parameters.ani.as_ref().map_or("", Written::as_str);
        let fields = self.fields(&parameters).unwrap_or_else(|_| Fields::all());
        self.source
            .overloaded(&request_of(&parameters, ani), written(format, &fields, out));
        Reply {
            retry_after_s: Some(RETRY_AFTER_S),
            ..format.reply(if format.is_plain() { 200 } else { 503 })
        }
    }

    fn lookup<'a>(
        &'a self,
        call: &Call<'a>,
        in_path: Option<&'a str>,
        out: &mut BytesMut,
    ) -> Result<Begun<'a>, Refusal> {
        let mut parameters = Parameters {
            ani: in_path.map(Written::decoded),
            ..Parameters::default()
        };
        let posted = match (call.is_get(), call.method == "POST" && in_path.is_none()) {
            (true, _) => Ok(None),
            (false, true) => posted::read(call, &mut parameters),
            (false, false) => Err(Refusal::Method {
                allow: if in_path.is_some() { GET } else { GET_POST },
            }),
        };
        parameters.read_form(call.query);
        let diverted = parameters.diversion.as_ref().map(Written::as_str);
        if diverted.is_none_or(str::is_empty) {
            parameters.diversion = call.diversion.map(|header| Written::Text(Cow::Borrowed(header)));
        }
        let format = Format::of(&parameters);
        let answered = posted.and_then(|batch| match batch {
            Some(anis) => Batch::new(self, parameters.clone(), anis, format.clone()?)
                .map(|batch| Begun::Batch(Box::new(batch))),
            None => self.one(&parameters, format.clone()?, out).map(Begun::Done),
        });
        match (answered, format) {
            (Err(refusal), Ok(format)) if format.is_plain() => Ok(Begun::Done(self.refuse_plainly(
                &parameters,
                format,
                &refusal,
                out,
            ))),
            (answered, _) => answered,
        }
    }

    /// Answers as a miss what is refused.
    fn refuse_plainly(
        &self,
        parameters: &Parameters<'_>,
        format: Format,
        refusal: &Refusal,
        out: &mut BytesMut,
    ) -> Reply {
        // Nobody sees it in the answer.
        if self.refusals.may() {
            tracing::warn!(
                code = refusal.code(),
                field = refusal.field(),
                "refused, and answered as a miss"
            );
        }
        out.clear();
        self.write(&request_of(parameters, UNREADABLE), format, &Fields::all(), out);
        format.reply(200)
    }

    fn one(&self, parameters: &Parameters<'_>, format: Format, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let ani = parameters.ani.as_ref().ok_or(Refusal::Missing("ani"))?;
        let on_miss = chosen(
            "onmiss",
            "200 or 404",
            parameters.onmiss.as_deref(),
            &[("200", 200), ("404", 404)],
        )?;
        check_region(parameters)?;
        let fields = self.fields(parameters)?;
        let outcome = self.write(&request_of(parameters, ani.as_str()), format, &fields, out);
        Ok(format.reply(if outcome.is_found() { 200 } else { on_miss }))
    }

    /// Answers `request` behind what `out` holds already.
    pub(super) fn write(
        &self,
        request: &Request<'_>,
        format: Format,
        fields: &Fields<'_>,
        out: &mut BytesMut,
    ) -> Outcome {
        self.source.look_up(request, written(format, fields, out))
    }

    /// Answers `requests` behind what `out` holds already, joined by commas; `out` ends in one where there were answers
    /// before. What they read is fetched for all of them at once, so that they wait for memory together.
    pub(super) fn write_group<'r>(
        &self,
        requests: impl Iterator<Item = Request<'r>>,
        format: Format,
        fields: &Fields<'_>,
        out: &mut BytesMut,
    ) {
        let group: SmallVec<[(Request<'r>, Heard<'r>); GROUP]> = requests
            .map(|request| (request, self.source.hear(&request)))
            .collect();
        let keys: SmallVec<[u64; GROUP]> = group
            .iter()
            .filter_map(|(_, heard)| heard.reading.key())
            .map(Key::raw)
            .collect();
        self.source.tenant.index.fetch(&keys);
        let mut separator: &[u8] = b"";
        for (request, heard) in &group {
            out.extend_from_slice(separator);
            separator = b",";
            self.source
                .answer(request, heard, Instant::now(), written(format, fields, out));
        }
    }

    /// The parts that were asked for, checked under the present schema.
    pub(super) fn fields<'p>(&self, parameters: &'p Parameters<'_>) -> Result<Fields<'p>, Refusal> {
        match parameters.fields.as_deref() {
            None => Ok(Fields::all()),
            Some(list) => Fields::parse(list, &self.source.tenant.index.schema()),
        }
    }

    fn list(&self, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: GET });
        }
        self.lists.write(&self.source, call.query, out)
    }

    fn customer(&self, call: &Call<'_>, id: &str, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: GET });
        }
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        if self.source.write_customer(&id, false, out) {
            Ok(Reply::json(200))
        } else {
            Err(Refusal::NoSuchCustomer)
        }
    }
}

/// Which part of the dialect answers `call`; `None` where none does.
fn place<'a>(call: &Call<'a>) -> Option<Place<'a>> {
    match call.trimmed_path() {
        "/v1/lookup" | "/v1/lookup/" => Some(Place::Lookup(None)),
        LIST | LIST_SLASH => Some(Place::List),
        "/openapi.json" => Some(Place::Description),
        path => segment(path, "/v1/lookup/")
            .map(|ani| Place::Lookup(Some(ani)))
            .or_else(|| segment(path, "/v1/customers/").map(Place::Customer)),
    }
}

fn describe(call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: GET });
    }
    openapi::write(out);
    Ok(Reply::json(200))
}

fn refused(refusal: &Refusal, out: &mut BytesMut) -> Reply {
    out.clear();
    tracing::debug!(code = refusal.code(), field = refusal.field(), "refused");
    refusal.write(out)
}

/// Writes answers behind what `out` holds now, each in the place of the one before.
fn written(
    format: Format,
    fields: &Fields<'_>,
    out: &mut BytesMut,
) -> impl FnMut(&Answer<'_, '_>) -> Result<(), Superseded> {
    let begin = out.len();
    move |answer| {
        out.truncate(begin);
        match format {
            Format::Json => answer.write_json(fields, out)?,
            Format::Flat => answer.write_flat(fields, out),
            Format::Text => answer.write_name(out),
            Format::Pairs => answer.write_pairs(fields, out),
        }
        Ok(())
    }
}

/// What stands behind `prefix`, where that is one segment of a path.
fn segment<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)
        .filter(|rest| !rest.is_empty() && !rest.contains('/'))
}

pub(super) fn request_of<'a>(parameters: &'a Parameters<'_>, ani: &'a str) -> Request<'a> {
    Request {
        ani,
        dnis: parameters.dnis.as_ref().map(Written::as_str),
        call_id: parameters.call_id.as_deref(),
        verstat: parameters.verstat.as_deref(),
        diversion: parameters.diversion.as_ref().map(Written::as_str),
        region: parameters.region.as_deref(),
    }
}

pub(super) fn check_region(parameters: &Parameters<'_>) -> Result<(), Refusal> {
    match parameters.region.as_deref().filter(|region| !region.is_empty()) {
        Some(region) if region.parse::<Region>().is_err() => Err(Refusal::unknown(
            "region",
            "two letters such as US or GB, or ZZ for none",
            region,
            [],
        )),
        _ => Ok(()),
    }
}

/// The value that `found` names; the first one where it names none.
fn chosen<T: Copy>(
    field: &'static str,
    expected: &'static str,
    found: Option<&str>,
    known: &[(&'static str, T)],
) -> Result<T, Refusal> {
    let found = found.filter(|found| !found.is_empty());
    known
        .iter()
        .find(|(name, _)| found.is_none_or(|found| found.eq_ignore_ascii_case(name)))
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            Refusal::unknown(
                field,
                expected,
                found.unwrap_or_default(),
                known.iter().map(|(name, _)| *name),
            )
        })
}
