//! Generations that are never removed: the file `PINS` of a folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Folder, FolderError, Held};
use crate::durable;

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    pinned: BTreeSet<u64>,
}

impl Folder {
    /// Serial numbers of the generations that are pinned.
    ///
    /// # Errors
    /// The file cannot be read; nothing is removed then.
    pub fn pins(&self) -> Result<BTreeSet<u64>, FolderError> {
        let path = self.pins_file();
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice::<File>(&json)
                .map(|file| file.pinned)
                .map_err(|source| FolderError::Json { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(FolderError::Io {
                step: "read",
                path,
                source: error,
            }),
        }
    }
}

impl Held {
    /// Pins `generation`, durably: it stays, however many come after it.
    ///
    /// # Errors
    /// There is no such generation, or the folder cannot be read or written.
    pub fn pin(&self, generation: u64) -> Result<(), FolderError> {
        let mut pinned = self.folder().pins()?;
        if !self.folder().generations()?.contains(&generation) {
            return Err(self.folder().no_generation(generation));
        }
        pinned.insert(generation);
        self.save_pins(pinned)
    }

    /// Takes the pin of `generation` away, durably; it is then removed like any other. Whether it was pinned.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn unpin(&self, generation: u64) -> Result<bool, FolderError> {
        let mut pinned = self.folder().pins()?;
        let was = pinned.remove(&generation);
        if was {
            self.save_pins(pinned)?;
            self.remove_old(0);
        }
        Ok(was)
    }

    fn save_pins(&self, pinned: BTreeSet<u64>) -> Result<(), FolderError> {
        let path = self.folder().pins_file();
        durable::write_atomically(&path, |file| {
            serde_json::to_writer(file, &File { pinned }).map_err(io::Error::from)
        })?;
        Ok(())
    }
}
