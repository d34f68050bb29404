//! What a desktop is told.

use std::sync::Arc;

/// What has become of a pop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is to be shown.
    Pop,
    /// Something of it has changed.
    Update,
    /// It is over for this desktop.
    Clear,
}

/// One message for the desktops of one agent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The number of the entry that it comes of; it grows, also through restarts.
    pub id: u64,
    /// What has become of the pop.
    pub kind: Kind,
    /// Whose desktops.
    pub agent: Arc<str>,
    /// The pop as of this message.
    pub pop: Arc<Shown>,
}

/// One pop as of a message.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub pop_id: String,
    /// The call that it is of.
    pub call_id: String,
}
