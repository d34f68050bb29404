//! The folder of one tenant's snapshots: which generation is the present one, and who may write the next.
//!
//! ```text
//! DIR/main/                       what belongs to one contact centre, inside of `data.dir`
//!   CURRENT                       name of the present snapshot
//!   LOCK                          held by the one writer
//!   admin.sock                    where the service that holds the folder is asked
//!   snapshot-00000001.ringside    a generation; never changes
//!   rejects-00000001.ndjson       what the import of that generation refused
//!   build/  build-2/ …            a generation to come while a file is imported, see `import`
//!   candidate-00000002.ringside   a generation that was found doubtful and waits to be accepted
//!   candidate-00000002.json       why
//!   PINS                          generations that are never removed
//! ```
//!
//! A generation is staged, finished, made durable, renamed, and only then named by `CURRENT`: a crash at any moment
//! leaves the old generation or the new one. The newest stay, to go back to; older ones are removed with their rejects
//! when a new one is published, unless they are pinned.

mod candidate;
mod error;
mod held;
mod pins;
mod read_back;
mod releasing;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Snapshot;
use crate::durable::{self, Current, DurableError, FolderLock};

pub use candidate::Candidate;
pub use error::FolderError;
pub use held::Held;
pub use read_back::ReadBack;

/// Generations that stay in the folder, the present one among them, unless its holder says otherwise.
pub const KEPT_GENERATIONS: usize = 3;
/// Folder of the one tenant that there is today, inside of `data.dir`.
pub const TENANT: &str = "main";

const SOCKET: &str = "admin.sock";
const SNAPSHOT: (&str, &str) = ("snapshot-", ".ringside");
const REJECTS: (&str, &str) = ("rejects-", ".ndjson");
const BUILD: &str = "build";
const PINS: &str = "PINS";
/// Builds that go on at a time.
const MOST_BUILDS: usize = 4;
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
        folder.remove_hopeless_builds();
        let held = Held::new(folder, lock);
        held.clean_candidates()?;
        Ok(held)
    }

    fn remove_hopeless_builds(&self) {
        for dir in self.builds() {
            if !dir.is_dir() || dir.join(MANIFEST).exists() {
                continue;
            }
            // Somebody may be building beside us.
            if let Ok(lock) = FolderLock::acquire(&dir) {
                Held::new(Folder::open(dir), lock).remove();
            }
        }
    }

    /// Holds the first of the build folders that nobody builds in.
    ///
    /// # Errors
    /// [`DurableError::Locked`], naming one who builds, where somebody builds in each of them; or the folder cannot be
    /// made or written.
    pub fn hold_build(&self) -> Result<Held, FolderError> {
        let mut builds = self.builds();
        loop {
            match Folder::hold(builds.next().unwrap_or_else(|| self.build())) {
                Err(FolderError::Durable(DurableError::Locked { .. })) if builds.len() > 0 => {}
                done => return done,
            }
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

    /// Serial number of the present generation; 0 where none was published yet.
    ///
    /// # Errors
    /// As [`Folder::current`].
    pub fn present(&self) -> Result<u64, FolderError> {
        let Some(path) = self.current()? else {
            return Ok(0);
        };
        // A person may have copied it under another name, and it is served as what it says of itself.
        let written = Snapshot::map(&path).map(|snapshot| snapshot.header().generation);
        Ok(written.unwrap_or_else(|_| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.and_then(|name| generation_of(name, SNAPSHOT)).unwrap_or(0)
        }))
    }

    /// The error that says which generations there are.
    pub fn no_generation(&self, generation: u64) -> FolderError {
        let there = self.generations().unwrap_or_default();
        let there: Vec<String> = there.iter().map(u64::to_string).collect();
        FolderError::NoGeneration {
            dir: self.dir.clone(),
            generation,
            there: match there.as_slice() {
                [] => "none".to_owned(),
                numbers => numbers.join(", "),
            },
        }
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
        let greatest = self.generations()?.into_iter().chain(self.candidates()?).max();
        Ok(greatest.map_or(1, |last| last.saturating_add(1)))
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

    /// Paths of the folders in which generations are built, that one first.
    pub fn builds(&self) -> impl ExactSizeIterator<Item = PathBuf> {
        (1..MOST_BUILDS + 1).map(|nth| match nth {
            1 => self.build(),
            nth => self.dir.join(format!("{BUILD}-{nth}")),
        })
    }

    fn pins_file(&self) -> PathBuf {
        self.dir.join(PINS)
    }

    fn failed(&self, step: &'static str, source: io::Error) -> FolderError {
        FolderError::Io {
            step,
            path: self.dir.clone(),
            source,
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

/// Nothing can go on from what is left in the build folder `dir`, whose snapshot has been taken away.
pub fn spend_build(dir: &Path) {
    remove(&dir.join(MANIFEST));
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
    match durable::remove_file(path) {
        Ok(()) | Err(DurableError::Missing { .. }) => {}
        Err(error) => tracing::warn!(%error, "an old file could not be removed"),
    }
}

#[cfg(test)]
mod tests;
