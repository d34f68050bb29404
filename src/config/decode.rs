//! From a tree to the typed sections: every fault keeps the full path of its key and who gave the value.

use std::collections::btree_map;
use std::fmt::Display;
use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};

use super::error::{ConfigError, Origin, nearest};
use super::tree::{Content, Node};

/// Reads `root` as a `T`.
pub(super) fn decode<T: de::DeserializeOwned>(root: &Node) -> Result<T, ConfigError> {
    T::deserialize(At {
        node: root,
        path: String::new(),
    })
    .map_err(Fault::into_error)
}

/// A fault, and, once the nearest value that knows it has added it, where.
#[derive(Debug)]
struct Fault {
    kind: Kind,
    place: Option<(String, Origin)>,
}

#[derive(Debug)]
enum Kind {
    Unknown { hint: String },
    Missing { key: &'static str },
    Refused { message: String },
    Invalid { expected: String, found: String },
}

impl Fault {
    fn invalid(expected: impl Display, found: impl Display) -> Fault {
        Fault {
            kind: Kind::Invalid {
                expected: expected.to_string(),
                found: found.to_string(),
            },
            place: None,
        }
    }

    /// Says where, unless a value further in has.
    fn at(mut self, path: &str, origin: &Origin) -> Fault {
        self.place
            .get_or_insert_with(|| (path.to_owned(), origin.clone()));
        self
    }

    fn into_error(self) -> ConfigError {
        let (path, origin) = self.place.unwrap_or_else(|| (String::new(), Origin::Default));
        match self.kind {
            Kind::Unknown { hint } => ConfigError::Unknown { origin, path, hint },
            Kind::Missing { key } => ConfigError::Missing {
                origin,
                path: join(&path, key),
            },
            Kind::Refused { message } => ConfigError::Refused {
                origin,
                path,
                message,
            },
            Kind::Invalid { expected, found } => ConfigError::Invalid {
                origin,
                path,
                expected,
                found,
            },
        }
    }
}

/// The path of `key` in the table at `path`.
fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Fault {
        Fault {
            kind: Kind::Refused {
                message: message.to_string(),
            },
            place: None,
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Fault::invalid(in_words(&expected.to_string()), found(unexpected))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Fault::invalid(in_words(&expected.to_string()), found(unexpected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Fault {
        let known = format!("in this version one of {}", quoted(expected));
        Fault::invalid(known, format_args!("{variant:?}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Fault {
        let hint = match nearest(field, expected) {
            Some(key) => format!("did you mean `{key}`?"),
            None => format!("known here: {}", expected.join(", ")),
        };
        Fault {
            kind: Kind::Unknown { hint },
            place: None,
        }
    }

    fn missing_field(field: &'static str) -> Fault {
        Fault {
            kind: Kind::Missing { key: field },
            place: None,
        }
    }
}

/// A type's own name is for programmers.
fn in_words(expected: &str) -> String {
    let whole = |from: &dyn Display, to: &dyn Display| format!("a whole number from {from} to {to}");
    match expected {
        "u8" => whole(&u8::MIN, &u8::MAX),
        "u16" => whole(&u16::MIN, &u16::MAX),
        "u32" => whole(&u32::MIN, &u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i64" => whole(&i64::MIN, &i64::MAX),
        "a string" | "path string" => "text in quotation marks".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        other => other.to_owned(),
    }
}

fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("{word:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A value and the path that led to it.
struct At<'t> {
    node: &'t Node,
    path: String,
}

impl<'t> At<'t> {
    fn unexpected(&self) -> Unexpected<'t> {
        match &self.node.content {
            Content::Table(_) => Unexpected::Map,
            Content::Array(_) => Unexpected::Seq,
            Content::Text(text) => Unexpected::Str(text),
            Content::Integer(integer) => Unexpected::Signed(*integer),
            Content::Float(float) => Unexpected::Float(*float),
            Content::Bool(bool) => Unexpected::Bool(*bool),
            Content::Other(written) => Unexpected::Other(written),
        }
    }

    fn expecting(&self, expected: impl Display) -> Fault {
        Fault::invalid(expected, found(self.unexpected())).at(&self.path, &self.node.origin)
    }
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.node.content {
            Content::Text(text) => visitor.visit_str(text),
            Content::Integer(integer) => visitor.visit_i64(*integer),
            Content::Float(float) => visitor.visit_f64(*float),
            Content::Bool(bool) => visitor.visit_bool(*bool),
            Content::Other(_) => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
            Content::Array(items) => visitor.visit_seq(Items {
                items: items.iter(),
                next: 0,
                path: &self.path,
            }),
            Content::Table(table) => {
                let entries = Entries {
                    at: &self,
                    entries: table.iter(),
                    value: None,
                };
                visitor.visit_map(entries)
            }
        };
        result.map_err(|fault| fault.at(&self.path, &self.node.origin))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.table().is_none() {
            Err(self.expecting("a table"))
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Content::Text(text) = &self.node.content else {
            return Err(self.expecting(format_args!("one of {}", quoted(variants))));
        };
        let word: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
        visitor
            .visit_enum(word)
            .map_err(|fault| fault.at(&self.path, &self.node.origin))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct identifier ignored_any
    }
}

/// The items of an array.
struct Items<'t, 'p> {
    items: slice::Iter<'t, Node>,
    next: usize,
    path: &'p str,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let path = format!("{}[{}]", self.path, self.next);
        self.next += 1;
        seed.deserialize(At { node, path }).map(Some)
    }
}

/// The entries of a table.
struct Entries<'t, 'p> {
    at: &'p At<'t>,
    entries: btree_map::Iter<'t, String, Node>,
    value: Option<At<'t>>,
}

impl<'de> de::MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        let path = join(&self.at.path, key);
        let name: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        let name = seed
            .deserialize(name)
            .map_err(|fault| fault.at(&path, &node.origin))?;
        self.value = Some(At { node, path });
        Ok(Some(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let at = self
            .value
            .take()
            .ok_or_else(|| Fault::invalid("a key before its value", "none"))?;
        let (path, origin) = (at.path.clone(), &at.node.origin);
        seed.deserialize(at).map_err(|fault| fault.at(&path, origin))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::collections::BTreeMap;
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Alias {
        #[allow(dead_code, reason = "its presence is what is tested")]
        from: String,
        #[serde(rename = "to", deserialize_with = "refuse")]
        _to: (),
        port: Option<u16>,
    }

    fn refuse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "bad" => Err(de::Error::custom("expected digits")),
            _ => Ok(()),
        }
    }

    fn fault(text: &str) -> String {
        let node = Node::parse(text, Some(Path::new("x.toml"))).unwrap();
        decode::<BTreeMap<String, Vec<Alias>>>(&node)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn faults_deep_inside_keep_their_path_and_line() {
        for (text, message) in [
            (
                "a = [{from = '1', to = '2'},\n {from = '1'}]",
                "x.toml:2: `a[1].to` is missing; add it",
            ),
            (
                "[[a]]\n[[a]]\nfrom = '1'\nto = 'bad'",
                "x.toml:1: `a[0].from` is missing; add it",
            ),
            (
                "[[a]]\nfrom = '1'\nto = 'bad'",
                "x.toml:3: `a[0].to`: expected digits",
            ),
            ("a = [\n7]", "x.toml:2: `a[0]`: expected a table, found 7"),
            (
                "[[a]]\nport = 70000",
                "x.toml:2: `a[0].port`: expected a whole number from 0 to 65535, found 70000",
            ),
            (
                "[[a]]\nfrom = 2020-01-01",
                "x.toml:2: `a[0].from`: expected text in quotation marks, found 2020-01-01",
            ),
            ("a = 'x'", "x.toml:1: `a`: expected an array, found \"x\""),
        ] {
            assert_eq!(fault(text), message);
        }
    }

    #[test]
    fn optional_keys_may_be_left_out() {
        let node = Node::parse("[[a]]\nfrom = '1'\nto = '2'", None).unwrap();
        let read: BTreeMap<String, Vec<Alias>> = decode(&node).unwrap();
        assert_eq!(read["a"][0].port, None);
    }
}
