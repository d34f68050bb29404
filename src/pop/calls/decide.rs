//! What follows from what a phone system, an agent or a desktop says: entries, which nothing has come of yet.

use super::super::call::Call;
use super::super::entry::What;
use super::super::kind::{Rule, Silent};
use super::super::message::{Facts, Link, State};
use super::Calls;

/// The most names of a call.
const IDS_MAX: usize = 64;
/// How long what is told of a closed call is taken for something late, where it comes from the same number, ms.
const LATE_MS: u64 = 120_000;

/// What a phone system says of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The call as its phone system calls it.
    pub call: String,
    /// What else it is called, and the calls that it goes on from.
    pub ids: Vec<String>,
    /// What is known of it.
    pub facts: Facts,
    /// The agents whom it is about.
    pub agents: Vec<String>,
    /// The telephone that it is about.
    pub extension: Option<String>,
    /// What is new.
    pub news: News,
}

/// What is new of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum News {
    /// It rings, or waits.
    #[default]
    Ring,
    /// The caller speaks with a machine.
    Ivr,
    /// An agent answered.
    Answer,
    /// An agent refused.
    Refuse,
    /// An agent hands it on.
    Transfer,
    /// Another agent joins.
    Conference,
    /// An agent said what it was about.
    WrapUp(String),
    /// Something else.
    Update,
    /// It is over for an agent, or, where none is named, for everybody.
    End,
}

/// The one customer who has the whole number, where there is one.
pub type Found<'f> = Option<&'f str>;

/// What becomes of a ring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rung {
    /// The pop of the first agent.
    pub pop_id: Option<String>,
    /// The first agent.
    pub agent: Option<String>,
    /// Why nothing pops: a word for programs.
    pub reason: Option<&'static str>,
}

/// What was spoken of and is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A call.
    #[error(
        "expected the id of a call that rang here lately, found another one; announce the call at /v1/rings first"
    )]
    Call,
    /// A pop.
    #[error("expected the id of a pop on this agent's desktop, found another one; ask for the current ones")]
    Pop,
    /// An agent.
    #[error("expected an agent, or a telephone that somebody has logged in at; name the `agent`")]
    Agent,
}

impl Calls {
    /// What follows from what is `heard`; `found` is who was found by the number.
    pub fn hear(&self, heard: &Heard, found: Found<'_>, now: u64) -> (Vec<What>, Rung) {
        let rule = Rule::of(heard.facts.call_type.as_deref(), heard.facts.is_outbound);
        let ids = self.ids_of(heard);
        let call = self.call(&heard.call);
        let mut agents: Vec<&str> = heard.agents.iter().map(String::as_str).collect();
        if agents.is_empty()
            && let Some(extension) = heard.extension.as_deref()
        {
            // Whoever it is at there, though they have logged out since.
            let at_it = call.and_then(|call| call.agent_at(extension));
            agents.extend(at_it.or_else(|| self.sessions.at(extension, now)));
        }
        if let Some(silent) = rule.silent.filter(|silent| *silent != Silent::ManualOutbound) {
            // A call that rang as another kind ends, or is wrapped up, as what it is by then; one that was told apart
            // does not end what it only belongs to.
            let came_so = |agent: &&str| {
                let leg = call.and_then(|call| call.leg(agent));
                leg.is_some_and(|leg| leg.via == heard.call)
            };
            let is_late = matches!(heard.news, News::End | News::Refuse | News::WrapUp(_));
            if !is_late || !agents.iter().any(came_so) {
                let reason = Some(silent.as_str());
                return (
                    self.called(heard, &ids),
                    Rung {
                        reason,
                        ..Rung::default()
                    },
                );
            }
        }
        match &heard.news {
            News::Ring => self.rings(heard, ids, rule, &agents, found, now),
            News::Answer => {
                let Some(agent) = agents.first() else {
                    return (self.called(heard, &ids), Rung::default());
                };
                let leg = call.and_then(|call| call.leg(agent));
                let is_over = call.is_some_and(|call| call.is_over || call.closed.is_some());
                let (mut entries, rung) = match leg.map(|leg| leg.state) {
                    Some(State::Ringing) => (self.called(heard, &ids), self.rung(call, agent)),
                    Some(State::Answered | State::Ended) => {
                        return (self.called(heard, &ids), self.rung(call, agent));
                    }
                    Some(State::Missed | State::Refused | State::Taken) if is_over => {
                        return (self.called(heard, &ids), self.rung(call, agent));
                    }
                    // Nobody has said that it rings, or not for so long: the agent is shown it all the same.
                    Some(State::Missed | State::Refused | State::Taken) | None => {
                        self.rings(heard, ids, rule, &[*agent], found, now)
                    }
                };
                entries.push(What::Answered {
                    call: heard.call.clone(),
                    by: self
                        .sessions
                        .offer(agent, heard.extension.as_deref(), now, rule.silent.is_none()),
                });
                (entries, rung)
            }
            _ if call.is_none() && heard.news != News::Ivr => (Vec::new(), Rung::default()),
            news => (
                self.happens(heard, ids, rule, news, &agents, found),
                Rung::default(),
            ),
        }
    }

    /// What follows from news of a call that is known, or that begins with a machine.
    fn happens(
        &self,
        heard: &Heard,
        ids: Vec<String>,
        rule: Rule,
        news: &News,
        agents: &[&str],
        found: Found<'_>,
    ) -> Vec<What> {
        let call = self.call(&heard.call);
        let mut entries = self.called(heard, &ids);
        let id = || heard.call.clone();
        let agent = agents.first().map(|agent| (*agent).to_owned());
        match (news, agent) {
            (News::Ivr, _) => {
                if call.is_none() {
                    entries.push(self.ring_entry(heard, ids, rule, Vec::new(), found));
                }
                entries.push(What::Ivr { call: id() });
            }
            (News::Refuse, Some(agent)) => entries.push(What::Refused { call: id(), agent }),
            (News::Transfer | News::Conference, agent) => entries.push(What::Moved {
                call: id(),
                agent,
                is_conference: *news == News::Conference,
            }),
            (News::WrapUp(text), Some(agent)) => {
                let leg = call.and_then(|call| call.leg(&agent));
                if leg.is_some_and(|leg| leg.wrap_up.as_deref() != Some(text)) {
                    entries.push(What::WrappedUp {
                        call: id(),
                        agent,
                        wrap_up: text.clone(),
                    });
                }
            }
            (News::End, Some(agent)) => {
                let leg = call.and_then(|call| call.leg(&agent));
                if leg.is_some_and(|leg| leg.state.is_live()) {
                    let agent = Some(agent);
                    entries.push(What::Ended { call: id(), agent });
                }
            }
            // Over at a telephone that nobody is at is over for nobody else.
            (News::End, None) if heard.extension.is_none() && call.is_some_and(|call| !call.is_over) => {
                entries.push(What::Ended {
                    call: id(),
                    agent: None,
                });
            }
            _ => {}
        }
        entries
    }

    fn rings(
        &self,
        heard: &Heard,
        ids: Vec<String>,
        rule: Rule,
        agents: &[&str],
        found: Found<'_>,
        now: u64,
    ) -> (Vec<What>, Rung) {
        let call = self
            .call(&heard.call)
            .filter(|call| !is_past(call, &heard.facts, now));
        // What is told again, or late, of a call that is over, is nothing new; where it goes on, it rings anew.
        let is_known = |agent: &&str| {
            let leg = call.and_then(|call| call.leg(agent));
            leg.zip(call).is_some_and(|(leg, call)| {
                let is_told =
                    call.closed.is_some() || call.is_over || leg.state == State::Ended && !call.is_live();
                leg.state.is_live() || is_told
            })
        };
        let mut rung = Rung {
            agent: agents.first().map(|agent| (*agent).to_owned()),
            reason: match (rule.silent, agents.is_empty()) {
                (Some(silent), _) => Some(silent.as_str()),
                (None, false) => None,
                (None, true) if heard.extension.is_some() => Some("unknown_extension"),
                (None, true) if heard.facts.queue.is_some() => Some("queued"),
                (None, true) => Some("no_agent"),
            },
            pop_id: None,
        };
        if !agents.is_empty() && agents.iter().all(is_known) {
            let entries = self.called(heard, &ids);
            let first = agents.first().and_then(|agent| call?.leg(agent));
            rung.pop_id = first.and_then(|leg| leg.pop.clone());
            return (entries, rung);
        }
        if agents.is_empty() && call.is_some_and(|call| call.closed.is_some()) {
            return (Vec::new(), rung);
        }
        let offers = agents.iter().filter(|agent| !is_known(agent));
        let offers: Vec<_> = offers
            .map(|agent| {
                let extension = heard.extension.as_deref();
                self.sessions.offer(agent, extension, now, rule.silent.is_none())
            })
            .collect();
        (vec![self.ring_entry(heard, ids, rule, offers, found)], rung)
    }

    /// Whose the closed calls are that a ring goes on from: one that it names as another call, and one of the same id where
    /// it is the same caller's, or is said to be handed on. Phone systems use ids again, and the next caller is nobody's.
    fn inherited(&self, heard: &Heard, ids: &[String]) -> Option<Link> {
        let is_handed_on = matches!(heard.facts.call_type.as_deref(), Some("TRANSFER" | "CONFERENCE"));
        let same = self
            .call(&heard.call)
            .filter(|call| is_handed_on || !heard.facts.ani.is_empty() && call.facts.ani == heard.facts.ani);
        let others = ids.iter().filter_map(|id| self.call(id));
        let closed = same
            .into_iter()
            .chain(others)
            .filter(|call| call.closed.is_some());
        closed
            .filter_map(|call| call.link.clone())
            .max_by_key(|link| (link.is_chosen, link.at))
    }

    fn ring_entry(
        &self,
        heard: &Heard,
        ids: Vec<String>,
        rule: Rule,
        offers: Vec<super::Offer>,
        found: Found<'_>,
    ) -> What {
        What::Ring {
            call: heard.call.clone(),
            inherits: self.inherited(heard, &ids),
            ids,
            facts: Box::new(heard.facts.clone()),
            recorded: rule.recorded,
            offers,
            link: found.map(str::to_owned),
        }
    }

    fn rung(&self, call: Option<&Call>, agent: &str) -> Rung {
        let leg = call.and_then(|call| call.leg(agent));
        Rung {
            pop_id: leg.and_then(|leg| leg.pop.clone()),
            agent: Some(agent.to_owned()),
            reason: None,
        }
    }

    /// What makes one call of what is called so many names, where they are not known to be one. Closed calls are left alone.
    fn called(&self, heard: &Heard, ids: &[String]) -> Vec<What> {
        let names = || std::iter::once(&heard.call).chain(ids);
        let is_open = |id: &&String| self.call(id).is_none_or(|call| call.closed.is_none());
        let open: Vec<String> = names().filter(is_open).cloned().collect();
        let Some(root) = open.iter().find_map(|id| self.ids.get(id)) else {
            return Vec::new();
        };
        let has_room = self.call(root).is_some_and(|call| call.ids.len() < IDS_MAX);
        if !has_room || open.iter().all(|id| self.ids.get(id) == Some(root)) {
            return Vec::new();
        }
        vec![What::Called {
            call: root.clone(),
            ids: open,
        }]
    }

    fn ids_of(&self, heard: &Heard) -> Vec<String> {
        let mut ids = heard.ids.clone();
        for (name, value) in &heard.facts.variables {
            let mut keys = self.bounds.key_variables.iter();
            // Under one spelling, whatever the phone system's of the moment is.
            if let Some(key) = keys
                .find(|key| key.eq_ignore_ascii_case(name))
                .filter(|_| !value.is_empty())
            {
                ids.push(format!("{key}={value}"));
            }
        }
        ids.retain(|id| *id != heard.call && !id.is_empty());
        ids.truncate(IDS_MAX);
        ids
    }

    /// What follows where `agent`, if they are named, says that the call `id` is of `customer`.
    ///
    /// # Errors
    /// The call is not known.
    pub fn linking(&self, id: &str, customer: Option<&str>, agent: Option<&str>) -> Result<What, Unknown> {
        let call = self.call(id).ok_or(Unknown::Call)?;
        Ok(What::Linked {
            call: call.id.clone(),
            customer: customer.map(str::to_owned),
            agent: agent.map(str::to_owned),
        })
    }

    /// What follows where somebody takes back what was said of whose call `id` is.
    ///
    /// # Errors
    /// The call is not known.
    pub fn unlinking(&self, id: &str) -> Result<What, Unknown> {
        let call = self.call(id).ok_or(Unknown::Call)?;
        Ok(What::Unsaid {
            call: call.id.clone(),
        })
    }

    /// What follows where the tab `tab` of `agent` is about to show the pop `pop_id`, and the tab that shows it then;
    /// nothing follows where another one does, unless that `is_gone`.
    ///
    /// # Errors
    /// The pop is not known.
    pub fn showing(
        &self,
        agent: &str,
        pop_id: &str,
        tab: &str,
        is_gone: impl FnOnce(&str) -> bool,
    ) -> Result<(Option<What>, String), Unknown> {
        let calls = self.desks.get(agent).into_iter().flatten();
        let mut legs = calls.filter_map(|id| {
            let call = self.calls.get(id)?;
            let leg = call.leg(agent)?;
            (leg.pop.as_deref() == Some(pop_id)).then_some((call, leg))
        });
        let (call, leg) = legs.next().ok_or(Unknown::Pop)?;
        if let Some(shown_by) = &leg.shown_by
            && (shown_by == tab || !is_gone(shown_by))
        {
            return Ok((None, shown_by.clone()));
        }
        let shown = What::Shown {
            call: call.id.clone(),
            agent: agent.to_owned(),
            tab: tab.to_owned(),
        };
        Ok((Some(shown), tab.to_owned()))
    }

    /// How far the call `id` has come: the state of its newest leg that is live, or of the newest one.
    pub fn state(&self, id: &str) -> Option<&'static str> {
        let call = self.call(id)?;
        let legs = || call.legs.iter().rev().filter(|leg| leg.offer.is_some());
        let leg = legs().find(|leg| leg.state.is_live());
        let leg = leg
            .or_else(|| legs().find(|leg| leg.answered.is_some()))
            .or_else(|| legs().next());
        Some(match leg {
            Some(leg) => leg.state.as_str(),
            None if call.is_over => "ended",
            None => "waiting",
        })
    }
}

/// Whether a ring with these `facts` is none of `call`, which is closed: an id that is used again.
fn is_past(call: &Call, facts: &Facts, now: u64) -> bool {
    call.closed
        .is_some_and(|closed| call.facts.ani != facts.ani || now.saturating_sub(closed) > LATE_MS)
}
