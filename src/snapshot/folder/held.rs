//! The one writer of a folder: publishes by compare-and-swap on the present generation, and removes old ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::releasing::Releasing;
use super::{Folder, FolderError, remove};
use crate::durable::{self, Current, FolderLock, Staged};

/// A tenant's folder that this process alone may write, until it is dropped.
#[derive(Debug)]
pub struct Held {
    pub(super) folder: Folder,
    kept: usize,
    /// Held while a publication checks its base and becomes the present one, which makes these one step.
    line: Mutex<Line>,
    releasing: Releasing,
    _lock: FolderLock,
}

/// Which generation is published, and which serial numbers are given away.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// 0 where none is. What a failed publication has left in `CURRENT` is not this.
    present: u64,
    reserved: u64,
}

impl Held {
    pub(super) fn new(folder: Folder, lock: FolderLock) -> Held {
        // A pointer that leads nowhere is for whoever follows it to tell.
        let present = folder.present().unwrap_or_else(|error| {
            tracing::warn!(%error, "the present generation is not known");
            0
        });
        Held {
            folder,
            kept: super::KEPT_GENERATIONS,
            line: Mutex::new(Line { present, reserved: 0 }),
            releasing: Releasing::default(),
            _lock: lock,
        }
    }

    /// The same, keeping the newest `kept` generations, the present one among them, and those that are pinned.
    #[must_use]
    pub fn keeping(self, kept: usize) -> Held {
        Held { kept, ..self }
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serial number of the generation that was published last, by this process or before it began; 0 for none.
    pub fn present(&self) -> u64 {
        self.line().present
    }

    /// A serial number that nobody else is given, above all that are there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn reserve(&self) -> Result<u64, FolderError> {
        let mut line = self.line();
        line.reserved = self
            .folder
            .next_generation()?
            .max(line.reserved.saturating_add(1));
        Ok(line.reserved)
    }

    /// Opens the staged file of a new `generation`; dropped before [`Held::settle`], it is removed.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn stage(&self, generation: u64) -> Result<Staged, FolderError> {
        // A build that failed in its last step has left them, and this one may have none.
        remove(&self.folder.rejects(generation));
        Ok(Staged::create(&self.folder.snapshot(generation))?)
    }

    /// Makes the finished `snapshot` durable and the present one, if `base` is that still; then removes generations that
    /// are no longer kept. Returns where it is.
    ///
    /// # Errors
    /// [`FolderError::Conflict`] where another was published meanwhile; or a failing disk. The present generation is
    /// then what it was.
    pub fn publish(&self, snapshot: Staged, generation: u64, base: u64) -> Result<PathBuf, FolderError> {
        let path = self.settle(snapshot)?;
        self.point_to(generation, base)?;
        Ok(path)
    }

    /// Makes the finished `snapshot` durable under its name, without making it the present one. Returns where it is.
    ///
    /// # Errors
    /// A failing disk.
    pub fn settle(&self, snapshot: Staged) -> Result<PathBuf, FolderError> {
        let path = snapshot.target().to_owned();
        snapshot.publish()?;
        Ok(path)
    }

    /// Moves the finished, durable `snapshot` and its `rejects` here from elsewhere in the same file system, as
    /// `generation`, makes it the present one, if `base` is that still, and removes generations that are no longer kept.
    /// Returns where they are.
    ///
    /// # Errors
    /// As [`Held::publish`], or there is a snapshot of that serial number already.
    pub fn adopt(
        &self,
        snapshot: &Path,
        rejects: Option<&Path>,
        generation: u64,
        base: u64,
    ) -> Result<(PathBuf, Option<PathBuf>), FolderError> {
        let path = self.folder.snapshot(generation);
        if path.exists() {
            return Err(FolderError::Taken { path });
        }
        let mut line = self.line();
        line.expect(base)?;
        let rejects = self.take_rejects(rejects, generation)?;
        durable::move_file(snapshot, &path)?;
        self.point(&mut line, generation)?;
        Ok((path, rejects))
    }

    /// Moves `rejects` here as those of `generation`: ahead of its snapshot, so that no generation stands here whose
    /// rejects are missing. Those of a build that failed in its last step are not this one's.
    pub(super) fn take_rejects(
        &self,
        rejects: Option<&Path>,
        generation: u64,
    ) -> Result<Option<PathBuf>, FolderError> {
        let path = self.folder.rejects(generation);
        match rejects {
            Some(rejects) if rejects == path => return Ok(Some(path)),
            Some(rejects) => durable::move_file(rejects, &path)?,
            None => {
                remove(&path);
                return Ok(None);
            }
        }
        Ok(Some(path))
    }

    /// Makes `generation`, which is in the folder, the present one, if `base` is that still, and removes generations
    /// that are no longer kept.
    ///
    /// # Errors
    /// As [`Held::publish`], or there is no such generation.
    pub fn point_to(&self, generation: u64, base: u64) -> Result<(), FolderError> {
        let mut line = self.line();
        line.expect(base)?;
        if !self.folder.snapshot(generation).exists() {
            return Err(self.folder.no_generation(generation));
        }
        self.point(&mut line, generation)
    }

    fn point(&self, line: &mut Line, generation: u64) -> Result<(), FolderError> {
        let path = self.folder.snapshot(generation);
        let name = path.file_name().and_then(|name| name.to_str());
        // Where this fails the file stays, whole: the pointer may already lead to it and only not be durable yet. Old
        // ones go all the same, or failures that are tried again would fill the disk.
        let published = Current::publish(&self.folder.dir, name.unwrap_or_default());
        self.remove_old(line.present);
        published?;
        line.present = generation;
        Ok(())
    }

    /// Removes the snapshot `generation`, which was settled and never the present one.
    pub fn discard(&self, generation: u64) {
        remove(&self.folder.snapshot(generation));
    }

    /// Removes the generation `generation` with its rejects and its pin, whatever else is kept; not the present one.
    ///
    /// # Errors
    /// It is the present one, or the folder cannot be read or written.
    pub fn erase(&self, generation: u64) -> Result<(), FolderError> {
        let line = self.line();
        if line.present == generation {
            return Err(self.folder.no_generation(generation));
        }
        self.unpin(generation)?;
        remove(&self.folder.snapshot(generation));
        remove(&self.folder.rejects(generation));
        drop(line);
        Ok(())
    }

    /// Removes every file but the lock and those of the names `keep`.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it cannot be removed.
    pub(in crate::snapshot) fn clear(&self, keep: &[&str]) -> Result<(), FolderError> {
        for entry in fs::read_dir(&self.folder.dir).map_err(|error| self.folder.failed("read", error))? {
            let entry = entry.map_err(|error| self.folder.failed("read", error))?;
            let name = entry.file_name();
            if name != FolderLock::NAME && keep.iter().all(|keep| name != *keep) {
                fs::remove_file(entry.path()).map_err(|error| self.folder.failed("clear", error))?;
            }
        }
        Ok(())
    }

    /// Waits until the space of generations that were removed is there again.
    pub fn wait_for_space(&self) {
        self.releasing.wait();
    }

    /// Removes the folder with all that is in it, and frees it.
    pub fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder.dir) {
            tracing::warn!(path = %self.folder.dir.display(), %error, "a folder could not be removed");
        }
    }

    /// What cannot be removed now is removed with the next publication, and is no reason to call this one failed.
    /// `before` was the present one until now: somebody may be about to build on it.
    pub(super) fn remove_old(&self, before: u64) {
        let known = (
            self.folder.generations(),
            self.folder.current(),
            self.folder.pins(),
        );
        let (generations, current, pins) = match known {
            (Ok(generations), Ok(current), Ok(pins)) => (generations, current, pins),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                tracing::warn!(%error, "old generations could not be removed");
                return;
            }
        };
        // Pinned ones are kept beside those that are kept anyway, not instead of them.
        let unpinned: Vec<u64> = generations.into_iter().filter(|g| !pins.contains(g)).collect();
        let old = unpinned.len().saturating_sub(self.kept);
        let mut removed = Vec::new();
        for &generation in &unpinned[..old] {
            let snapshot = self.folder.snapshot(generation);
            let is_kept = generation == before && self.kept > 1;
            if current.as_ref() != Some(&snapshot) && !is_kept {
                // Its name goes now, and its space beside what comes next.
                removed.extend(File::open(&snapshot));
                remove(&snapshot);
                remove(&self.folder.rejects(generation));
            }
        }
        self.releasing.close(removed);
    }
}

impl Line {
    fn expect(self, base: u64) -> Result<(), FolderError> {
        if self.present == base {
            return Ok(());
        }
        Err(FolderError::Conflict {
            base,
            present: self.present,
        })
    }
}
