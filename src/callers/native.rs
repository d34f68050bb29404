//! Ringside's own dialect: `/v1/lookup` and `/v1/customers/{id}`.

use std::borrow::Cow;
use std::time::Instant;

use bytes::BytesMut;

use super::call::{Call, Reply, TEXT};
use super::customer;
use super::fields::{Customer, Fields};
use super::json;
use super::lookup::{Request, Source};
use super::meters::Outcome;
use super::parameters::{Parameters, Written};
use super::posted;
use super::refusal::Refusal;
use crate::number::Region;

const GET: &str = "GET, HEAD";
const GET_POST: &str = "GET, HEAD, POST";
/// What no customer's number is; an unreadable request gets its answer where an error would be shown as a name.
const UNREADABLE: &str = "?";

/// The native dialect for one source.
#[derive(Debug, Clone)]
pub struct Native {
    source: Source,
    batch_max: usize,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
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

    /// Whether whoever reads it takes every body for an answer, whatever the status.
    fn is_plain(self) -> bool {
        matches!(self, Format::Text | Format::Pairs)
    }

    fn reply(self, status: u16) -> Reply {
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
    pub const PATHS: &'static str = "/v1/lookup?ani=, /v1/lookup/{ani}, /v1/customers/{id}";

    /// The dialect over `source`; one request asks for `batch_max` numbers at the most.
    pub fn new(source: Source, batch_max: usize) -> Native {
        Native { source, batch_max }
    }

    /// Answers `call` into `out`, which is empty; `None` where the path is not one of this dialect.
    pub fn answer(&self, call: &Call<'_>, out: &mut BytesMut) -> Option<Reply> {
        let reply = match call.trimmed_path() {
            "/v1/lookup" | "/v1/lookup/" => self.lookup(call, None, out),
            path => {
                if let Some(ani) = segment(path, "/v1/lookup/") {
                    self.lookup(call, Some(ani), out)
                } else if let Some(id) = segment(path, "/v1/customers/") {
                    self.customer(call, id, out)
                } else {
                    return None;
                }
            }
        };
        Some(reply.unwrap_or_else(|refusal| {
            out.clear();
            tracing::debug!(code = refusal.code(), field = refusal.field(), "refused");
            refusal.write(out)
        }))
    }

    /// Answers the lookup `call`, whose sender may not ask, as a miss, where that sender takes every body for a name;
    /// `None` where it reads statuses, and for other paths.
    pub fn disabled(&self, call: &Call<'_>, out: &mut BytesMut) -> Option<Reply> {
        let path = call.trimmed_path();
        if !matches!(path, "/v1/lookup" | "/v1/lookup/") && segment(path, "/v1/lookup/").is_none() {
            return None;
        }
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

    fn lookup(&self, call: &Call<'_>, in_path: Option<&str>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let mut parameters = Parameters {
            ani: in_path.map(Written::decoded),
            ..Parameters::default()
        };
        let posted = match (call.is_get(), call.method == "POST" && in_path.is_none()) {
            (true, _) => Ok(None),
            (false, true) => posted::read(call, &mut parameters),
            (false, false) => {
                return Err(Refusal::Method {
                    allow: if in_path.is_some() { GET } else { GET_POST },
                });
            }
        };
        parameters.read_form(call.query);
        let diverted = parameters.diversion.as_ref().map(Written::as_str);
        if diverted.is_none_or(str::is_empty) {
            parameters.diversion = call.diversion.map(|header| Written::Text(Cow::Borrowed(header)));
        }
        let format = chosen(
            "format",
            "json, flat, text or kv",
            parameters.format.as_deref(),
            &Format::NAMES,
        );
        let answered = posted.and_then(|batch| match batch {
            Some(batch) => self.batch(&parameters, &batch, format.clone()?, out),
            None => self.one(&parameters, format.clone()?, out),
        });
        match (answered, format) {
            (Err(refusal), Ok(format)) if format.is_plain() => {
                // Nobody sees it in the answer.
                tracing::warn!(
                    code = refusal.code(),
                    field = refusal.field(),
                    "refused, and answered as a miss"
                );
                out.clear();
                self.write(&request_of(&parameters, UNREADABLE), format, &Fields::all(), out);
                Ok(format.reply(200))
            }
            (answered, _) => answered,
        }
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
        let outcome = self.with_fields(parameters, |fields| {
            self.write(&request_of(parameters, ani.as_str()), format, fields, out)
        })?;
        Ok(format.reply(if outcome.is_found() { 200 } else { on_miss }))
    }

    fn batch(
        &self,
        parameters: &Parameters<'_>,
        anis: &[String],
        format: Format,
        out: &mut BytesMut,
    ) -> Result<Reply, Refusal> {
        if format.is_plain() {
            return Err(Refusal::Value {
                field: "format",
                expected: "json or flat where `anis` has several numbers",
                found: parameters.format.as_deref().unwrap_or_default().to_owned(),
                hint: String::new(),
            });
        }
        if anis.len() > self.batch_max {
            return Err(Refusal::TooMany {
                most: self.batch_max,
                found: anis.len(),
            });
        }
        check_region(parameters)?;
        self.with_fields(parameters, |fields| {
            out.extend_from_slice(b"{\"results\":[");
            for (nth, ani) in anis.iter().enumerate() {
                if nth > 0 {
                    out.extend_from_slice(b",");
                }
                self.write(&request_of(parameters, ani), format, fields, out);
            }
            out.extend_from_slice(b"]}");
        })?;
        Ok(format.reply(200))
    }

    /// Answers `request` behind what `out` holds already.
    fn write(
        &self,
        request: &Request<'_>,
        format: Format,
        fields: &Fields<'_>,
        out: &mut BytesMut,
    ) -> Outcome {
        let begin = out.len();
        self.source.look_up(request, |answer| {
            out.truncate(begin);
            match format {
                Format::Json => answer.write_json(fields, out)?,
                Format::Flat => answer.write_flat(fields, out),
                Format::Text => answer.write_name(out),
                Format::Pairs => answer.write_pairs(fields, out),
            }
            Ok(())
        })
    }

    /// Calls `write` with the parts that were asked for; those are checked under the present schema.
    fn with_fields<R>(
        &self,
        parameters: &Parameters<'_>,
        write: impl FnOnce(&Fields<'_>) -> R,
    ) -> Result<R, Refusal> {
        match parameters.fields.as_deref() {
            None => Ok(write(&Fields::all())),
            Some(list) => {
                let schema = self.source.tenant.index.schema();
                Ok(write(&Fields::parse(list, &schema)?))
            }
        }
    }

    fn customer(&self, call: &Call<'_>, id: &str, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: GET });
        }
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        let tenant = &self.source.tenant;
        let freshness = tenant.freshness.now(Instant::now());
        let is_found = tenant.index.read(|view| {
            out.clear();
            let Some(record) = view.customer(&id)? else {
                return Ok(false);
            };
            out.extend_from_slice(b"{\"customer\":");
            customer::write(&record, view.schema(), &Customer::Whole, out);
            out.extend_from_slice(b",\"not_owned\":");
            customer::write_not_owned(view, &record, None, out)?;
            out.extend_from_slice(b",\"generation\":");
            json::integer(out, view.generation());
            out.extend_from_slice(b",\"position\":");
            match &freshness.position {
                Some(position) => json::string(out, position),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"age_ms\":");
            match freshness.age_ms {
                Some(age) => json::integer(out, age),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"stale\":");
            json::boolean(out, freshness.stale);
            out.extend_from_slice(b",\"connected\":");
            json::boolean(out, freshness.connected);
            out.extend_from_slice(b"}");
            Ok(true)
        });
        if !is_found {
            return Err(Refusal::NoSuchCustomer);
        }
        Ok(Reply::json(200))
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
