//! An append-only log of opaque frames in segment files: what was appended is there after any crash.
//!
//! A frame is durable before [`Journal::append`] returns, so that a caller collects what may wait together into one frame.
//! Segments are called by a number of the caller's; each begins with a frame of state, so that those before it can be
//! [trimmed](Journal::trim) once nobody needs them.
//!
//! # Segment files
//!
//! Version 1 is stable: every later Ringside reads it. `FIRST.log`, FIRST in twenty digits. All numbers are little-endian. A segment is made under a staged name, made
//! durable, and renamed: under its own name it was whole with its first frame once.
//!
//! ```text
//!  0  8 bytes  "RINGSLOG"
//!  8  u32      version of the format: 1
//! 12  u32      0
//! 16  u64      first, as in the name
//! 24  u64      first of the segment before; 2^64 - 1 where there was none
//! 32  u64      bytes of the segment before, when it was ended; 0 where there was none
//! 40  u64      xxh3-64 of bytes 0..40
//! 48  frames, one right behind the other
//! ```
//!
//! What a segment says of the one before shows a segment that is missing between others, or shorter than it was.
//!
//! # Frames
//!
//! ```text
//!  0  4 bytes  f7 'R' 'F' fe
//!  4  u32      bytes of the body: at most 2^30
//!  8  u64      xxh3-64 of the segment's first (u64), the frame's offset in its file (u64), the length (u32), the body
//! 16  body
//! ```
//!
//! The checksum takes in the place, so that a frame that was left by something older, or moved, is none.
//!
//! # What opening finds
//!
//! A wrong frame at the end of the last segment, with no right frame behind it, is an append that a crash cut short: it is
//! cut off. Any other wrong byte is damage to what once was durable. Everything from there on, later segments too, is set
//! aside as `*.damaged` and never read again: what follows a hole cannot be applied.
//!
//! # What fails
//!
//! A failed write is undone, and may be tried again. After a failed fsync nobody knows what the disk holds, because the
//! kernel may have dropped the pages; the journal then takes nothing more.

mod frame;
mod recovery;
mod segment;

use std::fs::File;
use std::path::{Path, PathBuf};

pub use recovery::{Damaged, Recovered};
use segment::Segment;

use super::DurableError;
use super::names::{create_folder, remove_file, sync_folder};

/// The log of a folder. It has one writer: who opens it holds the folder's lock.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// In the order of `first`.
    segments: Vec<Segment>,
    /// The last segment; `None` where there is none.
    file: Option<File>,
    /// Why nothing more is taken.
    failed: Option<String>,
}

/// Why the journal does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing was changed, and the same may be tried again: a full disk, for example.
    #[error("{0}; the change log is as it was before, and the same may be tried again")]
    Undone(#[source] DurableError),
    /// An fsync failed, or what a failed write left could not be taken off.
    #[error(
        "the change log {} failed and takes nothing more: {cause}; look at the disk and the kernel's log, then restart",
        dir.display()
    )]
    Failed {
        /// The folder.
        dir: PathBuf,
        /// What failed at first.
        cause: String,
    },
    /// The folder cannot be read, or not be put in order.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// Another version wrote a segment.
    #[error(
        "{}: expected version 1 of the change log, found version {found}; use the Ringside that wrote it, or move the folder \
         away: feeds then go on from where the snapshot is", path.display()
    )]
    Version {
        /// The segment file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A frame is longer than 1 GiB.
    #[error("expected at most 1 GiB for one frame of the change log, found {0} bytes; write smaller batches")]
    TooLong(usize),
    /// Something was appended before the first segment was begun.
    #[error("the change log {} has no segment to append to; begin one", .0.display())]
    NoSegment(PathBuf),
    /// A segment is to be called by a number that is not greater than the last one's.
    #[error("expected a segment of the change log behind {last}, found {found}; begin it at the next number")]
    Order {
        /// What the last segment is called by.
        last: u64,
        /// What the new one was to be called by.
        found: u64,
    },
}

/// How a step of writing failed.
enum Failure {
    /// All is as it was.
    Undone(DurableError),
    /// Nobody knows how it is.
    Final(DurableError),
    /// It was not begun.
    Refused(JournalError),
}

impl Journal {
    /// Opens the journal of the folder `dir`, gives every frame to `visit` in order, with what its segment is called by,
    /// and then puts the folder in order: what a crash left is cut off, what is damaged is set aside. A missing or empty
    /// folder is an empty journal, and stays as it is until the first [`roll`](Journal::roll).
    ///
    /// Holds one frame in memory at a time. Call it only while holding the folder's lock.
    ///
    /// # Errors
    /// What `visit` returned, [`JournalError::Version`], or a failing read: nothing is then changed. Or the folder could
    /// not be put in order; opening it again goes on with that.
    pub fn open<E: From<JournalError>>(
        dir: &Path,
        visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(Journal, Recovered), E> {
        recovery::open(dir, visit)
    }

    /// Gives to `visit` every frame of the segments from the one on that holds `from`, which is the last one that is called
    /// by `from` or less; of all where there is none.
    ///
    /// # Errors
    /// What `visit` returned, or a failing read, or bytes that are no longer what was appended.
    pub fn read<E: From<JournalError>>(
        &self,
        from: u64,
        mut visit: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let behind = self.segments.partition_point(|segment| segment.first <= from);
        for segment in &self.segments[behind.saturating_sub(1)..] {
            recovery::read_again(&self.dir, *segment, &mut visit)?;
        }
        Ok(())
    }

    /// Appends `frame`, of 0 to 2^30 bytes, and makes it durable.
    ///
    /// # Errors
    /// [`JournalError::Undone`], where it is not in the log and may be tried again; [`JournalError::Failed`], where it
    /// may be in the log or not, and every later call fails too; [`JournalError::NoSegment`];
    /// [`JournalError::TooLong`].
    pub fn append(&mut self, frame: &[u8]) -> Result<(), JournalError> {
        self.check()?;
        let (Some(file), Some(last)) = (&self.file, self.segments.last_mut()) else {
            return Err(JournalError::NoSegment(self.dir.clone()));
        };
        let head = frame::head(last.first, last.bytes, frame).ok_or(JournalError::TooLong(frame.len()))?;
        match append(file, &last.path(&self.dir), last.bytes, &head, frame) {
            Ok(()) => {
                last.bytes += frame::HEAD + frame.len() as u64;
                Ok(())
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Begins a segment called by `first`, greater than every one before, whose first frame is `state`, of 0 to 2^30 bytes.
    /// Makes the folder where it is missing. All of it is durable when this returns.
    ///
    /// # Errors
    /// As [`append`](Journal::append), and [`JournalError::Order`]. Where it was undone, the segment before goes on.
    pub fn roll(&mut self, first: u64, state: &[u8]) -> Result<(), JournalError> {
        self.check()?;
        let before = self.segments.last().copied();
        if let Some(last) = before.map(|last| last.first).filter(|last| *last >= first) {
            return Err(JournalError::Order { last, found: first });
        }
        create_folder(&self.dir).map_err(JournalError::Undone)?;
        match segment::create(&self.dir, first, before, state) {
            Ok((segment, file)) => {
                self.segments.push(segment);
                self.file = Some(file);
                Ok(())
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Removes the segments before the one that holds `keep`, which is the last one that is called by `keep` or less.
    /// Gives the bytes that this freed.
    ///
    /// # Errors
    /// A file cannot be removed: those before it are gone, and the same may be tried again. Or [`JournalError::Failed`].
    pub fn trim(&mut self, keep: u64) -> Result<u64, JournalError> {
        self.check()?;
        let stay = self.segments.partition_point(|segment| segment.first <= keep);
        let mut freed = 0;
        for _ in 1..stay {
            let Some(oldest) = self.segments.first() else {
                break;
            };
            remove_file(&oldest.path(&self.dir)).map_err(JournalError::Undone)?;
            freed += oldest.bytes;
            self.segments.remove(0);
            // One after the other: a segment that is missing between others is a hole.
            sync_folder(&self.dir).map_err(|error| self.fail(Failure::Final(error)))?;
        }
        Ok(freed)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// What each segment is called by, and its bytes, in order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.segments.iter().map(|segment| (segment.first, segment.bytes))
    }

    /// Whether nothing more is taken until a restart.
    pub fn is_failed(&self) -> bool {
        self.failed.is_some()
    }

    fn check(&self) -> Result<(), JournalError> {
        match &self.failed {
            Some(cause) => Err(JournalError::Failed {
                dir: self.dir.clone(),
                cause: cause.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Remembers a failure that is final.
    fn fail(&mut self, failure: Failure) -> JournalError {
        match failure {
            Failure::Undone(error) => JournalError::Undone(error),
            Failure::Refused(error) => error,
            Failure::Final(error) => {
                let cause = error.to_string();
                self.failed = Some(cause.clone());
                let dir = self.dir.clone();
                JournalError::Failed { dir, cause }
            }
        }
    }
}

/// Writes one frame at `end` of `file` and makes it durable, or takes off again what was written of it.
fn append(file: &File, path: &Path, end: u64, head: &[u8; 16], body: &[u8]) -> Result<(), Failure> {
    match segment::write_frame(file, path, end, head, body) {
        Ok(()) => segment::sync(file, path).map_err(Failure::Final),
        Err(error) => match segment::cut(file, path, end) {
            Ok(()) => Err(Failure::Undone(DurableError::new("write", path, error))),
            Err(error) => Err(Failure::Final(error)),
        },
    }
}

#[cfg(test)]
mod tests;
