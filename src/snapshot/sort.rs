//! Sorting more than memory holds: runs sorted beside the caller, written to a file without a name, merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::durable;

/// Parts of [`Room`]: a snapshot's writer sorts by id and by number, gathers at the end what is left of the numbers,
/// and of each a buffer may be filled while another is sorted; one more is for the claimants of a number. The other half
/// is for whoever calls it.
const PARTS: u64 = 10;
/// Bytes that are read of a run at a time, and that runs are written in.
const MOST_READ: u64 = 1 << 18;
/// Less than a page costs more calls than it saves memory.
const LEAST_READ: u64 = 1 << 12;

/// How much memory the sorting of one snapshot may take, and where what is more waits meanwhile.
#[derive(Debug, Clone)]
pub struct Room {
    dir: PathBuf,
    buffer: u64,
}

impl Room {
    /// At most half of `memory` bytes, and files in the folder `dir` that are gone however the process ends.
    pub fn new(dir: impl Into<PathBuf>, memory: u64) -> Room {
        Room {
            dir: dir.into(),
            buffer: memory / PARTS,
        }
    }

    /// Bytes that one buffer may take.
    pub(crate) fn buffer(&self) -> u64 {
        self.buffer
    }

    /// Where what is more than that waits.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of `parts` equal parts of it.
    pub(crate) fn part(&self, parts: u64) -> Room {
        Room {
            dir: self.dir.clone(),
            buffer: self.buffer / parts,
        }
    }
}

/// What can be sorted.
pub(crate) trait Item: Ord + Clone + Send + 'static {
    /// Bytes that it takes in memory.
    fn size(&self) -> u64;

    /// Appends its bytes to `run`.
    fn write(&self, run: &mut Vec<u8>);

    /// Reads what [`Item::write`] wrote.
    fn read(run: &mut impl Read) -> io::Result<Self>;
}

/// Takes items in any order and gives them in theirs.
#[derive(Debug)]
pub(crate) struct Sorter<T> {
    /// Without room everything stays in memory.
    room: Option<Room>,
    items: Vec<T>,
    size: u64,
    len: u64,
    file: Option<Arc<File>>,
    runs: Vec<Run>,
    /// A full buffer on its way to the file, and empty back.
    writing: Option<Writing<T>>,
    /// What was in memory, while it is sorted ahead of being asked for.
    sorting: Option<JoinHandle<Vec<T>>>,
}

type Writing<T> = JoinHandle<io::Result<(Vec<T>, Run)>>;

/// Where sorted items lie in the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    at: u64,
    end: u64,
    items: u64,
}

impl<T: Item> Sorter<T> {
    pub(crate) fn new(room: Option<&Room>) -> Sorter<T> {
        Sorter {
            room: room.cloned(),
            items: Vec::new(),
            size: 0,
            len: 0,
            file: None,
            runs: Vec::new(),
            writing: None,
            sorting: None,
        }
    }

    /// Items that were pushed.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds an item.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn push(&mut self, item: T) -> io::Result<()> {
        self.len += 1;
        self.size += item.size();
        self.items.push(item);
        if self.room.as_ref().is_some_and(|room| self.size >= room.buffer) {
            self.spill()?;
        }
        Ok(())
    }

    /// Sorts what is in memory on a thread of its own, so that [`Sorter::merge`] finds it done.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.sorted();
        let mut items = std::mem::take(&mut self.items);
        let sort = move || {
            items.sort_unstable();
            items
        };
        self.sorting = Some(std::thread::Builder::new().name("sort".into()).spawn(sort)?);
        Ok(())
    }

    /// Waits for what is sorted beside the caller.
    fn sorted(&mut self) {
        match self.sorting.take().map(JoinHandle::join) {
            Some(Ok(sorted)) => {
                let later = std::mem::replace(&mut self.items, sorted);
                self.items.extend(later);
            }
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {}
        }
    }

    /// Every item in order; as often as wanted.
    ///
    /// # Errors
    /// The folder cannot be written, or what is in it not be read.
    pub(crate) fn merge(&mut self) -> io::Result<Merge<'_, T>> {
        self.written()?;
        self.sorted();
        // One pass where they are in order already.
        self.items.sort_unstable();
        let mut merge = Merge {
            memory: self.items.iter(),
            runs: Vec::new(),
            next: BinaryHeap::new(),
        };
        if let (Some(file), Some(room)) = (&self.file, &self.room) {
            let share = room.buffer / self.runs.len().max(1) as u64;
            let buffer = usize::try_from(share.clamp(LEAST_READ, MOST_READ)).unwrap_or(0);
            for run in &self.runs {
                merge.runs.push(RunReader {
                    bytes: BufReader::with_capacity(
                        buffer,
                        Span {
                            file: Arc::clone(file),
                            at: run.at,
                            end: run.end,
                        },
                    ),
                    left: run.items,
                });
            }
            for run in 0..=merge.runs.len() {
                if let Some(item) = merge.next_of(run)? {
                    merge.next.push(Reverse((item, run)));
                }
            }
        }
        Ok(merge)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sorted();
        let empty = self.written()?;
        let Some(room) = &self.room else { return Ok(()) };
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(durable::scratch(&room.dir)?))),
        };
        let at = self.runs.last().map_or(0, |run| run.end);
        let full = std::mem::replace(&mut self.items, empty);
        self.size = 0;
        self.writing = Some(
            std::thread::Builder::new()
                .name("sort".into())
                .spawn(move || write_run(full, &file, at))?,
        );
        Ok(())
    }

    /// Waits for the run that is being written, and gives back its buffer.
    fn written(&mut self) -> io::Result<Vec<T>> {
        let Some(writing) = self.writing.take() else {
            return Ok(Vec::new());
        };
        match writing.join() {
            Ok(written) => {
                let (empty, run) = written?;
                self.runs.push(run);
                Ok(empty)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl<T> Drop for Sorter<T> {
    fn drop(&mut self) {
        if let Some(writing) = self.writing.take() {
            // Whoever drops an unfinished sort has an error of its own to tell.
            let _ = writing.join();
        }
        if let Some(sorting) = self.sorting.take() {
            let _ = sorting.join();
        }
    }
}

fn write_run<T: Item>(mut items: Vec<T>, file: &File, at: u64) -> io::Result<(Vec<T>, Run)> {
    items.sort_unstable();
    let mut end = at;
    let mut bytes = Vec::new();
    for item in &items {
        item.write(&mut bytes);
        if bytes.len() as u64 >= MOST_READ {
            file.write_all_at(&bytes, end)?;
            end += bytes.len() as u64;
            bytes.clear();
        }
    }
    file.write_all_at(&bytes, end)?;
    end += bytes.len() as u64;
    let run = Run {
        at,
        end,
        items: items.len() as u64,
    };
    items.clear();
    Ok((items, run))
}

/// A part of a file, read from its start.
pub(crate) struct Span {
    pub(crate) file: Arc<File>,
    /// Where what is read next begins.
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Read for Span {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

struct RunReader {
    bytes: BufReader<Span>,
    left: u64,
}

/// See [`Sorter::merge`].
pub(crate) struct Merge<'a, T> {
    memory: std::slice::Iter<'a, T>,
    runs: Vec<RunReader>,
    /// The next item of each run, and of memory as the run behind the last; empty where there are no runs.
    next: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Item> Merge<'_, T> {
    fn next_of(&mut self, run: usize) -> io::Result<Option<T>> {
        let Some(run) = self.runs.get_mut(run) else {
            return Ok(self.memory.next().cloned());
        };
        if run.left == 0 {
            return Ok(None);
        }
        run.left -= 1;
        T::read(&mut run.bytes).map(Some)
    }
}

impl<T: Item> Iterator for Merge<'_, T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        if self.runs.is_empty() {
            return self.memory.next().cloned().map(Ok);
        }
        let run = self.next.peek()?.0.1;
        let following = match self.next_of(run) {
            Ok(following) => following,
            Err(error) => return Some(Err(error)),
        };
        let mut first = self.next.peek_mut()?;
        let item = match following {
            // Replaced in place, the heap is put in order once instead of twice.
            Some(following) => std::mem::replace(&mut *first, Reverse((following, run))),
            None => PeekMut::pop(first),
        };
        Some(Ok(item.0.0))
    }
}

/// Reads a number as [`Item::write`] writes numbers: little-endian.
pub(crate) fn read_u64(run: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    run.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::table::Entry;

    fn entries(pairs: &[(u64, u64)]) -> Vec<Entry> {
        pairs
            .iter()
            .map(|&(hash, reference)| Entry { hash, reference })
            .collect()
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(dir.path().join("gone"), 8 * 16);
        let mut sorter = Sorter::new(Some(&room));
        let error = entries(&[(1, 1)])
            .into_iter()
            .try_for_each(|entry| sorter.push(entry));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    proptest! {
        #[test]
        fn runs_merge_to_what_memory_sorts(
            pairs in prop::collection::vec((0_u64..50, 0_u64..9), 0..300),
            most in 1_u64..40,
            begun_at in 0_usize..300,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let room = Room::new(dir.path(), PARTS * 16 * most);
            let mut sorter = Sorter::new(Some(&room));
            let mut expected = entries(&pairs);
            for (nth, entry) in expected.iter().enumerate() {
                if nth == begun_at {
                    sorter.begin().unwrap();
                }
                sorter.push(*entry).unwrap();
            }
            expected.sort_unstable();
            for _ in 0..2 {
                let merged: io::Result<Vec<Entry>> = sorter.merge().unwrap().collect();
                prop_assert_eq!(merged.unwrap(), expected.clone());
            }
            prop_assert_eq!(sorter.runs.len() as u64, pairs.len() as u64 / most);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "runs have no name");
        }
    }
}
