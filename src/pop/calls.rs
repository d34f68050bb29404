//! The state of all calls, and what each entry makes of it and says to whom.
//!
//! It reads no clock and waits for nothing: the same entries make the same state and the same messages, here and on
//! another node, before and after a restart.

mod apply;
mod decide;
mod due;
mod late;
mod pieces;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::{Call, Leg};
use super::entry::Offer;
use super::message::{Kind, Link, Message, Party, Shown, State};
use super::pending::Pendings;
use super::sessions::{Session, Sessions};

pub use decide::{Found, Heard, News, Rung, Unknown};
pub use due::Due;
pub use pieces::Piece;

/// How long calls are waited for and remembered, and how many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The most calls that are known at once.
    pub calls_max: usize,
    /// How long a telephone may ring until nobody is thought to have answered it, ms.
    pub ring_max_ms: u64,
    /// How long after its end a call may be wrapped up, ms.
    pub close_after_ms: u64,
    /// How long nothing may be heard of a call until it is thought to be over, ms.
    pub idle_close_ms: u64,
    /// How long a call is remembered that is closed, ms.
    pub remember_ms: u64,
    /// Call variables whose values name a call across its legs.
    pub key_variables: Vec<String>,
}

/// The state of all calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calls {
    #[serde(skip)]
    bounds: Bounds,
    calls: HashMap<String, Call>,
    /// What calls are called, and which they are.
    ids: HashMap<String, String>,
    pub(super) sessions: Sessions,
    pub(super) pending: Pendings,
    /// The calls that each agent's desktop shows, oldest first.
    desks: HashMap<String, Vec<String>>,
    /// When each call is to be looked at.
    due: BTreeSet<(u64, String)>,
    /// The calls that are closed, oldest first.
    closed: BTreeSet<(u64, String)>,
    /// Who is in the call that was spoken of last.
    #[serde(skip)]
    parties: Option<(String, Arc<[Party]>)>,
    /// The id of the newest message.
    messages: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            calls_max: 50_000,
            ring_max_ms: 180_000,
            close_after_ms: 60_000,
            idle_close_ms: 14_400_000,
            remember_ms: 3_600_000,
            key_variables: Vec::new(),
        }
    }
}

impl Default for Calls {
    fn default() -> Calls {
        Calls::new(Bounds::default())
    }
}

impl Calls {
    /// No calls.
    pub fn new(bounds: Bounds) -> Calls {
        Calls {
            bounds,
            calls: HashMap::new(),
            ids: HashMap::new(),
            sessions: Sessions::default(),
            pending: Pendings::default(),
            desks: HashMap::new(),
            due: BTreeSet::new(),
            closed: BTreeSet::new(),
            parties: None,
            messages: 0,
        }
    }

    /// The same state under `bounds`.
    #[must_use]
    pub fn with(mut self, bounds: Bounds) -> Calls {
        self.bounds = bounds;
        let due = self
            .calls
            .values()
            .map(|call| (call.due(&self.bounds), call.id.clone()));
        self.due = due.collect();
        self
    }

    /// Begins ids of messages at `least`: those of a log that is no more are not given again.
    pub fn begin_ids(&mut self, least: u64) {
        self.messages = self.messages.max(least);
    }

    /// Leaves out ids of messages that may have been given to desktops and were not kept: no id is given twice.
    pub fn skip_ids(&mut self, most: u64) {
        self.messages += most;
    }

    /// The id of the newest message.
    pub fn newest_id(&self) -> u64 {
        self.messages
    }

    /// How many calls are known.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is known.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// How many calls ring or are spoken.
    pub fn live(&self) -> usize {
        self.calls.values().filter(|call| call.is_live()).count()
    }

    /// How many agents are logged in.
    pub fn agents(&self) -> usize {
        self.sessions.len()
    }

    /// The log-in of `agent`.
    pub fn session(&self, agent: &str, now: u64) -> Option<&Session> {
        self.sessions.get(agent, now)
    }

    /// What is written down of the customer `id`, until a change brings them.
    pub fn pending(&self) -> &Pendings {
        &self.pending
    }

    /// What `agent`'s desktop is to show, newest first.
    pub fn current(&self, agent: &str) -> Vec<Arc<Shown>> {
        let calls = self.desks.get(agent).into_iter().flatten().rev();
        calls
            .filter_map(|id| {
                let call = self.calls.get(id)?;
                call.shown(agent, &call.parties().into())
            })
            .filter(|shown| shown.state.is_live() || !shown.is_done())
            .map(Arc::new)
            .collect()
    }

    /// Whose call `id` is.
    pub fn link(&self, id: &str) -> Option<&Link> {
        self.call(id)?.link.as_ref()
    }

    /// What `agent`'s desktop shows of the call `id`.
    pub fn shown(&self, id: &str, agent: &str) -> Option<Shown> {
        let call = self.call(id)?;
        call.shown(agent, &call.parties().into())
    }

    /// Everybody in the call `id`: worked out once for all who are told of the same change.
    fn parties(&mut self, id: &str) -> Option<Arc<[Party]>> {
        let root = self.ids.get(id)?;
        if let Some((known, parties)) = &self.parties
            && known == root
        {
            return Some(Arc::clone(parties));
        }
        let parties: Arc<[Party]> = self.calls.get(root)?.parties().into();
        self.parties = Some((root.clone(), Arc::clone(&parties)));
        Some(parties)
    }

    /// The agent at the telephone `extension`.
    pub fn agent_at(&self, extension: &str, now: u64) -> Option<&str> {
        self.sessions.at(extension, now)
    }

    /// Where something pops for `agent`.
    pub fn offer(&self, agent: &str, now: u64) -> Offer {
        self.sessions.offer(agent, None, now, true)
    }

    /// Whether the call `id` was offered to `agent`, or taken by them.
    pub fn concerns(&self, id: &str, agent: &str) -> bool {
        self.call(id).is_some_and(|call| call.leg(agent).is_some())
    }

    /// Whether the call `id` is known.
    pub fn knows(&self, id: &str) -> bool {
        self.call(id).is_some()
    }

    pub(super) fn call(&self, id: &str) -> Option<&Call> {
        self.calls.get(self.ids.get(id)?)
    }

    /// Changes the call `id`, and notes when it is to be looked at.
    fn edit(&mut self, id: &str, change: impl FnOnce(&mut Call)) {
        self.parties = None;
        let Some(root) = self.ids.get(id).cloned() else {
            return;
        };
        let Some(call) = self.calls.get_mut(&root) else {
            return;
        };
        let before = call.due(&self.bounds);
        change(call);
        let after = call.due(&self.bounds);
        self.due.remove(&(before, root.clone()));
        self.due.insert((after, root));
    }

    /// Lets `ids` name the call `root`; calls that they named until now are one with it. What this ends is told.
    fn join(&mut self, root: &str, ids: &[String], at: u64) -> Vec<Message> {
        let mut messages = Vec::new();
        for id in ids {
            let root = self.root(root);
            match self.ids.get(id).cloned() {
                Some(other) if other == root => {}
                Some(other) => messages.extend(self.merge(&root, &other, at)),
                None => {
                    self.ids.insert(id.clone(), root.clone());
                    if let Some(call) = self.calls.get_mut(&root) {
                        call.ids.push(id.clone());
                    }
                }
            }
        }
        messages
    }

    /// What the call `id` was called first.
    fn root(&self, id: &str) -> String {
        self.ids.get(id).map_or_else(|| id.to_owned(), String::clone)
    }

    /// Makes one call of two. What somebody said last of whose it is holds for both; what has been recorded of either is not
    /// recorded again; an agent whose telephone seems to ring for both has one of them.
    fn merge(&mut self, root: &str, other: &str, at: u64) -> Vec<Message> {
        let is_closed = |id: &str| self.calls.get(id).is_some_and(|call| call.closed.is_some());
        let (root, other) = match (is_closed(root), is_closed(other)) {
            (true, false) => (other, root),
            _ => (root, other),
        };
        let (root, Some(other)) = (root.to_owned(), self.calls.remove(other)) else {
            return Vec::new();
        };
        self.due.remove(&(other.due(&self.bounds), other.id.clone()));
        for id in &other.ids {
            self.ids.insert(id.clone(), root.clone());
        }
        for agent in other.desks() {
            let shown = self.desks.entry(agent).or_default();
            shown.retain(|id| *id != other.id && *id != root);
            shown.push(root.clone());
        }
        self.closed.retain(|(_, id)| *id != other.id);
        let mut ended = Vec::new();
        self.edit(&root, |call| {
            call.touched = call.touched.max(at);
            call.ids.extend(other.ids);
            if other.closed.is_none() {
                call.began = call.began.min(other.began);
                call.recorded |= other.recorded;
                call.legs.extend(other.legs);
                call.legs.sort_by_key(|leg| leg.offered);
            } else {
                // Their pops are of a call that is over.
                let shown = other.legs.into_iter().filter(|leg| leg.pop.is_some());
                call.legs.splice(0..0, shown.map(Leg::recorded));
            }
            let links = [call.link.take(), other.link].into_iter().flatten();
            call.link = links.max_by_key(|link| (link.is_chosen, link.at));
            call.facts = Arc::new(apply::joined(&call.facts, &other.facts));
            ended = call.end_doubles(at);
            call.settle(at);
        });
        let parties = self.parties(&root);
        let shown = |place: usize| self.calls.get(&root)?.shown_leg(place, parties.as_ref()?);
        let shown: Vec<Shown> = ended.into_iter().filter_map(shown).collect();
        let mut messages: Vec<Message> = shown
            .into_iter()
            .map(|shown| self.tell_shown(shown, Kind::Clear))
            .collect();
        messages.extend(self.tell(&root));
        messages
    }

    fn forget(&mut self, id: &str) {
        let Some(root) = self.ids.get(id).cloned() else {
            return;
        };
        let Some(call) = self.calls.remove(&root) else {
            return;
        };
        self.due.remove(&(call.due(&self.bounds), root.clone()));
        if let Some(closed) = call.closed {
            self.closed.remove(&(closed, root.clone()));
        }
        for id in &call.ids {
            self.ids.remove(id);
        }
        for agent in call.desks() {
            if let Some(shown) = self.desks.get_mut(&agent) {
                shown.retain(|id| *id != root);
                if shown.is_empty() {
                    self.desks.remove(&agent);
                }
            }
        }
    }

    /// Forgets closed calls where there are too many, and others only where there are twice as many: these have not been
    /// recorded yet. Whoever had one of those on the screen is told.
    fn bound(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while self.calls.len() > self.bounds.calls_max {
            if let Some((_, id)) = self.closed.first().cloned() {
                self.closed.pop_first();
                self.forget(&id);
                continue;
            }
            let Some((_, id)) = self
                .due
                .first()
                .cloned()
                .filter(|_| self.calls.len() > 2 * self.bounds.calls_max)
            else {
                break;
            };
            for agent in self.call(&id).map(Call::desks).unwrap_or_default() {
                messages.extend(self.message(&id, &agent, Kind::Clear));
            }
            self.forget(&id);
        }
        messages
    }
}

impl Shown {
    /// Whether nobody has to be shown it any more.
    pub fn is_done(&self) -> bool {
        match self.state {
            State::Ringing | State::Answered => false,
            State::Missed => self.shown_by.is_some(),
            // What is being wrapped up is on the screen until the next call.
            State::Ended => self.wrap_up.is_some(),
            State::Refused | State::Taken => true,
        }
    }

    /// Whether it rang while no desktop showed it.
    pub fn was_missed(&self) -> bool {
        self.state == State::Missed && self.shown_by.is_none()
    }
}

#[cfg(test)]
mod tests;
