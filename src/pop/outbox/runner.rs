//! The thread that waits: for items, for servers, for the time of another attempt.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::entry::Entry;
use super::error::OutboxError;
use super::item::Item;
use super::queue::Answer;
use super::request::IsSensitive;
use super::{Inner, Outbox, Outcome};

/// Time that what is under way has when the service stops; what is cut off is sent again at the next start.
const DRAIN: Duration = Duration::from_secs(1);
/// The longest time between two looks: gauges show ages, dead letters grow old.
const LOOK: Duration = Duration::from_secs(5);
/// The same where another node may send in place of this one.
const LOOK_FOR_ROLE: Duration = Duration::from_millis(250);
/// How long files are left alone that could not be written.
const WRITE_AGAIN_MS: u64 = 1000;

/// Is told what comes of each item.
pub type Tell = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// An outbox that sends. [`Running::stop`] ends it.
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

struct Runner {
    outbox: Arc<Outbox>,
    tell: Tell,
    is_sensitive: Arc<IsSensitive>,
    tasks: JoinSet<(Item, Answer)>,
    /// Which item a task is about, should it end in a panic.
    about: HashMap<tokio::task::Id, u64>,
    /// Not before: when files are written anew.
    write_again: u64,
    was_away: bool,
}

impl Running {
    pub(super) fn start(
        outbox: Arc<Outbox>,
        tell: Tell,
        is_sensitive: Arc<IsSensitive>,
    ) -> Result<Running, OutboxError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let runner = Runner {
            outbox,
            tell,
            is_sensitive,
            tasks: JoinSet::new(),
            about: HashMap::new(),
            write_again: 0,
            was_away: false,
        };
        let thread = std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || runtime.block_on(runner.run(stopped)))?;
        Ok(Running { stop, thread })
    }

    /// Stops sending, within about a second. What waits is sent after the next start.
    pub fn stop(self) {
        drop(self.stop);
        let _panicked = self.thread.join();
    }
}

impl Runner {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let outbox = Arc::clone(&self.outbox);
        loop {
            let next = self.step();
            outbox.follow_fates();
            let look = if outbox.is_paired() { LOOK_FOR_ROLE } else { LOOK };
            let wait = next.map_or(look, |at| Duration::from_millis(at.saturating_sub(outbox.now())));
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(done) = self.tasks.join_next_with_id() => self.land(done),
                () = outbox.wake.notified() => {}
                () = tokio::time::sleep(wait.min(look)) => {}
            }
        }
        let _cut_off = tokio::time::timeout(DRAIN, async {
            while let Some(done) = self.tasks.join_next_with_id().await {
                self.land(done);
            }
        })
        .await;
        self.tasks.abort_all();
    }

    /// Sends what is due, and writes what is to be written; when there is something to do again.
    fn step(&mut self) -> Option<u64> {
        let outbox = Arc::clone(&self.outbox);
        let now = outbox.now();
        let (mut send, mut told) = (Vec::new(), Vec::new());
        let mut inner = outbox.locked();
        let Inner { queue, store } = &mut *inner;
        outbox.hear_other(queue, store, now);
        let decides = outbox.decides();
        let expired = match decides {
            true => queue.expired(Timestamp::now()),
            false => Vec::new(),
        };
        if !expired.is_empty() {
            tracing::error!(
                items = expired.len(),
                "dead letters of the outbox are given up: they are too many, or were kept for long enough"
            );
            outbox.record(queue, store, now, expired);
        }
        if decides {
            loop {
                let due = queue.due(now, Timestamp::now());
                send.extend(due.send);
                if due.entries.is_empty() {
                    break;
                }
                let ids: Vec<u64> = due.entries.iter().filter_map(Entry::died).collect();
                outbox.record(queue, store, now, due.entries);
                told.extend(ids.into_iter().filter_map(|id| queue.item(id).cloned()));
            }
        }
        let rewrite = store.rewrite_at(queue, now, outbox.erase_within_ms);
        let rewrite = rewrite.map(|at| at.max(self.write_again));
        if rewrite.is_some_and(|at| at <= now)
            && let Err(error) = store.rewrite(queue)
        {
            tracing::error!(%error, "the outbox's files cannot be written anew; trying again");
            self.write_again = now + WRITE_AGAIN_MS;
        }
        let rewrite = store
            .rewrite_at(queue, now, outbox.erase_within_ms)
            .map(|at| at.max(self.write_again));
        let next = [queue.next_at().filter(|_| decides), rewrite]
            .into_iter()
            .flatten()
            .min();
        outbox.measure(queue);
        self.note_absence(queue.is_away());
        drop(inner);
        for item in told {
            (self.tell)(&Outcome::Dead { item });
        }
        for item in send {
            self.send(item);
        }
        next
    }

    fn send(&mut self, item: Item) {
        let (outbox, is_sensitive) = (Arc::clone(&self.outbox), Arc::clone(&self.is_sensitive));
        let id = item.id;
        let task = self.tasks.spawn(async move {
            let told = outbox.target.tell(&outbox.settings, &item, &*is_sensitive);
            let answer = told.await;
            (item, answer)
        });
        self.about.insert(task.id(), id);
    }

    fn land(&mut self, done: Result<(tokio::task::Id, (Item, Answer)), tokio::task::JoinError>) {
        let outbox = Arc::clone(&self.outbox);
        let (id, answer) = match done {
            Ok((task, (item, answer))) => {
                self.about.remove(&task);
                if let Answer::Delivered { assigned_id } = &answer {
                    let (id, assigned_id) = (item.id, assigned_id.clone());
                    // Ahead of writing it down: after a crash in between it is told again, and not never.
                    (self.tell)(&Outcome::Delivered { item, assigned_id });
                    (id, answer)
                } else {
                    (item.id, answer)
                }
            }
            Err(error) => {
                let Some(id) = self.about.remove(&error.id()) else {
                    return;
                };
                let why = "sending it ended in a panic: please report what the log says";
                tracing::error!(item = id, why);
                let error = why.to_owned();
                (id, Answer::Failed { error, answer: None })
            }
        };
        outbox.meters.attempt(&answer);
        let now = outbox.now();
        let mut inner = outbox.locked();
        let Inner { queue, store } = &mut *inner;
        let entries = queue.settle(now, Timestamp::now(), id, answer);
        let died: Vec<u64> = entries.iter().filter_map(Entry::died).collect();
        outbox.record(queue, store, now, entries);
        let dead: Vec<Item> = died.iter().filter_map(|id| queue.item(*id).cloned()).collect();
        drop(inner);
        for item in dead {
            let error = item.last_error.as_deref().unwrap_or_default();
            tracing::warn!(
                item = item.id,
                kind = item.kind.name(),
                error,
                "the system of record does not take an item: look at `ringside outbox dead`"
            );
            (self.tell)(&Outcome::Dead { item });
        }
    }

    fn note_absence(&mut self, is_away: bool) {
        match (std::mem::replace(&mut self.was_away, is_away), is_away) {
            (false, true) => tracing::warn!(
                "the system of record is away; what is to be told waits: `ringside outbox` says why"
            ),
            (true, false) => tracing::info!("the system of record is there again"),
            _ => {}
        }
    }
}

impl Outbox {
    /// Writes down what has happened, and goes on without where that fails: it is written later, or happens again.
    fn record(&self, queue: &mut super::Queue, store: &mut super::Store, now: u64, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        if let Err(error) = store.write(now, &entries) {
            tracing::error!(%error, "what came of items for the system of record cannot be written");
            store.falls_behind(now);
        }
        self.apply(queue, now, entries);
    }
}
