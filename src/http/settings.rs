//! What a configuration says of the server.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Deserializer};

use super::access::Access;
use super::desk::Desk;
use super::shadow::Shadow;
use super::tls::Tls;
use crate::callers::{Native, Speakers};
use crate::feed::Pushes;

/// Requests and connections. Times are whole seconds or milliseconds in a configuration, whatever they are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Threads that serve callers, 1–1024; 0: one per core.
    pub workers: usize,
    /// The longest head of a request, bytes, 8192–2²⁰.
    pub head_max_bytes: usize,
    /// The most header fields of a request, 16–1000.
    pub headers_max: usize,
    /// The longest path and query of a request, bytes, 256–65 534.
    pub uri_max_bytes: usize,
    /// The longest request body, bytes, 1024–2³⁰.
    pub body_max_bytes: usize,
    /// All request bodies in memory at once, MiB, 1–65 536.
    pub bodies_max_mib: usize,
    /// The most numbers in one request, 1–100 000.
    pub batch_max: usize,
    /// From the first byte of a request's head to its last, 1–3600 s.
    #[serde(rename = "head_timeout_s", deserialize_with = "seconds")]
    pub head_timeout: Duration,
    /// From a request's head to the last byte of its body, 1–3600 s.
    #[serde(rename = "body_timeout_s", deserialize_with = "seconds")]
    pub body_timeout: Duration,
    /// How long a connection is kept without a request, 1–86 400 s.
    #[serde(rename = "idle_timeout_s", deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// How long a caller may take nothing of an answer, 1–3600 s.
    #[serde(rename = "write_timeout_s", deserialize_with = "seconds")]
    pub write_timeout: Duration,
    /// The most connections of callers at once, 1–1 000 000.
    pub connections_max: usize,
    /// The most connections of one IPv4 address or IPv6 /64, to 1 000 000; 0: as many as come.
    pub connections_per_peer_max: usize,
    /// How long a request may have waited before it is answered as overload, 1–10 000 ms.
    #[serde(rename = "overload_after_ms", deserialize_with = "milliseconds")]
    pub overload_after: Duration,
    /// Seconds that open requests have when the service stops, 0–3600.
    pub drain_s: u64,
}

/// What a connection is given time for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

/// How long the heads of requests may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) max_bytes: usize,
    pub(super) headers_max: usize,
    pub(super) uri_max_bytes: usize,
}

impl Settings {
    /// Threads that serve callers, 1 or more.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts {
            head: self.head_timeout,
            idle: self.idle_timeout,
            write: self.write_timeout,
        }
    }

    pub(super) fn heads(&self) -> Heads {
        Heads {
            max_bytes: self.head_max_bytes,
            headers_max: self.headers_max,
            uri_max_bytes: self.uri_max_bytes,
        }
    }
}

/// One place where callers connect, and what answers there.
#[derive(Debug)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: String,
    /// TCP address; port 0 takes a free one.
    pub address: Option<SocketAddr>,
    /// Path of a Unix socket.
    pub unix: Option<PathBuf>,
    /// What is served there.
    pub policy: Arc<ArcSwap<Policy>>,
}

/// What a listener serves. Whoever keeps the listener's [`Listener::policy`] may put another in its place while the
/// server runs: a request is answered under the one that it found, whole.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What answers.
    pub speakers: Speakers,
    /// Who may ask, and for what.
    pub access: Access,
    /// What makes connections over TCP secret; `None`: they are not.
    pub tls: Option<Tls>,
    /// Where changes go that are posted here; `None`: nowhere.
    pub pushes: Option<Pushes>,
    /// What answered here until now, and still does; `None`: nothing.
    pub shadow: Option<Shadow>,
    /// What is told of calls, and to whom; `None`: nothing.
    pub desk: Option<Desk>,
}

impl Policy {
    /// Everything that `native` answers, for everybody, over plain HTTP.
    pub fn open(native: Native) -> Policy {
        Policy {
            speakers: Speakers::native(native),
            access: Access::default(),
            tls: None,
            pushes: None,
            shadow: None,
            desk: None,
        }
    }
}

impl Listener {
    /// The listener `name` that serves `policy`, bound nowhere.
    pub fn new(name: impl Into<String>, policy: Policy) -> Listener {
        Listener {
            name: name.into(),
            address: None,
            unix: None,
            policy: Arc::new(ArcSwap::from_pointee(policy)),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
