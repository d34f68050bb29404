//! A finished import that waits to be accepted. There is one at the most; the next one takes its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Folder, FolderError, Held, name_of, remove};
use crate::durable;

const FACTS: &str = "candidate.json";
const CANDIDATE: (&str, &str) = ("candidate-", ".ringside");

/// What waits, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Serial number that it will have.
    pub generation: u64,
    /// The generation that it was made on and compared with; 0 for none.
    pub base: u64,
    /// Since when it waits, milliseconds since 1970.
    pub held_at_ms: i64,
    /// What it was made of, such as a file's path.
    pub input: String,
    /// Customers in it.
    pub customers: u64,
    /// Why it waits, a sentence each.
    pub reasons: Vec<String>,
}

impl Folder {
    /// What waits to be accepted, if anything does.
    ///
    /// # Errors
    /// The file that tells of it cannot be read.
    pub fn candidate(&self) -> Result<Option<Candidate>, FolderError> {
        let path = self.dir.join(FACTS);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read the candidate in", error)),
        };
        let candidate: Candidate =
            serde_json::from_slice(&json).map_err(|source| FolderError::Json { path, source })?;
        // It has become a generation, and a crash kept the file that told of it from going.
        Ok(Some(candidate).filter(|candidate| self.candidate_file(candidate.generation).exists()))
    }

    /// Path of the candidate that is to become `generation`.
    pub fn candidate_file(&self, generation: u64) -> PathBuf {
        self.dir.join(name_of(generation, CANDIDATE))
    }
}

impl Held {
    /// Has the finished, durable `snapshot` and its `rejects` wait here, in the place of whatever waited. Returns where the
    /// rejects are.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn hold_candidate(
        &self,
        snapshot: &Path,
        rejects: Option<&Path>,
        candidate: &Candidate,
    ) -> Result<Option<PathBuf>, FolderError> {
        self.drop_candidate()?;
        let rejects = self.move_rejects(rejects, candidate.generation)?;
        durable::move_file(snapshot, &self.folder.candidate_file(candidate.generation))?;
        let facts = self.folder.dir.join(FACTS);
        durable::write_atomically(&facts, |file| {
            serde_json::to_writer(file, candidate).map_err(io::Error::from)
        })?;
        Ok(rejects)
    }

    /// Makes the candidate the present generation, where the one that it was made on still is. Returns it and where it
    /// is.
    ///
    /// # Errors
    /// [`FolderError::NoCandidate`], [`FolderError::Moved`], or the folder cannot be written.
    pub fn accept_candidate(&self) -> Result<(Candidate, PathBuf), FolderError> {
        let candidate = self.folder.candidate()?.ok_or(FolderError::NoCandidate)?;
        let file = self.folder.candidate_file(candidate.generation);
        let rejects = self.folder.rejects(candidate.generation);
        let rejects = rejects.exists().then_some(rejects);
        let (path, _) = self.adopt(&file, rejects.as_deref(), candidate.generation, candidate.base)?;
        remove(&self.folder.dir.join(FACTS));
        Ok((candidate, path))
    }

    /// Removes the candidate, where there is one.
    ///
    /// # Errors
    /// The file that tells of it cannot be read.
    pub fn drop_candidate(&self) -> Result<Option<Candidate>, FolderError> {
        let candidate = self.folder.candidate()?;
        // First what tells of it: without that, the rest is a stray.
        remove(&self.folder.dir.join(FACTS));
        if let Some(candidate) = &candidate {
            remove(&self.folder.candidate_file(candidate.generation));
            remove(&self.folder.rejects(candidate.generation));
        }
        Ok(candidate)
    }

    /// Removes candidates that nothing tells of, as a crash leaves them.
    pub(super) fn remove_stray_candidates(&self) {
        let (Ok(entries), Ok(candidate)) = (fs::read_dir(&self.folder.dir), self.folder.candidate()) else {
            return;
        };
        let kept = candidate.map(|candidate| name_of(candidate.generation, CANDIDATE));
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_candidate = name.starts_with(CANDIDATE.0) && name.ends_with(CANDIDATE.1);
            if is_candidate && kept.as_deref() != Some(name) {
                remove(&entry.path());
            }
        }
    }
}
