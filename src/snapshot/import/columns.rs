//! The columns of a CSV file: what each means.

mod row;

use std::borrow::Cow;

use self::row::latin1;
use super::csv::Cells;
use super::detect::{self, Detector};
use super::mapping::{Encoding, Mapping, PhoneColumn, nearest};
use super::{Detected, ImportError};
use crate::customer::schema::MOST_ATTRIBUTES;
use crate::customer::{AttributeDef, AttributeType, Schema};

/// Characters of a header that become an attribute's label.
const MOST_LABEL_CHARACTERS: usize = 100;
const LATIN1_REMEDY: &str =
    "write the file in UTF-8, or set encoding = \"latin1\" in the mapping if it is in ISO 8859-1";

/// What a column's cells become, phones and attributes apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// A text under this key.
    Text(&'static str),
    /// A moment under this key. `Detected`: a cell that is none is left out, since nobody said that it is one.
    Moment(&'static str, Named),
    /// A flag under this key of `flags`.
    Flag(&'static str),
    /// A field of the row's case.
    Case(&'static str),
    /// Labels, and what stands between them.
    Labels(Option<String>),
    /// The region of the row's phones.
    Region,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Mapped,
    Detected,
}

/// What every column means.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    headers: Vec<String>,
    targets: Vec<(Target, usize)>,
    phones: Vec<(usize, PhoneColumn)>,
    schema: Schema,
    /// The column of each attribute of the schema.
    attributes: Vec<usize>,
    encoding: Encoding,
}

impl Columns {
    /// Finds the columns that `mapping` names, and unless it says `only`, what the others mean.
    pub(super) fn new(headers: Vec<String>, mapping: &Mapping, version: u32) -> Result<Columns, ImportError> {
        let mut columns = Columns {
            headers,
            targets: Vec::new(),
            phones: Vec::new(),
            schema: Schema::default(),
            attributes: Vec::new(),
            encoding: mapping.encoding,
        };
        let mut definitions = columns.map(mapping)?;
        if !mapping.only {
            columns.detect(mapping, &mut definitions)?;
        }
        if !columns.has("id") {
            return Err(columns.missing("id"));
        }
        // A mapping may name attributes of type phone instead.
        let claims = definitions
            .iter()
            .any(|definition| definition.kind == AttributeType::Phone);
        if columns.phones.is_empty() && !claims {
            return Err(columns.missing("phones"));
        }
        columns.schema = Schema::new(version, definitions).map_err(ImportError::Schema)?;
        Ok(columns)
    }

    /// What each field comes from.
    pub(super) fn detected(&self) -> Vec<Detected> {
        let targets = self.targets.iter().map(|(target, column)| {
            let field = match target {
                Target::Text(key) | Target::Moment(key, _) => (*key).to_owned(),
                Target::Flag(key) => format!("flags.{key}"),
                Target::Case(key) => format!("cases[0].{key}"),
                Target::Labels(_) => "labels".to_owned(),
                Target::Region => "phones[].region".to_owned(),
            };
            (field, *column)
        });
        let phones = self
            .phones
            .iter()
            .enumerate()
            .map(|(index, (column, _))| (format!("phones[{index}]"), *column));
        let attributes = self
            .schema
            .attributes
            .iter()
            .zip(&self.attributes)
            .map(|(attribute, column)| (format!("attributes.{}", attribute.key), *column));
        targets
            .chain(phones)
            .chain(attributes)
            .map(|(field, column)| Detected {
                field,
                column: self.headers[column].clone(),
            })
            .collect()
    }

    /// Takes over the version of the `present` schema where the attributes are the same.
    pub(super) fn keep_version_of(&mut self, present: Option<&Schema>) {
        self.schema = super::unless_changed(std::mem::take(&mut self.schema), present);
    }

    fn map(&mut self, mapping: &Mapping) -> Result<Vec<AttributeDef>, ImportError> {
        let names = &mapping.columns;
        let mut targets = vec![
            (Target::Text("id"), &names.id),
            (Target::Text("name"), &names.name),
            (Target::Text("first_name"), &names.first_name),
            (Target::Text("last_name"), &names.last_name),
            (Target::Text("company"), &names.company),
            (Target::Moment("created_at", Named::Mapped), &names.created_at),
            (Target::Moment("updated_at", Named::Mapped), &names.updated_at),
            (Target::Text("last_agent_id"), &names.last_agent_id),
            (Target::Flag("do_not_call"), &names.do_not_call),
            (Target::Flag("do_not_sms"), &names.do_not_sms),
            (Target::Region, &names.region),
        ];
        if let Some(case) = &names.case {
            targets.extend([
                (
                    Target::Case("id"),
                    if case.id.is_some() { &case.id } else { &case.number },
                ),
                (Target::Case("number"), &case.number),
                (Target::Case("title"), &case.title),
                (Target::Case("status"), &case.status),
                (Target::Case("priority"), &case.priority),
                (Target::Case("created_at"), &case.created_at),
            ]);
        }
        for (target, header) in targets {
            if let Some(header) = header {
                let column = self.find(header)?;
                self.targets.push((target, column));
            }
        }
        if let Some(labels) = &names.labels {
            let column = self.find(&labels.column)?;
            self.targets
                .push((Target::Labels(labels.separator.clone()), column));
        }
        for phone in &names.phones {
            let column = self.find(&phone.column)?;
            self.phones.push((column, phone.clone()));
        }
        let mut definitions = Vec::new();
        for attribute in &mapping.attributes {
            let column = match &attribute.column {
                Some(header) => self.find(header)?,
                None => self
                    .find(&attribute.label)
                    .or_else(|_| self.find(&attribute.key))?,
            };
            self.attributes.push(column);
            definitions.push(attribute.definition());
        }
        Ok(definitions)
    }

    fn detect(&mut self, mapping: &Mapping, definitions: &mut Vec<AttributeDef>) -> Result<(), ImportError> {
        let mut taken = vec![false; self.headers.len()];
        let phones = self.phones.iter().map(|(column, _)| column);
        for &column in self
            .targets
            .iter()
            .map(|(_, column)| column)
            .chain(phones)
            .chain(&self.attributes)
        {
            taken[column] = true;
        }
        let headers = std::mem::take(&mut self.headers);
        let mut detector = Detector::new(&headers, taken);
        for key in [
            "id",
            "name",
            "first_name",
            "last_name",
            "company",
            "last_agent_id",
        ] {
            if !self.has(key)
                && let Some(column) = detector.field(key)
            {
                self.targets.push((Target::Text(key), column));
            }
        }
        for key in ["created_at", "updated_at"] {
            if !self.has(key)
                && let Some(column) = detector.field(key)
            {
                self.targets.push((Target::Moment(key, Named::Detected), column));
            }
        }
        if !self.has("id")
            && let Some(column) = detector.ending_in("id")
        {
            self.targets.push((Target::Text("id"), column));
        }
        // A person's or a company's name is composed of these, and better than any `County Name`.
        let named = ["name", "first_name", "last_name", "company"]
            .iter()
            .any(|key| self.has(key));
        if !named && let Some(column) = detector.ending_in("name") {
            self.targets.push((Target::Text("name"), column));
        }
        if mapping.columns.labels.is_none()
            && let Some(column) = detector.labels()
        {
            self.targets.push((Target::Labels(None), column));
        }
        if self.phones.is_empty() {
            self.phones = detector.phones();
        }
        for column in detector.free() {
            self.attributes.push(column);
            definitions.push(attribute(
                &headers[column],
                column,
                detector.is_email(column),
                definitions,
            ));
        }
        self.headers = headers;
        if definitions.len() > MOST_ATTRIBUTES {
            return Err(ImportError::TooManyColumns {
                found: definitions.len(),
            });
        }
        Ok(())
    }

    fn has(&self, key: &str) -> bool {
        self.targets.iter().any(
            |(target, _)| matches!(target, Target::Text(known) | Target::Moment(known, _) if *known == key),
        )
    }

    fn find(&self, header: &str) -> Result<usize, ImportError> {
        let found = self.headers.iter().position(|known| known == header.trim());
        found.ok_or_else(|| ImportError::MissingColumn {
            column: header.to_owned(),
            nearest: nearest(header, self.headers.iter().map(String::as_str)).map(str::to_owned),
            headers: self.headers.join(", "),
        })
    }

    fn missing(&self, field: &'static str) -> ImportError {
        ImportError::MissingField {
            field,
            headers: self.headers.join(", "),
            remedy: if self.headers.len() == 1 {
                "; if this is several columns in one, set `delimiter` in the mapping"
            } else {
                ""
            },
        }
    }
}

/// Reads the headers in the first row's cells.
pub(super) fn headers(cells: &Cells, encoding: Encoding) -> Result<Vec<String>, ImportError> {
    let damaged = |found: &str, remedy| ImportError::Headers {
        found: found.to_owned(),
        remedy,
    };
    if memchr::memchr(0, cells.bytes()).is_some() {
        return Err(damaged(
            "a NUL byte",
            "the file is damaged, or in UTF-16: write it in UTF-8",
        ));
    }
    if memchr::memchr(b'\r', cells.bytes()).is_some() {
        return Err(damaged(
            "a carriage return",
            "end lines with a line feed: save the file again with Unix or Windows line ends",
        ));
    }
    let mut headers: Vec<String> = Vec::with_capacity(cells.len());
    for cell in cells.iter() {
        let header = match encoding {
            Encoding::Latin1 => latin1(cell),
            Encoding::Utf8 => match std::str::from_utf8(cell) {
                Ok(header) => Cow::Borrowed(header),
                Err(_) => return Err(damaged("bytes that are not UTF-8", LATIN1_REMEDY)),
            },
        };
        let header = header.trim().to_owned();
        if !header.is_empty()
            && let Some(first) = headers.iter().position(|known| *known == header)
        {
            return Err(ImportError::DuplicateHeader {
                first: first + 1,
                second: headers.len() + 1,
                header,
            });
        }
        headers.push(header);
    }
    Ok(headers)
}

/// The Text or Email attribute of a column that nobody named, with a key that no earlier one has.
fn attribute(header: &str, column: usize, is_email: bool, earlier: &[AttributeDef]) -> AttributeDef {
    let made = detect::key(header, column);
    let is_free = |key: &String| {
        !earlier
            .iter()
            .any(|attribute| attribute.key.eq_ignore_ascii_case(key))
    };
    let numbered = (2..).map(|number| format!("{made}_{number}"));
    let key = std::iter::once(made.clone())
        .chain(numbered)
        .find(is_free)
        .unwrap_or_default();
    AttributeDef {
        key,
        label: header.chars().take(MOST_LABEL_CHARACTERS).collect(),
        kind: if is_email {
            AttributeType::Email
        } else {
            AttributeType::Text
        },
        required: false,
        sensitive: false,
        help: String::new(),
    }
}
