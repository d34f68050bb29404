//! The guard against mass changes: a feed that deletes or moves more customers within a while than a contact centre
//! would is held, until a person has looked.
//!
//! A deletion counts, and so does a customer that loses a number or takes one that another has.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Parts into which the window is cut: counts leave it one part at a time.
const SLICES: u32 = 20;

/// When a stream is held: `[guard]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Customers that one feed may delete or move within the window, in percent of all, 1–100; 100: never held.
    pub max_percent: u64,
    /// The window in seconds, 1–86 400.
    pub window_s: u64,
    /// As few customers are never a reason, 0–1 000 000 000.
    pub ignore_below: u64,
}

/// Counts what feeds delete and move.
#[derive(Debug)]
pub(super) struct Guard {
    settings: Settings,
    /// By feed: one that begins another life has not been forgiven.
    counts: HashMap<Box<str>, VecDeque<(Instant, u64)>>,
}

impl Guard {
    pub(super) fn new(settings: Settings) -> Guard {
        Guard {
            settings,
            counts: HashMap::new(),
        }
    }

    pub(super) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Whether `feed` may delete or move one more of `customers` at `now`.
    pub(super) fn may(&mut self, feed: &str, customers: u64, now: Instant) -> bool {
        let most = customers.saturating_mul(self.settings.max_percent) / 100;
        self.settings.max_percent >= 100 || self.within(feed, now) < most.max(self.settings.ignore_below)
    }

    /// `feed` has deleted or moved one at `now`.
    pub(super) fn count(&mut self, feed: &str, now: Instant) {
        let slice = Duration::from_secs(self.settings.window_s) / SLICES;
        let counts = self.counts.entry(feed.into()).or_default();
        match counts.back_mut() {
            Some((begun, count)) if now.saturating_duration_since(*begun) < slice => *count += 1,
            _ => counts.push_back((now, 1)),
        }
    }

    /// How many `feed` has deleted or moved within the window that ends at `now`.
    pub(super) fn within(&mut self, feed: &str, now: Instant) -> u64 {
        let window = Duration::from_secs(self.settings.window_s);
        let Some(counts) = self.counts.get_mut(feed) else {
            return 0;
        };
        while counts
            .front()
            .is_some_and(|(begun, _)| now.saturating_duration_since(*begun) > window)
        {
            counts.pop_front();
        }
        counts.iter().map(|(_, count)| count).sum()
    }

    /// Forgets what was counted, as once a person has looked.
    pub(super) fn reset(&mut self) {
        self.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_held_at_its_share_and_free_again_once_the_window_has_passed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut guard = Guard::new(Settings {
            max_percent: 10,
            window_s: 60,
            ignore_below: 5,
        });
        for nth in 0..10 {
            assert!(guard.may("1", 100, at(nth)), "{nth}");
            guard.count("1", at(nth));
        }
        assert!(!guard.may("1", 100, at(10)) && guard.may("2", 100, at(10)) && guard.may("1", 1000, at(10)));
        assert!(guard.may("1", 100, at(80)));
        assert_eq!(guard.within("1", at(200)), 0);
        for _ in 0..5 {
            assert!(guard.may("3", 10, at(0)), "few are never a reason");
            guard.count("3", at(0));
        }
        assert!(!guard.may("3", 10, at(0)));
        guard.reset();
        assert!(guard.may("3", 10, at(0)));
    }

    #[test]
    fn a_hundred_percent_is_never() {
        let now = Instant::now();
        let mut guard = Guard::new(Settings {
            max_percent: 100,
            window_s: 1,
            ignore_below: 0,
        });
        guard.count("1", now);
        assert!(guard.may("1", 0, now));
    }
}
