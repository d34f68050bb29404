//! Mapping a snapshot's file: the one place where bytes of a file become memory.
#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe by nature: others could change it behind the map"
)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::{Snapshot, SnapshotError};

/// A read-only map of a whole snapshot file.
#[derive(Debug)]
pub struct Map(Mmap);

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Snapshot<Map> {
    /// Maps and opens the snapshot at `path`.
    ///
    /// # Errors
    /// As [`Snapshot::open`], and where the file cannot be read.
    pub fn map(path: &Path) -> Result<Snapshot<Map>, SnapshotError> {
        let file = File::open(path)?;
        // SAFETY: a published snapshot never changes and is never truncated: writers write another file, sync it and
        // rename it into the folder, and only a generation that nobody maps is removed, which keeps its bytes until
        // the last map is gone. Whoever truncates the file by hand gets SIGBUS, as with every mapped file.
        let map = unsafe { Mmap::map(&file)? };
        Snapshot::open(Map(map))
    }

    /// Has the kernel read the file ahead, so that the first lookups do not wait for the disk.
    ///
    /// # Errors
    /// Where the kernel does not know the advice (before Linux 5.14); the pages are read on demand then.
    pub fn populate(&self) -> Result<(), SnapshotError> {
        Ok(self.data.0.advise(memmap2::Advice::PopulateRead)?)
    }
}
