//! What is counted of requests and connections.

use prometheus::{IntCounter, IntGauge};

use super::access::Denials;
use crate::metrics::{Metrics, MetricsError};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of the server, resolved once.
#[derive(Debug)]
pub(super) struct Meters {
    classes: [IntCounter; CLASSES.len()],
    connections: IntGauge,
    pub(super) denials: Denials,
}

/// An open connection, for as long as it lives.
#[derive(Debug)]
pub(super) struct Open(IntGauge);

impl Meters {
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let requests = metrics.counters(
            "ringside_http_requests_total",
            "Requests of callers answered, by class of status.",
            &["class"],
        )?;
        Ok(Meters {
            classes: CLASSES.map(|class| requests.with_label_values(&[class])),
            connections: metrics.gauge(
                "ringside_http_connections_count",
                "Connections of callers that are open.",
            )?,
            denials: Denials::register(metrics)?,
        })
    }

    /// Counts an answer with `status`.
    pub(super) fn count(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.classes[class].inc();
    }

    /// Counts a connection until it is dropped.
    pub(super) fn open(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
