//! This node in its pair: tells the machine what is so, does what it decides, and shows both.

mod handing;
mod meters;
mod pages;
mod peer;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, never, select};
use jiff::Timestamp;

use super::error::AppError;
use crate::durable::write_atomically;
use crate::ha::{Action, HaError, Input, Machine, Role, Settings, Standing};
use crate::http::{Readiness, SendingAway};
use crate::metrics::Metrics;
use crate::pop::SharedLog;
use crate::tenant::Tenant;
use handing::{HandedOver, HandoverError};
use meters::Meters;
use peer::Other;
pub(super) use peer::Peer;

/// Time between two turns of the machine, where nothing happens.
const TURN: Duration = Duration::from_millis(20);
/// Time between two looks at the other node.
const LOOK: Duration = Duration::from_secs(2);
/// The file with the newest epoch, in the tenant's folder.
const EPOCH: &str = "EPOCH";

/// This node in its pair; also one that stands alone, where nothing happens.
pub(super) struct Pair {
    settings: Settings,
    standing: Arc<Standing>,
    readiness: Arc<Readiness>,
    peer: Option<Peer>,
    meters: Meters,
    epoch_file: PathBuf,
    /// Where terms are kept.
    shared: OnceLock<Arc<SharedLog>>,
    sending_away: OnceLock<SendingAway>,
    /// Whose customers this node answers with.
    tenant: OnceLock<Arc<Tenant>>,
    /// How the other node stood when it was last asked.
    other: Mutex<Option<Result<Other, String>>>,
    inner: Mutex<Inner>,
}

struct Inner {
    machine: Machine,
    since: Timestamp,
    /// An epoch that is not in the file yet.
    unkept: Option<u64>,
    /// Who waits for the end of a hand-over.
    waiting: Option<Sender<Result<Moved, HaError>>>,
}

/// How long a hand-over took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moved {
    drained_ms: u64,
    moved_ms: u64,
}

/// The thread that gives the machine its turns.
#[derive(Debug)]
pub(super) struct Turning {
    pair: Arc<Pair>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pair {
    /// The node that `settings` describe, with its newest epoch in `folder`.
    ///
    /// # Errors
    /// The file of the epoch or of the peer's key cannot be used, or the metrics' names are taken.
    pub(super) fn open(
        settings: &Settings,
        folder: &Path,
        readiness: &Arc<Readiness>,
        metrics: &Metrics,
    ) -> Result<Pair, AppError> {
        let epoch_file = folder.join(EPOCH);
        let kept = if settings.is_pair() { kept(&epoch_file)? } else { 0 };
        let machine = Machine::new(settings, kept);
        let pair = Pair {
            settings: settings.clone(),
            standing: Arc::new(Standing::of(&machine)),
            readiness: Arc::clone(readiness),
            peer: Peer::of(settings),
            meters: Meters::register(metrics)?,
            epoch_file,
            shared: OnceLock::new(),
            sending_away: OnceLock::new(),
            tenant: OnceLock::new(),
            other: Mutex::new(None),
            inner: Mutex::new(Inner {
                machine,
                since: Timestamp::now(),
                unkept: None,
                waiting: None,
            }),
        };
        pair.meters.show(&pair.standing);
        Ok(pair)
    }

    /// How this node stands, for every thread.
    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Tells the machine what is so, now, and does what it decides. Never waits for anybody.
    pub(super) fn tell(&self, input: Input) {
        let mut inner = self.inner();
        let heard = match input {
            Input::Vrrp(word) if inner.machine.vrrp() != Some(word) => Some(word),
            _ => None,
        };
        // Under the lock, so that time never goes back for the machine.
        let acts = inner.machine.step(self.standing.now_ms(), input);
        self.standing.follow(&inner.machine);
        if let Some(word) = heard {
            tracing::info!(state = word.as_str(), role = %inner.machine.role(), "keepalived");
        }
        for act in acts {
            self.act(&mut inner, act);
        }
        self.meters.show(&self.standing);
    }

    fn act(&self, inner: &mut Inner, act: Action) {
        match act {
            Action::Mint { epoch, revision } => {
                if let Some(shared) = self.shared.get() {
                    shared.terms().mint(epoch, revision);
                }
            }
            Action::Became { from, to } => {
                inner.since = Timestamp::now();
                self.meters.became(to);
                let (epoch, reason) = (inner.machine.epoch(), inner.machine.reason());
                let reason = reason.as_deref().unwrap_or_default();
                if to == Role::Fenced {
                    tracing::error!(%from, %to, epoch, reason, "the role is another");
                } else {
                    tracing::warn!(%from, %to, epoch, reason, "the role is another");
                }
            }
            Action::Epoch(epoch) => {
                tracing::info!(epoch, "a newer term");
                inner.unkept = Some(epoch);
            }
            Action::Draining => tracing::warn!("handing over: callers are asked to connect anew"),
            Action::EndStreams => {
                if let Some(sending_away) = self.sending_away.get() {
                    sending_away.now();
                }
            }
            Action::Yield(is_yielding) => {
                tracing::info!(electable = !is_yielding, "for the hand-over");
            }
            Action::HandedOver { drained_ms, moved_ms } => {
                tracing::warn!(drained_ms, moved_ms, "handed over");
                self.meters.handed_over(true);
                inner.end(Ok(Moved { drained_ms, moved_ms }));
            }
            Action::NotHandedOver(error) => {
                tracing::warn!(%error, "not handed over");
                self.meters.handed_over(false);
                inner.end(Err(error));
            }
        }
    }

    /// Begins to give the machine its turns. `sending_away` ends streams at a hand-over; `shared` keeps terms, where the
    /// other node keeps them too: without it the epoch stays what it is.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn spawn(
        self: &Arc<Pair>,
        sending_away: SendingAway,
        shared: Option<&Arc<SharedLog>>,
    ) -> Result<Turning, AppError> {
        let news = shared.map_or_else(never, |shared| shared.terms().news().clone());
        if let Some(shared) = shared {
            let _first_one_stays = self.shared.set(Arc::clone(shared));
        }
        let _first_one_stays = self.sending_away.set(sending_away);
        let (stop, stopped) = bounded(0);
        let mut turning = Turning {
            pair: Arc::clone(self),
            stop: Some(stop),
            threads: Vec::new(),
        };
        if self.settings.is_pair() {
            let pair = Arc::clone(self);
            let thread = std::thread::Builder::new().name("pair".to_owned());
            let never_sent = stopped.clone();
            turning
                .threads
                .push(thread.spawn(move || pair.turn(&stopped, news))?);
            let pair = Arc::clone(self);
            let thread = std::thread::Builder::new().name("pair-peer".to_owned());
            turning
                .threads
                .push(thread.spawn(move || pair.look_at_other(&never_sent))?);
        }
        Ok(turning)
    }

    fn turn(&self, stopped: &Receiver<()>, mut news: Receiver<Input>) {
        loop {
            select! {
                recv(stopped) -> _nothing_is_ever_sent => return,
                recv(news) -> heard => match heard {
                    Ok(heard) => self.tell(heard),
                    Err(_) => news = never(),
                },
                default(TURN) => {}
            }
            self.tell(self.health());
            self.keep();
        }
    }

    /// Asks the other node now and then how it stands, for whoever looks at this one.
    fn look_at_other(&self, stopped: &Receiver<()>) {
        let Some(peer) = &self.peer else {
            return;
        };
        loop {
            let seen = peer.role(&self.settings.node).map_err(|error| error.to_string());
            if let Ok(other) = &seen {
                self.tell(Input::PeerEpoch(other.epoch));
            }
            *self.other.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn health(&self) -> Input {
        let electable = self.readiness.is_electable();
        Input::Health { electable }
    }

    /// Writes down the newest epoch, outside of the lock: the disk may take its time.
    fn keep(&self) {
        let Some(epoch) = self.inner().unkept.take() else {
            return;
        };
        let kept = write_atomically(&self.epoch_file, |file| writeln!(file, "{epoch}"));
        if let Err(error) = kept {
            // The bucket has it too; only a start without a quorum would need the file.
            tracing::error!(%error, epoch, "the epoch is not kept");
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn end(&mut self, outcome: Result<Moved, HaError>) {
        if let Some(waiting) = self.waiting.take() {
            // Whoever waited may have gone.
            let _gone = waiting.send(outcome);
        }
    }
}

impl Turning {
    /// Gives no more turns.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop = None;
        // Without turns nothing would end it.
        self.pair.inner().waiting = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the pair ended in a panic; what it said stands above");
            }
        }
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("node", &self.settings.node)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

/// The epoch in `file`; 0 where there is none.
fn kept(file: &Path) -> Result<u64, AppError> {
    let unfit = |found: String| AppError::Epoch {
        path: file.to_owned(),
        found,
    };
    match std::fs::read_to_string(file) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| unfit("something else".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(unfit(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
