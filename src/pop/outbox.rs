//! What goes to the system of record: a durable queue, and whoever is told.
//!
//! An item that was pushed is told at least once, with the same idempotency key at every attempt, in the order of its lane,
//! through crashes and time-outs of either side. What can never succeed becomes a dead letter, which people look at.
//! [`queue`] decides everything and knows neither time nor sockets; [`store`] keeps it; [`runner`] waits.

mod client;
mod entry;
mod error;
mod file;
mod history;
mod item;
mod judge;
mod memory;
mod meters;
mod news;
mod pace;
mod pairing;
mod queue;
mod request;
mod runner;
mod settings;
mod shown;
mod store;
mod target;
mod template;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::metrics::Metrics;
use entry::Entry;
use item::{KEY_MAX, LANE_MAX};
use meters::{Levels, Meters};
use news::News;
use pace::Pace;
use pairing::Pairing;
use queue::{Limits, Queue};
use store::Store;
use target::Target;

pub use error::OutboxError;
pub use history::{History, HistoryError, Page};
pub use item::{Item, Kind};
pub use pairing::{Carrier, Decides, Sharing};
pub use request::IsSensitive;
pub use runner::{Running, Tell};
pub use settings::{
    Auth, AuthKind, Fault, Fields, File, HistorySettings, Method, Settings, TargetKind, Tls, Webhook,
};
pub use shown::{Done, Shown, Standing, Which};

/// Name of the folder, in the tenant's.
pub const FOLDER: &str = "outbox";
/// The most bytes of one item, roughly.
const ITEM_MAX: u64 = 1 << 20;

/// What came of an item, for whoever pushed it. After a crash the same may be told again.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The system of record has it.
    Delivered {
        /// The item, under the customer's id by which the system of record was told.
        item: Item,
        /// The id that it gave to the customer that the item makes.
        assigned_id: Option<String>,
    },
    /// It will not be tried again before somebody says so.
    Dead {
        /// The item, with why.
        item: Item,
    },
}

/// A durable queue of what the system of record is to be told.
pub struct Outbox {
    settings: Settings,
    erase_within_ms: u64,
    target: Target,
    meters: Meters,
    begun: Instant,
    inner: Mutex<Inner>,
    /// Has the runner look again.
    wake: Notify,
    /// Unset where there is no other node.
    pairing: OnceLock<Pairing>,
}

struct Inner {
    queue: Queue,
    store: Store,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("kind", &self.settings.kind)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// Opens the queue in `dir`, which is made where it is missing; its parent's lock is held by the caller. Nothing is sent
    /// before [`start`](Outbox::start). What was delivered leaves the files within `erase_within`.
    ///
    /// # Errors
    /// The files cannot be read or written, or one that the settings name cannot be used.
    pub fn open(
        dir: &Path,
        settings: &Settings,
        erase_within: Duration,
        metrics: &Metrics,
    ) -> Result<Outbox, OutboxError> {
        settings.check().map_err(|fault| OutboxError::Settings {
            key: "*",
            why: format!(
                "{}: expected {}, found {}",
                fault.key, fault.expected, fault.found
            ),
        })?;
        let target = Target::new(settings)?;
        let (store, queue) = Store::open(dir, limits(settings))?;
        let outbox = Outbox {
            settings: settings.clone(),
            erase_within_ms: millis(erase_within),
            target,
            meters: Meters::register(metrics)?,
            begun: Instant::now(),
            inner: Mutex::new(Inner { queue, store }),
            wake: Notify::new(),
            pairing: OnceLock::new(),
        };
        outbox.measure(&outbox.locked().queue);
        Ok(outbox)
    }

    /// Takes `item`, and gives its number. It is durable when this returns: an fsync is waited for. An item whose key
    /// another one has, or had lately, changes nothing; the other one's number is given.
    ///
    /// # Errors
    /// [`OutboxError::Full`] and [`OutboxError::Journal`], which may pass; or the item is none that is taken.
    pub fn push(&self, item: Item) -> Result<u64, OutboxError> {
        self.share(item).map(|(id, _)| id)
    }

    /// The same, and what says whether the other node of two has it too.
    ///
    /// # Errors
    /// As for [`push`](Outbox::push).
    pub fn share(&self, item: Item) -> Result<(u64, Sharing), OutboxError> {
        if !self.settings.takes(item.kind) {
            return Err(OutboxError::NotTaken(item.kind));
        }
        let is_visible = item.key.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=KEY_MAX).contains(&item.key.len()) || !is_visible {
            return Err(OutboxError::Key(item.key.len()));
        }
        if !(1..=LANE_MAX).contains(&item.lane.len()) {
            return Err(OutboxError::Lane(item.lane.len()));
        }
        if item.bytes() > ITEM_MAX {
            return Err(OutboxError::TooLarge {
                most: ITEM_MAX,
                found: item.bytes(),
            });
        }
        let now = self.now();
        let mut inner = self.locked();
        let Inner { queue, store } = &mut *inner;
        if let Some(id) = queue.known(&item.key) {
            // Whoever asks again may have been told that the other node does not have it.
            let again = queue.item(id).map(|item| News::Pushed(Box::new(item.clone())));
            return Ok((id, self.shared(again)));
        }
        if !queue.has_room(&item) {
            let (waiting, _, _) = queue.counts();
            return Err(OutboxError::Full { waiting });
        }
        let (id, entry) = queue.pushed(item);
        store.write(now, std::slice::from_ref(&entry))?;
        let sharing = self.shared(queue.news(&entry));
        queue.apply(now, entry);
        self.measure(queue);
        drop(inner);
        self.wake.notify_one();
        Ok((id, sharing))
    }

    /// Whether items of `kind` are taken.
    pub fn takes(&self, kind: Kind) -> bool {
        self.settings.takes(kind)
    }

    /// The id that the system of record gave to the customer that was made as `provisional`, as long as that is remembered.
    pub fn assigned(&self, provisional: &str) -> Option<String> {
        self.locked().queue.assigned(provisional).map(str::to_owned)
    }

    /// Gives up everything about a customer that is deleted; how many items that were.
    ///
    /// # Errors
    /// It cannot be written; nothing is given up then.
    pub fn forget(&self, customer_id: &str) -> Result<usize, OutboxError> {
        self.change(|queue| queue.forget(customer_id))
    }

    /// Sends dead letters again: `id` with those that depend on it, or all; how many that are.
    ///
    /// # Errors
    /// It cannot be written; nothing is changed then.
    pub fn replay(&self, which: Which) -> Result<usize, OutboxError> {
        self.change(|queue| {
            let all = queue.dead().map(|dead| dead.item.id);
            match which {
                Which::One(id) => queue.replay(id),
                Which::All => all.map(|id| Entry::Replayed { id }).collect(),
            }
        })
    }

    /// Gives up the item `id`, whether it waits or is dead; what waits for the customer that it makes dies with it. How many
    /// items are concerned: 0 where there is none of that number.
    ///
    /// # Errors
    /// It cannot be written; nothing is changed then.
    pub fn give_up(&self, id: u64) -> Result<usize, OutboxError> {
        self.change(|queue| queue.give_up(id, Timestamp::now()))
    }

    /// Writes down and does what `decide` says.
    fn change(&self, decide: impl FnOnce(&Queue) -> Vec<Entry>) -> Result<usize, OutboxError> {
        let now = self.now();
        let mut inner = self.locked();
        let Inner { queue, store } = &mut *inner;
        let entries = decide(queue);
        if entries.is_empty() {
            return Ok(0);
        }
        store.write(now, &entries)?;
        let count = entries.len();
        self.apply(queue, now, entries);
        self.measure(queue);
        drop(inner);
        self.wake.notify_one();
        Ok(count)
    }

    /// Makes of the queue what `entries` say, and tells the other node.
    fn apply(&self, queue: &mut Queue, now: u64, entries: Vec<Entry>) {
        for entry in entries {
            self.count(&entry);
            if let Some(news) = queue.news(&entry) {
                self.tell_other(news);
            }
            queue.apply(now, entry);
        }
    }

    fn count(&self, entry: &Entry) {
        match entry {
            Entry::Delivered { .. } => self.meters.ended("delivered"),
            Entry::Died(_) => self.meters.ended("dead"),
            Entry::Dropped { .. } => self.meters.ended("dropped"),
            _ => {}
        }
    }

    fn measure(&self, queue: &Queue) {
        let (waiting, in_flight, dead) = queue.counts();
        self.meters.levels(Levels {
            waiting,
            in_flight,
            dead,
            oldest_s: shown::oldest_s(queue, Timestamp::now()),
            is_away: queue.is_away(),
        });
    }

    /// Milliseconds since the start.
    fn now(&self) -> u64 {
        millis(self.begun.elapsed())
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to send, on a thread of its own. `tell` is called there with what comes of each item, and must be quick;
    /// `is_sensitive` says which attributes stay out of webhooks.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(
        self: &Arc<Self>,
        tell: Tell,
        is_sensitive: Arc<IsSensitive>,
    ) -> Result<Running, OutboxError> {
        Running::start(Arc::clone(self), tell, is_sensitive)
    }
}

fn limits(settings: &Settings) -> Limits {
    let mut seed = [0; 8];
    // Without randomness the jitter is the same everywhere, which is no fault.
    let _seeded = getrandom::fill(&mut seed);
    Limits {
        items_max: settings.items_max,
        bytes_max: settings.size_max_mib << 20,
        dead_max: settings.dead_max,
        dead_kept_s: settings.dead_kept_s,
        keys_kept: settings.keys_kept,
        attempts_max: settings.attempts_max,
        in_flight_max: settings.in_flight_max,
        pace: Pace {
            first_ms: settings.backoff_ms,
            most_ms: settings.backoff_max_ms,
            asked_most_ms: settings.retry_after_max_s * 1000,
            seed: u64::from_le_bytes(seed),
        },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
