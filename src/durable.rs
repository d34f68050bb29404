//! Durable steps on files: whatever the instruction a crash falls on, a reader finds the old file or the new one.
//!
//! The order is always the same: write a staged file in the folder of its target, fsync it, rename it over the
//! target, fsync the folder. A staged file's name (`.NAME.tmp-PID.N`) can never be taken for a published one, so
//! what a crash leaves behind is found and removed by [`clean_stale`]. One writer at a time owns a folder
//! ([`FolderLock`]); which of its files is the present one is said by [`Current`]. What grows is a [`Journal`].
//!
//! A failed fsync is reported and never tried again: the kernel may have dropped the pages it could not write.

#[cfg(test)]
mod crashes;
mod current;
pub(crate) mod fault;
mod journal;
mod lock;
mod names;
mod staged;

use std::io;
use std::path::{Path, PathBuf};

pub use current::Current;
pub use journal::{Damaged, Journal, JournalError, Recovered};
pub use lock::FolderLock;
pub use names::{move_file, remove_file};
pub use staged::{Staged, clean_stale, scratch, working, write_atomically};

/// What a durable step ran into.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The disk, or the quota of the user who runs us, is full.
    #[error(
        "cannot {step} {}: the disk or the quota is full ({source}); free space on it, or move the folder \
         to a larger disk; nothing that was published before is touched", path.display()
    )]
    Full {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file system is mounted read-only.
    #[error(
        "cannot {step} {}: its file system is read-only; mount it for writing (a disk that fails is often \
         remounted read-only: look at the kernel's log), or name another folder", path.display()
    )]
    ReadOnly {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },
    /// The user who runs us may not.
    #[error(
        "cannot {step} {}: permission denied; give the folder to the user who runs this process, or name \
         another folder", path.display()
    )]
    Denied {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },
    /// A folder or a file is not there.
    #[error("cannot {step} {}: it does not exist; create its folder, or correct the path", path.display())]
    Missing {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },
    /// A part of the path that should be a folder is a file.
    #[error(
        "cannot {step} {}: expected a folder on the way to it, found a file; correct the path, or move the \
         file away", path.display()
    )]
    NotAFolder {
        /// What was being done.
        step: &'static str,
        /// To which file or folder.
        path: PathBuf,
    },
    /// Another process writes this folder.
    #[error(
        "{} is in use by {holder}; stop that process, or give this one a folder of its own", dir.display()
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Who holds it, as far as its `LOCK` file tells.
        holder: String,
    },
    /// `CURRENT`, or the caller, names something that is not a plain file of the folder.
    #[error(
        "{}: expected the name of one file of that folder, found {found:?}; write the name of a snapshot file \
         of the folder into it", path.display()
    )]
    Pointer {
        /// The `CURRENT` file.
        path: PathBuf,
        /// What it holds or was to hold, shortened.
        found: String,
    },
    /// Any other failure.
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

impl DurableError {
    /// Names `source` for what a person can do about it. `step` is a verb phrase that `path` completes.
    pub(crate) fn new(step: &'static str, path: &Path, source: io::Error) -> DurableError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DurableError::Full { step, path, source }
            }
            io::ErrorKind::ReadOnlyFilesystem => DurableError::ReadOnly { step, path },
            io::ErrorKind::PermissionDenied => DurableError::Denied { step, path },
            io::ErrorKind::NotFound => DurableError::Missing { step, path },
            io::ErrorKind::NotADirectory => DurableError::NotAFolder { step, path },
            _ => DurableError::Io { step, path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_says_what_to_do() {
        let cases = [
            (io::ErrorKind::StorageFull, "free space"),
            (io::ErrorKind::QuotaExceeded, "free space"),
            (io::ErrorKind::ReadOnlyFilesystem, "mount it for writing"),
            (io::ErrorKind::PermissionDenied, "give the folder to the user"),
            (io::ErrorKind::NotFound, "create its folder"),
            (io::ErrorKind::NotADirectory, "found a file"),
        ];
        for (kind, advice) in cases {
            let message = DurableError::new("write", Path::new("/var/lib/x"), kind.into()).to_string();
            assert!(message.contains(advice), "{kind:?}: {message}");
            assert!(message.contains("cannot write /var/lib/x"), "{kind:?}: {message}");
        }
    }
}
