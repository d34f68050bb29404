//! A snapshot that was built, was found doubtful, and waits for somebody to accept it: at most one.
//!
//! The file is moved first, then what is known of it is written, which makes it a candidate, and then an older one is
//! removed: a crash at any moment leaves the old candidate or the new one, and what is neither is removed when the
//! folder is held next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Folder, FolderError, Held, generation_of, name_of, remove};
use crate::durable;
use crate::snapshot::judge::{Comparison, Reason, Rows};

const FILE: (&str, &str) = ("candidate-", ".ringside");
const ABOUT: (&str, &str) = ("candidate-", ".json");

/// What is known of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its serial number.
    pub generation: u64,
    /// The generation that it was judged against; 0 for none.
    pub base: u64,
    /// When it was held, in milliseconds since 1970.
    pub at_ms: i64,
    /// The file that it was built from, as it was named.
    pub input: String,
    /// Why it waits.
    pub reasons: Vec<Reason>,
    /// What it was compared with, and how.
    pub comparison: Option<Comparison>,
    /// The rows of that file.
    pub import: Rows,
}

impl Folder {
    /// Path of the snapshot of the candidate `generation`.
    pub fn candidate_file(&self, generation: u64) -> PathBuf {
        self.dir.join(name_of(generation, FILE))
    }

    fn candidate_about(&self, generation: u64) -> PathBuf {
        self.dir.join(name_of(generation, ABOUT))
    }

    /// The candidate that waits, if one does.
    ///
    /// # Errors
    /// The folder cannot be read, or what is known of the candidate does not read.
    pub fn candidate(&self) -> Result<Option<Candidate>, FolderError> {
        let Some(generation) = self.waiting()? else {
            return Ok(None);
        };
        let path = self.candidate_about(generation);
        let json = fs::read(&path).map_err(|source| self.failed("read a candidate in", source))?;
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|source| FolderError::Json { path, source })
    }

    /// The newest, where a crash has left the one that it replaced; not one of which only the description is left, as a
    /// crash leaves it behind its publication.
    fn waiting(&self) -> Result<Option<u64>, FolderError> {
        let numbers = self.numbers_of(ABOUT)?.into_iter();
        Ok(numbers
            .filter(|number| self.candidate_file(*number).exists())
            .max())
    }

    /// Serial numbers of files that are or were to be candidates.
    pub(super) fn candidates(&self) -> Result<Vec<u64>, FolderError> {
        self.numbers_of(FILE)
    }

    fn numbers_of(&self, affixes: (&str, &str)) -> Result<Vec<u64>, FolderError> {
        let failed = |source| self.failed("read", source);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            numbers.extend(name.to_str().and_then(|name| generation_of(name, affixes)));
        }
        Ok(numbers)
    }
}

impl Held {
    /// Moves the finished, durable `snapshot` and its `rejects` here from elsewhere in the same file system as the
    /// candidate that waits, in place of an earlier one. Returns where they are.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn hold_back(
        &self,
        snapshot: &Path,
        rejects: Option<&Path>,
        candidate: &Candidate,
    ) -> Result<(PathBuf, Option<PathBuf>), FolderError> {
        let path = self.folder().candidate_file(candidate.generation);
        let rejects = self.take_rejects(rejects, candidate.generation)?;
        durable::move_file(snapshot, &path)?;
        self.write_candidate(candidate)?;
        self.drop_candidates_but(candidate.generation)?;
        Ok((path, rejects))
    }

    /// Replaces what is known of the candidate that waits.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_candidate(&self, candidate: &Candidate) -> Result<(), FolderError> {
        let path = self.folder().candidate_about(candidate.generation);
        durable::write_atomically(&path, |file| {
            serde_json::to_writer_pretty(file, candidate).map_err(io::Error::from)
        })?;
        Ok(())
    }

    /// Makes the candidate the present generation, if `base` is that still. Returns where it is.
    ///
    /// # Errors
    /// As [`Held::publish`](super::Held::publish).
    pub fn adopt_candidate(&self, candidate: &Candidate, base: u64) -> Result<PathBuf, FolderError> {
        let generation = candidate.generation;
        let rejects = self.folder().rejects(generation);
        let rejects = rejects.exists().then_some(rejects);
        let file = self.folder().candidate_file(generation);
        let (path, _) = self.adopt(&file, rejects.as_deref(), generation, base)?;
        remove(&self.folder().candidate_about(generation));
        Ok(path)
    }

    /// Removes the candidate that waits. Its serial number, if there was one.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn drop_candidate(&self) -> Result<Option<u64>, FolderError> {
        let waiting = self.folder().waiting()?;
        self.drop_candidates_but(0)?;
        Ok(waiting)
    }

    /// Removes what a crash has left of candidates.
    pub(super) fn clean_candidates(&self) -> Result<(), FolderError> {
        let waiting = self.folder().waiting()?;
        self.drop_candidates_but(waiting.unwrap_or(0))
    }

    fn drop_candidates_but(&self, keep: u64) -> Result<(), FolderError> {
        let generations = self.folder().generations()?;
        let mut others = self.folder().numbers_of(ABOUT)?;
        others.extend(self.folder().candidates()?);
        for other in others.into_iter().filter(|other| *other != keep) {
            remove(&self.folder().candidate_about(other));
            remove(&self.folder().candidate_file(other));
            if !generations.contains(&other) {
                remove(&self.folder().rejects(other));
            }
        }
        Ok(())
    }
}
