//! Mapping a snapshot's file: the one place where bytes of a file become memory.
#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe by nature: others could change it behind the map"
)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::{Snapshot, SnapshotError};

/// A snapshot's bytes: a read-only map of a whole file, or memory.
#[derive(Debug)]
pub struct Map(Bytes);

#[derive(Debug)]
enum Bytes {
    File(Mmap),
    Memory(Vec<u8>),
}

impl AsRef<[u8]> for Map {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Bytes::File(map) => map,
            Bytes::Memory(bytes) => bytes,
        }
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
        Snapshot::open(Map(Bytes::File(map)))
    }

    /// Opens a snapshot that is in memory, where there is no folder to keep a file in.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn in_memory(bytes: Vec<u8>) -> Result<Snapshot<Map>, SnapshotError> {
        Snapshot::open(Map(Bytes::Memory(bytes)))
    }

    /// Has the kernel read the file ahead, so that the first lookups do not wait for the disk.
    ///
    /// # Errors
    /// Where the kernel does not know the advice (before Linux 5.14); the pages are read on demand then.
    pub fn populate(&self) -> Result<(), SnapshotError> {
        match &self.data.0 {
            Bytes::File(map) => Ok(map.advise(memmap2::Advice::PopulateRead)?),
            Bytes::Memory(_) => Ok(()),
        }
    }
}
