//! Decides a node's role and its epoch. It neither waits nor asks: it is told what is so and what the time is, and says
//! what is to be done.
//!
//! What a node stops, it stops at once; what it begins may have to wait. [`Machine::decides`] falls with the word of
//! keepalived or the newer term of another node that ends it, in the same step. The role, which others see and which
//! begins a term, changes no sooner than `hold_ms` after it last did; keepalived's words in between are not lost: the
//! last one counts. Serving does not wait for any of it.
//!
//! A term is begun by compare-and-set, over the newest revision that is known, and never without a quorum: until it is
//! begun the old epoch goes on, and two nodes that both believe to be active differ in nothing that a desktop could
//! see twice. An epoch that was seen never falls, whatever the bucket holds later. Who finds a newer term of another
//! node is fenced; where keepalived says MASTER for longer than that, it begins a term again, each time in a row only
//! after twice as long.

mod handover;

use std::borrow::Cow;

use super::error::HaError;
use super::role::{Role, Vrrp};
use super::settings::Settings;
use super::standing::FIRST_EPOCH;
use handover::Handover;

/// Fences in a row that still double the wait for the next term: 2⁶ times `hold_ms`.
const DOUBLINGS: u32 = 6;

/// What is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// keepalived said so, or the watchdog repeats that it did.
    Vrrp(Vrrp),
    /// The bucket holds this term now; epoch and revision 0 where it holds none.
    Term {
        /// The term's number.
        epoch: u64,
        /// Who began it.
        node: String,
        /// What a compare-and-set has to name.
        revision: u64,
    },
    /// The term that was asked for is begun.
    Minted {
        /// Its number.
        epoch: u64,
    },
    /// It is not, or nobody knows.
    NotMinted {
        /// For people.
        why: String,
    },
    /// Whether a majority of the servers of the bucket is there.
    Quorum(bool),
    /// Whether this node answers lookups.
    Health {
        /// As `/electable` has it, but for the hand-over.
        electable: bool,
    },
    /// Somebody asks to hand over; whoever asked made sure that there is somebody to hand over to.
    HandOver,
    /// The other node says that it is active.
    PeerActive,
    /// The newest epoch that the other node knows of: no word on who began it, but desktops may have seen it.
    PeerEpoch(u64),
    /// Time has passed.
    Tick,
}

/// What is to be done, or has been decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begin a term by compare-and-set.
    Mint {
        /// Its number.
        epoch: u64,
        /// The revision that must still be the newest; 0: there must be none.
        revision: u64,
    },
    /// The role is another.
    Became {
        /// What it was.
        from: Role,
        /// What it is.
        to: Role,
    },
    /// The epoch that messages carry is a newer one: keep it for the next start.
    Epoch(u64),
    /// Send away whoever is still connected: idle callers and the streams of desktops, which come back to whoever has
    /// the address.
    EndStreams,
    /// Be electable no more, or again.
    Yield(bool),
    /// The hand-over has begun.
    Draining,
    /// The other node has taken over.
    HandedOver {
        /// How long it was drained, in milliseconds.
        drained_ms: u64,
        /// How long the address took behind that, in milliseconds.
        moved_ms: u64,
    },
    /// The hand-over is refused, or came to nothing.
    NotHandedOver(HaError),
}

/// Decides for one node.
#[derive(Debug)]
pub struct Machine {
    node: String,
    hold_ms: u64,
    role: Role,
    /// When the role changed; the start is no change.
    changed_ms: Option<u64>,
    stepped_ms: Option<u64>,
    vrrp: Option<Vrrp>,
    electable: bool,
    quorum: bool,
    /// The newest epoch that was ever seen.
    epoch: u64,
    /// What the bucket was last said to hold.
    revision: u64,
    holder: String,
    /// A term of another node above this one ends the present activity.
    base: u64,
    /// The term that the present activity began.
    mine: Option<u64>,
    /// Whether the bucket no longer knows of it.
    is_lost: bool,
    /// The term that was asked for last, and when one may be asked for again.
    asked: Option<u64>,
    mint_after_ms: u64,
    refused: Option<String>,
    /// Up to when another node's newer term keeps this one from deciding.
    fenced_until_ms: Option<u64>,
    fences: u32,
    /// Up to when this node, which stood still, waits for news.
    doubt_until_ms: u64,
    handover: Handover,
}

impl Machine {
    /// Of a node as `settings` have it, standby at first; `epoch` is the newest that was kept, 0 where none was.
    pub fn new(settings: &Settings, epoch: u64) -> Machine {
        let role = if settings.is_pair() {
            Role::Standby
        } else {
            Role::Alone
        };
        Machine {
            node: settings.node.clone(),
            hold_ms: settings.hold_ms,
            role,
            changed_ms: None,
            stepped_ms: None,
            vrrp: None,
            electable: false,
            quorum: false,
            epoch: epoch.max(FIRST_EPOCH),
            revision: 0,
            holder: String::new(),
            base: FIRST_EPOCH,
            mine: None,
            is_lost: false,
            asked: None,
            mint_after_ms: 0,
            refused: None,
            fenced_until_ms: None,
            fences: 0,
            doubt_until_ms: 0,
            handover: Handover::new(settings),
        }
    }

    /// Takes note of `input` at `now_ms`, by a clock that nobody sets, and says what is to be done. An earlier
    /// `now_ms` than the last one counts as that.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Action> {
        let mut acts = Vec::new();
        if self.role == Role::Alone {
            if input == Input::HandOver {
                acts.push(Action::NotHandedOver(HaError::Alone));
            }
            return acts;
        }
        let last = self.stepped_ms.unwrap_or(now_ms);
        let now = now_ms.max(last);
        self.stepped_ms = Some(now);
        if now - last > self.hold_ms {
            self.doubt_until_ms = now.saturating_add(self.hold_ms);
        }
        match input {
            Input::Vrrp(vrrp) => self.heard(vrrp),
            Input::Term {
                epoch,
                node,
                revision,
            } => self.saw_term(now, epoch, node, revision, &mut acts),
            Input::Minted { epoch } => self.minted(epoch, &mut acts),
            Input::NotMinted { why } => self.refused = Some(why),
            Input::Quorum(quorum) => self.quorum = quorum,
            Input::Health { electable } => self.electable = electable,
            Input::HandOver => self.hand_over(now, &mut acts),
            Input::PeerActive => self.handover.taken(now, &mut acts),
            Input::PeerEpoch(epoch) => self.raise(epoch, &mut acts),
            Input::Tick => {}
        }
        self.handover.turn(now, self.has_address(), &mut acts);
        self.turn(now, &mut acts);
        self.mint(now, &mut acts);
        acts
    }

    fn heard(&mut self, vrrp: Vrrp) {
        self.vrrp = Some(vrrp);
        if vrrp != Vrrp::Master {
            self.fenced_until_ms = None;
            self.fences = 0;
        }
    }

    fn saw_term(&mut self, now: u64, epoch: u64, node: String, revision: u64, acts: &mut Vec<Action>) {
        let is_ours = node == self.node;
        (self.revision, self.holder) = (revision, node);
        let is_newer = epoch > self.base || self.mine == Some(epoch);
        // A bucket that was lost, or is an older one, forgot: it is said again.
        self.is_lost = epoch < self.base;
        if is_ours {
            if self.asked == Some(epoch) {
                self.minted(epoch, acts);
            }
        } else if is_newer && matches!(self.role, Role::Active | Role::Draining) {
            if self.handover.is_over() {
                self.fence(now);
            } else {
                self.handover.taken(now, acts);
            }
            (self.base, self.mine) = (epoch, None);
        }
        self.raise(epoch, acts);
    }

    fn minted(&mut self, epoch: u64, acts: &mut Vec<Action>) {
        self.asked = None;
        self.refused = None;
        // A newer term that was seen meanwhile has ended this one already.
        if epoch >= self.epoch && matches!(self.role, Role::Active | Role::Draining) {
            (self.base, self.mine, self.is_lost) = (epoch, Some(epoch), false);
        }
        self.raise(epoch, acts);
    }

    fn raise(&mut self, epoch: u64, acts: &mut Vec<Action>) {
        if epoch > self.epoch {
            self.epoch = epoch;
            acts.push(Action::Epoch(epoch));
        }
    }

    fn fence(&mut self, now: u64) {
        let wait = self.hold_ms << self.fences.min(DOUBLINGS);
        self.fences = self.fences.saturating_add(1);
        self.fenced_until_ms = Some(now.saturating_add(wait));
    }

    fn hand_over(&mut self, now: u64, acts: &mut Vec<Action>) {
        let refused = if self.handover.is_under_way() {
            Some(HaError::UnderWay)
        } else if self.role != Role::Active || !self.has_address() || self.fenced_until_ms.is_some() {
            Some(HaError::NotActive { found: self.role })
        } else {
            let wait_ms = self.held_until().saturating_sub(now);
            (wait_ms > 0).then_some(HaError::TooSoon { wait_ms })
        };
        match refused {
            Some(refused) => acts.push(Action::NotHandedOver(refused)),
            None => self.handover.begin(now, acts),
        }
    }

    /// Changes the role where what is so asks for another one, and it has been held for long enough.
    fn turn(&mut self, now: u64, acts: &mut Vec<Action>) {
        if self.fenced_until_ms.is_some_and(|until| now >= until) {
            self.fenced_until_ms = None;
            if self.role == Role::Active {
                self.begin_term();
            }
        }
        let to = self.target();
        // Who stood still has words before it that are old, and begins nothing on them.
        let is_begun_in_doubt = to == Role::Active && self.is_in_doubt();
        if to == self.role || now < self.held_until() || is_begun_in_doubt {
            return;
        }
        let from = std::mem::replace(&mut self.role, to);
        self.changed_ms = Some(now);
        if to == Role::Active && from != Role::Draining {
            self.begin_term();
        }
        acts.push(Action::Became { from, to });
    }

    /// The role that what is so asks for.
    fn target(&self) -> Role {
        if self.handover.is_under_way() {
            Role::Draining
        } else if !self.has_address() || self.handover.is_resting() {
            Role::Standby
        } else if self.fenced_until_ms.is_some() {
            Role::Fenced
        } else if matches!(self.role, Role::Active | Role::Draining) || self.electable {
            Role::Active
        } else {
            Role::Standby
        }
    }

    fn begin_term(&mut self) {
        (self.base, self.mine) = (self.epoch, None);
        self.asked = None;
    }

    /// Asks for a term where this activity has none yet, and nobody could have begun a newer one unseen.
    fn mint(&mut self, now: u64, acts: &mut Vec<Action>) {
        let lacks = self.mine.is_none() || self.is_lost;
        let wants = self.role == Role::Active && self.decides() && lacks;
        if !wants || !self.quorum || now < self.mint_after_ms {
            return;
        }
        let epoch = self.epoch.saturating_add(1);
        self.asked = Some(epoch);
        self.mint_after_ms = now.saturating_add(self.hold_ms);
        acts.push(Action::Mint {
            epoch,
            revision: self.revision,
        });
    }

    fn has_address(&self) -> bool {
        self.vrrp == Some(Vrrp::Master)
    }

    fn held_until(&self) -> u64 {
        self.changed_ms
            .map_or(0, |changed| changed.saturating_add(self.hold_ms))
    }

    fn is_in_doubt(&self) -> bool {
        self.stepped_ms.is_some_and(|now| now < self.doubt_until_ms)
    }

    /// The role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The newest epoch that was seen, from 1.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether this node looks for what is due and tells the system of record: who is alone; and who is active or
    /// draining for as long as it has the address, no other node a newer term, and it has not just stood still.
    pub fn decides(&self) -> bool {
        match self.role {
            Role::Alone => true,
            Role::Active | Role::Draining => {
                let is_free = self.fenced_until_ms.is_none() && !self.is_in_doubt();
                self.has_address() && is_free && !self.handover.is_resting()
            }
            Role::Standby | Role::Fenced => false,
        }
    }

    /// Whether it is not electable because it gives the address away.
    pub fn is_yielding(&self) -> bool {
        self.handover.is_yielding()
    }

    /// Whether callers are asked to connect anew.
    pub fn is_draining(&self) -> bool {
        self.handover.is_under_way()
    }

    /// Whether the other node is to be asked if it is active.
    pub fn awaits_peer(&self) -> bool {
        self.handover.awaits_peer()
    }

    /// Whether a majority is there.
    pub fn quorum(&self) -> bool {
        self.quorum
    }

    /// keepalived's last word; `None` before the first.
    pub fn vrrp(&self) -> Option<Vrrp> {
        self.vrrp
    }

    /// Least time between two changes of role, in milliseconds.
    pub fn hold_ms(&self) -> u64 {
        self.hold_ms
    }

    /// For how long the role will not change whatever happens, in milliseconds as of the last step.
    pub fn held_ms(&self) -> u64 {
        self.held_until().saturating_sub(self.stepped_ms())
    }

    /// When it was last told something.
    pub fn stepped_ms(&self) -> u64 {
        self.stepped_ms.unwrap_or_default()
    }

    /// What is out of the ordinary, for people; `None` where nothing is.
    pub fn reason(&self) -> Option<Cow<'static, str>> {
        if self.role == Role::Alone {
            return None;
        }
        if self.handover.is_under_way() {
            return Some("handing over".into());
        }
        if self.fenced_until_ms.is_some() {
            return Some(
                format!(
                    "keepalived says MASTER, but `{}` has the newer term {}: do both nodes have the address?",
                    self.holder, self.epoch
                )
                .into(),
            );
        }
        if self.is_in_doubt() {
            return Some("this process stood still, and waits for news".into());
        }
        match (self.vrrp, self.role) {
            (None, _) => Some("keepalived has said nothing yet".into()),
            (Some(Vrrp::Master), Role::Standby) if !self.electable => {
                Some("keepalived says MASTER, but this node is not electable".into())
            }
            (Some(Vrrp::Master), Role::Active) if self.mine.is_none() || self.is_lost => {
                Some(self.why_no_term())
            }
            _ => None,
        }
    }

    fn why_no_term(&self) -> Cow<'static, str> {
        let goes_on = format!("epoch {} goes on", self.epoch);
        match &self.refused {
            _ if !self.quorum => format!("no majority keeps terms: {goes_on}").into(),
            Some(why) => format!("a term could not be begun: {why}; {goes_on}").into(),
            None => format!("a term is being begun; {goes_on}").into(),
        }
    }
}

#[cfg(test)]
mod tests;
