//! What is counted of calls. Nothing of anybody's.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::calls::{Calls, Rung};
use super::kind::Silent;
use super::store::Sync;
use crate::metrics::{Metrics, MetricsError};

/// Counters and gauges of calls.
#[derive(Debug)]
pub(super) struct Meters {
    rings: IntCounterVec,
    calls: IntGaugeVec,
    kept: IntCounterVec,
    failing: IntGauge,
    unreplicated: IntGauge,
    behind: IntGauge,
    quorum: IntGauge,
    put_right: IntCounter,
}

const POPPED: &str = "popped";
/// Why a ring pops nowhere, beside what kind of call it is.
const REASONS: [&str; 3] = ["queued", "no_agent", "unknown_extension"];

impl Meters {
    /// # Errors
    /// The names are taken.
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let meters = Meters {
            rings: metrics.counters(
                "ringside_pop_rings_total",
                "What came of what phone systems told, by outcome: popped (or known already), or why nothing pops.",
                &["outcome"],
            )?,
            calls: metrics.gauges(
                "ringside_pop_calls_count",
                "What is known, by what: live and known calls, agents who are logged in, customers who are pending.",
                &["what"],
            )?,
            kept: metrics.counters(
                "ringside_pop_entries_total",
                "Entries of the log of calls, by outcome: handed_on, or lost where there was no room to wait for the disk.",
                &["outcome"],
            )?,
            failing: metrics.gauge(
                "ringside_pop_log_failing_count",
                "1 while the log of calls takes nothing: a restart would forget what happens meanwhile.",
            )?,
            unreplicated: metrics.gauge(
                "ringside_pop_unreplicated_count",
                "Entries of a pair's calls that are on this node alone: what its loss would lose.",
            )?,
            behind: metrics.gauge(
                "ringside_pop_behind_count",
                "Messages of the stream of a pair's calls that this node has not read yet.",
            )?,
            quorum: metrics.gauge(
                "ringside_pop_quorum_count",
                "1 while what happens to calls is replicated, 0 where it is not, or no pair shares them.",
            )?,
            put_right: metrics.counter(
                "ringside_pop_put_right_total",
                "Times that the state of calls was replaced by the stream's, because two nodes wrote at once.",
            )?,
        };
        let silent = Silent::ALL.map(Silent::as_str);
        for outcome in [POPPED].iter().chain(&REASONS).chain(&silent) {
            meters.rings.with_label_values(&[outcome]);
        }
        for outcome in ["handed_on", "lost"] {
            meters.kept.with_label_values(&[outcome]);
        }
        meters.levels(&Calls::default(), true);
        Ok(meters)
    }

    pub(super) fn rung(&self, rung: &Rung) {
        let outcome = match (rung.reason, &rung.pop_id) {
            (Some(reason), _) => reason,
            (None, Some(_)) => POPPED,
            (None, None) => return,
        };
        self.rings.with_label_values(&[outcome]).inc();
    }

    pub(super) fn handed_on(&self, is_taken: bool) {
        let outcome = if is_taken { "handed_on" } else { "lost" };
        self.kept.with_label_values(&[outcome]).inc();
    }

    /// How far others know what is known here.
    pub(super) fn sync(&self, sync: &Sync) {
        self.unreplicated
            .set(i64::try_from(sync.unreplicated).unwrap_or(i64::MAX));
        self.behind.set(i64::try_from(sync.behind).unwrap_or(i64::MAX));
        self.quorum.set(i64::from(sync.has_quorum));
    }

    pub(super) fn put_right(&self) {
        self.put_right.inc();
    }

    /// How many there are, and whether what happens is being kept.
    pub(super) fn levels(&self, calls: &Calls, is_well: bool) {
        self.failing.set(i64::from(!is_well));
        let levels = [
            ("live", calls.live()),
            ("known", calls.len()),
            ("agents", calls.agents()),
            ("pending", calls.pending().len()),
        ];
        for (what, count) in levels {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.calls.with_label_values(&[what]).set(count);
        }
    }
}
