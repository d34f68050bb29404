//! The thread that runs the feeds, and with them the replica and its compaction.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::followed::Followed;
use super::{Kind, Settings};
use crate::index::Merge;
use crate::replica::compaction::{self, Choice, CompactionError};
use crate::replica::{Freshness, Replica};
use crate::snapshot::folder::Held;
use crate::snapshot::{MappedSnapshot, Stream};

/// How long a merge that failed is left alone before the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Where and when to compact.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// The folder that this process holds.
    pub folder: Arc<Held>,
    /// Bytes of the overlay at which it is merged.
    pub overlay_max_bytes: u64,
    /// Memory that a compaction may take, bytes.
    pub memory_bytes: u64,
}

/// Why feeds cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// No thread is to be had.
    #[error(
        "the feeds' thread cannot be started: {0}; raise the limit of processes of the user who runs this"
    )]
    Thread(std::io::Error),
}

/// The feeds of a contact centre, ready to run.
#[derive(Debug)]
pub struct Feeds {
    settings: BTreeMap<String, Settings>,
    followed: Vec<Followed>,
    replica: Replica,
    freshness: Arc<Freshness>,
    compaction: Compaction,
    signals: Sender<Signal>,
    received: Receiver<Signal>,
}

/// How far the feeds are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The newest change that was applied.
    pub seq: u64,
    /// The lives of the feeds' streams, each with where to resume it.
    pub streams: Vec<Stream>,
}

/// What the thread is told.
#[derive(Debug)]
enum Signal {
    Stop,
    /// Another snapshot is the present one, and to be taken up in place of everything.
    Replace {
        snapshot: Arc<MappedSnapshot>,
        done: Sender<()>,
    },
    /// Somebody wants to know how far the feeds are.
    Places(Sender<Places>),
    Merged(Result<Arc<MappedSnapshot>, CompactionError>),
}

/// Running feeds.
#[derive(Debug)]
pub struct Running {
    signals: Sender<Signal>,
    thread: JoinHandle<()>,
}

/// Hands snapshots to the feeds' thread, which alone may take them up.
#[derive(Debug, Clone)]
pub struct Installer {
    signals: Sender<Signal>,
}

impl Installer {
    /// Has `snapshot`, which is the folder's present one, taken up in place of everything that is served, and waits for
    /// it. Feeds go on where the snapshot says. False where the feeds have stopped.
    pub fn replace(&self, snapshot: Arc<MappedSnapshot>) -> bool {
        let (done, taken_up) = channel();
        let told = self.signals.send(Signal::Replace { snapshot, done });
        told.is_ok() && taken_up.recv().is_ok()
    }

    /// How far the feeds are; `None` where they have stopped.
    pub fn places(&self) -> Option<Places> {
        let (told, places) = channel();
        self.signals.send(Signal::Places(told)).ok()?;
        places.recv().ok()
    }
}

impl Running {
    /// Stops following, and waits until a merge that is under way is done.
    pub fn stop(self) {
        // Where the thread is gone already there is nobody to tell.
        let _gone = self.signals.send(Signal::Stop);
        let _panicked = self.thread.join();
    }
}

impl Feeds {
    /// The feeds of `settings`, by name, which write through `replica`.
    pub fn new(
        settings: &BTreeMap<String, Settings>,
        replica: Replica,
        freshness: Arc<Freshness>,
        compaction: Compaction,
    ) -> Feeds {
        let (signals, received) = channel();
        Feeds {
            signals,
            received,
            followed: follow(settings, &replica),
            settings: settings.clone(),
            replica,
            freshness,
            compaction,
        }
    }

    /// What snapshots are handed over by, once they run; until then whoever hands one over waits.
    pub fn installer(&self) -> Installer {
        Installer {
            signals: self.signals.clone(),
        }
    }

    /// Runs them on a thread of their own.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self) -> Result<Running, FeedError> {
        let signals = self.signals.clone();
        let thread = std::thread::Builder::new()
            .name("feeds".into())
            .spawn(move || self.run())
            .map_err(FeedError::Thread)?;
        Ok(Running { signals, thread })
    }

    fn run(mut self) {
        let mut merge: Option<JoinHandle<()>> = None;
        let mut merge_after = Instant::now();
        loop {
            let now = Instant::now();
            let mut next = now + Duration::from_secs(3600);
            for followed in &mut self.followed {
                let look_at = followed.look_if_due(now, &mut self.replica, &self.freshness);
                next = next.min(look_at);
            }
            let overlay_bytes = self.replica.index().overlay_size().1;
            let choice = compaction::choose(
                overlay_bytes,
                self.compaction.overlay_max_bytes,
                self.has_rotated(),
            );
            if merge.is_none() && now >= merge_after && choice == Choice::Merge {
                merge = self.start_merge(&mut merge_after);
            }
            match self
                .received
                .recv_timeout(next.saturating_duration_since(Instant::now()))
            {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Merged(merged)) => {
                    if let Some(worker) = merge.take() {
                        let _panicked = worker.join();
                    }
                    if !self.finish_merge(merged) {
                        merge_after = Instant::now() + RETRY_AFTER;
                    }
                }
                Ok(Signal::Replace { snapshot, done }) => {
                    self.replace(&snapshot);
                    // Whoever asked may have gone away.
                    let _gone = done.send(());
                }
                Ok(Signal::Places(told)) => {
                    let _gone = told.send(self.places());
                }
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if merge.is_none() && self.has_rotated() {
            merge = self.start_merge(&mut merge_after);
        }
        if let Some(worker) = merge {
            let _panicked = worker.join();
        }
    }

    fn has_rotated(&self) -> bool {
        self.followed.iter().any(Followed::has_rotated)
    }

    fn start_merge(&mut self, merge_after: &mut Instant) -> Option<JoinHandle<()>> {
        for followed in &mut self.followed {
            followed.keep_places(&mut self.replica);
        }
        let (merge, streams) = self.replica.seal()?;
        tracing::info!(seq = merge.seq(), "merging the overlay into the next generation");
        let (folder, done) = (Arc::clone(&self.compaction.folder), self.signals.clone());
        let memory = self.compaction.memory_bytes;
        let work = move || {
            // A merge that dies must be tried again like one that fails, or none would ever follow it.
            let merged = catch_unwind(AssertUnwindSafe(|| merge_now(&merge, &streams, &folder, memory)))
                .unwrap_or(Err(CompactionError::Panicked));
            // Where the feeds have stopped meanwhile, the generation is there for the next start.
            let _stopped = done.send(Signal::Merged(merged));
        };
        match std::thread::Builder::new().name("merge".into()).spawn(work) {
            Ok(worker) => Some(worker),
            Err(error) => {
                self.replica.counters().merges_failed.inc();
                *merge_after = Instant::now() + RETRY_AFTER;
                tracing::error!(%error, "a merge cannot be started; it is tried again in a minute");
                None
            }
        }
    }

    fn places(&mut self) -> Places {
        for followed in &self.followed {
            followed.tell_places(&mut self.replica);
        }
        let streams = self.replica.streams().iter();
        Places {
            seq: self.replica.index().seq(),
            streams: streams
                .filter(|stream| self.settings.contains_key(&stream.stream))
                .cloned()
                .collect(),
        }
    }

    /// Feeds go on where `snapshot` says, as after a start: what came since its build began is applied over it.
    fn replace(&mut self, snapshot: &Arc<MappedSnapshot>) {
        let generation = snapshot.header().generation;
        self.replica.replace(snapshot);
        self.followed = follow(&self.settings, &self.replica);
        tracing::info!(generation, "serving another generation in place of everything");
    }

    fn finish_merge(&mut self, merged: Result<Arc<MappedSnapshot>, CompactionError>) -> bool {
        if !self.replica.is_merging() {
            tracing::info!("a merge came too late: what it was made of has been replaced");
            return true;
        }
        match merged {
            Ok(snapshot) => {
                tracing::info!(
                    generation = snapshot.header().generation,
                    "serving the next generation"
                );
                self.replica.install(snapshot);
                true
            }
            Err(error) => {
                self.replica.counters().merges_failed.inc();
                tracing::error!(%error, "a merge failed; what is served stays, and it is tried again in a minute");
                false
            }
        }
    }
}

fn follow(settings: &BTreeMap<String, Settings>, replica: &Replica) -> Vec<Followed> {
    let now = Instant::now();
    settings
        .iter()
        .filter(|(_, feed)| feed.kind == Kind::File)
        .map(|(name, feed)| Followed::new(name, feed, replica, now))
        .collect()
}

fn merge_now(
    merge: &Merge,
    streams: &[Stream],
    folder: &Held,
    memory_bytes: u64,
) -> Result<Arc<MappedSnapshot>, CompactionError> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    compaction::compact(merge, streams, folder, now_ms, memory_bytes)
}
