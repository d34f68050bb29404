//! The seam at which tests make durable steps fail, and crash between any two of them. In the program itself a step is
//! nothing.

#[cfg(test)]
mod disk;

use std::io;
use std::path::Path;

#[cfg(test)]
pub(crate) use disk::{Disk, Fault, Lost};

/// A step after which a crash finds the disk changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file is made.
    Create,
    /// Bytes are written to a file.
    Write,
    /// A file's bytes become durable.
    Sync,
    /// A file is cut.
    Truncate,
    /// A file takes another name.
    Rename,
    /// A file goes.
    Remove,
    /// The names in a folder become durable.
    SyncFolder,
}

/// The step on `path` is about to be done.
#[cfg(not(test))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "in tests it fails, and callers are the same"
)]
#[inline]
pub(crate) fn step(_step: Step, _path: &Path) -> io::Result<()> {
    Ok(())
}

/// The step on `path` is about to be done; fails where the test's disk says so.
#[cfg(test)]
pub(crate) fn step(step: Step, path: &Path) -> io::Result<()> {
    disk::step(step, path)
}
