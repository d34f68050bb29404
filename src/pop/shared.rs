//! Calls that both nodes of a pair know: entries in a NATS JetStream stream, and in a log on this machine.
//!
//! Three threads: [`decider`] decides, by [`course`] alone, and notes what happens in [`own_log`]; [`broker`] talks with the
//! stream; [`disk`] writes the own log. None waits for another: a disk that hangs keeps nothing from the stream, and a stream
//! that hangs nothing from the disk.

mod broker;
pub(super) mod committed;
pub(super) mod course;
mod decider;
mod disk;
mod envelope;
pub(super) mod letter;
mod own_log;
mod seal;
mod side;
#[cfg(test)]
mod simulation;
mod status;
mod tail;
mod terms;

use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, bounded, unbounded};

use super::entry::Entry;
use super::pops::now;
use super::present::Present;
use super::settings::Settings;
use super::store::{CallState, Done, Follower, Kept, StoreError, Sync, recover};
use course::{Bounds, Course};
use decider::{Decider, Order, Waiting};
use disk::Disk;
use letter::Origin;
use status::Status;

pub(in crate::pop) use seal::Seal;
pub use side::{Side, SideKind};
pub use terms::Terms;

/// The most entries that wait to be taken up.
const WAITING: usize = 1 << 17;
/// The most own entries that the stream has not given back: beyond them, what is known is brought whole once it can be.
const PENDING: usize = 1 << 18;
/// The most bytes and entries of a letter.
const LETTER_BYTES: usize = 256 << 10;
const LETTER_ENTRIES: usize = 1024;
/// After so long a letter is sent again, and after so long where it is known to have failed.
const RESEND_MS: u64 = 1000;
const PAUSE_MS: u64 = 100;

/// Calls that both nodes of a pair know.
#[derive(Debug)]
pub struct SharedLog {
    queue: Option<Sender<Waiting>>,
    orders: Sender<Order>,
    status: Arc<Status>,
    terms: Terms,
    thread: Option<JoinHandle<()>>,
}

impl SharedLog {
    /// Opens the log in the folder `dir` of the node `node`, and gives the state that it makes. The stream is followed once
    /// there is somebody to [follow](CallState::follow) it.
    ///
    /// # Errors
    /// The log cannot be read or written. What is wrong with the stream is told by [`CallState::sync`].
    pub(super) fn open(
        dir: &Path,
        settings: &Settings,
        node: &str,
    ) -> Result<(SharedLog, Present), StoreError> {
        let calls = settings.bounds();
        let (journal, recovered) = recover(dir, &calls)?;
        let mut incarnation = [0; 8];
        getrandom::fill(&mut incarnation).map_err(StoreError::Random)?;
        let bounds = Bounds {
            origin: Origin {
                node: node.to_owned(),
                incarnation: u64::from_le_bytes(incarnation),
            },
            patience_ms: settings.wait_ms.max(PAUSE_MS),
            resend_ms: RESEND_MS,
            pause_ms: PAUSE_MS,
            letter_bytes: LETTER_BYTES,
            letter_entries: LETTER_ENTRIES,
            calls,
        };
        let mut present = recovered.present;
        if recovered.segment.is_none() {
            present.begin_ids(now());
        }
        // What was told of entries that a crash kept from everybody must not be told of others.
        present.skip_ids(WAITING as u64 * 4);
        let handed = recovered.pending.len() as u64;
        let seal = Seal::read(&settings.jetstream.secret_file);
        let status = Arc::new(Status::default());
        let mut course = Course::new(bounds, recovered.committed, recovered.pending.into());
        if let Err(error) = &seal {
            tracing::error!(%error, "calls are kept on this node alone");
            course.halt(&error.to_string());
        }
        let (said, hears) = unbounded();
        let disk = Disk::spawn(journal, recovered.segment.unwrap_or(0), &course, said)?;
        let (queue, waiting) = bounded(WAITING);
        let (orders, ordered) = unbounded();
        let (terms, term_asks) = terms::pair();
        let decider = Decider::new(
            course,
            disk,
            seal.ok(),
            settings.jetstream.clone(),
            Arc::clone(&status),
            term_asks,
        );
        let run = move || decider.run(&waiting, &ordered, &hears);
        let thread = std::thread::Builder::new().name("calls".to_owned()).spawn(run);
        let log = SharedLog {
            queue: Some(queue),
            orders,
            status,
            terms,
            thread: Some(thread.map_err(StoreError::Thread)?),
        };
        Ok((log, Present::new(present, handed)))
    }

    /// Terms, which the same servers keep.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The state that the stream has made here, sealed for the other node; `None` where there is none to be had.
    pub fn state(&self) -> Option<Vec<u8>> {
        let (answer, answered) = bounded(1);
        self.orders.send(Order::State(answer)).ok()?;
        answered.recv().ok()?
    }

    /// Has `ask` give the other node's [`state`](SharedLog::state), where the stream no longer has what this node lacks.
    /// It is called on a thread of its own, and may wait.
    pub fn ask_peer_with(&self, ask: Arc<dyn Fn() -> Option<Vec<u8>> + Send + std::marker::Sync>) {
        self.order(Order::PeerBy(decider::Peer(ask)));
    }

    /// Publishes `bytes` beside the calls, sealed; `done` is told whether they are replicated. Nothing is tried again.
    pub fn publish_side(
        &self,
        kind: SideKind,
        bytes: Vec<u8>,
        done: Option<tokio::sync::oneshot::Sender<bool>>,
    ) {
        self.order(Order::Side { kind, bytes, done });
    }

    /// Gives `handler` from now on what the other node publishes beside the calls under `kind`, in the stream's order, each
    /// once, or once more after a restart.
    pub fn on_side(&self, kind: SideKind, handler: Arc<dyn Fn(&Side) + Send + std::marker::Sync>) {
        self.order(Order::OnSide(kind, decider::Handler(handler)));
    }

    fn order(&self, order: Order) {
        // The thread ends with this value alone, or in a panic that was told of.
        let _told = self.orders.send(order);
    }
}

impl CallState for SharedLog {
    fn keep(&self, entry: Arc<Entry>, done: Option<Done>) -> bool {
        let has_room = self.status.waiting() < PENDING;
        let taken = self.queue.as_ref().filter(|_| has_room);
        let entry = Some(entry);
        taken.is_some_and(|queue| queue.try_send(Waiting { entry, done }).is_ok())
    }

    fn tell(&self, done: Done) {
        let (entry, done) = (None, Some(done));
        if let Some(queue) = &self.queue {
            // Whoever waits learns that nothing is known as the end of the channel is dropped.
            let _told = queue.try_send(Waiting { entry, done });
        }
    }

    fn is_well(&self) -> bool {
        self.status.is_well()
    }

    fn promised(&self) -> Kept {
        Kept::Replicated
    }

    fn follow(&self, follower: Weak<dyn Follower>) {
        self.order(Order::Follow(follower));
    }

    fn sync(&self) -> Sync {
        self.status.sync()
    }
}

impl Drop for SharedLog {
    fn drop(&mut self) {
        self.queue = None;
        // The last to let go of it may be that thread, as it tells a follower something.
        let is_elsewhere = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(is_elsewhere)
            && thread.join().is_err()
        {
            tracing::error!("the thread of calls ended in a panic; what it said stands above");
        }
    }
}
