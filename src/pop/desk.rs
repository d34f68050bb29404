//! Everything that desktops are told, by agent, and the streams on which they are told it.
//!
//! Publishing never waits: it puts a message into the agent's row and wakes whoever listens, on whatever thread. A
//! stream reads the row at its own pace; one that falls behind is ended, and begins again where it was. Invariants: a
//! stream is told no id twice and misses none between where it begins and where it ends; no lock is held while a waker
//! is called or anything waits; what is kept for each agent is bounded in number and age.
//!
//! Messages of one agent are published in the order of their ids, and each id once: whoever appends entries publishes
//! what they give before the next is appended.

mod agent;
mod settings;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use dashmap::DashMap;
use thiserror::Error;

use super::Message;
use agent::{AgentDesk, Following, Wakers};
pub use settings::DeskSettings;
#[cfg(test)]
pub(super) use tests::settings;

/// Seconds between two looks for agents of whom nothing is to be kept.
const SWEEP_S: u64 = 30;

/// The desktops of all agents.
#[derive(Debug)]
pub struct Desks {
    settings: DeskSettings,
    /// Locked before an agent's own lock, never after it.
    agents: DashMap<Arc<str>, Arc<Mutex<AgentDesk>>>,
    /// Of agents that are not in the map, nothing at or below this id is known.
    floor: AtomicU64,
    /// The greatest id that was published to anybody: a greater one is from another time.
    newest: AtomicU64,
    /// Whether desktops were told last what they were told here.
    leads: AtomicBool,
    /// Ids up to this one stand for the same messages wherever they were told.
    agreed: AtomicU64,
    begun: Instant,
    /// Seconds after `begun` of the last sweep.
    swept_s: AtomicU64,
}

/// One stream of an agent's desktop. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    desk: Arc<Mutex<AgentDesk>>,
    key: u64,
    /// The last id that was given.
    at: u64,
    queue_max: usize,
    beginning: Option<Beginning>,
}

/// Where a stream begins.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// Behind the id that was asked for: with these messages, and then what comes.
    Replay(Vec<Arc<Message>>),
    /// What was asked for is not known (any more), or nothing was: the desktop is told the agent's present pops first,
    /// see [`Subscription::pass`].
    Reset,
}

/// Why a stream does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DeskError {
    /// The agent has as many streams as one may have.
    #[error(
        "expected at most {most} streams of one agent at once (desks.streams_per_agent_max); close a tab"
    )]
    TooMany {
        /// `desks.streams_per_agent_max`.
        most: usize,
    },
}

impl Desks {
    /// Desktops that have been told nothing yet.
    pub fn new(settings: &DeskSettings) -> Desks {
        Desks {
            settings: *settings,
            agents: DashMap::new(),
            floor: AtomicU64::new(0),
            newest: AtomicU64::new(0),
            leads: AtomicBool::new(true),
            agreed: AtomicU64::new(u64::MAX),
            begun: Instant::now(),
            swept_s: AtomicU64::new(0),
        }
    }

    /// What a configuration says.
    pub fn settings(&self) -> &DeskSettings {
        &self.settings
    }

    /// Says that messages up to `id` were published before anything here, and are not published again: whoever comes
    /// back with such an id is told the present pops. Call it ahead of everything else.
    pub fn begin_behind(&self, id: u64) {
        self.floor.fetch_max(id, Ordering::Relaxed);
        self.newest.fetch_max(id, Ordering::Relaxed);
    }

    /// Says that the state was put in order anew, and that its messages have ids above `id`, which is above every id that
    /// was given before. Whoever comes back with an earlier id is told the present pops; streams of `agents`, who show
    /// something else, end for that. Never waits.
    pub fn reset(&self, id: u64, agents: &[String]) {
        // Ahead of the agents, so that whoever is entered meanwhile knows it.
        self.skip(id);
        for agent in agents {
            let desk = self.agents.get(agent.as_str()).map(|desk| Arc::clone(&desk));
            if let Some(desk) = desk {
                let wakers = locked(&desk).reset(id);
                wake(wakers);
            }
        }
    }

    /// The same for every agent.
    pub fn reset_all(&self, id: u64) {
        let agents: Vec<String> = self.agents.iter().map(|desk| desk.key().to_string()).collect();
        self.reset(id, &agents);
    }

    /// Says that ids up to `id` may stand for other messages on another node: streams go on, and whoever comes back with
    /// such an id is told the present pops. Never waits.
    pub fn skip(&self, id: u64) {
        self.begin_behind(id);
        let all: Vec<_> = self.agents.iter().map(|desk| Arc::clone(&desk)).collect();
        for desk in all {
            locked(&desk).skip(id);
        }
    }

    /// Says whether desktops are told here what they are told, or by another node: that may be ahead with the same ids, so
    /// whoever comes back from it is told the present pops.
    pub fn lead(&self, leads: bool) {
        self.leads.store(leads, Ordering::Release);
    }

    /// Says that ids up to `to` stand for the same messages on every node: whoever comes with a later one, which another node
    /// may have given for something else, is told the present pops.
    pub fn agree(&self, to: u64) {
        self.agreed.store(to, Ordering::Release);
    }

    /// Tells every desktop of the message's agent. Never waits. A message whose id is not above the agent's last one is
    /// known, and is dropped.
    pub fn publish(&self, message: Arc<Message>) {
        self.publish_at(message, self.now_s());
    }

    /// Begins a stream of `agent`, behind the message `after`.
    ///
    /// # Errors
    /// The agent has too many.
    pub fn subscribe(&self, agent: &str, after: Option<u64>) -> Result<Subscription, DeskError> {
        self.sweep(self.now_s());
        // The map's lock is held until the stream is in the desk, so that nobody finds the desk idle.
        let found = self.desk(agent);
        let mut desk = locked(&found);
        let most = self.settings.streams_per_agent_max;
        let key = desk.enter(most).ok_or(DeskError::TooMany { most })?;
        let newest = self.newest.load(Ordering::Relaxed);
        let leads = self.leads.load(Ordering::Acquire);
        let newest = newest.min(self.agreed.load(Ordering::Acquire));
        let after = after.filter(|after| leads && *after <= newest);
        let replay = after.and_then(|after| desk.replay(after));
        let at = desk.end().max(after.filter(|_| replay.is_some()).unwrap_or(0));
        drop(desk);
        Ok(Subscription {
            desk: Arc::clone(&found),
            key,
            at,
            queue_max: self.settings.queue_max,
            beginning: Some(replay.map_or(Beginning::Reset, Beginning::Replay)),
        })
    }

    /// Whether the desktop of `agent` that calls itself `tab` listens.
    pub fn has_tab(&self, agent: &str, tab: &str) -> bool {
        self.agents.get(agent).is_some_and(|desk| locked(&desk).has(tab))
    }

    /// Streams of `agent` at present.
    pub fn streams(&self, agent: &str) -> usize {
        self.agents.get(agent).map_or(0, |desk| locked(&desk).streams())
    }

    /// Agents of whom anything is kept: who listen, or for whom something may be replayed.
    pub fn agents(&self) -> usize {
        self.agents.len()
    }

    fn publish_at(&self, message: Arc<Message>, now_s: u64) {
        self.sweep(now_s);
        // Ahead of anybody who is told of it and comes back.
        self.newest.fetch_max(message.id, Ordering::Relaxed);
        let wakers = {
            let desk = self.desk(&Arc::clone(&message.agent));
            locked(&desk).publish(message, now_s, &self.settings)
        };
        wake(wakers);
    }

    /// The desk of `agent`, with the lock of its place in the map.
    fn desk(&self, agent: &str) -> impl std::ops::Deref<Target = Arc<Mutex<AgentDesk>>> + '_ {
        if let Some(desk) = self.agents.get(agent) {
            return Found::Known(desk);
        }
        let new = || Arc::new(Mutex::new(AgentDesk::new(self.floor.load(Ordering::Relaxed))));
        Found::Entered(self.agents.entry(agent.into()).or_insert_with(new))
    }

    /// Now and then drops what is too old, and agents of whom nothing is kept then.
    fn sweep(&self, now_s: u64) {
        let before_s = self.swept_s.load(Ordering::Relaxed);
        let is_due = now_s.saturating_sub(before_s) >= SWEEP_S;
        let claim = || {
            self.swept_s
                .compare_exchange(before_s, now_s, Ordering::Relaxed, Ordering::Relaxed)
        };
        if !is_due || claim().is_err() {
            return;
        }
        self.agents.retain(|_, desk| {
            let mut desk = locked(desk);
            desk.forget(now_s, &self.settings);
            if desk.is_idle() {
                self.floor.fetch_max(desk.end(), Ordering::Relaxed);
            }
            !desk.is_idle()
        });
    }

    fn now_s(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }
}

/// A desk in the map, which cannot be removed meanwhile.
enum Found<'m> {
    Known(dashmap::mapref::one::Ref<'m, Arc<str>, Arc<Mutex<AgentDesk>>>),
    Entered(dashmap::mapref::one::RefMut<'m, Arc<str>, Arc<Mutex<AgentDesk>>>),
}

impl std::ops::Deref for Found<'_> {
    type Target = Arc<Mutex<AgentDesk>>;

    fn deref(&self) -> &Self::Target {
        match self {
            Found::Known(desk) => desk,
            Found::Entered(desk) => desk,
        }
    }
}

impl Subscription {
    /// Says what the desktop calls itself that listens.
    pub fn name(&self, tab: &str) {
        locked(&self.desk).name(self.key, tab);
    }

    /// Where the stream begins. Given once; afterwards nothing is left to replay.
    pub fn begin(&mut self) -> Beginning {
        self.beginning.take().unwrap_or(Beginning::Replay(Vec::new()))
    }

    /// The id behind which [`Subscription::next`] goes on.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Says that the desktop knows everything up to `id`, by the agent's present pops: messages up to it are passed over.
    pub fn pass(&mut self, id: u64) {
        self.at = self.at.max(id);
    }

    /// Whether everything that the stream was told is void, by [`Desks::reset`].
    pub fn is_void(&self) -> bool {
        locked(&self.desk).is_void(self.at)
    }

    /// The next message; `None` where the stream has fallen too far behind: it ends, and its desktop comes back.
    pub async fn next(&mut self) -> Option<Arc<Message>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for whoever polls.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Arc<Message>>> {
        let following = locked(&self.desk).following(self.key, self.at, self.queue_max, context.waker());
        match following {
            Following::Next(message) => {
                self.at = message.id;
                Poll::Ready(Some(message))
            }
            Following::Nothing => Poll::Pending,
            Following::TooMuch => Poll::Ready(None),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        locked(&self.desk).leave(self.key);
    }
}

fn locked(desk: &Mutex<AgentDesk>) -> MutexGuard<'_, AgentDesk> {
    // Nothing in there panics between two steps that belong together.
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(wakers: Wakers) {
    for waker in wakers {
        waker.wake();
    }
}
