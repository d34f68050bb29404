//! Rows of tables.

use serde_json::{Map, Value};

use super::super::mapping::{Entity, Reading};
use super::envelope::Envelope;
use super::values::{self, Schema};
use super::wrapping::{Event, Keyed};
use super::{Debezium, Refusal, is_made_up};
use crate::replica::Change;

/// Connectors whose `before` is the whole row. Others say of it what their database logged, the key at the least, and make
/// up what may not be null: PostgreSQL's says 0 and "" unless the table has REPLICA IDENTITY FULL, and nothing says whether
/// it has.
const SAY_ALL_BEFORE: [&str; 4] = ["mysql", "mariadb", "sqlserver", "db2"];

const NO_KEY: &str = "the id of what was deleted: the transport drops keys, and the row is not said; have Debezium send keys \
                      beside values, or ALTER TABLE … REPLICA IDENTITY FULL";
const NOT_THE_KEY: &str = "the id of what was deleted, which is not in the event's key: give the table a REPLICA IDENTITY that \
                           has it and set message.key.columns to it, or take the key's column as the first of the id's paths";

impl Debezium {
    /// What a row that is now as `after` says changes.
    pub(super) fn put_row(
        &self,
        entity: Entity,
        event: &Event,
        envelope: Envelope,
    ) -> Result<Vec<Change>, Refusal> {
        let Value::Object(after) = envelope.after else {
            return Err("the whole row in after".into());
        };
        let missing = after.iter().find(|(column, value)| {
            self.placeholder.is_in(value) && self.mapping.reads(entity, column) != Reading::Nothing
        });
        if let Some((column, _)) = missing {
            let expected = format!(
                "expected the whole row, but the column {column} was not logged: ALTER TABLE … REPLICA IDENTITY FULL \
                 (PostgreSQL), or have Debezium's ReselectColumnsPostProcessor read it"
            );
            return Err(Refusal(expected.into()));
        }
        let after = self.row_as_said(entity, event, "after", after);
        let before = match envelope.before {
            Value::Object(before) if envelope.op == "u" => {
                Some(self.row_as_said(entity, event, "before", before))
            }
            _ => None,
        };
        self.put(entity, before, after)
    }

    /// What a row that was as `before` says, or has this key, and is gone changes.
    pub(super) fn delete_row(
        &self,
        entity: Entity,
        event: &Event,
        envelope: Envelope,
    ) -> Result<Change, Refusal> {
        let before = match envelope.before {
            Value::Object(before) => Some(self.row_as_said(entity, event, "before", before)),
            _ => None,
        };
        let connector = envelope.source.connector.as_deref().unwrap_or_default();
        let known = match (before, event.key.as_ref().map(key_as_said)) {
            (Some(before), _) if SAY_ALL_BEFORE.contains(&connector) => before,
            (before, Some(key)) => {
                let is_elsewhere = self.id_paths(entity).find_map(|path| {
                    if column(path, &key).is_some() {
                        return Some(false);
                    }
                    column(path, before.as_ref()?).map(|_| true)
                });
                if is_elsewhere == Some(true) {
                    return Err(NOT_THE_KEY.into());
                }
                key
            }
            (Some(before), None) => {
                let first = self.id_paths(entity).find_map(|path| column(path, &before));
                match first.and_then(|column| Some((column, before.get(column)?))) {
                    Some((column, id)) if !is_made_up(id) => {
                        Map::from_iter([(column.to_owned(), id.clone())])
                    }
                    _ => return Err(NO_KEY.into()),
                }
            }
            (None, None) => return Err(NO_KEY.into()),
        };
        Ok(self.mapping.delete(entity, &Value::Object(known))?)
    }

    /// What it changes that `before` is now `after`: whoever had the id or the part before may not have it any more.
    pub(super) fn put(
        &self,
        entity: Entity,
        before: Option<Map<String, Value>>,
        after: Map<String, Value>,
    ) -> Result<Vec<Change>, Refusal> {
        let column_of_id = self.id_paths(entity).find_map(|path| {
            let column = column(path, &after)?;
            let alone = Map::from_iter([(column.to_owned(), after.get(column)?.clone())]);
            self.mapping.id(entity, &Value::Object(alone)).ok()?;
            Some(column.to_owned())
        });
        let after = Value::Object(after);
        let put = self.mapping.put(entity, &after)?;
        let mut changes = Vec::new();
        if let Some(column) = column_of_id
            && let Some(mut before) = before
        {
            // Ids elsewhere in the row may be those of others.
            for path in self.mapping.id_paths(entity) {
                before.retain(|name, _| *name == column || !leads(path, name));
            }
            before.retain(|_, value| !is_made_up(value));
            let before = Value::Object(before);
            let has_other = |now: Option<String>, then: Option<String>| then.is_some() && now != then;
            let id = |row| self.mapping.id(entity, row).ok();
            let owner = |row| self.mapping.owner(entity, row);
            if has_other(id(&after), id(&before))
                || (id(&before).is_some() && has_other(owner(&after), owner(&before)))
            {
                changes.push(self.mapping.delete(entity, &before)?);
            }
        }
        changes.push(put);
        Ok(changes)
    }

    fn id_paths(&self, entity: Entity) -> impl Iterator<Item = &str> {
        self.mapping.id_paths(entity).iter().map(String::as_str)
    }

    /// The row at `member` of the envelope, its values as the schema says, and what is written as JSON in a text where
    /// lists or objects are looked for as what it is.
    fn row_as_said(
        &self,
        entity: Entity,
        event: &Event,
        member: &str,
        row: Map<String, Value>,
    ) -> Map<String, Value> {
        let schema = event
            .schema
            .as_ref()
            .and_then(|schema| Schema::of_field(schema, member));
        let mut row = values::row(row, schema.as_ref());
        for (column, value) in &mut row {
            if let Value::String(text) = value
                && text.trim_start().starts_with(['[', '{'])
                && self.mapping.reads(entity, column) == Reading::Structure
                && let Ok(read) = serde_json::from_str(text)
            {
                *value = read;
            }
        }
        row
    }
}

fn key_as_said(key: &Keyed) -> Map<String, Value> {
    let schema = key.schema.as_ref().and_then(Schema::read);
    values::row(key.columns.clone(), schema.as_ref())
}

/// The column of `row` that `path` begins with.
fn column<'a>(path: &'a str, row: &Map<String, Value>) -> Option<&'a str> {
    let first = path.split('.').next().unwrap_or(path);
    [path, first].into_iter().find(|column| row.contains_key(*column))
}

/// Whether `path` leads into `column`.
fn leads(path: &str, column: &str) -> bool {
    path.strip_prefix(column)
        .is_some_and(|deeper| deeper.is_empty() || deeper.starts_with('.'))
}
