//! A PostgreSQL server, each change a transaction of its own.

use std::io::Error;
use std::ops::Range;
use std::time::{Duration, Instant};

use pgwire_replication::{ReplicationClient, ReplicationConfig, ReplicationEvent};
use servers::postgres::{self as server, Sql};

use super::documents;
use super::source::{Bare, Received, Source};
use crate::centre::other;

const TABLE: &str = "
    CREATE TABLE customers (id text PRIMARY KEY, name text, phones jsonb, created_at text, labels jsonb, cases jsonb,
        interactions jsonb, last_agent_id text);
    GRANT SELECT ON customers TO ringside;
    CREATE PUBLICATION ringside FOR TABLE customers;";
const SLOT: &str = "SELECT pg_create_logical_replication_slot('bare', 'pgoutput')";
/// Rows of one statement where all are made.
const TOGETHER: u64 = 500;
/// How long the bare receiver's slot may be held by its last connection.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Postgres {
    server: server::Postgres,
    sql: Sql,
}

impl Postgres {
    pub(super) fn start() -> Result<Postgres, Error> {
        let server = server::Postgres::start_with(&["max_wal_size = 4GB"]);
        let mut sql = server.sql();
        for statement in [TABLE, SLOT] {
            sql.try_rows(statement).map_err(Error::other)?;
        }
        Ok(Postgres { server, sql })
    }

    fn run(&mut self, statement: &str) -> Result<(), Error> {
        self.sql.try_rows(statement).map(|_| ()).map_err(Error::other)
    }
}

impl Source for Postgres {
    fn config(&self) -> String {
        format!(
            "[feed.main]\nkind = \"postgres\"\n[feed.main.postgres]\nuri = \"{}?sslmode=disable\"\n\
             [feed.main.customers]\nfrom = \"public.customers\"\n",
            self.server.url("ringside")
        )
    }

    fn put(&mut self, nth: u64) -> Result<(), Error> {
        let (id, name) = (documents::id(nth), documents::name(nth));
        self.run(&format!("UPDATE customers SET name = '{name}' WHERE id = '{id}'"))
    }

    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error> {
        if changes.start > 0 {
            let (first, last, customers) = (changes.start, changes.end - 1, documents::CUSTOMERS);
            return self.run(&format!(
                "DO $$ BEGIN FOR n IN {first}..{last} LOOP UPDATE customers SET name = 'Changed ' || n \
                 WHERE id = 'c-' || n % {customers}; COMMIT; END LOOP; END $$"
            ));
        }
        let all: Vec<u64> = changes.collect();
        for some in all.chunks(TOGETHER as usize) {
            let rows: Vec<String> = some
                .iter()
                .map(|nth| {
                    let row = documents::document(*nth);
                    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                    format!(
                        "('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
                        documents::id(*nth),
                        text("name"),
                        row["phones"],
                        text("created_at"),
                        row["labels"],
                        row["cases"],
                        row["interactions"],
                        text("last_agent_id")
                    )
                })
                .collect();
            self.run(&format!("INSERT INTO customers VALUES {}", rows.join(", ")))?;
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<Bare, Error> {
        let begun = Instant::now();
        while let Err(error) =
            self.run("SELECT pg_replication_slot_advance('bare', pg_current_wal_insert_lsn())")
        {
            if begun.elapsed() > PATIENCE {
                return Err(error);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let mut config =
            ReplicationConfig::new("127.0.0.1", "ringside", "secret", "postgres", "bare", "ringside");
        config.port = self.server.port();
        Ok(Box::new(move |received: Received<'_>| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut client = ReplicationClient::connect(config).await.map_err(other)?;
                while let Some(event) = client.recv().await.map_err(other)? {
                    let ReplicationEvent::XLogData { data, .. } = event else {
                        continue;
                    };
                    let Some(columns) = columns(&data) else { continue };
                    let name = columns.get(1).and_then(Option::as_deref);
                    if name
                        .and_then(documents::of_name)
                        .is_some_and(|nth| !received(nth))
                    {
                        return client.shutdown().await.map_err(other);
                    }
                }
                Err(Error::other("the stream ended"))
            })
        }))
    }
}

/// The columns of the new row of an `INSERT` or `UPDATE` without the old one, as texts.
fn columns(data: &[u8]) -> Option<Vec<Option<String>>> {
    let rest = match data.first()? {
        b'I' | b'U' => data.get(5..)?,
        _ => return None,
    };
    let (b'N', rest) = (*rest.first()?, rest.get(1..)?) else {
        return None;
    };
    let count = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
    let mut rest = rest.get(2..)?;
    let mut columns = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let kind = *rest.first()?;
        rest = rest.get(1..)?;
        if kind != b't' {
            columns.push(None);
            continue;
        }
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        columns.push(Some(String::from_utf8(rest.get(4..4 + length)?.to_vec()).ok()?));
        rest = rest.get(4 + length..)?;
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_row_is_decoded() {
        let mut data = b"U\0\0\0\x07N\0\x03".to_vec();
        data.extend_from_slice(b"t\0\0\0\x03c-1n");
        data.extend_from_slice(b"t\0\0\0\x01x");
        let expected = vec![Some("c-1".to_owned()), None, Some("x".to_owned())];
        assert_eq!(columns(&data), Some(expected));
        assert_eq!(columns(b"B"), None);
        assert_eq!(columns(&data[..data.len() - 1]), None);
    }
}
