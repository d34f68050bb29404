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
use crate::snapshot::folder::{FolderError, Held};
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
    followed: Vec<Followed>,
    replica: Replica,
    freshness: Arc<Freshness>,
    compaction: Compaction,
    settings: BTreeMap<String, Settings>,
    signals: (Sender<Signal>, Receiver<Signal>),
}

/// What the thread is told.
enum Signal {
    Stop,
    /// Begin anew with this snapshot.
    Replace(Arc<MappedSnapshot>, Sender<()>),
    /// Say where every stream is, as of what is visible.
    Streams(Sender<Vec<Stream>>),
    Merged(Result<Arc<MappedSnapshot>, CompactionError>),
}

/// Replaces what is served by another snapshot, on the thread that writes it.
#[derive(Debug, Clone)]
pub struct Installer(Sender<Signal>);

impl Installer {
    /// Has lookups answered from `snapshot` alone, and the feeds go on from where it says; returns once that is so. Whether
    /// it is: the service may be about to stop.
    pub fn install(&self, snapshot: Arc<MappedSnapshot>) -> bool {
        let (done, is_done) = channel();
        self.0.send(Signal::Replace(snapshot, done)).is_ok() && is_done.recv().is_ok()
    }

    /// The streams that are followed, each with where to resume it; `None` where the service is about to stop.
    pub fn streams(&self) -> Option<Vec<Stream>> {
        let (say, said) = channel();
        self.0.send(Signal::Streams(say)).ok()?;
        said.recv().ok()
    }
}

/// Running feeds.
#[derive(Debug)]
pub struct Running {
    signals: Sender<Signal>,
    thread: JoinHandle<()>,
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
        Feeds {
            followed: follow(settings, &replica),
            replica,
            freshness,
            compaction,
            settings: settings.clone(),
            signals: channel(),
        }
    }

    /// What replaces the snapshot that is served, once the feeds run.
    pub fn installer(&self) -> Installer {
        Installer(self.signals.0.clone())
    }

    /// Runs them on a thread of their own.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self) -> Result<Running, FeedError> {
        let signals = self.signals.0.clone();
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
                .signals
                .1
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
                Ok(Signal::Replace(snapshot, done)) => {
                    tracing::info!(
                        generation = snapshot.header().generation,
                        "serving another generation; feeds go on from where it was made"
                    );
                    self.replica.begin_anew(snapshot);
                    for name in self.settings.keys() {
                        self.freshness.lost(name);
                    }
                    self.followed = follow(&self.settings, &self.replica);
                    // Whoever asked may have gone; it is done all the same.
                    let _gone = done.send(());
                }
                Ok(Signal::Streams(say)) => {
                    for followed in &mut self.followed {
                        followed.keep_places(&mut self.replica);
                    }
                    let _gone = say.send(self.replica.followed(self.settings.keys()));
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
        let (folder, done) = (Arc::clone(&self.compaction.folder), self.signals.0.clone());
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

    fn finish_merge(&mut self, merged: Result<Arc<MappedSnapshot>, CompactionError>) -> bool {
        match merged {
            // What is served has been replaced since it began.
            Ok(_) if !self.replica.is_merging() => true,
            Ok(snapshot) => {
                tracing::info!(
                    generation = snapshot.header().generation,
                    "serving the next generation"
                );
                self.replica.install(snapshot);
                true
            }
            Err(CompactionError::Folder(FolderError::Moved { found, .. })) => {
                tracing::info!(
                    found,
                    "a merge is dropped: another generation has been published meanwhile"
                );
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

/// The files that `settings` follow, from where `replica` knows them.
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
