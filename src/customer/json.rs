//! A JSON document that was read once: its text, and where everything in it stands.
//!
//! What feeds deliver is read field by field, most of it once, and then dropped: a tree of maps and strings would cost more
//! than all of that. Here a whole document is three pieces of memory, whatever is in it.

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON value and all that is in it; null where nothing was read.
#[derive(Clone, Default)]
pub struct Document {
    text: Box<str>,
    /// What stands in the text with escapes, without them.
    unescaped: String,
    /// Every value in the order of the text; those of a list or an object stand right behind it, keys ahead of their values.
    tape: Vec<Entry>,
    /// The place on the tape of the value that is meant.
    root: usize,
}

#[derive(Debug, Clone)]
enum Entry {
    Null,
    Bool(bool),
    Number(Number),
    /// From where to where in the text.
    Text(u32, u32),
    /// From where to where in what had escapes.
    Unescaped(u32, u32),
    /// Where the tape goes on behind it, and how many entries it has.
    List(u32, u32),
    /// Where the tape goes on behind it.
    Object(u32),
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct Json<'d> {
    document: &'d Document,
    at: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind<'d> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(&'d Number),
    /// A text.
    Text(&'d str),
    /// A list of so many entries.
    List(usize),
    /// An object.
    Object,
}

impl Document {
    /// Reads `text`.
    ///
    /// # Errors
    /// It is no JSON, or longer than 4 GiB.
    pub fn parse(text: &str) -> Result<Document, serde_json::Error> {
        let mut tape = Tape {
            text,
            unescaped: String::new(),
            // About what a customer with a case and an interaction has.
            entries: Vec::with_capacity(text.len() / 12 + 8),
        };
        if u32::try_from(text.len()).is_err() {
            return Err(Error::custom("expected a document of less than 4 GiB"));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        (&mut tape).deserialize(&mut reader)?;
        reader.end()?;
        let Tape {
            unescaped, entries, ..
        } = tape;
        Ok(Document {
            text: text.into(),
            unescaped,
            tape: entries,
            root: 0,
        })
    }

    /// Bytes that it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.unescaped.len() + self.tape.len() * size_of::<Entry>()
    }

    /// The value that is meant.
    pub fn json(&self) -> Json<'_> {
        Json {
            document: self,
            at: self.root,
        }
    }

    /// The same document, of which the value at `path` is meant, keys one below the other; `None` where there is none.
    #[must_use]
    pub fn at(mut self, path: &[&str]) -> Option<Document> {
        let mut json = self.json();
        for key in path {
            json = json.get(key)?;
        }
        self.root = json.at;
        Some(self)
    }
}

impl From<&Value> for Document {
    fn from(value: &Value) -> Document {
        let mut tape = Tape {
            text: "",
            unescaped: String::new(),
            entries: Vec::new(),
        };
        tape.value(value);
        Document {
            text: "".into(),
            unescaped: tape.unescaped,
            tape: tape.entries,
            root: 0,
        }
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document::from(&value)
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Document) -> bool {
        self.json().to_value() == other.json().to_value()
    }
}

impl std::fmt::Debug for Document {
    /// Sizes only: a document is somebody's data, and debug output ends in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Document({} bytes, {} values)",
            self.text.len() + self.unescaped.len(),
            self.tape.len()
        )
    }
}

impl<'d> Json<'d> {
    /// What it is.
    pub fn kind(self) -> Kind<'d> {
        match self.document.tape.get(self.at) {
            None | Some(Entry::Null) => Kind::Null,
            Some(Entry::Bool(value)) => Kind::Bool(*value),
            Some(Entry::Number(number)) => Kind::Number(number),
            Some(Entry::Text(from, to)) => Kind::Text(part(&self.document.text, *from, *to)),
            Some(Entry::Unescaped(from, to)) => Kind::Text(part(&self.document.unescaped, *from, *to)),
            Some(Entry::List(_, len)) => Kind::List(*len as usize),
            Some(Entry::Object(_)) => Kind::Object,
        }
    }

    /// Its text, where it is one.
    pub fn as_str(self) -> Option<&'d str> {
        match self.kind() {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        matches!(self.kind(), Kind::Null)
    }

    /// The value of the member `key`, the last of several; `None` where there is none, or where this is no object.
    pub fn get(self, key: &str) -> Option<Json<'d>> {
        self.members()
            .filter(|(found, _)| *found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// Its members, in order; none where it is no object.
    pub fn members(self) -> impl Iterator<Item = (&'d str, Json<'d>)> {
        let (mut at, end) = match self.document.tape.get(self.at) {
            Some(Entry::Object(end)) => (self.at + 1, *end as usize),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let key = self.on(at);
            let value = self.on(at + 1);
            at = value.behind();
            Some((key.as_str().unwrap_or_default(), value))
        })
    }

    /// Its entries, in order; none where it is no list.
    pub fn entries(self) -> impl Iterator<Item = Json<'d>> {
        let (mut at, end) = match self.document.tape.get(self.at) {
            Some(Entry::List(end, _)) => (self.at + 1, *end as usize),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let entry = self.on(at);
            at = entry.behind();
            Some(entry)
        })
    }

    /// The same as a tree.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::from(text),
            Kind::List(_) => Value::Array(self.entries().map(Json::to_value).collect()),
            Kind::Object => Value::Object(
                self.members()
                    .map(|(key, value)| (key.to_owned(), value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    fn on(self, at: usize) -> Json<'d> {
        Json { at, ..self }
    }

    /// The place on the tape behind it.
    fn behind(self) -> usize {
        match self.document.tape.get(self.at) {
            Some(Entry::List(end, _) | Entry::Object(end)) => *end as usize,
            _ => self.at + 1,
        }
    }
}

impl<'v> From<&'v Value> for Kind<'v> {
    fn from(value: &'v Value) -> Kind<'v> {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => Kind::Number(number),
            Value::String(text) => Kind::Text(text),
            Value::Array(entries) => Kind::List(entries.len()),
            Value::Object(_) => Kind::Object,
        }
    }
}

fn part(text: &str, from: u32, to: u32) -> &str {
    text.get(from as usize..to as usize).unwrap_or_default()
}

/// A document while it is read.
struct Tape<'t> {
    text: &'t str,
    unescaped: String,
    entries: Vec<Entry>,
}

impl Tape<'_> {
    fn text(&mut self, text: &str) {
        let from = self.unescaped.len();
        self.unescaped.push_str(text);
        self.entries
            .push(Entry::Unescaped(place(from), place(self.unescaped.len())));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.entries.push(Entry::Null),
            Value::Bool(value) => self.entries.push(Entry::Bool(*value)),
            Value::Number(number) => self.entries.push(Entry::Number(number.clone())),
            Value::String(text) => self.text(text),
            Value::Array(entries) => {
                let begin = self.entries.len();
                self.entries.push(Entry::Null);
                entries.iter().for_each(|entry| self.value(entry));
                self.entries[begin] = Entry::List(place(self.entries.len()), place(entries.len()));
            }
            Value::Object(members) => {
                let begin = self.entries.len();
                self.entries.push(Entry::Null);
                for (key, value) in members {
                    self.text(key);
                    self.value(value);
                }
                self.entries[begin] = Entry::Object(place(self.entries.len()));
            }
        }
    }
}

/// A place in a document, which has less than 4 GiB.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'de> DeserializeSeed<'de> for &mut Tape<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Tape<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.entries.push(Entry::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.entries.push(Entry::Bool(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.entries.push(Entry::Number(value.into()));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.entries.push(Entry::Number(value.into()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        let number = Number::from_f64(value);
        self.entries.push(number.map_or(Entry::Null, Entry::Number));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        // Borrowed is borrowed from the text.
        let from = value.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        self.entries
            .push(Entry::Text(place(from), place(from.saturating_add(value.len()))));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.text(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let begin = self.entries.len();
        self.entries.push(Entry::Null);
        let mut len = 0;
        while entries.next_element_seed(&mut *self)?.is_some() {
            len += 1;
        }
        self.entries[begin] = Entry::List(place(self.entries.len()), len);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let begin = self.entries.len();
        self.entries.push(Entry::Null);
        while members.next_key_seed(&mut *self)?.is_some() {
            members.next_value_seed(&mut *self)?;
        }
        self.entries[begin] = Entry::Object(place(self.entries.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-z\"\\\\\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_is_what_a_tree_is(value in value()) {
            let text = value.to_string();
            let parsed = Document::parse(&text).unwrap();
            prop_assert_eq!(parsed.json().to_value(), serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(Document::from(&value).json().to_value(), value);
        }

        #[test]
        fn any_text_is_read_or_refused_as_by_a_tree(text in "[\\[\\]{}\",:\\\\u0-9eE.+ntrfalse -]{0,24}") {
            prop_assert_eq!(
                Document::parse(&text).map(|document| document.json().to_value()).ok(),
                serde_json::from_str::<Value>(&text).ok()
            );
        }
    }

    #[test]
    fn members_and_entries_are_found() {
        let document =
            Document::parse(r#"{"a":[1,[2,{"x":3}],"\u0041b"],"b":{"c":null},"a2":true,"b":{"c":"d"}}"#)
                .unwrap();
        let json = document.json();
        let list = json.get("a").unwrap();
        assert_eq!(list.kind(), Kind::List(3));
        assert_eq!(list.entries().last().unwrap().as_str(), Some("Ab"));
        assert_eq!(json.get("a2").unwrap().kind(), Kind::Bool(true));
        assert_eq!(
            json.get("b").unwrap().get("c").unwrap().as_str(),
            Some("d"),
            "the last counts"
        );
        assert!(json.get("c").is_none() && list.get("a").is_none());
        assert_eq!(json.members().count(), 4);
        let below = document.clone().at(&["b"]).unwrap();
        assert_eq!(below.json().to_value(), json!({"c": "d"}));
        assert!(document.at(&["b", "d"]).is_none());
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(Document::parse(&"[".repeat(100_000)).is_err());
    }
}
