//! The seam at which tests make durable steps fail: every step of this layer is announced here before it is taken.
//!
//! In a production build nothing stands here, and the compiler takes the calls away. In the crate's own tests a thread
//! may watch a folder (`Disk`): it counts the steps, lets one fail or crashes the machine at it, and afterwards makes
//! the folder what a disk could hold that lost what nobody had made durable.

#[cfg(test)]
mod disk;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[cfg(test)]
pub(crate) use disk::{Disk, Fault, Lost};

/// What is about to be done to a path.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests alone read what is announced"))]
pub(crate) enum Step<'a> {
    /// A file or a folder is made, where it is missing.
    Create,
    /// Bytes are written.
    Write,
    /// The bytes of a file are made durable.
    Sync,
    /// A file gets this other path.
    Rename(&'a Path),
    /// A file is removed.
    Remove,
    /// A file loses bytes at its end.
    Truncate,
    /// The names in a folder are made durable.
    SyncFolder,
}

/// Announces `step` on `path`.
///
/// # Errors
/// What a test wants the step to fail with; never in a production build.
#[cfg(not(test))]
#[inline(always)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same as what tests have in its place"
)]
pub(crate) fn step(_step: Step<'_>, _path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use disk::step;

/// Writes `bytes` into `file`, which is called `path`, at `offset`.
///
/// # Errors
/// What the system says; part of the bytes may then be in the file.
pub(crate) fn write_at(file: &File, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = step(Step::Write, path) {
        // A disk that fills up takes what it still has room for.
        file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
        return Err(error);
    }
    file.write_all_at(bytes, offset)
}

/// Whether a test watches what this thread does to a folder; what it is to see must not be done by another one.
pub(crate) fn is_watching() -> bool {
    #[cfg(test)]
    return disk::is_watching();
    #[cfg(not(test))]
    false
}

/// Has `sync` make durable what is in `file`. A watched folder has a disk of its own that was told already: the real one,
/// which would make tests of thousands of crashes slow, is not asked.
///
/// # Errors
/// What the system says. It must not be tried again.
pub(crate) fn fsync(file: &File, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
    #[cfg(test)]
    if disk::is_watching() {
        return Ok(());
    }
    sync(file)
}
