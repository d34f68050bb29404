//! Rows of transactions as changes. Where something has to be asked for first, it says so and asks nobody itself.

use std::collections::HashMap;

use pgwire_replication::Lsn;
use serde_json::{Map, Value};

use super::pgoutput::{Datum, Message, Old, Relation};
use super::types::{Kind, Kinds};
use super::wanted::Wanted;
use crate::feed::mapping::{Entity, Mapping};
use crate::feed::source::{Event, SourceError, Unreadable};
use crate::replica::Change;

/// Milliseconds from 1970 to 2000, from when the server counts.
const FROM_1970_TO_2000_MS: i64 = 946_684_800_000;

/// A followed table, as it was when everything was copied.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub(super) entity: Entity,
    pub(super) schema: String,
    pub(super) name: String,
    /// The columns that are read, with their types.
    pub(super) columns: Vec<(String, u32)>,
    /// The columns by which a row is read again.
    pub(super) key: Vec<String>,
}

/// What came of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// These, in this order; often none.
    Events(Vec<Event>),
    /// A row has to be read first: what did not change of it did not come.
    Read(Box<Missing>),
    /// Types have to be asked for first, and then the table be taken again.
    Kinds(Relation),
    /// The schema has to be read: the transaction changed it, and ends here.
    Schema {
        /// Where it ends.
        end: Lsn,
        /// Its number.
        xid: u32,
    },
}

/// A row of which some columns did not come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Missing {
    /// Its table.
    pub(super) relation: u32,
    /// The columns that name it, with their texts.
    pub(super) key: Vec<(String, String)>,
    /// The transaction that it has to be read behind.
    pub(super) xid: u32,
    /// What is said first: what it was is gone.
    before: Option<Event>,
    entity: Entity,
    id: Option<String>,
    owner: Option<String>,
    position: Vec<u8>,
    at_ms: i64,
}

/// Transactions, read one message after the other.
pub(super) struct Changes {
    mapping: Mapping,
    tables: HashMap<u32, Followed>,
    relations: HashMap<u32, Known>,
    kinds: Kinds,
    transaction: Option<Transaction>,
}

/// What rows of a table look like at this point of the stream.
struct Known {
    entity: Entity,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    kind: Kind,
    is_key: bool,
    is_read: bool,
}

struct Transaction {
    commit: u64,
    at_ms: i64,
    xid: u32,
    rows: u64,
    /// Whether a row of the schema changed.
    schema: bool,
}

impl Changes {
    pub(super) fn new(mapping: Mapping, tables: HashMap<u32, Followed>, kinds: Kinds) -> Changes {
        Changes {
            mapping,
            tables,
            relations: HashMap::new(),
            kinds,
            transaction: None,
        }
    }

    /// Whether a transaction is under way.
    pub(super) fn is_within(&self) -> bool {
        self.transaction.is_some()
    }

    pub(super) fn learn(&mut self, kinds: Kinds) {
        self.kinds = kinds;
    }

    /// Takes a message.
    ///
    /// # Errors
    /// [`SourceError::Lost`] where what follows cannot be understood from what was copied.
    pub(super) fn take(&mut self, message: Message) -> Result<Step, SourceError> {
        let nothing = Ok(Step::Events(Vec::new()));
        match message {
            Message::Begin { commit, at_us, xid } => {
                self.transaction = Some(Transaction {
                    commit,
                    at_ms: at_us.div_euclid(1000).saturating_add(FROM_1970_TO_2000_MS),
                    xid,
                    rows: 0,
                    schema: false,
                });
                nothing
            }
            Message::Commit { end } => match &self.transaction {
                Some(Transaction {
                    schema: true, xid, ..
                }) => Ok(Step::Schema {
                    end: Lsn(end),
                    xid: *xid,
                }),
                _ => Ok(Step::Events(vec![self.commit(Lsn(end))])),
            },
            Message::Relation(relation) => {
                if self.is_followed(&relation)?
                    && relation
                        .columns
                        .iter()
                        .any(|column| !self.kinds.knows(column.type_oid))
                {
                    return Ok(Step::Kinds(relation));
                }
                self.describe(relation)?;
                nothing
            }
            Message::Truncate { relations } => {
                for relation in relations {
                    if let Some(table) = self.tables.get(&relation) {
                        return Err(SourceError::Lost(format!(
                            "{}.{} was truncated",
                            table.schema, table.name
                        )));
                    }
                }
                nothing
            }
            Message::Insert { relation, new } => self.row(relation, None, Some(new)),
            Message::Update { relation, old, new } => self.row(relation, old, Some(new)),
            Message::Delete { relation, old } => self.row(relation, Some(old), None),
            Message::Other => nothing,
        }
    }

    /// Takes what a table looks like from here on.
    ///
    /// # Errors
    /// As for `take`.
    pub(super) fn describe(&mut self, relation: Relation) -> Result<(), SourceError> {
        if !self.is_followed(&relation)? {
            return Ok(());
        }
        let Some(table) = self.tables.get(&relation.oid) else {
            return Ok(());
        };
        let wanted = Wanted::new(&self.mapping, table.entity);
        let read: Vec<(String, u32)> = relation
            .columns
            .iter()
            .filter(|column| wanted.takes(&column.name))
            .map(|column| (column.name.clone(), column.type_oid))
            .collect();
        if read != table.columns {
            return Err(SourceError::Lost(format!(
                "the columns of {}.{} that are read, or their types, were altered, and what stood in them may have changed \
                 without a word",
                table.schema, table.name
            )));
        }
        let columns = relation
            .columns
            .into_iter()
            .map(|column| Column {
                kind: self.kinds.of(column.type_oid),
                is_read: wanted.takes(&column.name),
                is_key: table.key.contains(&column.name),
                name: column.name,
            })
            .collect();
        let entity = table.entity;
        self.relations.insert(relation.oid, Known { entity, columns });
        Ok(())
    }

    fn is_followed(&self, relation: &Relation) -> Result<bool, SourceError> {
        let is_name = |table: &Followed| table.schema == relation.schema && table.name == relation.name;
        match self.tables.get(&relation.oid) {
            Some(table) if is_name(table) => Ok(true),
            Some(table) => Err(SourceError::Lost(format!(
                "{}.{} is called {}.{} now",
                table.schema, table.name, relation.schema, relation.name
            ))),
            None => match self.tables.values().find(|table| is_name(table)) {
                Some(table) => Err(SourceError::Lost(format!(
                    "{}.{} is another table than the one that was copied",
                    table.schema, table.name
                ))),
                None => Ok(false),
            },
        }
    }

    /// The end of a transaction: everything up to here is complete.
    pub(super) fn commit(&mut self, end: Lsn) -> Event {
        self.transaction = None;
        place(end)
    }

    /// The schema that a transaction changed, now that it was read, and the transaction's end.
    pub(super) fn schema(&mut self, documents: &[Value], end: Lsn) -> Vec<Event> {
        let mut events = Vec::new();
        if let (Some(attributes), Some(transaction)) = (self.mapping.schema(documents), &mut self.transaction)
        {
            transaction.rows += 1;
            events.push(Event::Change {
                position: transaction.position(false),
                at_ms: Some(transaction.at_ms),
                change: Change::Schema { attributes },
            });
        }
        events.push(self.commit(end));
        events
    }

    /// The names of the columns of `relation` that are read, in its order.
    pub(super) fn read_columns(&self, relation: u32) -> Vec<&str> {
        self.relations
            .get(&relation)
            .into_iter()
            .flat_map(|known| &known.columns)
            .filter(|column| column.is_read)
            .map(|column| column.name.as_str())
            .collect()
    }

    /// The document that the texts of the columns that are read make.
    pub(super) fn document_of(&self, relation: u32, texts: &[Option<String>]) -> Value {
        let columns = self
            .relations
            .get(&relation)
            .into_iter()
            .flat_map(|known| &known.columns);
        let read = columns.filter(|column| column.is_read);
        Value::Object(
            read.zip(texts)
                .map(|(column, text)| {
                    let value = text.as_ref().map_or(Value::Null, |text| column.kind.value(text));
                    (column.name.clone(), value)
                })
                .collect(),
        )
    }

    /// What becomes of a row that was read again; `None`: it is not there any more, and a later message says so.
    pub(super) fn found(&self, missing: Missing, document: Option<Value>) -> Vec<Event> {
        let mut events: Vec<Event> = missing.before.into_iter().collect();
        let Some(document) = document else {
            return events;
        };
        // It is as it is now. Whose it became meanwhile a later message says, together with whose it no longer is.
        let is_same = self.mapping.id(missing.entity, &document).ok() == missing.id
            && self.mapping.owner(missing.entity, &document) == missing.owner;
        if is_same {
            let change = self.mapping.put(missing.entity, &document);
            events.push(event(change, missing.position, missing.at_ms));
        }
        events
    }

    fn row(&mut self, relation: u32, old: Option<Old>, new: Option<Vec<Datum>>) -> Result<Step, SourceError> {
        let Some(transaction) = &mut self.transaction else {
            return Err(SourceError::Away(
                "PostgreSQL: expected a transaction to begin ahead of its rows, found a row".into(),
            ));
        };
        transaction.rows += 1;
        let Some(known) = self.relations.get(&relation) else {
            return Ok(Step::Events(Vec::new()));
        };
        let entity = known.entity;
        if entity == Entity::Attribute {
            transaction.schema = true;
            return Ok(Step::Events(Vec::new()));
        }
        let (at_ms, xid) = (transaction.at_ms, transaction.xid);
        let (first, second) = (transaction.position(false), transaction.position(true));
        let before = match &old {
            Some(Old::Full(row)) => Some(known.document(row, false)),
            Some(Old::Key(row)) => Some(known.document(row, true)),
            None => None,
        };
        let before = match before.transpose() {
            Ok(before) => before,
            Err(unreadable) => return Ok(Step::Events(vec![Event::Refused(unreadable)])),
        };
        let Some(new) = new else {
            let before = before.unwrap_or_default();
            let gone = event(self.mapping.delete(entity, &before), first, at_ms);
            return Ok(Step::Events(vec![gone]));
        };
        let new = Known::completed(new, old.as_ref());
        let is_whole = known.is_whole(&new);
        let document = match known.document(&new, false) {
            Ok(document) => document,
            Err(unreadable) => return Ok(Step::Events(vec![Event::Refused(unreadable)])),
        };
        let name = |document: &Value| {
            let id = self.mapping.id(entity, document).ok();
            (id, self.mapping.owner(entity, document))
        };
        let now = name(&document);
        // What was known by another id, or of another customer, is gone there.
        let moved = before.filter(|before| {
            let was = name(before);
            was.0.is_some() && was != now
        });
        let gone = moved.map(|before| event(self.mapping.delete(entity, &before), first, at_ms));
        if is_whole {
            let put = event(self.mapping.put(entity, &document), second, at_ms);
            return Ok(Step::Events(gone.into_iter().chain([put]).collect()));
        }
        let (id, owner) = now;
        Ok(Step::Read(Box::new(Missing {
            relation,
            key: known.key(&new),
            xid,
            before: gone,
            entity,
            id,
            owner,
            position: second,
            at_ms,
        })))
    }
}

impl Transaction {
    /// Where a row of it stands: its commit, then its ordinal; of what was and what is, the second is `later`.
    fn position(&self, later: bool) -> Vec<u8> {
        let ordinal = self.rows.saturating_mul(2) + u64::from(later);
        [self.commit.to_be_bytes(), ordinal.to_be_bytes()].concat()
    }
}

impl Known {
    /// The document that the columns of `row` that are read make. `key_alone`: only its identity came, and what is null
    /// may have been anything.
    fn document(&self, row: &[Datum], key_alone: bool) -> Result<Value, Unreadable> {
        let mut document = Map::new();
        for (column, datum) in self.columns.iter().zip(row) {
            if !column.is_read {
                continue;
            }
            let value = match datum {
                Datum::Null if key_alone => continue,
                Datum::Null => Value::Null,
                Datum::Unchanged => continue,
                Datum::Text(bytes) => column.kind.value(text(bytes)?),
            };
            document.insert(column.name.clone(), value);
        }
        Ok(Value::Object(document))
    }

    /// `new` with what did not change taken from what was, as far as that came.
    fn completed(mut new: Vec<Datum>, old: Option<&Old>) -> Vec<Datum> {
        let (row, is_full) = match old {
            Some(Old::Full(row)) => (row, true),
            Some(Old::Key(row)) => (row, false),
            None => return new,
        };
        for (datum, was) in new.iter_mut().zip(row) {
            if *datum == Datum::Unchanged && (is_full || *was != Datum::Null) {
                datum.clone_from(was);
            }
        }
        new
    }

    fn is_whole(&self, row: &[Datum]) -> bool {
        let mut columns = self.columns.iter().zip(row);
        !columns.any(|(column, datum)| column.is_read && *datum == Datum::Unchanged)
    }

    fn key(&self, row: &[Datum]) -> Vec<(String, String)> {
        let columns = self.columns.iter().zip(row).filter(|(column, _)| column.is_key);
        columns
            .filter_map(|(column, datum)| match datum {
                Datum::Text(bytes) => Some((column.name.clone(), text(bytes).ok()?.to_owned())),
                Datum::Null | Datum::Unchanged => None,
            })
            .collect()
    }
}

/// Where to go on behind everything ahead of `lsn`.
pub(super) fn place(lsn: Lsn) -> Event {
    Event::Place {
        token: lsn.to_string(),
        position: lsn.to_string(),
    }
}

fn event(change: Result<Change, Unreadable>, position: Vec<u8>, at_ms: i64) -> Event {
    match change {
        Ok(change) => Event::Change {
            position,
            at_ms: Some(at_ms),
            change,
        },
        Err(unreadable) => Event::Refused(unreadable),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable {
        reason: "expected text in UTF-8".into(),
        found: bytes.to_vec(),
    })
}

#[cfg(test)]
mod tests;
