//! What is imported: bytes, and where they are a file's, which file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ImportError;

/// The format of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a line of headers (RFC 4180).
    Csv,
    /// One customer document a line.
    Ndjson,
}

/// What to import.
#[derive(Debug)]
pub struct Input<R> {
    /// The bytes.
    pub reader: R,
    /// How many there will be, where known.
    pub bytes: Option<u64>,
    /// Their format.
    pub format: Format,
    /// The file that they come from, which a build that was ended can go on reading; `None` for pipes and the like.
    pub file: Option<Regular>,
}

/// A regular file, as it was when it was opened.
#[derive(Debug)]
pub struct Regular {
    file: File,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
}

impl Regular {
    /// Reads from `offset` on; shares its place with the input's reader, which is of no more use.
    pub(super) fn from(&self, offset: u64) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }
}

impl Input<File> {
    /// The file at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, format: Format) -> Result<Input<File>, ImportError> {
        let failed = |source| ImportError::Open {
            path: path.to_owned(),
            source,
        };
        let reader = File::open(path).map_err(failed)?;
        let facts = reader.metadata().map_err(failed)?;
        let file = if facts.is_file() {
            Some(Regular {
                file: reader.try_clone().map_err(failed)?,
                path: path.canonicalize().map_err(failed)?,
                bytes: facts.len(),
                modified: (facts.mtime(), facts.mtime_nsec()),
            })
        } else {
            None
        };
        Ok(Input {
            reader,
            bytes: file.as_ref().map(|file| file.bytes),
            format,
            file,
        })
    }
}

impl<R: Read + Send> Input<R> {
    /// What `reader` gives, which cannot be read twice.
    pub fn stream(reader: R, format: Format) -> Input<R> {
        Input {
            reader,
            bytes: None,
            format,
            file: None,
        }
    }
}
