//! Counters that are counted at every lookup: by each core apart, and merged when the metrics are read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, LabelPair, Metric, MetricFamily, MetricType};

use super::per_core::PerCore;

/// Counters of one name that differ in their labels; the last label has `N` values, and the counters of all of them are
/// resolved at once.
#[derive(Debug, Clone)]
pub struct CountFamily<const N: usize>(Arc<Family<N>>);

/// Counters of `N` things of which one happens at a time, such as the outcomes of a lookup.
#[derive(Debug, Clone)]
pub struct Counts<const N: usize>(Arc<PerCore<N>>);

#[derive(Debug)]
struct Family<const N: usize> {
    desc: Desc,
    last: [&'static str; N],
    /// By the values of the other labels.
    resolved: Mutex<BTreeMap<Vec<String>, Counts<N>>>,
}

impl<const N: usize> CountFamily<N> {
    pub(super) fn new(
        name: &str,
        help: &str,
        labels: &[&str],
        last: [&'static str; N],
    ) -> prometheus::Result<CountFamily<N>> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Ok(CountFamily(Arc::new(Family {
            desc: Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())?,
            last,
            resolved: Mutex::default(),
        })))
    }

    /// The counters of the other labels' `values`, in the order of the last label's values: the same ones whenever they are
    /// asked for. They are shown from now on.
    pub fn of(&self, values: &[&str]) -> Counts<N> {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.resolved()
            .entry(values)
            .or_insert_with(|| Counts(Arc::new(PerCore::new())))
            .clone()
    }

    /// What is counted under the last label's value `nth`, whatever the other labels' values.
    pub fn sum(&self, nth: usize) -> u64 {
        self.resolved().values().map(|counts| counts.get(nth)).sum()
    }

    fn resolved(&self) -> MutexGuard<'_, BTreeMap<Vec<String>, Counts<N>>> {
        self.0.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<const N: usize> Counts<N> {
    /// Counts one more of the last label's value `nth`, which is below `N`.
    #[inline]
    pub fn inc(&self, nth: usize) {
        self.0.add([(nth, 1)]);
    }

    /// What has been counted of `nth`, which is below `N`.
    pub fn get(&self, nth: usize) -> u64 {
        self.0.sum(nth)
    }
}

impl<const N: usize> Collector for CountFamily<N> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let desc = &self.0.desc;
        let resolved = self.resolved();
        let metrics = resolved.iter().flat_map(|(values, counts)| {
            let sums = self.0.last.iter().zip(counts.0.sums());
            sums.map(|(last, sum)| {
                let values = values.iter().map(String::as_str).chain([*last]);
                let mut labels: Vec<LabelPair> = desc.variable_labels.iter().zip(values).map(pair).collect();
                // As the library orders its own, for a scrape is sorted by the values.
                labels.sort_by(|one, other| one.name().cmp(other.name()));
                let mut metric = Metric::from_label(labels);
                let mut counter = Counter::default();
                counter.set_value(sum as f64);
                metric.set_counter(counter);
                metric
            })
        });
        let mut family = MetricFamily::default();
        family.set_name(desc.fq_name.clone());
        family.set_help(desc.help.clone());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

fn pair((name, value): (&String, &str)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.clone());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::thread;

    use prometheus::{IntCounterVec, Opts, Registry, TextEncoder};

    use super::*;

    const NAME: &str = "ringside_callers_lookups_total";

    fn text(collector: impl Collector + 'static) -> String {
        let registry = Registry::new();
        registry.register(Box::new(collector)).unwrap();
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    /// What is shown is what the library's own counters would show, to the byte.
    #[test]
    fn they_are_shown_as_any_counters() {
        let labels = ["dialect", "answer"];
        let own = CountFamily::new(NAME, "Help.", &labels, ["yes", "no \"\\"]).unwrap();
        let theirs = IntCounterVec::new(Opts::new(NAME, "Help."), &labels).unwrap();
        for (dialect, yes, no) in [("native", 2, 1), ("cid", 0, 0), ("a\nb", 0, 70_000)] {
            let counts = own.of(&[dialect]);
            (0..yes).for_each(|_| counts.inc(0));
            (0..no).for_each(|_| counts.inc(1));
            theirs.with_label_values(&[dialect, "yes"]).inc_by(yes);
            theirs.with_label_values(&[dialect, "no \"\\"]).inc_by(no);
        }
        assert_eq!((own.sum(0), own.sum(1)), (2, 70_001));
        assert_eq!(text(own), text(theirs));
        let empty = CountFamily::new(NAME, "Help.", &labels, ["yes"]).unwrap();
        assert_eq!(text(empty), "");
    }

    #[test]
    fn the_same_labels_are_the_same_counters_in_every_thread() {
        let family = CountFamily::new(NAME, "Help.", &["dialect", "outcome"], ["hit", "miss"]).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..1000).for_each(|_| family.of(&["native"]).inc(1)));
            }
        });
        assert_eq!(family.of(&["native"]).get(1), 3000);
        assert_eq!(family.of(&["native"]).get(0), 0);
        assert_eq!(family.of(&["cid"]).get(1), 0);
    }
}
