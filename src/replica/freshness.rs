//! How fresh what is served is, as every answer can tell it. Written by feeds, read by lookups, without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;

/// Never heard of.
const NEVER: u64 = u64::MAX;

/// The freshness of one contact centre's customers.
#[derive(Debug)]
pub struct Freshness {
    start: Instant,
    stale_after_ms: Option<u64>,
    pulses: Vec<Pulse>,
    position: ArcSwapOption<Arc<str>>,
}

/// What is known of one feed.
#[derive(Debug)]
struct Pulse {
    name: String,
    connected: AtomicBool,
    /// Milliseconds after the start, or [`NEVER`].
    heard_ms: AtomicU64,
    position: ArcSwapOption<String>,
}

/// Freshness at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Where the newest applied change stands in its stream; with several feeds `NAME=POSITION` of each.
    pub position: Option<Arc<str>>,
    /// Milliseconds since the newest applied change or heartbeat of the feed that has been silent longest; `None`
    /// where no feed is configured, or one was never heard of.
    pub age_ms: Option<u64>,
    /// Whether every feed is connected; false where none is configured.
    pub connected: bool,
    /// Whether what is served is older than the configured bound.
    pub stale: bool,
}

impl Freshness {
    /// Freshness by the feeds called `names`; answers are stale when one has been silent for `stale_after_s` seconds
    /// (0: never).
    pub fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        stale_after_s: u64,
        start: Instant,
    ) -> Freshness {
        let pulse = |name: &str| Pulse {
            name: name.into(),
            connected: AtomicBool::new(false),
            heard_ms: AtomicU64::new(NEVER),
            position: ArcSwapOption::empty(),
        };
        Freshness {
            start,
            stale_after_ms: (stale_after_s > 0).then(|| stale_after_s.saturating_mul(1000)),
            pulses: names.into_iter().map(pulse).collect(),
            position: ArcSwapOption::empty(),
        }
    }

    /// Freshness where no feed is configured: nothing can be stale.
    pub fn without_feed() -> Freshness {
        Freshness::new([], 0, Instant::now())
    }

    /// The feed `name` is alive at `now`, and everything up to `position` has been applied.
    pub fn heard(&self, name: &str, position: Option<u64>, now: Instant) {
        let Some(pulse) = self.pulses.iter().find(|pulse| pulse.name == name) else {
            return;
        };
        pulse.heard_ms.store(self.millis(now), Ordering::Relaxed);
        pulse.connected.store(true, Ordering::Relaxed);
        let Some(position) = position.map(|position| position.to_string()) else {
            return;
        };
        if pulse
            .position
            .load()
            .as_ref()
            .is_some_and(|known| **known == position)
        {
            return;
        }
        pulse.position.store(Some(Arc::new(position)));
        self.position.store(Some(Arc::new(self.positions())));
    }

    /// The feed `name` has lost its source.
    pub fn lost(&self, name: &str) {
        if let Some(pulse) = self.pulses.iter().find(|pulse| pulse.name == name) {
            pulse.connected.store(false, Ordering::Relaxed);
        }
    }

    /// Freshness at `now`.
    pub fn now(&self, now: Instant) -> Reading {
        let now = self.millis(now);
        let age_of = |pulse: &Pulse| match pulse.heard_ms.load(Ordering::Relaxed) {
            NEVER => None,
            heard => Some(now.saturating_sub(heard)),
        };
        let ages = self.pulses.iter().map(age_of);
        let age_ms = ages.clone().try_fold(0, |oldest, age| Some(oldest.max(age?)));
        let age_ms = age_ms.filter(|_| !self.pulses.is_empty());
        // A feed that was never heard of is as old as the process.
        let silence = ages.map(|age| age.unwrap_or(now)).max();
        Reading {
            position: self
                .position
                .load()
                .as_ref()
                .map(|position| Arc::clone(&**position)),
            age_ms,
            connected: !self.pulses.is_empty()
                && self
                    .pulses
                    .iter()
                    .all(|pulse| pulse.connected.load(Ordering::Relaxed)),
            stale: matches!((silence, self.stale_after_ms), (Some(silence), Some(bound)) if silence > bound),
        }
    }

    fn positions(&self) -> Arc<str> {
        let of = |pulse: &Pulse| pulse.position.load().as_deref().cloned().unwrap_or_default();
        match &*self.pulses {
            [only] => of(only).into(),
            several => several
                .iter()
                .map(|pulse| format!("{}={}", pulse.name, of(pulse)))
                .collect::<Vec<_>>()
                .join(",")
                .into(),
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(NEVER - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn without_a_feed_nothing_is_stale_and_nothing_has_an_age() {
        let reading = Freshness::without_feed().now(Instant::now());
        assert_eq!(
            reading,
            Reading {
                position: None,
                age_ms: None,
                connected: false,
                stale: false
            }
        );
    }

    #[test]
    fn the_feed_that_is_silent_longest_decides() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let freshness = Freshness::new(["a", "b"], 10, start);
        freshness.heard("a", Some(7), at(1));
        assert_eq!(freshness.now(at(2)).age_ms, None, "b was never heard of");
        assert!(!freshness.now(at(2)).connected && !freshness.now(at(2)).stale);
        freshness.heard("b", None, at(4));
        let reading = freshness.now(at(5));
        assert_eq!(
            (reading.age_ms, reading.connected, reading.stale),
            (Some(4000), true, false)
        );
        assert_eq!(reading.position.as_deref(), Some("a=7,b="));
        assert!(freshness.now(at(12)).stale);
        freshness.lost("a");
        assert!(!freshness.now(at(5)).connected);
    }
}
