//! Merging beside the traffic: when, on which thread, and what goes with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::rejects::Rejects;
use super::runner::{Compaction, now_ms};
use super::signals::Signal;
use crate::replica::Replica;
use crate::replica::compaction::{self, Choice, CompactionError, Erasure, Load};
use crate::snapshot::MappedSnapshot;

/// How long a merge that failed is left alone before the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The merges of one replica.
#[derive(Debug)]
pub(super) struct Merging {
    compaction: Compaction,
    signals: Sender<Signal>,
    worker: Option<JoinHandle<()>>,
    /// Who waits for the next generation.
    waiting: Vec<Sender<()>>,
    not_before: Option<Instant>,
    erase_at: Option<Instant>,
    erasure: Erasure,
}

impl Merging {
    pub(super) fn new(compaction: Compaction, signals: Sender<Signal>) -> Merging {
        Merging {
            erasure: Erasure::new(compaction.erase_within_s),
            compaction,
            signals,
            worker: None,
            waiting: Vec::new(),
            not_before: None,
            erase_at: None,
        }
    }

    /// Memory that a compaction may take, bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.compaction.memory_bytes
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.worker.is_some()
    }

    /// Does what there is to do at `now`, and says when to come again. `rotated` where a followed file has been replaced.
    pub(super) fn tend(
        &mut self,
        replica: &mut Replica,
        rejects: &mut Rejects,
        now: Instant,
        rotated: bool,
    ) -> Instant {
        let mut merge_to_erase = false;
        let every = self.erasure.every();
        if self.erase_at.is_none_or(|at| at <= now) {
            self.erase_at = Some(now + every);
            let now_ms = now_ms();
            rejects.erase(now_ms);
            merge_to_erase = self.erasure.erase(replica, &self.compaction.folder, now_ms);
            self.trim(replica);
        }
        let load = Load {
            overlay_bytes: replica.index().overlay_size().1,
            log_bytes: replica.log_bytes(),
            rotated,
            to_erase: merge_to_erase,
        };
        let most = compaction::Limits {
            overlay_bytes: self.compaction.overlay_max_bytes,
            log_bytes: self.compaction.log_max_bytes,
        };
        let may = self.worker.is_none() && self.not_before.is_none_or(|at| at <= now);
        if may && compaction::choose(load, most) == Choice::Merge {
            self.begin(replica);
        }
        let again = [self.erase_at, self.not_before.filter(|at| *at > now)];
        again.into_iter().flatten().min().unwrap_or(now + every)
    }

    /// Begins a merge, unless one is under way.
    pub(super) fn begin(&mut self, replica: &mut Replica) {
        if self.worker.is_some() {
            return;
        }
        let (merge, streams) = match replica.seal() {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return,
            Err(error) => return self.put_off(replica, &error),
        };
        tracing::info!(seq = merge.seq(), "merging the overlay into the next generation");
        let (folder, done) = (Arc::clone(&self.compaction.folder), self.signals.clone());
        let memory = self.compaction.memory_bytes;
        let work = move || {
            // A merge that dies must be tried again like one that fails, or none would ever follow it.
            let merged = catch_unwind(AssertUnwindSafe(|| {
                compaction::compact(&merge, &streams, &folder, now_ms(), memory)
            }))
            .unwrap_or(Err(CompactionError::Panicked));
            // Where the feeds have stopped meanwhile, the generation is there for the next start.
            let _stopped = done.send(Signal::Merged(merged));
        };
        match std::thread::Builder::new().name("merge".into()).spawn(work) {
            Ok(worker) => self.worker = Some(worker),
            Err(error) => self.put_off(replica, &error),
        }
    }

    /// Begins a merge where there is something to merge, and tells `told` once it is done with, however it ended.
    pub(super) fn merge(&mut self, replica: &mut Replica, told: Sender<()>) {
        self.begin(replica);
        self.waiting.push(told);
        self.tell_if_done();
    }

    fn tell_if_done(&mut self) {
        if self.worker.is_none() {
            for told in self.waiting.drain(..) {
                // Whoever asked may have gone away.
                let _gone = told.send(());
            }
        }
    }

    /// Takes up what a merge made.
    pub(super) fn finish(
        &mut self,
        replica: &mut Replica,
        merged: Result<Arc<MappedSnapshot>, CompactionError>,
    ) {
        self.wait();
        self.take_up(replica, merged);
        self.tell_if_done();
    }

    fn take_up(&mut self, replica: &mut Replica, merged: Result<Arc<MappedSnapshot>, CompactionError>) {
        if !replica.is_merging() {
            return self.come_late(replica, merged);
        }
        match merged {
            Ok(snapshot) => {
                tracing::info!(
                    generation = snapshot.header().generation,
                    "serving the next generation"
                );
                replica.install(snapshot);
                self.trim(replica);
            }
            Err(error) => self.put_off(replica, &error),
        }
    }

    /// What a merge was made of was replaced meanwhile, and so it is of no use. Only where that is served again by now it may
    /// have become the present generation all the same, which has to be served, since the next one is made over it.
    fn come_late(&self, replica: &mut Replica, merged: Result<Arc<MappedSnapshot>, CompactionError>) {
        match merged {
            Ok(snapshot) if snapshot.header().generation == self.compaction.folder.present() => {
                if let Err(error) = replica.replace(&snapshot, false) {
                    tracing::error!(%error, "the present generation cannot be taken up before the next start");
                }
            }
            _ => tracing::info!("a merge came too late: what it was made of has been replaced"),
        }
    }

    /// Waits until the merge that is under way is done.
    pub(super) fn wait(&mut self) {
        if let Some(worker) = self.worker.take() {
            let _panicked = worker.join();
        }
    }

    fn put_off(&mut self, replica: &Replica, error: &dyn std::fmt::Display) {
        replica.counters().merges_failed.inc();
        self.not_before = Some(Instant::now() + RETRY_AFTER);
        tracing::error!(%error, "a merge failed; what is served stays, and it is tried again in a minute");
    }

    /// Gives up what of the log no generation that is kept needs; where it is too long, what the present one does not.
    fn trim(&mut self, replica: &mut Replica) {
        let kept = match compaction::kept(&self.compaction.folder, replica.log_place().line) {
            Ok((kept, _)) => kept,
            Err(error) => {
                tracing::warn!(%error, "the change log is not trimmed: the generations that are kept are not known");
                return;
            }
        };
        let is_long = replica.log_bytes() > self.compaction.log_max_bytes;
        let follows = |kept: &compaction::Kept| kept.follows;
        let oldest = if is_long {
            kept.iter().filter(|kept| kept.is_present).map(follows).min()
        } else {
            kept.iter().map(follows).min()
        };
        // Without a generation everything is in the log alone.
        if let Err(error) = replica.trim(oldest.unwrap_or(0)) {
            tracing::warn!(%error, "the change log cannot be trimmed");
        }
    }
}
