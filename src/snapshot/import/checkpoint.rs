//! Making durable what is built, beside the building.

use std::fs::File;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, bounded};

use super::ImportError;
use super::manifest::Manifest;
use crate::durable::DurableError;

/// Manifests that wait. A disk that is slower than the build holds it up, and little waits to be written at the end.
const QUEUE: usize = 1;

/// Syncs the files of a build folder, then saves the manifest that tells how much of them is durable.
pub(super) struct Checkpoints {
    manifests: Option<Sender<Manifest>>,
    thread: Option<JoinHandle<Result<(), DurableError>>>,
}

impl Checkpoints {
    /// Syncs `files`, which are in the folder `dir`, whenever there is a manifest.
    pub(super) fn start(dir: PathBuf, files: Vec<File>) -> Result<Checkpoints, ImportError> {
        let (manifests, waiting) = bounded::<Manifest>(QUEUE);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                for manifest in waiting {
                    for file in &files {
                        file.sync_data()
                            .map_err(|error| DurableError::new("make durable a file of", &dir, error))?;
                    }
                    manifest.save(&dir)?;
                }
                Ok(())
            })?;
        Ok(Checkpoints {
            manifests: Some(manifests),
            thread: Some(thread),
        })
    }

    /// Makes durable what `manifest` tells, which the files have been given.
    pub(super) fn make(&mut self, manifest: Manifest) -> Result<(), ImportError> {
        match &self.manifests {
            Some(manifests) if manifests.send(manifest).is_ok() => Ok(()),
            // The thread has failed; it says why.
            _ => self.end(),
        }
    }

    /// Waits for the last one.
    pub(super) fn end(&mut self) -> Result<(), ImportError> {
        self.manifests = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(made)) => Ok(made?),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.manifests = None;
        if let Some(thread) = self.thread.take() {
            // Whoever drops an unfinished build has an error of its own to tell.
            let _ = thread.join();
        }
    }
}
