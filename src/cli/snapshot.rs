//! `snapshot …`: building snapshots, and looking at them.

pub(super) mod build;
pub(super) mod copy;
pub(super) mod diff;
pub(super) mod export;
pub(super) mod inspect;
pub(super) mod publish;
pub(super) mod verify;

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::program;
use crate::app::shelf::Shelf;
use crate::config::Config;
use crate::snapshot::{MappedSnapshot, Snapshot, folder};

/// Fails where what was read of `snapshot` is damaged: it was taken for a miss, which it may not be.
pub(super) fn whole(path: &Path, snapshot: &MappedSnapshot) -> Result<(), CliError> {
    match snapshot.damaged() {
        0 => Ok(()),
        _ => Err(CliError::Damaged {
            path: path.to_owned(),
            again: format!("{} snapshot verify {}", program::name(), program::shell(path)),
        }),
    }
}

/// The object store `store`, or the configured one.
fn shelf(store: Option<&str>, config: &Config) -> Result<Shelf, CliError> {
    let mut settings = config.snapshots.clone();
    if let Some(store) = store {
        store.clone_into(&mut settings.store);
    }
    Shelf::open(&settings)?.ok_or(CliError::NoStore)
}

/// Opens the snapshot that `path`, given by a person, means, and says which file that is.
pub(super) fn open(path: &Path) -> Result<(PathBuf, MappedSnapshot), CliError> {
    let path = folder::resolve(path)?;
    match Snapshot::map(&path) {
        Ok(snapshot) => Ok((path, snapshot)),
        Err(source) => Err(CliError::Snapshot { path, source }),
    }
}
