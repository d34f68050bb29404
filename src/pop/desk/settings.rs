//! What a configuration says of desktops.

use std::time::Duration;

use serde::Deserialize;

/// Bounds of the desktops' streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskSettings {
    /// Time between two heartbeats of a stream, 1–10 s.
    pub heartbeat_s: u64,
    /// The most messages that a stream may be behind, 1–10 000; who is further behind is cut, and comes back.
    pub queue_max: usize,
    /// The most messages that are kept for whoever comes back, for each agent, 0–10 000.
    pub replay_max: usize,
    /// How long they are kept, 1–86 400 s.
    pub replay_s: u64,
    /// The most streams of one agent at once, 1–1000.
    pub streams_per_agent_max: usize,
    /// How long a ticket may be used, 1–3600 s.
    pub ticket_s: u64,
    /// The most tickets that have not been used yet, 1–1 000 000.
    pub tickets_max: usize,
    /// How long a call that nobody answered is told of as missed, 0–86 400 s.
    pub missed_s: u64,
}

impl DeskSettings {
    /// Time between two heartbeats of a stream.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_s.max(1))
    }
}
