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
//!   candidate-00000002.ringside   a finished import that waits to be accepted
//!   candidate.json                why it waits
//!   PINS                          generations that stay however many come after
//! ```
//!
//! A generation is staged, finished, made durable, renamed, and only then named by `CURRENT`: a crash at any moment
//! leaves the old generation or the new one. Publication is a compare-and-swap: whoever made a generation names the one
//! that it was made on. The newest [`KEPT_GENERATIONS`] stay, or as many as [`Held::keeping`] says, and those that are
//! pinned; older ones are removed with their rejects when a new one is published.

mod candidate;
mod error;
mod pins;
mod read_back;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::durable::{self, Current, FolderLock, Staged};

pub use candidate::Candidate;
pub use error::FolderError;
pub use read_back::ReadBack;

/// Generations that stay in the folder unless told otherwise, the present one among them.
pub const KEPT_GENERATIONS: usize = 3;
/// Folder of the one tenant that there is today, inside of `data.dir`.
pub const TENANT: &str = "main";

const SOCKET: &str = "admin.sock";
const SNAPSHOT: (&str, &str) = ("snapshot-", ".ringside");
const REJECTS: (&str, &str) = ("rejects-", ".ndjson");
const BUILD: &str = "build";
/// What a build folder has once another try can go on from what is in it.
pub(super) const MANIFEST: &str = "manifest";

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
        let held = Held::new(folder, lock);
        held.remove_stray_candidates();
        Ok(held)
    }

    fn remove_hopeless_build(&self) {
        let dir = self.build();
        if !dir.is_dir() || dir.join(MANIFEST).exists() {
            return;
        }
        // Somebody may be building beside us.
        if let Ok(lock) = FolderLock::acquire(&dir) {
            let folder = Folder::open(dir);
            Held::new(folder, lock).remove();
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
        let candidate = self.candidate()?.map(|candidate| candidate.generation);
        let greatest = self.generations()?.last().copied().max(candidate);
        Ok(greatest.map_or(1, |greatest| greatest.saturating_add(1)))
    }

    /// Serial number of the present snapshot; 0 where there is none, `None` where a person has given it another name.
    ///
    /// # Errors
    /// As [`Folder::current`].
    pub fn present(&self) -> Result<Option<u64>, FolderError> {
        let Some(path) = self.current()? else {
            return Ok(Some(0));
        };
        let name = path.file_name().and_then(|name| name.to_str());
        Ok(name.and_then(|name| generation_of(name, SNAPSHOT)))
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

    /// Whether `generation` is there.
    ///
    /// # Errors
    /// [`FolderError::NoGeneration`], naming those that are, or the folder cannot be read.
    pub fn expect(&self, generation: u64) -> Result<(), FolderError> {
        let there = self.generations()?;
        if there.contains(&generation) {
            return Ok(());
        }
        let there: Vec<String> = there.iter().map(u64::to_string).collect();
        Err(FolderError::NoGeneration {
            generation,
            there: there.join(", "),
        })
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
    kept: usize,
    /// Held from the look at what is present until that has been replaced.
    publishing: Mutex<()>,
    _lock: FolderLock,
}

impl Held {
    fn new(folder: Folder, lock: FolderLock) -> Held {
        Held {
            folder,
            kept: KEPT_GENERATIONS,
            publishing: Mutex::default(),
            _lock: lock,
        }
    }

    /// Keeps the newest `generations` from now on, 1 or more.
    pub fn keeping(self, generations: usize) -> Held {
        Held {
            kept: generations.max(1),
            ..self
        }
    }

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
    /// Returns where it is. `base` is the generation that it was made on, 0 for none.
    ///
    /// # Errors
    /// [`FolderError::Moved`] where another generation is present now, or a failing disk; the present generation is then
    /// what it was.
    pub fn publish(&self, snapshot: Staged, base: u64) -> Result<PathBuf, FolderError> {
        let path = snapshot.target().to_owned();
        let _one = self.on(base)?;
        snapshot.publish()?;
        self.point_to(&path)?;
        Ok(path)
    }

    /// Moves the finished, durable `snapshot` and its `rejects` here from elsewhere in the same file system, as
    /// `generation`, makes it the present one, and removes generations that are no longer kept. Returns where they are.
    /// `base` as in [`Held::publish`].
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
        let _one = self.on(base)?;
        let path = self.folder.snapshot(generation);
        if path.exists() {
            return Err(FolderError::Taken { path });
        }
        // Before the snapshot, so that no generation stands here whose rejects are missing; those of a build that
        // failed in its last step are not this one's.
        let refused = self.move_rejects(rejects, generation)?;
        durable::move_file(snapshot, &path)?;
        self.point_to(&path)?;
        Ok((path, refused))
    }

    fn move_rejects(&self, rejects: Option<&Path>, generation: u64) -> Result<Option<PathBuf>, FolderError> {
        let refused = self.folder.rejects(generation);
        let Some(rejects) = rejects else {
            remove(&refused);
            return Ok(None);
        };
        if rejects != refused {
            durable::move_file(rejects, &refused)?;
        }
        Ok(Some(refused))
    }

    /// Makes `generation`, which is there, the present one again. `base` is the one that was looked at before, as in
    /// [`Held::publish`].
    ///
    /// # Errors
    /// As [`Held::publish`], or there is no such generation.
    pub fn go_to(&self, generation: u64, base: u64) -> Result<PathBuf, FolderError> {
        let _one = self.on(base)?;
        self.folder.expect(generation)?;
        let path = self.folder.snapshot(generation);
        self.point_to(&path)?;
        Ok(path)
    }

    /// The right to replace the present generation, where it is `base`.
    fn on(&self, base: u64) -> Result<MutexGuard<'_, ()>, FolderError> {
        let one = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.folder.present()? {
            // A name that a person gave is not one that another publication has put there.
            None => Ok(one),
            Some(found) if found == base => Ok(one),
            Some(found) => Err(FolderError::Moved {
                expected: base,
                found,
            }),
        }
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
        // Where it cannot be read, nothing that might be pinned is removed.
        let Ok(pins) = self.folder.pins() else { return };
        let old = generations.len().saturating_sub(self.kept);
        for &generation in &generations[..old] {
            let snapshot = self.folder.snapshot(generation);
            if current.as_ref() != Some(&snapshot) && !pins.contains(&generation) {
                remove(&snapshot);
                remove(&self.folder.rejects(generation));
            }
        }
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
