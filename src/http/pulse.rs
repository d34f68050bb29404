//! Admission: whether a worker still answers in time.
//!
//! A worker is one thread, so that a request waits for whatever the worker did since the request could be read. That is
//! bounded from above by the time since the worker last had nothing to do, and a request that may have waited longer
//! than `http.overload_after_ms` is answered as overload at once, without a lookup.
//!
//! **The beginning.** `began` is a moment such that every request that is not read yet, at the head of its connection,
//! could not be read before it. A tokio runtime of one thread polls the sockets when its run queue is empty, or after
//! 61 tasks; when the queue is empty it calls [`Pulse::park`] before and [`Pulse::wake`] after. Where it slept between
//! the two, whatever woke it has come just now. Where it did not sleep, what it found has come since the sockets were
//! polled before, at the last `wake` at the earliest.
//!
//! **The probe.** While the queue never empties, neither is called. So the first request, or slice of a batch, that is
//! read more than half of `overload_after_ms` after the beginning spawns a probe, which goes to the back of the run
//! queue, notes the time, and yields. A yielded task is put aside until the sockets have been polled, and then behind
//! everything that this poll has woken. When the probe goes on, all that could be read when it noted the time has been
//! answered or refused: what is left came later, and that time is the new beginning. Where that round itself took long,
//! the beginning is put to half of `overload_after_ms` ago instead, so that some requests are taken whatever the load.
//! An accepted request at the head of its connection has therefore waited for `overload_after_ms`, or for half of it
//! and one round of answers, refusals and slices. Not counted is the time that a connection waits to be accepted, nor
//! the time that a request waits for others that the same connection sent before it.
//!
//! **Batches.** A batch is accepted once and goes on for many rounds, in slices of up to a millisecond, so that those in
//! progress are bounded: one round of their slices takes no more than half of `overload_after_ms`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A pause between [`Pulse::park`] and [`Pulse::wake`] from which on the worker has slept, rather than polled.
const SLEPT: u64 = 100_000;
/// The longest slice of a batch.
const SLICE: Duration = Duration::from_millis(1);

/// When a worker's present work began. One thread writes; times are nanoseconds since the start.
#[derive(Debug)]
pub(super) struct Pulse {
    start: Instant,
    began: AtomicU64,
    parked: AtomicU64,
    woken: AtomicU64,
    is_probing: AtomicBool,
    after: u64,
    batches: AtomicUsize,
    batches_max: usize,
}

/// A batch in progress, until dropped.
#[derive(Debug)]
pub(super) struct Round(Arc<Pulse>);

impl Pulse {
    /// A worker that answers as overload what may have waited longer than `after`.
    pub(super) fn new(after: Duration) -> Arc<Pulse> {
        Arc::new(Pulse {
            start: Instant::now(),
            began: AtomicU64::new(0),
            parked: AtomicU64::new(0),
            woken: AtomicU64::new(0),
            is_probing: AtomicBool::new(false),
            after: nanos(after),
            batches: AtomicUsize::new(0),
            batches_max: usize::try_from((after / 2).as_nanos() / SLICE.as_nanos())
                .unwrap_or(usize::MAX)
                .max(1),
        })
    }

    /// The worker has nothing to do.
    pub(super) fn park(&self) {
        self.parked.store(self.now(), Ordering::Relaxed);
    }

    /// The worker has something to do again.
    pub(super) fn wake(&self) {
        self.wake_at(self.now());
    }

    /// Whether a request that is read now may have waited too long: longer than `budget`, where that is less than
    /// everybody's. Sees to it in time that this ends.
    pub(super) fn is_late(self: &Arc<Pulse>, budget: Option<Duration>) -> bool {
        let after = budget.map_or(self.after, |budget| nanos(budget).min(self.after));
        let now = self.now();
        if !self.is_later_than(after / 2, now) {
            return false;
        }
        if !self.is_probing.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).probe());
        }
        self.is_later_than(after, now)
    }

    /// Begins a batch of many slices; `None` where as many as can be are in progress.
    pub(super) fn begin_batch(self: &Arc<Pulse>) -> Option<Round> {
        let more = |batches| (batches < self.batches_max).then_some(batches + 1);
        self.batches
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Round(Arc::clone(self)))
    }

    async fn probe(self: Arc<Pulse>) {
        let noted = self.now();
        tokio::task::yield_now().await;
        self.begin_anew(noted, self.now());
        self.is_probing.store(false, Ordering::Relaxed);
    }

    fn wake_at(&self, now: u64) {
        let has_slept = now.saturating_sub(self.parked.load(Ordering::Relaxed)) >= SLEPT;
        let before = self.woken.swap(now, Ordering::Relaxed);
        if has_slept {
            self.began.store(now, Ordering::Relaxed);
        } else {
            self.began.fetch_max(before, Ordering::Relaxed);
        }
    }

    fn begin_anew(&self, noted: u64, now: u64) {
        let began = noted.max(now.saturating_sub(self.after / 2));
        self.began.fetch_max(began, Ordering::Relaxed);
    }

    fn is_later_than(&self, nanos: u64, now: u64) -> bool {
        now.saturating_sub(self.began.load(Ordering::Relaxed)) > nanos
    }

    fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn late(pulse: &Pulse, now: u64) -> bool {
        pulse.is_later_than(pulse.after, now)
    }

    fn pulse() -> Arc<Pulse> {
        Pulse::new(Duration::from_millis(20))
    }

    #[test]
    fn whoever_sleeps_is_never_late() {
        let pulse = pulse();
        for round in 1..100 {
            pulse.parked.store(round * 1000 * MS, Ordering::Relaxed);
            pulse.wake_at(round * 1000 * MS + 500 * MS);
            assert!(!late(&pulse, round * 1000 * MS + 520 * MS));
            assert!(late(&pulse, round * 1000 * MS + 521 * MS));
        }
    }

    #[test]
    fn what_came_during_the_work_before_has_waited_that_long() {
        let pulse = pulse();
        pulse.wake_at(1000 * MS);
        // The next poll finds something at once after 15 ms of work: it may have come 15 ms ago.
        pulse.parked.store(1015 * MS, Ordering::Relaxed);
        pulse.wake_at(1015 * MS);
        assert!(!late(&pulse, 1020 * MS));
        assert!(late(&pulse, 1021 * MS));
        // And again: nothing that is found now was there at the poll before.
        pulse.parked.store(1021 * MS, Ordering::Relaxed);
        pulse.wake_at(1021 * MS);
        assert!(!late(&pulse, 1035 * MS));
    }

    #[test]
    fn a_new_beginning_takes_some_whatever_the_load() {
        let pulse = pulse();
        pulse.wake_at(MS);
        assert!(late(&pulse, 100 * MS));
        pulse.begin_anew(99 * MS, 100 * MS);
        assert!(!late(&pulse, 119 * MS));
        assert!(late(&pulse, 120 * MS));
        // A round of 200 ms leaves ten.
        pulse.begin_anew(200 * MS, 400 * MS);
        assert!(!late(&pulse, 410 * MS));
        assert!(late(&pulse, 411 * MS));
    }

    #[test]
    fn batches_in_progress_are_bounded() {
        let pulse = pulse();
        let mut rounds: Vec<_> = std::iter::from_fn(|| pulse.begin_batch()).collect();
        assert_eq!(rounds.len(), 10, "of a millisecond each, in half of 20");
        rounds.pop();
        assert!(pulse.begin_batch().is_some());
        let impatient = Pulse::new(Duration::from_millis(1));
        assert!(impatient.begin_batch().is_some(), "one is always taken");
    }

    #[test]
    fn who_has_less_time_is_late_earlier_and_nobody_later() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pulse = Pulse::new(Duration::from_secs(600));
            while !pulse.is_late(Some(Duration::ZERO)) {}
            assert!(!pulse.is_late(None));
            let strict = Pulse::new(Duration::ZERO);
            while !strict.is_late(Some(Duration::from_secs(600))) {}
        });
    }

    /// The claim of the module: when the probe goes on, all that was ready when it noted the time has had its turn.
    #[test]
    fn the_probe_goes_on_after_everything_that_was_ready() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pulse = Pulse::new(Duration::ZERO);
            let turns = Arc::new(AtomicU64::new(0));
            // More than one round between polls of the sockets.
            for _ in 0..500 {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.fetch_add(1, Ordering::Relaxed) });
            }
            while !pulse.is_late(None) {}
            assert!(pulse.is_probing.load(Ordering::Relaxed));
            for _ in 0..500 {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.fetch_add(1, Ordering::Relaxed) });
            }
            while pulse.is_probing.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            assert_eq!(turns.load(Ordering::Relaxed), 1000);
            assert!(pulse.began.load(Ordering::Relaxed) > 0, "it is a new beginning");
        });
    }
}
