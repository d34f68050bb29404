//! A customer in an answer: whole, or the parts that were asked for.

use std::time::Instant;

use bytes::BytesMut;

use super::attributes;
use super::fields::{Customer, Fields};
use super::json;
use super::lookup::Source;
use crate::customer::record::Field;
use crate::customer::{Record, Schema};
use crate::index::View;
use crate::number::Key;
use crate::overlay::Superseded;

impl Source {
    /// Writes the customer `id` to `out`, in the place of what it holds, without what the schema calls sensitive where
    /// `hides_sensitive`; whether there is one.
    pub fn write_customer(&self, id: &str, hides_sensitive: bool, out: &mut BytesMut) -> bool {
        let tenant = &self.tenant;
        let freshness = tenant.freshness.now(Instant::now());
        tenant.index.read(|view| {
            out.clear();
            let Some(record) = view.customer(id)? else {
                return Ok(false);
            };
            out.extend_from_slice(b"{\"customer\":");
            let fields = if hides_sensitive {
                Fields::without_sensitive(view.schema())
            } else {
                Fields::all()
            };
            write(&record, view.schema(), fields.customer(), out);
            out.extend_from_slice(b",\"not_owned\":");
            write_not_owned(view, &record, None, out)?;
            out.extend_from_slice(b",\"generation\":");
            json::integer(out, view.generation());
            out.extend_from_slice(b",\"position\":");
            match freshness.position.as_deref() {
                Some(position) => json::string(out, position),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"age_ms\":");
            match freshness.age_ms {
                Some(age) => json::integer(out, age),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"stale\":");
            json::boolean(out, freshness.stale);
            out.extend_from_slice(b",\"connected\":");
            json::boolean(out, freshness.connected);
            out.extend_from_slice(b",\"source_lag_ms\":");
            match freshness.lag_ms {
                Some(lag) => json::integer(out, lag),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b"}");
            Ok(true)
        })
    }
}

/// Writes the selected parts of `record`'s customer; a part that it does not have is null.
pub(super) fn write(record: &Record<'_>, schema: &Schema, parts: &Customer<'_>, out: &mut BytesMut) {
    let Customer::Parts {
        fields,
        attributes: keys,
    } = parts
    else {
        return attributes::write_customer(record, schema, out);
    };
    out.extend_from_slice(b"{");
    let mut separator: &[u8] = b"";
    for field in Field::ALL {
        let whole = fields & (1 << (field as u16)) != 0;
        if !whole && (field != Field::Attributes || keys.is_empty()) {
            continue;
        }
        out.extend_from_slice(separator);
        separator = b",";
        json::string(out, field.key());
        out.extend_from_slice(b":");
        match field {
            Field::Attributes if whole => attributes::write(record, schema, out),
            Field::Attributes => some_attributes(record, schema, keys, out),
            _ => out.extend_from_slice(record.field(field).unwrap_or(b"null")),
        }
    }
    out.extend_from_slice(b"}");
}

fn some_attributes(record: &Record<'_>, schema: &Schema, keys: &[&str], out: &mut BytesMut) {
    out.extend_from_slice(b"{");
    let mut separator: &[u8] = b"";
    let wanted = schema
        .attributes
        .iter()
        .filter(|attribute| keys.contains(&attribute.key.as_str()));
    for attribute in wanted {
        out.extend_from_slice(separator);
        separator = b",";
        json::string(out, &attribute.key);
        out.extend_from_slice(b":");
        out.extend_from_slice(attributes::value(record, schema, &attribute.key).unwrap_or(b"null"));
    }
    for key in keys.iter().filter(|key| schema.position(key).is_none()) {
        out.extend_from_slice(separator);
        separator = b",";
        json::string(out, key);
        out.extend_from_slice(b":null");
    }
    out.extend_from_slice(b"}");
}

/// Writes the numbers that `record`'s customer lists and another owns, as a list; `found` is one that it is known to
/// own.
///
/// # Errors
/// [`Superseded`], as of the view.
pub(super) fn write_not_owned(
    view: &View<'_>,
    record: &Record<'_>,
    found: Option<u64>,
    out: &mut BytesMut,
) -> Result<(), Superseded> {
    out.extend_from_slice(b"[");
    let mut separator: &[u8] = b"";
    for claim in record.claims() {
        let key = Key::from_raw(claim.key);
        if !key.is_number() || found == Some(claim.key) || view.owns(record, claim.key)? {
            continue;
        }
        out.extend_from_slice(separator);
        separator = b",";
        json::number(out, key);
    }
    out.extend_from_slice(b"]");
    Ok(())
}
