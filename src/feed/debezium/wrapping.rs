//! What Debezium's events come wrapped in: Kafka Connect's `{"schema", "payload"}`, CloudEvents, or a key and a value side
//! by side where a transport has no place for keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::decode::{Message, lines};

/// How the heartbeats' topics begin, unless `topic.heartbeat.prefix` says otherwise.
const HEARTBEATS: &str = "__debezium-heartbeat";

/// An event out of its wrapping.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    /// Whether it came by a topic of heartbeats.
    pub(super) is_heartbeat: bool,
    /// Its key, where one came with it that can be read.
    pub(super) key: Option<Keyed>,
    /// What the schema of its content is, where it came with one.
    pub(super) schema: Option<Value>,
    /// Its content; null of a tombstone.
    pub(super) payload: Value,
}

/// A key out of its wrapping.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Keyed {
    pub(super) schema: Option<Value>,
    pub(super) columns: Map<String, Value>,
}

/// Why something is no event: what was expected.
pub(super) type Expected = &'static str;

/// The event that `message` is.
pub(super) fn unwrap(message: Message<'_>) -> Result<Event, Expected> {
    let is_heartbeat = |topic: &str| topic.contains(HEARTBEATS);
    let mut event = Event {
        is_heartbeat: message.subject.is_some_and(is_heartbeat),
        key: message.key.and_then(parsed_key),
        ..Event::default()
    };
    let mut value = parsed(message.value)?;
    if let Some(side_by_side) = value.as_object_mut().filter(|object| is_side_by_side(object)) {
        event.is_heartbeat |= side_by_side
            .get("topic")
            .and_then(Value::as_str)
            .is_some_and(is_heartbeat);
        event.key = side_by_side.remove("key").and_then(key).or(event.key);
        value = match side_by_side.remove("value").unwrap_or_default() {
            Value::String(text) => parsed(text.as_bytes())?,
            value => value,
        };
    }
    if !value.as_object().is_some_and(is_cloud_event) {
        (event.schema, event.payload) = apart(value);
        return Ok(event);
    }
    let data = match (value["data"].take(), value["data_base64"].take()) {
        (Value::Null, Value::String(bytes)) => {
            let bytes = STANDARD.decode(bytes);
            parsed(&bytes.map_err(|_| "Base64 in data_base64")?)?
        }
        (data, _) => data,
    };
    (event.schema, event.payload) = apart(data);
    complete(&mut event.payload, &value);
    Ok(event)
}

/// The events of a posted body: the elements of an array, or one or several objects, each on a line of its own or over
/// several.
pub(super) fn events(body: &[u8]) -> Vec<&[u8]> {
    let trimmed = body.trim_ascii();
    if trimmed.first() == Some(&b'[')
        && let Ok(values) = serde_json::from_slice::<Vec<&RawValue>>(trimmed)
    {
        return values.into_iter().map(text).collect();
    }
    let lines = lines(body);
    let is_whole = |line: &[u8]| serde_json::from_slice::<&RawValue>(line).is_ok();
    let first = lines.iter().find(|line| !line.trim_ascii().is_empty());
    if first.is_some_and(|first| !is_whole(first)) {
        let values = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
        if let Ok(values) = values.map(|value| value.map(text)).collect() {
            return values;
        }
    }
    lines
}

fn text(value: &RawValue) -> &[u8] {
    value.get().as_bytes()
}

fn parsed(text: &[u8]) -> Result<Value, Expected> {
    match text.trim_ascii() {
        [] => Ok(Value::Null),
        [0, ..] => Err("JSON (format.value=json); this is Avro or Protobuf"),
        text => serde_json::from_slice(text).map_err(|_| "an event of Debezium's, a JSON object"),
    }
}

fn parsed_key(text: &[u8]) -> Option<Keyed> {
    key(serde_json::from_slice(text).ok()?)
}

fn key(value: Value) -> Option<Keyed> {
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        value => value,
    };
    match apart(value) {
        (schema, Value::Object(columns)) => Some(Keyed { schema, columns }),
        _ => None,
    }
}

fn is_side_by_side(object: &Map<String, Value>) -> bool {
    let has = |key| object.contains_key(key);
    has("key") && has("value") && !has("op") && !has("payload")
}

fn is_cloud_event(object: &Map<String, Value>) -> bool {
    ["specversion", "type", "source"]
        .iter()
        .all(|key| object.get(*key).is_some_and(Value::is_string))
}

/// The schema and the content of what may have both side by side.
fn apart(value: Value) -> (Option<Value>, Value) {
    match value {
        Value::Object(mut object)
            if object.contains_key("payload")
                && object.keys().all(|key| key == "schema" || key == "payload") =>
        {
            let payload = object.remove("payload").unwrap_or_default();
            let schema = object.remove("schema").filter(|schema| !schema.is_null());
            (schema, payload)
        }
        other => (None, other),
    }
}

/// Gives an event the members that CloudEvents have as attributes.
fn complete(payload: &mut Value, attributes: &Value) {
    let Value::Object(envelope) = payload else { return };
    let attribute = |name: &str| attributes.get(format!("iodebezium{name}")).cloned();
    if !envelope.contains_key("op")
        && let Some(op) = attribute("op")
    {
        envelope.insert("op".into(), op);
    }
    if !envelope.contains_key("source") {
        let ms = |value: Value| match value {
            Value::String(text) => text.parse::<i64>().ok(),
            value => value.as_i64(),
        };
        let source = json!({
            "connector": attribute("connector"),
            "db": attribute("db"),
            "schema": attribute("schema"),
            "table": attribute("table"),
            "collection": attribute("collection"),
            "ts_ms": attribute("tsms").and_then(ms),
            "snapshot": attribute("snapshot"),
        });
        envelope.insert("source".into(), source);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    fn of(value: &str) -> Event {
        unwrap(Message::of(value.as_bytes())).unwrap()
    }

    #[test]
    fn an_event_is_the_same_however_it_is_wrapped() {
        let plain = of(r#"{"op":"c","source":{}}"#);
        assert_eq!(plain.payload, json!({"op": "c", "source": {}}));
        let beside = [
            r#"{"payload":{"op":"c","source":{}}}"#,
            r#"{"schema":null,"payload":{"op":"c","source":{}}}"#,
            r#"{"key":null,"value":{"op":"c","source":{}}}"#,
            r#"{"key":null,"value":{"payload":{"op":"c","source":{}}},"topic":"crm.customers","offset":7}"#,
            r#"{"key":null,"value":"{\"op\":\"c\",\"source\":{}}"}"#,
            r#"{"specversion":"1.0","type":"t","source":"s","data":{"op":"c","source":{}}}"#,
            r#"{"specversion":"1.0","type":"t","source":"s","data_base64":"eyJvcCI6ImMiLCJzb3VyY2UiOnt9fQ=="}"#,
        ];
        for wrapped in beside {
            assert_eq!(of(wrapped), plain, "{wrapped}");
        }
    }

    #[test]
    fn keys_come_beside_values_or_with_the_message() {
        let columns = json!({"id": 3});
        for key in [r#"{"id":3}"#, r#"{"payload":{"id":3}}"#, r#""{\"id\":3}""#] {
            let event = of(&format!(r#"{{"key":{key},"value":null}}"#));
            assert_eq!(Value::Object(event.key.unwrap().columns), columns);
            assert_eq!(event.payload, Value::Null);
            let message = Message {
                key: Some(key.as_bytes()),
                ..Message::of(b"")
            };
            assert_eq!(
                Value::Object(unwrap(message).unwrap().key.unwrap().columns),
                columns
            );
        }
        assert_eq!(of(r#"{"key":"Struct{id=3}","value":null}"#).key, None);
    }

    #[test]
    fn what_is_no_json_says_what_it_looks_like() {
        assert!(
            unwrap(Message::of(b"\0\0\0\0\x01x"))
                .unwrap_err()
                .contains("Avro")
        );
        assert!(unwrap(Message::of(b"id=3")).unwrap_err().contains("JSON"));
        assert!(unwrap(Message::of(br#"{"key":1,"value":"no json"}"#)).is_err());
    }

    #[test]
    fn heartbeats_are_known_by_their_topic() {
        let message = Message {
            subject: Some("__debezium-heartbeat.crm"),
            ..Message::of(b"{}")
        };
        assert!(unwrap(message).unwrap().is_heartbeat);
        assert!(of(r#"{"topic":"__debezium-heartbeat.crm","key":null,"value":{}}"#).is_heartbeat);
        assert!(!of(r#"{"topic":"crm.heartbeats","key":null,"value":{}}"#).is_heartbeat);
    }

    #[test]
    fn a_body_holds_one_event_or_several() {
        let of = |body: &'static str| -> Vec<&str> {
            let events = events(body.as_bytes()).into_iter();
            events
                .map(|event| std::str::from_utf8(event).unwrap())
                .filter(|event| !event.trim().is_empty())
                .collect()
        };
        assert_eq!(of("{\"a\":1}\n{\"b\":2}\n"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(of("{\n \"a\": 1\n}\n"), ["{\n \"a\": 1\n}"]);
        assert_eq!(of("{\n\"a\":1}\n{\"b\":\n2}"), ["{\n\"a\":1}", "{\"b\":\n2}"]);
        assert_eq!(of(" [{\"a\":1},\n {\"b\":2}] "), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(
            of("broken\n{\"b\":2}"),
            ["broken", "{\"b\":2}"],
            "one costs no other"
        );
        assert_eq!(of("{\"b\":2}\nbroken"), ["{\"b\":2}", "broken"]);
        assert_eq!(of("[]"), Vec::<&str>::new());
        assert_eq!(of("[1,"), ["[1,"]);
    }
}
