//! Customer documents, one a line, and the schema that they imply where no mapping gives one.

use std::fmt;
use std::io::BufRead;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ImportError;
use super::lines::Lines;
use super::manifest::Place;
use super::pipeline::{Document, Documents, Row, Rows, not_utf8};
use super::rejects::Reject;
use super::turns::Turns;
use crate::customer::Schema;
use crate::customer::schema::SchemaError;

/// Reads lines that hold something.
pub(super) struct NdjsonRows<R>(Lines<R>);

impl<R: BufRead> NdjsonRows<R> {
    /// Reads `input`, which begins at `place` of the whole.
    pub(super) fn new(input: R, place: Place) -> NdjsonRows<R> {
        NdjsonRows(Lines::new(input, place))
    }
}

impl<R: BufRead + Send> Rows for NdjsonRows<R> {
    type Content = Vec<u8>;

    fn next(&mut self) -> Result<Option<Row<Vec<u8>>>, ImportError> {
        loop {
            let number = self.0.number() + 1;
            let mut line = Vec::new();
            if !self.0.append(&mut line, number)? {
                return Ok(None);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(Row {
                    number,
                    bytes: line.len(),
                    content: Ok(line),
                }));
            }
        }
    }

    fn place(&self) -> Place {
        self.0.place()
    }
}

/// Reads documents.
#[derive(Clone)]
pub(super) struct JsonDocuments {
    schema: Schema,
    /// Attributes that the schema does not have are added to it as they come; without turns they are left out.
    turns: Option<Turns>,
}

impl JsonDocuments {
    /// Adds attributes that `schema` does not have, in the order of the rows.
    pub(super) fn inferring(schema: Schema) -> JsonDocuments {
        let turns = Some(Turns::new(schema.clone()));
        JsonDocuments { schema, turns }
    }

    /// Leaves out attributes that `schema` does not have.
    pub(super) fn only(schema: Schema) -> JsonDocuments {
        JsonDocuments { schema, turns: None }
    }

    /// Adds the attributes of `line` that the schema does not have yet, in the order in which the line writes them.
    fn infer(&mut self, line: &str, attributes: &serde_json::Map<String, Value>) -> Result<(), SchemaError> {
        let Ok(written) = serde_json::from_str::<Written>(line) else {
            return Ok(());
        };
        for key in &written.attributes.0 {
            if let Some(value) = attributes.get(key) {
                self.schema.infer(key, value)?;
            }
        }
        Ok(())
    }
}

impl Documents for JsonDocuments {
    type Content = Vec<u8>;

    fn take_turn(&mut self, batch: u64) -> bool {
        let turns = self.turns.as_ref();
        turns.is_none_or(|turns| turns.take(batch, &mut self.schema))
    }

    fn pass_turn(&mut self) {
        if let Some(turns) = &self.turns {
            turns.pass(&self.schema);
        }
    }

    fn end(&mut self) {
        if let Some(turns) = &mut self.turns {
            turns.end();
        }
    }

    fn document(&mut self, row: u64, line: Vec<u8>) -> Result<Result<Document, Reject>, ImportError> {
        let text = match std::str::from_utf8(&line) {
            Ok(text) => text,
            Err(error) => {
                let reason = not_utf8(&line, error, "write the file in UTF-8, as JSON requires");
                return Ok(Err(Reject::row(row, reason)));
            }
        };
        let mut json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => return Ok(Err(Reject::row(row, not_json(&error)))),
        };
        if let Some(Value::Object(attributes)) = json.get_mut("attributes")
            && attributes.keys().any(|key| self.schema.position(key).is_none())
        {
            if self.turns.is_some() {
                match self.infer(text, attributes) {
                    Ok(()) => {}
                    Err(source @ SchemaError::TooMany { .. }) => {
                        return Err(ImportError::TooManyKeys { row, source });
                    }
                    Err(error) => return Ok(Err(Reject::row(row, error.to_string()))),
                }
            }
            // With inference, these are nulls and blanks: they say nothing, and nothing of their type.
            attributes.retain(|key, _| self.schema.position(key).is_some());
        }
        Ok(Ok(Document {
            json,
            phones: Vec::new(),
            left_out: Vec::new(),
        }))
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn column(&self, _field: &str, _phones: &[usize]) -> Option<String> {
        None
    }
}

/// Says where in the line, and none of the line's content.
fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or_default();
    format!(
        "expected one JSON object on the line, found: {problem} (at column {})",
        error.column()
    )
}

/// The order in which a document writes its attributes, which [`Value`] does not keep.
#[derive(Deserialize)]
struct Written {
    attributes: Keys,
}

struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
