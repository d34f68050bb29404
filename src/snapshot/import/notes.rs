//! Rejects as they come, one a line behind its row: which of them stay is known once every row is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use super::ImportError;
use super::manifest::{Counts, Mark};
use super::rejects::Reject;
use super::repeats::{Passing, Repeat};
use crate::durable::{self, Staged};
use crate::snapshot::sort::Sorter;

pub(super) const NAME: &str = "notes";

/// What a note speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum About {
    /// A row that is refused.
    Refused = b'r',
    /// A phone that is kept and claims nothing.
    Phone = b'p',
    /// Something else that was left out of a customer.
    LeftOut = b'o',
}

/// The file of notes of a build folder: lines of a row, a letter for what it is about, and the reject.
pub(super) struct Notes {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
    hash: Xxh3Default,
}

impl Notes {
    /// Starts without any.
    pub(super) fn start(dir: &Path) -> io::Result<Notes> {
        Notes::open(dir, 0)
    }

    /// Goes on behind `mark`; `None` where what is ahead of it is not what it was.
    pub(super) fn resume(dir: &Path, mark: Mark) -> io::Result<Option<Notes>> {
        let mut notes = Notes::open(dir, mark.bytes)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match notes.file.get_mut().read(&mut buffer)? {
                0 => break,
                read => {
                    notes.hash.update(&buffer[..read]);
                    notes.bytes += read as u64;
                }
            }
        }
        let found = Mark {
            bytes: notes.bytes,
            xxh3: notes.hash.digest(),
        };
        Ok((found == mark).then_some(notes))
    }

    fn open(dir: &Path, keep: u64) -> io::Result<Notes> {
        let path = dir.join(NAME);
        Ok(Notes {
            file: BufWriter::new(durable::working(&path, keep)?),
            path,
            bytes: 0,
            hash: Xxh3Default::new(),
        })
    }

    /// The file, to sync it.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.get_ref().try_clone()
    }

    /// Adds a line; rows ascend.
    pub(super) fn add(&mut self, reject: &Reject, about: About) -> Result<(), ImportError> {
        let mut line = format!("{} {} ", reject.row, char::from(about as u8)).into_bytes();
        serde_json::to_writer(&mut line, reject).map_err(io::Error::from)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.hash.update(&line);
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// How much there is; the file has it all.
    pub(super) fn written(&mut self) -> io::Result<Mark> {
        self.file.flush()?;
        Ok(Mark {
            bytes: self.bytes,
            xxh3: self.hash.digest(),
        })
    }

    /// The first row that was refused, as a person reads it.
    pub(super) fn first_refused(&mut self) -> io::Result<Option<String>> {
        let mut lines = self.lines()?;
        while let Some(line) = lines.next()? {
            if line.about == About::Refused as u8 {
                let json: serde_json::Value = serde_json::from_slice(line.json)?;
                let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
                let reject = Reject {
                    field: text("field"),
                    column: json["column"].as_str().map(str::to_owned),
                    ..Reject::row(line.row, text("reason"))
                };
                return Ok(Some(reject.to_string()));
            }
        }
        Ok(None)
    }

    /// Writes the rejects file at `path` where there are any: the notes, but for those of rows that are `repeats`,
    /// and the repeats. Counts what these change.
    pub(super) fn publish(
        mut self,
        path: &Path,
        repeats: &mut Sorter<Repeat>,
        counts: &mut Counts,
    ) -> Result<Option<PathBuf>, ImportError> {
        if self.bytes == 0 && repeats.len() == 0 {
            return Ok(None);
        }
        let mut staged = Staged::create(path)?;
        let out = staged.writer()?;
        counts.refused += repeats.len();
        let mut passing = Passing::along(repeats)?;
        let mut lines = self.lines()?;
        loop {
            let line = lines.next()?;
            let row = line.as_ref().map_or(u64::MAX, |line| line.row);
            while let Some(repeat) = passing.before(row)? {
                let reject = Reject::repeated(repeat.row, repeat.first);
                serde_json::to_writer(&mut *out, &reject).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            match line {
                None => break,
                Some(line) if passing.is_at(row) => {
                    counts.kept_phones -= u64::from(line.about == About::Phone as u8);
                }
                Some(line) => out.write_all(line.json)?,
            }
        }
        staged.publish()?;
        Ok(Some(path.to_owned()))
    }

    fn lines(&mut self) -> io::Result<Lines> {
        self.file.flush()?;
        Ok(Lines {
            file: BufReader::new(File::open(&self.path)?),
            line: Vec::new(),
        })
    }
}

struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
}

struct Line<'a> {
    row: u64,
    about: u8,
    /// With its line feed.
    json: &'a [u8],
}

impl Lines {
    fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        if self.file.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file of notes is damaged");
        let mut parts = self.line.splitn(3, |byte| *byte == b' ');
        let (Some(row), Some(&[about]), Some(json)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged());
        };
        let row = std::str::from_utf8(row).ok().and_then(|row| row.parse().ok());
        Ok(Some(Line {
            row: row.ok_or_else(damaged)?,
            about,
            json,
        }))
    }
}
