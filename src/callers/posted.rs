//! The body of a posted lookup: a form, one JSON object, or a batch.

use serde_json::{Map, Value};

use super::call::Call;
use super::parameters::Parameters;
use super::refusal::Refusal;

const EXPECTED: &str =
    "a form, or a JSON object such as {\"ani\": \"+14806754110\"} or {\"anis\": [\"+14806754110\"]}";

/// Reads the body of `call` into `parameters`; gives back the numbers of a batch where it is one.
///
/// What a body is, it says itself: callers send JSON as `text/json`, as a form, or as nothing.
///
/// # Errors
/// A body that is neither.
pub(super) fn read<'a>(
    call: &Call<'a>,
    parameters: &mut Parameters<'a>,
) -> Result<Option<Vec<String>>, Refusal> {
    let refuse = |found: String| Refusal::Body {
        expected: EXPECTED,
        found,
    };
    let body = call.body.trim_ascii();
    let says_json = call
        .content_type
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    if body.is_empty() {
        return Ok(None);
    }
    if !body.starts_with(b"{") && !says_json {
        let form = str::from_utf8(body).map_err(|_| refuse("bytes that are no UTF-8 text".to_owned()))?;
        parameters.read_form(form);
        return Ok(None);
    }
    let object: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        refuse(format!(
            "a fault in line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    let mut batch = None;
    for (name, value) in object {
        if name == "anis" {
            let Value::Array(values) = value else {
                return Err(refuse("`anis` that is no list".to_owned()));
            };
            let numbers: Option<Vec<String>> = values.into_iter().map(text).collect();
            batch = Some(numbers.ok_or_else(|| refuse("an entry of `anis` that is no text".to_owned()))?);
        } else if let Some(text) = text(value) {
            parameters.take(&name, text);
        } else if name == "ani" {
            return Err(refuse("`ani` that is no text".to_owned()));
        }
    }
    Ok(batch)
}

/// A text; a number as its digits, nothing as the empty text, since programs send both.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => Some(String::new()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
