//! What a node of a pair does next: pure, so that two of them can be run against each other and a broker that loses what it
//! can.
//!
//! One letter is on its way at a time, so that the stream has own entries in the order in which they were handed on. A letter
//! of which nobody knows what became is sent again, as often as it takes: its entries are numbered, and whoever folds the
//! stream passes over those that it has had. What the stream holds is folded in its order, own entries too; only then are
//! they nothing of ours any more.

mod acts;
mod base;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use acts::{Act, Line, Tailed, Told, View};

use super::super::calls::{self, Calls};
use super::super::entry::Entry;
use super::super::store::State;
use super::committed::Committed;
use super::letter::{Letter, Origin, size};

/// Bounds of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Who it is.
    pub(crate) origin: Origin,
    /// Milliseconds after which a letter that nobody has acknowledged says that there is no quorum.
    pub(crate) patience_ms: u64,
    /// Milliseconds after which it is sent again.
    pub(crate) resend_ms: u64,
    /// Milliseconds between two attempts where one is known to have failed.
    pub(crate) pause_ms: u64,
    /// The most bytes and entries of a letter.
    pub(crate) letter_bytes: usize,
    pub(crate) letter_entries: usize,
    /// Those of the state of calls.
    pub(crate) calls: calls::Bounds,
}

/// An own entry that the stream has not given back yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Own {
    /// From which start of this node it is.
    pub(crate) incarnation: u64,
    /// Its number there, from 1.
    pub(crate) n: u64,
    pub(crate) entry: Arc<Entry>,
}

/// A letter on its way.
#[derive(Debug, Clone)]
struct Flight {
    letter: Arc<Letter>,
    /// When it was sent first, and last.
    since_ms: u64,
    sent_ms: u64,
    /// When it is sent again, where that is known to have failed.
    again_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// There is no connection; one tries again then.
    Cut { again_ms: u64 },
    /// A look is on its way.
    Looking,
    /// The other node is asked for its state, because the stream has lost what comes next.
    Asking(View),
    /// The stream is read.
    Following,
}

/// What one node knows and wants.
#[derive(Debug)]
pub(crate) struct Course {
    bounds: Bounds,
    committed: Committed,
    pending: VecDeque<Own>,
    /// Of those that are pending, so many from the front are known to be in the stream.
    acked: usize,
    /// Own entries of this start.
    handed: u64,
    /// Own entries that are pending no more.
    settled: u64,
    flight: Option<Flight>,
    stand: Stand,
    /// When the stream last kept a letter, and since when what it kept has not come back.
    stored_ms: Option<u64>,
    /// Since when one tries whether the stream keeps anything.
    trying_ms: Option<u64>,
    unreturned_ms: Option<u64>,
    /// The last message that the stream is known to have.
    end: u64,
    has_quorum: bool,
    /// What the stream has is read from another place on: what it held before is nobody's news.
    is_rebasing: bool,
    /// It was read to its end since.
    has_caught_up: bool,
    /// Why the stream is followed no more.
    halted: Option<String>,
    acts: VecDeque<Act>,
}

impl Course {
    /// A node that knows `committed` of the stream, and wants `pending` to be in it.
    pub(crate) fn new(bounds: Bounds, committed: Committed, pending: Vec<Own>) -> Course {
        Course {
            end: committed.sequence,
            committed,
            pending: pending.into(),
            acked: 0,
            handed: 0,
            settled: 0,
            flight: None,
            stored_ms: None,
            trying_ms: None,
            unreturned_ms: None,
            stand: Stand::Cut { again_ms: 0 },
            has_quorum: false,
            is_rebasing: false,
            has_caught_up: false,
            halted: None,
            acts: VecDeque::new(),
            bounds,
        }
    }

    /// What is to be done next.
    pub(crate) fn act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// Who writes here.
    pub(crate) fn origin(&self) -> &Origin {
        &self.bounds.origin
    }

    /// Follows the stream no more, for this reason.
    pub(crate) fn halt(&mut self, why: &str) {
        self.acts.push_back(Act::Tell(Told::Unreadable(why.to_owned())));
        self.halted = Some(why.to_owned());
        self.set_quorum(false);
    }

    /// Everything, as it is written to disk.
    pub(crate) fn state(&self) -> State {
        State::new(
            &self.bounds.origin.node,
            self.committed.clone(),
            self.pending.clone(),
        )
    }

    /// The state that the stream has made.
    pub(crate) fn committed(&self) -> &Committed {
        &self.committed
    }

    /// The calls of that.
    pub(crate) fn calls(&self) -> &Calls {
        &self.committed.calls
    }

    /// Own entries that the stream has not given back, oldest first.
    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = &Own> {
        self.pending.iter()
    }

    /// Own entries that are not known to be in the stream.
    pub(crate) fn unreplicated(&self) -> usize {
        self.pending.len() - self.acked
    }

    /// Messages of the stream that have not been folded yet.
    pub(crate) fn behind(&self) -> u64 {
        self.end.saturating_sub(self.committed.sequence)
    }

    /// Whether what is written is replicated at present.
    pub(crate) fn has_quorum(&self) -> bool {
        self.has_quorum
    }

    /// Whether the stream was read to its end since the start, or since it began anew.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.has_caught_up
    }

    /// Whether the stream is read.
    pub(crate) fn is_following(&self) -> bool {
        self.stand == Stand::Following && self.halted.is_none()
    }

    /// Why this node goes on alone, where it cannot understand the other one.
    pub(crate) fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// Takes an own entry. Gives its place among all own ones, from 1.
    pub(crate) fn hand(&mut self, now_ms: u64, entry: Arc<Entry>) -> u64 {
        self.handed += 1;
        let own = Own {
            incarnation: self.bounds.origin.incarnation,
            n: self.handed,
            entry,
        };
        self.acts.push_back(Act::Note(Line::Handed(own.clone())));
        self.pending.push_back(own);
        self.send(now_ms);
        self.settled + self.pending.len() as u64
    }

    /// Own entries up to this one, counted as [`Course::hand`] does, need not be waited for.
    pub(crate) fn replicated(&self) -> u64 {
        self.settled + self.acked as u64
    }

    /// The letter called `id` is in the stream.
    pub(crate) fn stored(&mut self, now_ms: u64, id: &str) {
        let Some(flight) = self.flight.take_if(|flight| flight.letter.id() == id) else {
            return;
        };
        // Some of it may have come back already, with a shorter letter of before a restart.
        let (origin, last) = (&flight.letter.origin, flight.letter.last());
        let is_last = |own: &Own| own.incarnation == origin.incarnation && own.n == last;
        let place = self.pending.iter().position(is_last);
        self.acked = place.map_or(self.acked, |place| self.acked.max(place + 1));
        self.acts.push_back(Act::Replicated(self.replicated()));
        self.set_quorum(true);
        self.send(now_ms);
    }

    /// The same, as the message `sequence`.
    pub(crate) fn stored_at(&mut self, now_ms: u64, id: &str, sequence: u64) {
        let is_it = |flight: &Flight| flight.letter.id() == id;
        if self.flight.as_ref().is_some_and(is_it) && sequence <= self.committed.sequence {
            // It would have come back by now: the stream has lost its end, and goes on from less than was folded.
            return self.lost_tail();
        }
        self.stored_ms = Some(now_ms);
        self.stored(now_ms, id);
    }

    /// Nobody knows whether the letter called `id` is in the stream.
    pub(crate) fn unknown(&mut self, now_ms: u64, id: &str) {
        let pause = self.bounds.pause_ms;
        if let Some(flight) = self.flight.as_mut().filter(|flight| flight.letter.id() == id) {
            flight.again_ms = Some(now_ms + pause);
        }
        self.tick(now_ms);
    }

    /// The broker has, or has not, kept something that was written elsewhere as a trial.
    pub(crate) fn probed(&mut self, now_ms: u64, is_kept: bool) {
        if !self.is_following() || self.is_stuck(now_ms) {
            return;
        }
        if is_kept {
            return self.set_quorum(true);
        }
        // That another stream fails says little of the calls' own, which may have kept something just now, or may be tried.
        let is_new = |since: u64| now_ms < since + self.bounds.resend_ms;
        if !self.stored_ms.is_some_and(is_new) && !self.trying_ms.is_some_and(is_new) {
            self.trying_ms = Some(now_ms);
            self.acts.push_back(Act::Try);
        }
    }

    /// The calls' own stream has, or has not, kept what was written as a trial.
    pub(crate) fn tried(&mut self, now_ms: u64, is_kept: bool) {
        self.trying_ms = None;
        if self.is_following() && !self.is_stuck(now_ms) {
            self.set_quorum(is_kept);
        }
    }

    /// Whether a letter is on its way for longer than a ring waits.
    fn is_stuck(&self, now_ms: u64) -> bool {
        let is_late = |flight: &Flight| now_ms >= flight.since_ms + self.bounds.patience_ms;
        self.flight.as_ref().is_some_and(is_late)
    }

    /// There is no connection, or none any more.
    pub(crate) fn cut(&mut self, now_ms: u64) {
        self.stand = Stand::Cut {
            again_ms: now_ms + self.bounds.pause_ms,
        };
        self.set_quorum(false);
    }

    /// The stream cannot be looked at now.
    pub(crate) fn cannot_look(&mut self, now_ms: u64) {
        self.cut(now_ms);
        self.stand = Stand::Cut {
            again_ms: now_ms + self.bounds.resend_ms / 2,
        };
    }

    /// The stream is read no more, though there may be a connection: one looks again.
    pub(crate) fn lost_tail(&mut self) {
        if self.stand == Stand::Following {
            self.stand = Stand::Looking;
            self.acts.push_back(Act::Look);
        }
    }

    /// What time alone brings.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        if self.halted.is_some() {
            return;
        }
        if let Stand::Cut { again_ms } = self.stand
            && now_ms >= again_ms
        {
            self.stand = Stand::Looking;
            self.acts.push_back(Act::Look);
        }
        self.look_for_unreturned(now_ms);
        let Some(flight) = &mut self.flight else {
            return self.send(now_ms);
        };
        let is_late = now_ms >= flight.since_ms + self.bounds.patience_ms;
        let again_ms = flight.again_ms.unwrap_or(flight.sent_ms + self.bounds.resend_ms);
        if now_ms >= again_ms && self.stand == Stand::Following {
            (flight.sent_ms, flight.again_ms) = (now_ms, None);
            self.acts.push_back(Act::Publish(Arc::clone(&flight.letter)));
        }
        if is_late {
            self.set_quorum(false);
        }
    }

    /// Sends again what was acknowledged and does not come back, though everything else has: the stream has lost it.
    fn look_for_unreturned(&mut self, now_ms: u64) {
        let is_waiting = self.acked > 0 && self.flight.is_none() && self.is_following() && self.behind() == 0;
        let Some(since) = self.unreturned_ms.filter(|_| is_waiting) else {
            self.unreturned_ms = is_waiting.then_some(now_ms);
            return;
        };
        if now_ms >= since + 2 * self.bounds.resend_ms {
            (self.acked, self.unreturned_ms) = (0, None);
        }
    }

    /// Takes the message `sequence` of the stream, behind which there are `more`.
    pub(crate) fn tailed(&mut self, now_ms: u64, sequence: u64, more: u64, message: Tailed) {
        if !self.is_following() || sequence <= self.committed.sequence {
            return;
        }
        let expected = self.committed.sequence + 1;
        if sequence > expected {
            let found = sequence;
            self.acts.push_back(Act::Tell(Told::Missing { expected, found }));
        }
        self.unreturned_ms = None;
        let was_behind = self.behind() > 0;
        self.end = self.end.max(sequence.saturating_add(more));
        match message {
            Tailed::Letter(letter) => self.fold(sequence, letter),
            Tailed::Other { stamp } => {
                self.committed.pass(sequence, stamp);
                self.acts.push_back(Act::Note(Line::Passed { sequence, stamp }));
                if was_behind && self.behind() == 0 {
                    self.folded(Vec::new());
                }
            }
            Tailed::Unreadable(why) => {
                return self.halt(&why);
            }
        }
        self.send(now_ms);
    }

    fn fold(&mut self, sequence: u64, letter: Letter) {
        let skip = self.committed.fold(sequence, &letter);
        let (last, first) = (letter.last(), letter.first);
        let origin = &letter.origin;
        let is_own = origin.node == self.bounds.origin.node;
        let (mut given_back, mut foreign) = (0, Vec::new());
        for ((n, entry), nth) in (first..).zip(&letter.entries).zip(0..) {
            let is_it = |own: &mut Own| is_own && own.incarnation == origin.incarnation && own.n == n;
            if self.pending.pop_front_if(is_it).is_some() {
                given_back += 1;
            } else if nth >= skip {
                // Own ones that are not pending were written by an earlier start, which did not live to note them.
                foreign.push(Arc::clone(entry));
            }
        }
        self.settled += given_back as u64;
        self.acked = self.acked.saturating_sub(given_back);
        let is_there = |flight: &mut Flight| flight.letter.origin == *origin && flight.letter.last() <= last;
        if self.flight.take_if(is_there).is_some() {
            self.set_quorum(true);
        }
        let line = match (foreign.is_empty(), given_back) {
            (true, 0) => Line::Passed { sequence, stamp: 0 },
            (true, _) => Line::Own {
                sequence,
                incarnation: origin.incarnation,
                first,
                count: letter.entries.len(),
            },
            (false, _) => Line::Letter {
                sequence,
                node: origin.node.clone(),
                incarnation: origin.incarnation,
                first,
                entries: letter.entries.clone(),
            },
        };
        self.acts.push_back(Act::Note(line));
        if given_back > 0 {
            self.acts.push_back(Act::Replicated(self.replicated()));
        }
        self.folded(foreign);
    }

    fn folded(&mut self, mut foreign: Vec<Arc<Entry>>) {
        self.has_caught_up |= self.behind() == 0;
        if self.is_rebasing {
            if !self.has_caught_up {
                return;
            }
            // What it all came to is shown, and not how.
            self.is_rebasing = false;
            foreign.clear();
        }
        let own = self.settled;
        self.acts.push_back(Act::Folded { foreign, own });
    }

    /// Sends the next letter, if none is on its way.
    fn send(&mut self, now_ms: u64) {
        if self.flight.is_some() || !self.is_following() {
            return;
        }
        let mut waiting = self.pending.iter().skip(self.acked).peekable();
        let Some(first) = waiting.peek().copied() else {
            return;
        };
        let mut bytes = 0;
        let of_it = waiting
            .take(self.bounds.letter_entries)
            .take_while(|own| own.incarnation == first.incarnation)
            .take_while(|own| {
                bytes += size(&own.entry);
                bytes <= self.bounds.letter_bytes || own.n == first.n
            });
        let letter = Arc::new(Letter {
            origin: Origin {
                incarnation: first.incarnation,
                ..self.bounds.origin.clone()
            },
            first: first.n,
            entries: of_it.map(|own| Arc::clone(&own.entry)).collect(),
        });
        self.acts.push_back(Act::Publish(Arc::clone(&letter)));
        self.flight = Some(Flight {
            letter,
            since_ms: now_ms,
            sent_ms: now_ms,
            again_ms: None,
        });
    }

    fn set_quorum(&mut self, has_quorum: bool) {
        let has_quorum = has_quorum && self.is_following();
        if self.has_quorum != has_quorum {
            self.has_quorum = has_quorum;
            self.acts.push_back(Act::Quorum(has_quorum));
            self.acts.push_back(Act::Tell(Told::Quorum(has_quorum)));
        }
    }
}
