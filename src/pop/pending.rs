//! Customers whom agents have written down, until the change stream brings them from the system of record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The customers who are waited for, by the id that they have until then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pendings(BTreeMap<String, Pending>);

/// A customer who is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The document.
    pub customer: Value,
    /// The numbers, as keys.
    pub keys: Vec<u64>,
    /// The customers who had one of them by then.
    #[serde(default)]
    pub known: Vec<String>,
    /// Since when, milliseconds since 1970.
    pub at: u64,
    /// The id that the system of record has given.
    pub assigned: Option<String>,
}

impl Pendings {
    pub(super) fn add(&mut self, id: &str, pending: Pending) {
        self.0.insert(id.to_owned(), pending);
    }

    pub(super) fn assign(&mut self, id: &str, to: &str) {
        if let Some(pending) = self.0.get_mut(id) {
            pending.assigned = Some(to.to_owned());
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// The customer `id`.
    pub fn get(&self, id: &str) -> Option<&Pending> {
        self.0.get(id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Pending)> {
        self.0.iter().map(|(id, pending)| (id.as_str(), pending))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
