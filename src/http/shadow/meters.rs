//! What shadow mode counts and measures.

use prometheus::{Histogram, HistogramVec, IntCounterVec};

use super::report::Noted;
use super::sides::Side;
use crate::callers::Dialect;
use crate::callers::compare::Cause;
use crate::metrics::{Metrics, MetricsError};

/// Upper bounds in seconds: ours are microseconds, and other systems take seconds.
const BUCKETS: [f64; 15] = [
    0.000_005, 0.000_02, 0.000_1, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0,
];

#[derive(Debug)]
pub(super) struct Meters {
    comparisons: IntCounterVec,
    requests: IntCounterVec,
    upstream: Histogram,
    own: Histogram,
    _times: HistogramVec,
}

impl Meters {
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let times = metrics.histograms(
            "ringside_shadow_answer_seconds",
            "Times until an answer was there, of the upstream and of Ringside beside it.",
            &BUCKETS,
            &["side"],
        )?;
        let comparisons = metrics.counters(
            "ringside_shadow_comparisons_total",
            "Answers of the upstream that were compared with Ringside's own, by what came of it.",
            &["dialect", "cause"],
        )?;
        // Shown from the beginning, so that a dashboard has something to draw.
        for cause in Cause::ALL {
            comparisons.with_label_values(&[Dialect::Native.name(), cause.as_str()]);
        }
        let requests = metrics.counters(
            "ringside_shadow_requests_total",
            "Requests of listeners in shadow mode, by who answered them.",
            &["side"],
        )?;
        for side in [Side::Upstream, Side::Ringside] {
            requests.with_label_values(&[side.as_str()]);
        }
        Ok(Meters {
            comparisons,
            requests,
            upstream: times.with_label_values(&[Side::Upstream.as_str()]),
            own: times.with_label_values(&[Side::Ringside.as_str()]),
            _times: times,
        })
    }

    /// Counts a request that `side` answers.
    pub(super) fn answers(&self, side: Side) {
        self.requests.with_label_values(&[side.as_str()]).inc();
    }

    /// Counts a comparison.
    pub(super) fn note(&self, noted: &Noted) {
        let cause = noted.compared.cause;
        let labels = [noted.dialect, cause.as_str()];
        self.comparisons.with_label_values(&labels).inc();
        self.upstream.observe(noted.upstream.as_secs_f64());
        if cause != Cause::NotCompared {
            self.own.observe(noted.own.as_secs_f64());
        }
    }
}
