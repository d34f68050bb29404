//! What a configuration says of the server.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Deserialize;

use super::access::Access;
use super::tls::Tls;
use crate::callers::Native;

/// Requests and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Threads that serve callers, 1–1024; 0: one per core.
    pub workers: usize,
    /// The longest request body, bytes, 1024–2³⁰.
    pub body_max_bytes: usize,
    /// Seconds that open requests have when the service stops, 0–3600.
    pub drain_s: u64,
    /// The most numbers in one request, 1–100 000.
    pub batch_max: usize,
}

impl Settings {
    /// Threads that serve callers, 1 or more.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            workers => workers,
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
    pub native: Native,
    /// Who may ask, and for what.
    pub access: Access,
    /// What makes connections over TCP secret; `None`: they are not.
    pub tls: Option<Tls>,
}

impl Policy {
    /// Everything that `native` answers, for everybody, over plain HTTP.
    pub fn open(native: Native) -> Policy {
        Policy {
            native,
            access: Access::default(),
            tls: None,
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
