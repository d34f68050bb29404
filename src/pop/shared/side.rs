//! What nodes tell each other in the same stream that is no entry.

/// What a message beside the calls is about; each kind has a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SideKind {
    /// What waits for the system of record.
    Outbox,
    /// Nothing: one tries whether it is kept.
    Trial,
}

/// A message of the other node beside the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// What it is about.
    pub kind: SideKind,
    /// Who wrote it.
    pub node: String,
    /// What it says, opened.
    pub bytes: Vec<u8>,
    /// Its place in the stream.
    pub sequence: u64,
}

impl SideKind {
    /// Every kind.
    pub const ALL: [SideKind; 2] = [SideKind::Outbox, SideKind::Trial];

    /// The last word of its subject.
    pub fn as_str(self) -> &'static str {
        match self {
            SideKind::Outbox => "outbox",
            SideKind::Trial => "trial",
        }
    }
}
