//! How long to wait for another attempt, and whether the server is to be left alone altogether.
//!
//! Times are milliseconds on a clock that never goes back.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How attempts follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) first_ms: u64,
    pub(super) most_ms: u64,
    /// The longest time that a server can ask for.
    pub(super) asked_most_ms: u64,
    /// What jitter comes from: another one in every process.
    pub(super) seed: u64,
}

/// Holds everything back while the server is away: then one item after the other finds out whether it is there again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gate {
    failures: u32,
    until: u64,
}

impl Pace {
    /// The wait after the attempt `nth` (from 1) of `what`: doubled each time, and less by up to a half, so that what failed
    /// together is not tried again together.
    pub(super) fn wait(&self, what: u64, nth: u32) -> u64 {
        let doubled = self.first_ms.saturating_mul(1 << nth.saturating_sub(1).min(32));
        let whole = doubled.min(self.most_ms).max(1);
        let dice = xxh3_64_with_seed(&what.to_le_bytes(), self.seed ^ u64::from(nth));
        whole - dice % (whole / 2 + 1)
    }
}

impl Gate {
    /// The server could not be reached, or asked to be left alone for `asked_ms`.
    pub(super) fn away(&mut self, now: u64, pace: &Pace, asked_ms: Option<u64>) {
        // Attempts that were under way together are one failure.
        if now >= self.until {
            self.failures = self.failures.saturating_add(1);
            self.until = now + pace.wait(u64::MAX, self.failures);
        }
        let asked = asked_ms.unwrap_or(0).min(pace.asked_most_ms);
        self.until = self.until.max(now + asked);
    }

    /// The server has answered.
    pub(super) fn there(&mut self) {
        *self = Gate::default();
    }

    /// When something may be sent.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    pub(super) fn is_away(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(seed: u64) -> Pace {
        Pace {
            first_ms: 500,
            most_ms: 60_000,
            asked_most_ms: 10_000,
            seed,
        }
    }

    proptest! {
        #[test]
        fn waits_double_within_bounds_and_are_spread(seed: u64, id: u64, nth in 1u32..200) {
            let whole = (500u64 << (nth - 1).min(20)).min(60_000);
            let wait = pace(seed).wait(id, nth);
            prop_assert!(wait <= whole && wait >= whole / 2, "{wait} of {whole}");
            prop_assert_eq!(wait, pace(seed).wait(id, nth));
        }
    }

    #[test]
    fn items_that_failed_together_are_not_tried_together() {
        let waits: std::collections::BTreeSet<u64> = (0..100).map(|id| pace(7).wait(id, 8)).collect();
        assert!(waits.len() > 90, "{waits:?}");
    }

    #[test]
    fn the_gate_counts_what_failed_together_once_and_obeys_within_bounds() {
        let mut gate = Gate::default();
        gate.away(1000, &pace(1), None);
        let until = gate.until();
        assert!(gate.is_away() && (1250..=1500).contains(&until), "{until}");
        gate.away(1001, &pace(1), None);
        assert_eq!(gate.until(), until);
        gate.away(1002, &pace(1), Some(5000));
        assert_eq!(gate.until(), 6002);
        gate.away(1003, &pace(1), Some(u64::MAX));
        assert_eq!(gate.until(), 11_003);
        gate.there();
        assert_eq!(gate, Gate::default());
    }
}
