//! What a scrape sees of the customers and their freshness, as of the moment of the scrape.

use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus::{IntGauge, IntGaugeVec};

use super::keys::now_s;
use super::settings::Policy;
use crate::index::Index;
use crate::metrics::{Metrics, MetricsError};
use crate::replica::freshness::Reading;

/// What `age` is where no feed is configured or none has caught up.
const NO_AGE: i64 = -1;

#[derive(Debug)]
pub(super) struct Gauges {
    ready: IntGauge,
    generation: IntGauge,
    customers: IntGauge,
    damaged: IntGauge,
    overlay_customers: IntGauge,
    overlay_bytes: IntGauge,
    connected: IntGauge,
    stale: IntGauge,
    age: IntGauge,
    lag: IntGauge,
    gap: IntGauge,
    tls_ends: IntGaugeVec,
    snapshot_created: IntGauge,
    seq: IntGauge,
    numbers: IntGauge,
    contested: IntGauge,
}

impl Gauges {
    pub(super) fn register(metrics: &Metrics) -> Result<Gauges, MetricsError> {
        Ok(Gauges {
            ready: metrics.gauge("ringside_http_ready_info", "1 where /readyz says so, else 0.")?,
            generation: metrics.gauge("ringside_snapshot_generation_info", "Serial number of the snapshot.")?,
            customers: metrics.gauge("ringside_snapshot_customers_count", "Customers in the snapshot.")?,
            damaged: metrics.gauge(
                "ringside_snapshot_damaged_count",
                "Records that lookups found damaged since the snapshot was mapped, and answered as misses.",
            )?,
            overlay_customers: metrics
                .gauge("ringside_overlay_customers_count", "Customers changed since the snapshot.")?,
            overlay_bytes: metrics
                .gauge("ringside_overlay_written_bytes", "What the changes since the snapshot take.")?,
            connected: metrics.gauge(
                "ringside_feed_connected_info",
                "1 where every feed is connected, else 0, also where none is configured.",
            )?,
            stale: metrics.gauge("ringside_feed_stale_info", "1 where answers say that they are stale, else 0.")?,
            age: metrics.gauge(
                "ringside_feed_age_seconds",
                "Seconds since every feed had applied all that its source had; -1 where there is none, or one never has.",
            )?,
            lag: metrics.gauge(
                "ringside_feed_source_lag_seconds",
                "Seconds by which the newest change was behind its source when it was applied; -1 where no source says.",
            )?,
            gap: metrics.gauge(
                "ringside_feed_gap_info",
                "1 where changes may be missing until everything is built anew, else 0.",
            )?,
            tls_ends: metrics.gauges(
                "ringside_http_tls_expires_seconds",
                "Seconds until a listener's certificate ends; below 0 once it has.",
                &["listener"],
            )?,
            snapshot_created: metrics.gauge(
                "ringside_snapshot_created_seconds",
                "When the snapshot was written, in Unix seconds; 0 where there is none yet.",
            )?,
            seq: metrics.gauge("ringside_index_seq_info", "The seq that lookups see.")?,
            numbers: metrics.gauge("ringside_snapshot_numbers_count", "Numbers in the snapshot.")?,
            contested: metrics.gauge(
                "ringside_snapshot_contested_count",
                "Numbers in the snapshot that several customers list.",
            )?,
        })
    }

    /// Shows how long the certificates of listeners will last.
    pub(super) fn set_tls(&self, policies: &[(String, Arc<ArcSwap<Policy>>)]) {
        self.tls_ends.reset();
        let now = i64::try_from(now_s()).unwrap_or(i64::MAX);
        for (name, policy) in policies {
            if let Some(tls) = &policy.load().tls {
                self.tls_ends
                    .with_label_values(&[name])
                    .set(tls.ends_s().saturating_sub(now));
            }
        }
    }

    pub(super) fn set(&self, index: &Index, freshness: &Reading, ready: bool) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let snapshot = index.snapshot();
        let (changed, bytes) = index.overlay_size();
        self.ready.set(ready.into());
        self.generation.set(number(snapshot.header().generation));
        self.snapshot_created.set(snapshot.header().created_at_ms / 1000);
        self.seq.set(number(index.seq()));
        self.numbers.set(number(snapshot.header().numbers));
        self.contested.set(number(snapshot.header().contested));
        self.customers.set(number(snapshot.header().customers));
        self.damaged.set(number(snapshot.damaged()));
        self.overlay_customers.set(number(changed as u64));
        self.overlay_bytes.set(number(bytes));
        self.connected.set(freshness.connected.into());
        self.stale.set(freshness.stale.into());
        self.age
            .set(freshness.age_ms.map_or(NO_AGE, |age| number(age / 1000)));
        self.lag
            .set(freshness.lag_ms.map_or(NO_AGE, |lag| number(lag / 1000)));
        self.gap.set(freshness.gap.into());
    }
}
