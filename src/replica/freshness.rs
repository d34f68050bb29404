//! How fresh what is served is, as every answer can tell it. Written by feeds, read by lookups, without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::{ArcSwapOption, Guard};
use serde::Serialize;

/// Never heard of.
const NEVER: u64 = u64::MAX;

/// The freshness of one contact centre's customers.
#[derive(Debug)]
pub struct Freshness {
    start: Instant,
    /// The change log takes no more changes.
    failed: AtomicBool,
    /// 0: never.
    stale_after_ms: AtomicU64,
    pulses: Vec<Pulse>,
    position: ArcSwapOption<Arc<str>>,
}

/// What is known of one feed.
#[derive(Debug)]
struct Pulse {
    name: String,
    connected: AtomicBool,
    /// Milliseconds after the start, or [`NEVER`].
    caught_up_ms: AtomicU64,
    position: ArcSwapOption<String>,
    /// Milliseconds by which the newest change was behind the source when it was applied, or [`NEVER`].
    lag_ms: AtomicU64,
    gap: AtomicBool,
    held: AtomicBool,
    course: ArcSwapOption<Course>,
}

/// What a feed is doing, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// `connecting`, `copying`, `following`, `waiting` (for its server, or for somebody to do something) or `held` (a copy
    /// waits to be accepted).
    pub state: &'static str,
    /// Why, or what to do; empty where there is nothing to be said.
    pub message: String,
}

/// Where feeds stand at one moment. It is borrowed, not shared: every lookup takes it, and a count of those who have it
/// would go from core to core.
#[derive(Debug)]
pub struct Position(Guard<Option<Arc<Arc<str>>>>);

/// Freshness at one moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// Where the newest applied change stands in its stream; with several feeds `NAME=POSITION` of each.
    pub position: Position,
    /// Milliseconds since everything that the source had was applied, for the feed of which that is longest ago; `None`
    /// where no feed is configured, or one has never got that far.
    pub age_ms: Option<u64>,
    /// Whether every feed has got to the end of its source once; true where none is configured.
    pub caught_up: bool,
    /// Whether every feed is connected; false where none is configured.
    pub connected: bool,
    /// How far the newest change was behind its source when it was applied, in milliseconds, for the feed of which that is
    /// most; `None` where none says.
    pub lag_ms: Option<u64>,
    /// Whether a feed could not go on where it had stopped, so that changes may be missing until everything is built
    /// anew.
    pub gap: bool,
    /// Whether a feed is held because it deletes or moves too many customers.
    pub held: bool,
    /// Whether changes are no longer taken, because they cannot be made durable.
    pub failed: bool,
    /// Whether what is served is older than the configured bound, or may be for another of these reasons.
    pub stale: bool,
}

/// Feeds of which something waits for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles<'f> {
    /// Those that are held.
    pub held: Vec<&'f str>,
    /// Those with a gap.
    pub gaps: Vec<&'f str>,
}

impl Position {
    /// No position, as where no feed is configured.
    pub fn none() -> Position {
        Position(Guard::from_inner(None))
    }

    /// The position; `None` where there is none.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref().map(|position| &**position)
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Position) -> bool {
        self.as_deref() == other.as_deref()
    }
}

impl Eq for Position {}

impl Reading {
    /// Whether nothing but age can be what makes it stale.
    pub fn is_only_old(&self) -> bool {
        self.caught_up && !self.gap && !self.held && !self.failed
    }
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
            caught_up_ms: AtomicU64::new(NEVER),
            position: ArcSwapOption::empty(),
            lag_ms: AtomicU64::new(NEVER),
            gap: AtomicBool::new(false),
            held: AtomicBool::new(false),
            course: ArcSwapOption::empty(),
        };
        Freshness {
            start,
            failed: AtomicBool::new(false),
            stale_after_ms: AtomicU64::new(stale_after_s.saturating_mul(1000)),
            pulses: names.into_iter().map(pulse).collect(),
            position: ArcSwapOption::empty(),
        }
    }

    /// Answers are stale from now on when a feed has been silent for `stale_after_s` seconds (0: never).
    pub fn set_stale_after(&self, stale_after_s: u64) {
        self.stale_after_ms
            .store(stale_after_s.saturating_mul(1000), Ordering::Relaxed);
    }

    /// Freshness where no feed is configured: nothing can be stale.
    pub fn without_feed() -> Freshness {
        Freshness::new([], 0, Instant::now())
    }

    /// The feed `name` is connected, and everything up to `position` has been applied; there may be more to apply.
    pub fn applied(&self, name: &str, position: Option<impl ToString>) {
        let Some(pulse) = self.pulse(name) else {
            return;
        };
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

    /// The feed `name` has applied everything that its source has at `now`.
    pub fn caught_up(&self, name: &str, position: Option<impl ToString>, now: Instant) {
        if let Some(pulse) = self.pulse(name) {
            pulse.caught_up_ms.store(self.millis(now), Ordering::Relaxed);
            self.applied(name, position);
        }
    }

    /// The feed `name` has applied everything that its source had at `as_of`.
    pub fn reached(&self, name: &str, as_of: Instant) {
        if let Some(pulse) = self.pulse(name) {
            let as_of = self.millis(as_of);
            let before = pulse.caught_up_ms.load(Ordering::Relaxed);
            // One thread writes; what was reached once stays reached.
            if before == NEVER || before < as_of {
                pulse.caught_up_ms.store(as_of, Ordering::Relaxed);
            }
        }
    }

    /// The feed `name` stands at `position`, as it did before the start.
    pub fn positioned(&self, name: &str, position: Option<impl ToString>) {
        let Some(pulse) = self.pulse(name) else { return };
        let was_connected = pulse.connected.load(Ordering::Relaxed);
        self.applied(name, position);
        pulse.connected.store(was_connected, Ordering::Relaxed);
    }

    /// The feed `name` is heard of when it has something to say: until then what it said before is counted from `now`.
    pub fn awaits(&self, name: &str, now: Instant) {
        if let Some(pulse) = self.pulse(name) {
            pulse.caught_up_ms.store(self.millis(now), Ordering::Relaxed);
        }
    }

    /// The feed `name` begins from another place than it had reached: nothing is known of its age until it has caught up.
    pub fn begins_anew(&self, name: &str) {
        if let Some(pulse) = self.pulse(name) {
            pulse.caught_up_ms.store(NEVER, Ordering::Relaxed);
        }
    }

    /// The feed `name` has applied a change that its source made at `at_ms`, when it was `now_ms`, both in milliseconds
    /// since 1970.
    pub fn told(&self, name: &str, at_ms: Option<i64>, now_ms: i64) {
        if let (Some(pulse), Some(at_ms)) = (self.pulse(name), at_ms) {
            // A source's clock may be ahead of ours.
            let lag = u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0);
            pulse.lag_ms.store(lag, Ordering::Relaxed);
        }
    }

    /// Says which feeds have a gap and which are held.
    pub fn set_troubles<'a>(
        &self,
        gaps: impl Iterator<Item = &'a str> + Clone,
        held: impl Iterator<Item = &'a str> + Clone,
        failed: bool,
    ) {
        for pulse in &self.pulses {
            let is_this = |name: &str| name == pulse.name;
            pulse.gap.store(gaps.clone().any(is_this), Ordering::Relaxed);
            pulse.held.store(held.clone().any(is_this), Ordering::Relaxed);
        }
        self.failed.store(failed, Ordering::Relaxed);
    }

    /// The feed `name` does this now.
    pub fn set_course(&self, name: &str, state: &'static str, message: impl Into<String>) {
        if let Some(pulse) = self.pulse(name) {
            let message = message.into();
            pulse.course.store(Some(Arc::new(Course { state, message })));
        }
    }

    /// What the feeds do that say so, by name.
    pub fn courses(&self) -> impl Iterator<Item = (&str, Arc<Course>)> {
        let pulses = self.pulses.iter();
        pulses.filter_map(|pulse| Some((pulse.name.as_str(), pulse.course.load_full()?)))
    }

    /// Which feeds have a gap and which are held.
    pub fn troubles(&self) -> Troubles<'_> {
        let with = |told: fn(&Pulse) -> &AtomicBool| {
            let pulses = self.pulses.iter();
            let pulses = pulses.filter(|pulse| told(pulse).load(Ordering::Relaxed));
            pulses.map(|pulse| pulse.name.as_str()).collect()
        };
        Troubles {
            held: with(|pulse| &pulse.held),
            gaps: with(|pulse| &pulse.gap),
        }
    }

    /// The feed `name` has lost its source.
    pub fn lost(&self, name: &str) {
        if let Some(pulse) = self.pulse(name) {
            pulse.connected.store(false, Ordering::Relaxed);
        }
    }

    fn pulse(&self, name: &str) -> Option<&Pulse> {
        self.pulses.iter().find(|pulse| pulse.name == name)
    }

    /// Freshness at `now`.
    pub fn now(&self, now: Instant) -> Reading {
        let now = self.millis(now);
        let age_of = |pulse: &Pulse| match pulse.caught_up_ms.load(Ordering::Relaxed) {
            NEVER => None,
            heard => Some(now.saturating_sub(heard)),
        };
        let ages = self.pulses.iter().map(age_of);
        let age_ms = ages.clone().try_fold(0, |oldest, age| Some(oldest.max(age?)));
        let age_ms = age_ms.filter(|_| !self.pulses.is_empty());
        let caught_up = ages.clone().all(|age| age.is_some());
        let longest = ages.flatten().max();
        let any = |told: fn(&Pulse) -> &AtomicBool| {
            self.pulses
                .iter()
                .any(|pulse| told(pulse).load(Ordering::Relaxed))
        };
        let (gap, held) = (any(|pulse| &pulse.gap), any(|pulse| &pulse.held));
        let failed = self.failed.load(Ordering::Relaxed);
        let lags = self
            .pulses
            .iter()
            .map(|pulse| pulse.lag_ms.load(Ordering::Relaxed));
        Reading {
            lag_ms: lags.filter(|lag| *lag != NEVER).max(),
            gap,
            held,
            failed,
            // Without a feed there is none, and even looking takes locked instructions.
            position: if self.pulses.is_empty() {
                Position::none()
            } else {
                Position(self.position.load())
            },
            age_ms,
            connected: !self.pulses.is_empty()
                && self
                    .pulses
                    .iter()
                    .all(|pulse| pulse.connected.load(Ordering::Relaxed)),
            caught_up,
            stale: !caught_up
                || gap
                || held
                || failed
                || matches!((longest, self.stale_after_ms.load(Ordering::Relaxed)), (Some(age), bound @ 1..) if age > bound),
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
                position: Position::none(),
                age_ms: None,
                connected: false,
                caught_up: true,
                lag_ms: None,
                gap: false,
                held: false,
                failed: false,
                stale: false
            }
        );
    }

    #[test]
    fn troubles_are_told_by_name() {
        let freshness = Freshness::new(["a", "b", "c"], 10, Instant::now());
        assert_eq!(freshness.troubles(), Troubles::default());
        freshness.set_troubles(["b", "c"].into_iter(), ["c"].into_iter(), false);
        let expected = Troubles {
            held: vec!["c"],
            gaps: vec!["b", "c"],
        };
        assert_eq!(freshness.troubles(), expected);
        freshness.set_troubles([].into_iter(), ["a"].into_iter(), false);
        assert_eq!(
            (freshness.troubles().held, freshness.troubles().gaps),
            (vec!["a"], vec![])
        );
    }

    #[test]
    fn the_feed_that_is_behind_longest_decides() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let freshness = Freshness::new(["a", "b"], 10, start);
        freshness.caught_up("a", Some(7), at(1));
        freshness.applied("b", None::<u64>);
        let reading = freshness.now(at(2));
        assert_eq!(reading.age_ms, None, "b still has something to apply");
        assert!(reading.connected && !reading.caught_up && reading.stale);
        freshness.caught_up("b", None::<u64>, at(4));
        let reading = freshness.now(at(5));
        assert_eq!(
            (reading.age_ms, reading.caught_up, reading.stale),
            (Some(4000), true, false)
        );
        assert_eq!(reading.position.as_deref(), Some("a=7,b="));
        assert!(freshness.now(at(12)).stale);
        freshness.set_stale_after(20);
        assert!(!freshness.now(at(12)).stale);
        freshness.set_stale_after(0);
        assert!(!freshness.now(at(900)).stale);
        freshness.lost("a");
        assert!(!freshness.now(at(5)).connected);
    }
}
