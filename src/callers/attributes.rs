//! A record's attributes under the present schema, whichever schema it was written under.

use bytes::BytesMut;

use super::json;
use crate::customer::attributes::by_key;
pub(super) use crate::customer::attributes::value;
use crate::customer::record::Field;
use crate::customer::{Record, Schema};

/// Writes the customer: its bytes as they are, save for attributes of an older schema, which are put into the order of
/// the present one; those that it does not know are left out.
pub(super) fn write_customer(record: &Record<'_>, schema: &Schema, out: &mut BytesMut) {
    let json = record.json();
    let stale = (record.schema_version() != schema.version)
        .then(|| record.field(Field::Attributes))
        .flatten();
    let Some(attributes) = stale else {
        out.extend_from_slice(json);
        return;
    };
    let start = attributes.as_ptr().addr().wrapping_sub(json.as_ptr().addr());
    out.extend_from_slice(json.get(..start).unwrap_or_default());
    write(record, schema, out);
    out.extend_from_slice(json.get(start + attributes.len()..).unwrap_or_default());
}

/// Writes the attributes as one object, `{}` where there are none.
pub(super) fn write(record: &Record<'_>, schema: &Schema, out: &mut BytesMut) {
    if record.schema_version() == schema.version {
        out.extend_from_slice(record.field(Field::Attributes).unwrap_or(b"{}"));
        return;
    }
    let by_key = by_key(record);
    out.extend_from_slice(b"{");
    let mut separator: &[u8] = b"";
    for attribute in &schema.attributes {
        if let Some(value) = by_key.get(attribute.key.as_str()) {
            out.extend_from_slice(separator);
            json::string(out, &attribute.key);
            out.extend_from_slice(b":");
            out.extend_from_slice(value.get().as_bytes());
            separator = b",";
        }
    }
    out.extend_from_slice(b"}");
}
