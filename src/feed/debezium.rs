//! Debezium's events: what its connectors for PostgreSQL, MySQL, SQL Server, MongoDB and others say of rows and documents.
//!
//! Whatever carries them, the order is that of what carries them: nothing here is ordered by time. A row or document that
//! is not whole is refused, with what a person has to set so that it comes whole; half a customer is worse than an old one.

mod documents;
mod envelope;
mod placeholder;
mod rows;
mod settings;
mod values;
mod wrapping;

use std::borrow::Cow;

use serde_json::Value;

use super::decode::{Decode, Item, Message};
use super::mapping::{Entity, Mapping};
use super::source::Unreadable;
use crate::replica::Change;
use envelope::{Envelope, Kind};
use placeholder::Placeholder;
pub use settings::{Settings, Transport};
use wrapping::Event;

const ANEW: &str = "Debezium begins a snapshot anew, and who was deleted since it lost its place is not said: everything has to \
                    be copied anew";

/// Reads Debezium's events by what a mapping says of their tables and collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debezium {
    mapping: Mapping,
    placeholder: Placeholder,
}

/// Why an event is refused, without a word of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal(Cow<'static, str>);

impl From<&'static str> for Refusal {
    fn from(expected: &'static str) -> Refusal {
        Refusal(format!("expected {expected}").into())
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Refusal {
        Refusal(unreadable.reason.into())
    }
}

impl Debezium {
    /// Reads events whose rows and documents mean what `mapping` says.
    pub fn new(mapping: Mapping, settings: &Settings) -> Debezium {
        Debezium {
            mapping,
            placeholder: Placeholder::new(&settings.unavailable_value),
        }
    }

    fn items(&self, message: Message<'_>) -> Result<Vec<Item>, Refusal> {
        let mut event = wrapping::unwrap(message)?;
        match envelope::kind(&mut event)? {
            Kind::Tombstone | Kind::Transaction => Ok(Vec::new()),
            Kind::Heartbeat { at_ms } => Ok(vec![Item::Change {
                position: None,
                at_ms,
                change: Change::Heartbeat,
            }]),
            Kind::Definition { dropped } => {
                tracing::info!(
                    "tables were defined anew at the source; see that the mapping still fits them"
                );
                let gone = dropped.iter().filter(|names| self.entity(names).is_some());
                Ok(gone
                    .map(|names| Item::Truncated(truncated(names, "dropped")))
                    .collect())
            }
            Kind::Row(envelope) => self.row(&event, *envelope),
        }
    }

    fn row(&self, event: &Event, envelope: Envelope) -> Result<Vec<Item>, Refusal> {
        if envelope.op == "m" {
            return Ok(Vec::new());
        }
        let names = envelope.source.names();
        if names.is_empty() {
            return Err("the table or collection in source".into());
        }
        // Also where it begins with a table that nobody asked for.
        let mut items = Vec::new();
        if envelope.op == "r" && envelope.source.begins_snapshot() {
            items.push(Item::Anew(ANEW.into()));
        }
        let Some(entity) = self.entity(&names) else {
            return Ok(items);
        };
        if envelope.op == "t" {
            return Ok(vec![Item::Truncated(truncated(&names, "truncated"))]);
        }
        let at_ms = envelope.source.at_ms();
        let is_document =
            envelope.source.connector.as_deref() == Some("mongodb") || envelope.source.table.is_none();
        let changes = match (&*envelope.op, is_document) {
            ("c" | "u" | "r", true) => self.put_document(entity, envelope)?,
            ("c" | "u" | "r", false) => self.put_row(entity, event, envelope)?,
            ("d", true) => vec![self.delete_document(entity, event, envelope)?],
            ("d", false) => vec![self.delete_row(entity, event, envelope)?],
            _ => return Err("one of c u d r t m in op".into()),
        };
        items.extend(changes.into_iter().map(|change| Item::Change {
            position: None,
            at_ms,
            change,
        }));
        Ok(items)
    }

    /// What the rows of the table that has these names are.
    fn entity(&self, names: &[String]) -> Option<Entity> {
        names.iter().find_map(|name| self.mapping.entity(name))
    }
}

impl Decode for Debezium {
    fn decode(&self, message: Message<'_>, out: &mut Vec<Item>) {
        match self.items(message) {
            Ok(items) if items.is_empty() => out.push(Item::Nothing),
            Ok(items) => out.extend(items),
            Err(Refusal(reason)) => out.push(Item::Refused(Unreadable {
                reason: reason.into_owned(),
                found: message.value.to_vec(),
            })),
        }
    }

    fn messages<'a>(&self, body: &'a [u8]) -> Vec<&'a [u8]> {
        wrapping::events(body)
    }
}

fn truncated(names: &[String], what: &str) -> String {
    let name = names.first().map_or("", String::as_str);
    format!(
        "{name} was {what} at the source, and who was in it is not said: everything has to be copied anew"
    )
}

/// Whether Debezium may have made `value` up, for a column that may not be null and was not logged.
fn is_made_up(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.trim(), "" | "0"),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests;
