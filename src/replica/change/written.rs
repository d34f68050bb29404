//! A change as a line, as [`Change::decode`] reads it.

use serde_json::{Value, json};

use super::{Change, PartGone};

impl Change {
    /// The change as one JSON object on one line; `at_ms` is when the source made it, in milliseconds since 1970.
    pub fn to_line(&self, at_ms: Option<i64>) -> Vec<u8> {
        let mut line = match self {
            // What has been read already is written by who keeps it.
            Change::Part { customer_id, part } => part.to_line(customer_id),
            other => other.to_value().to_string().into_bytes(),
        };
        if let Some(at_ms) = at_ms {
            line.pop();
            line.extend_from_slice(format!(",\"at\":{at_ms}}}").as_bytes());
        }
        line
    }

    fn to_value(&self) -> Value {
        match self {
            Change::Upsert { customer } => json!({"op": "upsert", "customer": customer.json().to_value()}),
            Change::Delete { id } => json!({"op": "delete", "id": id}),
            Change::Gone(PartGone::Case(id)) => json!({"op": "case", "delete": id}),
            Change::Gone(PartGone::Interaction(id)) => json!({"op": "interaction", "delete": id}),
            Change::Schema { attributes } => json!({"op": "schema", "schema": attributes}),
            Change::Sample { customer } => json!({"op": "sample", "customer": customer.json().to_value()}),
            Change::Heartbeat | Change::Part { .. } => json!({"op": "heartbeat"}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Decoded;

    #[test]
    fn what_is_written_is_read_again() {
        let lines = [
            r#"{"op":"upsert","customer":{"id":"c","name":"Ada \"A\" Lovelace"}}"#,
            r#"{"op":"delete","id":"c"}"#,
            r#"{"op":"case","customer_id":"c","case":{"id":"k","title":"Router"}}"#,
            r#"{"op":"case","customer_id":"c","delete":"k"}"#,
            r#"{"op":"case","delete":"k"}"#,
            r#"{"op":"interaction","customer_id":"c","interaction":{"id":"i","started_at":"2026-11-18T14:02:11Z"}}"#,
            r#"{"op":"interaction","delete":"i"}"#,
            r#"{"op":"schema","schema":[{"key":"email","label":"E-mail","type":"email"}]}"#,
            r#"{"op":"sample","customer":{"id":"c"}}"#,
            r#"{"op":"heartbeat"}"#,
        ];
        for line in lines {
            let read = Change::decode(line.as_bytes()).unwrap();
            for at_ms in [None, Some(1_700_000_000_123)] {
                let again = Change::decode(&read.change.to_line(at_ms)).unwrap();
                assert_eq!(
                    again,
                    Decoded {
                        position: None,
                        at_ms,
                        change: read.change.clone()
                    },
                    "{line}"
                );
            }
        }
    }
}
