//! `snapshot …`: building snapshots, and looking at them.

pub(super) mod build;
pub(super) mod diff;
pub(super) mod export;
pub(super) mod inspect;
pub(super) mod verify;

use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::snapshot::{MappedSnapshot, Snapshot, folder};

/// Opens the snapshot that `path`, given by a person, means, and says which file that is.
pub(super) fn open(path: &Path) -> Result<(PathBuf, MappedSnapshot), CliError> {
    let path = folder::resolve(path)?;
    match Snapshot::map(&path) {
        Ok(snapshot) => Ok((path, snapshot)),
        Err(source) => Err(CliError::Snapshot { path, source }),
    }
}
