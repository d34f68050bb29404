//! What is wrong with a word of keepalived, or with an order to hand over.

use super::role::Role;

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HaError {
    /// No word of keepalived's.
    #[error(
        "expected one of MASTER, BACKUP, FAULT and STOP, found `{found}`: call it as keepalived calls its notify script"
    )]
    UnknownState {
        /// What was said, cut to 40 characters.
        found: String,
    },
    /// There is no other node.
    #[error("this node stands alone (`ha.node` is empty): name both nodes, and start again")]
    Alone,
    /// Only who is active has something to hand over.
    #[error("expected the active node, found one that is {}: ask the other one", .found.as_str())]
    NotActive {
        /// What it is.
        found: Role,
    },
    /// One hand-over at a time.
    #[error("a hand-over is under way: wait for its end")]
    UnderWay,
    /// A role is held for a while.
    #[error("this node became active a moment ago, and stays so for `ha.hold_ms`: try again in {wait_ms} ms")]
    TooSoon {
        /// Milliseconds from now until it may.
        wait_ms: u64,
    },
    /// The service stops meanwhile.
    #[error("the service stops")]
    Stopping,
    /// The other node did not take the address.
    #[error(
        "the other node was not active within {waited_ms} ms: look at its keepalived and its watchdog; this node goes on"
    )]
    NotTaken {
        /// How long it was waited for.
        waited_ms: u64,
    },
}
