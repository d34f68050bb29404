//! The folder of one tenant's snapshots: which generation is the present one, and who may write the next.
//!
//! ```text
//! DIR/main/                       what belongs to one contact centre, inside of `data.dir`
//!   CURRENT                       name of the present snapshot
//!   LOCK                          held by the one writer
//!   admin.sock                    where the service that holds the folder is asked
//!   snapshot-00000001.ringside    a generation; never changes
//!   rejects-00000001.ndjson       what the import of that generation refused
//!   build/                        the next generation while a file is imported, see `import`
//! ```
//!
//! A generation is staged, finished, made durable, renamed, and only then named by `CURRENT`: a crash at any moment
//! leaves the old generation or the new one. The newest [`KEPT_GENERATIONS`] stay, to go back to; older ones are
//! removed with their rejects when a new one is published.

use std::borrow::BorrowMut;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::durable::{self, Current, DurableError, FolderLock, Staged};

/// Generations that stay in the folder, the present one among them.
pub const KEPT_GENERATIONS: usize = 3;
/// Folder of the one tenant that there is today, inside of `data.dir`.
pub const TENANT: &str = "main";

const SOCKET: &str = "admin.sock";
const SNAPSHOT: (&str, &str) = ("snapshot-", ".ringside");
const REJECTS: (&str, &str) = ("rejects-", ".ndjson");
const BUILD: &str = "build";
/// What a build folder has once another try can go on from what is in it.
pub(super) const MANIFEST: &str = "manifest";

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

/// A tenant's folder, for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// The folder at `dir`, which is looked at only when something is asked.
    pub fn open(dir: impl Into<PathBuf>) -> Folder {
        Folder { dir: dir.into() }
    }

    /// The tenant's folder inside of `data_dir`.
    pub fn of_tenant(data_dir: &Path) -> Folder {
        Folder::open(data_dir.join(TENANT))
    }

    /// Creates the folder where it is missing, takes its lock, and removes what a crash left half written: staged files,
    /// and a build that nothing can go on from.
    ///
    /// # Errors
    /// [`DurableError::Locked`], naming the holder, where another process writes the folder; or the folder cannot be
    /// made or written.
    pub fn hold(dir: impl Into<PathBuf>) -> Result<Held, FolderError> {
        let folder = Folder::open(dir);
        let missing: Vec<&Path> = folder.dir.ancestors().take_while(|dir| !dir.exists()).collect();
        fs::create_dir_all(&folder.dir).map_err(|source| folder.failed("create", source))?;
        // A new folder is in its parent only once that is synced; without it a power cut takes all that is in it.
        for dir in missing {
            let parent = dir
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            fs::File::open(parent)
                .and_then(|parent| parent.sync_all())
                .map_err(|source| folder.failed("sync", source))?;
        }
        let lock = FolderLock::acquire(&folder.dir)?;
        for path in durable::clean_stale(&folder.dir)? {
            tracing::info!(path = %path.display(), "removed a file that a crash left half written");
        }
        folder.remove_hopeless_build();
        Ok(Held { folder, _lock: lock })
    }

    fn remove_hopeless_build(&self) {
        let dir = self.build();
        if !dir.is_dir() || dir.join(MANIFEST).exists() {
            return;
        }
        // Somebody may be building beside us.
        if let Ok(lock) = FolderLock::acquire(&dir) {
            let folder = Folder::open(dir);
            Held { folder, _lock: lock }.remove();
        }
    }

    /// The folder's path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The present snapshot; `None` where none was published yet.
    ///
    /// # Errors
    /// The folder is missing, or `CURRENT` cannot be read or names no plain file.
    pub fn current(&self) -> Result<Option<PathBuf>, FolderError> {
        Ok(Current::read(&self.dir)?)
    }

    /// `snapshot`, which `CURRENT` names, where it is there.
    fn existing(&self, snapshot: PathBuf) -> Result<PathBuf, FolderError> {
        if snapshot.exists() {
            return Ok(snapshot);
        }
        let there = self.generations()?;
        let there: Vec<String> = there
            .into_iter()
            .map(|generation| name_of(generation, SNAPSHOT))
            .collect();
        Err(FolderError::NamesNothing {
            current: self.dir.join("CURRENT"),
            name: snapshot
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            there: match there.as_slice() {
                [] => "no snapshot".to_owned(),
                names => names.join(", "),
            },
        })
    }

    /// Serial numbers of the generations that are there, ascending.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn generations(&self) -> Result<Vec<u64>, FolderError> {
        let failed = |source| self.failed("read", source);
        let mut generations = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            generations.extend(name.to_str().and_then(|name| generation_of(name, SNAPSHOT)));
        }
        generations.sort_unstable();
        Ok(generations)
    }

    /// The serial number after the greatest that is there, published or not, so that no name is ever used twice
    /// while its file may still be mapped.
    ///
    /// # Errors
    /// As [`Folder::generations`].
    pub fn next_generation(&self) -> Result<u64, FolderError> {
        Ok(self
            .generations()?
            .last()
            .map_or(1, |last| last.saturating_add(1)))
    }

    /// Path of the snapshot with serial number `generation`.
    pub fn snapshot(&self, generation: u64) -> PathBuf {
        self.dir.join(name_of(generation, SNAPSHOT))
    }

    /// Path of the Unix socket by which the folder's holder is asked, if it is a service.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }

    /// Path of the rejects of `generation`.
    pub fn rejects(&self, generation: u64) -> PathBuf {
        self.dir.join(name_of(generation, REJECTS))
    }

    /// Path of the folder in which the next generation is built.
    pub fn build(&self) -> PathBuf {
        self.dir.join(BUILD)
    }

    fn failed(&self, step: &'static str, source: io::Error) -> FolderError {
        FolderError::Io {
            step,
            path: self.dir.clone(),
            source,
        }
    }
}

/// A tenant's folder that this process alone may write, until it is dropped.
#[derive(Debug)]
pub struct Held {
    folder: Folder,
    _lock: FolderLock,
}

impl Held {
    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Opens the staged file of a new `generation`; dropped before [`Held::publish`], it is removed.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn stage(&self, generation: u64) -> Result<Staged, FolderError> {
        // A build that failed in its last step has left them, and this one may have none.
        remove(&self.folder.rejects(generation));
        Ok(Staged::create(&self.folder.snapshot(generation))?)
    }

    /// Makes the finished `snapshot` durable and the present one, then removes generations that are no longer kept.
    /// Returns where it is.
    ///
    /// # Errors
    /// A failing disk; the present generation is then what it was.
    pub fn publish(&self, snapshot: Staged) -> Result<PathBuf, FolderError> {
        let path = snapshot.target().to_owned();
        snapshot.publish()?;
        self.point_to(&path)?;
        Ok(path)
    }

    /// Moves the finished, durable `snapshot` and its `rejects` here from elsewhere in the same file system, as
    /// `generation`, makes it the present one, and removes generations that are no longer kept. Returns where they are.
    ///
    /// # Errors
    /// As [`Held::publish`], or there is a snapshot of that serial number already.
    pub fn adopt(
        &self,
        snapshot: &Path,
        rejects: Option<&Path>,
        generation: u64,
    ) -> Result<(PathBuf, Option<PathBuf>), FolderError> {
        let path = self.folder.snapshot(generation);
        if path.exists() {
            return Err(FolderError::Taken { path });
        }
        // Before the snapshot, so that no generation stands here whose rejects are missing; those of a build that
        // failed in its last step are not this one's.
        let refused = self.folder.rejects(generation);
        remove(&refused);
        if let Some(rejects) = rejects {
            durable::move_file(rejects, &refused)?;
        }
        durable::move_file(snapshot, &path)?;
        self.point_to(&path)?;
        Ok((path, rejects.map(|_| refused)))
    }

    /// Removes every file but the lock and those of the names `keep`.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it cannot be removed.
    pub(super) fn clear(&self, keep: &[&str]) -> Result<(), FolderError> {
        for entry in fs::read_dir(&self.folder.dir).map_err(|error| self.folder.failed("read", error))? {
            let entry = entry.map_err(|error| self.folder.failed("read", error))?;
            let name = entry.file_name();
            if name != FolderLock::NAME && keep.iter().all(|keep| name != *keep) {
                fs::remove_file(entry.path()).map_err(|error| self.folder.failed("clear", error))?;
            }
        }
        Ok(())
    }

    /// Removes the folder with all that is in it, and frees it.
    pub fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder.dir) {
            tracing::warn!(path = %self.folder.dir.display(), %error, "a folder could not be removed");
        }
    }

    fn point_to(&self, path: &Path) -> Result<(), FolderError> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // Where this fails the file stays, whole: the pointer may already lead to it and only not be durable yet. Old
        // ones go all the same, or failures that are tried again would fill the disk.
        let published = Current::publish(&self.folder.dir, name);
        self.remove_old();
        Ok(published?)
    }

    /// What cannot be removed now is removed with the next publication, and is no reason to call this one failed.
    fn remove_old(&self) {
        let (generations, current) = match (self.folder.generations(), self.folder.current()) {
            (Ok(generations), Ok(current)) => (generations, current),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "old generations could not be removed");
                return;
            }
        };
        let old = generations.len().saturating_sub(KEPT_GENERATIONS);
        for &generation in &generations[..old] {
            let snapshot = self.folder.snapshot(generation);
            if current.as_ref() != Some(&snapshot) {
                remove(&snapshot);
                remove(&self.folder.rejects(generation));
            }
        }
    }
}

/// A buffered file, or a borrow of one, that can be read back while it is written, as the snapshot's writer does.
#[derive(Debug)]
pub struct ReadBack<B>(pub B);

impl<B: BorrowMut<BufWriter<File>>> Read for ReadBack<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.0.borrow_mut();
        file.flush()?;
        file.get_mut().read(buffer)
    }
}

impl<B: BorrowMut<BufWriter<File>>> Write for ReadBack<B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl<B: BorrowMut<BufWriter<File>>> Seek for ReadBack<B> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.borrow_mut().seek(to)
    }
}

/// The snapshot file that `path`, given by a person, means: a snapshot itself, a tenant's folder, or a `data.dir`.
///
/// # Errors
/// There is none.
pub fn resolve(path: &Path) -> Result<PathBuf, FolderError> {
    let none = |found| FolderError::NoSnapshot {
        path: path.to_owned(),
        found,
    };
    let kind = fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => none("nothing"),
        _ => FolderError::Io {
            step: "read",
            path: path.to_owned(),
            source,
        },
    })?;
    if !kind.is_dir() {
        return Ok(path.to_owned());
    }
    for folder in [Folder::open(path), Folder::of_tenant(path)] {
        if folder.dir.is_dir()
            && let Some(snapshot) = folder.current()?
        {
            return folder.existing(snapshot);
        }
    }
    Err(none("a folder without one"))
}

fn name_of(generation: u64, (before, after): (&str, &str)) -> String {
    format!("{before}{generation:08}{after}")
}

/// `None` for any other name, such as one that a person made by copying.
fn generation_of(name: &str, affixes: (&str, &str)) -> Option<u64> {
    let digits = name.strip_prefix(affixes.0)?.strip_suffix(affixes.1)?;
    let generation = digits.parse().ok()?;
    (name_of(generation, affixes) == name).then_some(generation)
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an old file could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
