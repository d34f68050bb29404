//! One node: a process with its machine, course and state of calls, and the keepalived and watchdog beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::super::calls::{Bounds as CallBounds, Calls};
use super::super::super::entry::{Entry, Offer, What};
use super::super::super::message::Facts;
use super::super::super::present::{Present, Settled};
use super::super::committed::Committed;
use super::super::course::{Act, Bounds, Course, View};
use super::super::letter::{Letter, Origin};
use crate::ha::{Action, Input, Machine, Role, Settings, Vrrp};

pub(super) const HOLD_MS: u64 = 300;
pub(super) const RING_MS: u64 = 5000;
/// How long the answer to a ring waits until it is replicated.
const WAIT_MS: u64 = 100;

/// What a process wants of the world.
#[derive(Debug)]
pub(super) enum Want {
    Publish(Arc<Letter>),
    Mint { epoch: u64, revision: u64 },
    SendAway,
}

/// A running process.
pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) course: Course,
    pub(super) present: Present,
    /// Where it reads the stream.
    pub(super) reads: Option<u64>,
    /// Rings that wait for their answers: the place, the call and since when.
    waiting: Vec<(u64, String, Option<String>, u64)>,
    changed_ms: Option<u64>,
    pub(super) paused_until_ms: u64,
}

pub(super) struct Node {
    pub(super) name: &'static str,
    incarnation: u64,
    pub(super) process: Option<Process>,
    /// What is on the disk while no process runs: everything that was handed on.
    kept: Option<(Committed, Vec<super::super::course::Own>)>,
    kept_epoch: u64,
    pub(super) starts_ms: u64,
    pub(super) has_power: bool,
    pub(super) vrrp: Vrrp,
    /// When the other's advert was last heard.
    pub(super) heard_ms: u64,
    pub(super) has_fault: bool,
    misses: u32,
    well_since_ms: Option<u64>,
    /// How much its clock is ahead, ms.
    pub(super) ahead_ms: u64,
    /// Calls of which callers were told that they are kept by both.
    pub(super) promised: BTreeSet<String>,
    /// The pops of these.
    pub(super) pops: BTreeSet<String>,
}

fn settings(name: &str) -> Settings {
    Settings {
        node: name.into(),
        peer: String::new(),
        peer_key_file: PathBuf::new(),
        hold_ms: HOLD_MS,
        drain_ms: 100,
        handover_ms: 2000,
    }
}

fn calls_bounds() -> CallBounds {
    CallBounds {
        ring_max_ms: RING_MS,
        ..CallBounds::default()
    }
}

impl Node {
    pub(super) fn new(name: &'static str) -> Node {
        Node {
            name,
            incarnation: 0,
            process: None,
            kept: None,
            kept_epoch: 0,
            starts_ms: 0,
            has_power: true,
            vrrp: Vrrp::Backup,
            heard_ms: 0,
            has_fault: false,
            misses: 0,
            well_since_ms: None,
            ahead_ms: 0,
            promised: BTreeSet::new(),
            pops: BTreeSet::new(),
        }
    }

    /// Whether its process runs now.
    pub(super) fn runs(&self, now_ms: u64) -> bool {
        let process = self.process.as_ref();
        self.has_power && process.is_some_and(|process| now_ms >= process.paused_until_ms)
    }

    pub(super) fn start(&mut self, now_ms: u64) {
        self.incarnation += 1;
        let (committed, pending) = self.kept.take().unwrap_or_default();
        let committed = committed.with(&calls_bounds());
        let mut calls = committed.calls.clone();
        if committed.sequence == 0 && pending.is_empty() {
            calls = Calls::new(calls_bounds());
        }
        for own in &pending {
            calls.apply(&own.entry);
        }
        calls.skip_ids(1000);
        let bounds = Bounds {
            origin: Origin {
                node: self.name.to_owned(),
                incarnation: self.incarnation,
            },
            patience_ms: 200,
            resend_ms: 500,
            pause_ms: 50,
            letter_bytes: 1 << 16,
            letter_entries: 50,
            calls: calls_bounds(),
        };
        let handed = pending.len() as u64;
        let mut machine = Machine::new(&settings(self.name), self.kept_epoch);
        machine.step(now_ms, Input::Health { electable: true });
        self.process = Some(Process {
            machine,
            course: Course::new(bounds, committed, pending),
            present: Present::new(calls, handed),
            reads: None,
            waiting: Vec::new(),
            changed_ms: None,
            paused_until_ms: 0,
        });
    }

    /// The process is killed; its disk has what it wrote.
    pub(super) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            let state = process.course.state();
            self.kept = Some((state.committed, state.pending.into()));
        }
    }

    /// Its machine is another one now, with an empty disk.
    pub(super) fn lose_disk(&mut self) {
        self.process = None;
        self.kept = None;
        self.kept_epoch = 0;
    }

    /// The watchdog asks; it gives whether keepalived is told of a fault.
    pub(super) fn watch(&mut self, now_ms: u64) {
        let yields = self.runs(now_ms)
            && self
                .process
                .as_ref()
                .is_some_and(|process| process.machine.is_yielding());
        if self.runs(now_ms) && !yields {
            self.misses = 0;
            let since = *self.well_since_ms.get_or_insert(now_ms);
            if now_ms - since >= 300 {
                self.has_fault = false;
            }
            return;
        }
        self.well_since_ms = None;
        self.misses += 1;
        self.has_fault |= yields || self.misses >= 3;
    }

    /// Tells the machine something, and gives what follows.
    pub(super) fn tell(&mut self, now_ms: u64, input: Input) -> Vec<Want> {
        let Some(process) = &mut self.process else {
            return Vec::new();
        };
        let mut wants = Vec::new();
        for act in process.machine.step(now_ms, input) {
            match act {
                Action::Mint { epoch, revision } => wants.push(Want::Mint { epoch, revision }),
                Action::Epoch(epoch) => self.kept_epoch = epoch,
                Action::EndStreams => wants.push(Want::SendAway),
                Action::Became { .. } => {
                    let is_held = process.changed_ms.is_none_or(|at| now_ms - at >= HOLD_MS);
                    assert!(is_held, "{}: a role flaps", self.name);
                    process.changed_ms = Some(now_ms);
                }
                Action::Draining
                | Action::Yield(_)
                | Action::HandedOver { .. }
                | Action::NotHandedOver(_) => {}
            }
        }
        wants
    }

    /// A call rings for `agent`; whoever rang waits for the answer.
    pub(super) fn ring(&mut self, now_ms: u64, call: &str, agent: &str) {
        let what = What::Ring {
            call: call.to_owned(),
            ids: Vec::new(),
            facts: Box::<Facts>::default(),
            recorded: false,
            offers: vec![Offer {
                agent: agent.to_owned(),
                pops: true,
                pop: Some(format!("{}.{}.{call}", self.name, self.incarnation)),
                ..Offer::default()
            }],
            link: None,
            inherits: None,
        };
        let at = now_ms + self.ahead_ms;
        if let Some(process) = &mut self.process {
            let place = process.commit(now_ms, at, what);
            let pop = process
                .present
                .shown(call, agent)
                .map(|shown| shown.pop_id.to_string());
            process.waiting.push((place, call.to_owned(), pop, now_ms));
        }
    }

    /// What time brings: what is due where this node decides, and what its course wants.
    pub(super) fn turn(&mut self, now_ms: u64, view: Option<View>, other: Option<&Committed>) -> Vec<Want> {
        let (ahead, mut wants) = (self.ahead_ms, Vec::new());
        let Some(process) = &mut self.process else {
            return wants;
        };
        if process.machine.decides() {
            for due in process.present.due(now_ms + ahead) {
                process.commit(now_ms, now_ms + ahead, due.what);
            }
        }
        process.course.tick(now_ms);
        while let Some(act) = process.course.act() {
            match act {
                Act::Look => match view {
                    Some(view) => process.course.looked(now_ms, view),
                    None => process.course.cut(now_ms),
                },
                Act::AskPeer => process.course.peer_said(now_ms, other.cloned()),
                Act::Follow(from) => process.reads = Some(from),
                Act::Publish(letter) => wants.push(Want::Publish(letter)),
                Act::Replicated(place) => {
                    process.waiting.retain(|(waits, call, pop, since)| {
                        let is_kept = *waits <= place;
                        if is_kept && now_ms - since <= WAIT_MS {
                            self.promised.insert(call.clone());
                            self.pops.extend(pop.clone());
                        }
                        !is_kept
                    });
                }
                Act::Superseded(place) => process.waiting.retain(|(waits, ..)| *waits > place),
                Act::Folded { foreign, own } => {
                    for entry in foreign {
                        process.present.learn(&entry, own);
                    }
                    match process.present.settle(own, process.course.calls()) {
                        Settled::Nothing | Settled::Raised(_) => {}
                        Settled::Skip(to) | Settled::Reset(to, _) => {
                            process.commit(now_ms, now_ms + ahead, What::Skipped { to });
                        }
                        Settled::Bring => unreachable!("nothing is refused here"),
                    }
                }
                Act::Rebased { is_bringing } => {
                    process.present.rebased();
                    let pieces: Vec<What> = process.present.pieces().collect();
                    for piece in pieces.into_iter().filter(|_| is_bringing) {
                        process.commit(now_ms, now_ms + ahead, piece);
                    }
                }
                Act::Try | Act::Note(_) | Act::Restate | Act::Quorum(_) | Act::Tell(_) => {}
            }
        }
        wants
    }

    /// What a desktop of `agent` is to show: calls and their pops.
    pub(super) fn shows(&self, agent: &str) -> BTreeMap<String, String> {
        let current = self
            .process
            .as_ref()
            .map(|process| process.present.current(agent));
        let shown = current.into_iter().flatten();
        shown
            .map(|shown| (shown.call_id.to_string(), shown.pop_id.to_string()))
            .collect()
    }

    pub(super) fn is_settled(&self, last: u64) -> bool {
        self.process.as_ref().is_some_and(|process| {
            let course = &process.course;
            let is_read = course.behind() == 0 && course.committed().sequence == last;
            course.pending().len() == 0 && is_read && course.is_following()
        })
    }

    pub(super) fn stands(&self) -> (Role, u64, bool) {
        let machine = &self.process.as_ref().unwrap().machine;
        (machine.role(), machine.epoch(), machine.decides())
    }
}

impl Process {
    fn commit(&mut self, now_ms: u64, at: u64, what: What) -> u64 {
        let entry = Arc::new(Entry { at, what });
        self.present.apply(&entry);
        self.present.handed(true);
        self.course.hand(now_ms, entry)
    }
}
