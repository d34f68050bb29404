//! How long answers took: a distribution in a few hundred bytes.

use std::time::Duration;

/// Four buckets between a time and its double, from a microsecond to more than an hour.
const BUCKETS: usize = 4 * 33;

/// Times, as counts of buckets a quarter of a doubling wide.
#[derive(Debug, Clone)]
pub(super) struct Times {
    counts: [u64; BUCKETS],
    count: u64,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            counts: [0; BUCKETS],
            count: 0,
        }
    }
}

impl Times {
    pub(super) fn note(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.counts[bucket(micros)] += 1;
        self.count += 1;
    }

    /// A time, in microseconds, that `percent` of all stayed below, a quarter above the true one at the most; `None` where
    /// there are none.
    pub(super) fn within(&self, percent: u64) -> Option<u64> {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        found.map(end)
    }
}

/// The bucket of `micros`, which is 1 or more.
fn bucket(micros: u64) -> usize {
    let doublings = micros.ilog2();
    let quarter = if doublings >= 2 {
        micros >> (doublings - 2) & 3
    } else {
        micros << (2 - doublings) & 3
    };
    let place = u64::from(doublings) * 4 + quarter;
    usize::try_from(place).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The end of a bucket, in microseconds.
fn end(bucket: usize) -> u64 {
    let (doublings, quarter) = (bucket / 4, bucket % 4);
    ((4 + quarter as u64 + 1) << doublings).div_ceil(4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_told() {
        let mut times = Times::default();
        assert_eq!(times.within(50), None);
        for millis in 1..=100 {
            times.note(Duration::from_millis(millis));
        }
        for percent in [50, 90, 99] {
            let (told, truth) = (times.within(percent).unwrap(), percent * 1000);
            assert!((truth..=truth + truth / 3).contains(&told), "{percent}: {told}");
        }
        times.note(Duration::MAX);
        times.note(Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_times(micros in 1_u64..1 << 33) {
            let end = end(bucket(micros));
            prop_assert!(micros <= end && end <= micros + micros / 4 + 2, "{} {}", micros, end);
        }
    }
}
