//! Generations that stay however many come after.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use super::{Folder, FolderError, Held};
use crate::durable;

const NAME: &str = "PINS";

impl Folder {
    /// Serial numbers of the pinned generations.
    ///
    /// # Errors
    /// The file that names them cannot be read.
    pub fn pins(&self) -> Result<BTreeSet<u64>, FolderError> {
        let path = self.dir.join(NAME);
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|source| FolderError::Json { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(self.failed("read the pins in", error)),
        }
    }
}

impl Held {
    /// Keeps `generation` however many come after.
    ///
    /// # Errors
    /// There is no such generation, or the folder cannot be written.
    pub fn pin(&self, generation: u64) -> Result<(), FolderError> {
        self.folder.expect(generation)?;
        let mut pins = self.folder.pins()?;
        pins.insert(generation);
        self.write_pins(pins)
    }

    /// Lets `generation` go when its time comes. Whether it was pinned.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn unpin(&self, generation: u64) -> Result<bool, FolderError> {
        let mut pins = self.folder.pins()?;
        let was = pins.remove(&generation);
        self.write_pins(pins)?;
        Ok(was)
    }

    fn write_pins(&self, mut pins: BTreeSet<u64>) -> Result<(), FolderError> {
        let there = self.folder.generations()?;
        pins.retain(|pin| there.contains(pin));
        let path = self.folder.dir.join(NAME);
        Ok(durable::write_atomically(&path, |file| {
            serde_json::to_writer(file, &pins).map_err(io::Error::from)
        })?)
    }
}
