//! A copy: a slot that exports what it begins with, and the tables as of that.

use std::time::Duration;

use pgwire_replication::Lsn;
use serde_json::{Map, Value};
use tokio::time::sleep;
use tokio_postgres::SimpleQueryMessage;
use tracing::warn;

use super::facts::{Facts, Publication, Table, TableKind, Target};
use super::identity::read_columns;
use super::session::{Session, failed};
use super::sql::{identifier, identifiers, literal};
use super::types::Kinds;
use super::wire::Wire;
use crate::feed::mapping::{Entity, Mapping};
use crate::feed::source::{Row, Rows, SourceError, Unreadable};

/// Rows that are fetched at once.
const AT_ONCE: usize = 1000;
/// How long a slot may take to begin before a person is told why it does.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes our slot anew and has `session` see the database as of where the slot begins.
pub(super) async fn begin(
    session: &Session,
    wire: &mut Wire,
    slot: &str,
    exists: bool,
) -> Result<Lsn, SourceError> {
    if exists {
        let drop = format!("SELECT pg_drop_replication_slot({})", literal(slot));
        session.run("dropping the old slot", &drop).await?;
    }
    let command = format!("CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput EXPORT_SNAPSHOT");
    let rows = {
        let creating = wire.rows("creating the slot", &command);
        tokio::pin!(creating);
        tokio::select! {
            rows = &mut creating => rows?,
            () = sleep(PATIENCE) => {
                warn!(slot, "the slot begins once every transaction has ended that writes now; \
                    SELECT pid, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY 2; names them");
                creating.await?
            }
        }
    };
    let created = rows.into_iter().next().unwrap_or_default();
    let [_, Some(from), Some(snapshot), ..] = &created[..] else {
        return Err(SourceError::Away(
            "PostgreSQL: expected a slot with a snapshot to be made, found neither".into(),
        ));
    };
    let from: Lsn = from.parse().map_err(|_| {
        SourceError::Away("PostgreSQL: expected a slot to begin at a place, found none".into())
    })?;
    session
        .run(
            "beginning to copy",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )
        .await?;
    let take = format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot));
    session.run("taking the slot's snapshot", &take).await?;
    Ok(from)
}

/// Hands all rows over, as of the slot's beginning.
pub(super) async fn copy(
    session: &Session,
    facts: &Facts,
    publication: &Publication,
    mapping: &Mapping,
    kinds: &Kinds,
    rows: &mut dyn Rows,
) -> Result<(), SourceError> {
    let counts = facts
        .tables
        .iter()
        .map(|(_, table)| table.as_ref().and_then(|table| table.rows));
    if let Some(count) = counts.sum::<Option<u64>>() {
        rows.expect(count);
    }
    let mut attributes = Vec::new();
    for (target, table) in tables_of(facts, |entity| entity == Entity::Attribute) {
        let select = Select::of(target, table, publication, mapping);
        read(session, &select, kinds, &mut |document| {
            attributes.extend(document.ok());
            Ok(())
        })
        .await?;
    }
    if let Some(schema) = mapping.schema(&attributes) {
        rows.put(Row::Schema(schema))?;
    }
    for (target, table) in tables_of(facts, |entity| entity != Entity::Attribute) {
        let select = Select::of(target, table, publication, mapping);
        let entity = target.entity;
        read(session, &select, kinds, &mut |document| {
            let row = match document {
                Ok(document) => mapping.row(entity, &document),
                Err(unreadable) => Some(Row::Refused(unreadable)),
            };
            row.map_or(Ok(()), |row| rows.put(row))
        })
        .await?;
    }
    session.run("ending the copy", "COMMIT").await
}

/// The documents of the schema's attributes, as they are now.
pub(super) async fn attributes(
    session: &Session,
    facts: &Facts,
    publication: &Publication,
    mapping: &Mapping,
    kinds: &Kinds,
) -> Result<Vec<Value>, SourceError> {
    let mut documents = Vec::new();
    for (target, table) in tables_of(facts, |entity| entity == Entity::Attribute) {
        let select = Select::of(target, table, publication, mapping);
        let found = session.rows("reading the schema", &select.sql).await?;
        documents.extend(
            found
                .iter()
                .map(|texts| select.document(kinds, texts.iter().map(Option::as_deref))),
        );
    }
    Ok(documents)
}

fn tables_of(facts: &Facts, which: impl Fn(Entity) -> bool) -> impl Iterator<Item = (&Target, &Table)> {
    facts
        .tables
        .iter()
        .filter(move |(target, _)| which(target.entity))
        .filter_map(|(target, table)| Some((target, table.as_ref()?)))
}

/// The rows of a table, as the stream has them.
struct Select {
    sql: String,
    columns: Vec<(String, u32)>,
}

impl Select {
    fn of(target: &Target, table: &Table, publication: &Publication, mapping: &Mapping) -> Select {
        let columns: Vec<(String, u32)> = read_columns(publication, table, target, mapping)
            .map(|column| (column.name.clone(), column.type_oid))
            .collect();
        let filter = publication
            .named
            .get(&table.oid)
            .and_then(|named| named.filter.as_ref());
        let filter = filter.map_or(String::new(), |filter| format!(" WHERE {filter}"));
        Select {
            sql: format!(
                "SELECT {} FROM {}{filter}",
                identifiers(columns.iter().map(|(name, _)| name.as_str())),
                from(target, table)
            ),
            columns,
        }
    }

    fn document<'a>(&self, kinds: &Kinds, texts: impl Iterator<Item = Option<&'a str>>) -> Value {
        let columns = self.columns.iter().zip(texts);
        Value::Object(
            columns
                .map(|((name, oid), text)| {
                    let value = text.map_or(Value::Null, |text| kinds.of(*oid).value(text));
                    (name.clone(), value)
                })
                .collect::<Map<_, _>>(),
        )
    }
}

/// A table in a statement: what inherits from a plain one is a table of its own in the stream.
fn from(target: &Target, table: &Table) -> String {
    let name = format!("{}.{}", identifier(&target.schema), identifier(&target.name));
    match table.kind {
        TableKind::Partitioned => name,
        TableKind::Plain | TableKind::Other => format!("ONLY {name}"),
    }
}

/// One row of `target`, by its key.
pub(super) fn select_one(
    target: &Target,
    table: &Table,
    columns: &[&str],
    key: &[(String, String)],
) -> String {
    let by: Vec<String> = key
        .iter()
        .map(|(name, text)| format!("{} = {}", identifier(name), literal(text)))
        .collect();
    format!(
        "SELECT {} FROM {} WHERE {}",
        identifiers(columns.iter().copied()),
        from(target, table),
        by.join(" AND ")
    )
}

type Take<'a> = dyn FnMut(Result<Value, Unreadable>) -> Result<(), SourceError> + 'a;

async fn read(
    session: &Session,
    select: &Select,
    kinds: &Kinds,
    take: &mut Take<'_>,
) -> Result<(), SourceError> {
    let what = "copying";
    let declare = format!("DECLARE ringside_copy NO SCROLL CURSOR FOR {}", select.sql);
    session.run(what, &declare).await?;
    let fetch = format!("FETCH {AT_ONCE} FROM ringside_copy");
    loop {
        let fetched = session.client().simple_query(&fetch).await;
        let mut count = 0;
        for message in fetched.map_err(|error| failed(what, &error))? {
            let SimpleQueryMessage::Row(row) = message else {
                continue;
            };
            count += 1;
            let texts: Result<Vec<Option<&str>>, _> =
                (0..row.len()).map(|column| row.try_get(column)).collect();
            take(match texts {
                Ok(texts) => Ok(select.document(kinds, texts.into_iter())),
                Err(_) => Err(Unreadable {
                    reason: "expected text in UTF-8".into(),
                    found: Vec::new(),
                }),
            })?;
        }
        if count < AT_ONCE {
            return session.run(what, "CLOSE ringside_copy").await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::tests::{facts, mapping};
    use super::*;

    #[test]
    fn a_table_is_read_as_the_stream_has_it() {
        let facts = facts();
        let mut publication = facts.publication.clone().unwrap();
        let (target, table) = tables_of(&facts, |entity| entity == Entity::Customer)
            .next()
            .unwrap();
        let of =
            |table: &Table, publication: &Publication| Select::of(target, table, publication, &mapping()).sql;
        assert_eq!(
            of(table, &publication),
            r#"SELECT "id", "name", "phones" FROM ONLY "public"."customers""#
        );
        publication.named.get_mut(&table.oid).unwrap().filter = Some("(id > 5)".into());
        let mut partitioned = table.clone();
        partitioned.kind = TableKind::Partitioned;
        partitioned.columns[2].is_generated = true;
        assert_eq!(
            of(&partitioned, &publication),
            r#"SELECT "id", "name" FROM "public"."customers" WHERE (id > 5)"#
        );
        let key = [("id".to_owned(), "O'".to_owned())];
        assert_eq!(
            select_one(target, table, &["id", "name"], &key),
            r#"SELECT "id", "name" FROM ONLY "public"."customers" WHERE "id" = 'O'''"#
        );
    }
}
