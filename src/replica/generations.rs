//! What is done with whole generations: publishing an import, accepting one that was held, going back, pinning.
//!
//! One act at a time. What is checked and published here is the same whether a service holds the folder, which then has the
//! snapshot installed beside its traffic, or a command does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use serde::{Deserialize, Serialize};

use super::judge::{Comparison, Reading, Sanity};
use crate::index::Ownership;
use crate::snapshot::folder::{Candidate, FolderError, Held};
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError};

/// Why an act on generations failed. What is served stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum GenerationsError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A snapshot that is not whole.
    #[error("{}: {source}; build it again", path.display())]
    Snapshot {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// Another act goes on.
    #[error("expected no other act on generations, found one under way; wait until it is done")]
    Busy,
    /// A snapshot of another number than it was said to have.
    #[error("{}: expected the snapshot of generation {expected}, found one of {found}; build it again", path.display())]
    Another {
        /// Which one.
        path: PathBuf,
        /// What it was to be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// It is the present one.
    #[error("generation {0} is the present one; `ringside generations` shows the others")]
    Present(u64),
    /// There is none before the present one.
    #[error("expected a generation before the present one, found none; import the file that is right")]
    NothingBefore,
    /// The service is about to stop.
    #[error(
        "generation {0} is published, and the service stops before it is served; it is served at the next start"
    )]
    Stopping(u64),
}

/// A finished build that is to be published.
#[derive(Debug, Clone)]
pub struct Finished<'a> {
    /// The snapshot's file, in the same file system as the folder.
    pub snapshot: &'a Path,
    /// Its rejects.
    pub rejects: Option<&'a Path>,
    /// Its serial number.
    pub generation: u64,
    /// The generation that it was built on; 0 for none.
    pub base: u64,
    /// What it was made of, for people.
    pub input: &'a str,
    /// How that was read.
    pub reading: Reading,
    /// Publish it whatever the comparison says.
    pub accept: bool,
}

/// What became of a finished build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is the present generation.
    Published {
        /// Its serial number.
        generation: u64,
        /// Where it is.
        path: PathBuf,
        /// Where its rejects are.
        rejects: Option<PathBuf>,
        /// What it changes; `None` where there was none before.
        comparison: Option<Comparison>,
    },
    /// It waits to be accepted.
    Held {
        /// The serial number that it will have.
        generation: u64,
        /// Where its rejects are.
        rejects: Option<PathBuf>,
        /// Why, a sentence each.
        reasons: Vec<String>,
        /// What it would change.
        comparison: Comparison,
    },
}

/// One generation, as `ringside generations` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Serial number.
    pub generation: u64,
    /// Whether it is the one that is served.
    pub present: bool,
    /// Whether it stays however many come after.
    pub pinned: bool,
    /// When it was made, milliseconds since 1970; `None` where it cannot be read.
    pub created_at_ms: Option<i64>,
    /// Customers in it.
    pub customers: Option<u64>,
    /// Numbers in it.
    pub numbers: Option<u64>,
    /// Its file's bytes.
    pub bytes: u64,
    /// Why it cannot be read.
    pub fault: Option<String>,
}

/// Everything that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Ascending.
    pub generations: Vec<Listed>,
    /// What waits to be accepted.
    pub candidate: Option<Candidate>,
}

/// Acts on the generations of a folder.
#[derive(Debug)]
pub struct Generations {
    folder: Arc<Held>,
    rules: Mutex<(Ownership, Sanity)>,
    /// Held for as long as an act goes on.
    acting: Mutex<()>,
}

impl Generations {
    /// Of what `folder` holds, compared under `ownership` and judged by `sanity`.
    pub fn new(folder: Arc<Held>, ownership: Ownership, sanity: Sanity) -> Generations {
        Generations {
            folder,
            rules: Mutex::new((ownership, sanity)),
            acting: Mutex::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Arc<Held> {
        &self.folder
    }

    /// Compares under `ownership` and judges by `sanity` from now on.
    pub fn set_rules(&self, ownership: Ownership, sanity: Sanity) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = (ownership, sanity);
    }

    /// Verifies a finished build, compares it with the present generation, and publishes it or has it wait. `install`
    /// has it served and says whether it is; `progress` is told the customers compared so far.
    ///
    /// # Errors
    /// It is damaged, another generation was published meanwhile, or the folder cannot be written.
    pub fn publish(
        &self,
        finished: &Finished<'_>,
        now_ms: i64,
        install: impl FnOnce(Arc<MappedSnapshot>) -> bool,
        progress: impl FnMut(u64),
    ) -> Result<Outcome, GenerationsError> {
        let _acting = self.act()?;
        let snapshot = whole(finished.snapshot)?;
        if snapshot.header().generation != finished.generation {
            return Err(GenerationsError::Another {
                path: finished.snapshot.to_owned(),
                expected: finished.generation,
                found: snapshot.header().generation,
            });
        }
        let mut comparison = None;
        if let Some(present) = self.present(finished.base)? {
            let fault = |source| GenerationsError::Snapshot {
                path: self.folder.folder().snapshot(finished.base),
                source,
            };
            let (ownership, sanity) = *self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            let compared = Comparison::of(&present, &snapshot, ownership, progress).map_err(fault)?;
            let reasons = compared.reasons(finished.reading, &sanity);
            if !reasons.is_empty() && !finished.accept {
                let candidate = Candidate {
                    generation: finished.generation,
                    base: finished.base,
                    held_at_ms: now_ms,
                    input: finished.input.to_owned(),
                    customers: snapshot.header().customers,
                    reasons: reasons.clone(),
                };
                let rejects = self
                    .folder
                    .hold_candidate(finished.snapshot, finished.rejects, &candidate)?;
                return Ok(Outcome::Held {
                    generation: finished.generation,
                    rejects,
                    reasons,
                    comparison: compared,
                });
            }
            comparison = Some(compared);
        }
        let (path, rejects) = self.folder.adopt(
            finished.snapshot,
            finished.rejects,
            finished.generation,
            finished.base,
        )?;
        serve(snapshot, install)?;
        Ok(Outcome::Published {
            generation: finished.generation,
            path,
            rejects,
            comparison,
        })
    }

    /// Publishes what waits.
    ///
    /// # Errors
    /// Nothing waits, it is damaged, or another generation has been published since it was compared.
    pub fn accept(
        &self,
        install: impl FnOnce(Arc<MappedSnapshot>) -> bool,
    ) -> Result<Candidate, GenerationsError> {
        let _acting = self.act()?;
        let folder = self.folder.folder();
        let candidate = folder.candidate()?.ok_or(FolderError::NoCandidate)?;
        let snapshot = whole(&folder.candidate_file(candidate.generation))?;
        let (candidate, _) = self.folder.accept_candidate()?;
        serve(snapshot, install)?;
        Ok(candidate)
    }

    /// Removes what waits.
    ///
    /// # Errors
    /// Nothing waits.
    pub fn drop_candidate(&self) -> Result<Candidate, GenerationsError> {
        let _acting = self.act()?;
        Ok(self.folder.drop_candidate()?.ok_or(FolderError::NoCandidate)?)
    }

    /// Makes `generation` the present one again; without one, the greatest below the present one. Returns which it is.
    ///
    /// # Errors
    /// There is no such generation, or it is damaged.
    pub fn roll_back(
        &self,
        generation: Option<u64>,
        install: impl FnOnce(Arc<MappedSnapshot>) -> bool,
    ) -> Result<u64, GenerationsError> {
        let _acting = self.act()?;
        let folder = self.folder.folder();
        let present = folder.present()?.unwrap_or_default();
        let generation = match generation {
            Some(generation) if generation == present => return Err(GenerationsError::Present(generation)),
            Some(generation) => generation,
            None => {
                let before = folder.generations()?.into_iter().rfind(|one| *one < present);
                before.ok_or(GenerationsError::NothingBefore)?
            }
        };
        folder.expect(generation)?;
        let snapshot = whole(&folder.snapshot(generation))?;
        self.folder.go_to(generation, present)?;
        serve(snapshot, install)?;
        Ok(generation)
    }

    /// Keeps `generation` however many come after.
    ///
    /// # Errors
    /// There is no such generation.
    pub fn pin(&self, generation: u64) -> Result<(), GenerationsError> {
        let _acting = self.act()?;
        Ok(self.folder.pin(generation)?)
    }

    /// Lets `generation` go when its time comes. Whether it was pinned.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn unpin(&self, generation: u64) -> Result<bool, GenerationsError> {
        let _acting = self.act()?;
        Ok(self.folder.unpin(generation)?)
    }

    /// Everything that is there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Listing, GenerationsError> {
        let folder = self.folder.folder();
        let (present, pins) = (folder.present()?, folder.pins()?);
        let listed = |generation: u64| {
            let path = folder.snapshot(generation);
            let (header, fault) = match Snapshot::map(&path) {
                Ok(snapshot) => (Some(*snapshot.header()), None),
                Err(error) => (None, Some(error.to_string())),
            };
            Listed {
                generation,
                present: present == Some(generation),
                pinned: pins.contains(&generation),
                created_at_ms: header.map(|header| header.created_at_ms),
                customers: header.map(|header| header.customers),
                numbers: header.map(|header| header.numbers),
                bytes: std::fs::metadata(&path).map_or(0, |file| file.len()),
                fault,
            }
        };
        Ok(Listing {
            generations: folder.generations()?.into_iter().map(listed).collect(),
            candidate: folder.candidate()?,
        })
    }

    /// Customers of the present generation, where it can be read.
    pub fn present_customers(&self) -> Option<u64> {
        let path = self.folder.folder().current().ok().flatten()?;
        Some(Snapshot::map(&path).ok()?.header().customers)
    }

    /// The present snapshot, which is to be generation `base`; `None` where there is none, or it cannot be read: then
    /// there is nothing to compare with.
    fn present(&self, base: u64) -> Result<Option<MappedSnapshot>, GenerationsError> {
        let folder = self.folder.folder();
        if let Some(found) = folder.present()?
            && found != base
        {
            return Err(FolderError::Moved {
                expected: base,
                found,
            }
            .into());
        }
        let Some(path) = folder.current()? else {
            return Ok(None);
        };
        Ok(Snapshot::map(&path)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "the present snapshot cannot be opened: nothing is compared with it");
            })
            .ok())
    }

    fn act(&self) -> Result<MutexGuard<'_, ()>, GenerationsError> {
        match self.acting.try_lock() {
            Ok(acting) => Ok(acting),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(GenerationsError::Busy),
        }
    }
}

/// The snapshot at `path`, every byte of which is as it was written.
fn whole(path: &Path) -> Result<MappedSnapshot, GenerationsError> {
    let fault = |source| GenerationsError::Snapshot {
        path: path.to_owned(),
        source,
    };
    let snapshot = Snapshot::map(path).map_err(fault)?;
    snapshot.verify_sections().map_err(fault)?;
    Ok(snapshot)
}

fn serve(
    snapshot: MappedSnapshot,
    install: impl FnOnce(Arc<MappedSnapshot>) -> bool,
) -> Result<(), GenerationsError> {
    if let Err(error) = snapshot.populate(0, u64::MAX) {
        tracing::debug!(%error, "the generation is read from disk as it is asked for");
    }
    let generation = snapshot.header().generation;
    if install(Arc::new(snapshot)) {
        Ok(())
    } else {
        Err(GenerationsError::Stopping(generation))
    }
}
