//! How far the other node's clock is behind this one's: its calls are not over sooner for that.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The other node's clock, as its newest entry had it.
#[derive(Debug, Default)]
pub(super) struct Skew(Mutex<Option<Learned>>);

#[derive(Debug, Clone, Copy)]
struct Learned {
    /// How far it was behind, in milliseconds.
    behind_ms: u64,
    at: Instant,
}

impl Skew {
    /// An entry of the other node says that it was `at_ms` there when it was `now_ms` here, both since 1970.
    pub(super) fn learn(&self, at_ms: u64, now_ms: u64, now: Instant) {
        let behind_ms = now_ms.saturating_sub(at_ms);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Learned { behind_ms, at: now });
    }

    /// What time it is at the most, here and there, as long as calls of the other node may last that would else be taken
    /// for too old: for `memory` after its last entry.
    pub(super) fn earliest(&self, now_ms: u64, now: Instant, memory: Duration) -> u64 {
        let learned = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.filter(|learned| now.saturating_duration_since(learned.at) < memory);
        now_ms.saturating_sub(learned.map_or(0, |learned| learned.behind_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_counts_while_its_calls_may_last() {
        let (skew, begun, memory) = (Skew::default(), Instant::now(), Duration::from_secs(180));
        assert_eq!(skew.earliest(900_000, begun, memory), 900_000);
        skew.learn(600_000, 900_000, begun);
        assert_eq!(skew.earliest(901_000, begun, memory), 601_000);
        assert_eq!(skew.earliest(1_100_000, begun + memory, memory), 1_100_000);
        // One that is ahead makes nothing due sooner.
        skew.learn(2_000_000, 900_000, begun);
        assert_eq!(skew.earliest(901_000, begun, memory), 901_000);
    }
}
