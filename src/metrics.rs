//! Metrics under one naming rule, in Prometheus' text format.
//!
//! A [`Metrics`] value is passed to whoever measures; there is no global registry, so that two servers of one
//! process (a pair under test) do not count into each other.

mod counts;
mod durations;
mod name;
mod per_core;
mod process;

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::MetricType;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub use counts::{CountFamily, Counts};
pub use durations::Durations;
use name::Kind;
use process::Process;

/// What is wrong with a metric, or with showing them.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The name breaks the rule.
    #[error("metric `{name}`: expected {expected}, found {found}; rename it")]
    Name {
        /// The name.
        name: String,
        /// What the rule asks for.
        expected: String,
        /// Which part breaks it.
        found: String,
    },
    /// The registry refused it: registered twice, or labels, help or buckets that cannot be.
    #[error("metric `{name}`: {source}")]
    Refused {
        /// The name.
        name: String,
        /// The registry's reason.
        source: prometheus::Error,
    },
    /// The metrics cannot be written as text.
    #[error("the metrics cannot be written as text: {0}")]
    Encode(prometheus::Error),
}

/// A registry whose metrics' names are `ringside_<layer>_<nouns>_<ending>`.
///
/// The layer is one of `http shadow callers pop feed replica index overlay snapshot ha number customer config process`. Counters
/// end in `total`; gauges in `bytes`, `seconds`, `ratio`, `count` or `info`; histograms in `seconds` or `bytes`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    process: Process,
}

impl Metrics {
    /// A registry that holds the metrics of the process: its start, memory and open files.
    ///
    /// # Errors
    /// Never in practice: the names of these metrics hold the rule.
    pub fn new() -> Result<Metrics, MetricsError> {
        let registry = Registry::new();
        let process = Process::register(&registry)?;
        Ok(Metrics { registry, process })
    }

    /// Registers a count of things that happened. `help` is one sentence for whoever builds a dashboard.
    ///
    /// # Errors
    /// The name breaks the rule or is taken; this holds for every constructor here.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        register(&self.registry, Kind::Counter, name, || {
            IntCounter::new(name, help)
        })
    }

    /// Registers a counter for each value of `labels`; their values must be few and never a person's data.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter).
    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MetricsError> {
        register(&self.registry, Kind::Counter, name, || {
            IntCounterVec::new(Opts::new(name, help), labels)
        })
    }

    /// Registers counters for what happens at every lookup: the last of `labels` has the values `last`, and each core counts
    /// apart.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter).
    pub fn counts<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        last: [&'static str; N],
    ) -> Result<CountFamily<N>, MetricsError> {
        register(&self.registry, Kind::Counter, name, || {
            CountFamily::new(name, help, labels, last)
        })
    }

    /// Registers a distribution of durations that happen at every lookup: each core counts apart. `bounds` are the buckets'
    /// upper ones, ascending, at most 22.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter), and bounds that do not ascend or are too many.
    pub fn durations(&self, name: &str, help: &str, bounds: &[Duration]) -> Result<Durations, MetricsError> {
        register(&self.registry, Kind::Histogram, name, || {
            Durations::new(name, help, bounds)
        })
    }

    /// Registers a value that goes up and down.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter).
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        register(&self.registry, Kind::Gauge, name, || IntGauge::new(name, help))
    }

    /// Registers a gauge for each value of `labels`; their values must be few and never a person's data.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter).
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricsError> {
        register(&self.registry, Kind::Gauge, name, || {
            IntGaugeVec::new(Opts::new(name, help), labels)
        })
    }

    /// Registers a distribution; `buckets` are ascending upper bounds in the unit that the name ends in.
    ///
    /// # Errors
    /// As [`counter`](Metrics::counter), and buckets that do not ascend.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, MetricsError> {
        register(&self.registry, Kind::Histogram, name, || {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
        })
    }

    /// Registers a histogram for each value of `labels`; their values must be few and never a person's data.
    ///
    /// # Errors
    /// As [`histogram`](Metrics::histogram).
    pub fn histograms(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, MetricsError> {
        register(&self.registry, Kind::Histogram, name, || {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        })
    }

    /// The sum of what the metric `name` counts or gauges now, over all its labels; `None` where there is none of that
    /// name, or it is a histogram.
    pub fn sum(&self, name: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metrics = family.get_metric().iter();
        match family.get_field_type() {
            MetricType::COUNTER => Some(metrics.map(|metric| metric.get_counter().get_value()).sum()),
            MetricType::GAUGE => Some(metrics.map(|metric| metric.get_gauge().get_value()).sum()),
            _ => None,
        }
    }

    /// Every metric in the text format, version 0.0.4; the process is measured now.
    ///
    /// # Errors
    /// Never in practice: what could not be written was refused at registration.
    pub fn encode_text(&self) -> Result<String, MetricsError> {
        self.process.measure();
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(MetricsError::Encode)
    }
}

/// Holds the rule, then makes and registers a metric.
fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    kind: Kind,
    name: &str,
    make: impl FnOnce() -> prometheus::Result<C>,
) -> Result<C, MetricsError> {
    name::check(kind, name)?;
    let refused = |source| MetricsError::Refused {
        name: name.to_owned(),
        source,
    };
    let metric = make().map_err(refused)?;
    registry.register(Box::new(metric.clone())).map_err(refused)?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new().unwrap();
        let answers = metrics
            .counters("ringside_http_answers_total", "Answers given.", &["status"])
            .unwrap();
        answers.with_label_values(&["200"]).inc_by(3);
        metrics
            .counter("ringside_number_parses_total", "Numbers read.")
            .unwrap()
            .inc();
        metrics
            .gauge("ringside_overlay_size_bytes", "Bytes in the overlay.")
            .unwrap()
            .set(12);
        metrics
            .gauges(
                "ringside_snapshot_mapped_info",
                "The mapped snapshot.",
                &["generation"],
            )
            .unwrap()
            .with_label_values(&["7"])
            .set(1);
        metrics
            .histogram("ringside_index_lookup_seconds", "Lookups.", &[0.001, 0.01])
            .unwrap()
            .observe(0.005);
        metrics
            .histograms("ringside_replica_batch_bytes", "Batches.", &[1024.0], &["feed"])
            .unwrap()
            .with_label_values(&["main"])
            .observe(10.0);

        let parses = metrics
            .counts(
                "ringside_number_reads_total",
                "Numbers read.",
                &["how"],
                ["table", "reference"],
            )
            .unwrap();
        parses.of(&[]).inc(1);
        metrics
            .durations(
                "ringside_number_read_seconds",
                "Reading.",
                &[Duration::from_millis(1)],
            )
            .unwrap()
            .observe(Duration::from_micros(5));

        assert_eq!(metrics.sum("ringside_number_reads_total"), Some(1.0));
        assert_eq!(metrics.sum("ringside_http_answers_total"), Some(3.0));
        assert_eq!(metrics.sum("ringside_overlay_size_bytes"), Some(12.0));
        assert_eq!(metrics.sum("ringside_index_lookup_seconds"), None);
        assert_eq!(metrics.sum("ringside_index_lookups_total"), None);
        let text = metrics.encode_text().unwrap();
        for line in [
            "ringside_http_answers_total{status=\"200\"} 3",
            "# HELP ringside_number_parses_total Numbers read.",
            concat!(
                "ringside_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "ringside_number_parses_total 1",
            "ringside_number_reads_total{how=\"reference\"} 1",
            "ringside_number_read_seconds_bucket{le=\"0.001\"} 1",
            "ringside_overlay_size_bytes 12",
            "ringside_snapshot_mapped_info{generation=\"7\"} 1",
            "ringside_index_lookup_seconds_bucket{le=\"0.001\"} 0",
            "ringside_index_lookup_seconds_bucket{le=\"0.01\"} 1",
            "ringside_replica_batch_bytes_count{feed=\"main\"} 1",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn every_constructor_holds_the_rule() {
        let metrics = Metrics::new().unwrap();
        let refused = [
            metrics.counter("answers", "x").map(drop),
            metrics.counters("answers", "x", &["a"]).map(drop),
            metrics.counts("answers", "x", &["a"], ["b"]).map(drop),
            metrics
                .durations("answers", "x", &[Duration::from_secs(1)])
                .map(drop),
            metrics.gauge("answers", "x").map(drop),
            metrics.gauges("answers", "x", &["a"]).map(drop),
            metrics.histogram("answers", "x", &[1.0]).map(drop),
            metrics.histograms("answers", "x", &[1.0], &["a"]).map(drop),
        ];
        for result in refused {
            assert!(matches!(result, Err(MetricsError::Name { .. })));
        }
    }

    #[test]
    fn a_name_serves_once() {
        let metrics = Metrics::new().unwrap();
        metrics.counter("ringside_pop_rings_total", "Rings.").unwrap();
        let error = metrics
            .counter("ringside_pop_rings_total", "Rings.")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`ringside_pop_rings_total`"), "{error}");
    }

    #[test]
    fn two_registries_count_apart() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.counter("ringside_pop_rings_total", "Rings.").unwrap().inc();
        other.counter("ringside_pop_rings_total", "Rings.").unwrap();
        assert!(one.encode_text().unwrap().contains("ringside_pop_rings_total 1"));
        assert!(
            other
                .encode_text()
                .unwrap()
                .contains("ringside_pop_rings_total 0")
        );
    }
}
