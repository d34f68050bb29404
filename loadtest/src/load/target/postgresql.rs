//! PostgreSQL with the customers in a table by number: what a team does that has no cache. It trusts whoever connects, so
//! that logging in is no part of what is measured, and has memory enough for all of them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, CopyData};
use servers::postgres::Postgres;
use tempfile::NamedTempFile;

use crate::load::error::Error;
use crate::load::oracle::Oracle;
use crate::load::schedule::Key;
use crate::load::wire::{Postgresql, until};
use crate::server;

/// Bytes of rows that are sent at once.
const AT_ONCE: usize = 1 << 20;

/// A running server.
pub(super) struct Server {
    _server: Postgres,
    _trust: NamedTempFile,
    address: SocketAddr,
}

impl Server {
    /// A server that holds the documents of `customers` customers.
    pub(super) fn start(customers: u64, oracle: &Oracle) -> Result<Server, Error> {
        if !(13..=18)
            .any(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/postgres")).exists())
        {
            return Err(Error::Missing {
                server: "PostgreSQL",
                remedy: "apt-get install postgresql, or tests/servers/install/postgres.sh",
            });
        }
        let mut trust = NamedTempFile::new()?;
        trust.write_all(b"host all all 127.0.0.1/32 trust\n")?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(trust.path(), readable)?;
        let hba = format!("hba_file = '{}'", trust.path().display());
        // Processes inherit the core of who starts them.
        server::pin_thread(server::SERVER_CORE)?;
        let started = Postgres::start_with(&[
            &hba,
            "shared_buffers = 1GB",
            "wal_level = minimal",
            "max_wal_senders = 0",
            "max_connections = 200",
            "max_wal_size = 4GB",
        ]);
        server::pin_thread(server::CLIENT_CORE)?;
        let address = SocketAddr::from(([127, 0, 0, 1], started.port()));
        let server = Server {
            _server: started,
            _trust: trust,
            address,
        };
        server.fill(customers, oracle)?;
        Ok(server)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn fill(&self, customers: u64, oracle: &Oracle) -> Result<(), Error> {
        let mut stream = TcpStream::connect(self.address)?;
        Postgresql::log_in(&mut stream)?;
        let mut out = BytesMut::new();
        frontend::query(
            "CREATE TABLE customers (number bigint, customer text NOT NULL)",
            &mut out,
        )?;
        stream.write_all(&out)?;
        until(&mut stream, b"Z")?;
        out.clear();
        frontend::query("COPY customers FROM STDIN", &mut out)?;
        stream.write_all(&out)?;
        until(&mut stream, b"G")?;
        let mut rows = Vec::new();
        for nth in 0..customers {
            write!(rows, "{}\t", Key { nth, is_hit: true }.number())?;
            for byte in oracle.document(nth)? {
                // COPY takes a backslash for the beginning of an escape; the documents have no other sign of its own.
                if byte == b'\\' {
                    rows.push(b'\\');
                }
                rows.push(byte);
            }
            rows.push(b'\n');
            if rows.len() >= AT_ONCE || nth + 1 == customers {
                out.clear();
                CopyData::new(std::mem::take(&mut rows).as_slice())?.write(&mut out);
                stream.write_all(&out)?;
            }
        }
        out.clear();
        frontend::copy_done(&mut out);
        frontend::query("ALTER TABLE customers ADD PRIMARY KEY (number)", &mut out)?;
        frontend::query("VACUUM ANALYZE customers", &mut out)?;
        stream.write_all(&out)?;
        for _ in 0..3 {
            until(&mut stream, b"Z")?;
        }
        Ok(())
    }
}
