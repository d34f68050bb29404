//! What a node writes into the stream: own entries, numbered, so that whoever reads one twice knows.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::entry::Entry;

/// Who numbers entries: a node, from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The node's name.
    pub(crate) node: String,
    /// Another number at each start.
    pub(crate) incarnation: u64,
}

/// Entries that are one message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Letter {
    /// Who wrote them.
    pub(crate) origin: Origin,
    /// The number of the first, from 1; the others follow.
    pub(crate) first: u64,
    /// One at least.
    pub(crate) entries: Vec<Arc<Entry>>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.node, self.incarnation)
    }
}

impl Letter {
    /// The number of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// What no other letter is called: the same first entry may have been sent with fewer behind it before a restart.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}-{}", self.origin, self.first, self.entries.len())
    }
}

/// Bytes of an entry, as it is sent.
pub(crate) fn size(entry: &Entry) -> usize {
    entry.bytes()
}
