//! A contact centre at work: lookups, rings and desktops at the client's place, and what all of them saw.

mod caller;
mod desktop;
mod lookups;
mod rings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use caller::Caller;
pub use desktop::Desktop;
pub use lookups::Lookups;
pub use rings::{Ring, Rings};

use super::net::{Net, Place};
use crate::wait::until;

/// Agents whose desktops are open.
pub const AGENTS: [&str; 3] = ["1001", "1002", "1003"];
/// How long desktops may take, behind everything, to have what was promised.
const PATIENCE: Duration = Duration::from_secs(60);

/// What tells the threads of a load to end, and since when they run.
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    has_ended: AtomicBool,
}

impl Clock {
    /// Time since the load began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether everybody is to stop.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Waits until the `nth` moment of a series that is `every` apart, or less where it is over; a moment that was missed is
    /// made up for at once.
    fn wait(&self, nth: u32, every: Duration) {
        let due = every * nth;
        while let Some(left) = due.checked_sub(self.now()).filter(|left| !left.is_zero()) {
            if self.has_ended() {
                return;
            }
            std::thread::park_timeout(left.min(Duration::from_millis(50)));
        }
    }
}

/// Calls, lookups and desktops, until they are asked what they saw.
#[derive(Debug)]
pub struct Load {
    callers: Arc<Clock>,
    phones: Arc<Clock>,
    desks: Arc<Clock>,
    lookups: Arc<Mutex<Lookups>>,
    rings: Arc<Mutex<Rings>>,
    desktops: BTreeMap<String, Arc<Mutex<Desktop>>>,
    threads: Vec<JoinHandle<()>>,
}

/// What callers, phones and desktops saw.
#[derive(Debug)]
pub struct Seen {
    /// Lookups.
    pub lookups: Lookups,
    /// Rings.
    pub rings: Rings,
    /// Desktops, by agent.
    pub desktops: BTreeMap<String, Desktop>,
}

impl Load {
    /// Begins; where `knows` says so, answers name the customers whom [`super::CUSTOMERS`] counts.
    pub fn begin(net: &Net, knows: bool) -> Load {
        let load = Load::on_their_way(net, Some(knows));
        load.until_listening();
        load.until_answered();
        load
    }

    /// Begins without lookups: somebody else asks for those.
    pub fn of_calls(net: &Net) -> Load {
        let load = Load::on_their_way(net, None);
        load.until_listening();
        load
    }

    fn on_their_way(net: &Net, knows: Option<bool>) -> Load {
        let clock = || {
            Arc::new(Clock {
                began: Instant::now(),
                has_ended: AtomicBool::new(false),
            })
        };
        let mut load = Load {
            callers: clock(),
            phones: clock(),
            desks: clock(),
            lookups: Arc::default(),
            rings: Arc::default(),
            desktops: AGENTS
                .into_iter()
                .map(|agent| (agent.to_owned(), Arc::default()))
                .collect(),
            threads: Vec::new(),
        };
        // Threads begin where the one is that starts them.
        net.of(Place::Client).within(|| load.spawn(knows));
        load
    }

    fn spawn(&mut self, knows: Option<bool>) {
        let lookups = knows
            .into_iter()
            .flat_map(|knows| [(true, knows), (false, knows)]);
        for (is_kept, knows) in lookups {
            let (clock, seen) = (Arc::clone(&self.callers), Arc::clone(&self.lookups));
            let lookups = move || lookups::run(&clock, &seen, is_kept, knows);
            self.threads.push(std::thread::spawn(lookups));
        }
        for (agent, seen) in &self.desktops {
            let (clock, agent, seen) = (Arc::clone(&self.desks), agent.clone(), Arc::clone(seen));
            self.threads
                .push(std::thread::spawn(move || desktop::run(&clock, &agent, &seen)));
        }
        let (clock, seen) = (Arc::clone(&self.phones), Arc::clone(&self.rings));
        self.threads
            .push(std::thread::spawn(move || rings::run(&clock, &seen)));
    }

    /// Waits until every desktop listens, and hears something from now on.
    pub fn until_listening(&self) {
        for (agent, desktop) in &self.desktops {
            let heard = desktop.lock().unwrap().heard();
            until("a desktop listens", PATIENCE, || {
                let desktop = desktop.lock().unwrap();
                let listens = desktop.is_live() && desktop.heard() > heard;
                listens
                    .then_some(())
                    .ok_or_else(|| format!("{agent}: {desktop:?}"))
            });
        }
    }

    /// The highest term that any desktop has seen.
    pub fn term(&self) -> u64 {
        let terms = self.desktops.values().map(|it| it.lock().unwrap().epoch);
        terms.max().unwrap_or(0)
    }

    /// Waits until every desktop has seen a term above `term`.
    pub fn until_term_above(&self, term: u64) {
        for (agent, desktop) in &self.desktops {
            until("a desktop sees a newer term", PATIENCE, || {
                let desktop = desktop.lock().unwrap();
                (desktop.epoch > term)
                    .then_some(())
                    .ok_or_else(|| format!("{agent}: {term}, {desktop:?}"))
            });
        }
    }

    /// Waits until a lookup and a ring that are asked from now on are answered.
    pub fn until_answered(&self) {
        let (lookups, rings) = (
            self.lookups.lock().unwrap().answered,
            self.rings.lock().unwrap().answered(),
        );
        until("lookups and rings are answered", PATIENCE, || {
            let lookups_now = self.lookups.lock().unwrap().answered;
            let rings_now = self.rings.lock().unwrap().answered();
            if lookups_now > lookups + 1 && rings_now > rings + 1 {
                Ok(())
            } else {
                Err(format!("{lookups_now} lookups, {rings_now} rings"))
            }
        });
    }

    /// Waits until a ring that is told from now on is answered with `replicated`.
    pub fn until_replicated(&self, replicated: bool) {
        let from = self.rings.lock().unwrap().all.len();
        until("rings are answered as they are to be", PATIENCE, || {
            let rings = self.rings.lock().unwrap();
            // The first one may have been under way.
            let new = rings.all.get(from + 1..).unwrap_or_default();
            if new.iter().any(|ring| ring.replicated == Some(replicated)) {
                Ok(())
            } else {
                Err(format!("{:?}", new.last()))
            }
        });
    }

    /// Lets it go on for a while.
    pub fn go_on(&self, time: Duration) {
        let began = Instant::now();
        while let Some(left) = time.checked_sub(began.elapsed()) {
            std::thread::park_timeout(left);
        }
    }

    /// What lookups saw until now.
    pub fn lookups(&self) -> Lookups {
        self.lookups.lock().unwrap().clone()
    }

    /// What an agent's desktop was told until now.
    pub fn desktop(&self, agent: &str) -> Desktop {
        self.desktops[agent].lock().unwrap().clone()
    }

    /// What rings were answered until now.
    pub fn rings(&self) -> Rings {
        self.rings.lock().unwrap().clone()
    }

    /// Ends it: phones and callers first; desktops have their time to be told what was promised. Then says what all saw.
    pub fn end(mut self) -> Seen {
        self.callers.has_ended.store(true, Ordering::Relaxed);
        self.phones.has_ended.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let mut seen = self.seen();
        while (!seen.lost().is_empty()
            || self.threads.iter().filter(|it| !it.is_finished()).count() > AGENTS.len())
            && began.elapsed() < PATIENCE
        {
            std::thread::park_timeout(Duration::from_millis(20));
            seen = self.seen();
        }
        self.stop();
        self.seen()
    }

    fn seen(&self) -> Seen {
        let desktops = self.desktops.iter();
        Seen {
            lookups: self.lookups(),
            rings: self.rings(),
            desktops: desktops
                .map(|(agent, it)| (agent.clone(), it.lock().unwrap().clone()))
                .collect(),
        }
    }

    fn stop(&mut self) {
        for clock in [&self.callers, &self.phones, &self.desks] {
            clock.has_ended.store(true, Ordering::Relaxed);
        }
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Seen {
    /// Rings that were answered with `replicated: true`, and whose pop no desktop was told of.
    pub fn lost(&self) -> Vec<Ring> {
        let is_lost = |ring: &&Ring| {
            let pop = ring.pop_id.as_deref().unwrap_or_default();
            ring.replicated == Some(true) && !self.desktops[&ring.agent].pops.contains_key(pop)
        };
        self.rings.all.iter().filter(is_lost).cloned().collect()
    }

    /// Calls whose ring was answered with `replicated: true`, and which a desktop was shown as two pops.
    pub fn twice(&self) -> Vec<(String, BTreeSet<String>)> {
        let mut twice = Vec::new();
        for ring in self.rings.all.iter().filter(|ring| ring.replicated == Some(true)) {
            let pops = self.desktops[&ring.agent].of_call(&ring.call_id);
            if pops.len() > 1 {
                twice.push((ring.call_id.clone(), pops));
            }
        }
        twice
    }

    /// Asserts what always holds: no answer was wrong, no replicated pop was lost or shown twice, every ring was answered at
    /// last, and callers waited for no longer than `gap`.
    #[track_caller]
    pub fn assert_sound(&self, gap: Duration) {
        assert_eq!(self.lookups.wrong, Vec::<String>::new());
        assert_eq!(self.lost(), Vec::new(), "{:?}", self.desktops);
        assert_eq!(self.twice(), Vec::new());
        assert_eq!(self.rings.unanswered(), Vec::new());
        assert!(self.lookups.longest_gap <= gap, "{:?}", self.lookups);
    }
}
