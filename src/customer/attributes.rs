//! A record's attributes by their keys, under the present schema, whichever schema it was written under.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::record::Field;
use super::{Record, Schema};

/// The JSON value of the attribute `key`; `None` where the customer has none, or `schema` has no such attribute.
pub fn value<'r>(record: &Record<'r>, schema: &Schema, key: &str) -> Option<&'r [u8]> {
    let position = schema.position(key)?;
    if record.schema_version() == schema.version {
        return record.attribute(position);
    }
    by_key(record).get(key).map(|value| value.get().as_bytes())
}

/// All of them: a record does not hold the schema that it was written under, but its JSON has the keys.
pub fn by_key<'r>(record: &Record<'r>) -> BTreeMap<&'r str, &'r RawValue> {
    record
        .field(Field::Attributes)
        .and_then(|json| serde_json::from_slice(json).ok())
        .unwrap_or_default()
}
