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
    /// Somebody else was faster.
    #[error(
        "expected generation {base} to be the present one still, found {present}, which was published meanwhile"
    )]
    Conflict {
        /// Serial number on which the publication builds; 0 for none.
        base: u64,
        /// Serial number of the present generation; 0 for none.
        present: u64,
    },
    /// There is no such generation.
    #[error("{}: expected a snapshot of generation {generation}, found {there}; name one of those", dir.display())]
    NoGeneration {
        /// The folder.
        dir: PathBuf,
        /// What was asked for.
        generation: u64,
        /// What there is.
        there: String,
    },
    /// A file of the folder's own that does not read.
    #[error("{}: {source}; correct the file, or remove it", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser says.
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
