//! Where a snapshot is built, and what is done with it once it is finished.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CHECKPOINT_BYTES, ImportError, Summary};
use crate::number::SuffixDigits;
use crate::snapshot::folder::{FolderError, Held};
use crate::snapshot::layout::LogPlace;
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
    /// The newest change that was applied when the build began, where that is above the base's seq.
    pub seq: u64,
    /// The streams of changes that go on over the snapshot, each with where to resume it.
    pub streams: Vec<Stream>,
    /// Which change log goes on over the snapshot, as far as it was when the build began; none by default, and then what
    /// a log of the folder holds is of no more use.
    pub log: LogPlace,
    /// The place among `streams`, from 1, of the stream of whose source the input is a copy: customers then stand ahead of
    /// everything that is followed of it, and what a feed would leave out of them is left out. `None` for other inputs.
    pub copy_of: Option<u16>,
    /// Now, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Bytes that sorting may take; what is more waits in files of the build folder. At least a few MiB are of use.
    pub memory_bytes: u64,
    /// Last digits by which numbers are to be found, too.
    pub suffix_digits: Option<SuffixDigits>,
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
            seq: 0,
            streams: Vec::new(),
            log: LogPlace::default(),
            copy_of: None,
            created_at_ms,
            memory_bytes,
            suffix_digits: None,
            checkpoint_bytes: CHECKPOINT_BYTES,
            stop: Arc::default(),
        }
    }

    /// The seq behind which the claims of the file begin.
    pub(super) fn begins_behind(&self) -> u64 {
        let base = self.base.as_ref().map_or(0, |base| base.header().seq);
        base.max(self.seq)
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

    /// The build folder.
    pub fn dir(&self) -> &Path {
        self.held.folder().dir()
    }

    /// Moves the snapshot and its rejects into the folder that `folder` holds, makes it the present one, and removes
    /// the build folder. The summary has the new paths.
    ///
    /// # Errors
    /// The folder cannot be written or has a snapshot of that serial number; the present generation is then what it
    /// was, and the finished snapshot stays where it is.
    pub fn publish(self, folder: &Held) -> Result<Summary, FolderError> {
        let Built { held, mut summary } = self;
        let (path, rejects) = folder.adopt(
            &summary.path,
            summary.rejects.as_deref(),
            summary.generation,
            folder.present(),
        )?;
        held.remove();
        summary.path = path;
        summary.rejects = rejects;
        Ok(summary)
    }

    /// Removes the build folder with all that is in it.
    pub fn discard(self) {
        self.held.remove();
    }
}
