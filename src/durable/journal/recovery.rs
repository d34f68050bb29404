//! Opening: every whole frame is read first, and only then is anything on the disk changed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame::{Frames, HEAD};
use super::segment::{self, HEADER, Segment};
use super::{Journal, JournalError};
use crate::durable::names::{move_file, sync_folder};
use crate::durable::{DurableError, clean_stale, write_atomically};

/// Ends the names of what is set aside.
const DAMAGED: &str = "damaged";

/// What opening found and did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Frames that were read.
    pub frames: u64,
    /// Bytes of an append that a crash cut short, which were cut off.
    pub torn_bytes: u64,
    /// Where bytes were wrong that once were durable; what lay behind them was set aside.
    pub damaged: Option<Damaged>,
    /// Files `*.damaged` in the folder: those of this time and those of before that nobody took away.
    pub set_aside: u64,
}

/// Where the journal is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// What the segment is called by.
    pub segment: u64,
    /// Where in its file everything before is whole, in bytes.
    pub offset: u64,
}

/// What is wrong with a segment behind its last whole frame.
enum End {
    Whole,
    Torn,
    Damaged,
}

pub(super) fn open<E: From<JournalError>>(
    dir: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(Journal, Recovered), E> {
    let firsts = list(dir)
        .map_err(|error| DurableError::new("read", dir, error))
        .map_err(JournalError::from)?;
    let mut recovered = Recovered::default();
    let mut segments: Vec<Segment> = Vec::new();
    let mut aside = firsts.len();
    for (index, first) in firsts.iter().enumerate() {
        let is_last = index + 1 == firsts.len();
        let (segment, end) = read(dir, *first, segments.last().copied(), is_last, |body| {
            recovered.frames += 1;
            visit(*first, body)
        })?;
        if segment.bytes > 0 {
            segments.push(segment);
        }
        match end {
            End::Whole => {}
            End::Torn => {
                recovered.torn_bytes = length(&segment.path(dir)).map_err(JournalError::from)? - segment.bytes
            }
            End::Damaged => {
                recovered.damaged = Some(Damaged {
                    segment: segment.first,
                    offset: segment.bytes,
                });
                aside = index + usize::from(segment.bytes > 0);
                break;
            }
        }
    }
    let file = put_in_order(dir, &segments, &firsts[aside..], recovered.damaged.is_some())?;
    recovered.set_aside = count_aside(dir)
        .map_err(|error| DurableError::new("read", dir, error))
        .map_err(JournalError::from)?;
    let journal = Journal {
        dir: dir.to_owned(),
        segments,
        file,
        failed: None,
    };
    Ok((journal, recovered))
}

/// Gives the frames of the segment `first` to `visit`. The segment has no bytes where none of it can be kept.
fn read<E: From<JournalError>>(
    dir: &Path,
    first: u64,
    before: Option<Segment>,
    is_last: bool,
    mut visit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(Segment, End), E> {
    let mut segment = Segment { first, bytes: 0 };
    let path = segment.path(dir);
    let failed = |error| JournalError::from(DurableError::new("read", &path, error));
    let file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let follows = segment::read_header(&file, &path, first)?;
    let is_next =
        follows.is_some_and(|follows| before.is_none_or(|before| follows == (before.first, before.bytes)));
    if !is_next {
        return Ok((segment, End::Damaged));
    }
    let frames = Frames {
        file: &file,
        first,
        bytes,
    };
    let mut body = Vec::new();
    let mut offset = HEADER;
    while frames.read(offset, &mut body).map_err(failed)? {
        visit(&body)?;
        offset += HEAD + body.len() as u64;
        segment.bytes = offset;
    }
    let end = if segment.bytes == bytes {
        End::Whole
    } else if segment.bytes > 0 && is_last && !frames.any_behind(offset).map_err(failed)? {
        End::Torn
    } else {
        End::Damaged
    };
    Ok((segment, end))
}

/// Gives the frames of `segment`, which was opened or begun by this process, to `visit`: those that were appended whole.
pub(super) fn read_again<E: From<JournalError>>(
    dir: &Path,
    segment: Segment,
    visit: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let path = segment.path(dir);
    let failed = |error| JournalError::from(DurableError::new("read", &path, error));
    let file = File::open(&path).map_err(failed)?;
    // Behind its end may stand what could not be made durable.
    let frames = Frames {
        file: &file,
        first: segment.first,
        bytes: segment.bytes,
    };
    let (mut body, mut offset) = (Vec::new(), HEADER);
    while offset < segment.bytes {
        if !frames.read(offset, &mut body).map_err(failed)? {
            let damaged = io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected a frame at byte {offset} as it was appended, found other bytes"),
            );
            return Err(failed(damaged).into());
        }
        visit(&body)?;
        offset += HEAD + body.len() as u64;
    }
    Ok(())
}

/// Makes the disk what was read of it: the last of `segments` ends where its frames do, what is in `aside` is set aside.
/// Gives the last segment's file.
fn put_in_order(
    dir: &Path,
    segments: &[Segment],
    aside: &[u64],
    is_damaged: bool,
) -> Result<Option<File>, JournalError> {
    if !dir.is_dir() {
        return Ok(None);
    }
    clean_stale(dir)?;
    let mut last = None;
    if let Some(segment) = segments.last() {
        let path = segment.path(dir);
        let file = segment::open(&path)?;
        if length(&path)? > segment.bytes {
            if is_damaged {
                copy_aside(&file, &path, segment.bytes)?;
            }
            segment::cut(&file, &path, segment.bytes)?;
        } else {
            // What a process that was killed appended may be in the kernel's memory alone, and was given to `visit`.
            segment::sync(&file, &path)?;
        }
        last = Some(file);
    }
    // The newest first: until the last one is moved, the next opening finds the same hole.
    for first in aside.iter().rev() {
        let path = Segment {
            first: *first,
            bytes: 0,
        }
        .path(dir);
        move_file(&path, &free_name(&path, 0))?;
    }
    if last.is_some() {
        sync_folder(dir)?;
    }
    Ok(last)
}

/// Copies what is behind the first `offset` bytes of the segment at `path` to a file of its own.
fn copy_aside(mut file: &File, path: &Path, offset: u64) -> Result<(), DurableError> {
    write_atomically(&free_name(path, offset), |aside| {
        file.seek(SeekFrom::Start(offset))?;
        io::copy(&mut file.take(u64::MAX), aside)?;
        Ok(())
    })
}

/// A name that nothing has for what lay behind `offset` of the segment at `path`.
fn free_name(path: &Path, offset: u64) -> PathBuf {
    let mut name = path.with_extension(format!("log.{offset}.{DAMAGED}"));
    let mut count = 1_u64;
    while name.exists() {
        name = path.with_extension(format!("log.{offset}-{count}.{DAMAGED}"));
        count += 1;
    }
    name
}

/// What the segments of the folder are called by, in order; none where there is no folder.
fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut firsts: Vec<u64> = names(dir)?
        .iter()
        .filter_map(|name| segment::first_of(name))
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

fn count_aside(dir: &Path) -> io::Result<u64> {
    let is_aside = |name: &&String| name.ends_with(&format!(".{DAMAGED}"));
    Ok(names(dir)?.iter().filter(is_aside).count() as u64)
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn length(path: &Path) -> Result<u64, DurableError> {
    fs::metadata(path)
        .map(|metadata| metadata.len())
        .map_err(|error| DurableError::new("read", path, error))
}
