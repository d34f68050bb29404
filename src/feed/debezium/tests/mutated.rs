//! Events that something happened to: none panics, and none applies a part of a customer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const STREAMS: [&str; 5] = [
    include_str!("../../../../tests/data/debezium/postgres.ndjson"),
    include_str!("../../../../tests/data/debezium/mongodb_pre_image.ndjson"),
    include_str!("../../../../tests/data/debezium/mysql.ndjson"),
    include_str!("../../../../tests/data/debezium/sqlserver.ndjson"),
    include_str!("../../../../tests/data/debezium/cloudevents.ndjson"),
];

/// An event of one of the streams.
fn events() -> impl Strategy<Value = String> {
    let all: Vec<String> = STREAMS
        .iter()
        .flat_map(|stream| stream.lines().map(str::to_owned))
        .collect();
    proptest::sample::select(all)
}

/// Every place in `value`, as a pointer.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{key}"), into);
            }
        }
        Value::Array(list) => {
            for (nth, value) in list.iter().enumerate() {
                places(value, &format!("{at}/{nth}"), into);
            }
        }
        _ => {}
    }
}

/// The customers that `event` puts.
fn put(event: &str) -> Vec<Value> {
    let customer = |item| match item {
        Item::Change {
            change: Change::Upsert { customer },
            ..
        } => Some(customer.json().to_value()),
        _ => None,
    };
    items(event).into_iter().filter_map(customer).collect()
}

fn payload(event: &mut Value) -> &mut Value {
    let event = if event.get("data").is_some() {
        &mut event["data"]
    } else {
        &mut event["value"]
    };
    if event.get("payload").is_some() {
        &mut event["payload"]
    } else {
        event
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(value in proptest::collection::vec(any::<u8>(), 0..200), key in any::<Option<Vec<u8>>>()) {
        let mut items = Vec::new();
        let message = Message { subject: None, key: key.as_deref(), value: &value };
        decoder().decode(message, &mut items);
        prop_assert!(!items.is_empty());
        for message in decoder().messages(&value) {
            decoder().decode(Message::of(message), &mut items);
        }
    }

    #[test]
    fn an_event_that_was_cut_says_nothing(event in events(), at in any::<proptest::sample::Index>()) {
        let cut: String = event.chars().take(at.index(event.chars().count())).collect();
        for item in items(&cut) {
            prop_assert!(matches!(item, Item::Refused(_) | Item::Nothing), "{:?}", item);
        }
    }

    #[test]
    fn whatever_is_missing_or_another_value_no_event_panics(
        event in events(),
        at in any::<proptest::sample::Index>(),
        value in prop_oneof![
            Just(Value::Null), Just(json!({})), Just(json!([])), Just(json!("x")), Just(json!(i64::MIN)), Just(json!(true)),
        ],
    ) {
        let mut event: Value = serde_json::from_str(&event).unwrap();
        let mut all = Vec::new();
        places(&event, "", &mut all);
        *event.pointer_mut(&all[at.index(all.len())]).unwrap() = value;
        prop_assert!(!items(&event.to_string()).is_empty());
    }

    #[test]
    fn an_event_without_a_member_of_its_envelope_puts_the_same_or_nobody(
        event in events(),
        member in prop_oneof!["before", "after", "source", "op", "transaction", "ts_ms", "updateDescription"],
    ) {
        let whole = put(&event);
        let mut event: Value = serde_json::from_str(&event).unwrap();
        if let Value::Object(payload) = payload(&mut event) {
            payload.remove(&member);
        }
        let without = put(&event.to_string());
        prop_assert!(without.is_empty() || without == whole, "{:?} of {:?}", without, whole);
    }

    #[test]
    fn a_value_that_was_not_logged_costs_the_row(event in events(), nth in any::<proptest::sample::Index>()) {
        let whole = put(&event);
        let mut event: Value = serde_json::from_str(&event).unwrap();
        let Value::Object(after) = &mut payload(&mut event)["after"] else { return Ok(()) };
        let column = after.keys().nth(nth.index(after.len())).unwrap().clone();
        after.insert(column, "__debezium_unavailable_value".into());
        let without = put(&event.to_string());
        prop_assert!(without.is_empty() || without == whole, "{:?} of {:?}", without, whole);
    }

    #[test]
    fn a_document_that_was_cut_is_refused(at in any::<proptest::sample::Index>()) {
        let event = STREAMS[1].lines().next().unwrap();
        let mut event: Value = serde_json::from_str(event).unwrap();
        let after = payload(&mut event)["after"].as_str().unwrap().to_owned();
        let cut: String = after.chars().take(at.index(after.chars().count())).collect();
        payload(&mut event)["after"] = cut.into();
        prop_assert_eq!(put(&event.to_string()), Vec::<Value>::new());
    }
}
