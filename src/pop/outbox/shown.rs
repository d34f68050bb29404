//! What people and pages see of the outbox.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Outbox;
use super::item::{Item, Kind};
use super::queue::Queue;
use super::settings::TargetKind;

/// The most items of one list.
const LIST_MAX: usize = 1000;

/// Dead letters that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// That one.
    One(u64),
    /// Each.
    All,
}

/// How the outbox is: nothing of a customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What is told.
    pub kind: &'static str,
    /// Items that wait, those under way among them.
    pub waiting: usize,
    /// Items under way.
    pub in_flight: usize,
    /// Dead letters.
    pub dead: usize,
    /// Age of the oldest item that waits, in seconds; 0 where none does.
    pub oldest_s: i64,
    /// Bytes of items that wait, roughly.
    pub bytes: u64,
    /// Whether the system of record is not to be reached, or asked to be left alone.
    pub away: bool,
    /// Whether nothing more is taken before a restart, because the disk failed.
    pub failed: bool,
}

/// One item. Its body and the server's words are the customer's data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its number.
    pub id: u64,
    /// `waiting`, `in_flight` or `dead`.
    pub state: &'static str,
    /// What it is about.
    pub kind: Kind,
    /// Its lane.
    pub lane: String,
    /// Its idempotency key.
    pub key: String,
    /// When it was pushed.
    pub created_at: String,
    /// When it died.
    pub died_at: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// How the server explained it.
    pub last_answer: Option<String>,
    /// What is to be told; in lists `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What came of an act of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Done {
    /// How many items it concerned.
    pub items: usize,
}

impl Outbox {
    /// How it is.
    pub fn state(&self) -> Standing {
        let inner = self.locked();
        let (waiting, in_flight, dead) = inner.queue.counts();
        Standing {
            kind: match self.settings.kind {
                TargetKind::None => "none",
                TargetKind::Cim => "cim",
                TargetKind::Webhook => "webhook",
                TargetKind::File => "file",
            },
            waiting,
            in_flight,
            dead,
            oldest_s: oldest_s(&inner.queue, Timestamp::now()),
            bytes: inner.queue.bytes(),
            away: inner.queue.is_away(),
            failed: inner.store.is_failed(),
        }
    }

    /// The first thousand items, without their bodies: dead letters, and what waits unless `only_dead`.
    pub fn list(&self, only_dead: bool) -> Vec<Shown> {
        let inner = self.locked();
        let dead = inner.queue.dead().map(|dead| Shown {
            died_at: Some(dead.at.to_string()),
            ..shown(&dead.item, "dead")
        });
        let waiting = inner.queue.waiting().filter(|_| !only_dead);
        let waiting = waiting.map(|(item, is_flying)| shown(item, state(is_flying)));
        dead.chain(waiting).take(LIST_MAX).collect()
    }

    /// The customers whom items are about that wait or are dead, each once.
    pub fn customers(&self) -> BTreeSet<String> {
        let inner = self.locked();
        let dead = inner.queue.dead().map(|dead| &dead.item);
        let items = dead.chain(inner.queue.waiting().map(|(item, _)| item));
        items
            .filter_map(|item| item.customer_id().map(str::to_owned))
            .collect()
    }

    /// The item `id` with its body.
    pub fn show(&self, id: u64) -> Option<Shown> {
        let inner = self.locked();
        let item = inner.queue.item(id)?;
        let dead = inner.queue.dead().find(|dead| dead.item.id == id);
        let is_flying = inner.queue.is_flying(id);
        Some(Shown {
            body: Some(item.body.clone()),
            died_at: dead.map(|dead| dead.at.to_string()),
            ..shown(item, if dead.is_some() { "dead" } else { state(is_flying) })
        })
    }
}

/// Age of the oldest item that waits.
pub(super) fn oldest_s(queue: &Queue, now: Timestamp) -> i64 {
    let oldest = queue.waiting().next().map(|(item, _)| item.created_at);
    oldest.map_or(0, |at| (now.as_second() - at.as_second()).max(0))
}

fn state(is_flying: bool) -> &'static str {
    if is_flying { "in_flight" } else { "waiting" }
}

fn shown(item: &Item, state: &'static str) -> Shown {
    Shown {
        id: item.id,
        state,
        kind: item.kind,
        lane: item.lane.clone(),
        key: item.key.clone(),
        created_at: item.created_at.to_string(),
        died_at: None,
        attempts: item.attempts,
        last_error: item.last_error.clone(),
        last_answer: item.last_answer.clone(),
        body: None,
    }
}
