//! Documents of MongoDB's collections, which come as Extended JSON in a text.

use serde_json::{Map, Value};

use super::super::mapping::Entity;
use super::envelope::Envelope;
use super::wrapping::Event;
use super::{Debezium, Refusal};
use crate::replica::Change;

const NOT_WHOLE: &str = "the whole document in after: set capture.mode to change_streams_update_full; where it is, the document \
                         was deleted meanwhile, and its deletion follows";
const PATCH: &str = "the whole document in after, not a patch: take Debezium 2 or later, with capture.mode \
                     change_streams_update_full";
const NO_ID: &str = "the id of what was deleted: the transport drops keys; have Debezium send keys beside values, or set \
                     capture.mode to change_streams_update_full_with_pre_image and, in MongoDB, collMod with \
                     changeStreamPreAndPostImages: {enabled: true}";
const ANOTHER_ID: &str = "the id of what was deleted, which is not its _id: take _id as the first of the id's paths, or set \
                          capture.mode to change_streams_update_full_with_pre_image and, in MongoDB, collMod with \
                          changeStreamPreAndPostImages: {enabled: true}";

impl Debezium {
    /// What a document that is now as `after` says changes.
    pub(super) fn put_document(&self, entity: Entity, envelope: Envelope) -> Result<Vec<Change>, Refusal> {
        let Some(after) = document(&envelope.after)? else {
            let is_patch = !envelope.patch.is_null();
            return Err(if is_patch { PATCH } else { NOT_WHOLE }.into());
        };
        let before = match &*envelope.op {
            "u" => document(&envelope.before)?,
            _ => None,
        };
        self.put(entity, before, after)
    }

    /// What a document that was as `before` says, or has this key, and is gone changes.
    pub(super) fn delete_document(
        &self,
        entity: Entity,
        event: &Event,
        envelope: Envelope,
    ) -> Result<Change, Refusal> {
        let known = match document(&envelope.before)? {
            Some(before) => before,
            None => {
                let id = event.key.as_ref().and_then(|key| key.columns.get("id"));
                let id = match id.ok_or(NO_ID)? {
                    // A text has quotation marks of its own in there.
                    Value::String(text) => {
                        serde_json::from_str(text).unwrap_or_else(|_| Value::from(&**text))
                    }
                    id => id.clone(),
                };
                let first = self.mapping.id_paths(entity).first();
                if first.and_then(|path| path.split('.').next()) != Some("_id") {
                    return Err(ANOTHER_ID.into());
                }
                Map::from_iter([("_id".to_owned(), id)])
            }
        };
        Ok(self.mapping.delete(entity, &Value::Object(known))?)
    }
}

/// The document that `said` says, in a text or as it is; `None` where it says none.
fn document(said: &Value) -> Result<Option<Map<String, Value>>, Refusal> {
    let document = match said {
        Value::Null => return Ok(None),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    match document {
        Value::Object(document) => Ok(Some(document)),
        _ => Err("a document, as Extended JSON in a text".into()),
    }
}
