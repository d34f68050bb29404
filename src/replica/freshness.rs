//! How fresh what we hold is.

use std::sync::Arc;
use std::time::Instant;

/// What answers say of the feed. Reading it takes no lock.
#[derive(Debug, Default)]
pub struct Freshness {}

/// Freshness at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where the newest applied change stands in its stream.
    pub position: Option<Arc<str>>,
    /// Milliseconds since the newest applied change or heartbeat; `None` where there is no feed.
    pub age_ms: Option<u64>,
    /// Whether the feed is connected.
    pub connected: bool,
    /// Whether what is served is older than allowed.
    pub stale: bool,
}

impl Freshness {
    /// Freshness where no feed is configured: nothing can be stale.
    pub fn without_feed() -> Freshness {
        Freshness {}
    }

    /// Freshness at `now`.
    pub fn now(&self, _now: Instant) -> Reading {
        Reading {
            position: None,
            age_ms: None,
            connected: false,
            stale: false,
        }
    }
}
