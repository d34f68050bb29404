//! Customers by name, number, label or attribute, a page at a time: `/v1/customers?search=…`.
//!
//! A search is longer than a lookup, and bounded: [`Settings`] say by how much. It takes up to its whole budget on the
//! thread that it runs on, so that whoever has sockets runs it on one that answers no lookups, after [`Lists::begin`].

mod question;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use serde::Deserialize;

use self::question::{Flagged, Question};
pub use self::turn::Turn;
use self::turn::Turns;
use super::call::Reply;
use super::json;
use super::lookup::Source;
use super::refusal::Refusal;
use crate::customer::record::Field;
use crate::customer::words::{fold, text};
use crate::customer::{Record, attributes};
use crate::index::{Listed, Search, View};
use crate::overlay::Superseded;

/// Views that a search begins anew with, ahead of leaving out whoever changes while it looks.
const VIEWS: usize = 3;

/// How much a search may do: `[search]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most customers of one page, 1–100.
    pub page_max: usize,
    /// The most records that one search looks at, 100–1 000 000.
    pub scan_max: usize,
    /// Time that one search takes, in milliseconds, 5–10 000.
    pub budget_ms: u64,
    /// The most searches at once, 1–256; for more there is no time.
    pub at_once_max: usize,
}

impl Settings {
    /// For users of the library and tests. The service takes its settings from its default configuration file instead.
    pub const BUILTIN: Settings = Settings {
        page_max: 100,
        scan_max: 20_000,
        budget_ms: 100,
        at_once_max: 4,
    };
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::BUILTIN
    }
}

/// The lists of one source.
#[derive(Debug, Clone)]
pub struct Lists {
    settings: Settings,
    turns: Arc<Turns>,
}

impl Lists {
    /// Lists within `settings`.
    pub fn new(settings: Settings) -> Lists {
        Lists {
            settings,
            turns: Turns::new(settings.at_once_max),
        }
    }

    /// Takes a turn, to be held while a search runs.
    ///
    /// # Errors
    /// As many run as may: there is no time for more.
    pub fn begin(&self) -> Result<Turn, Refusal> {
        self.turns.take().ok_or(Refusal::Overload)
    }

    /// Writes what `query`, a query string that is not decoded, asks of `source`'s customers to `out`, which is empty.
    /// Takes up to the settings' time.
    ///
    /// # Errors
    /// A parameter that cannot be read, by its name.
    pub fn write(&self, source: &Source, query: &str, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let begun = Instant::now();
        let index = &source.tenant.index;
        let question = Question::read(query, &self.settings, &index.schema(), &source.numbering)?;
        let deadline = begun + Duration::from_millis(self.settings.budget_ms);
        let mut views = 0;
        let total = index.read(|view| {
            views += 1;
            out.clear();
            let leave_out = views > VIEWS;
            let listed = self.listed(source, view, &question, deadline, leave_out)?;
            write(view, &question, &listed, out);
            Ok(listed.total)
        });
        tracing::debug!(
            words = question.wanted.len(),
            is_number = question.key.is_some(),
            total,
            micros = begun.elapsed().as_micros(),
            "search"
        );
        Ok(Reply::json(200))
    }

    fn listed<'v>(
        &self,
        source: &Source,
        view: &'v View<'_>,
        question: &Question,
        deadline: Instant,
        leave_out: bool,
    ) -> Result<Listed<'v>, Superseded> {
        let fits = |record: &Record<'_>| has(view, record, question);
        let mut search = Search {
            wanted: &question.wanted,
            filter: question.has_filter().then_some(&fits),
            order: question.order(),
            first: question.page.saturating_mul(question.page_size),
            records_max: self.settings.scan_max,
            deadline,
            leave_out,
        };
        if let Some(key) = question.key {
            let user = source.numbering.read_text(&question.text, None);
            let user = user.sip_user();
            // The key of a SIP user is a hash, so the user itself has the last word.
            let lists =
                |record: &Record<'_>| fits(record) && user.is_none_or(|user| source.lists(record, user));
            search.filter = Some(&lists);
            let found = view.search_number(key, &search)?;
            if found.total > 0 {
                return Ok(found);
            }
            search.filter = question.has_filter().then_some(&fits);
            return view.search(&search);
        }
        view.search(&search)
    }
}

/// Whether `record`'s customer has what `question` demands beside words.
fn has(view: &View<'_>, record: &Record<'_>, question: &Question) -> bool {
    let schema = view.schema();
    let is_said = |key: &str, wanted: &str| {
        // Who made an attribute sensitive since the question was read is heard as well.
        let open = schema
            .attributes
            .iter()
            .any(|known| known.key == key && !known.sensitive);
        open && attributes::value(record, schema, key).is_some_and(|token| folded(token) == wanted)
    };
    question
        .label
        .as_deref()
        .is_none_or(|label| has_label(record, label))
        && question.flags.iter().all(|flag| has_flag(record, *flag))
        && question.attributes.iter().all(|(key, value)| is_said(key, value))
}

/// What the token of a JSON value says, folded.
fn folded(token: &[u8]) -> String {
    let mut folded = String::new();
    match text(token) {
        Some(text) => fold(&text, &mut folded),
        None => folded.push_str(&String::from_utf8_lossy(token)),
    }
    folded
}

fn has_label(record: &Record<'_>, wanted: &str) -> bool {
    #[derive(Deserialize)]
    struct Label<'a> {
        #[serde(borrow)]
        name: std::borrow::Cow<'a, str>,
    }
    let labels = record.field(Field::Labels);
    let labels: Vec<Label<'_>> = labels
        .and_then(|json| serde_json::from_slice(json).ok())
        .unwrap_or_default();
    labels.iter().any(|label| {
        let mut name = String::new();
        fold(&label.name, &mut name);
        name == wanted
    })
}

fn has_flag(record: &Record<'_>, flag: Flagged) -> bool {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Flags {
        do_not_call: bool,
        do_not_sms: bool,
    }
    let flags = record.field(Field::Flags);
    let flags: Flags = flags
        .and_then(|json| serde_json::from_slice(json).ok())
        .unwrap_or_default();
    match flag {
        Flagged::DoNotCall => flags.do_not_call,
        Flagged::DoNotSms => flags.do_not_sms,
    }
}

fn write(view: &View<'_>, question: &Question, listed: &Listed<'_>, out: &mut BytesMut) {
    let number = |out: &mut BytesMut, key: &str, value: u64| {
        out.extend_from_slice(key.as_bytes());
        json::integer(out, value);
    };
    let (page, size) = (question.page as u64, question.page_size as u64);
    number(out, "{\"total\":", listed.total);
    out.extend_from_slice(b",\"total_is_exact\":");
    json::boolean(out, listed.is_exact);
    number(out, ",\"page\":", page);
    number(out, ",\"pages\":", listed.total.div_ceil(size));
    number(out, ",\"page_size\":", size);
    out.extend_from_slice(b",\"indexed\":");
    json::boolean(out, view.has_names());
    out.extend_from_slice(b",\"customers\":");
    let ahead = (question.page - 1).saturating_mul(question.page_size);
    json::array(out, listed.records.iter().skip(ahead), |out, record| {
        customer(record, out);
    });
    number(out, ",\"generation\":", view.generation());
    out.extend_from_slice(b"}");
}

/// Writes what a list says of `record`'s customer: no attribute, for which somebody may have to be asked who may see it.
fn customer(record: &Record<'_>, out: &mut BytesMut) {
    out.extend_from_slice(b"{\"customer_id\":");
    json::string(out, record.id());
    for field in [Field::Name, Field::Company] {
        member(field.key(), record.field(field).unwrap_or(b"null"), out);
    }
    out.extend_from_slice(b",\"phones\":");
    json::array(out, phones(record).iter(), |out, phone| json::string(out, phone));
    member("labels", record.field(Field::Labels).unwrap_or(b"[]"), out);
    for field in [Field::CreatedAt, Field::UpdatedAt] {
        member(field.key(), record.field(field).unwrap_or(b"null"), out);
    }
    member("open_case", record.open_case().unwrap_or(b"null"), out);
    member("pending", b"false", out);
    out.extend_from_slice(b"}");
}

fn member(key: &str, value: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(b",");
    json::string(out, key);
    out.extend_from_slice(b":");
    out.extend_from_slice(value);
}

/// The customer's phones as written.
fn phones(record: &Record<'_>) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Phone {
        Plain(String),
        Described { number: String },
    }
    let phones = record.field(Field::Phones);
    let phones: Vec<Phone> = phones
        .and_then(|json| serde_json::from_slice(json).ok())
        .unwrap_or_default();
    let written = |phone| match phone {
        Phone::Plain(number) | Phone::Described { number } => number,
    };
    phones.into_iter().map(written).collect()
}
