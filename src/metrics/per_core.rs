//! Cells that each thread counts in apart, so that two cores never write to the same cache line.

use std::array;
use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// Fewer lanes are not worth the thought, even where there is one core.
const LEAST_LANES: usize = 8;
/// More would only make a scrape slower; a thread beyond them shares one lane with others of its kind.
const MOST_LANES: usize = 128;
/// What the lane of a thread is that has counted nothing yet.
const NO_LANE: usize = usize::MAX;

/// Lanes given out so far, to all threads that have ever counted.
static LANES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's lane, the same in every [`PerCore`]; nobody else ever gets it.
    static LANE: Cell<usize> = const { Cell::new(NO_LANE) };
}

/// `N` counts, once for each of the first threads that count, and once for all others together. Threads that count at a
/// rate that matters are one a core, and the first to count.
///
/// A lane has one writer, which adds without an atomic operation, by a load and a store; who reads meanwhile sees what was
/// there ahead of it or behind it.
#[derive(Debug)]
pub(super) struct PerCore<const N: usize> {
    own: Box<[Lane<N>]>,
    shared: Lane<N>,
}

/// Cache lines of one thread: 128 bytes, for processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Lane<const N: usize>([AtomicU64; N]);

impl<const N: usize> PerCore<N> {
    pub(super) fn new() -> PerCore<N> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        PerCore::with_lanes(cores.clamp(LEAST_LANES, MOST_LANES))
    }

    fn with_lanes(lanes: usize) -> PerCore<N> {
        PerCore {
            own: (0..lanes).map(|_| Lane::new()).collect(),
            shared: Lane::new(),
        }
    }

    /// Adds `by` to the count `nth`, which is below `N`, for every `(nth, by)`.
    #[inline]
    pub(super) fn add<const COUNTS: usize>(&self, counts: [(usize, u64); COUNTS]) {
        match self.own.get(LANE.get()) {
            Some(Lane(cells)) => {
                for (nth, by) in counts {
                    let cell = &cells[nth];
                    let sum = cell.load(Ordering::Relaxed).wrapping_add(by);
                    cell.store(sum, Ordering::Relaxed);
                }
            }
            None => self.add_without_lane(counts),
        }
    }

    #[cold]
    fn add_without_lane<const COUNTS: usize>(&self, counts: [(usize, u64); COUNTS]) {
        if LANE.get() == NO_LANE {
            LANE.set(LANES.fetch_add(1, Ordering::Relaxed));
            return self.add(counts);
        }
        for (nth, by) in counts {
            self.shared.0[nth].fetch_add(by, Ordering::Relaxed);
        }
    }

    /// What all threads have counted.
    pub(super) fn sums(&self) -> [u64; N] {
        array::from_fn(|nth| self.sum(nth))
    }

    /// What all threads have counted of `nth`, which is below `N`.
    pub(super) fn sum(&self, nth: usize) -> u64 {
        let lanes = self.own.iter().chain([&self.shared]);
        lanes
            .map(|lane| lane.0[nth].load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

impl<const N: usize> Lane<N> {
    fn new() -> Lane<N> {
        Lane(array::from_fn(|_| AtomicU64::new(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREADS: u64 = 4;
    const ROUNDS: u64 = 20_000;

    /// Counts with several threads at once, and gives the sums.
    fn counted(cells: &PerCore<2>) -> [u64; 2] {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        cells.add([(0, 1), (1, 3)]);
                    }
                });
            }
        });
        cells.sums()
    }

    #[test]
    fn nothing_is_lost_whether_threads_have_lanes_or_share_one() {
        let all = [THREADS * ROUNDS, 3 * THREADS * ROUNDS];
        // Other tests of this process have taken some lanes, so that a thread here may be the ten-thousandth.
        let roomy = PerCore::with_lanes(100_000);
        assert_eq!(counted(&roomy), all);
        assert_eq!(
            roomy.shared.0[0].load(Ordering::Relaxed),
            0,
            "everybody has a lane"
        );
        assert_eq!(
            roomy
                .own
                .iter()
                .filter(|lane| lane.0[0].load(Ordering::Relaxed) > 0)
                .count(),
            4
        );
        let crowded = PerCore::with_lanes(0);
        assert_eq!(counted(&crowded), all);
        assert_eq!(crowded.shared.0[0].load(Ordering::Relaxed), all[0]);
    }

    #[test]
    fn a_thread_keeps_its_lane() {
        let lane = || {
            PerCore::<1>::new().add([(0, 1)]);
            LANE.get()
        };
        assert_eq!(lane(), lane());
        assert_ne!(thread::spawn(lane).join().ok(), Some(lane()));
    }

    #[test]
    fn lanes_are_apart() {
        let cells = PerCore::<1>::with_lanes(2);
        let at = |lane: &Lane<1>| std::ptr::from_ref(lane).addr();
        assert_eq!(at(&cells.own[1]) - at(&cells.own[0]), 128);
        assert_eq!(at(&cells.own[0]) % 128, 0);
    }
}
