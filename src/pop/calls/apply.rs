//! What each entry makes of the state, and what desktops are told of it.

use std::sync::Arc;

use super::super::call::{Call, How, Leg};
use super::super::entry::{Entry, Offer, What};
use super::super::message::{Facts, Kind, Link, Message, Shown, State};
use super::super::pending::Pending;
use super::super::sessions::Session;
use super::Calls;
use super::late::is_late;

/// The most legs of a call, and the most variables that are kept of it.
const LEGS_MAX: usize = 256;
const VARIABLES_MAX: usize = 64;

impl Calls {
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
                inherits,
            } => self.ring(
                at,
                &Rung {
                    id: call,
                    ids,
                    facts,
                    recorded: *recorded,
                    offers,
                    link: link.as_deref(),
                    inherits: inherits.as_ref(),
                },
            ),
            What::Called { call, ids } => match self.ids.get(call).cloned() {
                Some(root) => self.join(&root, ids, at),
                None => Vec::new(),
            },
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
            What::Unsaid { call } => self.changed(at, call, None, |call| {
                call.link = None;
            }),
            What::Shown { call, agent, tab } => self.changed(at, call, Some(agent), |call| {
                if let Some(leg) = call.leg_mut(agent) {
                    leg.shown_by = Some(tab.clone());
                }
            }),
            What::Closed { call } => {
                self.edit(call, |call| call.closed = Some(at));
                if let Some(call) = self.call(call) {
                    self.closed.insert((at, call.id.clone()));
                }
                self.bound()
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
            What::Created {
                id,
                customer,
                keys,
                known,
            } => {
                let pending = Pending {
                    customer: customer.clone(),
                    keys: keys.clone(),
                    known: known.clone(),
                    at,
                    assigned: None,
                };
                self.pending.add(id, pending);
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
            What::Skipped { to } => {
                self.messages = self.messages.max(*to);
                Vec::new()
            }
            What::Brought { piece } => self.bring(piece),
        }
    }

    fn ring(&mut self, at: u64, ring: &Rung<'_>) -> Vec<Message> {
        let Rung {
            id, facts, offers, ..
        } = *ring;
        let names: Vec<String> = std::iter::once(id)
            .chain(ring.ids.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        // What is closed is another call, however it was called, unless it was closed after it rang so.
        let closed = names.iter().filter_map(|name| self.call(name)?.closed);
        if closed.max().is_some_and(|closed| is_late(at, closed)) {
            return Vec::new();
        }
        for name in &names {
            if self.call(name).is_some_and(|call| call.closed.is_some()) {
                self.forget(name);
            }
        }
        let known = names.iter().find_map(|name| self.ids.get(name)).cloned();
        let root = known.unwrap_or_else(|| {
            let mut call = Call::new(id, at, facts.clone(), ring.recorded, at);
            call.link = ring.inherits.cloned();
            self.calls.insert(id.to_owned(), call);
            id.to_owned()
        });
        let before = self.calls.get(&root).and_then(|call| call.link.clone());
        let mut messages = self.join(&root, &names, at);
        let root = &*self.root(&root);
        let mut new = Vec::new();
        // A pop that nobody has named is called by its first message.
        let (mut id_of_pop, mut is_relinked) = (self.messages, false);
        self.edit(root, |call| {
            call.touched = call.touched.max(at);
            let is_past = |call: &Call, offer: &Offer| {
                let ended = call.leg(&offer.agent).and_then(|leg| leg.ended);
                ended.is_some_and(|ended| is_late(at, ended))
            };
            call.is_over &= !offers.is_empty() && offers.iter().all(|offer| is_past(call, offer));
            call.recorded |= ring.recorded;
            call.facts = Arc::new(joined(&call.facts, facts));
            if let (None, Some(customer)) = (&call.link, ring.link) {
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
            let how = if has_spoken { How::Transfer } else { How::Ring };
            let how = if offers.is_empty() {
                how
            } else {
                call.next.take().unwrap_or(how)
            };
            for offer in offers {
                if call.leg(&offer.agent).is_some_and(|leg| leg.state.is_live())
                    || is_past(call, offer)
                    || call.legs.len() >= LEGS_MAX
                {
                    continue;
                }
                id_of_pop += u64::from(offer.pops);
                call.legs.push(Leg {
                    pop: offer
                        .pops
                        .then(|| offer.pop.clone().unwrap_or_else(|| format!("p{id_of_pop}"))),
                    ..Leg::new(
                        Some(Offer {
                            pop: None,
                            ..offer.clone()
                        }),
                        id,
                        how,
                        at,
                    )
                });
                if offer.pops {
                    new.push(offer.agent.clone());
                }
            }
            call.settle(at);
        });
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
        messages.extend(self.bound());
        messages
    }

    fn ivr(&mut self, at: u64, id: &str) -> Vec<Message> {
        self.edit(id, |call| {
            call.touched = call.touched.max(at);
            let is_open = |leg: &Leg| leg.how == How::Ivr && leg.ended.is_none();
            if !call.legs.iter().any(is_open) {
                call.legs.push(Leg {
                    state: State::Answered,
                    answered: Some(at),
                    ..Leg::new(None, id, How::Ivr, at)
                });
            }
            call.settle(at);
        });
        Vec::new()
    }

    fn answered(&mut self, at: u64, id: &str, by: &Offer) -> Vec<Message> {
        let mut taken = Vec::new();
        self.edit(id, |call| {
            call.touched = call.touched.max(at);
            let has_leg = call.leg(&by.agent).is_some_and(|leg| leg.state.is_live());
            if !has_leg {
                call.legs.push(Leg::new(Some(by.clone()), id, How::Ring, at));
            }
            for leg in &mut call.legs {
                match (&leg.offer, leg.state) {
                    (None, State::Answered) => leg.end(State::Ended, at),
                    (Some(offer), State::Ringing) if offer.agent == by.agent => {
                        leg.state = State::Answered;
                        leg.answered = Some(at);
                    }
                    (Some(offer), State::Ringing) => {
                        taken.push(offer.agent.clone());
                        leg.end(State::Taken, at);
                    }
                    _ => {}
                }
            }
            call.settle(at);
        });
        let mut messages: Vec<Message> = self.message(id, &by.agent, Kind::Update).into_iter().collect();
        for agent in taken {
            messages.extend(self.message(id, &agent, Kind::Clear));
        }
        messages
    }

    fn leave(&mut self, at: u64, id: &str, agent: &str, state: State, kind: Kind) -> Vec<Message> {
        let mut has_left = false;
        self.edit(id, |call| {
            call.touched = call.touched.max(at);
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
            call.touched = call.touched.max(at);
            let how = if is_conference {
                How::Conference
            } else {
                How::Transfer
            };
            // Whoever joins may ring already, or ring next.
            match call.legs.last_mut() {
                Some(leg) if leg.how == How::Transfer && leg.state == State::Ringing => leg.how = how,
                _ => call.next = Some(how),
            }
        });
        Vec::new()
    }

    fn ended(&mut self, at: u64, id: &str, agent: Option<&str>) -> Vec<Message> {
        let mut told = Vec::new();
        self.edit(id, |call| {
            call.touched = call.touched.max(at);
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
            call.touched = call.touched.max(at);
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

    pub(super) fn tell(&mut self, id: &str) -> Vec<Message> {
        let agents = self.call(id).map(Call::desks).unwrap_or_default();
        let messages = agents
            .iter()
            .filter_map(|agent| self.message(id, agent, Kind::Update));
        messages.collect()
    }

    pub(super) fn message(&mut self, id: &str, agent: &str, kind: Kind) -> Option<Message> {
        let parties = self.parties(id)?;
        let shown = self.call(id)?.shown(agent, &parties)?;
        Some(self.tell_shown(shown, kind))
    }

    pub(super) fn tell_shown(&mut self, shown: Shown, kind: Kind) -> Message {
        self.messages += 1;
        Message {
            id: self.messages,
            kind,
            agent: Arc::clone(&shown.agent),
            pop: Arc::new(shown),
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

/// A ring, as an entry has it.
struct Rung<'e> {
    id: &'e str,
    ids: &'e [String],
    facts: &'e Facts,
    recorded: bool,
    offers: &'e [Offer],
    link: Option<&'e str>,
    inherits: Option<&'e Link>,
}

/// What is known of a call after something more was said of it: what was said last, where anything was.
pub(super) fn joined(before: &Facts, said: &Facts) -> Facts {
    let mut variables = before.variables.clone();
    for (name, value) in &said.variables {
        let has_room = variables.len() < VARIABLES_MAX;
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None if has_room => variables.push((name.clone(), value.clone())),
            None => {}
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
