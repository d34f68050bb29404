//! What one node of two tells the other of its queue. Items go by the hashes of their keys: numbers are each node's own.

use serde::{Deserialize, Serialize};

use super::entry::Death;
use super::item::Item;
use super::memory::Hash;

/// One piece of news. Whoever has had it already changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    /// It is to be sent by whichever node sends.
    Pushed(Box<Item>),
    /// It is a dead letter; the number in there says nothing.
    Died { key: Hash, death: Death },
    /// Somebody wants it sent again.
    Replayed { key: Hash },
    /// Nothing more comes of it.
    Over {
        key: Hash,
        is_delivered: bool,
        /// The provisional id of the customer that it made, and the id that the system of record gave.
        assigned: Option<(String, String)>,
    },
    /// This is what is here: the other node says what of it is over, and what else there is.
    Holding(Holding),
    /// These are not here.
    Missing(Vec<Hash>),
}

/// What waits or is dead at a node, as far as the keys' hashes are above `above` and not above `up_to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holding {
    /// Whether this node decides.
    pub(super) decides: bool,
    pub(super) above: Option<Hash>,
    pub(super) up_to: Option<Hash>,
    /// In the order of their keys.
    pub(super) held: Vec<Held>,
}

/// One of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) key: Hash,
    pub(super) is_dead: bool,
    /// The provisional id of the customer that it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) creates: Option<String>,
}

impl Holding {
    /// Whether it would name `key`, were that held.
    pub(super) fn speaks_of(&self, key: Hash) -> bool {
        self.above.is_none_or(|above| key > above) && self.up_to.is_none_or(|up_to| key <= up_to)
    }
}
