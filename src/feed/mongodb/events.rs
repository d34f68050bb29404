//! What an event of a change stream says.

use std::collections::VecDeque;
use std::sync::Arc;

use mongodb::bson::{RawArray, RawBsonRef, RawDocument, RawDocumentBuf, Timestamp};
use serde_json::Value;

use super::{bson, types};
use crate::customer::record::MOST_POSITION;
use crate::feed::mapping::{Entity, Mapping, unreadable};
use crate::feed::source::{Event, SourceError, Unreadable};
use crate::replica::Change;

/// Reads the events of one stream.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) mapping: Arc<Mapping>,
    /// As the copy had it.
    pub(super) schema: Option<Value>,
}

/// What is to be done about an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Nothing more.
    Done,
    /// The collection of the schema's attributes has changed, and has to be read as a whole; a change of it stands here.
    Schema(Vec<u8>),
}

/// The members of an event.
struct Told<'a> {
    operation: &'a str,
    from: &'a str,
    at_ms: Option<i64>,
    key: Option<&'a RawDocument>,
    now: Option<&'a RawDocument>,
    before: Option<&'a RawDocument>,
    updated: Option<&'a RawDocument>,
    removed: Option<&'a RawArray>,
}

impl Reader {
    /// Reads `event`, and appends what it says to `out`.
    ///
    /// # Errors
    /// A collection is gone, or was replaced as a whole.
    pub(super) fn read(
        &mut self,
        event: &RawDocumentBuf,
        out: &mut VecDeque<Event>,
    ) -> Result<Read, SourceError> {
        let position = position(event);
        let Some(told) = Told::of(event) else {
            out.push_back(Event::Refused(Unreadable {
                reason: "expected an event of a change stream".into(),
                found: Vec::new(),
            }));
            return Ok(Read::Done);
        };
        let entity = self.mapping.entity(told.from);
        match (told.operation, entity) {
            ("drop" | "rename" | "dropDatabase" | "invalidate", _) => {
                return Err(SourceError::Lost(format!(
                    "a followed collection was dropped, renamed or replaced (event {} of {:?})",
                    told.operation, told.from
                )));
            }
            ("insert" | "update" | "replace" | "delete", Some(Entity::Attribute)) => {
                return Ok(Read::Schema(position));
            }
            ("delete", Some(entity)) => {
                let before = told.before.or(told.key).map(bson::document);
                let gone = match before {
                    Some(Ok(before)) => self.mapping.delete(entity, &before),
                    Some(Err(unreadable)) => Err(unreadable),
                    None => Err(unreadable("a document's key", &Value::Null)),
                };
                push(out, &position, 0, told.at_ms, gone);
            }
            ("insert" | "update" | "replace", Some(entity)) => self.put(entity, &told, &position, out),
            _ => {}
        }
        Ok(Read::Done)
    }

    fn put(&self, entity: Entity, told: &Told<'_>, position: &[u8], out: &mut VecDeque<Event>) {
        // Gone since: its deletion follows.
        let Some(now) = told.now else { return };
        let now = match bson::document(now) {
            Ok(now) => now,
            Err(unreadable) => {
                out.push_back(Event::Refused(unreadable));
                // What cannot be read is not who it was.
                if let Some(Ok(key)) = told.key.map(bson::document) {
                    push(out, position, 0, told.at_ms, self.mapping.delete(entity, &key));
                }
                return;
            }
        };
        let mut ordinal = 0;
        if entity != Entity::Customer && told.operation != "insert" {
            let owner = self.mapping.owner(entity, &now);
            let gone = match told.before.map(bson::document) {
                Some(Ok(before)) if self.mapping.owner(entity, &before) == owner => None,
                Some(Ok(before)) => Some(self.mapping.delete(entity, &before)),
                _ if self.may_have_moved(entity, told) => self
                    .mapping
                    .id(entity, &now)
                    .ok()
                    .map(|id| Ok(orphan(entity, id))),
                _ => None,
            };
            if let Some(gone) = gone {
                push(out, position, ordinal, told.at_ms, gone);
                ordinal += 1;
            }
        }
        push(out, position, ordinal, told.at_ms, self.mapping.put(entity, &now));
    }

    /// Whether the event may have given a part to another customer.
    fn may_have_moved(&self, entity: Entity, told: &Told<'_>) -> bool {
        let Some(updated) = told.updated else {
            // Replaced as a whole.
            return true;
        };
        let first = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
        let owners = self.mapping.owner_paths(entity);
        let names_owner = |field: &str| owners.iter().any(|path| first(path) == first(field));
        let is_updated = updated.into_iter().any(|element| match element {
            Ok((key, _)) => names_owner(key.as_str()),
            Err(_) => true,
        });
        let mut removed = told.removed.into_iter().flatten();
        is_updated
            || removed.any(|field| !matches!(field, Ok(RawBsonRef::String(field)) if !names_owner(field)))
    }

    /// The collection of the schema's attributes holds `documents` now.
    ///
    /// # Errors
    /// There are others than those under which everything was copied.
    pub(super) fn schema(
        &mut self,
        documents: &[Value],
        position: Vec<u8>,
        out: &mut VecDeque<Event>,
    ) -> Result<(), SourceError> {
        let schema = self.mapping.schema(documents);
        if schema == self.schema {
            return Ok(());
        }
        let of = |schema: &Option<Value>| schema.as_ref().map(types).unwrap_or_default();
        if of(&schema) != of(&self.schema) {
            return Err(SourceError::Lost(
                "the schema has other attributes than those under which customers were copied".into(),
            ));
        }
        if let Some(attributes) = schema.clone() {
            out.push_back(Event::Change {
                position,
                at_ms: None,
                change: Change::Schema { attributes },
            });
        }
        self.schema = schema;
        Ok(())
    }

    /// The collection of the schema's attributes.
    pub(super) fn attributes(&self) -> Option<&str> {
        self.mapping.from(Entity::Attribute)
    }
}

impl<'a> Told<'a> {
    fn of(event: &'a RawDocument) -> Option<Told<'a>> {
        let namespace = event.get_document("ns").ok();
        let description = event.get_document("updateDescription").ok();
        Some(Told {
            operation: event.get_str("operationType").ok()?,
            from: namespace
                .and_then(|namespace| namespace.get_str("coll").ok())
                .unwrap_or_default(),
            at_ms: wall_time(event),
            key: event.get_document("documentKey").ok(),
            now: event.get_document("fullDocument").ok(),
            before: event.get_document("fullDocumentBeforeChange").ok(),
            updated: description.and_then(|description| description.get_document("updatedFields").ok()),
            removed: description.and_then(|description| description.get_array("removedFields").ok()),
        })
    }
}

/// When the source made the change: to the millisecond from 6.0 on, to the second before.
fn wall_time(event: &RawDocument) -> Option<i64> {
    if let Ok(at) = event.get_datetime("wallTime") {
        return Some(at.timestamp_millis());
    }
    let at: Timestamp = event.get_timestamp("clusterTime").ok()?;
    Some(i64::from(at.time) * 1000)
}

fn orphan(entity: Entity, id: String) -> Change {
    use crate::replica::PartGone::{Case, Interaction};
    Change::Gone(if entity == Entity::Case {
        Case(id)
    } else {
        Interaction(id)
    })
}

fn push(
    out: &mut VecDeque<Event>,
    position: &[u8],
    ordinal: u8,
    at_ms: Option<i64>,
    change: Result<Change, Unreadable>,
) {
    out.push_back(match change {
        Ok(change) => {
            let mut position = position.to_vec();
            position.push(ordinal);
            Event::Change {
                position,
                at_ms,
                change,
            }
        }
        Err(unreadable) => Event::Refused(unreadable),
    });
}

/// Where an event stands: the bytes of its resume token, which MongoDB makes so that they sort as events do (its KeyString
/// format; cluster time, place in the transaction, collection, then the document's key). Cut ahead of the key at the
/// earliest, with a byte left for what one event says in several changes.
fn position(event: &RawDocument) -> Vec<u8> {
    let token = event.get_document("_id").ok();
    let digits = token
        .and_then(|token| token.get_str("_data").ok())
        .unwrap_or_default();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = digits.as_bytes().chunks(2).map_while(byte);
    bytes.take(MOST_POSITION - 1).collect()
}

#[cfg(test)]
mod tests;
