//! What is counted of lookups.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::IntCounterVec;

use super::ring::Event;
use super::suffix::How;
use crate::metrics::{CountFamily, Counts, Durations, Metrics, MetricsError};
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

/// Upper bounds of the buckets of a lookup's duration.
const BUCKETS: [Duration; 17] = [
    Duration::from_nanos(500),
    Duration::from_micros(1),
    Duration::from_micros(2),
    Duration::from_micros(5),
    Duration::from_micros(10),
    Duration::from_micros(20),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
];

/// How a lookup by last digits ended.
#[derive(Debug, Clone, Copy)]
enum Suffix {
    Hit,
    Ambiguous,
    Unclear,
}

const OUTCOMES: usize = Outcome::ALL.len();
const EVENTS: usize = Event::ALL.len();
const SUFFIXES: usize = 3;
/// What became of a lookup of one dialled number.
type HitMiss = Counts<2>;

/// The counters of lookups that come by one dialect, resolved once: a lookup neither hashes a label nor takes a lock, and
/// writes to no cache line that another core writes to.
#[derive(Debug, Clone)]
pub struct Meters {
    families: Arc<Families>,
    outcomes: Counts<OUTCOMES>,
    suffixes: Counts<SUFFIXES>,
    dialled: Arc<Dialled>,
    rings: Counts<EVENTS>,
    seconds: Durations,
}

/// The counters before their labels are resolved.
#[derive(Debug)]
struct Families {
    lookups: CountFamily<OUTCOMES>,
    suffixes: CountFamily<SUFFIXES>,
    dialled: CountFamily<2>,
    refused: IntCounterVec,
    rings: CountFamily<EVENTS>,
}

/// Counters by dialled number.
#[derive(Debug)]
struct Dialled {
    /// Sorted by key.
    named: Vec<(Key, HitMiss)>,
    other: HitMiss,
    none: HitMiss,
}

impl Meters {
    /// Registers the counters; these count for the native dialect, and name no dialled number.
    ///
    /// # Errors
    /// Where they are registered already.
    pub fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let families = Arc::new(Families {
            lookups: metrics.counts(
                "ringside_callers_lookups_total",
                "Lookups answered, by dialect and outcome: hit, or why not.",
                &["dialect", "outcome"],
                Outcome::ALL.map(Outcome::as_str),
            )?,
            suffixes: metrics.counts(
                "ringside_callers_suffix_lookups_total",
                "Lookups that came to the last digits: hit, ambiguous (one number of several customers), or unclear (several numbers end so, or one that must not match).",
                &["dialect", "outcome"],
                ["hit", "ambiguous", "unclear"],
            )?,
            dialled: metrics.counts(
                "ringside_callers_dnis_lookups_total",
                "Lookups by dialled number, where metrics.dnis names it, and by whether a customer was found.",
                &["dnis", "outcome"],
                ["hit", "miss"],
            )?,
            refused: metrics.counters(
                "ringside_callers_refused_total",
                "Requests in other systems' dialects that were refused, by dialect and why: unsupported and syntax are queries.",
                &["dialect", "code"],
            )?,
            rings: metrics.counts(
                "ringside_callers_rings_total",
                "Calls that phone systems told of, by dialect and what was new of them: ring, answer, update or end.",
                &["dialect", "event"],
                Event::ALL.map(Event::as_str),
            )?,
        });
        Ok(Meters {
            outcomes: families.lookups.of(&["native"]),
            suffixes: families.suffixes.of(&["native"]),
            dialled: Arc::new(families.dialled(&[])),
            rings: families.rings.of(&["native"]),
            seconds: metrics.durations(
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
            outcomes: self.families.lookups.of(&[dialect]),
            suffixes: self.families.suffixes.of(&[dialect]),
            rings: self.families.rings.of(&[dialect]),
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
            dialled.inc(usize::from(!outcome.is_found()));
        }
        self.outcomes.inc(outcome as usize);
        let took = begun.elapsed();
        self.seconds.observe(took);
        took
    }

    /// Counts a lookup apart that came to the last digits of the number, whatever became of it.
    #[inline]
    pub(super) fn count_suffix(&self, how: How, outcome: Outcome) {
        match how {
            How::Exact | How::Link => {}
            How::Suffix(_) if outcome == Outcome::Ambiguous => self.suffixes.inc(Suffix::Ambiguous as usize),
            How::Suffix(_) => self.suffixes.inc(Suffix::Hit as usize),
            How::Unclear(_) => self.suffixes.inc(Suffix::Unclear as usize),
        }
    }

    /// Counts what a phone system told of a call.
    pub(super) fn count_ring(&self, event: Event) {
        self.rings.inc(event as usize);
    }

    /// Counts a lookup that was not made; it took no time that would say anything of others.
    pub(super) fn count_disabled(&self) {
        self.outcomes.inc(Outcome::Disabled as usize);
    }

    /// Counts a lookup that did not take place, and whose duration says nothing.
    pub(super) fn count_overload(&self) {
        self.outcomes.inc(Outcome::Overload as usize);
    }

    /// Lookups with this outcome so far, by any dialect.
    pub fn lookups(&self, outcome: Outcome) -> u64 {
        self.families.lookups.sum(outcome as usize)
    }

    /// Lookups so far, by any dialect.
    pub fn all_lookups(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.lookups(*outcome)).sum()
    }

    /// The durations of lookups.
    pub fn seconds(&self) -> &Durations {
        &self.seconds
    }
}

impl Families {
    fn dialled(&self, numbers: &[Key]) -> Dialled {
        let of = |dnis: &str| self.dialled.of(&[dnis]);
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
