//! The state of all calls, and what each entry makes of it and says to whom.
//!
//! It reads no clock and waits for nothing: the same entries make the same state and the same messages, here and on
//! another node, before and after a restart.

mod decide;
mod due;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::{Call, How, Leg};
use super::entry::{Entry, Offer, What};
use super::message::{Facts, Kind, Link, Message, Shown, State};
use super::pending::Pendings;
use super::sessions::{Session, Sessions};

pub use decide::{Found, Heard, News, Rung, Unknown};
pub use due::Due;

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
    /// The id of the newest message.
    messages: u64,
    epoch: u64,
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
            messages: 0,
            epoch: 1,
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
            .filter_map(|id| self.calls.get(id)?.shown(agent, self.epoch))
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
        self.call(id)?.shown(agent, self.epoch)
    }

    /// Whether somebody sits at the telephone `extension`.
    pub fn is_taken(&self, extension: &str, now: u64) -> bool {
        self.sessions.at(extension, now).is_some()
    }

    /// Whether the call `id` is known.
    pub fn knows(&self, id: &str) -> bool {
        self.call(id).is_some()
    }

    pub(super) fn call(&self, id: &str) -> Option<&Call> {
        self.calls.get(self.ids.get(id)?)
    }

    /// Makes of the state what `entry` says, and gives what desktops are to be told of it.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Message> {
        let at = entry.at;
        match &entry.what {
            What::Ring {
                call,
                ids,
                facts,
                recorded,
                offers,
                link,
            } => self.ring(at, call, ids, facts, *recorded, offers, link.as_deref()),
            What::Called { call, ids } => {
                if let Some(root) = self.ids.get(call).cloned() {
                    self.join(&root, ids, at);
                }
                Vec::new()
            }
            What::Ivr { call } => self.ivr(at, call),
            What::Answered { call, by } => self.answered(at, call, by),
            What::Refused { call, agent } => self.leave(at, call, agent, State::Refused, Kind::Clear),
            What::Missed { call, agent } => self.leave(at, call, agent, State::Missed, Kind::Clear),
            What::Moved {
                call, is_conference, ..
            } => self.moved(at, call, *is_conference),
            What::WrappedUp { call, agent, wrap_up } => self.changed(at, call, Some(agent), |call| {
                if let Some(leg) = call.leg_mut(agent) {
                    leg.wrap_up = Some(wrap_up.clone());
                }
            }),
            What::Ended { call, agent } => self.ended(at, call, agent.as_deref()),
            What::Linked {
                call,
                customer,
                agent,
            } => self.changed(at, call, None, |call| {
                call.link = Some(Link {
                    customer: customer.clone(),
                    agent: agent.clone(),
                    is_chosen: true,
                    at,
                });
            }),
            What::Shown { call, agent, tab } => self.changed(at, call, Some(agent), |call| {
                if let Some(leg) = call.leg_mut(agent) {
                    leg.shown_by.get_or_insert_with(|| tab.clone());
                }
            }),
            What::Closed { call } => {
                self.edit(call, |call| call.closed = Some(at));
                self.bound();
                Vec::new()
            }
            What::Forgotten { call } => {
                self.forget(call);
                Vec::new()
            }
            What::LoggedIn {
                agent,
                extension,
                name,
                team,
                until,
            } => {
                self.sessions.expire(at);
                let session = Session {
                    extension: extension.clone(),
                    name: name.clone(),
                    team: team.clone(),
                    until: *until,
                };
                self.sessions.log_in(agent, session);
                Vec::new()
            }
            What::LoggedOut { agent } => {
                self.sessions.log_out(agent);
                Vec::new()
            }
            What::Created { id, customer, keys } => {
                self.pending.add(id, customer.clone(), keys.clone(), at);
                Vec::new()
            }
            What::Assigned { id, to } => {
                self.pending.assign(id, to);
                self.tell_of(id)
            }
            What::Confirmed { id, customer } => {
                let messages = self.confirmed(id, customer.as_deref());
                self.pending.remove(id);
                messages
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a ring has so many parts")]
    fn ring(
        &mut self,
        at: u64,
        id: &str,
        ids: &[String],
        facts: &Facts,
        recorded: bool,
        offers: &[Offer],
        link: Option<&str>,
    ) -> Vec<Message> {
        let inherited = self.reopened(id, ids, offers);
        let root = match self.ids.get(id) {
            Some(root) => root.clone(),
            None => id.to_owned(),
        };
        let known = self.calls.contains_key(&root);
        if !known {
            let known = ids.iter().find_map(|id| self.ids.get(id)).cloned();
            match known {
                Some(known) => return self.ring_again(at, &known, id, ids, facts, recorded, offers, link),
                None => {
                    let mut call = Call::new(&root, facts.clone(), recorded, at);
                    call.link = inherited;
                    self.calls.insert(root.clone(), call);
                }
            }
        }
        self.ring_again(at, &root, id, ids, facts, recorded, offers, link)
    }

    #[expect(clippy::too_many_arguments, reason = "a ring has so many parts")]
    fn ring_again(
        &mut self,
        at: u64,
        root: &str,
        id: &str,
        ids: &[String],
        facts: &Facts,
        recorded: bool,
        offers: &[Offer],
        link: Option<&str>,
    ) -> Vec<Message> {
        let before = self.calls.get(root).and_then(|call| call.link.clone());
        let names = std::iter::once(id.to_owned()).chain(ids.iter().cloned());
        self.join(root, &names.collect::<Vec<_>>(), at);
        let mut new = Vec::new();
        let (mut id_of_pop, mut is_relinked) = (self.messages, false);
        self.edit(root, |call| {
            call.touched = at;
            call.is_over = false;
            call.recorded |= recorded;
            call.facts = Arc::new(joined(&call.facts, facts));
            if let (None, Some(customer)) = (&call.link, link) {
                call.link = Some(Link {
                    customer: Some(customer.to_owned()),
                    agent: None,
                    is_chosen: false,
                    at,
                });
            }
            is_relinked = call.link != before;
            for leg in &mut call.legs {
                if leg.how == How::Ivr && leg.ended.is_none() && !offers.is_empty() {
                    leg.end(State::Ended, at);
                }
            }
            let has_spoken = call
                .legs
                .iter()
                .any(|leg| leg.answered.is_some() && leg.offer.is_some());
            for offer in offers {
                if call.leg(&offer.agent).is_some_and(|leg| leg.state.is_live()) {
                    continue;
                }
                let is_first = !has_spoken;
                id_of_pop += u64::from(offer.pops);
                call.legs.push(Leg {
                    offer: Some(offer.clone()),
                    how: if is_first { How::Ring } else { How::Transfer },
                    state: State::Ringing,
                    offered: at,
                    answered: None,
                    ended: None,
                    wrap_up: None,
                    pop: offer.pops.then(|| format!("p{id_of_pop}")),
                    shown_by: None,
                });
                if offer.pops {
                    new.push(offer.agent.clone());
                }
            }
            call.settle(at);
        });
        let mut messages: Vec<Message> = Vec::new();
        for agent in &new {
            let shown = self.desks.entry(agent.clone()).or_default();
            shown.retain(|id| id != root);
            shown.push(root.to_owned());
            messages.extend(self.message(root, agent, Kind::Pop));
        }
        if is_relinked {
            for agent in self.calls.get(root).map(Call::desks).unwrap_or_default() {
                if !new.contains(&agent) {
                    messages.extend(self.message(root, &agent, Kind::Update));
                }
            }
        }
        self.bound();
        messages
    }

    /// Makes room for a ring of a closed call that goes on at somebody else's telephone: a call of its own, which is whose
    /// the other one was said to be.
    fn reopened(&mut self, id: &str, ids: &[String], offers: &[Offer]) -> Option<Link> {
        let names = std::iter::once(id).chain(ids.iter().map(String::as_str));
        let closed: Vec<String> = names
            .filter_map(|id| self.call(id))
            .filter(|call| call.closed.is_some())
            .filter(|call| offers.iter().any(|offer| call.leg(&offer.agent).is_none()))
            .map(|call| call.id.clone())
            .collect();
        let links = closed.iter().filter_map(|id| self.calls.get(id)?.link.clone());
        let link = links.max_by_key(|link| (link.is_chosen, link.at));
        for id in closed {
            self.forget(&id);
        }
        link
    }

    fn ivr(&mut self, at: u64, id: &str) -> Vec<Message> {
        self.edit(id, |call| {
            call.touched = at;
            let is_open = |leg: &Leg| leg.how == How::Ivr && leg.ended.is_none();
            if !call.legs.iter().any(is_open) {
                call.legs.push(Leg {
                    offer: None,
                    how: How::Ivr,
                    state: State::Answered,
                    offered: at,
                    answered: Some(at),
                    ended: None,
                    wrap_up: None,
                    pop: None,
                    shown_by: None,
                });
            }
            call.settle(at);
        });
        Vec::new()
    }

    fn answered(&mut self, at: u64, id: &str, by: &Offer) -> Vec<Message> {
        let mut missed = Vec::new();
        self.edit(id, |call| {
            call.touched = at;
            let has_leg = call.leg(&by.agent).is_some_and(|leg| leg.state.is_live());
            if !has_leg {
                call.legs.push(Leg {
                    offer: Some(by.clone()),
                    how: How::Ring,
                    state: State::Ringing,
                    offered: at,
                    answered: None,
                    ended: None,
                    wrap_up: None,
                    pop: None,
                    shown_by: None,
                });
            }
            for leg in &mut call.legs {
                match (&leg.offer, leg.state) {
                    (None, State::Answered) => leg.end(State::Ended, at),
                    (Some(offer), State::Ringing) if offer.agent == by.agent => {
                        leg.state = State::Answered;
                        leg.answered = Some(at);
                    }
                    (Some(offer), State::Ringing) => {
                        missed.push(offer.agent.clone());
                        leg.end(State::Missed, at);
                    }
                    _ => {}
                }
            }
            call.settle(at);
        });
        let mut messages: Vec<Message> = self.message(id, &by.agent, Kind::Update).into_iter().collect();
        for agent in missed {
            messages.extend(self.message(id, &agent, Kind::Clear));
        }
        messages
    }

    fn leave(&mut self, at: u64, id: &str, agent: &str, state: State, kind: Kind) -> Vec<Message> {
        let mut has_left = false;
        self.edit(id, |call| {
            call.touched = at;
            if let Some(leg) = call.leg_mut(agent).filter(|leg| leg.state == State::Ringing) {
                leg.end(state, at);
                has_left = true;
            }
            call.settle(at);
        });
        if !has_left {
            return Vec::new();
        }
        self.message(id, agent, kind).into_iter().collect()
    }

    fn moved(&mut self, at: u64, id: &str, is_conference: bool) -> Vec<Message> {
        self.edit(id, |call| {
            call.touched = at;
            let how = if is_conference {
                How::Conference
            } else {
                How::Transfer
            };
            let newest = call.legs.last_mut();
            if let Some(leg) = newest.filter(|leg| leg.how == How::Transfer) {
                leg.how = how;
            }
        });
        Vec::new()
    }

    fn ended(&mut self, at: u64, id: &str, agent: Option<&str>) -> Vec<Message> {
        let mut told = Vec::new();
        self.edit(id, |call| {
            call.touched = at;
            call.is_over |= agent.is_none();
            for leg in &mut call.legs {
                let is_it = agent.is_none_or(|agent| leg.is_of(agent));
                if !is_it || !leg.state.is_live() {
                    continue;
                }
                let (state, kind) = match leg.state {
                    State::Answered => (State::Ended, Kind::Update),
                    _ => (State::Missed, Kind::Clear),
                };
                leg.end(state, at);
                if let Some(offer) = &leg.offer {
                    told.push((offer.agent.clone(), kind));
                }
            }
            call.settle(at);
        });
        told.into_iter()
            .filter_map(|(agent, kind)| self.message(id, &agent, kind))
            .collect()
    }

    /// Changes a call and tells `agent`, or everybody.
    fn changed(
        &mut self,
        at: u64,
        id: &str,
        agent: Option<&str>,
        change: impl FnOnce(&mut Call),
    ) -> Vec<Message> {
        self.edit(id, |call| {
            call.touched = at;
            change(call);
        });
        let agents = match agent {
            Some(agent) => vec![agent.to_owned()],
            None => self.call(id).map(Call::desks).unwrap_or_default(),
        };
        let messages = agents
            .iter()
            .filter_map(|agent| self.message(id, agent, Kind::Update));
        messages.collect()
    }

    /// Links of calls to the customer `id` are to who it is now.
    fn confirmed(&mut self, id: &str, customer: Option<&str>) -> Vec<Message> {
        let of = self.calls.values().filter(|call| call.is_linked_to(id));
        let mut calls: Vec<String> = of.map(|call| call.id.clone()).collect();
        calls.sort_unstable();
        for call in &calls {
            self.edit(call, |call| {
                if let Some(link) = &mut call.link {
                    link.customer = customer.map(str::to_owned);
                }
            });
        }
        calls.iter().flat_map(|call| self.tell(call)).collect()
    }

    /// Tells everybody whose call is linked to the customer `id`.
    fn tell_of(&mut self, id: &str) -> Vec<Message> {
        let of = self.calls.values().filter(|call| call.is_linked_to(id));
        let mut calls: Vec<String> = of.map(|call| call.id.clone()).collect();
        calls.sort_unstable();
        calls.iter().flat_map(|call| self.tell(call)).collect()
    }

    fn tell(&mut self, id: &str) -> Vec<Message> {
        let agents = self.call(id).map(Call::desks).unwrap_or_default();
        let messages = agents
            .iter()
            .filter_map(|agent| self.message(id, agent, Kind::Update));
        messages.collect()
    }

    fn message(&mut self, id: &str, agent: &str, kind: Kind) -> Option<Message> {
        let shown = self.call(id)?.shown(agent, self.epoch)?;
        self.messages += 1;
        Some(Message {
            id: self.messages,
            kind,
            agent: agent.into(),
            pop: Arc::new(shown),
        })
    }

    /// Changes the call `id`, and notes when it is to be looked at.
    fn edit(&mut self, id: &str, change: impl FnOnce(&mut Call)) {
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

    /// Lets `ids` name the call `root`; calls that they named until now are part of it.
    fn join(&mut self, root: &str, ids: &[String], at: u64) {
        for id in ids {
            match self.ids.get(id).cloned() {
                Some(other) if other == root => {}
                Some(other) => self.merge(root, &other, at),
                None => {
                    self.ids.insert(id.clone(), root.to_owned());
                    if let Some(call) = self.calls.get_mut(root) {
                        call.ids.push(id.clone());
                    }
                }
            }
        }
    }

    /// Makes the call `other` part of the call `root`. What somebody said last of whose it is holds for both.
    fn merge(&mut self, root: &str, other: &str, at: u64) {
        let Some(other) = self.calls.remove(other) else {
            return;
        };
        self.due.remove(&(other.due(&self.bounds), other.id.clone()));
        for id in &other.ids {
            self.ids.insert(id.clone(), root.to_owned());
        }
        for agent in other.desks() {
            let shown = self.desks.entry(agent).or_default();
            shown.retain(|id| *id != other.id && id != root);
            shown.push(root.to_owned());
        }
        self.edit(root, |call| {
            call.touched = at;
            call.began = call.began.min(other.began);
            call.recorded |= other.recorded;
            call.ids.extend(other.ids);
            call.legs.extend(other.legs);
            call.legs.sort_by_key(|leg| leg.offered);
            let links = [call.link.take(), other.link].into_iter().flatten();
            call.link = links.max_by_key(|link| (link.is_chosen, link.at));
            call.settle(at);
        });
    }

    fn forget(&mut self, id: &str) {
        let Some(root) = self.ids.get(id).cloned() else {
            return;
        };
        let Some(call) = self.calls.remove(&root) else {
            return;
        };
        self.due.remove(&(call.due(&self.bounds), root.clone()));
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

    /// Forgets the calls that have been quiet for longest where there are too many: closed ones first, as they come due.
    fn bound(&mut self) {
        while self.calls.len() > self.bounds.calls_max {
            let closed = self.due.iter().find(|(_, id)| {
                self.calls
                    .get(id)
                    .is_some_and(|call| call.closed.is_some() || !call.is_live())
            });
            let Some((_, id)) = closed.or_else(|| self.due.first()).cloned() else {
                return;
            };
            self.forget(&id);
        }
    }
}

impl Call {
    fn is_linked_to(&self, customer: &str) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.customer.as_deref() == Some(customer))
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
            State::Refused => true,
        }
    }

    /// Whether it rang while no desktop showed it.
    pub fn was_missed(&self) -> bool {
        self.state == State::Missed && self.shown_by.is_none()
    }
}

/// What is known of a call after something more was said of it: what was said last, where anything was.
fn joined(before: &Facts, said: &Facts) -> Facts {
    let mut variables = before.variables.clone();
    for (name, value) in &said.variables {
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => variables.push((name.clone(), value.clone())),
        }
    }
    Facts {
        // A transferred leg may come from the agent's telephone: whose call it is, was said first.
        ani: if before.ani.is_empty() {
            said.ani.clone()
        } else {
            before.ani.clone()
        },
        dnis: before.dnis.clone().or_else(|| said.dnis.clone()),
        queue: said.queue.clone().or_else(|| before.queue.clone()),
        is_outbound: before.is_outbound,
        call_type: said.call_type.clone().or_else(|| before.call_type.clone()),
        verstat: before.verstat.clone().or_else(|| said.verstat.clone()),
        diversion: before.diversion.clone().or_else(|| said.diversion.clone()),
        variables,
    }
}
