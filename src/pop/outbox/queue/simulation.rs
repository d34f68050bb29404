//! A world with a server that fails in every way, and a queue that crashes at any moment and begins again from what it
//! wrote down. Seeded; `RINGSIDE_SEED` says which worlds, and `RINGSIDE_ROUNDS` how many.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::tests::{at, limits};
use super::*;
use crate::pop::outbox::item::Kind;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What the server has, in the order in which it came.
#[derive(Default)]
struct Server {
    /// By key; what it has got twice is the same.
    had: BTreeMap<String, (u64, Option<String>)>,
    came: Vec<(String, u64)>,
    customers: BTreeSet<String>,
}

impl Server {
    fn take(&mut self, item: &Item) -> Answer {
        if item.body["poison"] == true {
            return Answer::Refused {
                error: "status 422".to_owned(),
                answer: None,
            };
        }
        let assigned = item.creates().map(|provisional| format!("real-{provisional}"));
        if let Some(customer) = item.customer_id().filter(|_| item.creates().is_none()) {
            assert!(
                self.customers.contains(customer),
                "{item:?} came under {customer}, which nobody made"
            );
        }
        self.customers.extend(assigned.clone());
        let known = self.had.entry(item.key.clone()).or_insert_with(|| {
            self.came.push((item.lane.clone(), item.id));
            (item.id, assigned)
        });
        assert_eq!(known.0, item.id, "the same key at every attempt");
        Answer::Delivered {
            assigned_id: known.1.clone(),
        }
    }
}

struct World {
    dice: Dice,
    now: u64,
    queue: Queue,
    /// What is durable: a state, and what came behind it.
    state: State,
    log: Vec<Entry>,
    server: Server,
    flying: Vec<Item>,
    pushed: BTreeMap<u64, bool>,
    next_key: u64,
    /// Whoever is sent again comes later.
    replayed: BTreeSet<u64>,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: 0,
            queue: Queue::new(limits(), State::default()),
            state: State::default(),
            log: Vec::new(),
            server: Server::default(),
            flying: Vec::new(),
            pushed: BTreeMap::new(),
            next_key: 0,
            replayed: BTreeSet::new(),
        }
    }

    fn write(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if let Entry::Replayed { id } = entry {
                self.replayed.insert(id);
            }
            self.log.push(entry.clone());
            self.queue.apply(self.now, entry);
        }
    }

    fn push(&mut self) {
        self.next_key += 1;
        let key = format!("key-{}", self.next_key);
        let customer = format!("new-{}", self.dice.roll(6));
        let poison = self.dice.roll(12) == 0;
        let is_made = self.pushed.len() as u64 > 0 && self.next_key > 20;
        let (kind, lane) = match self.dice.roll(4) {
            0 => (Kind::Customer, customer.clone()),
            1 => (Kind::Link, format!("call-{}", self.dice.roll(5))),
            _ => (Kind::Interaction, format!("call-{}", self.dice.roll(5))),
        };
        // Each provisional customer is made once, ahead of whoever refers to it.
        let creator = format!("create-{customer}");
        if self.queue.known(&creator).is_none() {
            let body = json!({"customer_id": customer, "poison": poison && is_made});
            let (id, entry) = self
                .queue
                .pushed(Item::new(creator, customer.clone(), Kind::Customer, body));
            self.pushed.insert(id, poison && is_made);
            self.write(vec![entry]);
        }
        if kind == Kind::Customer {
            return;
        }
        let body = json!({"customer_id": customer, "call_id": lane, "poison": poison});
        let (id, entry) = self.queue.pushed(Item::new(key.clone(), lane, kind, body));
        self.pushed.insert(id, poison);
        self.write(vec![entry]);
        // Somebody who has not heard tries again.
        assert_eq!(self.queue.known(&key), Some(id));
    }

    fn send(&mut self) {
        loop {
            let due = self.queue.due(self.now, at());
            self.flying.extend(due.send);
            if due.entries.is_empty() {
                break;
            }
            self.write(due.entries);
        }
        let lanes: BTreeSet<&String> = self.flying.iter().map(|item| &item.lane).collect();
        assert_eq!(lanes.len(), self.flying.len(), "one of each lane");
        assert!(self.flying.len() <= limits().in_flight_max);
    }

    fn answer(&mut self, is_kind: bool) {
        if self.flying.is_empty() {
            return;
        }
        let nth = self.dice.roll(self.flying.len() as u64);
        let item = self.flying.swap_remove(usize::try_from(nth).unwrap());
        let lost = || Answer::Failed {
            error: "no answer".to_owned(),
            answer: None,
        };
        let answer = match if is_kind { 9 } else { self.dice.roll(10) } {
            // Before it came, or after.
            0 => lost(),
            1 if item.strikes + 1 < limits().attempts_max => {
                self.server.take(&item);
                lost()
            }
            2 | 3 => Answer::Away {
                error: "cannot be reached".to_owned(),
                asked_ms: (self.dice.roll(2) == 0).then_some(700),
            },
            _ => self.server.take(&item),
        };
        let entries = self.queue.settle(self.now, at(), item.id, answer);
        // A crash between an answer and its being written down.
        if self.dice.roll(15) == 0 && !is_kind {
            return self.crash();
        }
        self.write(entries);
    }

    /// Everything is lost but what is written down.
    fn crash(&mut self) {
        self.flying.clear();
        let state = serde_json::to_vec(&self.state).unwrap();
        self.queue = Queue::new(limits(), serde_json::from_slice(&state).unwrap());
        for entry in self.log.clone() {
            self.queue.apply(0, entry);
        }
        self.now = 0;
    }

    fn rewrite(&mut self) {
        self.state = self.queue.state();
        self.log.clear();
    }

    fn replay(&mut self) {
        let dead = self.queue.dead().next().map(|dead| dead.item.id);
        let entries = dead.map_or(Vec::new(), |id| self.queue.replay(id));
        self.write(entries);
    }

    fn wait(&mut self) {
        let next = self.queue.next_at().unwrap_or(self.now + 1);
        self.now = self.now.max(next) + self.dice.roll(3);
    }

    fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.dice.roll(14) {
                0..=2 => self.push(),
                3..=5 => self.send(),
                6..=9 => self.answer(false),
                10 | 11 => self.wait(),
                12 if self.dice.roll(4) == 0 => self.crash(),
                12 => self.rewrite(),
                _ if self.dice.roll(6) == 0 => self.replay(),
                _ => {}
            }
        }
        // Then all is well for long enough.
        for _ in 0..steps * 10 {
            self.wait();
            self.send();
            while !self.flying.is_empty() {
                self.answer(true);
            }
        }
    }

    /// Whoever was pushed was delivered, or is a dead letter that is or depends on what was refused or was given up.
    fn check(&self) {
        assert_eq!(self.queue.counts().0, 0, "something waits for ever");
        let dead: BTreeMap<u64, &Dead> = self.queue.dead().map(|dead| (dead.item.id, dead)).collect();
        let came: BTreeSet<u64> = self.server.came.iter().map(|(_, id)| *id).collect();
        for (id, poison) in &self.pushed {
            let is_dead = dead.contains_key(id);
            assert!(is_dead || came.contains(id), "{id} was lost");
            assert!(!(*poison && came.contains(id)), "{id} cannot have been taken");
        }
        for lane in ["call-0", "call-1", "call-2", "call-3", "call-4"] {
            let ids: Vec<u64> = self
                .server
                .came
                .iter()
                .filter(|(of, id)| of == lane && !self.replayed.contains(id))
                .map(|(_, id)| *id)
                .collect();
            assert!(ids.is_sorted(), "{lane} came as {ids:?}");
        }
    }
}

fn of_variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_is_lost_and_order_holds_whatever_fails() {
    let first = of_variable("RINGSIDE_SEED").unwrap_or(1);
    for seed in first..first + of_variable("RINGSIDE_ROUNDS").unwrap_or(300) {
        let mut world = World::new(seed);
        world.run(200);
        world.check();
    }
}
