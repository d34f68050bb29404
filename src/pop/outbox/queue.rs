//! What is to be sent, in which order and when. Pure: it is told the time and what came of attempts, and says what to send
//! and what to write down.
//!
//! Of each lane one item is under way at most, the one with the lowest number. An item about a customer that an earlier item
//! makes waits for that one, whichever lane it is in, and is sent under the id that the system of record gave. As it waits
//! for lower numbers only, or for what nothing holds up, nothing ever waits in a circle.
//!
//! Of two nodes each has such a queue, and [`mirror`] is what they tell each other; one of them sends.

mod acts;
mod lanes;
mod mirror;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::entry::{Dead, Death, Entry, State};
use super::item::Item;
use super::memory::{Hash, Memory, hash};
use super::pace::{Gate, Pace};
use lanes::Lanes;

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Items that wait.
    pub(super) items_max: usize,
    /// Bytes of items that wait.
    pub(super) bytes_max: u64,
    /// Dead letters, and how long one is kept.
    pub(super) dead_max: usize,
    pub(super) dead_kept_s: i64,
    /// Keys and ids that are remembered.
    pub(super) keys_kept: usize,
    /// Attempts that fail for what may be the item's own fault.
    pub(super) attempts_max: u32,
    /// Items under way at once.
    pub(super) in_flight_max: usize,
    pub(super) pace: Pace,
}

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The system of record has it.
    Delivered { assigned_id: Option<String> },
    /// It will never take it.
    Refused { error: String, answer: Option<String> },
    /// It may take it another time.
    Failed { error: String, answer: Option<String> },
    /// It takes nothing from anybody now.
    Away { error: String, asked_ms: Option<u64> },
}

/// What to do now.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// To be sent; [`Queue::settle`] is told what came of each.
    pub(super) send: Vec<Item>,
    /// To be written down: items whose customer could not be made.
    pub(super) entries: Vec<Entry>,
}

/// Whether an item may be sent as far as its customer goes.
enum Need {
    Nothing,
    /// A customer that is still to be made.
    Waits(String),
    /// One that could not be made.
    Lost(String),
}

struct Waiting {
    item: Item,
    due: u64,
}

/// Everything that waits, and what is remembered.
pub(super) struct Queue {
    limits: Limits,
    next_id: u64,
    waiting: BTreeMap<u64, Waiting>,
    bytes: u64,
    lanes: Lanes,
    /// Items that make customers, by the provisional id: those that wait, and those that are dead.
    creating: HashMap<String, u64>,
    lost: HashMap<String, u64>,
    dead: BTreeMap<u64, Dead>,
    /// Keys of what waits or is dead.
    present: HashMap<Hash, u64>,
    past: Memory<Hash, u64>,
    assigned: Memory<String, String>,
    gate: Gate,
}

impl Queue {
    /// What `state` says, all of it due at once.
    pub(super) fn new(limits: Limits, state: State) -> Queue {
        let mut queue = Queue {
            limits,
            next_id: state.next_id.max(1),
            waiting: BTreeMap::new(),
            bytes: 0,
            lanes: Lanes::default(),
            creating: HashMap::new(),
            lost: HashMap::new(),
            dead: BTreeMap::new(),
            present: HashMap::new(),
            past: Memory::new(limits.keys_kept),
            assigned: Memory::new(limits.keys_kept),
            gate: Gate::default(),
        };
        for (key, id) in state.keys {
            queue.past.put(key, id);
        }
        for (provisional, id) in state.assigned {
            queue.assigned.put(provisional, id);
        }
        for dead in state.dead {
            queue.bury(dead);
        }
        for item in state.waiting {
            queue.await_turn(0, item);
        }
        queue
    }

    /// All that there is.
    pub(super) fn state(&self) -> State {
        State {
            version: 1,
            next_id: self.next_id,
            waiting: self
                .waiting
                .values()
                .map(|waiting| waiting.item.clone())
                .collect(),
            dead: self.dead.values().cloned().collect(),
            keys: self.past.pairs(),
            assigned: self.assigned.pairs(),
        }
    }

    /// The number of the item that has or had this key.
    pub(super) fn known(&self, key: &str) -> Option<u64> {
        let hash = hash(key);
        self.present.get(&hash).or_else(|| self.past.get(&hash)).copied()
    }

    /// Whether there is room for `item`.
    pub(super) fn has_room(&self, item: &Item) -> bool {
        let bytes = self.bytes + item.bytes();
        self.waiting.len() < self.limits.items_max && bytes <= self.limits.bytes_max
    }

    /// The number that `item` gets, and what to write down for it to be sent.
    pub(super) fn pushed(&self, item: Item) -> (u64, Entry) {
        let id = self.next_id;
        (id, Entry::Pushed(Box::new(Item { id, ..item })))
    }

    /// What to send now. Call it again once `entries` are applied, where there are any.
    pub(super) fn due(&mut self, now: u64, at: Timestamp) -> Due {
        let mut due = Due::default();
        let at_once = if self.gate.is_away() {
            1
        } else {
            self.limits.in_flight_max
        };
        while self.lanes.flying() < at_once && self.gate.until() <= now {
            let Some(id) = self.lanes.next_due(now) else { break };
            let Some(item) = self.waiting.get(&id).map(|waiting| &waiting.item) else {
                continue;
            };
            match self.need(item) {
                Need::Nothing => {
                    due.send.push(self.renamed(item));
                    self.lanes.fly(id, &item.lane);
                }
                Need::Waits(customer) => self.lanes.park(customer, &item.lane),
                Need::Lost(customer) => due.entries.push(because_of(id, &customer, at)),
            }
        }
        due
    }

    /// When [`due`](Queue::due) has something to say, unless something else happens before; `None`: not before.
    pub(super) fn next_at(&self) -> Option<u64> {
        let is_full = self.lanes.flying() >= self.limits.in_flight_max;
        let is_probing = self.gate.is_away() && self.lanes.flying() > 0;
        if is_full || is_probing {
            return None;
        }
        Some(self.lanes.first_due()?.max(self.gate.until()))
    }

    /// Takes note that the attempt of `id` is over; what to write down for it.
    pub(super) fn settle(&mut self, now: u64, at: Timestamp, id: u64, answer: Answer) -> Vec<Entry> {
        match &answer {
            Answer::Away { asked_ms, .. } => self.gate.away(now, &self.limits.pace, *asked_ms),
            _ => self.gate.there(),
        }
        let lane = self.lanes.land(id);
        let Some(item) = self.waiting.get(&id).map(|waiting| &waiting.item) else {
            // It was dropped meanwhile.
            if let Some(lane) = lane {
                self.offer(&lane);
            }
            return Vec::new();
        };
        let tried = |strikes: u32, error, answer| Entry::Tried {
            id,
            attempts: item.attempts.saturating_add(1),
            strikes,
            error,
            answer,
        };
        let died = |error, answer| {
            Entry::Died(Death {
                id,
                at,
                error,
                answer,
                tried: true,
                because_of: None,
            })
        };
        vec![match answer {
            Answer::Delivered { assigned_id } => Entry::Delivered { id, assigned_id },
            Answer::Refused { error, answer } => died(error, answer),
            Answer::Failed { error, answer } => match item.strikes.saturating_add(1) {
                strikes if strikes >= self.limits.attempts_max => {
                    died(format!("given up after {strikes} such attempts: {error}"), answer)
                }
                strikes => tried(strikes, error, answer),
            },
            Answer::Away { error, .. } => tried(item.strikes, error, None),
        }]
    }

    /// Makes the state what it is after `entry`, which is written down.
    pub(super) fn apply(&mut self, now: u64, entry: Entry) {
        match entry {
            Entry::Pushed(item) => {
                self.next_id = self.next_id.max(item.id + 1);
                self.await_turn(now, *item);
            }
            Entry::Tried {
                id,
                attempts,
                strikes,
                error,
                answer,
            } => {
                let Some(waiting) = self.waiting.get_mut(&id) else {
                    return;
                };
                let item = &mut waiting.item;
                (item.attempts, item.strikes) = (attempts, strikes);
                (item.last_error, item.last_answer) = (Some(error), answer);
                waiting.due = now + self.limits.pace.wait(id, attempts);
                let lane = item.lane.clone();
                self.offer(&lane);
            }
            Entry::Delivered { id, assigned_id } => {
                let Some(item) = self.leave(id) else { return };
                if let (Some(provisional), Some(assigned)) = (item.creates(), assigned_id) {
                    self.assigned.put(provisional.to_owned(), assigned);
                }
                self.forget_key(&item);
            }
            Entry::Died(death) => {
                let Some(mut item) = self.leave(death.id) else {
                    return;
                };
                item.attempts = item.attempts.saturating_add(u32::from(death.tried));
                (item.last_error, item.last_answer) = (Some(death.error), death.answer);
                self.bury(Dead {
                    item,
                    at: death.at,
                    because_of: death.because_of,
                });
            }
            Entry::Replayed { id } => {
                let Some(dead) = self.exhume(id) else { return };
                self.await_turn(
                    now,
                    Item {
                        strikes: 0,
                        ..dead.item
                    },
                );
            }
            Entry::Dropped { id } => {
                let item = match self.leave(id) {
                    Some(item) => Some(item),
                    None => self.exhume(id).map(|dead| dead.item),
                };
                if let Some(item) = item {
                    self.forget_key(&item);
                }
            }
            Entry::Known { key, assigned } => {
                if let Some((provisional, id)) = assigned {
                    self.assigned.put(provisional, id);
                }
                if !self.present.contains_key(&key) {
                    self.past.put(key, 0);
                }
            }
        }
    }

    /// The id that the system of record gave to the customer `provisional`.
    pub(super) fn assigned(&self, provisional: &str) -> Option<&str> {
        self.assigned.get(provisional).map(String::as_str)
    }

    /// Items that wait, in the order of their numbers, and whether each is under way.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&Item, bool)> {
        let items = self.waiting.iter();
        items.map(|(id, waiting)| (&waiting.item, self.lanes.is_flying(*id)))
    }

    /// Dead letters, in the order of their numbers.
    pub(super) fn dead(&self) -> impl Iterator<Item = &Dead> {
        self.dead.values()
    }

    pub(super) fn item(&self, id: u64) -> Option<&Item> {
        let waiting = self.waiting.get(&id).map(|waiting| &waiting.item);
        waiting.or_else(|| Some(&self.dead.get(&id)?.item))
    }

    /// Items that wait, those of them under way, dead letters.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.waiting.len(), self.lanes.flying(), self.dead.len())
    }

    /// Bytes of items that wait, roughly.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of what is remembered, roughly: it is in every file.
    pub(super) fn remembered_bytes(&self) -> u64 {
        let dead: u64 = self.dead.values().map(|dead| dead.item.bytes()).sum();
        dead + 60 * self.past.len() as u64 + 120 * self.assigned.len() as u64
    }

    pub(super) fn is_flying(&self, id: u64) -> bool {
        self.lanes.is_flying(id)
    }

    /// Whether the server is left alone.
    pub(super) fn is_away(&self) -> bool {
        self.gate.is_away()
    }

    fn need(&self, item: &Item) -> Need {
        let Some(customer) = item.customer_id().filter(|_| item.creates().is_none()) else {
            return Need::Nothing;
        };
        // One that came from the other node may have a higher number; it is waited for where nothing else holds it up.
        let comes = |id: &u64| {
            *id < item.id
                || self
                    .waiting
                    .get(id)
                    .is_some_and(|by| self.lanes.is_first(*id, &by.item.lane))
        };
        if self.creating.get(customer).is_some_and(comes) {
            Need::Waits(customer.to_owned())
        } else if self.lost.contains_key(customer) {
            Need::Lost(customer.to_owned())
        } else {
            Need::Nothing
        }
    }

    /// The item as it is sent: under the id that the system of record knows its customer by.
    fn renamed(&self, item: &Item) -> Item {
        let mut item = item.clone();
        let known = item.customer_id().filter(|_| item.creates().is_none());
        if let Some(assigned) = known.and_then(|customer| self.assigned.get(customer)) {
            item.body["customer_id"] = assigned.as_str().into();
        }
        item
    }

    fn await_turn(&mut self, due: u64, item: Item) {
        self.bytes += item.bytes();
        self.present.insert(hash(&item.key), item.id);
        if let Some(customer) = item.creates() {
            self.creating.insert(customer.to_owned(), item.id);
        }
        let (id, lane) = (item.id, item.lane.clone());
        self.waiting.insert(id, Waiting { item, due });
        self.lanes.join(id, &lane);
        self.offer(&lane);
    }

    /// Takes an item out of what waits.
    fn leave(&mut self, id: u64) -> Option<Item> {
        let Waiting { item, .. } = self.waiting.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(item.bytes());
        self.lanes.leave(id, &item.lane);
        if let Some(customer) = item.creates() {
            if self.creating.get(customer) == Some(&id) {
                self.creating.remove(customer);
            }
            for lane in self.lanes.unpark(customer) {
                self.offer(&lane);
            }
        }
        self.offer(&item.lane);
        Some(item)
    }

    /// Has the first of a lane come up when it is due.
    fn offer(&mut self, lane: &str) {
        let waiting = &self.waiting;
        self.lanes
            .offer(lane, |id| waiting.get(&id).map_or(0, |waiting| waiting.due));
    }

    fn bury(&mut self, dead: Dead) {
        let id = dead.item.id;
        self.present.insert(hash(&dead.item.key), id);
        if let Some(customer) = dead.item.creates() {
            self.lost.insert(customer.to_owned(), id);
        }
        self.dead.insert(id, dead);
    }

    fn exhume(&mut self, id: u64) -> Option<Dead> {
        let dead = self.dead.remove(&id)?;
        if let Some(customer) = dead.item.creates()
            && self.lost.get(customer) == Some(&id)
        {
            self.lost.remove(customer);
        }
        Some(dead)
    }

    fn forget_key(&mut self, item: &Item) {
        let hash = hash(&item.key);
        self.present.remove(&hash);
        self.past.put(hash, item.id);
    }
}

fn because_of(id: u64, customer: &str, at: Timestamp) -> Entry {
    Entry::Died(Death {
        id,
        at,
        error: "the customer that it is about could not be made".to_owned(),
        answer: None,
        tried: false,
        because_of: Some(customer.to_owned()),
    })
}
