//! A journal: frames that are appended, made durable one by one, and read back after whatever has happened.
//!
//! ```text
//! segment, a file NNNNNNNNNNNNNNNNNNNN.log named after its first number:
//!    0  [u8; 8]  magic "RINGLOG0"
//!    8  u64      first
//!   16  u64      xxh3-64 of bytes 0–15
//!   24  frames, one behind the other:
//!        0  u32  magic 0x474e4952       4  u32  length of the body
//!        8  u64  xxh3-64 of first, place of the frame in the file, length and body
//!       16  …    body
//! ```
//!
//! Integers are little-endian. A frame's checksum counts its place in, so that bytes of another place never pass for it.
//!
//! What a crash leaves at the end of the last segment is cut off: nobody was told that it was durable. A frame that is
//! wrong with a whole one behind it, or in another segment, is damage; it is told, and everything from there on is set
//! aside under another name, to be looked at. A failed fsync closes the journal for good: the kernel may have dropped
//! what it could not write, so that a second fsync would lie.

mod segment;

use std::fs;
use std::path::{Path, PathBuf};

use super::DurableError;
use super::fault::{self, Step};
use super::staged::sync_folder;
use segment::{Read, Segment};

/// The longest frame body, in bytes.
const MOST_FRAME: usize = 1 << 30;
const SUFFIX: &str = ".log";

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A step on the disk.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A failed fsync has closed it.
    #[error("{} is closed since a write could not be made durable; look at the disk, and start again", dir.display())]
    Closed {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// There is no segment to append to.
    #[error("{}: expected a segment to append to, found none", dir.display())]
    NoSegment {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// A frame is longer than a frame can be.
    #[error("expected a frame of at most {MOST_FRAME} bytes, found {0}")]
    TooLong(usize),
    /// A segment of another format.
    #[error("{}: expected a log segment as this version writes it, found another file; use the Ringside that wrote it, or move it away", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// Where a journal is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The segment's file, under the name that it has now.
    pub path: PathBuf,
    /// Bytes ahead of the damage.
    pub offset: u64,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.path.display(), self.offset)
    }
}

/// What was found when a journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whole frames.
    pub frames: u64,
    /// Bytes that were cut off the end.
    pub torn_bytes: u64,
    /// Damage; what stood behind it was set aside.
    pub damaged: Option<Damaged>,
}

/// A journal in a folder that this process alone writes.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// The oldest first; frames are appended to the last.
    segments: Vec<Segment>,
    closed: bool,
}

impl Journal {
    /// Opens the journal in the folder `dir`, made where it is missing, and calls `visit` with every frame in order.
    ///
    /// # Errors
    /// The files cannot be read or put right, or `visit`'s.
    pub fn open<E: From<JournalError>>(
        dir: &Path,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(Journal, Recovered), E> {
        let mut recovered = Recovered::default();
        let mut firsts = prepare(dir)?;
        let mut segments: Vec<Segment> = Vec::new();
        let mut remaining = firsts.drain(..).peekable();
        while let Some(first) = remaining.next() {
            let path = path_of(dir, first);
            let is_last = remaining.peek().is_none();
            let mut error = None;
            let read = segment::read(&path, first, u64::MAX, &mut |frame| {
                recovered.frames += 1;
                match visit(frame) {
                    Ok(()) => true,
                    Err(stopped) => {
                        error = Some(stopped);
                        false
                    }
                }
            })
            .map_err(JournalError::from)?;
            if let Some(error) = error {
                return Err(error);
            }
            match read {
                Read::Whole { end } => segments.push(Segment {
                    first,
                    end,
                    file: None,
                }),
                // A crash while it was begun: nothing was ever appended to it.
                Read::NoHeader if is_last => {
                    recovered.torn_bytes += remove(&path)?;
                    // Were it to come back behind what is appended now, that would not be the end.
                    sync_folder(dir).map_err(JournalError::from)?;
                }
                Read::Torn { end, bytes } if is_last => {
                    recovered.torn_bytes += bytes;
                    segment::cut(&path, end).map_err(JournalError::from)?;
                    segments.push(Segment {
                        first,
                        end,
                        file: None,
                    });
                }
                Read::Other => return Err(JournalError::Format { path }.into()),
                Read::NoHeader | Read::Torn { .. } | Read::Damaged { .. } => {
                    let offset = match read {
                        Read::Torn { end, .. } | Read::Damaged { end } => end,
                        _ => 0,
                    };
                    let path = set_aside(dir, first, offset, remaining.by_ref())?;
                    recovered.damaged = Some(Damaged { path, offset });
                    if offset > 0 {
                        segments.push(Segment {
                            first,
                            end: offset,
                            file: None,
                        });
                    }
                    break;
                }
            }
        }
        let journal = Journal {
            dir: dir.to_owned(),
            segments,
            closed: false,
        };
        Ok((journal, recovered))
    }

    /// Calls `visit` with every frame from the segment on that holds the number `from`.
    ///
    /// # Errors
    /// The files cannot be read or are damaged, or `visit`'s.
    pub fn read<E: From<JournalError>>(
        &self,
        from: u64,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for segment in &self.segments[self.holding(from)..] {
            let path = path_of(&self.dir, segment.first);
            let mut error = None;
            // Behind the end may stand a frame that could not be made durable.
            let read = segment::read(
                &path,
                segment.first,
                segment.end,
                &mut |frame| match visit(frame) {
                    Ok(()) => true,
                    Err(stopped) => {
                        error = Some(stopped);
                        false
                    }
                },
            )
            .map_err(JournalError::from)?;
            if let Some(error) = error {
                return Err(error);
            }
            if read != (Read::Whole { end: segment.end }) {
                return Err(JournalError::Format { path }.into());
            }
        }
        Ok(())
    }

    /// Appends `frame` and makes it durable. A write that fails is undone and may be tried again.
    ///
    /// # Errors
    /// The disk is full or fails; after a failed fsync [`Journal::is_failed`].
    pub fn append(&mut self, frame: &[u8]) -> Result<(), JournalError> {
        self.is_open()?;
        if frame.len() > MOST_FRAME {
            return Err(JournalError::TooLong(frame.len()));
        }
        let Some(last) = self.segments.last_mut() else {
            return Err(JournalError::NoSegment {
                dir: self.dir.clone(),
            });
        };
        let path = path_of(&self.dir, last.first);
        match last.append(&path, frame) {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.closed |= failure.is_final;
                Err(failure.error.into())
            }
        }
    }

    /// Begins a segment called by `first`, which is greater than every one before, with `frame`; durable on return. Where
    /// the last segment has that name nothing is done.
    ///
    /// # Errors
    /// The disk is full or fails. The segment is then not begun, and may be tried again.
    pub fn roll(&mut self, first: u64, frame: &[u8]) -> Result<(), JournalError> {
        self.is_open()?;
        if self.segments.last().is_some_and(|last| last.first >= first) {
            return Ok(());
        }
        let segment = segment::create(&path_of(&self.dir, first), first, frame)?;
        self.segments.push(segment);
        Ok(())
    }

    /// Removes the segments ahead of the one that holds the number `keep`. Returns how many bytes that freed.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn trim(&mut self, keep: u64) -> Result<u64, JournalError> {
        let mut freed = 0;
        for _ in 0..self.holding(keep) {
            freed += remove(&path_of(&self.dir, self.segments[0].first))?;
            self.segments.remove(0);
        }
        if freed > 0 {
            sync_folder(&self.dir)?;
        }
        Ok(freed)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    /// The first number of the oldest segment; `None` where there is none.
    pub fn first(&self) -> Option<u64> {
        self.segments.first().map(|segment| segment.first)
    }

    /// Whether a failed fsync has closed it.
    pub fn is_failed(&self) -> bool {
        self.closed
    }

    /// Index of the segment that holds the number `number`; the first where all are behind it.
    fn holding(&self, number: u64) -> usize {
        let behind = self.segments.partition_point(|segment| segment.first <= number);
        behind.saturating_sub(1)
    }

    fn is_open(&self) -> Result<(), JournalError> {
        if self.closed {
            return Err(JournalError::Closed {
                dir: self.dir.clone(),
            });
        }
        Ok(())
    }
}

/// Makes the folder where it is missing; the first numbers of its segments, in order.
fn prepare(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = |step, error| DurableError::new(step, dir, error);
    fs::create_dir_all(dir).map_err(|error| failed("create", error))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failed("read", error))? {
        let name = entry.map_err(|error| failed("read", error))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        firsts.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Keeps the segment `first` and those `behind` it under names that are not read again, and of the first the `whole`
/// bytes ahead of the damage where they are. Where the damaged file is now.
fn set_aside(
    dir: &Path,
    first: u64,
    whole: u64,
    behind: impl Iterator<Item = u64>,
) -> Result<PathBuf, JournalError> {
    let aside = |number: u64| path_of(dir, number).with_extension("damaged");
    // From the end, so that a crash leaves damage with something behind it, which is damage again.
    let mut behind: Vec<u64> = behind.collect();
    behind.reverse();
    for number in behind {
        super::move_file(&path_of(dir, number), &aside(number))?;
    }
    let path = path_of(dir, first);
    if whole == 0 {
        super::move_file(&path, &aside(first))?;
    } else {
        segment::copy(&path, &aside(first))?;
        segment::cut(&path, whole)?;
    }
    Ok(aside(first))
}

/// Removes `path`; how many bytes it had.
fn remove(path: &Path) -> Result<u64, JournalError> {
    let failed = |error| DurableError::new("remove", path, error);
    let bytes = fs::metadata(path).map_err(failed)?.len();
    fault::step(Step::Remove, path)
        .and_then(|()| fs::remove_file(path))
        .map_err(failed)?;
    Ok(bytes)
}

fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SUFFIX}"))
}

#[cfg(test)]
mod tests;
