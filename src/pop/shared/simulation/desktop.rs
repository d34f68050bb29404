//! One agent's desktop: it listens as desktops do, comes back behind the last message that it knows, and goes by the rules of
//! the page.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Context, Poll, Waker};

use super::super::super::desk::{Beginning, Subscription};
use super::super::super::message::{Shown, State};
use super::node::Process;

/// What a desktop shows of a pop.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) call: String,
    pub(super) state: State,
    epoch: u64,
    id: u64,
}

/// One agent's desktop.
#[derive(Default)]
pub(super) struct Desktop {
    /// Where it is connected, and to which start.
    pub(super) at: Option<(usize, u64)>,
    pub(super) again_ms: u64,
    pub(super) epoch: u64,
    stream: Option<Subscription>,
    /// The last message that it knows.
    last: Option<u64>,
    pub(super) cards: BTreeMap<String, Card>,
    /// Every pop that was ever put on the screen as new, and each call's last one.
    seen: BTreeSet<String>,
    pub(super) called: BTreeMap<String, String>,
}

/// A call that is shown as new: the call, the pop, and the pop that it was shown as before.
pub(super) type Again = (String, String, String);

impl Desktop {
    /// It listens no more, until `again_ms`.
    pub(super) fn lose(&mut self, again_ms: u64) {
        (self.at, self.stream, self.again_ms) = (None, None, again_ms);
    }

    /// Connects to the node at `place`, and reads what it tells. Gives calls that are shown as new a second time.
    pub(super) fn listen(&mut self, place: usize, agent: &str, now_ms: u64, process: &Process) -> Vec<Again> {
        let epoch = process.machine.epoch();
        if epoch < self.epoch {
            self.lose(now_ms + 100);
            return Vec::new();
        }
        self.epoch = epoch;
        let mut again = Vec::new();
        if self.stream.is_none() {
            self.at = Some((place, process.start));
            let mut stream = process.desks.subscribe(agent, self.last).unwrap();
            match stream.begin() {
                Beginning::Replay(missed) => {
                    for message in missed {
                        again.extend(self.apply(message.id, &message.pop, false));
                        self.last = Some(message.id);
                    }
                }
                Beginning::Reset => {
                    let id = process.present.newest_id();
                    stream.pass(id);
                    let pops = process.present.current(agent);
                    for pop in pops.iter().rev() {
                        again.extend(self.apply(id, pop, true));
                    }
                    let is_there = |pop: &String| pops.iter().any(|shown| *shown.pop_id == **pop);
                    let gone = self.cards.iter_mut().filter(|(pop, _)| !is_there(pop));
                    gone.filter(|(_, card)| card.state.is_live())
                        .for_each(|(_, card)| card.state = State::Missed);
                    self.last = Some(id);
                }
            }
            self.stream = Some(stream);
        }
        let mut context = Context::from_waker(Waker::noop());
        while let Some(stream) = &mut self.stream {
            match stream.poll_next(&mut context) {
                Poll::Ready(Some(message)) => {
                    again.extend(self.apply(message.id, &message.pop, false));
                    self.last = self.last.max(Some(message.id));
                }
                Poll::Ready(None) => self.lose(now_ms + 50),
                Poll::Pending => break,
            }
        }
        again
    }

    /// As the page does it: `is_anew` while the present pops are told.
    fn apply(&mut self, id: u64, pop: &Shown, is_anew: bool) -> Option<Again> {
        let (pop_id, call) = (pop.pop_id.to_string(), pop.call_id.to_string());
        if is_anew && !self.cards.contains_key(&pop_id) {
            // Two nodes that heard the same ring may have named its pop apart.
            let mut cards = self.cards.iter();
            let known = cards.find(|(_, card)| card.call == call && card.state.is_live());
            if let Some((before, card)) = known.map(|(pop, card)| (pop.clone(), card.clone())) {
                self.cards.remove(&before);
                self.cards.insert(pop_id.clone(), card);
                self.seen.insert(pop_id.clone());
                self.called.insert(call.clone(), pop_id.clone());
            }
        }
        let before = self.cards.get(&pop_id);
        if before.is_some_and(|card| !is_anew && card.epoch == self.epoch && id < card.id) {
            return None;
        }
        let card = Card {
            call: call.clone(),
            state: pop.state,
            epoch: self.epoch,
            id,
        };
        self.cards.insert(pop_id.clone(), card);
        if !self.seen.insert(pop_id.clone()) {
            return None;
        }
        let before = self.called.insert(call.clone(), pop_id.clone());
        before.map(|before| (call, pop_id, before))
    }
}
