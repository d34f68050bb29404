//! The streams of one agent: what was published, and who has read how far.
//!
//! There is one row of messages, and each stream has a place in it: what is replayed to a stream and what comes while it
//! listens is one row, so that nothing is told twice and nothing is missed wherever a stream begins. Everything here is
//! one step under one lock, and waits for nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use super::DeskSettings;
use crate::pop::Message;

/// Whoever is to be woken once no lock is held.
pub(super) type Wakers = SmallVec<[Waker; 8]>;

/// One agent's messages and streams.
#[derive(Debug)]
pub(super) struct AgentDesk {
    /// With the time of each, in seconds of the hub; ids ascend.
    row: VecDeque<(u64, Arc<Message>)>,
    /// Every message above this id is in the row.
    floor: u64,
    /// What was told below this id is void.
    reset: u64,
    /// Nothing is replayed behind what was told below this id.
    skipped: u64,
    /// The last id that was published.
    last: u64,
    listeners: SmallVec<[Listener; 2]>,
    next_key: u64,
}

/// One stream.
#[derive(Debug)]
struct Listener {
    key: u64,
    waker: Option<Waker>,
    /// What its desktop calls itself.
    tab: Option<Box<str>>,
}

/// What follows a place in the row.
#[derive(Debug)]
pub(super) enum Following {
    /// This message.
    Next(Arc<Message>),
    /// Nothing yet.
    Nothing,
    /// More than a stream may be behind, or what is not kept any more.
    TooMuch,
}

impl AgentDesk {
    /// Nothing at or below `floor` is kept.
    pub(super) fn new(floor: u64) -> AgentDesk {
        AgentDesk {
            row: VecDeque::new(),
            floor,
            reset: 0,
            skipped: 0,
            last: 0,
            listeners: SmallVec::new(),
            next_key: 0,
        }
    }

    /// Adds `message`; one whose id is not above the last one's is known already, and is dropped.
    pub(super) fn publish(&mut self, message: Arc<Message>, now_s: u64, bounds: &DeskSettings) -> Wakers {
        if message.id <= self.last {
            return Wakers::new();
        }
        self.last = message.id;
        self.row.push_back((now_s, message));
        self.forget(now_s, bounds);
        self.listeners
            .iter_mut()
            .filter_map(|listener| listener.waker.take())
            .collect()
    }

    /// Makes void what was told below `id`.
    pub(super) fn reset(&mut self, id: u64) -> Wakers {
        self.row.retain(|(_, message)| message.id > id);
        self.floor = self.floor.max(id);
        self.reset = self.reset.max(id);
        self.listeners
            .iter_mut()
            .filter_map(|listener| listener.waker.take())
            .collect()
    }

    /// Has whoever comes back with an id below `id` begin anew.
    pub(super) fn skip(&mut self, id: u64) {
        self.skipped = self.skipped.max(id);
    }

    /// Whether what a stream was told up to `at` is void.
    pub(super) fn is_void(&self, at: u64) -> bool {
        at < self.reset
    }

    /// Drops what is not to be replayed any more.
    pub(super) fn forget(&mut self, now_s: u64, bounds: &DeskSettings) {
        // Who listens may be behind by as much as a queue holds, whatever is replayed.
        let most = match self.listeners.is_empty() {
            true => bounds.replay_max,
            false => bounds.replay_max.max(bounds.queue_max),
        };
        while let Some((at_s, first)) = self.row.front()
            && (self.row.len() > most || now_s.saturating_sub(*at_s) > bounds.replay_s)
        {
            self.floor = self.floor.max(first.id);
            self.row.pop_front();
        }
        if self.row.is_empty() {
            // One that had a burst need not keep its room.
            self.row = VecDeque::new();
        }
    }

    /// Everything up to here has been published, as far as anybody knows.
    pub(super) fn end(&self) -> u64 {
        self.last.max(self.floor)
    }

    /// What follows `after`; `None` where that is not known any more.
    pub(super) fn replay(&self, after: u64) -> Option<Vec<Arc<Message>>> {
        if after < self.floor.max(self.skipped) {
            return None;
        }
        let rest = self.row.range(self.place(after)..);
        Some(rest.map(|(_, message)| Arc::clone(message)).collect())
    }

    /// What follows `after` for the stream `key`, which is woken where nothing does yet.
    pub(super) fn following(&mut self, key: u64, after: u64, most: usize, waker: &Waker) -> Following {
        let place = self.place(after);
        if after < self.floor || self.row.len() - place > most {
            return Following::TooMuch;
        }
        if let Some((_, message)) = self.row.get(place) {
            return Following::Next(Arc::clone(message));
        }
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.key == key) {
            match &mut listener.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        Following::Nothing
    }

    /// One more stream, and its key; `None` where there are `most` already.
    pub(super) fn enter(&mut self, most: usize) -> Option<u64> {
        if self.listeners.len() >= most {
            return None;
        }
        let key = self.next_key;
        self.next_key += 1;
        self.listeners.push(Listener {
            key,
            waker: None,
            tab: None,
        });
        Some(key)
    }

    /// The stream `key` is of the desktop that calls itself `tab`.
    pub(super) fn name(&mut self, key: u64, tab: &str) {
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.key == key) {
            listener.tab = Some(tab.into());
        }
    }

    /// Whether the desktop that calls itself `tab` listens.
    pub(super) fn has(&self, tab: &str) -> bool {
        self.listeners
            .iter()
            .any(|listener| listener.tab.as_deref() == Some(tab))
    }

    /// The stream `key` has ended.
    pub(super) fn leave(&mut self, key: u64) {
        self.listeners.retain(|listener| listener.key != key);
    }

    /// Streams at present.
    pub(super) fn streams(&self) -> usize {
        self.listeners.len()
    }

    /// Whether nobody listens and nothing is to be replayed.
    pub(super) fn is_idle(&self) -> bool {
        self.listeners.is_empty() && self.row.is_empty()
    }

    /// The place in the row of the first message above `after`.
    fn place(&self, after: u64) -> usize {
        // Nearly everybody has read everything, or all but the last.
        let back = self.row.iter().rev().take(2);
        let behind = back.take_while(|(_, message)| message.id > after).count();
        if behind < 2 {
            return self.row.len() - behind;
        }
        self.row.partition_point(|(_, message)| message.id <= after)
    }
}
