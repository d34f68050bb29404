//! What is counted of lookups.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::ring::Event;
use super::suffix::How;
use crate::metrics::{Metrics, MetricsError};
use crate::number::{Key, Numbering};

/// How a lookup ended, in the words of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// One customer.
    Hit,
    /// Several customers.
    Ambiguous,
    /// Nobody has the number.
    Unknown,
    /// The number was withheld.
    Anonymous,
    /// One of our own numbers.
    OwnNumber,
    /// An internal number that nobody has.
    Internal,
    /// No number.
    Invalid,
    /// Whoever asked may not.
    Disabled,
    /// Nobody was looked up: the service had more to do than it can do in time.
    Overload,
}

impl Outcome {
    const ALL: [Outcome; 9] = [
        Outcome::Hit,
        Outcome::Ambiguous,
        Outcome::Unknown,
        Outcome::Anonymous,
        Outcome::OwnNumber,
        Outcome::Internal,
        Outcome::Invalid,
        Outcome::Disabled,
        Outcome::Overload,
    ];

    /// `hit`, or the answer's `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Hit => "hit",
            Outcome::Ambiguous => "ambiguous",
            Outcome::Unknown => "unknown",
            Outcome::Anonymous => "anonymous",
            Outcome::OwnNumber => "own_number",
            Outcome::Internal => "internal",
            Outcome::Invalid => "invalid",
            Outcome::Disabled => "disabled",
            Outcome::Overload => "overload",
        }
    }

    /// The answer's `reason`; `None` for a hit.
    pub fn reason(self) -> Option<&'static str> {
        (self != Outcome::Hit).then(|| self.as_str())
    }

    /// Whether at least one customer was found.
    pub fn is_found(self) -> bool {
        matches!(self, Outcome::Hit | Outcome::Ambiguous)
    }
}

/// Upper bounds of the buckets of a lookup's duration, in seconds.
const BUCKETS: [f64; 17] = [
    0.5e-6, 1e-6, 2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3,
    50e-3, 100e-3,
];

/// How a lookup by last digits ended.
#[derive(Debug)]
struct Suffixes {
    hit: IntCounter,
    ambiguous: IntCounter,
    unclear: IntCounter,
}

type Rings = [IntCounter; Event::ALL.len()];
type Outcomes = [IntCounter; Outcome::ALL.len()];

/// The counters of lookups that come by one dialect, resolved once: a lookup neither hashes a label nor takes a lock.
#[derive(Debug, Clone)]
pub struct Meters {
    families: Arc<Families>,
    outcomes: Arc<Outcomes>,
    suffixes: Arc<Suffixes>,
    dialled: Arc<Dialled>,
    rings: Arc<Rings>,
    seconds: Histogram,
}

/// The counters before their labels are resolved.
#[derive(Debug)]
struct Families {
    lookups: IntCounterVec,
    suffixes: IntCounterVec,
    dialled: IntCounterVec,
    /// What has been resolved so far, for sums over all dialects.
    dialects: Mutex<BTreeMap<String, Arc<Outcomes>>>,
    refused: IntCounterVec,
    rings: IntCounterVec,
}

/// Counters by dialled number.
#[derive(Debug)]
struct Dialled {
    /// Sorted by key.
    named: Vec<(Key, HitMiss)>,
    other: HitMiss,
    none: HitMiss,
}

#[derive(Debug)]
struct HitMiss {
    hit: IntCounter,
    miss: IntCounter,
}

impl Meters {
    /// Registers the counters; these count for the native dialect, and name no dialled number.
    ///
    /// # Errors
    /// Where they are registered already.
    pub fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let families = Arc::new(Families {
            lookups: metrics.counters(
                "ringside_callers_lookups_total",
                "Lookups answered, by dialect and outcome: hit, or why not.",
                &["dialect", "outcome"],
            )?,
            suffixes: metrics.counters(
                "ringside_callers_suffix_lookups_total",
                "Lookups that came to the last digits: hit, ambiguous (one number of several customers), or unclear (several numbers end so, or one that must not match).",
                &["dialect", "outcome"],
            )?,
            dialled: metrics.counters(
                "ringside_callers_dnis_lookups_total",
                "Lookups by dialled number, where metrics.dnis names it, and by whether a customer was found.",
                &["dnis", "outcome"],
            )?,
            dialects: Mutex::default(),
            refused: metrics.counters(
                "ringside_callers_refused_total",
                "Requests in other systems' dialects that were refused, by dialect and why: unsupported and syntax are queries.",
                &["dialect", "code"],
            )?,
            rings: metrics.counters(
                "ringside_callers_rings_total",
                "Calls that phone systems told of, by dialect and what was new of them: ring, answer, update or end.",
                &["dialect", "event"],
            )?,
        });
        Ok(Meters {
            outcomes: families.dialect("native"),
            suffixes: Arc::new(families.suffixes("native")),
            dialled: Arc::new(families.dialled(&[])),
            rings: Arc::new(families.rings("native")),
            seconds: metrics.histogram(
                "ringside_callers_lookup_seconds",
                "From the parsed request to the written answer.",
                &BUCKETS,
            )?,
            families,
        })
    }

    /// The same counters for lookups that come by `dialect`.
    #[must_use]
    pub fn for_dialect(&self, dialect: &str) -> Meters {
        Meters {
            outcomes: self.families.dialect(dialect),
            suffixes: Arc::new(self.families.suffixes(dialect)),
            rings: Arc::new(self.families.rings(dialect)),
            ..self.clone()
        }
    }

    /// The same counters, with those of the dialled `numbers` counted by name and all others together.
    #[must_use]
    pub fn naming(&self, numbers: &[Key]) -> Meters {
        Meters {
            dialled: Arc::new(self.families.dialled(numbers)),
            ..self.clone()
        }
    }

    /// Requests refused, by dialect and code.
    pub(super) fn refused(&self) -> &IntCounterVec {
        &self.families.refused
    }

    /// Counts a lookup of a caller who dialled `dnis`, which is read by `numbering` where any number is named; it began
    /// at `begun`. Gives back how long it took.
    pub(super) fn count(
        &self,
        outcome: Outcome,
        dnis: Option<&str>,
        numbering: &Numbering,
        begun: Instant,
    ) -> Duration {
        if !self.dialled.named.is_empty() {
            let dialled = self.dialled.of(dnis.unwrap_or_default(), numbering);
            dialled.count(outcome.is_found());
        }
        self.outcomes[outcome as usize].inc();
        let took = begun.elapsed();
        self.seconds.observe(took.as_secs_f64());
        took
    }

    /// Counts a lookup apart that came to the last digits of the number, whatever became of it.
    #[inline]
    pub(super) fn count_suffix(&self, how: How, outcome: Outcome) {
        match how {
            How::Exact => {}
            How::Suffix(_) if outcome == Outcome::Ambiguous => self.suffixes.ambiguous.inc(),
            How::Suffix(_) => self.suffixes.hit.inc(),
            How::Unclear(_) => self.suffixes.unclear.inc(),
        }
    }

    /// Counts what a phone system told of a call.
    pub(super) fn count_ring(&self, event: Event) {
        self.rings[event as usize].inc();
    }

    /// Counts a lookup that was not made; it took no time that would say anything of others.
    pub(super) fn count_disabled(&self) {
        self.outcomes[Outcome::Disabled as usize].inc();
    }

    /// Counts a lookup that did not take place, and whose duration says nothing.
    pub(super) fn count_overload(&self) {
        self.outcomes[Outcome::Overload as usize].inc();
    }

    /// Lookups with this outcome so far, by any dialect.
    pub fn lookups(&self, outcome: Outcome) -> u64 {
        let dialects = self.families.dialects();
        dialects
            .values()
            .map(|counters| counters[outcome as usize].get())
            .sum()
    }

    /// Lookups so far, by any dialect.
    pub fn all_lookups(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.lookups(*outcome)).sum()
    }

    /// The durations of lookups.
    pub fn seconds(&self) -> &Histogram {
        &self.seconds
    }
}

impl Families {
    fn dialect(&self, dialect: &str) -> Arc<Outcomes> {
        let resolve =
            || Outcome::ALL.map(|outcome| self.lookups.with_label_values(&[dialect, outcome.as_str()]));
        let mut dialects = self.dialects();
        Arc::clone(
            dialects
                .entry(dialect.to_owned())
                .or_insert_with(|| Arc::new(resolve())),
        )
    }

    fn rings(&self, dialect: &str) -> Rings {
        Event::ALL.map(|event| self.rings.with_label_values(&[dialect, event.as_str()]))
    }

    fn suffixes(&self, dialect: &str) -> Suffixes {
        let of = |outcome| self.suffixes.with_label_values(&[dialect, outcome]);
        Suffixes {
            hit: of("hit"),
            ambiguous: of("ambiguous"),
            unclear: of("unclear"),
        }
    }

    fn dialects(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Outcomes>>> {
        self.dialects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dialled(&self, numbers: &[Key]) -> Dialled {
        let of = |dnis: &str| HitMiss {
            hit: self.dialled.with_label_values(&[dnis, "hit"]),
            miss: self.dialled.with_label_values(&[dnis, "miss"]),
        };
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        Dialled {
            named: numbers
                .into_iter()
                .map(|key| (key, of(&key.to_string())))
                .collect(),
            other: of("other"),
            none: of("none"),
        }
    }
}

impl Dialled {
    fn of(&self, dnis: &str, numbering: &Numbering) -> &HitMiss {
        if dnis.is_empty() {
            return &self.none;
        }
        let key = numbering.read(dnis, None).key();
        let place = key.and_then(|key| self.named.binary_search_by_key(&key, |(named, _)| *named).ok());
        place.map_or(&self.other, |place| &self.named[place].1)
    }
}

impl HitMiss {
    fn count(&self, found: bool) {
        if found {
            self.hit.inc();
        } else {
            self.miss.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;
    use crate::number::Settings;

    #[test]
    fn lookups_are_counted_by_dialect_and_by_the_dialled_numbers_that_are_named() {
        let metrics = Metrics::new().unwrap();
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        let named = numbering.read("+1 800 555 0100", None).key().unwrap();
        let native = Meters::register(&metrics).unwrap().naming(&[named, named]);
        let twilio = native.for_dialect("twilio");
        let count = |meters: &Meters, outcome, dnis| meters.count(outcome, dnis, &numbering, Instant::now());
        count(&native, Outcome::Hit, Some("(800) 555-0100"));
        count(&native, Outcome::Unknown, Some("+18005550100"));
        count(&twilio, Outcome::Ambiguous, Some("+18005550101"));
        count(&twilio, Outcome::Invalid, Some(""));
        // Where none is named, nothing is counted of them; the rest goes on in the same place.
        count(&native.naming(&[]), Outcome::Hit, Some("+18005550100"));
        let text = metrics.encode_text().unwrap();
        for line in [
            r#"ringside_callers_lookups_total{dialect="native",outcome="hit"} 2"#,
            r#"ringside_callers_lookups_total{dialect="twilio",outcome="ambiguous"} 1"#,
            r#"ringside_callers_dnis_lookups_total{dnis="+18005550100",outcome="hit"} 1"#,
            r#"ringside_callers_dnis_lookups_total{dnis="+18005550100",outcome="miss"} 1"#,
            r#"ringside_callers_dnis_lookups_total{dnis="other",outcome="hit"} 1"#,
            r#"ringside_callers_dnis_lookups_total{dnis="none",outcome="miss"} 1"#,
            r#"ringside_callers_lookup_seconds_bucket{le="0.0000005"} "#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!((native.lookups(Outcome::Hit), twilio.all_lookups()), (2, 5));
    }
}
