//! What is measured of the pair.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use crate::ha::{Role, Standing};
use crate::metrics::{Metrics, MetricsError};

#[derive(Debug)]
pub(super) struct Meters {
    role: IntGaugeVec,
    epoch: IntGauge,
    quorum: IntGauge,
    decides: IntGauge,
    changes: IntCounterVec,
    handovers: IntCounterVec,
}

impl Meters {
    /// # Errors
    /// The names are taken.
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let meters = Meters {
            role: metrics.gauges(
                "ringside_ha_role_info",
                "1 for the role that this node has, 0 for the others.",
                &["role"],
            )?,
            epoch: metrics.gauge(
                "ringside_ha_epoch_info",
                "The newest term that this node knows of.",
            )?,
            quorum: metrics.gauge(
                "ringside_ha_quorum_info",
                "1 while a majority keeps calls and terms, else 0, also where none is asked for.",
            )?,
            decides: metrics.gauge(
                "ringside_ha_decides_info",
                "1 while this node looks for what is due and tells the system of record, else 0.",
            )?,
            changes: metrics.counters(
                "ringside_ha_role_changes_total",
                "Changes of role, by what it became.",
                &["role"],
            )?,
            handovers: metrics.counters(
                "ringside_ha_handovers_total",
                "Hand-overs that were asked of this node, by outcome: done or failed.",
                &["outcome"],
            )?,
        };
        for role in Role::ALL {
            meters.changes.with_label_values(&[role.as_str()]);
        }
        for is_done in [true, false] {
            meters.handovers.with_label_values(&[outcome(is_done)]);
        }
        Ok(meters)
    }

    pub(super) fn show(&self, standing: &Standing) {
        let own = standing.role();
        for role in Role::ALL {
            let gauge = self.role.with_label_values(&[role.as_str()]);
            gauge.set(i64::from(role == own));
        }
        self.epoch
            .set(i64::try_from(standing.epoch()).unwrap_or(i64::MAX));
        self.quorum.set(i64::from(standing.quorum()));
        self.decides.set(i64::from(standing.decides()));
    }

    pub(super) fn became(&self, role: Role) {
        self.changes.with_label_values(&[role.as_str()]).inc();
    }

    pub(super) fn handed_over(&self, is_done: bool) {
        self.handovers.with_label_values(&[outcome(is_done)]).inc();
    }
}

fn outcome(is_done: bool) -> &'static str {
    if is_done { "done" } else { "failed" }
}
