//! Mapping a snapshot's file: the one place where bytes of a file become memory, and are asked for ahead of their use.
#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe by nature: others could change it behind the map; so is an instruction that takes a pointer"
)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::{Snapshot, SnapshotError, as_index};

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

    /// Has the kernel read `length` bytes of the file from `offset` on, and map them, so that lookups there do not wait
    /// for the disk or for the page table. What lies outside of the file is nothing to do.
    ///
    /// # Errors
    /// Where the kernel does not know the advice (before Linux 5.14); the pages are read on demand then.
    pub fn populate(&self, offset: u64, length: u64) -> Result<(), SnapshotError> {
        let Bytes::File(map) = &self.data.0 else {
            return Ok(());
        };
        let start = as_index(offset).min(map.len());
        let length = as_index(length).min(map.len() - start);
        Ok(map.advise_range(memmap2::Advice::PopulateRead, start, length)?)
    }
}

/// Has the cache line that `bytes` begins in fetched, without waiting for it.
#[inline]
pub(super) fn fetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it reads nothing that a program could see, whatever the pointer is, and every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().cast()) };
    }
    // A read that nobody waits for does nearly the same.
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(bytes.first().copied());
}
