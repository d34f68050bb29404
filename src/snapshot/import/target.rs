//! Where a snapshot is built, and what is done with it once it is finished.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CHECKPOINT_BYTES, ImportError, Summary};
use crate::snapshot::folder::{FolderError, Held};
use crate::snapshot::{MappedSnapshot, Stream};

/// What an import is to become. Building takes the lock of the build folder and none of the tenant's, so that a server
/// that holds the latter may build beside its traffic and publish when it likes the result.
#[derive(Debug, Clone)]
pub struct Target {
    /// Folder of the build alone, made where it is missing: see [`Folder::build`](crate::snapshot::folder::Folder::build).
    /// On the file system of the folder that the snapshot is published to.
    pub dir: PathBuf,
    /// Serial number that the snapshot will have, one that no snapshot of the folder has.
    pub generation: u64,
    /// What is served now: a customer's claims that it has as well keep their beginnings, the others begin behind its
    /// seq, and the schema keeps its version where it stays as it is.
    pub base: Option<Arc<MappedSnapshot>>,
    /// Streams of changes that go on over the snapshot, and where.
    pub streams: Vec<Stream>,
    /// Now, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Bytes that sorting may take; what is more waits in files of the build folder. At least a few MiB are of use.
    pub memory_bytes: u64,
    /// Bytes of the input after each of which what is done is made durable, so that another try goes on from there:
    /// [`CHECKPOINT_BYTES`], but for tests.
    pub checkpoint_bytes: u64,
    /// Set by whoever wants the build to end early, as for a shutdown: it ends with [`ImportError::Stopped`] within some
    /// hundred rows, or once the tables are written where it is there already.
    pub stop: Arc<AtomicBool>,
}

impl Target {
    /// A build without a base, which nobody stops.
    pub fn new(dir: PathBuf, generation: u64, created_at_ms: i64, memory_bytes: u64) -> Target {
        Target {
            dir,
            generation,
            base: None,
            streams: Vec::new(),
            created_at_ms,
            memory_bytes,
            checkpoint_bytes: CHECKPOINT_BYTES,
            stop: Arc::default(),
        }
    }

    pub(super) fn go_on(&self) -> Result<(), ImportError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ImportError::Stopped);
        }
        Ok(())
    }
}

/// A finished snapshot, durable in its build folder, which stays locked until this is dropped or published.
#[derive(Debug)]
pub struct Built {
    pub(super) base: u64,
    pub(super) held: Held,
    pub(super) summary: Summary,
}

impl Built {
    /// What the import came to; its paths are of the build folder.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The finished snapshot, for a look at it ahead of publishing.
    pub fn path(&self) -> &Path {
        &self.summary.path
    }

    /// Moves the snapshot and its rejects into the folder that `folder` holds, makes it the present one, and removes
    /// the build folder. The summary has the new paths.
    ///
    /// # Errors
    /// The folder cannot be written, has a snapshot of that serial number, or another present one than the base; the present generation is then what it
    /// was, and the finished snapshot stays where it is.
    pub fn publish(self, folder: &Held) -> Result<Summary, FolderError> {
        let Built {
            base,
            held,
            mut summary,
        } = self;
        let (path, rejects) = folder.adopt(
            &summary.path,
            summary.rejects.as_deref(),
            summary.generation,
            base,
        )?;
        held.remove();
        summary.path = path;
        summary.rejects = rejects;
        Ok(summary)
    }

    /// The generation that it was built on; 0 for none.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Removes the build folder with all that is in it.
    pub fn discard(self) {
        self.held.remove();
    }
}
