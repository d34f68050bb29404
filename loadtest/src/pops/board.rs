//! What was due when, and what has come of it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Everything that one half of a pair waits for.
#[derive(Debug, Default)]
pub(super) struct Board {
    due: RefCell<Vec<Due>>,
    /// The number of the first of them.
    first: Cell<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    /// How late it was sent.
    late: Option<Duration>,
    /// How long after it was due it came.
    took: Option<Duration>,
    times: u32,
}

/// What came of one half of a pair, in nanoseconds and sorted.
#[derive(Debug)]
pub(super) struct Half {
    latencies: Vec<f64>,
    lateness: Vec<f64>,
    pub(super) lost: usize,
    pub(super) twice: usize,
}

impl Board {
    /// Waits for nothing, and counts from `first` on.
    pub(super) fn begin(&self, first: usize) {
        self.due.take();
        self.first.set(first);
    }

    /// One more that is due `at`; gives its number.
    pub(super) fn add(&self, at: Instant) -> usize {
        let mut all = self.due.borrow_mut();
        all.push(Due {
            at,
            late: None,
            took: None,
            times: 0,
        });
        self.first.get() + all.len() - 1
    }

    /// The `nth` is sent now.
    pub(super) fn sent(&self, nth: usize) {
        self.edit(nth, |due| due.late = Some(due.at.elapsed()));
    }

    /// The `nth` has come.
    pub(super) fn came(&self, nth: usize, now: Instant) {
        self.edit(nth, |due| {
            due.took.get_or_insert(now - due.at);
            due.times += 1;
        });
    }

    /// Whether all have come.
    pub(super) fn is_done(&self) -> bool {
        self.due.borrow().iter().all(|due| due.took.is_some())
    }

    fn edit(&self, nth: usize, edit: impl FnOnce(&mut Due)) {
        let place = nth.checked_sub(self.first.get());
        let mut all = self.due.borrow_mut();
        if let Some(due) = place.and_then(|place| all.get_mut(place)) {
            edit(due);
        }
    }

    /// What came of all; the board is empty then.
    pub(super) fn take(&self) -> Half {
        let all = self.due.take();
        let sorted = |of: &dyn Fn(&Due) -> Option<Duration>| {
            let mut nanos: Vec<f64> = all
                .iter()
                .filter_map(of)
                .map(|took| took.as_nanos() as f64)
                .collect();
            nanos.sort_unstable_by(f64::total_cmp);
            nanos
        };
        Half {
            latencies: sorted(&|due| due.took),
            lateness: sorted(&|due| due.late),
            lost: all.iter().filter(|due| due.took.is_none()).count(),
            twice: all.iter().filter(|due| due.times > 1).count(),
        }
    }
}

impl Half {
    pub(super) fn latency(&self, quantile: f64) -> f64 {
        at(&self.latencies, quantile)
    }

    pub(super) fn lateness(&self, quantile: f64) -> f64 {
        at(&self.lateness, quantile)
    }

    /// How many came.
    pub(super) fn count(&self) -> usize {
        self.latencies.len()
    }
}

fn at(sorted: &[f64], quantile: f64) -> f64 {
    let place = (sorted.len() as f64 * quantile) as usize;
    sorted
        .get(place.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_what_comes_twice_is_seen() {
        let (board, begin) = (Board::default(), Instant::now());
        let [first, second, third] = [0, 1, 2].map(|_| board.add(begin));
        let after = |millis| begin + Duration::from_millis(millis);
        board.came(first, after(3));
        board.came(first, after(9));
        assert!(!board.is_done());
        board.came(third, after(1));
        board.came(99, after(1));
        let half = board.take();
        assert_eq!((half.lost, half.twice, half.count()), (1, 1, 2));
        assert!((half.latency(0.0) - 1e6).abs() < 1.0 && (half.latency(0.99) - 3e6).abs() < 1.0);
        board.begin(3);
        assert_eq!(board.add(begin), 3);
        board.came(second, after(1));
        assert!(!board.is_done(), "what comes after its half counts for none");
        board.came(3, after(1));
        assert!(board.is_done());
    }
}
