//! Values and who gave them: the defaults, a file and the environment laid over one another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) origin: Origin,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A number beyond 64 bits, or a date: no key takes these. Held as written, for the error.
    Other(String),
}

impl Node {
    /// Reads TOML text that came from `file`, or the defaults.
    pub(super) fn parse(text: &str, file: Option<&Path>) -> Result<Node, ConfigError> {
        let file: Option<Arc<Path>> = file.map(Arc::from);
        // Where each line starts, so that an offset's line is found without counting from the beginning.
        let starts: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset + 1).collect();
        let origin = |offset: usize| match &file {
            None => Origin::Default,
            Some(file) => Origin::File(
                Arc::clone(file),
                starts.partition_point(|start| *start <= offset) + 1,
            ),
        };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            origin: origin(error.span().map_or(0, |span| span.start)),
            message: error.message().trim().replace('\n', "; "),
        })?;
        Ok(Node {
            content: of_table(table.get_ref(), &origin),
            origin: origin(0),
        })
    }

    /// One environment variable as a tree: `keys` from the outermost, and the value as TOML, or, where it is no
    /// TOML or `as_text` is asked for and it would be anything but text, as it stands.
    pub(super) fn of_variable(variable: &str, keys: &[&str], value: &str, as_text: bool) -> Node {
        let origin = Origin::Environment(Arc::from(variable));
        let content = DeValue::parse(value)
            .map(|value| of_value(value.get_ref(), &|_| origin.clone()))
            .ok()
            .filter(|content| !as_text || matches!(content, Content::Text(_)))
            .unwrap_or_else(|| Content::Text(value.to_owned()));
        keys.iter().rev().fold(
            Node {
                content,
                origin: origin.clone(),
            },
            |node, key| Node {
                content: Content::Table(BTreeMap::from([((*key).to_owned(), node)])),
                origin: origin.clone(),
            },
        )
    }

    /// Lays `over` on top: tables key by key, anything else in place of what was there.
    pub(super) fn lay(&mut self, over: Node) {
        match (&mut self.content, over.content) {
            (Content::Table(under), Content::Table(over)) => {
                for (key, node) in over {
                    match under.get_mut(&key) {
                        Some(below) => below.lay(node),
                        None => {
                            under.insert(key, node);
                        }
                    }
                }
            }
            (under, over) => *under = over,
        }
        self.origin = over.origin;
    }

    /// The entries of a table.
    pub(super) fn table(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The entries of a table, to change.
    pub(super) fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Node>> {
        match &mut self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value at a path such as `treatment[2].label`.
    pub(super) fn at(&self, path: &str) -> Option<&Node> {
        path.split(['.', '['])
            .try_fold(self, |node, step| match &node.content {
                Content::Table(table) => table.get(step),
                Content::Array(items) => items.get(step.trim_end_matches(']').parse::<usize>().ok()?),
                _ => None,
            })
    }
}

fn of_table(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Content {
    Content::Table(
        table
            .iter()
            .map(|(key, value)| {
                // A key's line says more than that of its value, which may begin further down.
                let node = Node {
                    content: of_value(value.get_ref(), origin),
                    origin: origin(key.span().start),
                };
                (key.get_ref().to_string(), node)
            })
            .collect(),
    )
}

fn of_value(value: &DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Content {
    match value {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(integer) => Content::Integer(integer),
            Err(_) => Content::Other(digits.as_str().to_owned()),
        },
        DeValue::Float(digits) => match digits.as_str().parse() {
            Ok(float) => Content::Float(float),
            Err(_) => Content::Other(digits.as_str().to_owned()),
        },
        DeValue::Boolean(bool) => Content::Bool(*bool),
        DeValue::Datetime(date) => Content::Other(date.to_string()),
        DeValue::Array(items) => Content::Array(
            items
                .iter()
                .map(|item| Node {
                    content: of_value(item.get_ref(), origin),
                    origin: origin(item.span().start),
                })
                .collect(),
        ),
        DeValue::Table(table) => of_table(table, origin),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    fn line(node: &Node, path: &str) -> usize {
        match node.at(path).unwrap().origin {
            Origin::File(_, line) => line,
            _ => unreachable!("not of a file"),
        }
    }

    #[test]
    fn values_know_their_lines() {
        let text = "a = 1\n\n[t]\nb = [\n 1,\n 2]\nc.d = 'x'\n[[r]]\ne = true\n[[r]]\ne = false\n";
        let node = Node::parse(text, Some(Path::new("x.toml"))).unwrap();
        for (path, expected) in [
            ("a", 1),
            ("t", 3),
            ("t.b", 4),
            ("t.b[1]", 6),
            ("t.c.d", 7),
            ("r[0].e", 9),
            ("r[1]", 10),
            ("r[1].e", 11),
        ] {
            assert_eq!(line(&node, path), expected, "{path}");
        }
        assert!(node.at("t.x").is_none() && node.at("r[2]").is_none() && node.at("a.b").is_none());
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let mut node = Node::parse("[t]\na = 1\nb = [1, 2]\nc = 3", None).unwrap();
        node.lay(Node::parse("\n[t]\na = 2\nb = []", Some(Path::new("x.toml"))).unwrap());
        assert_eq!(node.at("t.a").unwrap().content, Content::Integer(2));
        assert_eq!(node.at("t.b").unwrap().content, Content::Array(vec![]));
        assert_eq!(node.at("t.c").unwrap().origin, Origin::Default);
        assert_eq!(line(&node, "t.a"), 3);
    }

    #[test]
    fn a_variable_is_toml_or_text() {
        let read = |value, as_text| {
            Node::of_variable("V", &["a", "b"], value, as_text)
                .at("a.b")
                .unwrap()
                .content
                .clone()
        };
        assert_eq!(read("12", false), Content::Integer(12));
        assert_eq!(read("0x1F", false), Content::Integer(31));
        assert_eq!(read("1_000", false), Content::Integer(1000));
        assert_eq!(read("-1.5e3", false), Content::Float(-1500.0));
        assert_eq!(read("true", false), Content::Bool(true));
        assert_eq!(read("\"x\"", true), Content::Text("x".to_owned()));
        assert_eq!(
            read("127.0.0.1:0", false),
            Content::Text("127.0.0.1:0".to_owned())
        );
        assert_eq!(read("415", true), Content::Text("415".to_owned()));
        assert_eq!(read("", false), Content::Text(String::new()));
        assert!(matches!(read("['x']", false), Content::Array(items) if items.len() == 1));
        assert!(matches!(read("99999999999999999999", false), Content::Other(_)));
    }
}
