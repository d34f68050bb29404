//! In what order customers are listed.

use std::cmp::Ordering;

use super::wanted::Fit;
use crate::customer::record::Field;
use crate::customer::words::{fold, text};
use crate::customer::{Record, Schema, attributes};

/// What customers are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'s> {
    /// Their name, folded.
    Name,
    /// When their source created them.
    CreatedAt,
    /// When their source changed them last.
    UpdatedAt,
    /// The attribute with this key.
    Attribute(&'s str),
}

/// An order: among those that are the same in it, the id decides. Who has no value comes last either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<'s> {
    /// What counts.
    pub by: By<'s>,
    /// The greatest first.
    pub descending: bool,
}

/// What one customer has of what counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Moment(i64),
    Text(String),
    None,
}

impl Order<'_> {
    /// What `record`'s customer has of what counts, under `schema`.
    pub(super) fn value(&self, record: &Record<'_>, schema: &Schema) -> Value {
        let moment = |token: &[u8]| Some(text(token)?.parse::<jiff::Timestamp>().ok()?.as_millisecond());
        match self.by {
            By::Name => {
                let mut folded = String::new();
                if let Some(name) = record.field(Field::Name).and_then(text) {
                    fold(&name, &mut folded);
                }
                Value::Text(folded)
            }
            By::CreatedAt => record.created_ms().map_or(Value::None, Value::Moment),
            By::UpdatedAt => record
                .field(Field::UpdatedAt)
                .and_then(moment)
                .map_or(Value::None, Value::Moment),
            By::Attribute(key) => match attributes::value(record, schema, key) {
                None | Some(b"null") => Value::None,
                Some(token) => value_of(token),
            },
        }
    }

    /// Which of two values comes first.
    pub(super) fn compare(&self, one: &Value, other: &Value) -> Ordering {
        let (kind, other_kind) = (kind(one), kind(other));
        let by_value = match (one, other) {
            (Value::Number(one), Value::Number(other)) => one.total_cmp(other),
            (Value::Moment(one), Value::Moment(other)) => one.cmp(other),
            (Value::Text(one), Value::Text(other)) => one.cmp(other),
            _ => Ordering::Equal,
        };
        let by_value = if self.descending {
            by_value.reverse()
        } else {
            by_value
        };
        kind.cmp(&other_kind).then(by_value)
    }
}

/// Values of different kinds stand apart, and none at the end.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::Moment(_) => 1,
        Value::Text(_) => 2,
        Value::None => 3,
    }
}

fn value_of(token: &[u8]) -> Value {
    let Some(text) = text(token) else {
        let number = std::str::from_utf8(token)
            .ok()
            .and_then(|token| token.parse().ok());
        return match (number, token) {
            (Some(number), _) => Value::Number(number),
            (None, b"true") => Value::Number(1.0),
            (None, b"false") => Value::Number(0.0),
            (None, _) => Value::None,
        };
    };
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Value::Moment(moment.as_millisecond());
    }
    let mut folded = String::new();
    fold(&text, &mut folded);
    Value::Text(folded)
}

/// A customer that is listed, and where.
#[derive(Debug)]
pub(super) struct Hit<'v> {
    pub(super) fit: Fit,
    pub(super) value: Value,
    pub(super) record: Record<'v>,
}

impl Hit<'_> {
    /// Which of two comes first.
    pub(super) fn compare(&self, other: &Hit<'_>, order: &Order<'_>) -> Ordering {
        self.fit
            .cmp(&other.fit)
            .then_with(|| order.compare(&self.value, &other.value))
            .then_with(|| self.record.id().cmp(other.record.id()))
    }
}
