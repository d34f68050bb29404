//! The copy that a stream holds, row by row.

use serde_json::Value;

use super::connection::Connection;
use super::seen::Whole;
use super::tail::Tail;
use crate::feed::source::{Row, Rows, SourceError, Unreadable};

/// Hands every row of `whole`, which is in the stream called `name`, to `rows`.
///
/// # Errors
/// The connection broke, or the copy is no longer whole.
pub(super) async fn copy(
    connection: &Connection,
    name: &str,
    whole: Whole,
    rows: &mut dyn Rows,
) -> Result<(), SourceError> {
    rows.expect(whole.rows);
    let mut tail = Tail::open(connection, name, whole.copy).await?;
    let mut next = whole.copy;
    let mut count = 0;
    while next < whole.place.sequence {
        let message = tail.next().await?;
        if message.place.sequence != next {
            // Taken up again, it is found to be gone.
            return Err(SourceError::Away(format!(
                "expected message {next} of the copy, found {}: the copy is being trimmed; raise the stream's limits \
                 (relay.max_bytes, relay.max_age_s)",
                message.place.sequence
            )));
        }
        next += 1;
        if !message.subject.contains(".control.") {
            count += 1;
            rows.put(row(&message.payload))?;
        } else if let Some(super::marks::Mark::Refused(unreadable)) =
            super::marks::Mark::read(&message.payload)
        {
            rows.put(Row::Refused(unreadable))?;
        }
    }
    if count != whole.rows {
        return Err(SourceError::Unfit(format!(
            "expected {} rows in the copy, found {count}: messages were deleted from the stream; have the relay copy \
             again: nats stream purge {name}",
            whole.rows
        )));
    }
    Ok(())
}

/// The row that `line` is, which is written as a change.
fn row(line: &[u8]) -> Row {
    read(line).unwrap_or_else(|| {
        Row::Refused(Unreadable {
            reason: "expected a row of a copy: a customer, a case, an interaction or a schema".into(),
            found: line.to_vec(),
        })
    })
}

fn read(line: &[u8]) -> Option<Row> {
    let mut json: Value = serde_json::from_slice(line).ok()?;
    let op = json.get("op")?.as_str()?.to_owned();
    let mut take = |key: &str| json.get_mut(key).map(Value::take);
    let mut owner = || match take("customer_id")? {
        Value::String(id) => Some(id),
        _ => None,
    };
    Some(match op.as_str() {
        "upsert" => Row::Customer(take("customer")?),
        "case" => Row::Case {
            customer_id: owner()?,
            case: take("case")?,
        },
        "interaction" => Row::Interaction {
            customer_id: owner()?,
            interaction: take("interaction")?,
        },
        "schema" => Row::Schema(take("schema")?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_changes_that_put_something() {
        let rows = [
            (
                json!({"op": "upsert", "customer": {"id": "c"}}),
                Row::Customer(json!({"id": "c"})),
            ),
            (
                json!({"op": "case", "customer_id": "c", "case": {"id": "k"}}),
                Row::Case {
                    customer_id: "c".into(),
                    case: json!({"id": "k"}),
                },
            ),
            (
                json!({"op": "interaction", "customer_id": "c", "interaction": {"id": "i"}}),
                Row::Interaction {
                    customer_id: "c".into(),
                    interaction: json!({"id": "i"}),
                },
            ),
            (json!({"op": "schema", "schema": []}), Row::Schema(json!([]))),
        ];
        for (line, expected) in rows {
            assert_eq!(row(line.to_string().as_bytes()), expected);
        }
        for strange in [
            r#"{"op":"delete","id":"c"}"#,
            r#"{"op":"case","case":{}}"#,
            "nothing",
        ] {
            assert!(matches!(row(strange.as_bytes()), Row::Refused(_)), "{strange}");
        }
    }
}
