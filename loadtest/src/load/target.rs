//! What is measured: real servers, started here on free ports and sockets in folders of their own, each on the servers'
//! core, and ended when they are dropped.

mod postgresql;
mod redis;
mod ringside;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ::ringside::snapshot::MappedSnapshot;
use clap::ValueEnum;

use super::error::Error;
use super::link::Place;
use super::oracle::Oracle;
use super::wire::{Http, Postgresql, Resp, Wire};
use crate::customers::{self, Profile};
use crate::server::Server;

pub(crate) use ringside::{Over, Ringside, ran};

/// A kind of server, and the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Ringside with one worker.
    RingsideTcp,
    /// The same through a Unix socket.
    RingsideUnix,
    /// The same over TLS.
    RingsideTls,
    /// The bare hyper server, which answers a constant as long as Ringside's answer, under the same headers.
    Hyper,
    /// Redis, holding each customer's document under the number's digits.
    Redis,
    /// The same through a Unix socket.
    RedisUnix,
    /// PostgreSQL, holding the same in a table, asked by a prepared select of its primary key.
    Postgresql,
}

/// Customers that churn may change: the first of them.
const CHANGING: u64 = 10_000;
/// What a Ringside that has no feed says behind what the oracle compares.
const FRESHNESS: usize =
    ",\"generation\":1,\"position\":null,\"age_ms\":null,\"stale\":false,\"connected\":false,\"source_lag_ms\":null}".len();

/// The process behind a target.
#[derive(Clone)]
enum Process {
    Ringside(Arc<Mutex<Ringside>>),
    Bare(Arc<Server>),
    Redis(Arc<redis::Redis>),
    Postgresql(#[expect(dead_code, reason = "ends the server when it is dropped")] Arc<postgresql::Server>),
    /// Somebody else's, as a test's own.
    #[cfg(test)]
    Elsewhere,
}

/// A server that requests can be sent to.
#[derive(Clone)]
pub(crate) struct Target {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it listens.
    pub(crate) place: Place,
    /// What its answers have to be.
    pub(crate) oracle: Oracle,
    /// Customers that it holds.
    pub(crate) customers: u64,
    process: Process,
}

/// The customers that servers hold.
pub(crate) struct Stock {
    /// How many.
    pub(crate) customers: u64,
    /// Where folders of servers are made.
    folder: std::path::PathBuf,
    /// The file that Ringside serves.
    path: std::path::PathBuf,
    snapshot: Arc<MappedSnapshot>,
}

impl Kind {
    /// Whether it is Ringside, by whatever way.
    pub(crate) fn is_ringside(self) -> bool {
        matches!(self, Kind::RingsideTcp | Kind::RingsideUnix | Kind::RingsideTls)
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::RingsideTcp => "ringside-tcp",
            Kind::RingsideUnix => "ringside-unix",
            Kind::RingsideTls => "ringside-tls",
            Kind::Hyper => "hyper",
            Kind::Redis => "redis",
            Kind::RedisUnix => "redis-unix",
            Kind::Postgresql => "postgresql",
        }
    }
}

impl Stock {
    /// `customers` typical customers, kept in `folder`, where they are made if they are not there yet.
    pub(crate) fn new(folder: &Path, customers: u64) -> Result<Stock, Error> {
        let (path, snapshot) = customers::snapshot(folder, customers, Profile::Typical)
            .map_err(|error| Error::target("the snapshot", error))?;
        // The page cache must hold the map, or the first lookups measure the disk.
        snapshot
            .populate(0, u64::MAX)
            .map_err(|error| Error::target("the snapshot", error))?;
        Ok(Stock {
            customers,
            folder: folder.to_owned(),
            path,
            snapshot: Arc::new(snapshot),
        })
    }

    /// Starts a server of kind `kind` that holds them.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not installed; whatever keeps it from starting.
    pub(crate) fn serve(&self, kind: Kind, over: &Over) -> Result<Target, Error> {
        let snapshot = || Arc::clone(&self.snapshot);
        let target = |place, oracle, process| Target {
            kind,
            place,
            oracle,
            customers: self.customers,
            process,
        };
        Ok(match kind {
            Kind::RingsideTcp | Kind::RingsideUnix | Kind::RingsideTls => {
                let server = Ringside::start(&self.folder, &self.path, kind == Kind::RingsideTls, over)?;
                let place = match kind {
                    Kind::RingsideUnix => Place::Unix(server.socket()),
                    Kind::RingsideTls => Place::Tls(server.address(), server.trust()?),
                    _ => Place::Tcp(server.address()),
                };
                let oracle = Oracle::of_lookups(snapshot(), CHANGING.min(self.customers));
                target(place, oracle, Process::Ringside(Arc::new(Mutex::new(server))))
            }
            Kind::Hyper => {
                let lookups = Oracle::of_lookups(snapshot(), 0);
                let length = lookups
                    .expected(super::schedule::Key { nth: 0, is_hit: true })?
                    .len()
                    + FRESHNESS;
                let server = Server::bare(length)?;
                let oracle = Oracle::of_constant(vec![b' '; length]);
                target(
                    Place::Tcp(server.address),
                    oracle,
                    Process::Bare(Arc::new(server)),
                )
            }
            Kind::Redis | Kind::RedisUnix => {
                let oracle = Oracle::of_documents(snapshot());
                let server = redis::Redis::start(self.customers, &oracle)?;
                let place = match kind {
                    Kind::RedisUnix => Place::Unix(server.socket()),
                    _ => Place::Tcp(server.address()),
                };
                target(place, oracle, Process::Redis(Arc::new(server)))
            }
            Kind::Postgresql => {
                let oracle = Oracle::of_documents(snapshot());
                let server = postgresql::Server::start(self.customers, &oracle)?;
                target(
                    Place::Tcp(server.address()),
                    oracle,
                    Process::Postgresql(Arc::new(server)),
                )
            }
        })
    }
}

impl Target {
    /// A server of somebody else's that listens at `place`.
    #[cfg(test)]
    pub(crate) fn elsewhere(kind: Kind, place: Place, oracle: Oracle, customers: u64) -> Target {
        Target {
            kind,
            place,
            oracle,
            customers,
            process: Process::Elsewhere,
        }
    }

    /// The same server through its Unix socket.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn through_socket(&self) -> Result<Target, Error> {
        let (kind, path) = match &self.process {
            Process::Ringside(server) => (Kind::RingsideUnix, ringside::locked(server).socket()),
            Process::Redis(server) => (Kind::RedisUnix, server.socket()),
            _ => return Err(Error::target(self.kind.name(), "has no Unix socket")),
        };
        Ok(Target {
            kind,
            place: Place::Unix(path),
            ..self.clone()
        })
    }

    /// The protocol that it speaks, with a connection for each request or not.
    pub(crate) fn wire(&self, is_last: bool) -> Wire {
        match self.kind {
            Kind::Redis | Kind::RedisUnix => Wire::Resp(Resp),
            Kind::Postgresql => Wire::Postgresql(Postgresql),
            _ => Wire::Http(Http { is_last }),
        }
    }

    /// The Ringside that it is, if it is one.
    pub(crate) fn ringside(&self) -> Option<Arc<Mutex<Ringside>>> {
        match &self.process {
            Process::Ringside(server) => Some(Arc::clone(server)),
            _ => None,
        }
    }

    /// Its process now, where it is one process.
    fn id(&self) -> Option<u32> {
        match &self.process {
            Process::Ringside(server) => Some(ringside::locked(server).id()),
            Process::Bare(server) => Some(server.id()),
            Process::Redis(server) => Some(server.id()),
            Process::Postgresql(_) => None,
            #[cfg(test)]
            Process::Elsewhere => None,
        }
    }

    /// Nanoseconds of CPU that it has taken; `None` where it is not one process.
    pub(crate) fn cpu_nanos(&self) -> Option<u64> {
        crate::server::cpu_nanos(self.id()?).ok()
    }

    /// Its resident memory in KiB, and its open descriptors.
    pub(crate) fn weight(&self) -> Option<(u64, usize)> {
        let id = self.id()?;
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse().ok())?;
        let descriptors = fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
        Some((resident, descriptors))
    }
}
