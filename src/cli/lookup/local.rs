//! A lookup in a snapshot, without a server.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::config::Config;
use crate::customer::Record;
use crate::customer::record::Field;
use crate::index::{Found, Index};
use crate::number::Numbering;
use crate::snapshot::MappedSnapshot;

/// The native answer.
pub(super) fn answer(
    snapshot: MappedSnapshot,
    ani: &str,
    numbering: &Numbering,
    config: &Config,
) -> Result<Vec<u8>, CliError> {
    let (index, _writer) = Index::new(Arc::new(snapshot), config.phones);
    let reading = numbering.read(ani, None);
    let part = |record: &Record<'_>, field: Field| -> Value {
        record
            .field(field)
            .and_then(|json| serde_json::from_slice(json).ok())
            .unwrap_or_default()
    };
    let raw = |json: Option<&[u8]>| -> Option<Box<RawValue>> { serde_json::from_slice(json?).ok() };
    let written = index.read(|view| {
        let found = match reading.key() {
            Some(key) => view.find(key.raw())?,
            None => Found::Nobody,
        };
        let several;
        let (all, reason) = match &found {
            Found::Nobody => (
                &[][..],
                Some(reading.reason().map_or("unknown", |reason| reason.as_str())),
            ),
            Found::One(record) => (std::slice::from_ref(record), None),
            Found::Several(records) => {
                several = records;
                (several.as_slice(), Some("ambiguous"))
            }
        };
        let one = match all {
            [record] => Some(record),
            _ => None,
        };
        let matches: Vec<Value> = all
            .iter()
            .map(|record| {
                json!({"customer_id": record.id(), "name": part(record, Field::Name),
                       "company": part(record, Field::Company)})
            })
            .collect();
        #[derive(serde::Serialize)]
        struct Native<'a> {
            found: bool,
            r#match: &'a str,
            reason: Option<&'a str>,
            ani: Option<String>,
            count: usize,
            customer: Option<Box<RawValue>>,
            open_case: Option<Box<RawValue>>,
            matches: Vec<Value>,
            generation: u64,
        }
        Ok(serde_json::to_vec(&Native {
            found: !all.is_empty(),
            r#match: if all.is_empty() { "none" } else { "exact" },
            reason,
            ani: reading.number().map(|key| key.to_string()),
            count: all.len(),
            customer: raw(one.map(Record::json)),
            open_case: raw(one.and_then(Record::open_case)),
            matches,
            generation: view.generation(),
        }))
    });
    Ok(written?)
}
