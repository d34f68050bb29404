//! One call, its legs and whose it is.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::Offer;
use super::message::{Facts, Link, Party, Shown, State};

/// A call, whatever its legs are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    /// What it was called first.
    pub(super) id: String,
    /// What nothing else has that is called so, before or after it: when it was heard of first, whatever it is joined with.
    pub(super) nth: u64,
    /// Everything that it is called.
    pub(super) ids: Vec<String>,
    pub(super) facts: Arc<Facts>,
    /// Whether it is part of a customer's history.
    pub(super) recorded: bool,
    /// When it was heard of.
    pub(super) began: u64,
    /// When the last thing was heard of it.
    pub(super) touched: u64,
    /// In the order in which they began.
    pub(super) legs: Vec<Leg>,
    pub(super) link: Option<Link>,
    /// Since when nobody speaks, and it rings nowhere.
    pub(super) quiet: Option<u64>,
    /// Whether the phone system said that it is over.
    pub(super) is_over: bool,
    /// Since when nothing more is to be said of it.
    pub(super) closed: Option<u64>,
    /// How whoever it comes to next comes to it, where somebody has said so.
    pub(super) next: Option<How>,
}

/// What happens at one telephone, or in a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leg {
    /// `None` for a machine.
    pub(super) offer: Option<Offer>,
    /// What the phone system called the call as it came here.
    pub(super) via: String,
    pub(super) how: How,
    pub(super) state: State,
    pub(super) offered: u64,
    pub(super) answered: Option<u64>,
    pub(super) ended: Option<u64>,
    pub(super) wrap_up: Option<String>,
    /// The pop's id; `None` where it does not pop.
    pub(super) pop: Option<String>,
    pub(super) shown_by: Option<String>,
}

/// How a leg came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    Ivr,
    Ring,
    Transfer,
    Conference,
    /// In whichever of these ways, in a call that is recorded already.
    Recorded,
}

impl Leg {
    /// A leg that begins to ring.
    pub(super) fn new(offer: Option<Offer>, via: &str, how: How, at: u64) -> Leg {
        Leg {
            offer,
            via: via.to_owned(),
            how,
            state: State::Ringing,
            offered: at,
            answered: None,
            ended: None,
            wrap_up: None,
            pop: None,
            shown_by: None,
        }
    }

    pub(super) fn is_of(&self, agent: &str) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.agent == agent)
    }

    /// The same where it has been recorded: it is shown, and no part of what is recorded from now on.
    pub(super) fn recorded(mut self) -> Leg {
        self.how = How::Recorded;
        self
    }

    /// Ends it as `state`.
    pub(super) fn end(&mut self, state: State, at: u64) {
        self.state = state;
        self.ended = Some(at);
    }
}

impl Call {
    pub(super) fn new(id: &str, nth: u64, facts: Facts, recorded: bool, at: u64) -> Call {
        Call {
            id: id.to_owned(),
            nth,
            ids: Vec::new(),
            facts: Arc::new(facts),
            recorded,
            began: at,
            touched: at,
            legs: Vec::new(),
            link: None,
            quiet: None,
            is_over: false,
            closed: None,
            next: None,
        }
    }

    /// The leg of `agent` that is live, of which there is one at the most, or else the newest.
    pub(super) fn leg(&self, agent: &str) -> Option<&Leg> {
        self.legs.get(self.place(agent)?)
    }

    /// As [`Call::leg`].
    pub(super) fn leg_mut(&mut self, agent: &str) -> Option<&mut Leg> {
        let place = self.place(agent)?;
        self.legs.get_mut(place)
    }

    fn place(&self, agent: &str) -> Option<usize> {
        let live = self
            .legs
            .iter()
            .rposition(|leg| leg.is_of(agent) && leg.state.is_live());
        live.or_else(|| self.legs.iter().rposition(|leg| leg.is_of(agent)))
    }

    /// Leaves each agent one live leg: the one that was answered, or else the newest. Gives the places of the others.
    pub(super) fn end_doubles(&mut self, at: u64) -> Vec<usize> {
        let mut kept: Vec<(String, usize)> = Vec::new();
        let mut ended = Vec::new();
        for (place, leg) in self.legs.iter().enumerate() {
            let Some(offer) = leg.offer.as_ref().filter(|_| leg.state.is_live()) else {
                continue;
            };
            match kept.iter_mut().find(|(agent, _)| *agent == offer.agent) {
                None => kept.push((offer.agent.clone(), place)),
                Some((_, first)) => {
                    let is_first_answered = self.legs[*first].state == State::Answered;
                    if is_first_answered && leg.state != State::Answered {
                        ended.push(place);
                    } else {
                        ended.push(std::mem::replace(first, place));
                    }
                }
            }
        }
        for place in &ended {
            self.legs[*place].end(State::Missed, at);
        }
        ended
    }

    /// Whether anybody is at it.
    pub(super) fn is_live(&self) -> bool {
        self.legs.iter().any(|leg| leg.state.is_live())
    }

    /// Notes since when nobody is at it.
    pub(super) fn settle(&mut self, at: u64) {
        self.quiet = match self.quiet {
            _ if self.is_live() => None,
            None if self.is_over || self.legs.iter().any(|leg| leg.offer.is_some()) => Some(at),
            quiet => quiet,
        };
    }

    /// When the phone system may have forgotten to say something.
    pub(super) fn due(&self, bounds: &super::Bounds) -> u64 {
        if let Some(closed) = self.closed {
            return closed + bounds.remember_ms;
        }
        let rings = self
            .legs
            .iter()
            .filter(|leg| leg.offer.is_some() && leg.state == State::Ringing)
            .map(|leg| leg.offered + bounds.ring_max_ms);
        let idle = self.touched + bounds.idle_close_ms;
        let quiet = self.quiet.map(|quiet| quiet + bounds.close_after_ms);
        rings.chain([idle]).chain(quiet).min().unwrap_or(idle)
    }

    /// What `agent`'s desktop shows of it; `None` where it shows nothing.
    pub(super) fn shown(&self, agent: &str, parties: &Arc<[Party]>) -> Option<Shown> {
        self.shown_leg(self.place(agent)?, parties)
    }

    /// The agent at whose telephone `extension` it is.
    pub(super) fn agent_at(&self, extension: &str) -> Option<&str> {
        let mut legs = self.legs.iter().rev().filter(|leg| leg.state.is_live());
        let offer = legs.find_map(|leg| {
            leg.offer
                .as_ref()
                .filter(|offer| offer.extension.as_deref() == Some(extension))
        });
        offer.map(|offer| offer.agent.as_str())
    }

    /// What the leg at `place` shows on its agent's desktop; `None` where it shows nothing.
    pub(super) fn shown_leg(&self, place: usize, parties: &Arc<[Party]>) -> Option<Shown> {
        let leg = self.legs.get(place)?;
        let (pop_id, agent) = (leg.pop.as_deref()?, leg.offer.as_ref()?.agent.as_str());
        Some(Shown {
            pop_id: pop_id.into(),
            call_id: self.id.as_str().into(),
            agent: agent.into(),
            state: leg.state,
            at: leg.offered,
            answered_at: leg.answered,
            ended_at: leg.ended,
            shown_by: leg.shown_by.as_deref().map(Arc::from),
            extension: leg
                .offer
                .as_ref()
                .and_then(|offer| offer.extension.as_deref())
                .map(Arc::from),
            facts: Arc::clone(&self.facts),
            link: self.link.clone(),
            wrap_up: leg.wrap_up.as_deref().map(Arc::from),
            agents: Arc::clone(parties),
        })
    }

    /// Everybody who was offered it, each once, as the newest leg says.
    pub(super) fn parties(&self) -> Vec<Party> {
        let (mut parties, mut seen): (Vec<Party>, HashSet<&str>) = Default::default();
        for leg in self.legs.iter().rev() {
            let Some(offer) = &leg.offer else {
                continue;
            };
            if seen.insert(&offer.agent) {
                parties.push(Party {
                    agent: offer.agent.clone(),
                    name: offer.name.clone(),
                    team: offer.team.clone(),
                    extension: offer.extension.clone(),
                    state: leg.state,
                    wrap_up: leg.wrap_up.clone(),
                });
            }
        }
        parties.reverse();
        parties
    }

    /// Keeps what the same call was shown as on desktops, as it was `known`, and whom else it was offered to: a node that had
    /// not heard of it calls its pops otherwise.
    pub(super) fn shown_as(&mut self, known: &Call) {
        let is_past = self.closed.is_some() || self.is_over;
        for agent in known.desks() {
            let Some(before) = known.leg(&agent).filter(|leg| leg.pop.is_some()) else {
                continue;
            };
            match self.leg_mut(&agent) {
                // It rings anew.
                Some(leg) if leg.state.is_live() && !before.state.is_live() => {}
                Some(leg) => {
                    leg.pop.clone_from(&before.pop);
                    leg.shown_by = leg.shown_by.take().or_else(|| before.shown_by.clone());
                }
                None => {
                    let mut leg = before.clone();
                    let is_taken = |by: &Leg| by.answered.is_some_and(|answered| answered > leg.offered);
                    let how = match self.legs.iter().any(is_taken) {
                        true => State::Taken,
                        false => State::Missed,
                    };
                    if leg.state.is_live() && (is_past || how == State::Taken) {
                        leg.end(how, self.touched);
                    }
                    self.legs.push(leg);
                }
            }
        }
        self.legs.sort_by_key(|leg| leg.offered);
        if self.is_live() {
            self.quiet = None;
        }
    }

    /// Leaves out half of what can be missed most easily, if there is anything: legs that are over, the oldest first, then
    /// variables, then names.
    pub(super) fn shorten(&mut self) -> bool {
        let over = self.legs.iter().filter(|leg| !leg.state.is_live()).count();
        let mut leaves = over.div_ceil(2);
        if leaves > 0 {
            self.legs.retain(|leg| {
                let is_left = leaves > 0 && !leg.state.is_live();
                leaves -= usize::from(is_left);
                !is_left
            });
            return true;
        }
        if Arc::make_mut(&mut self.facts).shorten() {
            return true;
        }
        let names = self.ids.len();
        self.ids.truncate(names / 2);
        names > 0
    }

    /// The agents whose desktops show it, each once.
    pub(super) fn desks(&self) -> Vec<String> {
        let agents = self.legs.iter().filter(|leg| leg.pop.is_some());
        let mut agents: Vec<String> = agents
            .filter_map(|leg| leg.offer.as_ref())
            .map(|offer| offer.agent.clone())
            .collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }
}
