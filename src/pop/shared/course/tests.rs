//! Two nodes and a broker that loses what it can, step by step, as a seed says.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

mod lost;

use std::collections::{BTreeMap, VecDeque};

use super::super::super::calls::Bounds as CallBounds;
use super::super::super::entry::{Offer, What};
use super::super::super::present::{Present, Settled};
use super::*;

/// What a broker keeps.
#[derive(Default)]
struct Stream {
    life: u64,
    first: u64,
    messages: VecDeque<Arc<Letter>>,
}

impl Stream {
    fn last(&self) -> u64 {
        self.first + self.messages.len() as u64 - 1
    }

    fn view(&self) -> View {
        View {
            life: self.life,
            first: self.first,
            last: self.last(),
            is_another_end: false,
        }
    }

    fn at(&self, sequence: u64) -> Option<Arc<Letter>> {
        let place = sequence.checked_sub(self.first)?;
        self.messages.get(usize::try_from(place).ok()?).cloned()
    }
}

/// One node, and what it was promised.
struct Peer {
    name: &'static str,
    course: Course,
    present: Present,
    /// Where it reads; `None` where it does not.
    reads: Option<u64>,
    on_way: Vec<Arc<Letter>>,
    /// What was handed on, by its place, and up to where it is replicated.
    said: BTreeMap<u64, u64>,
    replicated: u64,
    superseded: u64,
    links: u64,
    rings: u64,
}

struct World {
    now_ms: u64,
    dice: u64,
    stream: Stream,
    /// Letters that come later than anybody thinks.
    late: Vec<Arc<Letter>>,
    nodes: [Peer; 2],
    has_lost_stream: bool,
}

fn bounds(name: &str, incarnation: u64) -> Bounds {
    Bounds {
        origin: Origin {
            node: name.to_owned(),
            incarnation,
        },
        patience_ms: 200,
        resend_ms: 500,
        pause_ms: 50,
        letter_bytes: 4096,
        letter_entries: 5,
        calls: CallBounds::default(),
    }
}

fn linked(call: &str, nth: u64) -> What {
    What::Linked {
        call: call.to_owned(),
        customer: Some(nth.to_string()),
        agent: None,
    }
}

fn ring(call: &str, agent: &str) -> What {
    What::Ring {
        call: call.to_owned(),
        ids: Vec::new(),
        facts: Box::default(),
        recorded: false,
        offers: vec![Offer {
            agent: agent.to_owned(),
            pops: true,
            pop: Some(format!("pop of {call}")),
            ..Offer::default()
        }],
        link: None,
        inherits: None,
    }
}

impl Peer {
    fn new(name: &'static str, course: Course, present: Present) -> Peer {
        Peer {
            name,
            course,
            present,
            reads: None,
            on_way: Vec::new(),
            said: BTreeMap::new(),
            replicated: 0,
            superseded: 0,
            links: 0,
            rings: 0,
        }
    }

    fn commit(&mut self, now_ms: u64, what: What) {
        let entry = Arc::new(Entry { at: now_ms, what });
        self.present.apply(&entry);
        self.present.handed(true);
        let place = self.course.hand(now_ms, entry);
        self.said.insert(place, self.links);
    }

    fn act(&mut self, now_ms: u64, stream: &Stream, other: &Committed) {
        while let Some(act) = self.course.act() {
            match act {
                Act::Look => self.course.looked(now_ms, stream.view()),
                Act::AskPeer => self.course.peer_said(now_ms, Some(other.clone())),
                Act::Follow(from) => self.reads = Some(from),
                Act::Publish(letter) => self.on_way.push(letter),
                Act::Replicated(place) => self.replicated = self.replicated.max(place),
                Act::Superseded(place) => self.superseded = place,
                Act::Folded { foreign, own } => {
                    for entry in foreign {
                        self.present.learn(&entry, own);
                    }
                    match self.present.settle(own, self.course.calls()) {
                        Settled::Nothing | Settled::Raised(_) => {}
                        Settled::Skip(to) | Settled::Reset(to, _) => {
                            self.commit(now_ms, What::Skipped { to })
                        }
                        Settled::Bring => unreachable!("nothing is refused here"),
                    }
                }
                Act::Rebased { is_bringing } => {
                    self.present.rebased();
                    let pieces: Vec<What> = self.present.pieces().collect();
                    for piece in pieces.into_iter().filter(|_| is_bringing) {
                        self.commit(now_ms, piece);
                    }
                }
                Act::Try | Act::Note(_) | Act::Restate | Act::Quorum(_) | Act::Tell(_) => {}
            }
        }
    }
}

impl World {
    fn new(seed: u64) -> World {
        let node = |name: &'static str| {
            let course = Course::new(bounds(name, 1), Committed::default(), Vec::new());
            Peer::new(name, course, Present::new(Calls::default(), 0))
        };
        let mut world = World {
            now_ms: 1000,
            dice: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            stream: Stream {
                life: 1,
                first: 1,
                messages: VecDeque::new(),
            },
            late: Vec::new(),
            nodes: [node("a"), node("b")],
            has_lost_stream: false,
        };
        for node in &mut world.nodes {
            let call = format!("{}-call", node.name);
            node.commit(1000, ring(&call, node.name));
        }
        world
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    fn act(&mut self) {
        for place in 0..2 {
            let other = self.nodes[1 - place].course.committed().clone();
            self.nodes[place].act(self.now_ms, &self.stream, &other);
        }
    }

    fn step(&mut self, is_calm: bool) {
        self.now_ms += self.roll(40);
        let place = usize::try_from(self.roll(2)).unwrap();
        let now_ms = self.now_ms;
        let dice = self.roll(if is_calm { 60 } else { 100 });
        let luck = self.roll(10);
        let node = &mut self.nodes[place];
        match dice {
            // The broker takes a letter up, and the word of that comes or does not.
            0..20 if !node.on_way.is_empty() => {
                let letter = node.on_way.remove(0);
                if is_calm || luck < 6 {
                    self.stream.messages.push_back(Arc::clone(&letter));
                    node.course.stored(now_ms, &letter.id());
                } else if luck < 7 {
                    self.stream.messages.push_back(Arc::clone(&letter));
                    node.course.unknown(now_ms, &letter.id());
                } else if luck < 8 {
                    self.late.push(Arc::clone(&letter));
                    node.course.unknown(now_ms, &letter.id());
                } else if luck < 9 {
                    self.stream.messages.push_back(letter);
                }
            }
            0..20 => {}
            20..60 => {
                if let Some(sequence) = node.reads
                    && let Some(letter) = self.stream.at(sequence)
                {
                    let more = self.stream.last() - sequence;
                    node.reads = Some(sequence + 1);
                    let letter = Letter::clone(&letter);
                    node.course.tailed(now_ms, sequence, more, Tailed::Letter(letter));
                }
            }
            60..80 => {
                let call = format!("{}-call", node.name);
                node.links += 1;
                let nth = node.links;
                node.commit(now_ms, linked(&call, nth));
            }
            80..86 => {
                node.rings += 1;
                let (call, agent) = (format!("{}-{}", node.name, node.rings), ["joan", "ben"][place]);
                node.commit(now_ms, ring(&call, agent));
            }
            86..89 => {
                node.course.cut(now_ms);
                node.reads = None;
            }
            89..91 => node.course.lost_tail(),
            91..94 if !self.late.is_empty() => {
                let letter = self.late.remove(0);
                self.stream.messages.push_back(letter);
            }
            91..94 => {}
            94..97 => self.restart(place),
            97 if luck < 2 && self.has_lost_stream => self.make_again(),
            98 if luck < 3 => self.trim(),
            _ => {}
        }
        for node in &mut self.nodes {
            node.course.tick(now_ms);
        }
        self.act();
    }

    /// A node's process is killed, and its disk has everything.
    fn restart(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let state = node.course.state();
        let mut present = state.committed.calls.clone();
        for own in &state.pending {
            present.apply(&own.entry);
        }
        present.skip_ids(1000);
        let handed = state.pending.len() as u64;
        let incarnation = node.course.origin().incarnation + 1;
        let course = Course::new(
            bounds(node.name, incarnation),
            state.committed,
            state.pending.into(),
        );
        let again = Peer {
            links: node.links,
            rings: node.rings,
            ..Peer::new(node.name, course, Present::new(present, handed))
        };
        // What is on its way comes all the same.
        let before = std::mem::replace(node, again);
        self.late.extend(before.on_way);
    }

    /// The stream is deleted and made again; whoever reads it notices.
    fn make_again(&mut self) {
        self.stream.life += 1;
        self.stream.messages.clear();
        self.stream.first = 1;
        for node in &mut self.nodes {
            node.reads = None;
            node.course.lost_tail();
        }
    }

    /// The stream loses its beginning, but nothing that the other node does not know.
    fn trim(&mut self) {
        let known = self
            .nodes
            .iter()
            .filter(|node| node.course.committed().life == self.stream.life);
        let known = known
            .map(|node| node.course.committed().sequence)
            .max()
            .unwrap_or(0);
        while self.stream.first < known && !self.stream.messages.is_empty() {
            self.stream.messages.pop_front();
            self.stream.first += 1;
        }
        for node in &mut self.nodes {
            if node.reads.is_some_and(|next| next < self.stream.first) {
                node.reads = None;
                node.course.lost_tail();
            }
        }
    }

    /// Lets everything come to rest.
    fn rest(&mut self) {
        for _ in 0..200_000 {
            self.step(true);
            let is_quiet = |node: &Peer| {
                node.course.pending().len() == 0
                    && node.course.behind() == 0
                    && node.course.is_following()
                    && node.course.committed().sequence == self.stream.last()
            };
            if self.nodes.iter().all(is_quiet) {
                return;
            }
        }
        panic!("nothing comes to rest");
    }
}

/// Whatever happens, both nodes end with the same state, and it has every word of each, in its order, once.
fn runs(seeds: std::ops::Range<u64>, has_lost_stream: bool) {
    for seed in seeds {
        let mut world = World::new(seed);
        world.has_lost_stream = has_lost_stream;
        for _ in 0..600 {
            world.step(false);
        }
        world.rest();
        let [a, b] = &world.nodes;
        assert!(a.course.calls().is_same_as(b.course.calls()), "seed {seed}");
        for node in [a, b] {
            assert!(
                node.present.is_same_as(node.course.calls()),
                "seed {seed}: node {}",
                node.name
            );
            assert_eq!(
                node.present.newest_id(),
                node.course.calls().newest_id(),
                "seed {seed}"
            );
        }
        for of in [a, b] {
            let call = format!("{}-call", of.name);
            let link = a.present.link(&call).and_then(|link| link.customer.clone());
            assert_eq!(
                link,
                (of.links > 0).then(|| of.links.to_string()),
                "seed {seed}: {call}"
            );
            for nth in 1..=of.rings {
                assert!(
                    a.present.knows(&format!("{}-{nth}", of.name)),
                    "seed {seed}: ring {nth}"
                );
            }
        }
    }
}

#[test]
fn two_nodes_end_with_the_same_state_whatever_the_broker_loses() {
    runs(0..60, false);
}

#[test]
fn a_stream_that_is_made_again_gets_everything_that_was_known() {
    runs(1000..1060, true);
}

/// A course that follows an empty stream.
fn following() -> Course {
    let mut course = Course::new(bounds("a", 7), Committed::default(), Vec::new());
    course.tick(0);
    let view = View {
        life: 9,
        first: 1,
        last: 0,
        is_another_end: false,
    };
    course.looked(0, view);
    drain(&mut course);
    course
}

fn drain(course: &mut Course) -> Vec<Act> {
    std::iter::from_fn(|| course.act()).collect()
}

fn entry(nth: u64) -> Arc<Entry> {
    Arc::new(Entry {
        at: nth,
        what: ring(&nth.to_string(), "joan"),
    })
}

fn published(acts: &[Act]) -> Vec<String> {
    let ids = acts.iter().filter_map(|act| match act {
        Act::Publish(letter) => Some(letter.id()),
        _ => None,
    });
    ids.collect()
}

#[test]
fn one_letter_is_on_its_way_with_all_that_waited_and_is_sent_again_as_it_was() {
    let mut course = following();
    course.hand(0, entry(1));
    for nth in 2..=8 {
        course.hand(1, entry(nth));
    }
    let first = "a-0000000000000007-1-1";
    assert_eq!(published(&drain(&mut course)), [first]);
    course.unknown(10, first);
    course.tick(59);
    assert_eq!(published(&drain(&mut course)), [""; 0]);
    course.tick(60);
    assert_eq!(published(&drain(&mut course)), [first]);
    course.tick(559);
    assert_eq!(published(&drain(&mut course)), [""; 0]);
    course.tick(560);
    assert_eq!(published(&drain(&mut course)), [first]);
    course.stored(570, first);
    let acts = drain(&mut course);
    assert_eq!(published(&acts), ["a-0000000000000007-2-5"]);
    assert!(acts.contains(&Act::Replicated(1)));
    // An answer to what is known already is no answer to what is on its way.
    course.stored(571, first);
    assert_eq!(drain(&mut course), []);
    assert_eq!((course.unreplicated(), course.pending().len()), (7, 8));
}

#[test]
fn a_ring_waits_for_a_lost_quorum_once_and_not_again_until_it_is_back() {
    let mut course = following();
    course.hand(0, entry(1));
    course.stored(1, "a-0000000000000007-1-1");
    assert!(course.has_quorum());
    course.hand(10, entry(2));
    course.tick(209);
    assert!(course.has_quorum());
    course.tick(210);
    assert!(!course.has_quorum() && drain(&mut course).contains(&Act::Quorum(false)));
    // What another trial says does not help as long as a letter is stuck.
    course.probed(211, true);
    assert!(!course.has_quorum());
    course.hand(220, entry(3));
    course.stored(900, "a-0000000000000007-2-1");
    assert!(course.has_quorum() && drain(&mut course).contains(&Act::Quorum(true)));
    course.cut(901);
    assert!(!course.has_quorum());
}

#[test]
fn what_cannot_be_understood_leaves_the_node_alone() {
    let mut course = following();
    course.tailed(1, 1, 0, Tailed::Other { stamp: 1 });
    course.tailed(1, 2, 0, Tailed::Unreadable("version 2".to_owned()));
    assert_eq!(course.halted(), Some("version 2"));
    assert!(drain(&mut course).contains(&Act::Tell(Told::Unreadable("version 2".to_owned()))));
    course.hand(2, entry(1));
    course.tick(10_000);
    assert_eq!(published(&drain(&mut course)), [""; 0]);
    assert_eq!((course.committed().sequence, course.has_quorum()), (1, false));
}
