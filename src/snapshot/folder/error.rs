//! What a folder of snapshots runs into.

use std::io;
use std::path::PathBuf;

use crate::durable::DurableError;

/// What a folder of snapshots ran into.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A durable step failed.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// There is no snapshot where one was expected.
    #[error(
        "{}: expected a snapshot file, or a folder with a snapshot in it, found {found}; name another path, or build \
         a snapshot with `ringside snapshot build --out DIR`", path.display()
    )]
    NoSnapshot {
        /// The path that was given.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The snapshot that `CURRENT` names is gone.
    #[error(
        "{}: expected the snapshot that it names, {name}, found it gone; beside it {there}: write one of those names \
         into it, or build a snapshot with `ringside snapshot build --out DIR`", current.display()
    )]
    NamesNothing {
        /// The file `CURRENT`.
        current: PathBuf,
        /// What it names.
        name: String,
        /// The snapshots that are there.
        there: String,
    },
    /// A serial number that is used already.
    #[error("{}: expected no snapshot of that serial number, found one; build again, it takes the next", path.display())]
    Taken {
        /// The snapshot that is there.
        path: PathBuf,
    },
    /// Somebody else has published meanwhile.
    #[error(
        "expected generation {expected} to be the present one, as it was when this began, found generation {found}; \
         begin again"
    )]
    Moved {
        /// What the generation was made on; 0 where there was none.
        expected: u64,
        /// The present one; 0 where there is none.
        found: u64,
    },
    /// A generation that is not there.
    #[error("expected one of the generations {there}, found {generation}; name one of those")]
    NoGeneration {
        /// What was asked for.
        generation: u64,
        /// What is there.
        there: String,
    },
    /// There is nothing to accept.
    #[error(
        "expected an import that waits to be accepted, found none; `ringside generations` shows what there is"
    )]
    NoCandidate,
    /// A file of the folder that is not as this program writes it.
    #[error("{}: expected JSON as Ringside writes it, found a fault: {source}; remove the file", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        source: serde_json::Error,
    },
    /// The folder cannot be read or made.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}
