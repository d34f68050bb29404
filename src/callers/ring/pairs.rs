//! Names and values that a phone system sends, as a form or as JSON.

use serde_json::{Map, Value};

use super::super::parameters::decoded;
use super::super::refusal::Refusal;
use crate::number;

/// Parameters that prove who asks.
const SECRETS: [&str; 2] = ["key", "ticket"];
/// The most pairs that are read; each is compared with every name that is looked for.
const MOST_PAIRS: usize = 500;

/// Names and values, a form's in their order, JSON's by name. An entry of a list is a pair of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Pairs {
    pairs: Vec<Pair>,
    /// Call variables that were sent as such, apart from the rest: whatever they are called, they say nothing of the call.
    variables: Vec<(String, String)>,
    /// The names of the variables that were not filled.
    unfilled: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    name: String,
    value: String,
    /// The value as the number that it may be: a plus that a form has lost is there again.
    number: Option<String>,
}

impl Pairs {
    /// Reads a body; what it is, it says itself.
    ///
    /// # Errors
    /// One that is no text, and JSON that is broken or no object.
    pub(in super::super) fn read(body: &[u8], expected: &'static str) -> Result<Pairs, Refusal> {
        let body = body.trim_ascii();
        let mut pairs = Pairs::default();
        if body.starts_with(b"{") || body.starts_with(b"[") {
            let object: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
                let found = format!("a fault in line {}, column {}", error.line(), error.column());
                Refusal::Body { expected, found }
            })?;
            for (name, value) in object {
                pairs.take(&name, value, true);
            }
            return Ok(pairs);
        }
        let form = str::from_utf8(body).map_err(|_| Refusal::Body {
            expected,
            found: "bytes that are no UTF-8 text".to_owned(),
        })?;
        pairs.read_form(form);
        Ok(pairs)
    }

    /// Reads a form or a query behind what is there.
    pub(in super::super) fn read_form(&mut self, form: &str) {
        for pair in form.split('&').filter(|pair| !pair.is_empty()).take(MOST_PAIRS) {
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            let number = number::from_query(raw);
            let value = decoded(raw);
            self.push(Pair {
                name: decoded(name).into_owned(),
                number: (number != value).then(|| number.into_owned()),
                value: value.into_owned(),
            });
        }
    }

    /// Reads a query behind what is there, without what proves who asks: that is nobody's to be kept or shown.
    pub(super) fn read_query(&mut self, query: &str) {
        let is_secret = |pair: &&str| {
            let name = decoded(pair.split_once('=').map_or(pair, |(name, _)| name));
            SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
        };
        let told: Vec<&str> = query.split('&').filter(|pair| !is_secret(pair)).collect();
        self.read_form(&told.join("&"));
    }

    /// Puts in a pair that is known already.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.push(Pair {
            name: name.to_owned(),
            value: value.trim().to_owned(),
            number: None,
        });
    }

    fn push(&mut self, pair: Pair) {
        if self.pairs.len() + self.unfilled.len() >= MOST_PAIRS {
            return;
        }
        if is_placeholder(&pair.value) {
            self.unfilled.push(pair.name);
        } else {
            self.pairs.push(pair);
        }
    }

    /// Takes the member `name` of a JSON object. Of what is nested, lists of texts are read, and the members of an object
    /// at the top.
    fn take(&mut self, name: &str, value: Value, at_top: bool) {
        match value {
            Value::String(text) => self.set(name, &text),
            Value::Number(number) => self.set(name, &number.to_string()),
            Value::Bool(value) => self.set(name, if value { "true" } else { "false" }),
            Value::Null => self.set(name, ""),
            Value::Array(values) if at_top => {
                for value in values {
                    match value {
                        Value::Object(members) => self.take_named(members),
                        value => self.take(name, value, false),
                    }
                }
            }
            Value::Object(members) if at_top => {
                for (name, value) in members {
                    self.take_variable(name, value);
                }
            }
            Value::Array(_) | Value::Object(_) => {}
        }
    }

    /// Takes a call variable of the form `{"name": …, "value": …}`.
    fn take_named(&mut self, mut members: Map<String, Value>) {
        if let (Some(Value::String(name)), Some(value)) = (members.remove("name"), members.remove("value")) {
            self.take_variable(name, value);
        }
    }

    fn take_variable(&mut self, name: String, value: Value) {
        let value = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return,
        };
        if !is_placeholder(&value) && self.pairs.len() + self.variables.len() < MOST_PAIRS {
            self.variables.push((name, value));
        }
    }

    /// Takes out the first value of one of `names`, in the order of the names, that is not empty. The others of that name
    /// go too.
    pub(super) fn remove(&mut self, names: &[&str]) -> Option<String> {
        self.remove_all(names).into_iter().next()
    }

    /// Takes out the first value of one of `names` that is not empty, as a number.
    pub(super) fn remove_number(&mut self, names: &[&str]) -> Option<String> {
        let mut found = None;
        for name in names {
            self.pairs.retain_mut(|pair| {
                let is_it = is_same(&pair.name, name);
                if is_it && found.is_none() && !pair.value.trim().is_empty() {
                    found = Some(
                        pair.number
                            .take()
                            .unwrap_or_else(|| std::mem::take(&mut pair.value)),
                    );
                }
                !is_it
            });
        }
        found
    }

    /// Takes out all values of `names` that are not empty, in the order of the names.
    pub(super) fn remove_all(&mut self, names: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for name in names {
            self.pairs.retain_mut(|pair| {
                let is_it = is_same(&pair.name, name);
                if is_it && !pair.value.trim().is_empty() {
                    found.push(std::mem::take(&mut pair.value));
                }
                !is_it
            });
        }
        found
    }

    /// Whether one of `names` was sent, be it empty or not filled.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        let sent = self.pairs.iter().map(|pair| &pair.name).chain(&self.unfilled);
        sent.into_iter()
            .any(|sent| names.iter().any(|name| is_same(sent, name)))
    }

    /// What is left, in its order.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        let pairs = self.pairs.into_iter().map(|pair| (pair.name, pair.value));
        pairs.chain(self.variables).collect()
    }
}

/// Whether `one` and `other` are the same name: `callId`, `call_id`, `call-id`; and `user`, `user[]` and `user[0]`.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    plain(one).eq(plain(other))
}

/// `name` as all of its spellings have it.
fn plain(name: &str) -> impl Iterator<Item = u8> {
    let name = match name.split_once('[') {
        Some((name, rest)) if rest.ends_with(']') => name,
        _ => name,
    };
    name.bytes()
        .filter(|byte| !matches!(byte, b'_' | b'-' | b'.'))
        .map(|byte| byte.to_ascii_lowercase())
}

/// Whether `value` holds a variable that was not filled.
fn is_placeholder(value: &str) -> bool {
    value.split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(String, String)> {
        Pairs::read(body.as_bytes(), "pairs").unwrap().rest()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn forms_and_json_say_the_same() {
        let expected = pairs(&[("event", "newCall"), ("user[]", "Alice"), ("user[]", "Bob B")]);
        assert_eq!(read("event=newCall&user%5B%5D=Alice&user[]=Bob+B"), expected);
        assert_eq!(
            read(r#" {"event":"newCall","user":["Alice","Bob B"]}"#),
            pairs(&[("event", "newCall"), ("user", "Alice"), ("user", "Bob B")])
        );
        assert_eq!(
            read(
                r#"{"id":7,"variables":{"a":"b","c":{"d":"e"}},"vars":[{"name":"x","value":"y"}],"n":null}"#
            ),
            pairs(&[("id", "7"), ("n", ""), ("a", "b"), ("x", "y")])
        );
    }

    #[test]
    fn pairs_are_bounded() {
        let form: String = (0..2000).map(|nth| format!("a{nth}=${{x}}&b{nth}=1&")).collect();
        let pairs = Pairs::read(form.as_bytes(), "pairs").unwrap();
        assert_eq!(pairs.pairs.len() + pairs.unfilled.len(), MOST_PAIRS);
        let object: Map<String, Value> = (0..2000).map(|nth| (nth.to_string(), nth.into())).collect();
        let json = serde_json::to_string(&object).unwrap();
        assert_eq!(read(&json).len(), MOST_PAIRS);
    }

    #[test]
    fn variables_that_were_not_filled_are_absent() {
        assert_eq!(
            read(r#"{"a":"${callVariable1}","b":"x ${y}","c":"${","d":"$5 {a}"}"#),
            pairs(&[("c", "${"), ("d", "$5 {a}")])
        );
        assert_eq!(read("a=%24%7BDNIS%7D&b="), pairs(&[("b", "")]));
    }

    #[test]
    fn a_plus_is_kept_in_forms_and_only_there() {
        for body in ["from=+4416", "from=%2B4416", "from=%204416"] {
            let mut pairs = Pairs::read(body.as_bytes(), "pairs").unwrap();
            assert_eq!(pairs.remove_number(&["from"]).as_deref(), Some("+4416"), "{body}");
        }
        let mut pairs = Pairs::read(br#"{"from":" 4416"}"#, "pairs").unwrap();
        assert_eq!(pairs.remove_number(&["from"]).as_deref(), Some("4416"));
    }

    #[test]
    fn the_first_value_counts_and_names_are_spelled_in_many_ways() {
        let mut pairs = Pairs::read(b"call-id=&callId=1&CALL_ID=2&x=3", "pairs").unwrap();
        assert!(pairs.has(&["callid"]));
        assert_eq!(pairs.remove(&["call_id"]).as_deref(), Some("1"));
        assert!(!pairs.has(&["callid"]));
        assert_eq!(pairs.rest().len(), 1);
    }
}
