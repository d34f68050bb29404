//! The outbox of a node that has another one beside it: both hold the same items, and the one that decides sends them.
//!
//! What changes here is told to the other node as it changes, and what is told by it is taken in by the runner, many pieces at
//! once. Where something may not have arrived, either way, the nodes compare what they hold: at a start, once something
//! failed, and every few minutes whatever happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::news::News;
use super::{Outbox, Queue, Store};

/// News of the other node that were not taken in yet, at the most.
const INBOX_MAX: usize = 20_000;
/// Time between two comparisons, where something failed and where nothing did, in milliseconds.
const COMPARE_SOON_MS: u64 = 5000;
const COMPARE_MS: u64 = 300_000;

/// Carries news to the other node.
pub trait Carrier: Send + Sync {
    /// Hands `news` on, and never waits; `done` is told whether it is kept on other machines. Where it is dropped, it is not.
    fn carry(&self, news: Vec<u8>, done: oneshot::Sender<bool>);

    /// Whether what is handed on now has a chance to arrive.
    fn is_ready(&self) -> bool;
}

/// Whether this node decides, and so sends.
pub type Decides = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether the other node has an item too: true at once where there is no other node.
#[derive(Debug, Default)]
pub struct Sharing(Option<oneshot::Receiver<bool>>);

/// What an outbox knows of the other node.
pub(super) struct Pairing {
    carrier: Arc<dyn Carrier>,
    decides: Decides,
    inbox: Mutex<Vec<News>>,
    /// What was told and nobody knows the fate of, with who waits for it.
    fates: Mutex<Vec<Fate>>,
    must_compare: AtomicBool,
    /// Somebody knows that there is something to be heard.
    at_once: AtomicBool,
    /// When the last comparison began, in the outbox's milliseconds.
    compared: AtomicU64,
}

struct Fate {
    told: oneshot::Receiver<bool>,
    waits: Option<oneshot::Sender<bool>>,
}

impl Sharing {
    /// Waits for it, `within` at the longest; what is not known by then is false.
    pub async fn is_shared(self, within: Duration) -> bool {
        match self.0 {
            None => true,
            Some(told) => matches!(tokio::time::timeout(within, told).await, Ok(Ok(true))),
        }
    }
}

impl Outbox {
    /// Makes it one of two: what happens here is told by `carrier`, [`heard`](Outbox::heard) is to be called with what the other
    /// node tells, and only while `decides` says so is anything sent. Once, ahead of [`start`](Outbox::start).
    pub fn pair(&self, carrier: Arc<dyn Carrier>, decides: Decides) {
        let pairing = Pairing {
            carrier,
            decides,
            inbox: Mutex::default(),
            fates: Mutex::default(),
            must_compare: AtomicBool::new(true),
            at_once: AtomicBool::new(false),
            compared: AtomicU64::new(0),
        };
        let _once = self.pairing.set(pairing);
    }

    /// Takes in what the other node tells. Never waits: it is written down soon.
    pub fn heard(&self, news: &[u8]) {
        let Some(pairing) = self.pairing.get() else {
            return;
        };
        match serde_json::from_slice(news) {
            Ok(news) => {
                let mut inbox = pairing.inbox.lock().unwrap_or_else(PoisonError::into_inner);
                if inbox.len() < INBOX_MAX {
                    inbox.push(news);
                } else {
                    pairing.must_compare.store(true, Ordering::Relaxed);
                }
            }
            // Not with what it says, which may be a customer's.
            Err(error) => tracing::error!(
                column = error.column(),
                "the other node says of its outbox what this version does not understand: install the same version on both"
            ),
        }
        self.wake.notify_one();
    }

    /// Has the nodes compare what they hold: something that the other one said may not have been heard here.
    pub fn compare(&self) {
        if let Some(pairing) = self.pairing.get() {
            pairing.at_once.store(true, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Whether this node sends.
    pub(super) fn decides(&self) -> bool {
        self.pairing.get().is_none_or(|pairing| (pairing.decides)())
    }

    pub(super) fn is_paired(&self) -> bool {
        self.pairing.get().is_some()
    }

    /// Tells the other node, where there is one.
    pub(super) fn tell_other(&self, news: News) {
        if let Some(pairing) = self.pairing.get() {
            pairing.tell(&news, None);
        }
    }

    /// The same for somebody who waits for it; nothing is told where there are no `news`.
    pub(super) fn shared(&self, news: Option<News>) -> Sharing {
        let Some((pairing, news)) = self.pairing.get().zip(news) else {
            return Sharing(None);
        };
        let (waits, told) = oneshot::channel();
        pairing.tell(&news, Some(waits));
        self.wake.notify_one();
        Sharing(Some(told))
    }

    /// Writes down what the other node told, and answers it; says what is held here, where that is due.
    pub(super) fn hear_other(&self, queue: &mut Queue, store: &mut Store, now: u64) {
        let Some(pairing) = self.pairing.get() else {
            return;
        };
        let decides = self.decides();
        let inbox = std::mem::take(&mut *pairing.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        let mut written = Vec::new();
        for news in inbox {
            let heard = queue.hear(news, decides);
            for entry in heard.entries {
                queue.apply(now, entry.clone());
                written.push(entry);
            }
            for answer in heard.answers {
                pairing.tell(&answer, None);
            }
        }
        if !written.is_empty()
            && let Err(error) = store.write(now, &written)
        {
            tracing::error!(%error, "what the other node told of items for the system of record cannot be written");
            store.falls_behind(now);
        }
        let since = now.saturating_sub(pairing.compared.load(Ordering::Relaxed));
        let is_soon = since >= COMPARE_SOON_MS && pairing.must_compare.load(Ordering::Relaxed);
        let is_due = is_soon || since >= COMPARE_MS || pairing.at_once.load(Ordering::Relaxed);
        if is_due && pairing.carrier.is_ready() {
            pairing.compared.store(now, Ordering::Relaxed);
            pairing.must_compare.store(false, Ordering::Relaxed);
            pairing.at_once.store(false, Ordering::Relaxed);
            for piece in queue.holdings(decides) {
                pairing.tell(&piece, None);
            }
        }
    }

    /// Waits, beside everything else, for what becomes of what was told. On the runner's runtime.
    pub(super) fn follow_fates(self: &Arc<Self>) {
        let Some(pairing) = self.pairing.get() else {
            return;
        };
        let fates = std::mem::take(&mut *pairing.fates.lock().unwrap_or_else(PoisonError::into_inner));
        for fate in fates {
            let outbox = Arc::clone(self);
            tokio::spawn(async move {
                let is_kept = fate.told.await.unwrap_or(false);
                if !is_kept && let Some(pairing) = outbox.pairing.get() {
                    pairing.must_compare.store(true, Ordering::Relaxed);
                }
                if let Some(waits) = fate.waits {
                    let _gone = waits.send(is_kept);
                }
            });
        }
    }
}

impl Pairing {
    fn tell(&self, news: &News, waits: Option<oneshot::Sender<bool>>) {
        let (done, told) = oneshot::channel();
        // Texts, numbers and lists of them: nothing that has no JSON.
        self.carrier
            .carry(serde_json::to_vec(news).unwrap_or_default(), done);
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates.push(Fate { told, waits });
    }
}
