//! One segment's file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::MOST_FRAME;
use crate::durable::DurableError;
use crate::durable::fault::{self, Step};
use crate::durable::staged::{MODE, folder_of, sync_folder};

const MAGIC: [u8; 8] = *b"RINGLOG0";
const HEADER_LEN: usize = 24;
const HEADER: u64 = HEADER_LEN as u64;
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"RING");
const FRAME_HEAD: usize = 16;
/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// A segment, and where its whole frames end.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) end: u64,
    pub(super) file: Option<File>,
}

/// Why a frame was not appended.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: DurableError,
    /// Nothing must be appended any more.
    pub(super) is_final: bool,
}

/// What reading a segment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Whole frames up to its end.
    Whole { end: u64 },
    /// Whole frames up to `end`, and then `bytes` that are no whole frame and have none behind them.
    Torn { end: u64, bytes: u64 },
    /// Whole frames up to `end`, and then bytes that are no frame, with a whole one behind them.
    Damaged { end: u64 },
    /// Not even its header and first frame: it was being begun.
    NoHeader,
    /// Another kind of file.
    Other,
}

impl Segment {
    /// Appends `frame` and makes it durable.
    pub(super) fn append(&mut self, path: &Path, frame: &[u8]) -> Result<(), Failure> {
        let failure = |is_final| {
            move |error| Failure {
                error: DurableError::new("append to", path, error),
                is_final,
            }
        };
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let opened = OpenOptions::new().read(true).write(true).open(path);
                none.insert(opened.map_err(failure(false))?)
            }
        };
        let head = head(self.first, self.end, frame);
        let written = fault::step(Step::Write, path)
            .and_then(|()| file.write_all_at(&head, self.end))
            .and_then(|()| file.write_all_at(frame, self.end + FRAME_HEAD as u64));
        if let Err(error) = written {
            // What was written of it must not stand behind the end when something shorter is written there.
            let undone = fault::step(Step::Truncate, path).and_then(|()| file.set_len(self.end));
            return Err(failure(undone.is_err())(error));
        }
        fault::step(Step::Sync, path)
            .and_then(|()| file.sync_data())
            .map_err(failure(true))?;
        self.end += (FRAME_HEAD + frame.len()) as u64;
        Ok(())
    }
}

/// Begins the segment `first` at `path` with `frame`.
pub(super) fn create(path: &Path, first: u64, frame: &[u8]) -> Result<Segment, DurableError> {
    let failed = |error| DurableError::new("begin", path, error);
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&first.to_le_bytes());
    header.extend_from_slice(&xxh3_64(&header).to_le_bytes());
    header.extend_from_slice(&head(first, HEADER, frame));
    header.extend_from_slice(frame);
    let write = || {
        fault::step(Step::Create, path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            // One whose beginning failed may be there.
            .truncate(true)
            .mode(MODE)
            .open(path)?;
        fault::step(Step::Write, path)?;
        file.write_all_at(&header, 0)?;
        fault::step(Step::Sync, path)?;
        file.sync_all()?;
        Ok(file)
    };
    let file: File = write().map_err(failed)?;
    sync_folder(folder_of(path))?;
    Ok(Segment {
        first,
        end: header.len() as u64,
        file: Some(file),
    })
}

/// Cuts the file at `path` down to `end` bytes, durably.
pub(super) fn cut(path: &Path, end: u64) -> Result<(), DurableError> {
    fault::step(Step::Truncate, path)
        .and_then(|()| OpenOptions::new().write(true).open(path))
        .and_then(|file| {
            file.set_len(end)?;
            fault::step(Step::Sync, path)?;
            file.sync_all()
        })
        .map_err(|error| DurableError::new("cut", path, error))
}

/// Reads the segment `first` at `path`, of longer files the first `most` bytes, and calls `visit` with each frame while it
/// says so.
pub(super) fn read(
    path: &Path,
    first: u64,
    most: u64,
    visit: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<Read, DurableError> {
    read_file(path, first, most, visit).map_err(|error| DurableError::new("read", path, error))
}

fn read_file(path: &Path, first: u64, most: u64, visit: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<Read> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(most);
    let mut input = BufReader::with_capacity(BUFFER, file);
    let mut header = [0; HEADER_LEN];
    if length < HEADER {
        return Ok(Read::NoHeader);
    }
    input.read_exact(&mut header)?;
    let is_ours = header[..8] == MAGIC
        && header[8..16] == first.to_le_bytes()
        && header[16..] == xxh3_64(&header[..16]).to_le_bytes();
    if !is_ours {
        // A file that was being begun may have its length and not its bytes.
        return Ok(
            match (header[..8] == MAGIC, header.iter().all(|byte| *byte == 0)) {
                (true, _) => Read::Damaged { end: 0 },
                (false, true) => Read::NoHeader,
                (false, false) => Read::Other,
            },
        );
    }
    let mut at = HEADER;
    let mut body = Vec::new();
    while at < length {
        if !frame(&mut input, first, at, length, &mut body)? {
            if at == HEADER {
                return Ok(Read::NoHeader);
            }
            let behind = has_frame_behind(path, first, at + 1, length)?;
            return Ok(match behind {
                true => Read::Damaged { end: at },
                false => Read::Torn {
                    end: at,
                    bytes: length - at,
                },
            });
        }
        at += (FRAME_HEAD + body.len()) as u64;
        if !visit(&body) {
            break;
        }
    }
    Ok(if at == HEADER {
        Read::NoHeader
    } else {
        Read::Whole { end: at }
    })
}

/// Whether `input`, which is at `at` of the segment `first`, goes on with a whole frame; reads its body.
fn frame(
    input: &mut impl io::Read,
    first: u64,
    at: u64,
    length: u64,
    body: &mut Vec<u8>,
) -> io::Result<bool> {
    if length - at < FRAME_HEAD as u64 {
        return Ok(false);
    }
    let mut found = [0; FRAME_HEAD];
    input.read_exact(&mut found)?;
    let size = u64::from(u32_of(&found[4..8]));
    if u32_of(&found[..4]) != FRAME_MAGIC
        || size > MOST_FRAME as u64
        || size > length - at - FRAME_HEAD as u64
    {
        return Ok(false);
    }
    body.resize(usize::try_from(size).unwrap_or(MOST_FRAME), 0);
    input.read_exact(body)?;
    Ok(found == head(first, at, body))
}

/// Whether a whole frame begins anywhere from `from` on.
fn has_frame_behind(path: &Path, first: u64, from: u64, length: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let magic = memchr::memmem::Finder::new(&FRAME_MAGIC.to_le_bytes()).into_owned();
    let (mut buffer, mut body) = (vec![0; BUFFER], Vec::new());
    let mut at = from;
    while at + FRAME_HEAD as u64 <= length {
        let read = file.read_at(&mut buffer, at)?;
        let Some(found) = magic.find(&buffer[..read]) else {
            // The magic may stand across two reads.
            at += (read as u64).saturating_sub(3).max(1);
            continue;
        };
        at += found as u64;
        file.seek(SeekFrom::Start(at))?;
        if frame(&mut file, first, at, length, &mut body)? {
            return Ok(true);
        }
        at += 1;
    }
    Ok(false)
}

/// The head of a frame of `body` at `at` of the segment `first`.
fn head(first: u64, at: u64, body: &[u8]) -> [u8; FRAME_HEAD] {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut hash = Xxh3Default::new();
    hash.update(&first.to_le_bytes());
    hash.update(&at.to_le_bytes());
    hash.update(&length.to_le_bytes());
    hash.update(body);
    let mut head = [0; FRAME_HEAD];
    head[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&hash.digest().to_le_bytes());
    head
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

/// Copies the file at `path` to `aside`, durably.
pub(super) fn copy(path: &Path, aside: &Path) -> Result<(), DurableError> {
    fault::step(Step::Create, aside)
        .and_then(|()| fs::copy(path, aside))
        .and_then(|_| File::open(aside)?.sync_all())
        .map_err(|error| DurableError::new("copy to", aside, error))?;
    sync_folder(folder_of(aside))
}
