//! Customer documents, one a line, and the schema that they imply where no mapping gives one.

use std::fmt;
use std::io::BufRead;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ImportError;
use super::lines::Lines;
use super::manifest::Place;
use super::pipeline::{BLOCK_BYTES, BLOCK_ROWS, Document, Documents, Rows, not_utf8};
use super::rejects::Reject;
use super::turns::Turns;
use crate::customer::Schema;
use crate::customer::schema::SchemaError;

/// Reads lines, and knows how many bytes the last block of them had.
pub(super) struct NdjsonRows<R>(Lines<R>, usize);

impl<R: BufRead> NdjsonRows<R> {
    /// Reads `input`, which begins at `place` of the whole.
    pub(super) fn new(input: R, place: Place) -> NdjsonRows<R> {
        NdjsonRows(Lines::new(input, place), 0)
    }
}

/// Lines one behind the other.
pub(super) struct Block {
    /// Number of the first, from 1.
    first: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead + Send> Rows for NdjsonRows<R> {
    type Block = Block;

    fn block(&mut self) -> Result<Option<Block>, ImportError> {
        let first = self.0.number() + 1;
        let mut bytes = Vec::with_capacity(self.1);
        for number in (first..).take(BLOCK_ROWS) {
            let begin = bytes.len();
            if begin >= BLOCK_BYTES || !self.0.append_behind(begin, &mut bytes, number)? {
                break;
            }
        }
        // The next one is about as long.
        self.1 = bytes.len();
        Ok((!bytes.is_empty()).then_some(Block { first, bytes }))
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

    /// The document on the line `line` of the input.
    fn document(&self, row: u64, line: &[u8]) -> Result<Document, Reject> {
        let text = std::str::from_utf8(line).map_err(|error| {
            let reason = not_utf8(line, error, "write the file in UTF-8, as JSON requires");
            Reject::row(row, reason)
        })?;
        let mut json: Value =
            serde_json::from_str(text).map_err(|error| Reject::row(row, not_json(&error)))?;
        let mut unknown = None;
        if let Some(Value::Object(attributes)) = json.get_mut("attributes")
            && attributes.keys().any(|key| self.schema.position(key).is_none())
        {
            if self.turns.is_some() {
                let written = serde_json::from_str::<Written>(text);
                unknown = Some(written.map_or_else(|_| Vec::new(), |written| written.attributes.0));
            } else {
                attributes.retain(|key, _| self.schema.position(key).is_some());
            }
        }
        Ok(Document {
            json,
            phones: Vec::new(),
            left_out: Vec::new(),
            unknown,
        })
    }
}

impl Documents for JsonDocuments {
    type Block = Block;

    fn read(&self, block: Block, mut each: impl FnMut(u64, Result<Document, Reject>)) {
        let lines = block.bytes.split_inclusive(|byte| *byte == b'\n');
        for (row, line) in (block.first..).zip(lines) {
            if !line.trim_ascii().is_empty() {
                each(row, self.document(row, line));
            }
        }
    }

    fn take_turn(&mut self, block: u64) -> bool {
        let turns = self.turns.as_ref();
        turns.is_none_or(|turns| turns.take(block, &mut self.schema))
    }

    fn learn(&mut self, row: u64, document: &mut Document) -> Result<Result<(), Reject>, ImportError> {
        let Some(written) = document.unknown.take() else {
            return Ok(Ok(()));
        };
        if let Some(Value::Object(attributes)) = document.json.get_mut("attributes") {
            for (key, value) in written.iter().filter_map(|key| Some((key, attributes.get(key)?))) {
                match self.schema.infer(key, value) {
                    Ok(()) => {}
                    Err(source @ SchemaError::TooMany { .. }) => {
                        return Err(ImportError::TooManyKeys { row, source });
                    }
                    Err(error) => return Ok(Err(Reject::row(row, error.to_string()))),
                }
            }
            // What is left are nulls and blanks: they say nothing, and nothing of their type.
            attributes.retain(|key, _| self.schema.position(key).is_some());
        }
        Ok(Ok(()))
    }

    fn pass_turn(&mut self, block: u64) {
        if let Some(turns) = &self.turns {
            turns.pass(block, &self.schema);
        }
    }

    fn end(&mut self) {
        if let Some(turns) = &mut self.turns {
            turns.end();
        }
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
