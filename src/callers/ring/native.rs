//! A ring in Ringside's own form: as JSON it is strict, for whoever writes it reads the answer.

use serde_json::{Map, Value};

use super::super::refusal::Refusal;
use super::Event;

/// The longest id of a call, an agent or a telephone, in bytes; and the most agents of one ring.
const ID_MAX: usize = 256;
const AGENTS_MAX: usize = 100;
const DIRECTIONS: [&str; 4] = ["inbound", "outbound", "in", "out"];
/// Events that say nothing of their own.
const EVENTS: [&str; 5] = ["update", "held", "hold", "resume", "dtmf"];
const A_TEXT: &str = "a text of at most 256 bytes";

/// Whether the members of a JSON `body` are what they have to be. What is no JSON object is another form's matter.
///
/// # Errors
/// The first member that is not.
pub(super) fn check(body: &[u8]) -> Result<(), Refusal> {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Ok(());
    };
    for (field, may_be_empty) in [
        ("call_id", false),
        ("ani", true),
        ("dnis", true),
        ("agent", true),
        ("extension", true),
        ("queue", true),
        ("call_type", true),
        ("verstat", true),
        ("secondary_id", true),
    ] {
        let is_fit = match members.get(field) {
            None => true,
            // A number is withheld, a call is not.
            Some(Value::Null) => field != "call_id",
            Some(Value::String(text)) => text.len() <= ID_MAX && (may_be_empty || !text.is_empty()),
            Some(Value::Number(_)) => true,
            Some(_) => false,
        };
        if !is_fit {
            return Err(unfit(field, A_TEXT));
        }
    }
    let is_direction = |text: &str| DIRECTIONS.iter().any(|known| known.eq_ignore_ascii_case(text));
    match members.get("direction") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() || is_direction(text) => {}
        Some(_) => return Err(unfit("direction", "inbound or outbound")),
    }
    match members.get("agents") {
        None | Some(Value::Null) => {}
        Some(Value::Array(agents)) if agents.len() <= AGENTS_MAX && agents.iter().all(is_agent) => {}
        Some(_) => return Err(unfit("agents", "a list of at most 100 agents' ids")),
    }
    let is_event = |word: &str| {
        EVENTS.iter().any(|known| known.eq_ignore_ascii_case(word)) || Event::of(word) != Event::Update
    };
    match members.get("event") {
        None | Some(Value::Null) => {}
        Some(Value::String(word)) if word.is_empty() || is_event(word) => {}
        Some(_) => {
            return Err(unfit(
                "event",
                "ring, answer, end or update; a phone system's own words go into `state`",
            ));
        }
    }
    let is_scalar = |value: &Value| !matches!(value, Value::Object(_) | Value::Array(_));
    match members.get("variables") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(variables)) if variables.values().all(is_scalar) => Ok(()),
        Some(_) => Err(unfit("variables", "an object of texts, numbers and truth values")),
    }
}

fn is_agent(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| !text.is_empty() && text.len() <= ID_MAX)
}

fn unfit(field: &'static str, expected: &'static str) -> Refusal {
    Refusal::Value {
        field,
        expected,
        found: "something else".to_owned(),
        hint: String::new(),
    }
}
