//! What one node knows, piece by piece, for a stream that may know nothing of it: one that is new, or was made again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::call::Call;
use super::super::entry::What;
use super::super::message::{Kind, Message};
use super::super::pending::Pending;
use super::super::sessions::Session;
use super::Calls;

/// A call, a log-in or a customer who was written down, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece(Known);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Known {
    Call(Call),
    Session(String, Session),
    Pending(String, Pending),
}

impl Piece {
    /// Leaves out what can be missed most easily; whether there was anything.
    pub(in crate::pop) fn shorten(&mut self) -> bool {
        match &mut self.0 {
            Known::Call(call) => call.shorten(),
            Known::Session(..) | Known::Pending(..) => false,
        }
    }
}

impl Calls {
    /// Everything that is known, as entries: brought into another state, they add to it what it does not know.
    pub fn pieces(&self) -> impl Iterator<Item = What> + use<> {
        self.pieces_new_to(&Calls::default())
    }

    /// The same, but for what `other` knows at least as well.
    pub fn pieces_new_to(&self, other: &Calls) -> impl Iterator<Item = What> + use<> {
        let is_newer = |call: &&Call| {
            let known = other.calls.get(&call.id);
            known.is_none_or(|known| known.touched < call.touched)
        };
        let mut calls: Vec<&Call> = self.calls.values().filter(is_newer).collect();
        calls.sort_unstable_by(|a, b| (a.began, &a.id).cmp(&(b.began, &b.id)));
        let is_known = |agent: &str| other.sessions.iter().any(|(known, _)| known == agent);
        let sessions = self.sessions.iter().filter(|(agent, _)| !is_known(agent));
        let sessions = sessions.map(|(agent, session)| Known::Session(agent.to_owned(), session.clone()));
        let pending = self
            .pending
            .iter()
            .filter(|(id, _)| other.pending.get(id).is_none());
        let pending = pending.map(|(id, pending)| Known::Pending(id.to_owned(), pending.clone()));
        let calls = calls.into_iter().map(|call| Known::Call(call.clone()));
        let pieces: Vec<Known> = sessions.chain(pending).chain(calls).collect();
        pieces.into_iter().map(|known| What::Brought {
            piece: Box::new(Piece(known)),
        })
    }

    /// Whether `other` is the same state, but for the ids of messages.
    pub fn is_same_as(&self, other: &Calls) -> bool {
        self.calls == other.calls
            && self.ids == other.ids
            && self.sessions == other.sessions
            && self.pending == other.pending
            && self.desks == other.desks
    }

    /// The agents whose desktops show something else in `other`.
    pub fn agents_unlike(&self, other: &Calls) -> Vec<String> {
        let agents: BTreeSet<&String> = self.desks.keys().chain(other.desks.keys()).collect();
        let unlike = agents
            .into_iter()
            .filter(|agent| self.current(agent) != other.current(agent));
        unlike.cloned().collect()
    }

    /// Adds a piece of what another state knew, where it is new here; gives what desktops are to be told of it.
    pub(super) fn bring(&mut self, piece: &Piece) -> Vec<Message> {
        match &piece.0 {
            Known::Call(call) => self.bring_call(call),
            Known::Session(agent, session) => {
                let is_known = self.sessions.iter().any(|(known, _)| known == agent);
                let extension = session.extension.as_ref();
                if !is_known && !extension.is_some_and(|extension| self.sessions.has(extension)) {
                    self.sessions.log_in(agent, session.clone());
                }
                Vec::new()
            }
            Known::Pending(id, pending) => {
                if self.pending.get(id).is_none() {
                    self.pending.add(id, pending.clone());
                }
                Vec::new()
            }
        }
    }

    /// Of two nodes that bring the same call, the one that has heard of it last is believed; its pops stay what they are called.
    fn bring_call(&mut self, call: &Call) -> Vec<Message> {
        let names = || std::iter::once(&call.id).chain(&call.ids);
        let mut known = names().filter_map(|id| self.call(id));
        if known.any(|known| known.touched >= call.touched) {
            return Vec::new();
        }
        let mut brought = call.clone();
        for known in names().filter_map(|id| self.call(id)) {
            brought.shown_as(known);
        }
        let mut told = Vec::new();
        for id in names() {
            self.forget(id);
        }
        let call = &brought;
        self.parties = None;
        for id in names() {
            self.ids.insert(id.clone(), call.id.clone());
        }
        self.due.insert((call.due(&self.bounds), call.id.clone()));
        if let Some(closed) = call.closed {
            self.closed.insert((closed, call.id.clone()));
        }
        for agent in call.desks() {
            let shown = self.desks.entry(agent.clone()).or_default();
            shown.push(call.id.clone());
            let is_live = call.closed.is_none() && call.leg(&agent).is_some_and(|leg| leg.state.is_live());
            told.push((agent, if is_live { Kind::Pop } else { Kind::Update }));
        }
        self.calls.insert(call.id.clone(), call.clone());
        let mut messages: Vec<Message> = Vec::new();
        for (agent, kind) in told {
            messages.extend(self.message(&call.id, &agent, kind));
        }
        messages.extend(self.bound());
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::entry::{Entry, Offer};
    use super::super::super::message::State;
    use super::*;

    fn ring(call: &str, agent: &str, at: u64) -> Entry {
        let offer = Offer {
            agent: agent.to_owned(),
            pops: true,
            pop: Some(format!("p-{call}")),
            ..Offer::default()
        };
        Entry {
            at,
            what: What::Ring {
                call: call.to_owned(),
                ids: vec![format!("{call}-too")],
                facts: Box::default(),
                recorded: true,
                offers: vec![offer],
                link: None,
                inherits: None,
            },
        }
    }

    #[test]
    fn a_telephone_rings_no_longer_beside_one_at_which_the_call_was_answered() {
        let mut calls = Calls::default();
        calls.apply(&ring("1", "joan", 10));
        let mut other = calls.clone();
        calls.apply(&ring("1", "ben", 20));
        let answered = What::Answered {
            call: "1".into(),
            by: Offer {
                agent: "joan".into(),
                ..Offer::default()
            },
        };
        other.apply(&Entry {
            at: 30,
            what: answered,
        });
        let whats: Vec<What> = other.pieces().collect();
        for what in whats {
            calls.apply(&Entry { at: 40, what });
        }
        let state = |agent: &str| calls.shown("1", agent).map(|shown| shown.state);
        assert_eq!(
            (state("joan"), state("ben")),
            (Some(State::Answered), Some(State::Taken))
        );
    }

    #[test]
    fn what_another_state_knows_as_well_is_not_brought() {
        let known = known();
        assert_eq!(known.pieces_new_to(&known).count(), 0);
        let mut other = known.clone();
        other.apply(&ring("1", "ben", 50));
        let newer: Vec<What> = other.pieces_new_to(&known).collect();
        assert!(
            matches!(&newer[..], [What::Brought { piece }] if matches!(&piece.0, Known::Call(call) if call.id == "1"))
        );
    }

    fn known() -> Calls {
        let mut calls = Calls::default();
        calls.apply(&ring("1", "joan", 10));
        calls.apply(&ring("2", "ben", 20));
        let what = What::LoggedIn {
            agent: "joan".into(),
            extension: Some("4411".into()),
            name: None,
            team: None,
            until: 1000,
        };
        calls.apply(&Entry { at: 30, what });
        calls.apply(&Entry {
            at: 40,
            what: What::Closed { call: "2".into() },
        });
        calls
    }

    #[test]
    fn what_is_brought_makes_the_same_state_and_a_second_time_changes_nothing() {
        let known = known();
        let mut other = Calls::default();
        let mut told = Vec::new();
        for what in known.pieces() {
            told.extend(other.apply(&Entry { at: 50, what }));
        }
        assert!(other.is_same_as(&known), "{other:?}\n{known:?}");
        assert_eq!((other.due(u64::MAX).len(), other.live()), (2, 2));
        let pops: Vec<_> = told
            .iter()
            .map(|message| (&*message.agent, message.kind))
            .collect();
        assert_eq!(pops, [("joan", Kind::Pop), ("ben", Kind::Update)]);
        assert_eq!(&*told[0].pop.pop_id, "p-1");
        let whats: Vec<What> = known.pieces().collect();
        for what in whats {
            assert_eq!(other.apply(&Entry { at: 60, what }), Vec::new());
        }
        assert!(other.is_same_as(&known));
    }

    #[test]
    fn who_heard_of_a_call_last_is_believed() {
        let mut newer = known();
        newer.apply(&Entry {
            at: 90,
            what: What::Ended {
                call: "1".into(),
                agent: None,
            },
        });
        let mut older = known();
        let of_newer: Vec<What> = newer.pieces().collect();
        for what in of_newer {
            older.apply(&Entry { at: 100, what });
        }
        assert!(older.is_same_as(&newer));
        let of_older: Vec<What> = known().pieces().collect();
        for what in of_older {
            newer.apply(&Entry { at: 100, what });
        }
        assert!(older.is_same_as(&newer));
    }

    #[test]
    fn a_call_that_is_brought_is_shown_as_it_was_and_to_everybody() {
        let mut calls = Calls::default();
        calls.apply(&ring("1", "joan", 10));
        calls.apply(&ring("1", "ben", 20));
        let mut other = Calls::default();
        let mut rings = ring("1", "joan", 30);
        if let What::Ring { offers, .. } = &mut rings.what {
            offers
                .iter_mut()
                .for_each(|offer| offer.pop = Some("another".to_owned()));
        }
        other.apply(&rings);
        let whats: Vec<What> = other.pieces().collect();
        for what in whats {
            let told = calls.apply(&Entry { at: 40, what });
            assert!(
                told.iter().all(|message| &*message.pop.pop_id == "p-1"),
                "{told:?}"
            );
        }
        for agent in ["joan", "ben"] {
            let shown = calls.current(agent);
            assert_eq!(shown.len(), 1);
            assert!(
                shown
                    .iter()
                    .all(|shown| &*shown.pop_id == "p-1" && shown.state.is_live())
            );
        }
        // What rang too long by then and rings anew is another pop.
        calls.apply(&Entry {
            at: 50,
            what: What::Missed {
                call: "1".into(),
                agent: "joan".into(),
            },
        });
        rings.at = 60;
        other.apply(&Entry {
            at: 59,
            what: What::Missed {
                call: "1".into(),
                agent: "joan".into(),
            },
        });
        other.apply(&rings);
        let whats: Vec<What> = other.pieces().collect();
        for what in whats {
            calls.apply(&Entry { at: 70, what });
        }
        assert!(
            calls
                .current("joan")
                .iter()
                .all(|shown| &*shown.pop_id == "another")
        );
    }

    #[test]
    fn ids_that_are_skipped_are_not_given() {
        let mut calls = known();
        for to in [500, 400] {
            calls.apply(&Entry {
                at: 1,
                what: What::Skipped { to },
            });
        }
        let told = calls.apply(&ring("3", "joan", 100));
        assert_eq!(told.first().map(|message| message.id), Some(501));
        let copy: Calls = serde_json::from_slice(&serde_json::to_vec(&calls).unwrap()).unwrap();
        assert!(copy.is_same_as(&calls));
    }
}
