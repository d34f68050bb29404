//! What a configuration says of the pair.

use std::path::PathBuf;

use serde::Deserialize;

/// This node and the other one: `[ha]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// This node's name, a word of at most 64 bytes; empty: it stands alone.
    pub node: String,
    /// The other node's administration, as `http://HOST:7465`; empty: it is not known.
    pub peer: String,
    /// The file with the key that the other node's administration wants, its first line; empty: none.
    pub peer_key_file: PathBuf,
    /// The least time between two changes of role, 100–60 000 ms.
    pub hold_ms: u64,
    /// How long callers and desktops are asked to leave before an address is handed over, 0–10 000 ms.
    pub drain_ms: u64,
    /// How long a hand-over waits for the other node, 500–60 000 ms.
    pub handover_ms: u64,
}

impl Settings {
    /// Whether there is another node.
    pub fn is_pair(&self) -> bool {
        !self.node.is_empty()
    }
}
