//! Texts with places for values: `/customers/{customer_id}`. `{{` and `}}` stand for braces.

use serde_json::Value;

/// A text with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Place(String),
}

/// JSON whose texts have places.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Plain(Value),
    Text(Text),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A place that stands for nothing.
    Unknown(String),
    /// A brace without its partner.
    Brace,
    /// No JSON.
    Json(String),
}

impl Text {
    /// Reads `text`, whose places `is_known` knows.
    pub(super) fn parse(text: &str, is_known: &dyn Fn(&str) -> bool) -> Result<Text, Fault> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(char) = rest.next() {
            match char {
                '{' | '}' if rest.peek() == Some(&char) => {
                    rest.next();
                    plain.push(char);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            None | Some('{') => return Err(Fault::Brace),
                            Some(char) => name.push(char),
                        }
                    }
                    if !is_known(&name) {
                        return Err(Fault::Unknown(name));
                    }
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Place(name));
                }
                '}' => return Err(Fault::Brace),
                char => plain.push(char),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Text(pieces))
    }

    /// The text, with `value` in its places; `None` where it knows nothing for one of them.
    pub(super) fn fill(&self, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => filled.push_str(text),
                Piece::Place(name) => filled.push_str(&value(name)?),
            }
        }
        Some(filled)
    }

    /// A value that stands alone keeps its type; among other text it is text, and nothing where there is none.
    fn value(&self, value: &dyn Fn(&str) -> Option<Value>) -> Value {
        if let [Piece::Place(name)] = &*self.0 {
            return value(name).unwrap_or_default();
        }
        let text = |name: &str| {
            Some(match value(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
            })
        };
        Value::String(self.fill(&text).unwrap_or_default())
    }
}

impl Json {
    /// Reads the JSON `text`.
    pub(super) fn parse(text: &str, is_known: &dyn Fn(&str) -> bool) -> Result<Json, Fault> {
        let value: Value = serde_json::from_str(text).map_err(|error| Fault::Json(error.to_string()))?;
        Json::read(value, is_known)
    }

    fn read(value: Value, is_known: &dyn Fn(&str) -> bool) -> Result<Json, Fault> {
        Ok(match value {
            Value::String(text) => Json::Text(Text::parse(&text, is_known)?),
            Value::Array(list) => {
                let list = list.into_iter().map(|value| Json::read(value, is_known));
                Json::List(list.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.into_iter();
                let members = members.map(|(key, value)| Ok((key, Json::read(value, is_known)?)));
                Json::Object(members.collect::<Result<_, _>>()?)
            }
            plain => Json::Plain(plain),
        })
    }

    /// The JSON, with `value` in its places.
    pub(super) fn fill(&self, value: &dyn Fn(&str) -> Option<Value>) -> Value {
        match self {
            Json::Plain(plain) => plain.clone(),
            Json::Text(text) => text.value(value),
            Json::List(list) => list.iter().map(|json| json.fill(value)).collect(),
            Json::Object(members) => {
                let members = members.iter();
                Value::Object(
                    members
                        .map(|(key, json)| (key.clone(), json.fill(value)))
                        .collect(),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn known(name: &str) -> bool {
        ["id", "name", "list"].contains(&name)
    }

    #[test]
    fn places_are_filled_and_braces_stay() {
        let text = Text::parse("/a/{id}/{{x}}/{name}", &known).unwrap();
        let filled = text.fill(&|name| Some(name.to_uppercase()));
        assert_eq!(filled.as_deref(), Some("/a/ID/{x}/NAME"));
        assert_eq!(text.fill(&|name| (name == "id").then(String::new)), None);
        for (text, fault) in [
            ("{nme}", Fault::Unknown("nme".to_owned())),
            ("{id", Fault::Brace),
            ("id}", Fault::Brace),
            ("{i{d}", Fault::Brace),
        ] {
            assert_eq!(Text::parse(text, &known), Err(fault));
        }
    }

    #[test]
    fn values_keep_their_types_and_cannot_break_out() {
        let template = r#"{"a": "{list}", "b": "is {name}, {list}", "{c}": [1, "{id}", {"d": "{name}"}]}"#;
        let json = Json::parse(template, &known).unwrap();
        let name = "\"}, {\"admin\": true";
        let filled = json.fill(&|place| match place {
            "list" => Some(json!([1, true])),
            "name" => Some(json!(name)),
            _ => None,
        });
        let expected =
            json!({"a": [1, true], "b": format!("is {name}, [1,true]"), "{c}": [1, null, {"d": name}]});
        assert_eq!(filled, expected);
        assert!(matches!(Json::parse("{", &known), Err(Fault::Json(_))));
        assert_eq!(
            Json::parse("[\"{x}\"]", &known),
            Err(Fault::Unknown("x".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn no_text_ends_the_process_and_text_without_braces_stays(text in ".*") {
            let parsed = Text::parse(&text, &known);
            if !text.contains(['{', '}']) {
                prop_assert_eq!(parsed.unwrap().fill(&|_| None), Some(text));
            }
        }
    }
}
