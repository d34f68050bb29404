//! What stands in a row for values that the database did not log: a row with such is no whole one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The placeholder in all the forms that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placeholder {
    text: String,
    /// In columns of bytes.
    base64: String,
    hex: String,
    /// In arrays of numbers.
    bytes: Vec<Value>,
}

impl Placeholder {
    /// The placeholder that the connector's `unavailable.value.placeholder` says.
    pub(super) fn new(text: &str) -> Placeholder {
        Placeholder {
            text: text.to_owned(),
            base64: STANDARD.encode(text),
            hex: text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            bytes: text.bytes().map(Value::from).collect(),
        }
    }

    /// Whether `value` is it, or holds it.
    pub(super) fn is_in(&self, value: &Value) -> bool {
        let is_it = |text: &str| text == self.text || text == self.base64 || text == self.hex;
        match value {
            Value::String(text) => is_it(text),
            Value::Array(list) => *list == self.bytes || list.iter().any(|value| self.is_in(value)),
            Value::Object(object) => object.iter().any(|(key, value)| is_it(key) || self.is_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_found_in_all_its_forms() {
        let placeholder = Placeholder::new("__debezium_unavailable_value");
        for held in [
            json!("__debezium_unavailable_value"),
            json!("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="),
            json!("5f5f646562657a69756d5f756e617661696c61626c655f76616c7565"),
            json!(["__debezium_unavailable_value"]),
            json!({"__debezium_unavailable_value": "__debezium_unavailable_value"}),
            json!({"a": [{"b": "__debezium_unavailable_value"}]}),
            Value::Array("__debezium_unavailable_value".bytes().map(Value::from).collect()),
        ] {
            assert!(placeholder.is_in(&held), "{held}");
        }
        for other in [json!("unavailable"), json!([95, 95]), json!({}), json!(null)] {
            assert!(!placeholder.is_in(&other), "{other}");
        }
    }
}
