//! The native dialect described for programs: OpenAPI 3.1.

use bytes::BytesMut;

/// What `/openapi.json` answers, but for the version.
const DOCUMENT: &str = include_str!("openapi.json");
/// Stands once in the document, for this version.
const PLACE: &str = "{version}";

/// Writes the document.
pub(super) fn write(out: &mut BytesMut) {
    let (before, behind) = DOCUMENT.split_once(PLACE).unwrap_or((DOCUMENT, ""));
    for part in [before, env!("CARGO_PKG_VERSION"), behind] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use serde_json::Value;

    use super::*;
    use crate::callers::fields::Key;
    use crate::customer::record::Field;

    fn document() -> Value {
        let mut out = BytesMut::new();
        write(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn words(list: &Value) -> Vec<&str> {
        list.as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect()
    }

    #[test]
    fn it_names_this_version_and_every_key() {
        let document = document();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let schemas = &document["components"]["schemas"];
        let keys = Key::ALL.map(Key::name);
        assert_eq!(words(&schemas["Answer"]["required"]), keys);
        assert_eq!(words(&schemas["FieldName"]["anyOf"][0]["enum"]), keys);
        let properties = schemas["PartOfAnswer"]["properties"].as_object().unwrap();
        assert!(keys.iter().all(|key| properties.contains_key(*key)));
        let fields = Field::ALL.map(Field::key);
        let named = words(&schemas["FieldName"]["anyOf"][1]["enum"]);
        assert_eq!(named, fields.map(|field| format!("customer.{field}")));
        let properties = schemas["PartOfCustomer"]["properties"].as_object().unwrap();
        assert!(fields.iter().all(|field| properties.contains_key(*field)));
    }
}
