//! Whence a generation is taken over: the administration of another node, or what is published in an object store.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::app::generations::MOST_PIECE;
use crate::app::shelf::{Entry, Shelf, ShelfError};
use crate::durable::{DurableError, Staged};
use crate::http::client::{ClientError, Server, Trust};
use crate::snapshot::SnapshotError;
use crate::snapshot::folder::{FolderError, Held};
use crate::snapshot::layout::{self, FORMAT_VERSION, READ_VERSIONS};

/// How long one piece may take.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// How long the other node may merge ahead of the copy.
const MERGE_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at whether the service ends.
const LOOK: Duration = Duration::from_millis(50);
/// How often a piece is asked for, until the copy is given up.
const TRIES: u32 = 4;
/// The first pause between two tries; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Whence a generation is taken over.
#[derive(Debug)]
pub enum Origin {
    /// Another node's administration.
    Node(Server, Trust),
    /// An object store.
    Shelf(Shelf),
}

/// A generation that is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its serial number there.
    pub generation: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Customers in it.
    pub customers: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    entry: Option<Entry>,
}

/// Why nothing can be taken over.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The other node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The object store.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// There is nothing.
    #[error(
        "{0}: expected a server with a present generation, found one without, or one that it has removed meanwhile; try again"
    )]
    Nothing(String),
    /// Changes are missing there.
    #[error("{from}: changes are missing there too, of {feeds}")]
    Gap {
        /// Whence.
        from: String,
        /// Which feeds' changes.
        feeds: String,
    },
    /// What is there is older than what is here.
    #[error("{from}: generation {generation} there is older than what is served here")]
    Older {
        /// Whence.
        from: String,
        /// Its serial number there.
        generation: u64,
    },
    /// The file is none that can be read here.
    #[error("{from}: {source}")]
    Snapshot {
        /// Whence.
        from: String,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// The folder here.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Changes came while it was copied.
    #[error("changes came here while it was copied; `ringside snapshot copy --replace` takes their place")]
    Fed,
    /// It could not be published.
    #[error("{0}")]
    Act(String),
    /// The service stops.
    #[error("it was ended before it was done")]
    Ended,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Node(server, _) => server.fmt(f),
            Origin::Shelf(shelf) => f.write_str(shelf.shown()),
        }
    }
}

impl Origin {
    /// The newest generation that is there.
    ///
    /// # Errors
    /// There is none, or it is of a format that is not read here.
    pub fn newest(&self) -> Result<Offered, FetchError> {
        let nothing = || FetchError::Nothing(self.to_string());
        let (offered, version) = match self {
            Origin::Node(server, trust) => {
                let listed: Value =
                    serde_json::from_slice(&server.get("/generations", trust)?).unwrap_or_default();
                let present = listed["present"].as_u64().filter(|present| *present > 0);
                let mut rows = listed["generations"].as_array().into_iter().flatten();
                let row = rows.rfind(|row| row["generation"].as_u64() == present);
                let offered = present.zip(row).and_then(|(generation, row)| {
                    Some(Offered {
                        generation,
                        bytes: row["bytes"].as_u64()?,
                        customers: row["customers"].as_u64()?,
                        created_at_ms: row["created_at_ms"].as_i64().unwrap_or(0),
                        entry: None,
                    })
                });
                // One that does not say so is told by the file's first page.
                let version = row.and_then(|row| row["format_version"].as_u64());
                (offered, version.and_then(|version| u32::try_from(version).ok()))
            }
            Origin::Shelf(shelf) => {
                // Somebody may have removed the file of one, or lost it.
                let mut there = shelf.manifest()?.generations.into_iter();
                let entry = loop {
                    match there.next() {
                        Some(entry) if !shelf.has(&entry)? => {
                            tracing::warn!(
                                from = shelf.shown(),
                                name = entry.name,
                                "a published generation is not there"
                            );
                        }
                        found => break found,
                    }
                };
                let version = entry.as_ref().map(|entry| entry.format_version);
                let offered = entry.map(|entry| Offered {
                    generation: entry.generation,
                    bytes: entry.bytes,
                    customers: entry.customers,
                    created_at_ms: entry.created_at_ms,
                    entry: Some(entry),
                });
                (offered, version)
            }
        };
        let offered = offered.ok_or_else(nothing)?;
        match version {
            Some(found) if !READ_VERSIONS.contains(&found) => Err(self.unfit(SnapshotError::FormatVersion {
                newest: FORMAT_VERSION,
                found,
            })),
            _ => Ok(offered),
        }
    }

    /// Has a node bring its newest generation up to date first, where it can; one of an older version is as new as it is.
    /// Nor is it waited for beyond two minutes, or once `is_ending`: feeds wait meanwhile.
    pub(super) fn freshen(&self, is_ending: &dyn Fn() -> bool) {
        let Origin::Node(server, trust) = self else {
            return;
        };
        let (told, merged) = channel();
        let (server, trust) = (server.clone(), trust.clone());
        let ask = move || {
            let asked = server.post_within("/merge", &json!({}), &trust, MERGE_WITHIN);
            // Whoever waited may have ended.
            let _gone = told.send(asked);
        };
        // It ends by itself; where none is to be had, the generation is taken as it is.
        let _asking = std::thread::Builder::new().name("freshen".into()).spawn(ask);
        while !is_ending() {
            match merged.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) | Ok(Ok(_)) => return,
                Ok(Err(error)) => {
                    tracing::info!(%error, "the other node does not merge; its generation is taken as it is");
                    return;
                }
            }
        }
    }

    /// Whether nothing is missing there, as far as it says so.
    ///
    /// # Errors
    /// Changes are missing, or it does not answer.
    pub(super) fn is_whole(&self) -> Result<(), FetchError> {
        let Origin::Node(server, trust) = self else {
            return Ok(());
        };
        let status: Value = serde_json::from_slice(&server.get("/status", trust)?).unwrap_or_default();
        let gaps = status["gap_feeds"].as_array().into_iter().flatten();
        let feeds: Vec<&str> = gaps.filter_map(Value::as_str).collect();
        if status["gap"] == Value::Bool(true) || !feeds.is_empty() {
            return Err(FetchError::Gap {
                from: self.to_string(),
                feeds: feeds.join(", "),
            });
        }
        Ok(())
    }

    fn piece(&self, offered: &Offered, at: u64) -> Result<Bytes, FetchError> {
        match (self, &offered.entry) {
            (Origin::Node(server, trust), _) => {
                let generation = offered.generation;
                let piece = format!("/snapshots/{generation}?offset={at}&length={MOST_PIECE}");
                Ok(server.get_within(&piece, trust, PIECE_WITHIN)?)
            }
            (Origin::Shelf(shelf), Some(entry)) => Ok(shelf.piece(entry, at, MOST_PIECE)?),
            (Origin::Shelf(shelf), None) => Err(FetchError::Nothing(shelf.shown().to_owned())),
        }
    }

    /// Copies `offered` into the build folder `held` as the generation `generation`, which goes on by a line of change logs of
    /// its own; `go_on` is told how many bytes are there, and says whether to go on.
    ///
    /// # Errors
    /// It cannot be had, is of a format that is not read here, or cannot be written.
    pub fn copy(
        &self,
        offered: &Offered,
        held: &Held,
        generation: u64,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<PathBuf, FetchError> {
        let path = held.folder().snapshot(generation);
        let mut staged = Staged::create(&path).map_err(FolderError::from)?;
        let full = |source| FolderError::from(DurableError::new("write", &path, source));
        let mut at = 0;
        while at < offered.bytes {
            let mut piece = self.patiently(offered, at, go_on)?.to_vec();
            if piece.is_empty() {
                return Err(FetchError::Nothing(self.to_string()));
            }
            if at == 0 {
                let line = RandomState::new().hash_one(generation).max(1);
                layout::renumber(&mut piece, generation, line).map_err(|source| self.unfit(source))?;
            }
            at += piece.len() as u64;
            staged
                .writer()
                .and_then(|file| file.write_all(&piece))
                .map_err(full)?;
            if !go_on(at) {
                return Err(FetchError::Ended);
            }
        }
        staged.publish().map_err(FolderError::from)?;
        Ok(path)
    }

    /// The piece from `at` on, asked for again where that may help: a copy of many gigabytes must not end with one packet.
    fn patiently(
        &self,
        offered: &Offered,
        at: u64,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Bytes, FetchError> {
        let mut tried = 1;
        loop {
            match self.piece(offered, at) {
                Err(FetchError::Client(
                    ClientError::Unreachable { .. } | ClientError::Late { .. } | ClientError::Broken { .. },
                )) if tried < TRIES && go_on(at) => {
                    std::thread::park_timeout(PAUSE * (1 << tried));
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    fn unfit(&self, source: SnapshotError) -> FetchError {
        FetchError::Snapshot {
            from: self.to_string(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::cell::Cell;
    use std::net::TcpListener;

    use super::*;

    /// The other node takes the connection, and merges for ever.
    #[test]
    fn who_ends_does_not_wait_for_the_other_node_s_merge() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::at(listener.local_addr().unwrap());
        let asked = server.post_within("/merge", &json!({}), &Trust::default(), Duration::from_millis(20));
        assert!(matches!(asked, Err(ClientError::Late { .. })), "{asked:?}");
        let looks = Cell::new(0);
        let is_ending = || {
            looks.set(looks.get() + 1);
            looks.get() > 2
        };
        Origin::Node(server, Trust::default()).freshen(&is_ending);
        assert_eq!(looks.get(), 3);
    }
}
