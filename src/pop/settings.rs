//! What a configuration says of calls.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::calls::Bounds;
use super::shared::Seal;
use crate::feed::Secret;
use crate::feed::jetstream::Login;
use crate::feed::secure::Tls;

/// How long calls are waited for and remembered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most calls that are known at once, 100–1 000 000.
    pub calls_max: usize,
    /// How long a telephone may ring, 5–3600 s.
    pub ring_max_s: u64,
    /// How long after its end a call may be wrapped up, 0–3600 s.
    pub close_after_s: u64,
    /// How long nothing may be heard of a call, 60–604 800 s.
    pub idle_close_s: u64,
    /// How long a closed call is remembered, 0–86 400 s.
    pub remember_s: u64,
    /// How long a log-in holds, 60–604 800 s.
    pub session_s: u64,
    /// How long the answer to a ring waits until it is kept, 0–5000 ms.
    pub wait_ms: u64,
    /// Call variables whose values name a call across its legs.
    pub key_variables: Vec<String>,
    /// Where calls are kept.
    pub store: Store,
    /// The stream that both nodes of a pair keep them in.
    pub jetstream: Shared,
}

/// Where calls are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// On this machine.
    #[default]
    Local,
    /// In a stream that both nodes of a pair follow.
    JetStream,
}

/// The stream that both nodes of a pair keep calls in: `[calls.jetstream]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// Addresses of servers of one cluster; 1 to 16.
    pub servers: Vec<Secret>,
    /// The stream; the bucket of terms is called after it.
    pub stream: String,
    /// What its subjects begin with.
    pub prefix: String,
    /// On how many servers it is kept, where it is created: 1 to 5.
    pub replicas: usize,
    /// Age at which messages leave it, where it is created, 3600–31 536 000 s.
    pub max_age_s: u64,
    /// The most bytes that it may take, where it is created, 1 MiB–1 PiB.
    pub max_bytes: u64,
    /// The file with the keys that everything in it is sealed with: 64 hex digits a line, the first seals and all open.
    pub secret_file: PathBuf,
    /// Who one is to the servers.
    pub login: Login,
    /// TLS towards them.
    pub tls: Tls,
}

/// Who records interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interactions {
    /// Who does.
    pub recorder: Recorder,
}

/// Who records interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorder {
    /// The system of record hears of calls by itself, and is sent no second copy.
    SystemOfRecord,
    /// Ringside sends what became of each call.
    Ringside,
}

impl Shared {
    /// Whether the file of secrets can be used, for whoever looks ahead of a start, which never fails for it.
    ///
    /// # Errors
    /// Why not.
    pub fn check_secret(&self) -> Result<(), String> {
        let read = Seal::read(&self.secret_file);
        read.map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Settings {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            calls_max: self.calls_max,
            ring_max_ms: self.ring_max_s * 1000,
            close_after_ms: self.close_after_s * 1000,
            idle_close_ms: self.idle_close_s * 1000,
            remember_ms: self.remember_s * 1000,
            key_variables: self.key_variables.clone(),
        }
    }

    /// How long the answer to a ring waits until it is kept.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}
