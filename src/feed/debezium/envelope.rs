//! What an event is: a row's or document's change in its envelope, or one of those that speak of none.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::values::Schema;
use super::wrapping::{Event, Expected};

/// What stands around a change.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Envelope {
    /// The row ahead of the change; a text with MongoDB.
    #[serde(default)]
    pub(super) before: Value,
    /// The row behind the change; a text with MongoDB.
    #[serde(default)]
    pub(super) after: Value,
    /// Whence it came.
    pub(super) source: Source,
    /// What was done: `c`, `u`, `d`, `r`, `t` or `m`.
    pub(super) op: String,
    /// What earlier versions said of an update in place of the document.
    #[serde(default)]
    pub(super) patch: Value,
}

/// Whence a change came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Source {
    /// The connector's name, such as `postgresql`.
    #[serde(default)]
    pub(super) connector: Option<String>,
    /// When the database made it, in milliseconds since 1970; 0 where that is not known.
    #[serde(default)]
    pub(super) ts_ms: Option<i64>,
    /// Whether the change is one of a snapshot, and which: `first`, `true`, `last` and so on.
    #[serde(default)]
    snapshot: Value,
    #[serde(default)]
    pub(super) db: Option<String>,
    #[serde(default)]
    pub(super) schema: Option<String>,
    #[serde(default)]
    pub(super) table: Option<String>,
    #[serde(default)]
    pub(super) collection: Option<String>,
}

impl Source {
    /// Its table or collection, as it may be called in the configuration, with all its names first.
    pub(super) fn names(&self) -> Vec<String> {
        let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        let Some(own) = given(&self.collection).or_else(|| given(&self.table)) else {
            return Vec::new();
        };
        let (db, schema) = (given(&self.db), given(&self.schema));
        let mut names = Vec::new();
        if let (Some(db), Some(schema)) = (&db, &schema) {
            names.push(format!("{db}.{schema}.{own}"));
        }
        names.extend(schema.map(|schema| format!("{schema}.{own}")));
        names.extend(db.map(|db| format!("{db}.{own}")));
        names.push(own);
        names
    }

    /// Whether a snapshot of everything begins with it.
    pub(super) fn begins_snapshot(&self) -> bool {
        self.snapshot == "first"
    }

    /// When the database made the change, in milliseconds since 1970.
    pub(super) fn at_ms(&self) -> Option<i64> {
        self.ts_ms.filter(|ms| *ms > 0)
    }
}

/// What an event is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// What stands behind a deletion, for the sake of Kafka's compaction.
    Tombstone,
    /// The connector is there.
    Heartbeat {
        /// When it said so, in milliseconds since 1970.
        at_ms: Option<i64>,
    },
    /// A transaction began or ended.
    Transaction,
    /// Tables were created, altered or dropped.
    Definition {
        /// Those that are gone, as the configuration may call each, with all its names first.
        dropped: Vec<Vec<String>>,
    },
    /// A change of a row or a document.
    Row(Box<Envelope>),
}

/// What `event` is; its content is taken.
pub(super) fn kind(event: &mut Event) -> Result<Kind, Expected> {
    let payload = match event.payload.take() {
        Value::Null if !event.is_heartbeat => return Ok(Kind::Tombstone),
        Value::Null => return Ok(Kind::Heartbeat { at_ms: None }),
        Value::Object(payload) => payload,
        _ => return Err("an event of Debezium's, a JSON object"),
    };
    let schema = event.schema.as_ref().and_then(Schema::name_of);
    let has = |key| payload.contains_key(key);
    if event.is_heartbeat
        || schema == Some("io.debezium.connector.common.Heartbeat")
        || (has("ts_ms") && payload.keys().all(|key| key.starts_with("ts_")))
    {
        let at_ms = payload.get("ts_ms").and_then(Value::as_i64);
        return Ok(Kind::Heartbeat { at_ms });
    }
    let is_envelope = payload.get("op").is_some_and(Value::is_string)
        && payload.get("source").is_some_and(Value::is_object);
    if is_envelope {
        let envelope = serde_json::from_value(Value::Object(payload));
        return envelope
            .map(|envelope| Kind::Row(Box::new(envelope)))
            .map_err(|_| "Debezium's envelope, with texts in op and source");
    }
    let is_of_transactions = matches!(
        payload.get("status").and_then(Value::as_str),
        Some("BEGIN" | "END")
    );
    if is_of_transactions && has("id") && has("event_count") {
        return Ok(Kind::Transaction);
    }
    if has("source") && (has("ddl") || has("tableChanges")) {
        return Ok(Kind::Definition {
            dropped: dropped(&payload),
        });
    }
    Err(
        "Debezium's envelope with before, after, source and op; a record without it may be a part of a row or document: \
         take ExtractNewRecordState, ExtractNewDocumentState and the like out of `transforms`",
    )
}

/// The tables that a change of definitions took away.
fn dropped(payload: &Map<String, Value>) -> Vec<Vec<String>> {
    let changes = payload.get("tableChanges").and_then(Value::as_array);
    changes
        .into_iter()
        .flatten()
        .filter(|change| change.get("type").and_then(Value::as_str) == Some("DROP"))
        .filter_map(|change| Some(names(change.get("id")?.as_str()?)))
        .collect()
}

/// What `"db"."schema"."table"` may be called, with all its names first.
fn names(quoted: &str) -> Vec<String> {
    let parts: Vec<&str> = quoted.split('.').map(|part| part.trim_matches('"')).collect();
    (0..parts.len()).map(|from| parts[from..].join(".")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use serde_json::json;

    use super::*;

    fn of(payload: Value) -> Result<Kind, Expected> {
        kind(&mut Event {
            payload,
            ..Event::default()
        })
    }

    #[test]
    fn events_that_speak_of_no_row_are_known() {
        assert_eq!(of(Value::Null), Ok(Kind::Tombstone));
        let heartbeat = Kind::Heartbeat { at_ms: Some(17) };
        assert_eq!(of(json!({"ts_ms": 17})), Ok(heartbeat));
        let transaction = json!({"status": "END", "id": "5:7", "event_count": 2, "data_collections": []});
        assert_eq!(of(transaction), Ok(Kind::Transaction));
        let definition = json!({
            "source": {}, "databaseName": "crm", "ddl": "DROP TABLE customers",
            "tableChanges": [{"type": "DROP", "id": "\"crm\".\"dbo\".\"customers\""}, {"type": "ALTER", "id": "x"}],
        });
        let names = ["crm.dbo.customers", "dbo.customers", "customers"].map(str::to_owned);
        let dropped = vec![names.to_vec()];
        assert_eq!(of(definition), Ok(Kind::Definition { dropped }));
    }

    #[test]
    fn a_record_without_its_envelope_may_be_a_part() {
        for flattened in [
            json!({"id": 1, "name": "Ada"}),
            json!({"_id": "x", "__deleted": "true"}),
            json!({"id": 1, "op": "c"}),
            json!({"id": 1, "source": "web"}),
            json!({"status": "BEGIN", "id": 1}),
            json!({"ddl": "of a row"}),
        ] {
            assert!(of(flattened).unwrap_err().contains("transforms"));
        }
        assert!(of(json!([])).is_err() && of(json!(7)).is_err());
    }

    #[test]
    fn tables_have_all_their_names() {
        let source = |value| serde_json::from_value::<Source>(value).unwrap().names();
        assert_eq!(
            source(json!({"db": "crm", "schema": "dbo", "table": "customers"})),
            ["crm.dbo.customers", "dbo.customers", "crm.customers", "customers"]
        );
        assert_eq!(
            source(json!({"db": "crm", "collection": "customers"})),
            ["crm.customers", "customers"]
        );
        assert_eq!(source(json!({"db": "crm"})), Vec::<String>::new());
    }
}
