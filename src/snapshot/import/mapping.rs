//! The mapping file: which column of a CSV file is which field, and what the attributes are.
//!
//! Everything may be left out: what the mapping does not name is detected from the headers, and columns that are no
//! field become Text attributes, unless `only = true`. An unknown key is an error that names the nearest known one.
//!
//! ```toml
//! only = false                 # true: nothing but what is named here; other columns and attributes are dropped
//! invalid_phones = "keep"      # keep: shown, not looked up, listed in the rejects · refuse: refuses the row
//! delimiter = ","              # one ASCII character
//! encoding = "utf-8"           # utf-8 · latin1
//!
//! [columns]
//! id = "Provider ID"
//! name = "Hospital Name"       # also first_name, last_name, company, created_at, updated_at, last_agent_id,
//!                              # do_not_call, do_not_sms, and region: the country of the row's phones
//! phones = ["Phone Number", { column = "Mobile", kind = "mobile", region = "GB", shared = true }]
//! labels = { column = "Tags", separator = "|" }
//! case.id = "Ticket"           # also case.number, case.title, case.status, case.priority, case.created_at
//!
//! [[attribute]]                # in the order in which agents see them
//! key = "email"
//! label = "E-mail"
//! type = "email"               # text · phone · email · date · datetime · url · bool
//! column = "Email Address"     # left out: the header that equals the label or the key
//! required = false
//! sensitive = false
//! help = "Read it back to the caller"
//! ```
//!
//! For NDJSON, `only`, `invalid_phones` and `[[attribute]]` apply.

use serde::Deserialize;

use crate::customer::{AttributeDef, AttributeType};
use crate::number::Region;

/// A mapping, as its file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Whether nothing but what is named here is imported.
    pub only: bool,
    /// What becomes of phones that are no valid number.
    pub invalid_phones: InvalidPhones,
    /// The region of phones that say none and have no plus. It is written into the documents, so that whoever reads them
    /// later, by rules of another region, still reads these numbers.
    pub region: Option<Region>,
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// How the file's bytes are read.
    pub encoding: Encoding,
    /// Headers of fields.
    pub columns: ColumnNames,
    /// Attributes, in display order.
    #[serde(rename = "attribute")]
    pub attributes: Vec<AttributeColumn>,
}

/// What becomes of phones that are no valid number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidPhones {
    /// The customer keeps it, nobody finds the customer by it, and the rejects file lists it.
    #[default]
    Keep,
    /// The row is refused.
    Refuse,
}

/// How the file's bytes are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1.
    #[serde(rename = "latin1")]
    Latin1,
}

/// What stands between cells: one ASCII character that is no quotation mark and ends no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Delimiter(u8);

impl Delimiter {
    /// The character.
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl Default for Delimiter {
    fn default() -> Delimiter {
        Delimiter(b',')
    }
}

impl TryFrom<String> for Delimiter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Delimiter, &'static str> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(Delimiter(*byte)),
            _ => Err("delimiter: expected one ASCII character, such as \",\", \";\", \"\\t\" or \"|\""),
        }
    }
}

/// Headers of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each is the header of the document's field of that name"
)]
pub struct ColumnNames {
    pub id: Option<String>,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub last_agent_id: Option<String>,
    pub do_not_call: Option<String>,
    pub do_not_sms: Option<String>,
    /// Region of the row's phones, two letters.
    pub region: Option<String>,
    pub phones: Vec<PhoneColumn>,
    pub labels: Option<LabelsColumn>,
    pub case: Option<CaseColumns>,
}

/// A column of phones: its header, or a table that says more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "NameOr<PhoneTable>")]
pub struct PhoneColumn {
    /// Header.
    pub column: String,
    /// What the phone is called: `mobile`, `work`, `extension` …
    pub kind: Option<String>,
    /// Region whose rules read the number; wins over the row's.
    pub region: Option<String>,
    /// Used by several customers.
    pub shared: bool,
}

/// A column of labels: its header, or a table with the separator too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "NameOr<LabelsTable>")]
pub struct LabelsColumn {
    /// Header.
    pub column: String,
    /// What stands between labels; left out: a comma, a semicolon or a vertical bar.
    pub separator: Option<String>,
}

/// Headers of the fields of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the header of the case's field of that name")]
pub struct CaseColumns {
    /// Left out: the case's number.
    pub id: Option<String>,
    pub number: Option<String>,
    pub title: Option<String>,
    pub status: Option<String>,
    pub priority: Option<String>,
    pub created_at: Option<String>,
}

/// An attribute and the column that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeColumn {
    /// Key in documents.
    pub key: String,
    /// What a person reads; the key where left out.
    #[serde(default)]
    pub label: String,
    /// Type of its values.
    #[serde(rename = "type", default = "text")]
    pub kind: AttributeType,
    /// Header; left out: the one that equals the label or the key.
    #[serde(default)]
    pub column: Option<String>,
    /// Whether a customer without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Kept out of logs, URLs, text answers and outbound webhooks.
    #[serde(default)]
    pub sensitive: bool,
    /// A line of help for the agent.
    #[serde(default)]
    pub help: String,
}

fn text() -> AttributeType {
    AttributeType::Text
}

impl AttributeColumn {
    /// The attribute without its column.
    pub fn definition(&self) -> AttributeDef {
        AttributeDef {
            key: self.key.clone(),
            label: self.label.clone(),
            kind: self.kind,
            required: self.required,
            sensitive: self.sensitive,
            help: self.help.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameOr<T> {
    Name(String),
    Table(T),
}

#[derive(Deserialize)]
struct PhoneTable {
    column: String,
    kind: Option<String>,
    region: Option<String>,
    #[serde(default)]
    shared: bool,
}

#[derive(Deserialize)]
struct LabelsTable {
    column: String,
    separator: Option<String>,
}

impl From<NameOr<PhoneTable>> for PhoneColumn {
    fn from(written: NameOr<PhoneTable>) -> PhoneColumn {
        let table = match written {
            NameOr::Table(table) => table,
            NameOr::Name(column) => PhoneTable {
                column,
                kind: None,
                region: None,
                shared: false,
            },
        };
        PhoneColumn {
            column: table.column,
            kind: table.kind,
            region: table.region,
            shared: table.shared,
        }
    }
}

impl From<NameOr<LabelsTable>> for LabelsColumn {
    fn from(written: NameOr<LabelsTable>) -> LabelsColumn {
        match written {
            NameOr::Table(LabelsTable { column, separator }) => LabelsColumn { column, separator },
            NameOr::Name(column) => LabelsColumn {
                column,
                separator: None,
            },
        }
    }
}

/// Why a text is no mapping.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not TOML, or a value of the wrong kind; the message shows the place.
    #[error("mapping: {0}")]
    Toml(#[from] toml::de::Error),
    /// A key that the mapping does not have.
    #[error("mapping: unknown key `{key}`{}; known here: {known}", nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key, with the tables that it is in.
        key: String,
        /// The known key that resembles it most.
        nearest: Option<&'static str>,
        /// Every known key.
        known: String,
    },
    /// Columns of a case and none that tells cases apart.
    #[error(
        "mapping: columns.case: expected `id` or `number`, found neither; name the column that tells cases apart"
    )]
    CaseWithoutId,
}

impl Mapping {
    /// Reads the text of a mapping file.
    ///
    /// # Errors
    /// The first thing that is not as documented above.
    pub fn parse(text: &str) -> Result<Mapping, MappingError> {
        let table: toml::Table = text.parse()?;
        check_keys(&table)?;
        let mapping: Mapping = toml::from_str(text)?;
        match &mapping.columns.case {
            Some(case) if case.id.is_none() && case.number.is_none() => Err(MappingError::CaseWithoutId),
            _ => Ok(mapping),
        }
    }
}

const TOP: &[&str] = &[
    "only",
    "invalid_phones",
    "region",
    "delimiter",
    "encoding",
    "columns",
    "attribute",
];
const COLUMNS: &[&str] = &[
    "id",
    "name",
    "first_name",
    "last_name",
    "company",
    "phones",
    "labels",
    "created_at",
    "updated_at",
    "last_agent_id",
    "do_not_call",
    "do_not_sms",
    "region",
    "case",
];
const PHONE: &[&str] = &["column", "kind", "region", "shared"];
const LABELS: &[&str] = &["column", "separator"];
const CASE: &[&str] = &["id", "number", "title", "status", "priority", "created_at"];
const ATTRIBUTE: &[&str] = &["key", "label", "type", "column", "required", "sensitive", "help"];

/// Names unknown keys before the types are looked at: a typed reader either knows no nearest name or, where a value
/// may be a text or a table, not even the key.
fn check_keys(mapping: &toml::Table) -> Result<(), MappingError> {
    check("", mapping, TOP)?;
    for attribute in tables(mapping.get("attribute")) {
        check("attribute.", attribute, ATTRIBUTE)?;
    }
    let Some(columns) = mapping.get("columns").and_then(toml::Value::as_table) else {
        return Ok(());
    };
    check("columns.", columns, COLUMNS)?;
    for phone in tables(columns.get("phones")) {
        check("columns.phones.", phone, PHONE)?;
    }
    for (key, known) in [("labels", LABELS), ("case", CASE)] {
        if let Some(table) = columns.get(key).and_then(toml::Value::as_table) {
            check(&format!("columns.{key}."), table, known)?;
        }
    }
    Ok(())
}

fn tables(value: Option<&toml::Value>) -> impl Iterator<Item = &toml::Table> {
    let entries = value.and_then(toml::Value::as_array).into_iter().flatten();
    entries.filter_map(toml::Value::as_table)
}

fn check(place: &str, table: &toml::Table, known: &'static [&'static str]) -> Result<(), MappingError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(MappingError::UnknownKey {
            key: format!("{place}{key}"),
            nearest: nearest(key, known.iter().copied()),
            known: known.join(", "),
        }),
        None => Ok(()),
    }
}

/// The one of `names` that someone who wrote `name` meant, if any resembles it.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const RESEMBLES: f64 = 0.75;
    let name = name.to_lowercase();
    names
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= RESEMBLES)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    /// The documented example, from the module's own documentation.
    fn example() -> String {
        include_str!("mapping.rs")
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").to_owned() + "\n")
            .collect()
    }

    #[test]
    fn the_documented_example_is_a_mapping() {
        let mapping = Mapping::parse(&example()).unwrap();
        assert_eq!(mapping.columns.phones.len(), 2);
        assert_eq!(mapping.columns.phones[0].column, "Phone Number");
        assert_eq!(mapping.columns.phones[1].kind.as_deref(), Some("mobile"));
        assert_eq!(mapping.columns.labels.unwrap().separator.as_deref(), Some("|"));
        assert_eq!(mapping.attributes[0].kind, AttributeType::Email);
        assert_eq!(mapping.columns.case.unwrap().id.as_deref(), Some("Ticket"));
    }

    #[test]
    fn the_guides_example_is_a_mapping_that_names_everything() {
        let guide = include_str!("../../../docs/import.md");
        let example = guide
            .split("```toml")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let names = Mapping::parse(example).unwrap().columns;
        let table: toml::Table = example.parse().unwrap();
        let columns = table["columns"].as_table().unwrap();
        assert!(COLUMNS.iter().all(|key| columns.contains_key(*key)));
        assert_eq!(names.case.unwrap().title.as_deref(), Some("Subject"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        for (text, key, meant) in [
            ("onyl = true", "`onyl`", "`only`"),
            (
                "[columns]\nfristname = 'x'",
                "`columns.fristname`",
                "`first_name`",
            ),
            (
                "[columns]\nphones = [{column = 'x', sharde = true}]",
                "`columns.phones.sharde`",
                "`shared`",
            ),
            (
                "[columns]\nlabels = {colunm = 'x'}",
                "`columns.labels.colunm`",
                "`column`",
            ),
            ("[columns.case]\nidd = 'x'", "`columns.case.idd`", "`id`"),
            (
                "[[attribute]]\nkey = 'x'\nsensitiv = true",
                "`attribute.sensitiv`",
                "`sensitive`",
            ),
        ] {
            let error = Mapping::parse(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(meant), "{text}: {error}");
        }
    }

    #[test]
    fn wrong_values_are_named() {
        for (text, expected) in [
            ("delimiter = ';;'", "one ASCII character"),
            ("encoding = 'utf-16'", "latin1"),
            ("[[attribute]]\nkey = 'x'\ntype = 'number'", "datetime"),
            ("[columns.case]\ntitle = 'x'", "`id` or `number`"),
            ("[columns]\nid = 5", "line 2"),
        ] {
            let error = Mapping::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
