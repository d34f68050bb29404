//! PostgreSQL: a server of its own, beside a client of its replication protocol.

use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pgwire_replication::client::ReplicationEvent;
use pgwire_replication::{ReplicationClient, ReplicationConfig, TlsConfig};
use servers::postgres::Sql;

use super::{Bench, name, number};

pub(super) struct Postgres {
    server: servers::postgres::Postgres,
    sql: Sql,
}

impl Postgres {
    pub(super) fn start() -> Postgres {
        let server = servers::postgres::Postgres::start();
        let mut sql = server.sql();
        sql.run(
            "CREATE TABLE customers (id bigint PRIMARY KEY, name text, phones text[]);
             CREATE PUBLICATION ringside FOR TABLE customers",
        );
        for slot in ["bare", "listener"] {
            sql.run(&format!(
                "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
            ));
        }
        Postgres { server, sql }
    }

    /// Receives what the slot has not given out yet; `each` says whether to go on.
    fn receive(port: u16, slot: &str, mut each: impl FnMut() -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime: {error}"));
        runtime.block_on(async {
            let config =
                ReplicationConfig::new("127.0.0.1", "postgres", "secret", "postgres", slot, "ringside")
                    .with_port(port)
                    .with_tls(TlsConfig::disabled())
                    .with_status_interval(Duration::from_millis(100));
            let mut client = ReplicationClient::connect(config)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            loop {
                match client.recv().await {
                    Ok(Some(ReplicationEvent::XLogData { data, .. })) => {
                        if decode(&data).is_some() && !each() {
                            break;
                        }
                    }
                    Ok(Some(ReplicationEvent::Commit { end_lsn, .. })) => client.update_applied_lsn(end_lsn),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
}

/// The columns of a row that was inserted or updated, as texts.
fn decode(message: &[u8]) -> Option<Vec<String>> {
    let (kind, rest) = message.split_first()?;
    if !matches!(kind, b'I' | b'U') {
        return None;
    }
    // Which table, that a new row follows, and how many columns.
    let mut rest = rest.get(7..)?;
    let mut columns = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        if *kind == b't' {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            columns.push(String::from_utf8_lossy(text).into_owned());
            rest = after;
        }
    }
    Some(columns)
}

impl Bench for Postgres {
    fn rows(&self) -> [(&'static str, &'static str); 2] {
        [
            ("13-postgres", "PostgreSQL: committed to visible in a lookup, p99"),
            (
                "14-postgres",
                "PostgreSQL: catching up after an outage, as time of a bare receiver's",
            ),
        ]
    }

    fn config(&self) -> String {
        format!(
            "[feed.main]\nkind = \"postgres\"\n[feed.main.postgres]\nuri = \"{}?sslmode=disable\"\n\
             [feed.main.customers]\nfrom = \"public.customers\"\n",
            self.server.url("postgres")
        )
    }

    fn write(&mut self, ids: Range<u64>, version: u64) {
        let [name, first] = [name(version), number(0)];
        let first: u64 = first.trim_start_matches('+').parse().unwrap_or(0);
        let (from, to) = (ids.start, ids.end - 1);
        self.sql.run(&format!(
            "INSERT INTO customers SELECT n, '{name}', ARRAY['+' || ({first} + n)] FROM generate_series({from}, {to}) n
             ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        ));
    }

    fn listen(&mut self) -> Receiver<Instant> {
        let (to, received) = channel();
        let port = self.server.port();
        self.sql
            .run("SELECT pg_replication_slot_advance('listener', pg_current_wal_lsn())");
        std::thread::spawn(move || {
            Postgres::receive(port, "listener", || to.send(Instant::now()).is_ok());
        });
        received
    }

    fn hold(&mut self) {
        self.sql
            .run("SELECT pg_replication_slot_advance('bare', pg_current_wal_lsn())");
    }

    fn drain(&mut self, count: u64) -> Duration {
        let began = Instant::now();
        let mut received = 0;
        Postgres::receive(self.server.port(), "bare", || {
            received += 1;
            received < count
        });
        began.elapsed()
    }
}
