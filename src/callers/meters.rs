//! What is counted of lookups.

use std::time::Duration;

use prometheus::{Histogram, IntCounter};

use crate::metrics::{Metrics, MetricsError};

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
}

impl Outcome {
    const ALL: [Outcome; 8] = [
        Outcome::Hit,
        Outcome::Ambiguous,
        Outcome::Unknown,
        Outcome::Anonymous,
        Outcome::OwnNumber,
        Outcome::Internal,
        Outcome::Invalid,
        Outcome::Disabled,
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
const BUCKETS: [f64; 16] = [
    1e-6, 2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3,
    100e-3,
];

/// The counters of lookups, resolved once: a lookup neither hashes a label nor takes a lock.
#[derive(Debug, Clone)]
pub struct Meters {
    outcomes: [IntCounter; Outcome::ALL.len()],
    seconds: Histogram,
}

impl Meters {
    /// Registers the counters.
    ///
    /// # Errors
    /// Where they are registered already.
    pub fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let lookups = metrics.counters(
            "ringside_callers_lookups_total",
            "Lookups answered, by outcome: hit, or why not.",
            &["outcome"],
        )?;
        Ok(Meters {
            outcomes: Outcome::ALL.map(|outcome| lookups.with_label_values(&[outcome.as_str()])),
            seconds: metrics.histogram(
                "ringside_callers_lookup_seconds",
                "From the parsed request to the written answer.",
                &BUCKETS,
            )?,
        })
    }

    /// Counts a lookup.
    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        self.outcomes[outcome as usize].inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a lookup that was not made; it took no time that would say anything of others.
    pub(super) fn count_disabled(&self) {
        self.outcomes[Outcome::Disabled as usize].inc();
    }

    /// Lookups with this outcome so far.
    pub fn lookups(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].get()
    }

    /// Lookups so far.
    pub fn all_lookups(&self) -> u64 {
        self.outcomes.iter().map(IntCounter::get).sum()
    }

    /// The durations of lookups.
    pub fn seconds(&self) -> &Histogram {
        &self.seconds
    }
}
