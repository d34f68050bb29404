//! The document that a row's cells make.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Columns, LATIN1_REMEDY, Named, Target};
use crate::customer::{AttributeType, Schema};
use crate::snapshot::import::csv::{Cells, Row};
use crate::snapshot::import::mapping::{Encoding, PhoneColumn};
use crate::snapshot::import::pipeline::{Document, Documents, not_utf8};
use crate::snapshot::import::rejects::Reject;

impl Columns {
    fn decode<'a>(&self, row: u64, cell: &'a [u8], column: usize) -> Result<Cow<'a, str>, Reject> {
        match self.encoding {
            Encoding::Latin1 => Ok(latin1(cell)),
            Encoding::Utf8 => std::str::from_utf8(cell)
                .map(Cow::Borrowed)
                .map_err(|error| Reject {
                    column: Some(self.headers[column].clone()),
                    ..Reject::row(row, not_utf8(cell, error, LATIN1_REMEDY))
                }),
        }
    }

    fn build(&self, row: u64, cells: &[Cow<'_, str>]) -> Document {
        let mut document = Map::new();
        let (mut flags, mut case) = (Map::new(), Map::new());
        let mut region = None;
        let mut left_out = Vec::new();
        for (target, column) in &self.targets {
            let cell = cells[*column].trim();
            if cell.is_empty() {
                continue;
            }
            match target {
                Target::Text(key) => insert(&mut document, key, Value::from(cell)),
                Target::Moment(key, named) => {
                    let moment = Value::from(moment(cell));
                    if *named == Named::Detected && AttributeType::DateTime.to_json(&moment).is_err() {
                        left_out.push(Reject {
                            row,
                            field: (*key).to_owned(),
                            column: Some(self.headers[*column].clone()),
                            reason: format!("{}; the field was left out", AttributeType::DateTime.expects()),
                            kept: true,
                        });
                    } else {
                        insert(&mut document, key, moment);
                    }
                }
                Target::Flag(key) => {
                    let flag = AttributeType::Bool.from_text(cell).unwrap_or(Value::Null);
                    insert(&mut flags, key, flag);
                }
                Target::Case("created_at") => insert(&mut case, "created_at", Value::from(moment(cell))),
                Target::Case(key) => insert(&mut case, key, Value::from(cell)),
                Target::Labels(separator) => {
                    insert(&mut document, "labels", labels(cell, separator.as_deref()))
                }
                Target::Region => region = Some(cell),
            }
        }
        if !flags.is_empty() {
            insert(&mut document, "flags", Value::from(flags));
        }
        if !case.is_empty() {
            insert(&mut document, "case", Value::from(case));
        }
        let mut phone_columns = Vec::new();
        let mut phones = Vec::new();
        for (column, phone) in &self.phones {
            let number = cells[*column].trim();
            if !number.is_empty() {
                phone_columns.push(*column);
                phones.push(phone_value(number, phone, region));
            }
        }
        insert(&mut document, "phones", Value::from(phones));
        let attributes: Map<String, Value> = self
            .schema
            .attributes
            .iter()
            .zip(&self.attributes)
            .filter_map(|(attribute, &column)| {
                Some((attribute.key.clone(), attribute.kind.from_text(&cells[column])?))
            })
            .collect();
        insert(&mut document, "attributes", Value::from(attributes));
        Document {
            json: Value::from(document),
            phones: phone_columns,
            left_out,
            unknown: None,
        }
    }

    fn document(&self, row: u64, cells: &Cells) -> Result<Document, Reject> {
        if cells.len() != self.headers.len() {
            let reason = format!(
                "expected {} cells, as many as there are headers, found {}; put cells that hold a delimiter in \
                 quotation marks",
                self.headers.len(),
                cells.len()
            );
            return Err(Reject::row(row, reason));
        }
        if memchr::memchr(0, cells.bytes()).is_some() {
            let reason =
                "expected text, found a NUL byte; the file is damaged, or in UTF-16: write it in UTF-8";
            return Err(Reject::row(row, reason));
        }
        let texts: Result<Vec<Cow<'_, str>>, Reject> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| self.decode(row, cell, column))
            .collect();
        texts.map(|texts| self.build(row, &texts))
    }
}

impl Documents for Columns {
    type Block = Vec<Row>;

    fn read(&self, rows: Vec<Row>, mut each: impl FnMut(u64, Result<Document, Reject>)) {
        for Row { number, content, .. } in rows {
            let document = match content {
                Ok(cells) => self.document(number, &cells),
                Err(reason) => Err(Reject::row(number, reason)),
            };
            each(number, document);
        }
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn column(&self, field: &str, phones: &[usize]) -> Option<String> {
        let column = if let Some(rest) = field.strip_prefix("phones[") {
            let index: usize = rest.split(']').next()?.parse().ok()?;
            *phones.get(index)?
        } else if let Some(key) = field.strip_prefix("attributes.") {
            *self.attributes.get(self.schema.position(key)?)?
        } else {
            let case_field = field
                .strip_prefix("case.")
                .or_else(|| field.strip_prefix("cases[0]."));
            let flag_field = field.strip_prefix("flags.");
            let (_, column) = self.targets.iter().find(|(target, _)| match target {
                Target::Text(key) | Target::Moment(key, _) => *key == field,
                Target::Flag(key) => Some(*key) == flag_field,
                Target::Case(key) => Some(*key) == case_field,
                Target::Labels(_) => field.starts_with("labels"),
                Target::Region => false,
            })?;
            *column
        };
        self.headers.get(column).cloned()
    }
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Value) {
    map.insert(key.to_owned(), value);
}

fn phone_value(number: &str, phone: &PhoneColumn, row_region: Option<&str>) -> Value {
    let mut value = Map::new();
    insert(&mut value, "number", Value::from(number));
    if let Some(region) = phone.region.as_deref().or(row_region) {
        insert(&mut value, "region", Value::from(region));
    }
    if let Some(kind) = &phone.kind {
        insert(&mut value, "kind", Value::from(kind.as_str()));
    }
    if phone.shared {
        insert(&mut value, "shared", Value::from(true));
    }
    Value::from(value)
}

fn labels(cell: &str, separator: Option<&str>) -> Value {
    let names: Vec<&str> = match separator {
        Some(separator) if !separator.is_empty() => cell.split(separator).collect(),
        _ => cell.split([',', ';', '|']).collect(),
    };
    let names = names.into_iter().map(str::trim).filter(|name| !name.is_empty());
    names.map(Value::from).collect()
}

/// Databases export moments without a `T` and without an offset, and dates alone; both are read as UTC.
fn moment(cell: &str) -> String {
    if cell.len() == 10 && cell.parse::<jiff::civil::Date>().is_ok() {
        return format!("{cell}T00:00:00Z");
    }
    let is_fraction = |text: &str| {
        text.strip_prefix('.')
            .is_none_or(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match (cell.get(..10), cell.get(10..11), cell.get(11..19), cell.get(19..)) {
        (Some(date), Some(" " | "T"), Some(time), Some(rest)) if rest.is_empty() || rest.starts_with('.') => {
            if is_fraction(rest) {
                return format!("{date}T{time}{rest}Z");
            }
            cell.to_owned()
        }
        _ => cell.to_owned(),
    }
}

pub(super) fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(ascii) if bytes.is_ascii() => Cow::Borrowed(ascii),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_databases_are_read_as_utc() {
        for (cell, expected) in [
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("2024-05-01 08:00:00", "2024-05-01T08:00:00Z"),
            ("2024-05-01T08:00:00.25", "2024-05-01T08:00:00.25Z"),
            ("2024-05-01T08:00:00+02:00", "2024-05-01T08:00:00+02:00"),
            ("2024-02-30", "2024-02-30"),
            ("5/1/2024", "5/1/2024"),
            ("é2024-05-01 08:00", "é2024-05-01 08:00"),
        ] {
            assert_eq!(moment(cell), expected);
        }
    }

    #[test]
    fn labels_are_split_as_told() {
        assert_eq!(
            labels("VIP, gold;| x", None),
            serde_json::json!(["VIP", "gold", "x"])
        );
        assert_eq!(
            labels("VIP, gold/x", Some("/")),
            serde_json::json!(["VIP, gold", "x"])
        );
    }
}
