//! Publishes each new generation in the object store, and removes there what no longer stays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{IntCounterVec, IntGauge};

use crate::app::AppError;
use crate::app::shelf::{Entry, Keeping, Shelf, ShelfError};
use crate::config::Config;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::snapshot::folder::Held;

/// How long the store is left alone after something failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Publishes, where this node is the one that decides.
#[derive(Debug)]
pub(in crate::app) struct Publisher {
    shelf: Shelf,
    folder: Arc<Held>,
    index: Arc<Index>,
    node: String,
    kept: usize,
    every: Duration,
    erase_within_s: u64,
    /// The line and the serial number of what was published last, by this node and since it decides.
    published: Option<(u64, u64)>,
    not_before: Option<Instant>,
    tidy_at: Option<Instant>,
    outcomes: IntCounterVec,
    newest: IntGauge,
}

impl Publisher {
    /// One for the object store of `config`; `None` where it names none.
    pub(in crate::app) fn open(
        config: &Config,
        folder: &Arc<Held>,
        index: &Arc<Index>,
        metrics: &Metrics,
    ) -> Result<Option<Publisher>, AppError> {
        let Some(shelf) = Shelf::open(&config.snapshots)? else {
            return Ok(None);
        };
        Ok(Some(Publisher {
            shelf,
            folder: Arc::clone(folder),
            index: Arc::clone(index),
            node: config.ha.node.clone(),
            kept: config.snapshots.kept,
            every: Duration::from_secs(config.snapshots.every_s),
            erase_within_s: config.data.erase_within_s,
            published: None,
            not_before: None,
            tidy_at: None,
            outcomes: metrics.counters(
                "ringside_snapshot_published_total",
                "Generations that were published in the object store.",
                &["outcome"],
            )?,
            newest: metrics.gauge(
                "ringside_snapshot_published_seconds",
                "When the newest generation that this node has published was made, in Unix seconds.",
            )?,
        }))
    }

    /// Does what there is to do at `now`; `may`: whether this node decides, and what it serves is whole. `is_ending` ends what
    /// is under way.
    pub(super) fn tend(&mut self, now: Instant, may: bool, is_ending: &dyn Fn() -> bool) {
        if !may {
            // What others publish meanwhile is newer.
            self.published = None;
            return;
        }
        let snapshot = self.index.snapshot();
        let header = snapshot.header();
        let served = (header.log.line, header.generation);
        if header.generation == 0 || self.not_before.is_some_and(|at| at > now) {
            return;
        }
        let is_new = self.published != Some(served);
        if !is_new && self.tidy_at.is_some_and(|at| at > now) {
            return;
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let served_by = (self.node.as_str(), served.0, served.1);
        let keeping = Keeping::within(self.erase_within_s, now_ms, self.kept, served_by);
        let done = if is_new {
            let entry = Entry {
                name: String::new(),
                node: self.node.clone(),
                line: served.0,
                generation: served.1,
                format_version: header.format_version,
                seq: header.seq,
                created_at_ms: header.created_at_ms,
                published_at_ms: now_ms,
                customers: header.customers,
                bytes: header.file_length,
            }
            .named();
            let path = self.folder.folder().snapshot(served.1);
            let mut go_on = |_| !is_ending();
            self.shelf.publish(&path, &entry, keeping, &mut go_on)
        } else {
            self.shelf.tidy(keeping)
        };
        let every = Duration::from_secs(self.erase_within_s) / 50;
        self.tidy_at = Some(now + every.clamp(Duration::from_millis(50), Duration::from_secs(600)));
        match done {
            Ok(()) if is_new => {
                self.published = Some(served);
                self.not_before = Some(now + self.every);
                self.outcomes.with_label_values(&["done"]).inc();
                self.newest.set(header.created_at_ms / 1000);
                tracing::info!(
                    generation = served.1,
                    bytes = header.file_length,
                    store = self.shelf.shown(),
                    "a generation was published"
                );
            }
            Ok(()) => {}
            Err(ShelfError::Ended) => {}
            Err(error) => {
                self.not_before = Some(now + AGAIN);
                self.outcomes.with_label_values(&["failed"]).inc();
                tracing::error!(
                    generation = served.1,
                    %error,
                    "a generation cannot be published, or an older one not be removed; it is tried again in a minute"
                );
            }
        }
    }
}
