//! What is counted. Nothing of a customer's.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use super::queue::Answer;
use crate::metrics::{Metrics, MetricsError};

/// Counters and gauges of an outbox.
#[derive(Debug)]
pub(super) struct Meters {
    items: IntGaugeVec,
    attempts: IntCounterVec,
    ended: IntCounterVec,
    oldest: IntGauge,
    away: IntGauge,
}

/// What there is, for gauges.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Levels {
    pub(super) waiting: usize,
    pub(super) in_flight: usize,
    pub(super) dead: usize,
    pub(super) oldest_s: i64,
    pub(super) is_away: bool,
}

impl Meters {
    /// # Errors
    /// The names are taken.
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let meters = Meters {
            items: metrics.gauges(
                "ringside_pop_outbox_items_count",
                "Items for the system of record, by state: waiting (with those in flight), in_flight, dead.",
                &["state"],
            )?,
            attempts: metrics.counters(
                "ringside_pop_outbox_attempts_total",
                "Attempts to tell the system of record, by outcome: delivered, refused, failed, away.",
                &["outcome"],
            )?,
            ended: metrics.counters(
                "ringside_pop_outbox_ended_total",
                "Items that no longer wait, by how that came: delivered, dead, dropped.",
                &["how"],
            )?,
            oldest: metrics.gauge(
                "ringside_pop_outbox_oldest_seconds",
                "Age of the oldest item that waits; 0 where none does.",
            )?,
            away: metrics.gauge(
                "ringside_pop_outbox_away_count",
                "1 while the system of record is not to be reached or asked to be left alone.",
            )?,
        };
        for outcome in ["delivered", "refused", "failed", "away"] {
            meters.attempts.with_label_values(&[outcome]);
        }
        for how in ["delivered", "dead", "dropped"] {
            meters.ended.with_label_values(&[how]);
        }
        meters.levels(Levels::default());
        Ok(meters)
    }

    pub(super) fn attempt(&self, answer: &Answer) {
        let outcome = match answer {
            Answer::Delivered { .. } => "delivered",
            Answer::Refused { .. } => "refused",
            Answer::Failed { .. } => "failed",
            Answer::Away { .. } => "away",
        };
        self.attempts.with_label_values(&[outcome]).inc();
    }

    pub(super) fn ended(&self, how: &str) {
        self.ended.with_label_values(&[how]).inc();
    }

    pub(super) fn levels(&self, levels: Levels) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for (state, of) in [
            ("waiting", levels.waiting),
            ("in_flight", levels.in_flight),
            ("dead", levels.dead),
        ] {
            self.items.with_label_values(&[state]).set(count(of));
        }
        self.oldest.set(levels.oldest_s);
        self.away.set(i64::from(levels.is_away));
    }
}
