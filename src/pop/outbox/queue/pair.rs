//! Two queues that tell each other everything over a stream that loses what is said without a quorum; both send, now and
//! then, and crash. Whatever comes of it, once they hear each other they hold the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::tests::{at, limits};
use super::*;
use crate::pop::outbox::item::Kind;
use crate::pop::outbox::news::News;

/// One node.
struct Node {
    queue: Queue,
    flying: Vec<Item>,
    /// How far it has read the stream.
    read: usize,
    is_cut: bool,
}

struct World {
    nodes: [Node; 2],
    decider: usize,
    stream: Vec<(usize, Vec<u8>)>,
    /// What the system of record has, by key, with the id that it gave.
    had: BTreeMap<String, Option<String>>,
    promised: BTreeSet<String>,
    now: u64,
}

/// What happens next: the number is of a node, the other ones choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Push(u8, u8, u8),
    Send(u8),
    /// What comes of an attempt: delivered, refused, away.
    Answer(u8, u8, u8),
    Replay(u8),
    Drop(u8, u8),
    Read(u8, u8),
    Cut(u8),
    Heal(u8),
    Crash(u8),
    Decide(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0_u8..2;
    prop_oneof![
        6 => (node(), 0_u8..12, 0_u8..3).prop_map(|(node, key, kind)| Step::Push(node, key, kind)),
        4 => node().prop_map(Step::Send),
        6 => (node(), any::<u8>(), 0_u8..5).prop_map(|(node, which, how)| Step::Answer(node, which, how)),
        2 => node().prop_map(Step::Replay),
        1 => (node(), any::<u8>()).prop_map(|(node, which)| Step::Drop(node, which)),
        8 => (node(), 1_u8..6).prop_map(|(node, many)| Step::Read(node, many)),
        1 => node().prop_map(Step::Cut),
        1 => node().prop_map(Step::Heal),
        1 => node().prop_map(Step::Crash),
        1 => node().prop_map(Step::Decide),
    ]
}

impl World {
    fn new() -> World {
        let node = || Node {
            queue: Queue::new(limits(), State::default()),
            flying: Vec::new(),
            read: 0,
            is_cut: false,
        };
        World {
            nodes: [node(), node()],
            decider: 0,
            stream: Vec::new(),
            had: BTreeMap::new(),
            promised: BTreeSet::new(),
            now: 0,
        }
    }

    fn write(&mut self, node: usize, entries: Vec<Entry>) {
        for entry in entries {
            let news = self.nodes[node].queue.news(&entry);
            self.nodes[node].queue.apply(self.now, entry);
            self.tell(node, news);
        }
    }

    fn tell(&mut self, node: usize, news: impl IntoIterator<Item = News>) {
        if self.nodes[node].is_cut {
            return;
        }
        for news in news {
            self.stream.push((node, serde_json::to_vec(&news).unwrap()));
        }
    }

    fn read(&mut self, node: usize, many: usize) {
        for _ in 0..many {
            let Some((from, news)) = self.stream.get(self.nodes[node].read) else {
                return;
            };
            if self.nodes[node].is_cut {
                return;
            }
            self.nodes[node].read += 1;
            if *from == node {
                continue;
            }
            let heard = self.nodes[node]
                .queue
                .hear(serde_json::from_slice(news).unwrap(), self.decider == node);
            for entry in heard.entries {
                self.nodes[node].queue.apply(self.now, entry);
            }
            self.tell(node, heard.answers);
        }
    }

    fn push(&mut self, node: usize, key: u8, kind: u8) {
        let customer = format!("new-{}", key % 3);
        let (kind, lane, key) = match kind {
            0 => (Kind::Customer, customer.clone(), format!("customer-{customer}")),
            _ => (Kind::Link, format!("call-{}", key % 4), format!("link-{key}")),
        };
        let queue = &self.nodes[node].queue;
        if queue.known(&key).is_some() {
            return;
        }
        let item = Item::new(key.clone(), lane, kind, json!({"customer_id": customer}));
        let entry = queue.pushed(item).1;
        if !self.nodes[node].is_cut {
            self.promised.insert(key);
        }
        self.write(node, vec![entry]);
    }

    fn send(&mut self, node: usize) {
        if self.decider != node {
            return;
        }
        loop {
            let due = self.nodes[node].queue.due(self.now, at());
            self.nodes[node].flying.extend(due.send);
            if due.entries.is_empty() {
                return;
            }
            self.write(node, due.entries);
        }
    }

    fn answer(&mut self, node: usize, which: usize, how: u8) {
        let flying = &mut self.nodes[node].flying;
        if flying.is_empty() {
            return;
        }
        let item = flying.swap_remove(which % flying.len());
        let answer = match how {
            0 => Answer::Refused {
                error: "status 422".to_owned(),
                answer: None,
            },
            1 => Answer::Away {
                error: "away".to_owned(),
                asked_ms: None,
            },
            _ => {
                let assigned = item.creates().map(|customer| format!("real-{customer}"));
                self.had.insert(item.key.clone(), assigned.clone());
                Answer::Delivered {
                    assigned_id: assigned,
                }
            }
        };
        let entries = self.nodes[node].queue.settle(self.now, at(), item.id, answer);
        self.write(node, entries);
    }

    fn crash(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        let state = serde_json::to_vec(&node.queue.state()).unwrap();
        node.queue = Queue::new(limits(), serde_json::from_slice(&state).unwrap());
        node.flying.clear();
    }

    fn act(&mut self, step: &Step) {
        self.now += 10;
        match *step {
            Step::Push(node, key, kind) => self.push(node.into(), key, kind),
            Step::Send(node) => self.send(node.into()),
            Step::Answer(node, which, how) => self.answer(node.into(), which.into(), how),
            Step::Replay(node) => {
                let queue = &self.nodes[usize::from(node)].queue;
                let dead = queue.dead().next().map(|dead| dead.item.id);
                let entries = dead.map(|id| queue.replay(id)).unwrap_or_default();
                self.write(node.into(), entries);
            }
            Step::Drop(node, which) => {
                let queue = &self.nodes[usize::from(node)].queue;
                let ids: Vec<u64> = queue.waiting().map(|(item, _)| item.id).collect();
                let id = ids.get(usize::from(which) % ids.len().max(1)).copied();
                let entries = id.map(|id| queue.give_up(id, at())).unwrap_or_default();
                self.write(node.into(), entries);
            }
            Step::Read(node, many) => self.read(node.into(), many.into()),
            Step::Cut(node) => self.nodes[usize::from(node)].is_cut = true,
            Step::Heal(node) => self.nodes[usize::from(node)].is_cut = false,
            Step::Crash(node) => self.crash(node.into()),
            Step::Decide(node) => self.decider = node.into(),
        }
    }

    /// Both hear each other from now on, and one says what it holds once it has heard everything.
    fn meet(&mut self, speaker: usize) {
        for node in &mut self.nodes {
            node.is_cut = false;
        }
        self.read(0, usize::MAX);
        self.read(1, usize::MAX);
        self.read(0, usize::MAX);
        let holdings = self.nodes[speaker].queue.holdings(self.decider == speaker);
        self.tell(speaker, holdings);
        for _ in 0..10 {
            self.read(0, usize::MAX);
            self.read(1, usize::MAX);
        }
    }

    fn keys(&self, node: usize) -> BTreeMap<String, bool> {
        let queue = &self.nodes[node].queue;
        let waiting = queue.waiting().map(|(item, _)| (item.key.clone(), false));
        let dead = queue.dead().map(|dead| (dead.item.key.clone(), true));
        waiting.chain(dead).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn two_queues_hold_the_same_once_they_hear_each_other(
        steps in proptest::collection::vec(step(), 1..150),
        speaker in 0_usize..2,
    ) {
        let mut world = World::new();
        for step in &steps {
            world.act(step);
        }
        world.meet(speaker);
        prop_assert_eq!(world.keys(0), world.keys(1));
        // Nothing that somebody was promised is gone without a trace.
        let held = world.keys(0);
        for key in &world.promised {
            let known = |node: usize| world.nodes[node].queue.known(key).is_some();
            prop_assert!(held.contains_key(key) || known(0) && known(1), "{key}");
        }
        // One of them is gone for good; the other one tells what is left.
        let last = 1 - speaker;
        world.decider = last;
        world.nodes[last].flying.clear();
        world.crash(last);
        for _ in 0..200 {
            world.now += 2000;
            world.send(last);
            while !world.nodes[last].flying.is_empty() {
                world.answer(last, 0, 4);
            }
        }
        prop_assert_eq!(world.nodes[last].queue.counts().0, 0, "something waits for ever");
    }
}

#[test]
fn the_standby_holds_what_waits_and_knows_what_is_over() {
    let mut world = World::new();
    world.push(0, 1, 0);
    world.push(0, 1, 1);
    world.push(1, 2, 1);
    world.read(0, 10);
    world.read(1, 10);
    assert_eq!((world.keys(0).len(), world.keys(0)), (3, world.keys(1)));
    world.send(1);
    assert!(world.nodes[1].flying.is_empty(), "a standby does not send");
    world.send(0);
    while let Some(item) = world.nodes[0].flying.first() {
        assert!(item.creates().is_some() || item.body["customer_id"] != "new-1");
        world.answer(0, 0, 4);
    }
    world.send(0);
    world.answer(0, 0, 0);
    world.read(1, 10);
    assert_eq!(world.keys(1), world.keys(0));
    assert_eq!(world.nodes[1].queue.assigned("new-1"), Some("real-new-1"));
    // A dead letter is looked at and sent again wherever somebody asks.
    assert_eq!(world.nodes[1].queue.dead().count(), 1);
    world.act(&Step::Replay(1));
    world.read(0, 10);
    assert_eq!(world.nodes[0].queue.dead().count(), 0);
    // Sent again at every attempt under the same key, whoever sends it.
    world.decider = 1;
    world.now += 10_000;
    world.send(1);
    assert_eq!(world.nodes[1].flying[0].key, "link-1");
    assert_eq!(world.nodes[1].flying[0].body["customer_id"], "real-new-1");
}

#[test]
fn what_one_never_heard_of_is_over_there_too() {
    let mut world = World::new();
    world.nodes[0].is_cut = true;
    world.push(0, 1, 0);
    world.nodes[0].is_cut = false;
    world.send(0);
    world.answer(0, 0, 4);
    world.read(1, 10);
    assert!(world.nodes[1].queue.known("customer-new-1").is_some());
    assert_eq!(world.nodes[1].queue.assigned("new-1"), Some("real-new-1"));
    world.crash(1);
    assert!(
        world.nodes[1].queue.known("customer-new-1").is_some(),
        "through a restart"
    );
}

#[test]
fn more_than_one_message_holds_is_told_in_pieces() {
    let mut queue = Queue::new(limits(), State::default());
    for nth in 0..10_000 {
        let entry = queue
            .pushed(Item::new(format!("key-{nth}"), "lane", Kind::Sms, json!({})))
            .1;
        queue.apply(0, entry);
    }
    let other = Queue::new(limits(), State::default());
    let missing: usize = queue
        .holdings(false)
        .into_iter()
        .flat_map(|piece| other.hear(piece, true).answers)
        .map(|answer| match answer {
            News::Missing(keys) => keys.len(),
            _ => 0,
        })
        .sum();
    assert_eq!((queue.holdings(false).len(), missing), (3, 10_000));
    let told: usize = other
        .holdings(false)
        .into_iter()
        .flat_map(|piece| queue.hear(piece, true).answers)
        .count();
    assert_eq!(told, 10_000);
}
