//! One node: a process with its machine, course and state of calls, and the keepalived and watchdog beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::super::calls::{Bounds as CallBounds, Calls, Heard};
use super::super::super::desk::{DeskSettings, Desks};
use super::super::super::entry::{Entry, What};
use super::super::super::present::{Present, Settled};
use super::super::super::store::State;
use super::super::committed::Committed;
use super::super::course::{Act, Bounds, Course, View};
use super::super::letter::{Letter, Origin};
use super::disk::Disk;
use crate::ha::{Action, Input, Machine, Role, Settings, Vrrp};

pub(super) const HOLD_MS: u64 = 300;
pub(super) const RING_MS: u64 = 5000;
/// Time between two looks for what is due.
const LOOK_MS: u64 = 200;
const BEHIND: u64 = 5;
/// What a clock shows when everything begins.
const CLOCK_MS: u64 = 1_700_000_000_000;
/// Ids that a node leaves out as it starts, and as it goes on from another one.
const SKIPPED: u64 = 1 << 19;
const UNHEARD: u64 = 1 << 20;
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
    pub(super) desks: Desks,
    /// Which start of the node it is.
    pub(super) start: u64,
    decided: bool,
    /// So many looks are none for what is due, while the stream is not read.
    patience: u64,
    /// Where it reads the stream.
    pub(super) reads: Option<u64>,
    /// Rings that wait for their answers: the place, the call, its pop, and since when.
    waiting: Vec<(u64, String, String, u64)>,
    changed_ms: Option<u64>,
    pub(super) paused_until_ms: u64,
}

pub(super) struct Node {
    pub(super) name: &'static str,
    incarnation: u64,
    pub(super) process: Option<Process>,
    pub(super) disk: Disk,
    /// Until then the disk takes nothing.
    pub(super) hangs_until_ms: u64,
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
    /// The pops of these, and their calls.
    pub(super) pops: BTreeMap<String, String>,
    /// Pops of calls that ring again where they rang too long.
    pub(super) again: BTreeSet<String>,
    named: u64,
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

fn desk_settings() -> DeskSettings {
    DeskSettings {
        heartbeat_s: 3,
        queue_max: 1000,
        replay_max: 32,
        replay_s: 600,
        streams_per_agent_max: 4,
        ticket_s: 30,
        tickets_max: 100,
        missed_s: 3600,
    }
}

impl Node {
    pub(super) fn new(name: &'static str) -> Node {
        Node {
            name,
            incarnation: 0,
            process: None,
            disk: Disk::default(),
            hangs_until_ms: 0,
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
            pops: BTreeMap::new(),
            again: BTreeSet::new(),
            named: 0,
        }
    }

    /// Whether its process runs now.
    pub(super) fn runs(&self, now_ms: u64) -> bool {
        let process = self.process.as_ref();
        self.has_power && process.is_some_and(|process| now_ms >= process.paused_until_ms)
    }

    pub(super) fn start(&mut self, now_ms: u64) {
        self.incarnation += 1;
        let bounds = calls_bounds();
        let recovered = self.disk.read(&bounds);
        let is_new = recovered.is_none();
        let blank = || State::new(self.name, Committed::of(Calls::new(bounds)), Default::default());
        let State {
            committed, pending, ..
        } = recovered.unwrap_or_else(blank);
        let mut calls = committed.calls.clone();
        for own in &pending {
            calls.apply(&own.entry);
        }
        if is_new {
            calls.begin_ids(CLOCK_MS + now_ms);
        }
        calls.skip_ids(SKIPPED);
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
        let course = Course::new(bounds, committed, pending.into());
        self.disk.roll(&course.state());
        self.disk.write(self.disk.waiting());
        let desks = Desks::new(&desk_settings());
        desks.begin_behind(calls.newest_id());
        desks.lead(false);
        desks.agree(0);
        self.process = Some(Process {
            machine,
            course,
            present: Present::new(calls, handed),
            desks,
            start: self.incarnation,
            decided: false,
            patience: BEHIND,
            reads: None,
            waiting: Vec::new(),
            changed_ms: None,
            paused_until_ms: 0,
        });
    }

    /// The process is killed; of what waits for its disk, this much gets there.
    pub(super) fn kill(&mut self, written: usize) {
        self.disk.write(written);
        self.disk.lose_waiting();
        self.process = None;
    }

    /// Its machine is another one now, with an empty disk.
    pub(super) fn lose_disk(&mut self) {
        self.process = None;
        self.disk = Disk::default();
        self.kept_epoch = 0;
    }

    /// What was promised of `call` is nobody's promise any more.
    pub(super) fn forget(&mut self, call: &str) {
        self.promised.remove(call);
        self.pops.retain(|_, of| of != call);
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
        let at = now_ms + self.ahead_ms;
        let Some(process) = &mut self.process else {
            return;
        };
        let heard = Heard {
            call: call.to_owned(),
            agents: vec![agent.to_owned()],
            ..Heard::default()
        };
        let is_known = process.present.shown(call, agent).is_some();
        for mut what in process.present.hear(&heard, None, at).0 {
            self.named += 1;
            let pop = format!("{}.{}", self.name, self.named);
            what.name_pops(|| Some(pop.clone()));
            let place = process.commit(now_ms, at, what);
            process
                .waiting
                .push((place, call.to_owned(), pop.clone(), now_ms));
            // It rang too long here, and rings again.
            if is_known {
                self.again.insert(pop);
            }
        }
    }

    /// What time brings: what is due where this node decides, and what its course wants.
    pub(super) fn turn(&mut self, now_ms: u64, view: Option<View>, other: Option<&Committed>) -> Vec<Want> {
        let (ahead, mut wants) = (self.ahead_ms, Vec::new());
        let Some(process) = &mut self.process else {
            return wants;
        };
        if now_ms.is_multiple_of(LOOK_MS) {
            let decides = process.machine.decides();
            if decides && !std::mem::replace(&mut process.decided, decides) {
                let to = process.present.newest_id() + UNHEARD;
                process.desks.reset_all(to);
                process.commit(now_ms, now_ms + ahead, What::Skipped { to });
            }
            process.decided = decides;
            process.desks.lead(decides);
            let is_known = process.course.has_caught_up();
            process.patience = if is_known {
                BEHIND
            } else {
                process.patience.saturating_sub(1)
            };
            let is_time = decides && (is_known || process.patience == 0);
            let due = process.present.due(now_ms + ahead);
            for due in due.into_iter().filter(|_| is_time) {
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
                            self.pops.insert(pop.clone(), call.clone());
                        }
                        !is_kept
                    });
                }
                Act::Superseded(place) => process.waiting.retain(|(waits, ..)| *waits > place),
                Act::Folded { foreign, own } => {
                    process.folded(&foreign, own, now_ms, now_ms + ahead);
                }
                Act::Rebased { is_bringing } => {
                    process.present.rebased();
                    let pieces: Vec<What> = process.present.pieces().collect();
                    for piece in pieces.into_iter().filter(|_| is_bringing) {
                        process.commit(now_ms, now_ms + ahead, piece);
                    }
                }
                Act::Note(line) => self.disk.note(&line),
                Act::Restate => self.disk.roll(&process.course.state()),
                Act::Try | Act::Quorum(_) | Act::Tell(_) => {}
            }
        }
        if self.disk.is_long() {
            self.disk.roll(&process.course.state());
        }
        wants
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
        let at = at.max(self.present.over_before(&what));
        let entry = Arc::new(Entry { at, what });
        for message in self.present.apply(&entry) {
            self.desks.publish(Arc::new(message));
        }
        self.present.handed(true);
        self.course.hand(now_ms, entry)
    }

    /// As `Pops` follows.
    fn folded(&mut self, foreign: &[Arc<Entry>], own: u64, now_ms: u64, at: u64) {
        self.desks.agree(self.course.calls().newest_id());
        for entry in foreign {
            for message in self.present.learn(entry, own) {
                self.desks.publish(Arc::new(message));
            }
            if let What::Skipped { to } = entry.what {
                self.desks.skip(to);
            }
        }
        match self.present.settle(own, self.course.calls()) {
            Settled::Nothing => {}
            Settled::Raised(to) => self.desks.skip(to),
            Settled::Skip(to) => {
                self.desks.skip(to);
                self.commit(now_ms, at, What::Skipped { to });
            }
            Settled::Reset(to, agents) => {
                self.desks.reset(to, &agents);
                self.commit(now_ms, at, What::Skipped { to });
            }
            Settled::Bring => unreachable!("nothing is refused here"),
        }
    }
}
