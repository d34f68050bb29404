//! BSON as JSON, without loss where it is of use to anybody: ids as text, moments in RFC 3339, numbers as they are.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{RawArray, RawBsonRef, RawDocument};
use serde_json::{Map, Number, Value};

use crate::feed::source::Unreadable;

/// Deeper than any server takes (BSON has at most 100 levels).
const DEEPEST: u32 = 128;

/// The document as JSON.
///
/// # Errors
/// It is no valid BSON: what was found is kept as its bytes in hexadecimal digits.
pub(super) fn document(document: &RawDocument) -> Result<Value, Unreadable> {
    object(document, 0).map(Value::Object).ok_or_else(|| Unreadable {
        reason: "expected valid BSON".into(),
        found: hex(document.as_bytes()).into_bytes(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object(document: &RawDocument, depth: u32) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for element in document {
        let (key, value) = element.ok()?;
        object.insert(key.as_str().to_owned(), value_of(value, depth)?);
    }
    Some(object)
}

fn array(array: &RawArray, depth: u32) -> Option<Value> {
    let mut values = Vec::new();
    for value in array {
        values.push(value_of(value.ok()?, depth)?);
    }
    Some(Value::Array(values))
}

/// `None` where it is not valid.
fn value_of(value: RawBsonRef<'_>, depth: u32) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    Some(match value {
        RawBsonRef::Double(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => text.into(),
        RawBsonRef::Array(values) => array(values, depth + 1)?,
        RawBsonRef::Document(document) => Value::Object(object(document, depth + 1)?),
        RawBsonRef::Boolean(flag) => flag.into(),
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::ObjectId(id) => id.to_hex().into(),
        RawBsonRef::DateTime(at) => {
            let at = jiff::Timestamp::from_millisecond(at.timestamp_millis());
            at.map_or(Value::Null, |at| at.to_string().into())
        }
        RawBsonRef::Decimal128(number) => number.to_string().into(),
        RawBsonRef::Binary(binary)
            if matches!(binary.subtype, BinarySubtype::Uuid | BinarySubtype::UuidOld)
                && binary.bytes.len() == 16 =>
        {
            uuid(binary.bytes).into()
        }
        // Nothing of a customer is written so.
        RawBsonRef::Binary(_)
        | RawBsonRef::RegularExpression(_)
        | RawBsonRef::JavaScriptCode(_)
        | RawBsonRef::JavaScriptCodeWithScope(_)
        | RawBsonRef::Timestamp(_)
        | RawBsonRef::DbPointer(_)
        | RawBsonRef::MaxKey
        | RawBsonRef::MinKey
        | RawBsonRef::Null
        | RawBsonRef::Undefined => Value::Null,
    })
}

fn uuid(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| &digits[part]).join("-")
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{Binary, DateTime, RawDocumentBuf, rawdoc};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_becomes_what_it_is_to_a_person() {
        let id = ObjectId::parse_str("5f3e2b1a9c8d7e6f5a4b3c2d").unwrap();
        let source = rawdoc! {
            "_id": id,
            "long": 14_806_754_110_i64,
            "double": 4_806_754_110.0,
            "at": DateTime::from_millis(1_700_000_000_123),
            "list": [1, "two", [true]],
            "nested": {"a": {"b": mongodb::bson::RawBson::Null}},
            "uuid": Binary { subtype: BinarySubtype::Uuid, bytes: (0..16).collect() },
            "image": Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2] },
            "nan": f64::NAN,
        };
        let expected = json!({
            "_id": "5f3e2b1a9c8d7e6f5a4b3c2d",
            "long": 14_806_754_110_i64,
            "double": 4_806_754_110.0,
            "at": "2023-11-14T22:13:20.123Z",
            "list": [1, "two", [true]],
            "nested": {"a": {"b": null}},
            "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f",
            "image": null,
            "nan": null,
        });
        assert_eq!(document(&source), Ok(expected));
    }

    #[test]
    fn what_is_no_utf8_is_refused_whole() {
        let mut bytes = rawdoc! {"name": "Ada"}.into_bytes();
        let at = bytes.windows(3).position(|three| three == b"Ada").unwrap();
        bytes[at] = 0xff;
        let broken = RawDocumentBuf::from_bytes(bytes).unwrap();
        let refused = document(&broken).unwrap_err();
        assert_eq!(refused.reason, "expected valid BSON");
        assert!(refused.found.starts_with(b"13000000"));
    }
}
