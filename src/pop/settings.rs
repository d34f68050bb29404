//! What a configuration says of calls.

use std::time::Duration;

use serde::Deserialize;

use super::calls::Bounds;

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
