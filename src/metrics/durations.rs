//! A distribution of durations that each core counts apart, merged when the metrics are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};

use super::per_core::PerCore;

/// The most buckets: what is above them and the sum take two more places.
const BUCKETS_MAX: usize = 22;
const ABOVE: usize = BUCKETS_MAX;
const SUM: usize = BUCKETS_MAX + 1;
const NANOS: f64 = 1e9;

/// A histogram of durations, in seconds.
#[derive(Debug, Clone)]
pub struct Durations {
    desc: Arc<Desc>,
    /// Upper bounds in nanoseconds, ascending, at most [`BUCKETS_MAX`].
    bounds: Arc<[u64]>,
    cells: Arc<PerCore<{ SUM + 1 }>>,
}

impl Durations {
    pub(super) fn new(name: &str, help: &str, bounds: &[Duration]) -> prometheus::Result<Durations> {
        let bounds: Arc<[u64]> = bounds.iter().copied().map(nanos).collect();
        if bounds.len() > BUCKETS_MAX || !bounds.is_sorted_by(|one, next| one < next) {
            return Err(prometheus::Error::Msg(format!(
                "expected at most {BUCKETS_MAX} ascending bounds, found {bounds:?} ns"
            )));
        }
        Ok(Durations {
            desc: Arc::new(Desc::new(
                name.to_owned(),
                help.to_owned(),
                Vec::new(),
                HashMap::new(),
            )?),
            bounds,
            cells: Arc::new(PerCore::new()),
        })
    }

    /// Counts something that took `duration`.
    #[inline]
    pub fn observe(&self, duration: Duration) {
        let nanos = nanos(duration);
        // Most are in the first buckets, which are found in a step or two.
        let bucket = self.bounds.iter().position(|bound| nanos <= *bound);
        self.cells.add([(bucket.unwrap_or(ABOVE), 1), (SUM, nanos)]);
    }

    /// The duration, in seconds, below which `share` (0 to 1) of what was observed lies, interpolated within its bucket;
    /// `None` where nothing was. Above the last bucket: that bucket's bound.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let histogram = self.histogram();
        if histogram.get_sample_count() == 0 {
            return None;
        }
        let rank = share * histogram.get_sample_count() as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for bucket in histogram.get_bucket() {
            let (count, upper) = (bucket.cumulative_count() as f64, bucket.upper_bound());
            if count >= rank && count > below {
                return Some(lower + (upper - lower) * (rank - below) / (count - below));
            }
            (below, lower) = (count, upper);
        }
        Some(lower)
    }

    fn histogram(&self) -> Histogram {
        let cells = self.cells.sums();
        let mut count = 0;
        let buckets = self.bounds.iter().zip(cells).map(|(bound, cell)| {
            count += cell;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / NANOS);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(count + cells[ABOVE]);
        histogram.set_sample_sum(cells[SUM] as f64 / NANOS);
        histogram
    }
}

impl Collector for Durations {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut metric = Metric::default();
        metric.set_histogram(self.histogram());
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}

/// Nanoseconds in `duration`; those of 584 years where it is longer.
#[inline]
fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use prometheus::{HistogramOpts, Registry, TextEncoder};

    use super::*;

    const NAME: &str = "ringside_callers_lookup_seconds";

    fn text(collector: impl Collector + 'static) -> String {
        let registry = Registry::new();
        registry.register(Box::new(collector)).unwrap();
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    /// What is shown is what the library's own histogram would show, to the byte.
    #[test]
    fn they_are_shown_as_any_histogram() {
        let bounds = [500, 1_000, 2_000_000, 1_000_000_000].map(Duration::from_nanos);
        let own = Durations::new(NAME, "Help.", &bounds).unwrap();
        let options = HistogramOpts::new(NAME, "Help.").buckets(vec![0.5e-6, 1e-6, 2e-3, 1.0]);
        let theirs = prometheus::Histogram::with_opts(options).unwrap();
        assert_eq!(text(own.clone()), text(theirs.clone()));
        // A bound belongs to its bucket. Sums of powers of two are the same in both, however they are added up.
        for nanos in [1_953_125, 500, 501, 15_625_000_000, 0, 1_000_000_000, 2_000_000] {
            own.observe(Duration::from_nanos(nanos));
            theirs.observe(nanos as f64 / NANOS);
        }
        let (own, theirs) = (text(own), text(theirs));
        let counts = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.contains("_sum"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(counts(&own), counts(&theirs));
        assert!(own.contains("_bucket{le=\"0.0000005\"} 2\n"), "{own}");
        assert!(own.contains("_sum 16.628954126\n"), "{own}");
    }

    #[test]
    fn quantiles_lie_in_their_buckets() {
        let durations = Durations::new(NAME, "Help.", &[1, 2, 4].map(Duration::from_secs)).unwrap();
        assert_eq!(durations.quantile(0.5), None);
        for millis in [500, 500, 1500, 1500] {
            durations.observe(Duration::from_millis(millis));
        }
        assert_eq!(durations.quantile(0.25), Some(0.5));
        assert_eq!(durations.quantile(0.5), Some(1.0));
        assert_eq!(durations.quantile(0.75), Some(1.5));
        durations.observe(Duration::from_secs(9));
        assert_eq!(durations.quantile(1.0), Some(4.0));
    }

    #[test]
    fn bounds_that_cannot_be_are_refused() {
        let refused = |bounds: &[u64]| {
            let bounds: Vec<Duration> = bounds.iter().copied().map(Duration::from_nanos).collect();
            Durations::new(NAME, "Help.", &bounds).is_err()
        };
        assert!(refused(&[2, 1]) && refused(&[1, 1]));
        let many: Vec<u64> = (1..=23).collect();
        assert!(refused(&many) && !refused(&many[..22]));
    }
}
