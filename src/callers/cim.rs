//! Clients of ExpertFlow's CIM: customers by number, as CIM's own documents.
//!
//! They stand on agents' desktops and offer to create a customer where none is found. So everybody who was found is
//! given, also several, and whoever is not to be greeted by name: that is said to the caller's ear, not the agent's eye.

use bytes::BytesMut;
use serde_json::Value;

use super::answer::Answer;
use super::attributes;
use super::call::{Call, Reply};
use super::json;
use super::lookup::{Request, Source};
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::slot::{Columns, Guest};
use super::speaker::Speaker;
use crate::customer::Record;
use crate::customer::record::Field;

const EXPECTED: &str =
    "a JSON object with the number that is looked up, such as {\"phone\": \"+14806754110\"}";
/// What the number is called in bodies.
const NUMBERS: [&str; 3] = ["phone", "phoneNumber", "ani"];
/// A document's members, save for numbers and attributes.
const COLUMNS: [(&str, &str); 2] = [("_id", "own_id"), ("firstName", "name")];

/// CIM's dialect.
#[derive(Debug)]
pub(super) struct Cim {
    columns: Columns,
}

impl Cim {
    pub(super) fn new(speaking: &Speaking) -> Result<Cim, Unspeakable> {
        let columns = Columns::new(&COLUMNS, &speaking.fields)?;
        Ok(Cim { columns })
    }

    fn customers(&self, answer: &Answer<'_, '_>, out: &mut BytesMut) {
        let records = answer.who.all();
        out.extend_from_slice(b"[");
        let mut separator: &[u8] = b"";
        for record in records.iter().take(answer.matches_max) {
            out.extend_from_slice(separator);
            separator = b",";
            self.customer(answer, record, out);
        }
        out.extend_from_slice(b"]");
    }

    fn customer(&self, answer: &Answer<'_, '_>, record: &Record<'_>, out: &mut BytesMut) {
        let schema = answer.view.schema();
        let guest = Guest {
            record,
            schema,
            key: answer.key,
            may_disclose: false,
        };
        out.extend_from_slice(b"{");
        for (column, slot) in self.columns.iter() {
            json::string(out, column);
            out.extend_from_slice(b":");
            out.extend_from_slice(&guest.json(slot));
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(b"\"phoneNumber\":[");
        let mut separator: &[u8] = b"";
        for number in numbers(record) {
            out.extend_from_slice(separator);
            separator = b",";
            json::string(out, &number);
        }
        out.extend_from_slice(b"],\"isAnonymous\":false,\"__v\":0");
        for attribute in schema.attributes.iter().filter(|attribute| !attribute.sensitive) {
            // What the document has of its own is not written over.
            if self.is_own(&attribute.key) {
                continue;
            }
            if let Some(value) = attributes::value(record, schema, &attribute.key) {
                out.extend_from_slice(b",");
                json::string(out, &attribute.key);
                out.extend_from_slice(b":");
                out.extend_from_slice(value);
            }
        }
        out.extend_from_slice(b"}");
    }

    fn is_own(&self, key: &str) -> bool {
        matches!(key, "phoneNumber" | "isAnonymous" | "__v")
            || self.columns.iter().any(|(column, _)| column == key)
    }
}

impl Speaker for Cim {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if call.method != "POST" {
            return Err(Refusal::Method { allow: "POST" });
        }
        let terms: Value = serde_json::from_slice(call.body).map_err(|error| Refusal::Body {
            expected: EXPECTED,
            found: format!("a fault in line {}, column {}", error.line(), error.column()),
        })?;
        let number = NUMBERS
            .into_iter()
            .find_map(|name| terms.get(name))
            .ok_or(Refusal::Missing("phone"))?;
        let number = match number {
            Value::Array(numbers) => numbers.first().unwrap_or(&Value::Null),
            number => number,
        };
        let number = match number {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let request = Request {
            ani: &number,
            diversion: call.diversion,
            ..Request::default()
        };
        source.look_up(&request, |answer| {
            out.clear();
            self.customers(answer, out);
            Ok(())
        });
        Ok(Reply::json(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        refusal.write(out)
    }
}

/// The numbers that `record`'s customer lists, as written.
fn numbers(record: &Record<'_>) -> Vec<String> {
    let phones = record.field(Field::Phones).unwrap_or(b"[]");
    let phones: Vec<Value> = serde_json::from_slice(phones).unwrap_or_default();
    let number = |phone: &Value| {
        phone
            .as_str()
            .or_else(|| phone.get("number")?.as_str())
            .map(str::to_owned)
    };
    phones.iter().filter_map(number).collect()
}
