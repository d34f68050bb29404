//! A file that is open for following: reading whole lines from where it stands.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::life::{Life, Place};
use super::{CHUNK, LONGEST_LINE, Line};

/// Bytes ahead of the offset that are compared when more is read.
const TAIL: usize = 64;

/// A file that is being followed.
#[derive(Debug)]
pub(super) struct Open {
    file: File,
    pub(super) identity: String,
    pub(super) incarnation: String,
    offset: u64,
    lines: u64,
    /// The last bytes ahead of the offset.
    tail: Vec<u8>,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
    /// The path led elsewhere when it was last looked at and this file had nothing more.
    pub(super) replaced: bool,
}

/// What one read gave.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) lines: Vec<Line>,
    pub(super) too_long: u64,
    /// Bytes that were taken, if only passed over.
    pub(super) bytes: usize,
}

impl Open {
    /// The file at `path`, from its start; `None` where there is none.
    pub(super) fn at(path: &Path) -> Result<Option<Open>, Error> {
        // Looked at before it is opened: opening a pipe waits for whoever writes to it.
        let file = match std::fs::metadata(path)
            .and_then(|metadata| regular(&metadata))
            .and_then(|()| File::open(path))
        {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let identity = identity(&metadata);
        Ok(Some(Open {
            file,
            incarnation: identity.clone(),
            identity,
            offset: 0,
            lines: 0,
            tail: Vec::new(),
            skipping: false,
            replaced: false,
        }))
    }

    /// Goes on in `life`; in the life after it, from the start, where the bytes ahead of its place are not those that
    /// were read. An inode may come back as another file, so that only the bytes say that it is the same. Whether it
    /// went on.
    pub(super) fn resume(&mut self, life: &Life) -> Result<bool, Error> {
        self.incarnation.clone_from(&life.incarnation);
        if let Some(place) = life.place
            && let Some(tail) = self.bytes_before(place.offset)?
            && xxh3_64(&tail) == place.tail
        {
            (self.offset, self.lines, self.tail) = (place.offset, place.lines, tail);
            return Ok(true);
        }
        self.begin_next_life();
        Ok(false)
    }

    /// The life that is read, and where.
    pub(super) fn life(&self, ended: bool) -> Life {
        Life {
            incarnation: self.incarnation.clone(),
            place: Some(Place {
                offset: self.offset,
                lines: self.lines,
                tail: xxh3_64(&self.tail),
                ended,
            }),
        }
    }

    /// The whole lines from the offset on, up to a chunk of them; with `last`, what has no newline too.
    pub(super) fn read(&mut self, last: bool) -> Result<Read, Error> {
        let mut buffer = vec![0; CHUNK];
        let mut filled = 0;
        let (end, too_long) = loop {
            let read = self
                .file
                .read_at(&mut buffer[filled..], self.offset + filled as u64)?;
            let newline = memchr::memrchr(b'\n', &buffer[filled..filled + read]);
            let before = filled;
            filled += read;
            if let Some(newline) = newline {
                break (before + newline + 1, false);
            }
            if read == 0 {
                break (if last { filled } else { 0 }, false);
            }
            if filled >= LONGEST_LINE {
                break (filled, true);
            }
            if filled == buffer.len() {
                buffer.resize((buffer.len() * 4).min(LONGEST_LINE), 0);
            }
        };
        // Compared after reading: had the file been rewritten before, these would be bytes from its middle.
        if self
            .bytes_before(self.offset)?
            .is_none_or(|tail| tail != self.tail)
        {
            self.begin_next_life();
            return self.read(last);
        }
        Ok(self.take(&buffer[..end], too_long))
    }

    fn take(&mut self, bytes: &[u8], too_long: bool) -> Read {
        let mut read = Read {
            bytes: bytes.len(),
            ..Read::default()
        };
        self.offset += bytes.len() as u64;
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if too_long {
            self.skipping = true;
            return read;
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            if std::mem::take(&mut self.skipping) {
                read.too_long += 1;
                continue;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            read.lines.push(Line {
                number: self.lines,
                bytes: line.strip_suffix(b"\r").unwrap_or(line).to_vec(),
            });
        }
        read
    }

    fn begin_next_life(&mut self) {
        self.incarnation = self.life(false).next();
        (self.offset, self.lines) = (0, 0);
        self.tail.clear();
        self.skipping = false;
    }

    /// The bytes ahead of `offset` that are compared; `None` where the file is shorter.
    fn bytes_before(&self, offset: u64) -> Result<Option<Vec<u8>>, Error> {
        if self.file.metadata()?.len() < offset {
            return Ok(None);
        }
        let len = usize::try_from(offset).unwrap_or(TAIL).min(TAIL);
        let mut bytes = vec![0; len];
        match self.file.read_exact_at(&mut bytes, offset - len as u64) {
            Ok(()) => Ok(Some(bytes)),
            // Cut since its length was asked.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn regular(metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "expected a file, found a folder, a pipe or a device",
    ))
}

/// The name of the file itself, whatever its path.
pub(super) fn identity(metadata: &Metadata) -> String {
    format!("{}-{}", metadata.dev(), metadata.ino())
}
