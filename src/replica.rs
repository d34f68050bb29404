//! The replica: applies changes, in order, once, and keeps what is served equal to the system of record.
//!
//! It is synchronous and waits for nothing: a feed hands it decoded changes and says when a batch is to become visible.

pub mod change;
pub mod compaction;
pub mod freshness;

mod apply;
mod graves;

pub use apply::{Outcome, Refused, Replica, StreamId};
pub use change::{Change, ChangeError, Part};
pub use freshness::Freshness;

use prometheus::{IntCounter, IntCounterVec};

use crate::metrics::{Metrics, MetricsError};

/// What the replica counts.
#[derive(Debug, Clone)]
pub struct Counters {
    applied: IntCounter,
    seen: IntCounter,
    refused: IntCounter,
    attributes_left_out: IntCounter,
    numbers_unclaimed: IntCounter,
    /// Times at which a stream could not be resumed where it was left, so that changes may be missing.
    pub gaps: IntCounter,
    /// Merges of overlay and snapshot that were taken up.
    pub merges: IntCounter,
    /// Merges that failed; the overlay then stays as it is, and the next one is tried later.
    pub merges_failed: IntCounter,
}

impl Counters {
    /// Registers the counters with `metrics`.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(metrics: &Metrics) -> Result<Counters, MetricsError> {
        let changes: IntCounterVec = metrics.counters(
            "ringside_replica_changes_total",
            "Changes by what became of them.",
            &["outcome"],
        )?;
        let of = |outcome| changes.with_label_values(&[outcome]);
        Ok(Counters {
            applied: of("applied"),
            seen: of("seen"),
            refused: of("refused"),
            attributes_left_out: metrics.counter(
                "ringside_replica_attributes_left_out_total",
                "Attribute values left out of a change because their type does not allow them.",
            )?,
            numbers_unclaimed: metrics.counter(
                "ringside_replica_numbers_unclaimed_total",
                "Numbers of changed customers that are shown but cannot be looked up.",
            )?,
            gaps: metrics.counter(
                "ringside_replica_gaps_total",
                "Times at which a feed could not go on where it had stopped: changes may be missing.",
            )?,
            merges: metrics.counter("ringside_replica_merges_total", "Merges that were taken up.")?,
            merges_failed: metrics.counter("ringside_replica_merges_failed_total", "Merges that failed.")?,
        })
    }
}

#[cfg(test)]
mod tests;
