//! The names of files in folders: given, taken away, and made durable.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::DurableError;
use super::fault::{self, Step};

/// Gives the file `from`, whose bytes are durable, the name `to` in a folder of the same file system, and makes that
/// durable.
///
/// # Errors
/// The folder is not writable or on another file system; the file is then where it was, unless only the last step,
/// making the new name durable, failed.
pub fn move_file(from: &Path, to: &Path) -> Result<(), DurableError> {
    rename(from, to).map_err(|error| DurableError::new("move a file to", to, error))?;
    sync_folder(folder_of(to))
}

/// Removes the file `path`. A crash of the machine may bring it back.
///
/// # Errors
/// It is not there, or its folder is not writable.
pub fn remove_file(path: &Path) -> Result<(), DurableError> {
    fault::step(Step::Remove, path)
        .and_then(|()| fs::remove_file(path))
        .map_err(|error| DurableError::new("remove", path, error))
}

/// As [`move_file`], before it is durable.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that the others are sent to"
)]
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fault::step(Step::Rename(from), to)?;
    fs::rename(from, to)
}

/// Makes the folder `dir` where it is missing, durably. The folder that it is in must be there.
pub(super) fn create_folder(dir: &Path) -> Result<(), DurableError> {
    if dir.is_dir() {
        return Ok(());
    }
    fault::step(Step::Create, dir)
        .and_then(|()| fs::create_dir(dir))
        .map_err(|error| DurableError::new("create", dir, error))?;
    sync_folder(folder_of(dir))
}

/// Makes the names in `dir` durable: a rename is only then proof against a crash of the machine.
pub(super) fn sync_folder(dir: &Path) -> Result<(), DurableError> {
    fault::step(Step::SyncFolder, dir)
        .and_then(|()| fault::fsync(&File::open(dir)?, File::sync_all))
        .map_err(|error| DurableError::new("make durable the names in", dir, error))
}

/// The folder that `path` is in; the working folder for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
