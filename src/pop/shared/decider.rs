//! The thread that decides, as [`Course`] says: it is told what happens, and tells the disk and the stream what to do.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, never, select, unbounded};
use tokio::sync::oneshot;

use super::super::entry::Entry;
use super::super::settings::Shared;
use super::super::store::{Done, Follower, Sync};
use super::broker::{Ask, Broker, Heard};
use super::committed::Committed;
use super::course::{Act, Course, Tailed, Told};
use super::disk::{Disk, Said};
use super::envelope::Opened;
use super::own_log::OwnLog;
use super::seal::Seal;
use super::side::{Side, SideKind};
use super::status::Status;
use super::terms::Asked;
use crate::ha::Input;

/// Time between two looks at what time alone decides.
const TICK: Duration = Duration::from_millis(20);
/// The most entries that are taken up at once.
const TOGETHER: usize = 1024;

/// What the state of a node is sealed as.
const STATE: &str = "state";

/// An entry that is handed on, or somebody who waits for those before.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) done: Option<Done>,
}

/// What else is asked for.
#[derive(Debug)]
pub(super) enum Order {
    Follow(Weak<dyn Follower>),
    State(Sender<Option<Vec<u8>>>),
    PeerBy(Peer),
    Side {
        kind: SideKind,
        bytes: Vec<u8>,
        done: Option<oneshot::Sender<bool>>,
    },
    OnSide(SideKind, Handler),
}

/// Asks the other node for its state.
#[derive(Clone)]
pub(super) struct Peer(pub(super) Arc<dyn Fn() -> Option<Vec<u8>> + Send + std::marker::Sync>);

/// Takes what the other node publishes beside the calls.
pub(super) struct Handler(pub(super) Arc<dyn Fn(&Side) + Send + std::marker::Sync>);

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

/// What the thread works with.
pub(super) struct Decider {
    course: Course,
    log: OwnLog,
    seal: Option<Arc<Seal>>,
    settings: Shared,
    status: Arc<Status>,
    terms: Option<Asked>,
    news: Sender<Input>,
    broker: Option<Broker>,
    follower: Option<Weak<dyn Follower>>,
    peer: Option<Peer>,
    handlers: HashMap<SideKind, Handler>,
    /// Who waits, by own entries' places.
    waiting: VecDeque<(u64, Done)>,
    /// Own entries up to this one were taken up, and are on disk.
    handed: u64,
    written: u64,
    begun: Instant,
    /// Why the stream cannot be followed.
    why: Option<String>,
}

impl Decider {
    pub(super) fn new(
        course: Course,
        disk: Disk,
        seal: Option<Seal>,
        settings: Shared,
        status: Arc<Status>,
        terms: Asked,
    ) -> Decider {
        let pending = course.pending().len() as u64;
        status.set_why(course.halted().map(str::to_owned));
        Decider {
            handed: pending,
            written: pending,
            course,
            log: OwnLog::new(disk, Arc::clone(&status)),
            seal: seal.map(Arc::new),
            settings,
            status,
            news: terms.news.clone(),
            terms: Some(terms),
            broker: None,
            follower: None,
            peer: None,
            handlers: HashMap::new(),
            waiting: VecDeque::new(),
            begun: Instant::now(),
            why: None,
        }
    }

    /// Decides until nobody can hand on anything any more.
    pub(super) fn run(mut self, queue: &Receiver<Waiting>, orders: &Receiver<Order>, said: &Receiver<Said>) {
        let (heard, mut hears) = (unbounded(), never());
        loop {
            select! {
                recv(queue) -> first => {
                    let Ok(first) = first else {
                        break;
                    };
                    self.take(first);
                    for more in queue.try_iter().take(TOGETHER - 1) {
                        self.take(more);
                    }
                }
                recv(hears) -> first => {
                    let more = hears.try_iter().take(TOGETHER);
                    for one in first.into_iter().chain(more.collect::<Vec<_>>()) {
                        self.hear(one);
                    }
                }
                recv(orders) -> order => match order {
                    Ok(Order::Follow(follower)) => {
                        self.follower = Some(follower);
                        self.begin(&heard.0);
                        hears = heard.1.clone();
                    }
                    Ok(order) => self.order(order),
                    Err(_) => break,
                },
                recv(said) -> first => {
                    for one in first.into_iter().chain(said.try_iter().collect::<Vec<_>>()) {
                        if let Some(up_to) = self.log.said(one) {
                            self.here(up_to);
                        }
                    }
                }
                default(TICK) => {}
            }
            if self.broker.is_some() {
                self.course.tick(self.now_ms());
            }
            self.act();
            self.write(false);
            self.tell_status();
        }
        self.write(true);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, waiting: Waiting) {
        let Some(entry) = waiting.entry else {
            return self.wait(waiting.done);
        };
        let place = self.course.hand(self.now_ms(), entry);
        self.handed = place;
        self.waiting.extend(waiting.done.map(|done| (place, done)));
        self.act();
    }

    /// Has `done` wait for everything that was handed on.
    fn wait(&mut self, done: Option<Done>) {
        let place = self.handed;
        if let Some(done) = done {
            if place <= self.written {
                done.here();
            }
            self.waiting.push_back((place, done));
        }
        if self.course.replicated() >= place {
            self.end(place, true);
        } else if !self.course.has_quorum() {
            self.end(self.written, false);
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Follow(_) => {}
            Order::State(answer) => {
                let state = serde_json::to_vec(self.course.committed()).ok();
                let seal = self.seal.as_ref().filter(|_| self.course.is_following());
                let sealed = seal
                    .zip(state)
                    .and_then(|(seal, state)| seal.seal(STATE, STATE, state).ok());
                // Whoever asked may have gone.
                let _told = answer.send(sealed);
            }
            Order::PeerBy(peer) => self.peer = Some(peer),
            Order::Side { kind, bytes, done } => self.ask(Ask::Side { kind, bytes, done }),
            Order::OnSide(kind, handler) => {
                self.handlers.insert(kind, handler);
            }
        }
    }

    /// Begins to talk with the stream.
    fn begin(&mut self, heard: &Sender<Heard>) {
        let Some((seal, terms)) = self.seal.clone().zip(self.terms.take()) else {
            return;
        };
        let origin = self.course.origin().clone();
        match Broker::spawn(self.settings.clone(), origin, seal, terms, heard.clone()) {
            Ok(broker) => self.broker = Some(broker),
            Err(error) => {
                tracing::error!(%error, "no thread for the stream of calls is to be had: they are kept on this node alone");
                self.status.set_why(Some(error.to_string()));
            }
        }
    }

    fn ask(&self, ask: Ask) {
        if let Some(broker) = &self.broker {
            broker.ask(ask);
        }
    }

    fn hear(&mut self, heard: Heard) {
        let now_ms = self.now_ms();
        match heard {
            Heard::Looked(view) => {
                self.why = None;
                self.status.set_why(None);
                self.course.looked(now_ms, view);
            }
            Heard::CannotLook(why) => {
                if self.why.as_ref() != Some(&why) {
                    tracing::error!(why, "the stream of calls cannot be followed");
                    self.why = Some(why.clone());
                    self.status.set_why(Some(why));
                }
                self.course.cannot_look(now_ms);
            }
            Heard::Stored { id, sequence } => self.course.stored_at(now_ms, &id, sequence),
            Heard::Unknown(id) => self.course.unknown(now_ms, &id),
            Heard::Probed(is_kept) => {
                self.course.probed(now_ms, is_kept);
                let _told = self.news.send(Input::Quorum(is_kept));
            }
            Heard::Tried(is_kept) => self.course.tried(now_ms, is_kept),
            Heard::LostTail => self.course.lost_tail(),
            Heard::Cut(why) => {
                self.status.set_why(Some(why));
                self.course.cut(now_ms);
                let _told = self.news.send(Input::Quorum(false));
            }
            Heard::Peer(sealed) => {
                let opened = sealed.and_then(|sealed| self.seal.as_ref()?.open(STATE, STATE, &sealed));
                let state = opened.and_then(|state| serde_json::from_slice::<Committed>(&state).ok());
                self.course.peer_said(now_ms, state);
            }
            Heard::Arrived {
                sequence,
                more,
                stamp,
                opened,
            } => self.arrived(now_ms, (sequence, stamp), more, opened),
        }
        self.act();
    }

    fn arrived(&mut self, now_ms: u64, (sequence, stamp): (u64, u64), more: u64, opened: Opened) {
        if sequence <= self.course.committed().sequence {
            return;
        }
        let message = match opened {
            Opened::Letter(letter) => Tailed::Letter(letter),
            Opened::Unreadable(why) => Tailed::Unreadable(why),
            Opened::Strange => {
                tracing::warn!(
                    sequence,
                    "a message in the stream of calls is none of a node, and is passed over"
                );
                Tailed::Other { stamp }
            }
            Opened::Side(side) => {
                if side.node != self.course.origin().node
                    && let Some(handler) = self.handlers.get(&side.kind)
                {
                    (handler.0)(&side);
                }
                Tailed::Other { stamp }
            }
        };
        self.course.tailed(now_ms, sequence, more, message);
    }

    /// Does what follows, in its order.
    fn act(&mut self) {
        while let Some(act) = self.course.act() {
            match act {
                Act::Look => self.ask(Ask::Look(self.course.committed().newest())),
                Act::AskPeer => self.ask(Ask::Peer(self.peer.clone())),
                Act::Follow(from) => self.ask(Ask::Follow {
                    from,
                    life: self.course.committed().life,
                    newest: self.course.committed().newest(),
                }),
                Act::Publish(letter) => self.ask(Ask::Publish(letter)),
                Act::Try => self.ask(Ask::Try),
                Act::Replicated(place) => self.end(place, true),
                Act::Superseded(place) => self.end(place, false),
                Act::Folded { foreign, own } => {
                    if let Some(follower) = self.follower() {
                        follower.folded(&foreign, own, self.course.calls());
                    }
                }
                Act::Rebased { is_bringing } => {
                    if let Some(follower) = self.follower() {
                        follower.rebased(is_bringing);
                    }
                }
                Act::Note(line) => self.log.note(&line),
                Act::Restate => self.log.roll(&self.course, self.handed),
                Act::Quorum(has_quorum) => {
                    if !has_quorum {
                        self.end(self.written, false);
                    }
                }
                Act::Tell(told) => self.tell(&told),
            }
        }
    }

    fn follower(&self) -> Option<Arc<dyn Follower>> {
        self.follower.as_ref()?.upgrade()
    }

    /// Nobody waits any more for own entries up to `place`.
    fn end(&mut self, place: u64, is_replicated: bool) {
        while let Some((_, done)) = self.waiting.pop_front_if(|(waits, _)| *waits <= place) {
            done.end(is_replicated);
        }
    }

    /// Hands lines to the disk, where that is due.
    fn write(&mut self, is_last: bool) {
        self.log.write(is_last, &self.course, self.handed);
        if !self.log.is_well() && !self.course.has_quorum() {
            self.end(self.handed, false);
        }
    }

    /// Own entries up to `place` are on disk.
    fn here(&mut self, place: u64) {
        self.written = self.written.max(place);
        let written = self.waiting.iter().take_while(|(waits, _)| *waits <= place);
        written.for_each(|(_, done)| done.here());
        if !self.course.has_quorum() {
            self.end(place, false);
        }
    }

    fn tell_status(&self) {
        let sync = Sync {
            is_connected: self.course.is_following(),
            has_quorum: self.course.has_quorum(),
            sequence: self.course.committed().sequence,
            behind: self.course.behind(),
            unreplicated: self.course.unreplicated(),
            has_caught_up: self.course.has_caught_up(),
            ..Sync::default()
        };
        self.status.set(&sync, self.course.pending().len());
    }

    fn tell(&self, told: &Told) {
        match told {
            Told::Following { sequence, last } => {
                tracing::info!(sequence, last, "the stream of calls is followed");
            }
            Told::LostEnd => tracing::error!(
                "the stream of calls has lost its end, as servers do that lose power together: what this node knows is brought into it"
            ),
            Told::MadeAgain => tracing::error!(
                "the stream of calls was deleted, or made again: everything that this node knows of calls is brought into it; find \
                 out who did that"
            ),
            Told::Trimmed { expected, first } => tracing::warn!(
                expected,
                first,
                "the stream of calls no longer has what this node lacks: the other node is asked for its state"
            ),
            Told::Incomplete => tracing::error!(
                "the other node cannot be asked for its state: calls begin with what the stream still has, and what this node knows \
                 is brought into it"
            ),
            Told::Missing { expected, found } => {
                tracing::error!(expected, found, "messages are missing in the stream of calls");
            }
            Told::Unreadable(why) => {
                tracing::error!(why, "this node goes on alone: its calls are not replicated");
                self.status.set_why(Some(why.clone()));
            }
            Told::Quorum(true) => tracing::info!("calls are replicated"),
            Told::Quorum(false) => tracing::warn!(
                "calls are not replicated: no majority of the NATS servers keeps them at present, or none can be reached"
            ),
        }
    }
}
