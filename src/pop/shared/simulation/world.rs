//! What is around two nodes: the network, the broker and its bucket, keepalived's adverts, callers, desktops.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::super::entry::What;
use super::super::course::{Tailed, View};
use super::super::letter::Letter;
use super::desktop::Desktop;
use super::node::{Node, Want};
use crate::ha::{Input, Role, Vrrp};

const STEP_MS: u64 = 5;
/// Without an advert for so long a backup takes the address.
const DEAD_MS: u64 = 300;
pub(super) const AGENTS: [&str; 3] = ["joan", "ben", "kim"];
/// For how long two nodes that hear each other, and a majority, may both decide.
const BOTH_MS: u64 = 1000;
/// For how long a phone system tells again what nobody answered.
const AGAIN_MS: u64 = 2000;
const ARBITER: usize = 2;

/// Something on its way.
enum Mail {
    /// To the broker, from a node's start.
    Letter(Arc<Letter>),
    Mint {
        epoch: u64,
        revision: u64,
    },
    /// From the broker.
    Stored(String, u64),
    Unknown(String),
    Told(Input),
    /// keepalived's word.
    Notify(Vrrp),
}

pub(super) struct World {
    pub(super) seed: u64,
    dice: u64,
    pub(super) now_ms: u64,
    pub(super) nodes: [Node; 2],
    /// In which part of the network each machine is; the last one is the arbiter.
    parts: [u8; 3],
    arbiter_up: bool,
    /// Adverts alone are lost, as behind a firewall: both nodes take the address.
    lacks_adverts: bool,
    pub(super) stream: Vec<Arc<Letter>>,
    /// The bucket: the revision, and who began which term.
    revision: u64,
    pub(super) terms: Vec<(u64, usize)>,
    mail: VecDeque<(u64, usize, Mail)>,
    pub(super) desktops: [Desktop; 3],
    calls: u64,
    pub(super) rung: Vec<(u64, String, usize)>,
    both_since_ms: Option<u64>,
    is_disordered: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        World {
            seed,
            dice: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            now_ms: 1000,
            nodes: [Node::new("a"), Node::new("b")],
            parts: [0; 3],
            arbiter_up: true,
            lacks_adverts: false,
            stream: Vec::new(),
            revision: 0,
            terms: Vec::new(),
            mail: VecDeque::new(),
            desktops: Default::default(),
            calls: 0,
            rung: Vec::new(),
            both_since_ms: None,
            is_disordered: true,
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    pub(super) fn promised(&self) -> usize {
        self.nodes.iter().map(|node| node.promised.len()).sum()
    }

    /// Whether the broker serves who is at this machine: its part has most of the servers.
    fn has_quorum(&self, place: usize) -> bool {
        let up = |of: &usize| match *of {
            ARBITER => self.arbiter_up,
            node => self.nodes[node].has_power,
        };
        let part = self.parts[place];
        let there = (0..3).filter(up).filter(|of| self.parts[*of] == part).count();
        there >= 2 && up(&place)
    }

    fn hear_each_other(&self) -> bool {
        self.parts[0] == self.parts[1] && self.nodes.iter().all(|node| node.has_power)
    }

    /// The stream as the node at `place` finds it.
    fn view(&self, place: usize) -> View {
        let course = self.nodes[place].process.as_ref().map(|process| &process.course);
        let newest = course.and_then(|course| course.committed().newest());
        let is_another_end = newest.is_some_and(|newest| {
            let place = usize::try_from(newest.sequence() - 1).unwrap();
            let there = self.stream.get(place);
            there.is_some_and(|letter| !newest.is_it(Some(&(letter.origin.clone(), letter.first)), b""))
        });
        View {
            life: 1,
            first: 1,
            last: self.stream.len() as u64,
            is_another_end,
        }
    }

    fn post(&mut self, delay_ms: u64, to: usize, mail: Mail) {
        let delay = delay_ms + self.roll(10);
        self.mail.push_back((self.now_ms + delay, to, mail));
    }

    pub(super) fn step(&mut self, is_disordered: bool) {
        self.is_disordered = is_disordered;
        self.now_ms += STEP_MS;
        if is_disordered {
            self.disorder();
        }
        self.deliver();
        self.keepalived();
        for place in 0..2 {
            self.live(place);
        }
        if is_disordered && self.roll(8) == 0 {
            self.ring();
        }
        if self.now_ms.is_multiple_of(50) {
            self.desktops();
        }
        self.look();
    }

    fn disorder(&mut self) {
        let now = self.now_ms;
        let place = usize::try_from(self.roll(2)).unwrap();
        let (dice, long) = (self.roll(6000), self.roll(8000));
        match dice {
            0..6 => {
                let parts = [[0, 1, 1], [0, 1, 0], [0, 0, 1], [0, 1, 2]];
                self.parts = parts[usize::try_from(self.roll(4)).unwrap()];
            }
            6..18 => (self.parts, self.lacks_adverts) = ([0; 3], false),
            18 | 19 => self.lacks_adverts = true,
            20..24 => {
                if let Some(process) = &mut self.nodes[place].process {
                    process.paused_until_ms = now + long;
                }
            }
            24..30 => {
                self.kill(place);
                self.nodes[place].starts_ms = now + long;
            }
            30..33 => {
                // The disk of one alone, and only while the other has everything.
                let last = self.stream.len() as u64;
                if self.nodes[1 - place].is_settled(last) {
                    self.nodes[place].lose_disk();
                    self.nodes[place].starts_ms = now + long;
                }
            }
            33..37 => {
                self.kill(place);
                self.nodes[place].has_power = false;
                self.nodes[place].starts_ms = now + long;
            }
            37..40 => self.arbiter_up = !self.arbiter_up,
            40..42 => self.nodes[place].ahead_ms = self.nodes[place].ahead_ms.max(long % 400),
            42..50 if self.nodes[place].runs(now) => {
                let wants = self.nodes[place].tell(now, Input::HandOver);
                self.want(place, wants);
            }
            58 => self.lose_end(),
            52..58 => self.nodes[place].hangs_until_ms = now + long / 4,
            // An operator says what is not so.
            50..52 => self.post(0, place, Mail::Notify(Vrrp::Master)),
            _ => {}
        }
    }

    /// What waits for a disk gets there in part.
    fn kill(&mut self, place: usize) {
        let waiting = self.nodes[place].disk.waiting() as u64;
        let written = usize::try_from(self.roll(waiting + 1)).unwrap();
        self.nodes[place].kill(written);
    }

    /// The broker's machines have lost their power, and with it what they said they kept. Whatever is in the logs of both
    /// nodes must come back; nobody holds them to more.
    fn lose_end(&mut self) {
        let lost = usize::try_from(1 + self.roll(5)).unwrap();
        let at = self.stream.len().saturating_sub(lost);
        let lost = self.stream.split_off(at);
        let has = |node: &Node| {
            let sequence = node
                .process
                .as_ref()
                .map(|process| process.course.committed().sequence);
            node.disk.waiting() == 0 && sequence >= Some((at + lost.len()) as u64)
        };
        if !self.nodes.iter().all(has) {
            let entries = lost.iter().flat_map(|letter| &letter.entries);
            for entry in entries {
                if let What::Ring { call, .. } = &entry.what {
                    self.nodes.iter_mut().for_each(|node| node.forget(call));
                }
            }
        }
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                process.reads = None;
                process.course.cut(self.now_ms);
            }
        }
    }

    fn want(&mut self, place: usize, wants: Vec<Want>) {
        for want in wants {
            match want {
                Want::Publish(letter) => self.post(1, place, Mail::Letter(letter)),
                Want::Mint { epoch, revision } => self.post(1, place, Mail::Mint { epoch, revision }),
                Want::SendAway => {
                    let gone = self.now_ms + 150;
                    let is_there = |desktop: &&mut Desktop| desktop.at.is_some_and(|(at, _)| at == place);
                    for desktop in self.desktops.iter_mut().filter(is_there) {
                        desktop.lose(gone);
                    }
                }
            }
        }
    }

    fn deliver(&mut self) {
        for _ in 0..self.mail.len() {
            let Some((due, place, mail)) = self.mail.pop_front() else {
                return;
            };
            let is_to_node = !matches!(mail, Mail::Letter(_) | Mail::Mint { .. });
            let is_frozen =
                is_to_node && self.nodes[place].process.is_some() && !self.nodes[place].runs(self.now_ms);
            if due > self.now_ms || is_frozen && self.nodes[place].has_power {
                self.mail.push_back((due, place, mail));
                continue;
            }
            self.take(place, mail);
        }
    }

    fn take(&mut self, place: usize, mail: Mail) {
        let now = self.now_ms;
        let luck = if self.is_disordered { self.roll(20) } else { 19 };
        match mail {
            Mail::Letter(letter) => {
                let id = letter.id();
                if !self.has_quorum(place) {
                    // It may come through later, or never.
                    if luck < 5 {
                        self.post(400, place, Mail::Letter(letter));
                    }
                    return self.post(100, place, Mail::Unknown(id));
                }
                self.stream.push(letter);
                match luck {
                    0 => {}
                    1 => self.post(50, place, Mail::Unknown(id)),
                    _ => self.post(1, place, Mail::Stored(id, self.stream.len() as u64)),
                }
            }
            Mail::Mint { epoch, revision } => {
                let no = |why: &str| Mail::Told(Input::NotMinted { why: why.to_owned() });
                if !self.has_quorum(place) {
                    if luck < 5 {
                        self.post(400, place, Mail::Mint { epoch, revision });
                    }
                    return self.post(100, place, no("no quorum"));
                }
                if revision != self.revision {
                    return self.post(1, place, no("another revision"));
                }
                self.revision += 1;
                let before = self.terms.last().map_or(0, |(epoch, _)| *epoch);
                assert!(
                    epoch > before,
                    "seed {}: the epoch {epoch} follows {before}",
                    self.seed
                );
                self.terms.push((epoch, place));
                match luck {
                    0 => {}
                    1 => self.post(50, place, no("it took too long")),
                    _ => self.post(1, place, Mail::Told(Input::Minted { epoch })),
                }
            }
            Mail::Stored(id, sequence) => {
                if let Some(process) = &mut self.nodes[place].process {
                    process.course.stored_at(now, &id, sequence);
                }
            }
            Mail::Unknown(id) => {
                if let Some(process) = &mut self.nodes[place].process {
                    process.course.unknown(now, &id);
                }
            }
            Mail::Told(input) => {
                let wants = self.nodes[place].tell(now, input);
                self.want(place, wants);
            }
            Mail::Notify(word) => {
                // Scripts fail too; the watchdog says it again.
                if luck > 1 {
                    let wants = self.nodes[place].tell(now, Input::Vrrp(word));
                    self.want(place, wants);
                }
            }
        }
    }

    /// Adverts, faults, and who has the address; the first node is the one to keep it where both have.
    fn keepalived(&mut self) {
        for place in 0..2 {
            if !self.nodes[place].has_power {
                self.nodes[place].vrrp = Vrrp::Backup;
                continue;
            }
            if self.now_ms.is_multiple_of(50) {
                let now = self.now_ms;
                self.nodes[place].watch(now);
            }
            let other = &self.nodes[1 - place];
            let hears = self.hear_each_other() && !self.lacks_adverts && other.vrrp == Vrrp::Master;
            let now = self.now_ms;
            let node = &mut self.nodes[place];
            if hears {
                node.heard_ms = now;
            }
            let next = match node.vrrp {
                _ if node.has_fault => Vrrp::Fault,
                Vrrp::Fault | Vrrp::Stop => {
                    node.heard_ms = now;
                    Vrrp::Backup
                }
                Vrrp::Backup if now - node.heard_ms > DEAD_MS + 20 * place as u64 => Vrrp::Master,
                Vrrp::Master if hears && place == 1 => Vrrp::Backup,
                stays => stays,
            };
            if next != node.vrrp {
                node.vrrp = next;
                self.post(5, place, Mail::Notify(next));
            }
        }
    }

    fn live(&mut self, place: usize) {
        let now = self.now_ms;
        if self.nodes[place].process.is_none() && now >= self.nodes[place].starts_ms {
            self.nodes[place].has_power = true;
            self.nodes[place].start(now);
        }
        if !self.nodes[place].runs(now) {
            return;
        }
        let is_there = self.has_quorum(place);
        let newest = self.terms.last().copied();
        let mut told = vec![Input::Quorum(is_there), Input::Tick];
        if is_there && now.is_multiple_of(20) {
            told.push(Input::Term {
                epoch: newest.map_or(0, |(epoch, _)| epoch),
                node: newest.map_or("", |(_, of)| self.nodes[of].name).to_owned(),
                revision: self.revision,
            });
        }
        let machine = &self.nodes[place].process.as_ref().unwrap().machine;
        if now.is_multiple_of(200) && machine.vrrp() != Some(self.nodes[place].vrrp) {
            told.push(Input::Vrrp(self.nodes[place].vrrp));
        }
        if machine.awaits_peer() && self.hear_each_other() {
            let other = &self.nodes[1 - place];
            if other.runs(now) && other.stands().0 == Role::Active {
                told.push(Input::PeerActive);
            }
        }
        for input in told {
            let wants = self.nodes[place].tell(now, input);
            self.want(place, wants);
        }
        self.read(place, is_there);
        let (view, hears) = (is_there.then(|| self.view(place)), self.hear_each_other());
        let [a, b] = &mut self.nodes;
        let (node, other) = if place == 0 { (a, b) } else { (b, a) };
        let other = other.process.as_ref().filter(|_| hears);
        let wants = node.turn(now, view, other.map(|process| process.course.committed()));
        self.want(place, wants);
        let is_slow = self.roll(3) > 0 || now < self.nodes[place].hangs_until_ms;
        let disk = &mut self.nodes[place].disk;
        if !is_slow {
            disk.write(disk.waiting());
        }
    }

    /// Reads the stream, where it can be read.
    fn read(&mut self, place: usize, is_there: bool) {
        let last = self.stream.len() as u64;
        let Some(process) = &mut self.nodes[place].process else {
            return;
        };
        if !is_there {
            if process.reads.take().is_some() {
                process.course.cut(self.now_ms);
            }
            return;
        }
        for _ in 0..20 {
            let Some(next) = process.reads.filter(|next| *next <= last) else {
                return;
            };
            let letter = Letter::clone(&self.stream[usize::try_from(next - 1).unwrap()]);
            process.reads = Some(next + 1);
            process
                .course
                .tailed(self.now_ms, next, last - next, Tailed::Letter(letter));
        }
    }

    /// A phone system rings at whoever has the address; now and then a second time, as one that heard no answer does.
    fn ring(&mut self) {
        let holder = |node: &Node| node.vrrp == Vrrp::Master;
        let mut holders: Vec<usize> = (0..2).filter(|place| holder(&self.nodes[*place])).collect();
        if holders.len() == 2 && self.roll(2) == 0 {
            holders.swap(0, 1);
        }
        let Some(place) = holders.first().copied() else {
            return;
        };
        if !self.nodes[place].runs(self.now_ms) {
            return;
        }
        let is_again = self.roll(6) == 0;
        let (call, agent) = match self.rung.last() {
            Some((at, call, agent)) if is_again && self.now_ms < at + AGAIN_MS => (call.clone(), *agent),
            _ => {
                self.calls += 1;
                let agent = usize::try_from(self.roll(3)).unwrap();
                self.rung
                    .push((self.now_ms, format!("call-{}", self.calls), agent));
                (format!("call-{}", self.calls), agent)
            }
        };
        let now = self.now_ms;
        self.nodes[place].ring(now, &call, AGENTS[agent]);
    }

    /// What holds at every step.
    fn look(&mut self) {
        let now = self.now_ms;
        let decides = |node: &Node| node.runs(now) && node.stands().2;
        let is_whole = self.hear_each_other() && (0..2).all(|place| self.has_quorum(place));
        if !is_whole || !self.nodes.iter().all(decides) {
            self.both_since_ms = None;
            return;
        }
        let since = *self.both_since_ms.get_or_insert(now);
        assert!(now - since < BOTH_MS, "seed {}: both decide for long", self.seed);
    }

    /// Everything is repaired.
    pub(super) fn heal(&mut self) {
        (self.parts, self.arbiter_up, self.lacks_adverts) = ([0; 3], true, false);
        for node in &mut self.nodes {
            (node.starts_ms, node.hangs_until_ms) = (self.now_ms, 0);
            if let Some(process) = &mut node.process {
                process.paused_until_ms = 0;
            }
        }
    }

    /// Lets everything come to rest: all that rang has rung too long by then.
    pub(super) fn rest(&mut self) {
        for _ in 0..3000 {
            self.step(false);
        }
    }
}
