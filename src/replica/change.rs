//! A change as a feed delivers it: one JSON object.

mod written;

use serde_json::Value;

use crate::customer::Refusal;
use crate::customer::document::Limits;
use crate::customer::document::{Case, Interaction, is_id, read_case, read_interaction};
use crate::customer::json::{Document, Json, Kind};
use crate::customer::{Customer, record};

/// The members that some change may have.
const MEMBERS: [&str; 10] = [
    "op",
    "position",
    "at",
    "customer",
    "id",
    "customer_id",
    "case",
    "interaction",
    "delete",
    "schema",
];
/// What `op` may be.
const OPS: &str = "one of upsert, delete, case, interaction, schema, heartbeat, sample";

/// A part that is gone, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartGone {
    /// A case.
    Case(String),
    /// An interaction.
    Interaction(String),
}

/// A decoded change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A customer is new, or is now as its document says.
    Upsert {
        /// The document, not yet read: that takes the schema of the moment at which the change is applied.
        customer: Document,
    },
    /// A customer is gone.
    Delete {
        /// Its id.
        id: String,
    },
    /// A case or an interaction of a customer.
    Part {
        /// The customer's id.
        customer_id: String,
        /// What became of it.
        part: PartChange,
    },
    /// A case or an interaction is gone whose customer the source does not name: it is looked for with the batch.
    Gone(PartGone),
    /// Another schema.
    Schema {
        /// The attributes, not yet read.
        attributes: Value,
    },
    /// Nothing but that the source is there, and has nothing ahead of this.
    Heartbeat,
    /// What the source has of a customer here, to be compared with what is served.
    Sample {
        /// The document; a source that knows no such customer sends its id alone.
        customer: Document,
    },
}

/// A change with what its line says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Where it stands in its stream, where the line says so.
    pub position: Option<u64>,
    /// When the source made it, in milliseconds since 1970, where the line says so.
    pub at_ms: Option<i64>,
    /// The change.
    pub change: Change,
}

/// What became of a case or an interaction.
#[derive(Debug, Clone, PartialEq)]
pub enum PartChange {
    /// A case.
    Case(Part<Case>),
    /// An interaction.
    Interaction(Part<Interaction>),
}

impl PartChange {
    /// What a record calls the part.
    pub(super) fn part(&self) -> record::Part {
        match self {
            PartChange::Case(Part::Put(case)) => record::Part::case(&case.id),
            PartChange::Case(Part::Delete(id)) => record::Part::case(id),
            PartChange::Interaction(Part::Put(interaction)) => record::Part::interaction(&interaction.id),
            PartChange::Interaction(Part::Delete(id)) => record::Part::interaction(id),
        }
    }

    /// What a record calls the list that it is one of.
    pub(super) fn list(&self) -> record::Part {
        match self {
            PartChange::Case(_) => record::Part::CASES,
            PartChange::Interaction(_) => record::Part::INTERACTIONS,
        }
    }

    /// Whether it takes the part away.
    pub(super) fn is_deletion(&self) -> bool {
        matches!(
            self,
            PartChange::Case(Part::Delete(_)) | PartChange::Interaction(Part::Delete(_))
        )
    }

    /// The change as a line of a feed, of the customer `id`.
    pub fn to_line(&self, id: &str) -> Vec<u8> {
        let (op, deleted, json) = match self {
            PartChange::Case(Part::Put(case)) => ("case", None, record::case_json(case)),
            PartChange::Case(Part::Delete(id)) => ("case", Some(id), Vec::new()),
            PartChange::Interaction(Part::Put(interaction)) => {
                ("interaction", None, record::interaction_json(interaction))
            }
            PartChange::Interaction(Part::Delete(id)) => ("interaction", Some(id), Vec::new()),
        };
        // Ids hold nothing that JSON escapes.
        let mut line = format!("{{\"op\":\"{op}\",\"customer_id\":\"{id}\",").into_bytes();
        match deleted {
            Some(deleted) => line.extend_from_slice(format!("\"delete\":\"{deleted}\"").as_bytes()),
            None => {
                line.extend_from_slice(format!("\"{op}\":").as_bytes());
                line.extend_from_slice(&json);
            }
        }
        line.push(b'}');
        line
    }

    /// Does it to `customer`.
    pub(super) fn change(self, customer: &mut Customer, limits: Limits) {
        match self {
            PartChange::Case(Part::Put(case)) => customer.put_case(case, limits),
            PartChange::Case(Part::Delete(id)) => {
                customer.remove_case(&id);
            }
            PartChange::Interaction(Part::Put(interaction)) => customer.put_interaction(interaction, limits),
            PartChange::Interaction(Part::Delete(id)) => {
                customer.remove_interaction(&id);
            }
        }
    }
}

/// What became of a part of a customer.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<T> {
    /// It is new, or is now so.
    Put(T),
    /// The part with this id is gone.
    Delete(String),
}

/// A change that cannot be decoded; nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No JSON.
    #[error("expected a JSON object on one line, found {0}")]
    Json(String),
    /// A member is missing or not as it should be.
    #[error(transparent)]
    Member(#[from] Refusal),
}

impl ChangeError {
    /// What was expected and where, without a word of what was found: safe to log.
    pub fn without_content(&self) -> String {
        match self {
            ChangeError::Json(_) => "expected a JSON object on one line".into(),
            ChangeError::Member(refusal) => without_content(refusal),
        }
    }
}

impl Change {
    /// Decodes one line.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn decode(line: &[u8]) -> Result<Decoded, ChangeError> {
        let text = std::str::from_utf8(line).map_err(|error| ChangeError::Json(format!("{error}")))?;
        let json = Document::parse(text).map_err(|error| ChangeError::Json(format!("{error}")))?;
        Change::decode_document(json)
    }

    /// Decodes what a line says.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn decode_value(json: Value) -> Result<Decoded, ChangeError> {
        Change::decode_document(json.into())
    }

    fn decode_document(document: Document) -> Result<Decoded, ChangeError> {
        let json = document.json();
        if json.kind() != Kind::Object {
            return Err(ChangeError::Json("another JSON value".to_owned()));
        }
        if let Some((unknown, _)) = json.members().find(|(key, _)| !MEMBERS.contains(key)) {
            let expected = format!("one of the members {}", MEMBERS.join(", "));
            return Err(refusal(&shorten(unknown), &expected, "an unknown member"));
        }
        let position = get(json, "position").map(position).transpose()?;
        // Told for the sake of freshness alone: a strange one is no reason to go without the change.
        let at_ms = get(json, "at").and_then(moment);
        let change = match get(json, "op").and_then(Json::as_str) {
            Some("upsert") => {
                member(json, "customer", "a customer")?;
                Change::Upsert {
                    customer: below(document, "customer"),
                }
            }
            Some("delete") => Change::Delete {
                id: text(json, "id")?,
            },
            Some("case") if names_nobody(json) => Change::Gone(PartGone::Case(text(json, "delete")?)),
            Some("interaction") if names_nobody(json) => {
                Change::Gone(PartGone::Interaction(text(json, "delete")?))
            }
            Some("case") => Change::Part {
                customer_id: text(json, "customer_id")?,
                part: PartChange::Case(part(json, "case", read_case)?),
            },
            Some("interaction") => Change::Part {
                customer_id: text(json, "customer_id")?,
                part: PartChange::Interaction(part(json, "interaction", read_interaction)?),
            },
            Some("heartbeat") => Change::Heartbeat,
            Some("sample") => {
                member(json, "customer", "a customer, or its id alone")?;
                Change::Sample {
                    customer: below(document, "customer"),
                }
            }
            Some("schema") => Change::Schema {
                attributes: member(json, "schema", "an array of attributes")?.to_value(),
            },
            Some(other) => return Err(refusal("op", OPS, &shorten(other))),
            None => return Err(refusal("op", OPS, "nothing, or no text")),
        };
        Ok(Decoded {
            position,
            at_ms,
            change,
        })
    }
}

/// The value of the member `key`; a null is an absent one.
fn get<'d>(json: Json<'d>, key: &str) -> Option<Json<'d>> {
    json.get(key).filter(|value| !value.is_null())
}

/// Whether a part is gone of which the source does not say whose it was.
fn names_nobody(json: Json<'_>) -> bool {
    let has = |key: &str| get(json, key).is_some();
    has("delete") && !["customer_id", "case", "interaction"].into_iter().any(has)
}

fn position(value: Json<'_>) -> Result<u64, ChangeError> {
    let found = match value.kind() {
        Kind::Text(text) => text.parse().ok(),
        Kind::Number(number) => number.as_u64(),
        _ => None,
    };
    found.ok_or_else(|| {
        refusal(
            "position",
            "a decimal whole number from 0 to 18446744073709551615",
            &shorten(&value.to_value().to_string()),
        )
    })
}

/// RFC 3339, or milliseconds since 1970.
fn moment(value: Json<'_>) -> Option<i64> {
    match value.kind() {
        Kind::Text(text) => Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()),
        Kind::Number(number) => number.as_i64(),
        _ => None,
    }
}

fn member<'d>(json: Json<'d>, key: &str, expected: &str) -> Result<Json<'d>, ChangeError> {
    get(json, key).ok_or_else(|| refusal(key, expected, "nothing"))
}

/// What `document` has at `key`, which is there.
fn below(document: Document, key: &str) -> Document {
    document.at(&[key]).unwrap_or_default()
}

fn text(json: Json<'_>, key: &str) -> Result<String, ChangeError> {
    match member(json, key, "an id")?.kind() {
        Kind::Text(text) if !text.trim().is_empty() && is_id(text) => Ok(text.to_owned()),
        Kind::Number(number) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        _ => Err(refusal(
            key,
            "an id of 1 to 256 bytes without control characters, quotation marks or backslashes",
            "another value",
        )),
    }
}

fn part<T>(
    json: Json<'_>,
    key: &str,
    read: impl FnOnce(Json<'_>) -> Result<T, Refusal>,
) -> Result<Part<T>, ChangeError> {
    match (get(json, "delete").is_some(), get(json, key)) {
        (true, None) => Ok(Part::Delete(text(json, "delete")?)),
        (false, Some(json)) => Ok(Part::Put(read(json)?)),
        (both, _) => Err(refusal(
            key,
            &format!("either {key} or delete"),
            if both { "both" } else { "neither" },
        )),
    }
}

/// `refusal` without what was found. A key that is not known is a find too: it may be a number or a name.
pub(super) fn without_content(refusal: &Refusal) -> String {
    let field = match (&*refusal.found, refusal.field.rsplit_once('.')) {
        ("an unknown key" | "an unknown member", Some((parent, _))) => &format!("a key of {parent}"),
        ("an unknown key" | "an unknown member", None) => "a key",
        _ => &refusal.field,
    };
    format!("{field}: expected {}", refusal.expected)
}

fn refusal(field: &str, expected: &str, found: &str) -> ChangeError {
    Refusal {
        field: field.into(),
        expected: expected.into(),
        found: found.into(),
    }
    .into()
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
