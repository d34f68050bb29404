//! What a list is asked for, read from a query string.

use std::borrow::Cow;

use crate::callers::list::Settings;
use crate::callers::parameters::{Form, decoded, kept_plus};
use crate::callers::refusal::Refusal;
use crate::customer::Schema;
use crate::customer::record::Field;
use crate::customer::words::fold;
use crate::index::{By, MOST_WANTED, Order, Wanted};
use crate::number::Numbering;

/// The longest search, in characters.
const MOST_TEXT: usize = 200;
/// The most filters.
const MOST_FILTERS: usize = 8;
/// Customers of a page, where nothing is said of it and as many may be.
const PAGE_SIZE: usize = 20;
/// The least digits of a number: fewer are an extension, or a part of a name.
const LEAST_DIGITS: usize = 2;

const SORTS: &str = "name, created_at, updated_at or the key of an attribute that is not sensitive; `-` ahead of it for the greatest first";
const FILTERS: &str = "KEY:value with the key of an attribute that is not sensitive, flag:do_not_call or flag:do_not_sms, 8 of them at the most";

/// A flag that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flagged {
    DoNotCall,
    DoNotSms,
}

/// What is ordered by; an attribute by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sort {
    Name,
    CreatedAt,
    UpdatedAt,
    Attribute(String),
}

/// What a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The search as written.
    pub(super) text: String,
    /// What it is as a number.
    pub(super) key: Option<u64>,
    /// What it is as words.
    pub(super) wanted: Vec<Wanted>,
    /// A label that a customer has to have, folded.
    pub(super) label: Option<String>,
    /// Flags that it has to have.
    pub(super) flags: Vec<Flagged>,
    /// Attributes that it has to have, by their keys, folded.
    pub(super) attributes: Vec<(String, String)>,
    sort: Sort,
    descending: bool,
    /// Which page, from 1.
    pub(super) page: usize,
    /// Customers of a page, 1–100.
    pub(super) page_size: usize,
}

impl Question {
    /// Reads `query`; attributes are those of `schema`, numbers as `numbering` reads them. Parameters that nobody knows are
    /// ignored.
    pub(super) fn read(
        query: &str,
        settings: &Settings,
        schema: &Schema,
        numbering: &Numbering,
    ) -> Result<Question, Refusal> {
        let form = Form(query);
        let text = kept_plus(form.get("search").unwrap_or_default())
            .trim()
            .to_owned();
        if text.chars().count() > MOST_TEXT {
            let expected = "at most 200 characters";
            return Err(refused("search", expected, &text));
        }
        let mut question = Question {
            key: number(&text, numbering),
            text,
            wanted: Vec::new(),
            label: None,
            flags: Vec::new(),
            attributes: Vec::new(),
            sort: Sort::Name,
            descending: false,
            page: 1,
            page_size: PAGE_SIZE.min(settings.page_max),
        };
        question.read_words(schema)?;
        let label = form.get("label").map(decoded).filter(|label| !label.is_empty());
        question.label = label.map(|label| folded(&label));
        for (name, raw) in form.pairs() {
            if name == "filter" && !raw.is_empty() {
                question.filter(&decoded(raw), schema)?;
            }
        }
        let sort = form.get("sort").map(decoded).filter(|sort| !sort.is_empty());
        let usual = if question.text.is_empty() {
            "-created_at"
        } else {
            "name"
        };
        question.sort(&sort.unwrap_or(Cow::Borrowed(usual)), schema)?;
        if let Some(size) = form.get("page_size").filter(|size| !size.is_empty()) {
            let expected =
                "a whole number from 1 to `search.page_max` of the configuration, which is 100 at the most";
            question.page_size = whole(size, settings.page_max)
                .ok_or_else(|| refused("page_size", expected, &decoded(size)))?;
        }
        if let Some(page) = form.get("page").filter(|page| !page.is_empty()) {
            let expected = "a page, from 1, of the first `search.scan_max` customers of the configuration; narrow the search";
            let most = settings.scan_max / question.page_size;
            question.page =
                whole(page, most.max(1)).ok_or_else(|| refused("page", expected, &decoded(page)))?;
        }
        Ok(question)
    }

    /// In what order.
    pub(super) fn order(&self) -> Order<'_> {
        Order {
            by: match &self.sort {
                Sort::Name => By::Name,
                Sort::CreatedAt => By::CreatedAt,
                Sort::UpdatedAt => By::UpdatedAt,
                Sort::Attribute(key) => By::Attribute(key),
            },
            descending: self.descending,
        }
    }

    /// Whether words are not all.
    pub(super) fn has_filter(&self) -> bool {
        self.label.is_some() || !self.flags.is_empty() || !self.attributes.is_empty()
    }

    fn read_words(&mut self, schema: &Schema) -> Result<(), Refusal> {
        const FIELDS: [(&str, Field); 4] = [
            ("name", Field::Name),
            ("first_name", Field::FirstName),
            ("last_name", Field::LastName),
            ("company", Field::Company),
        ];
        for term in self.text.split_whitespace() {
            let (column, rest) = term.split_once(':').unwrap_or(("", term));
            let field = FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
            if let Some((_, field)) = field {
                self.wanted.extend(Wanted::of(rest, Some(*field)));
            } else if is_open(schema, column) && !rest.is_empty() {
                self.attributes.push((column.to_owned(), folded(rest)));
            } else {
                self.wanted.extend(Wanted::of(term, None));
            }
        }
        if self.wanted.len() > MOST_WANTED || self.attributes.len() > MOST_FILTERS {
            return Err(refused("search", "at most 16 words and 8 attributes", &self.text));
        }
        Ok(())
    }

    fn filter(&mut self, text: &str, schema: &Schema) -> Result<(), Refusal> {
        let refuse = || {
            let known = schema.attributes.iter().filter(|attribute| !attribute.sensitive);
            let known = known.map(|attribute| attribute.key.as_str()).chain(["flag"]);
            // What it is compared with is nobody's business in a log.
            let key = text.split_once(':').map_or(text, |(key, _)| key);
            Refusal::unknown("filter", FILTERS, key, known)
        };
        let (key, value) = text.split_once(':').ok_or_else(refuse)?;
        if self.attributes.len() + self.flags.len() >= MOST_FILTERS {
            return Err(refuse());
        }
        match (key, value) {
            ("flag", "do_not_call") => self.flags.push(Flagged::DoNotCall),
            ("flag", "do_not_sms") => self.flags.push(Flagged::DoNotSms),
            ("flag", _) => return Err(refuse()),
            _ if is_open(schema, key) => self.attributes.push((key.to_owned(), folded(value))),
            _ => return Err(refuse()),
        }
        Ok(())
    }

    fn sort(&mut self, text: &str, schema: &Schema) -> Result<(), Refusal> {
        let key = text.strip_prefix('-').unwrap_or(text);
        self.descending = key.len() < text.len();
        self.sort = match key {
            "name" => Sort::Name,
            "created_at" => Sort::CreatedAt,
            "updated_at" => Sort::UpdatedAt,
            _ if is_open(schema, key) => Sort::Attribute(key.to_owned()),
            _ => {
                let known = schema.attributes.iter().filter(|attribute| !attribute.sensitive);
                let known = known.map(|attribute| attribute.key.as_str());
                let known = known.chain(["name", "created_at", "updated_at"]);
                return Err(Refusal::unknown("sort", SORTS, key, known));
            }
        };
        Ok(())
    }
}

/// Whether `schema` has the attribute `key`, and anybody may know of it.
fn is_open(schema: &Schema, key: &str) -> bool {
    let mut attributes = schema.attributes.iter();
    attributes.any(|attribute| attribute.key == key && !attribute.sensitive)
}

/// The key of the number that `text` is, where it is one and nothing else.
fn number(text: &str, numbering: &Numbering) -> Option<u64> {
    let is_address = ["tel:", "sip:", "sips:"].iter().any(|scheme| {
        let begin = text.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    });
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    if !is_address && (digits < LEAST_DIGITS || text.chars().any(char::is_alphabetic)) {
        return None;
    }
    Some(numbering.read_text(text, None).key()?.raw())
}

fn folded(text: &str) -> String {
    let mut folded = String::new();
    fold(text, &mut folded);
    folded
}

/// A whole number from 1 to `most`.
fn whole(text: &str, most: usize) -> Option<usize> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

/// The refusal of the value of `field`; of the search itself nothing is repeated, since it is somebody's name.
fn refused(field: &'static str, expected: &'static str, found: &str) -> Refusal {
    const MOST: usize = 40;
    Refusal::Value {
        field,
        expected,
        found: if field == "search" {
            format!("{} characters", found.chars().count())
        } else {
            found.chars().take(MOST).collect()
        },
        hint: String::new(),
    }
}
