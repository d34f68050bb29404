//! What `/status` says.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::bodies::Bodies;
use super::door::Door;
use super::listener::Local;
use crate::callers::{Meters, Outcome};
use crate::ha::Role;
use crate::index::Suffixes;
use crate::replica::freshness::{Reading, Troubles};
use crate::tenant::Tenant;

/// The longest time over which a rate is shown.
const WINDOW: Duration = Duration::from_secs(60);

/// How many lookups there were, second by second, for a minute.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: VecDeque<(Instant, u64)>,
}

impl Rates {
    /// Notes that there were `count` lookups until `now`.
    pub(super) fn note(&mut self, now: Instant, count: u64) {
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, count));
    }

    /// Lookups a second over the last `span`, or as much of it as there is; 0 until two samples are known.
    pub(super) fn per_second(&self, span: Duration) -> f64 {
        let Some((now, count)) = self.samples.back() else {
            return 0.0;
        };
        let within = |at: &Instant| now.saturating_duration_since(*at) <= span;
        let first = self.samples.iter().find(|(at, _)| within(at));
        let Some((at, before)) = first.filter(|(at, _)| at < now) else {
            return 0.0;
        };
        count.saturating_sub(*before) as f64 / now.duration_since(*at).as_secs_f64()
    }
}

/// What is known of the service at one moment.
pub(super) struct Status<'a> {
    pub(super) role: Role,
    pub(super) tenant: &'a Tenant,
    pub(super) lookups: &'a Meters,
    pub(super) locals: &'a [Local],
    pub(super) door: &'a Door,
    pub(super) bodies: &'a Bodies,
    pub(super) freshness: &'a Reading,
    pub(super) troubles: &'a Troubles<'a>,
    pub(super) reasons: &'a [String],
    pub(super) uptime: Duration,
    /// What the metric of a name counts or gauges, over all its labels.
    pub(super) counted: &'a dyn Fn(&str) -> Option<f64>,
}

impl Status<'_> {
    /// What the metric `name` counts; `None` where nobody does.
    fn count(&self, name: &str) -> Option<u64> {
        format!("{:.0}", (self.counted)(name)?).parse().ok()
    }

    /// What each feed does that says so.
    fn courses(&self) -> Value {
        let courses = self.tenant.freshness.courses();
        courses
            .map(|(name, course)| (name.to_owned(), json!(*course)))
            .collect::<Map<String, Value>>()
            .into()
    }

    pub(super) fn to_json(&self, rates: &Rates) -> Value {
        let index = &self.tenant.index;
        let snapshot = index.snapshot();
        let header = snapshot.header();
        let (overlay_customers, overlay_bytes) = index.overlay_size();
        let outcome = |outcome| self.lookups.lookups(outcome);
        let rate = |seconds| (rates.per_second(Duration::from_secs(seconds)) * 10.0).round() / 10.0;
        let micros = |share| {
            self.lookups
                .seconds()
                .quantile(share)
                .map(|seconds| (seconds * 1e7).round() / 10.0)
        };
        let listeners: Vec<Value> = self
            .locals
            .iter()
            .map(|local| json!({"name": local.name, "address": local.address, "unix": local.unix}))
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "role": self.role.as_str(),
            "tenant": self.tenant.name,
            "ready": self.reasons.is_empty(),
            "reasons": self.reasons,
            "generation": header.generation,
            "created_at_ms": header.created_at_ms,
            "seq": index.seq(),
            "customers": header.customers,
            "numbers": header.numbers,
            "contested": header.contested,
            "suffix": suffix(index.suffixes()),
            "overlay": {"customers": overlay_customers, "bytes": overlay_bytes},
            "damaged": snapshot.damaged(),
            "position": self.freshness.position.as_deref(),
            "age_ms": self.freshness.age_ms,
            "stale": self.freshness.stale,
            "connected": self.freshness.connected,
            "source_lag_ms": self.freshness.lag_ms,
            "gap": self.freshness.gap,
            "gap_feeds": self.troubles.gaps,
            "held": self.freshness.held,
            "held_feeds": self.troubles.held,
            "feeds": self.courses(),
            "log": {
                "bytes": self.count("ringside_replica_log_bytes"),
                "failed": self.freshness.failed,
                "parked": self.count("ringside_replica_parked_count"),
                "tombstones": self.count("ringside_replica_tombstones_count"),
            },
            "lookups": {
                "total": self.lookups.all_lookups(),
                "hit": outcome(Outcome::Hit),
                "ambiguous": outcome(Outcome::Ambiguous),
                "unknown": outcome(Outcome::Unknown),
                "overload": outcome(Outcome::Overload),
                "per_s_10s": rate(10),
                "per_s_60s": rate(60),
                "p50_us": micros(0.5),
                "p99_us": micros(0.99),
                "p999_us": micros(0.999),
            },
            "connections": {"open": self.door.open(), "max": self.door.max()},
            "bodies": {"bytes": self.bodies.held(), "max": self.bodies.max()},
            "refused": {
                "connections": self.count("ringside_http_refused_total"),
                "overload": self.count("ringside_http_overload_total"),
                "cut": self.count("ringside_http_cut_total"),
                "denied": self.count("ringside_http_denied_total"),
            },
            "uptime_s": self.uptime.as_secs(),
            "listeners": listeners,
        })
    }
}

/// Last digits by which numbers are found, and whether they are already.
fn suffix(suffixes: Suffixes) -> Value {
    match suffixes {
        Suffixes::Off => Value::Null,
        Suffixes::Waiting(digits) => json!({"digits": digits.count(), "ready": false}),
        Suffixes::Ready(digits) => json!({"digits": digits.count(), "ready": true}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_what_there_is() {
        let mut rates = Rates::default();
        let begin = Instant::now();
        assert_eq!(rates.per_second(WINDOW), 0.0);
        rates.note(begin, 0);
        assert_eq!(rates.per_second(WINDOW), 0.0);
        for second in 1..=100 {
            let count = if second <= 95 { 0 } else { (second - 95) * 100 };
            rates.note(begin + Duration::from_secs(second), count);
        }
        assert_eq!(rates.per_second(Duration::from_secs(5)), 100.0);
        assert_eq!(rates.per_second(Duration::from_secs(10)), 50.0);
        assert!(rates.samples.len() <= 61, "the window is bounded");
    }
}
