//! Deadlines of connections, without a timer for each: a connection notes what it is at and since when, and one task a
//! worker looks at all of them, a few times a second, and ends those that are overdue.
//!
//! Time is the worker's own: its clock advances by a bounded step a look, so that no caller pays for the time in which
//! the worker, or the machine, did something else. A connection lives for its time, and up to two looks longer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::meters::{Cut, Meters};
use super::settings::Timeouts;
use crate::ha::Standing;

/// The longest time between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// The shortest.
const LOOK_LEAST: Duration = Duration::from_millis(5);
/// How long what a caller still sends is read and thrown away once it has its last answer: were the connection closed
/// on it, the answer could be lost.
const LINGER: Duration = Duration::from_secs(2);
/// Not blocked.
const NEVER: u64 = 0;

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Both sides agree on how to encrypt.
    Handshake,
    /// Between requests.
    Idle,
    /// A request's head has begun.
    Head,
    /// A request is being answered; its body has a time of its own.
    Busy,
    /// What the caller still sends is thrown away.
    Lingering,
    /// It is told what happens, for as long as it likes; it has to take what it is told.
    Streaming,
}

/// The connections of one worker, and their clock.
#[derive(Debug)]
pub(super) struct Watches {
    timeouts: Timeouts,
    meters: Arc<Meters>,
    standing: Arc<Standing>,
    clock: Arc<Clock>,
    step: Duration,
    open: Mutex<Open>,
}

/// What one connection is at.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Arc<Clock>,
    /// Three bits of phase, and since when above them.
    phase: AtomicU64,
    /// Since when nothing could be written; [`NEVER`] where something can.
    blocked: AtomicU64,
    leaves_unread: AtomicBool,
    is_stopping: AtomicBool,
    standing: Arc<Standing>,
}

/// Takes a connection off the list when dropped.
#[derive(Debug)]
pub(super) struct Listed {
    watches: Arc<Watches>,
    id: u64,
}

/// Milliseconds of the worker, beginning with 1.
#[derive(Debug)]
struct Clock(AtomicU64);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, (Arc<Watch>, AbortHandle)>,
}

impl Watches {
    pub(super) fn new(timeouts: Timeouts, meters: &Arc<Meters>, standing: &Arc<Standing>) -> Arc<Watches> {
        let shortest = timeouts.head.min(timeouts.idle).min(timeouts.write);
        Arc::new(Watches {
            timeouts,
            meters: Arc::clone(meters),
            standing: Arc::clone(standing),
            clock: Arc::new(Clock(AtomicU64::new(1))),
            step: (shortest / 4).clamp(LOOK_LEAST, LOOK),
            open: Mutex::default(),
        })
    }

    /// Begins to watch a connection.
    pub(super) fn watch(&self) -> Arc<Watch> {
        let watch = Watch {
            clock: Arc::clone(&self.clock),
            phase: AtomicU64::new(0),
            blocked: AtomicU64::new(NEVER),
            leaves_unread: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            standing: Arc::clone(&self.standing),
        };
        watch.enter(Phase::Idle);
        Arc::new(watch)
    }

    /// The place of a connection that is about to be spawned.
    pub(super) fn reserve(self: &Arc<Watches>) -> Listed {
        let mut open = self.open();
        open.next += 1;
        Listed {
            watches: Arc::clone(self),
            id: open.next,
        }
    }

    /// Puts the connection with the number `id` on the list: `task` is ended when it is overdue.
    pub(super) fn list(&self, id: u64, watch: Arc<Watch>, task: AbortHandle) {
        self.open().connections.insert(id, (watch, task));
    }

    /// Looks again and again.
    pub(super) async fn look(self: Arc<Watches>) {
        let mut looks = tokio::time::interval(self.step);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Instant::now();
        loop {
            looks.tick().await;
            let now = Instant::now();
            self.clock.advance((now - before).min(self.step * 2));
            before = now;
            self.cut_overdue();
        }
    }

    fn cut_overdue(&self) {
        let now = self.clock.now();
        for (watch, task) in self.open().connections.values() {
            if let Some(cut) = self.overdue(watch, now) {
                // It takes itself off the list when it ends.
                if !task.is_finished() {
                    task.abort();
                    self.meters.cut(cut);
                }
            }
        }
    }

    fn overdue(&self, watch: &Watch, now: u64) -> Option<Cut> {
        let is_over = |since: u64, timeout: Duration| now.saturating_sub(since) > millis(timeout);
        let blocked = watch.blocked.load(Ordering::Relaxed);
        if blocked != NEVER {
            return is_over(blocked, self.timeouts.write).then_some(Cut::Write);
        }
        let (phase, since) = unpacked(watch.phase.load(Ordering::Relaxed));
        let (timeout, cut) = match phase {
            Phase::Handshake => (self.timeouts.head, Cut::Handshake),
            Phase::Idle => (self.timeouts.idle, Cut::Idle),
            Phase::Head => (self.timeouts.head, Cut::Head),
            Phase::Busy | Phase::Streaming => return None,
            Phase::Lingering => (LINGER, Cut::Linger),
        };
        is_over(since, timeout).then_some(cut)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The connection begins to be at `phase`.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase
            .store(packed(phase, self.clock.now()), Ordering::Relaxed);
    }

    /// The worker's own time, in milliseconds: what depends on it need be done again only when it has changed.
    pub(super) fn clock_ms(&self) -> u64 {
        self.clock.now()
    }

    /// What the connection is at.
    pub(super) fn phase(&self) -> Phase {
        unpacked(self.phase.load(Ordering::Relaxed)).0
    }

    /// Nothing can be written at present.
    pub(super) fn block(&self) {
        // A handshake has one time for all of it, whoever holds it up.
        if !self.is_blocked() && self.phase() != Phase::Handshake {
            self.blocked.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    /// Something was written.
    pub(super) fn unblock(&self) {
        if self.is_blocked() {
            self.blocked.store(NEVER, Ordering::Relaxed);
            // The time of being idle begins when the answer has gone; nothing else begins anew.
            if self.phase() == Phase::Idle {
                self.enter(Phase::Idle);
            }
        }
    }

    fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) != NEVER
    }

    /// The connection is to end, and so is what has no end of its own.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is to end. The connection's own task says so, and looks again at what it serves then.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Whether whoever is answered is asked to connect anew: the address goes to another node.
    pub(super) fn is_draining(&self) -> bool {
        self.standing.is_draining()
    }

    /// Says whether the last request was answered without reading all of it.
    pub(super) fn set_unread(&self, unread: bool) {
        self.leaves_unread.store(unread, Ordering::Relaxed);
    }

    /// Whether the caller may still be sending what nobody will read.
    pub(super) fn leaves_unread(&self) -> bool {
        self.phase() == Phase::Head || self.leaves_unread.load(Ordering::Relaxed)
    }
}

impl Listed {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let ended = self.watches.open().connections.remove(&self.id);
        // Outside of the lock.
        drop(ended);
    }
}

impl Clock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn packed(phase: Phase, since: u64) -> u64 {
    since << 3 | phase as u64
}

fn unpacked(packed: u64) -> (Phase, u64) {
    let phase = match packed & 7 {
        0 => Phase::Handshake,
        1 => Phase::Idle,
        2 => Phase::Head,
        3 => Phase::Busy,
        4 => Phase::Lingering,
        _ => Phase::Streaming,
    };
    (phase, packed >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn watches() -> Arc<Watches> {
        let timeouts = Timeouts {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(20),
        };
        let meters = Meters::register(&Metrics::new().unwrap()).unwrap();
        Watches::new(timeouts, &Arc::new(meters), &Arc::default())
    }

    #[test]
    fn a_phase_and_its_beginning_share_a_word() {
        for phase in [
            Phase::Handshake,
            Phase::Idle,
            Phase::Head,
            Phase::Busy,
            Phase::Lingering,
            Phase::Streaming,
        ] {
            assert_eq!(unpacked(packed(phase, 1 << 50)), (phase, 1 << 50));
        }
    }

    #[test]
    fn each_phase_has_its_time() {
        let watches = watches();
        let watch = watches.watch();
        for (phase, seconds, cut) in [
            (Phase::Handshake, 10, Cut::Handshake),
            (Phase::Idle, 75, Cut::Idle),
            (Phase::Head, 10, Cut::Head),
            (Phase::Lingering, 2, Cut::Linger),
        ] {
            watch.enter(phase);
            let begin = watches.clock.now();
            assert_eq!(watches.overdue(&watch, begin + seconds * 1000), None);
            assert_eq!(watches.overdue(&watch, begin + seconds * 1000 + 1), Some(cut));
        }
        for phase in [Phase::Busy, Phase::Streaming] {
            watch.enter(phase);
            assert_eq!(watches.overdue(&watch, u64::MAX), None);
        }
    }

    #[test]
    fn a_handshake_has_one_time_whatever_is_read_or_written_of_it() {
        let watches = watches();
        let watch = watches.watch();
        watch.enter(Phase::Handshake);
        let begin = watches.clock.now();
        watches.clock.advance(Duration::from_secs(9));
        watch.block();
        watch.unblock();
        assert_eq!(watches.overdue(&watch, begin + 10_000), None);
        assert_eq!(watches.overdue(&watch, begin + 10_001), Some(Cut::Handshake));
    }

    #[test]
    fn whoever_reads_nothing_is_overdue_whatever_it_is_at() {
        let watches = watches();
        let watch = watches.watch();
        watch.enter(Phase::Streaming);
        watch.block();
        assert_eq!(watches.overdue(&watch, 20_002), Some(Cut::Write));
        watch.unblock();
        watch.enter(Phase::Idle);
        watch.block();
        watches.clock.advance(Duration::from_secs(19));
        watch.block();
        assert_eq!(watches.overdue(&watch, 20_002), Some(Cut::Write));
        watch.unblock();
        assert_eq!(watches.overdue(&watch, 20_002), None);
        assert_eq!(
            watches.overdue(&watch, 19_001 + 75_000),
            None,
            "idle since it was written"
        );
    }
}
