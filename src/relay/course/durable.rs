//! Which places of the source are surely written by the broker, and when.

use std::collections::VecDeque;

/// Time between two places that are kept, in milliseconds: whoever keeps what is behind them needs no more.
const EVERY_MS: u64 = 1000;

/// Places up to which everything was acknowledged, with when.
#[derive(Debug, Default)]
pub(super) struct Durable(VecDeque<(u64, String)>);

impl Durable {
    /// Everything up to `place` is acknowledged at `now_ms`.
    pub(super) fn reach(&mut self, now_ms: u64, place: String) {
        if self
            .0
            .back()
            .is_none_or(|(at, _)| now_ms >= at.saturating_add(EVERY_MS))
        {
            self.0.push_back((now_ms, place));
        }
    }

    /// The newest place that was reached at `before_ms` or earlier; only once.
    pub(super) fn due(&mut self, before_ms: u64) -> Option<String> {
        let mut due = None;
        while self.0.front().is_some_and(|(at, _)| *at <= before_ms) {
            due = self.0.pop_front();
        }
        due.map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_due_when_it_is_old_enough_and_once() {
        let mut durable = Durable::default();
        for (at, place) in [(0, "a"), (500, "b"), (1000, "c"), (2000, "d")] {
            durable.reach(at, place.to_owned());
        }
        assert_eq!(durable.due(999), Some("a".to_owned()));
        assert_eq!(durable.due(999), None);
        assert_eq!(durable.due(2500), Some("d".to_owned()));
    }
}
