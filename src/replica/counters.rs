//! What the replica counts.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

use super::apply::Outcome;
use super::log::Log;
use super::state::State;
use crate::metrics::{Metrics, MetricsError};

/// Upper bounds of the time that a batch takes to be durable, in seconds.
const COMMIT_SECONDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0,
];

/// Upper bounds of the time that it takes to read every customer, in seconds.
const GONE_SECONDS: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What the replica counts.
#[derive(Debug, Clone)]
pub struct Counters {
    changes: IntCounterVec,
    samples: IntCounterVec,
    gone: IntCounterVec,
    gone_seconds: Histogram,
    attributes_left_out: IntCounter,
    numbers_unclaimed: IntCounter,
    parked: IntGauge,
    tombstones: IntGauge,
    log_bytes: IntGauge,
    log_written: IntCounter,
    commit_seconds: Histogram,
    recovered: IntCounter,
    /// Batches that could not be written to the change log.
    pub log_errors: IntCounter,
    /// Whether the log takes no more changes: 1 where it does not.
    log_failed: IntGauge,
    /// Feeds that wait for somebody's word.
    pub held: IntGauge,
    /// Times at which a stream could not be resumed where it was left, so that changes may be missing.
    pub gaps: IntCounter,
    /// Merges of overlay and snapshot that were taken up.
    pub merges: IntCounter,
    /// Merges that failed; the overlay then stays as it is, and the next one is tried later.
    pub merges_failed: IntCounter,
    /// Generations that went because they held what has to be erased.
    pub erased: IntCounter,
}

impl Counters {
    /// Registers the counters with `metrics`.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(metrics: &Metrics) -> Result<Counters, MetricsError> {
        let changes = metrics.counters(
            "ringside_replica_changes_total",
            "Changes by what became of them.",
            &["outcome"],
        )?;
        for outcome in ["applied", "seen", "parked", "noted", "dropped", "held", "refused"] {
            changes.with_label_values(&[outcome]);
        }
        let samples = metrics.counters(
            "ringside_replica_samples_total",
            "Customers that were compared with their source at the same place of its stream.",
            &["outcome"],
        )?;
        for outcome in ["equal", "different"] {
            samples.with_label_values(&[outcome]);
        }
        let gone = metrics.counters(
            "ringside_replica_gone_total",
            "Cases and interactions that were gone without a word whose they were, by what became of them.",
            &["outcome"],
        )?;
        for outcome in ["taken", "parked", "nobody", "refused"] {
            gone.with_label_values(&[outcome]);
        }
        Ok(Counters {
            changes,
            samples,
            gone,
            gone_seconds: metrics.histogram(
                "ringside_replica_gone_seconds",
                "Time that it took to look for cases and interactions that were gone, for all of a batch at once.",
                &GONE_SECONDS,
            )?,
            attributes_left_out: metrics.counter(
                "ringside_replica_attributes_left_out_total",
                "Attribute values left out of a change because their type does not allow them.",
            )?,
            numbers_unclaimed: metrics.counter(
                "ringside_replica_numbers_unclaimed_total",
                "Numbers of changed customers that are shown but cannot be looked up.",
            )?,
            parked: metrics.gauge(
                "ringside_replica_parked_count",
                "Cases and interactions that wait for their customers.",
            )?,
            tombstones: metrics.gauge(
                "ringside_replica_tombstones_count",
                "Deletions that are remembered, so that nothing brings the customers back.",
            )?,
            log_bytes: metrics.gauge("ringside_replica_log_bytes", "Size of the change log.")?,
            log_written: metrics.counter(
                "ringside_replica_log_written_bytes_total",
                "Bytes written to the change log.",
            )?,
            commit_seconds: metrics.histogram(
                "ringside_replica_commit_seconds",
                "Time that a batch of changes took to be durable.",
                &COMMIT_SECONDS,
            )?,
            recovered: metrics.counter(
                "ringside_replica_recovered_total",
                "Changes that were brought back from the change log at the start.",
            )?,
            log_errors: metrics.counter(
                "ringside_replica_log_errors_total",
                "Batches that could not be written to the change log; they are tried again unless the log has failed.",
            )?,
            log_failed: metrics.gauge(
                "ringside_replica_log_failed_info",
                "1 where the change log takes no more changes until a restart.",
            )?,
            held: metrics.gauge(
                "ringside_replica_held_count",
                "Feeds that are held because they delete or move too many customers.",
            )?,
            gaps: metrics.counter(
                "ringside_replica_gaps_total",
                "Times at which a feed could not go on where it had stopped: changes may be missing.",
            )?,
            merges: metrics.counter("ringside_replica_merges_total", "Merges that were taken up.")?,
            merges_failed: metrics.counter("ringside_replica_merges_failed_total", "Merges that failed.")?,
            erased: metrics.counter(
                "ringside_replica_erased_total",
                "Generations that went because they held customers that have to be erased.",
            )?,
        })
    }

    /// Counts a change that could not even be decoded.
    pub fn refuse(&self) {
        self.changes.with_label_values(&["refused"]).inc();
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Applied(_) => "applied",
            Outcome::Seen => "seen",
            Outcome::Parked => "parked",
            Outcome::Noted => "noted",
            Outcome::Dropped => "dropped",
            Outcome::Held => "held",
            Outcome::Refused(_) => "refused",
        };
        self.changes.with_label_values(&[outcome]).inc();
    }

    pub(super) fn sampled(&self, is_equal: bool) {
        let outcome = if is_equal { "equal" } else { "different" };
        self.samples.with_label_values(&[outcome]).inc();
    }

    pub(super) fn gone(&self, outcome: &str, count: usize) {
        self.gone.with_label_values(&[outcome]).inc_by(count as u64);
    }

    pub(super) fn looked(&self, took: Duration) {
        self.gone_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn attributes_left_out(&self, count: usize) {
        self.attributes_left_out.inc_by(count as u64);
    }

    pub(super) fn numbers_unclaimed(&self, count: usize) {
        self.numbers_unclaimed.inc_by(count as u64);
    }

    pub(super) fn committed(&self, bytes: usize, took: Duration) {
        self.log_written.inc_by(bytes as u64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn recovered(&self, changes: u64) {
        self.recovered.inc_by(changes);
    }

    pub(super) fn log(&self, log: &Log) {
        self.log_bytes.set(i64::try_from(log.bytes()).unwrap_or(i64::MAX));
        self.log_failed.set(i64::from(log.failed().is_some()));
    }

    pub(super) fn remembered(&self, state: &State) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.parked.set(count(state.parked.len()));
        self.tombstones.set(count(state.graves.len()));
        self.held.set(count(state.held.len()));
    }
}

#[cfg(test)]
impl Counters {
    pub(super) fn changes(&self, outcome: &str) -> u64 {
        self.changes.with_label_values(&[outcome]).get()
    }

    pub(super) fn samples(&self, outcome: &str) -> u64 {
        self.samples.with_label_values(&[outcome]).get()
    }

    pub(super) fn gone_as(&self, outcome: &str) -> u64 {
        self.gone.with_label_values(&[outcome]).get()
    }

    pub(super) fn looks(&self) -> u64 {
        self.gone_seconds.get_sample_count()
    }

    pub(super) fn left_out(&self) -> u64 {
        self.attributes_left_out.get()
    }
}
