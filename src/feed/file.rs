//! The file feed: changes, one a line, followed as the file grows.
//!
//! A file that was renamed away is read to its end before the one that took its name; a file that was cut, or written
//! anew under the same name, is a new life of the stream and is read from its start. The last bytes that were read are
//! kept and compared before more is read, so that a file that was rewritten longer than it was is noticed too.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// Bytes read at once, unless one line is longer.
const CHUNK: usize = 1 << 20;
/// The longest line.
const LONGEST_LINE: usize = 16 << 20;
/// Bytes ahead of the offset that are compared before more is read.
const TAIL: u64 = 64;

/// A whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in this life of the file, from 1.
    pub number: u64,
    /// Its bytes without the newline.
    pub bytes: Vec<u8>,
}

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// There is no file at the path.
    Missing,
    /// Nothing new.
    Idle,
    /// Something new; there may be more.
    Lines(Batch),
}

/// Lines of one life of the stream, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which life.
    pub incarnation: String,
    /// Whole lines.
    pub lines: Vec<Line>,
    /// Lines that were too long and were passed over.
    pub too_long: u64,
}

/// Where to go on in a file, as a snapshot keeps it: `offset,lines,hash of the bytes ahead of offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    offset: u64,
    lines: u64,
    tail: u64,
}

impl Token {
    fn parse(text: &str) -> Option<Token> {
        let mut parts = text.split(',');
        let token = Token {
            offset: parts.next()?.parse().ok()?,
            lines: parts.next()?.parse().ok()?,
            tail: u64::from_str_radix(parts.next()?, 16).ok()?,
        };
        parts.next().is_none().then_some(token)
    }
}

/// A file that is being followed.
#[derive(Debug)]
struct Open {
    file: File,
    identity: (u64, u64),
    incarnation: String,
    offset: u64,
    lines: u64,
    tail: u64,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
    /// The path led elsewhere when it was last looked at and this file had nothing more.
    replaced: bool,
}

/// Follows the file at a path. Never waits; whoever calls decides when to look again.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// Lives of the stream that are known, the newest last: incarnation and where to go on.
    known: Vec<(String, String)>,
}

impl Follower {
    /// Follows `path`. `known` are the lives of the stream that a snapshot remembers, the newest last: incarnation and
    /// token.
    pub fn new(path: &Path, known: Vec<(String, String)>) -> Follower {
        Follower {
            path: path.to_owned(),
            open: None,
            known,
        }
    }

    /// Where to go on after a restart, once everything that was given out has been kept.
    pub fn token(&self) -> Option<String> {
        self.open
            .as_ref()
            .map(|open| format!("{},{},{:016x}", open.offset, open.lines, open.tail))
    }

    /// Looks at the file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn look(&mut self) -> Result<Look, Error> {
        let Some(mut open) = self
            .open
            .take()
            .map_or_else(|| self.begin(), |open| Ok(Some(open)))?
        else {
            return Ok(Look::Missing);
        };
        if open.was_rewritten()? {
            open = open.next_life();
        }
        let (lines, too_long) = open.read(false)?;
        if !lines.is_empty() || too_long > 0 {
            open.replaced = false;
            let batch = Batch {
                incarnation: open.incarnation.clone(),
                lines,
                too_long,
            };
            self.open = Some(open);
            return Ok(Look::Lines(batch));
        }
        let replaced = match std::fs::metadata(&self.path) {
            Ok(metadata) => identity(&metadata) != open.identity,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.open = Some(open);
                return Ok(Look::Missing);
            }
            Err(error) => return Err(error),
        };
        if replaced && open.replaced {
            // Nothing came during a whole look since the path led elsewhere: its writer has moved on too.
            let (lines, too_long) = open.read(true)?;
            self.known.push((open.incarnation.clone(), open.token()));
            let batch = Batch {
                incarnation: open.incarnation,
                lines,
                too_long,
            };
            return Ok(if batch.lines.is_empty() {
                Look::Idle
            } else {
                Look::Lines(batch)
            });
        }
        open.replaced = replaced;
        self.open = Some(open);
        Ok(Look::Idle)
    }

    fn begin(&self) -> Result<Option<Open>, Error> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "expected a file, found something else",
            ));
        }
        let identity = identity(&metadata);
        let name = format!("{}-{}", identity.0, identity.1);
        let fresh = Open {
            file,
            identity,
            incarnation: name.clone(),
            offset: 0,
            lines: 0,
            tail: xxh3_64(&[]),
            skipping: false,
            replaced: false,
        };
        let of_this_file = |known: &&(String, String)| known.0.split('#').next() == Some(&name);
        let Some((incarnation, token)) = self.known.iter().rev().find(of_this_file) else {
            return Ok(Some(fresh));
        };
        // An inode may come back as another file, so only the bytes themselves say that it is the one that was read.
        if let Some(Token { offset, lines, tail }) = Token::parse(token) {
            let open = Open {
                incarnation: incarnation.clone(),
                offset,
                lines,
                tail,
                ..fresh
            };
            if !open.was_rewritten()? {
                return Ok(Some(open));
            }
            return Ok(Some(open.next_life()));
        }
        Ok(Some(
            Open {
                incarnation: incarnation.clone(),
                ..fresh
            }
            .next_life(),
        ))
    }
}

impl Open {
    fn token(&self) -> String {
        format!("{},{},{:016x}", self.offset, self.lines, self.tail)
    }

    /// The same file from its start, under the next of the names `8-42`, `8-42#2`, `8-42#3` …
    fn next_life(self) -> Open {
        let (file, life) = self
            .incarnation
            .split_once('#')
            .unwrap_or((&self.incarnation, "1"));
        let incarnation = format!("{file}#{}", life.parse().unwrap_or(1_u64).saturating_add(1));
        Open {
            incarnation,
            offset: 0,
            lines: 0,
            tail: xxh3_64(&[]),
            skipping: false,
            ..self
        }
    }

    /// Whether the bytes ahead of the offset are no longer those that were read.
    fn was_rewritten(&self) -> Result<bool, Error> {
        if self.file.metadata()?.len() < self.offset {
            return Ok(true);
        }
        Ok(self.tail_at(self.offset)? != self.tail)
    }

    fn tail_at(&self, offset: u64) -> Result<u64, Error> {
        let len = offset.min(TAIL);
        let mut tail = vec![0; usize::try_from(len).unwrap_or(0)];
        self.file.read_exact_at(&mut tail, offset - len)?;
        Ok(xxh3_64(&tail))
    }

    /// The whole lines from the offset on, up to a chunk of them; with `last`, what has no newline too.
    fn read(&mut self, last: bool) -> Result<(Vec<Line>, u64), Error> {
        let (mut lines, mut too_long) = (Vec::new(), 0);
        let mut buffer = vec![0; CHUNK];
        let mut filled = 0;
        loop {
            let read = self
                .file
                .read_at(&mut buffer[filled..], self.offset + filled as u64)?;
            filled += read;
            let whole = memchr::memrchr(b'\n', &buffer[..filled]).map(|newline| newline + 1);
            let end = if last && read == 0 {
                Some(filled).filter(|end| *end > 0)
            } else {
                whole
            };
            if let Some(end) = end {
                for line in buffer[..end].split_inclusive(|byte| *byte == b'\n') {
                    self.lines += 1;
                    if std::mem::take(&mut self.skipping) {
                        too_long += 1;
                        continue;
                    }
                    let bytes = line.strip_suffix(b"\n").unwrap_or(line);
                    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec();
                    lines.push(Line {
                        number: self.lines,
                        bytes,
                    });
                }
                self.advance(end)?;
                return Ok((lines, too_long));
            }
            if read == 0 {
                return Ok((lines, too_long));
            }
            if filled == buffer.len() {
                if buffer.len() >= LONGEST_LINE {
                    self.skipping = true;
                    self.advance(filled)?;
                    filled = 0;
                } else {
                    buffer.resize((buffer.len() * 4).min(LONGEST_LINE), 0);
                }
            }
        }
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Error> {
        self.offset += bytes as u64;
        self.tail = self.tail_at(self.offset)?;
        Ok(())
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests;
