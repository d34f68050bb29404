//! What the queue's files hold: everything that becomes of an item, in order, and now and then all that there is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{Item, moment};
use super::memory::Hash;

/// One step in the life of an item. What the queue knows is the sum of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// It is to be sent.
    Pushed(Box<Item>),
    /// An attempt failed, and another one follows.
    Tried {
        id: u64,
        attempts: u32,
        strikes: u32,
        error: String,
        answer: Option<String>,
    },
    /// The system of record has it.
    Delivered {
        id: u64,
        /// The id that the system of record gave to the customer that it makes.
        assigned_id: Option<String>,
    },
    /// It is not tried again before somebody says so.
    Died(Death),
    /// Somebody said so.
    Replayed { id: u64 },
    /// It is given up.
    Dropped { id: u64 },
    /// The other node was done with one that was never heard of here.
    Known {
        key: Hash,
        /// A provisional id, and the id that the system of record gave.
        assigned: Option<(String, String)>,
    },
}

impl Entry {
    /// The item that became a dead letter.
    pub(super) fn died(&self) -> Option<u64> {
        match self {
            Entry::Died(death) => Some(death.id),
            _ => None,
        }
    }
}

/// How an item became a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Death {
    pub(super) id: u64,
    #[serde(with = "moment")]
    pub(super) at: Timestamp,
    pub(super) error: String,
    pub(super) answer: Option<String>,
    /// Whether an attempt came before it.
    pub(super) tried: bool,
    /// The provisional id of the customer that could not be made, where that is why.
    pub(super) because_of: Option<String>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dead {
    pub(super) item: Item,
    #[serde(with = "moment")]
    pub(super) at: Timestamp,
    pub(super) because_of: Option<String>,
}

/// All that there is, at the beginning of a file.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// 1.
    pub(super) version: u32,
    pub(super) next_id: u64,
    pub(super) waiting: Vec<Item>,
    pub(super) dead: Vec<Dead>,
    /// Hashes of keys of items that are no more, and their ids, the oldest first.
    pub(super) keys: Vec<([u64; 2], u64)>,
    /// Provisional ids and the ids that the system of record gave, the oldest first.
    pub(super) assigned: Vec<(String, String)>,
}

/// A frame of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frame {
    /// The first one of a file.
    State(State),
    /// Any other one.
    Entries(Vec<Entry>),
}
