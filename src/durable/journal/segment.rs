//! One segment file: its name, its head, its making and its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::frame::{self, HEAD, le_u32, le_u64};
use super::{Failure, JournalError};
use crate::durable::fault::{self, Step};
use crate::durable::names::{rename, sync_folder};
use crate::durable::{DurableError, staged};

/// Bytes before the first frame.
pub(super) const HEADER: u64 = 48;

const MAGIC: [u8; 8] = *b"RINGSLOG";
const VERSION: u32 = 1;
/// What a segment that follows none has in place of the one before.
const NONE_BEFORE: (u64, u64) = (u64::MAX, 0);

/// A segment of the journal, as it is known to be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// Up to the end of its last whole frame.
    pub(super) bytes: u64,
}

impl Segment {
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{:020}.log", self.first))
    }
}

/// What calls the segment file `name`; `None` for any other file.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The header of the segment called by `first`, behind `before`.
fn header(first: u64, before: Option<Segment>) -> [u8; 48] {
    let (previous, bytes) = before.map_or(NONE_BEFORE, |before| (before.first, before.bytes));
    let mut header = [0; 48];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&first.to_le_bytes());
    header[24..32].copy_from_slice(&previous.to_le_bytes());
    header[32..40].copy_from_slice(&bytes.to_le_bytes());
    let checksum = xxh3_64(&header[..40]);
    header[40..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Reads the header of `file`, which is called `path` and should be the segment `first`. Gives `first` and `bytes` of
/// the segment that it says it follows; `None` where the header is wrong.
///
/// # Errors
/// [`JournalError::Version`], or the file cannot be read.
pub(super) fn read_header(file: &File, path: &Path, first: u64) -> Result<Option<(u64, u64)>, JournalError> {
    let mut header = [0; 48];
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(DurableError::new("read", path, error).into()),
    }
    if header[..8] != MAGIC || le_u64(&header[40..]) != xxh3_64(&header[..40]) {
        return Ok(None);
    }
    let found = le_u32(&header[8..12]);
    if found != VERSION {
        let path = path.to_owned();
        return Err(JournalError::Version { path, found });
    }
    let before = (le_u64(&header[24..32]), le_u64(&header[32..40]));
    Ok((le_u64(&header[16..24]) == first).then_some(before))
}

/// Makes the segment called by `first` behind `before`, whose first frame is `state`. It appears under its name whole,
/// so that a segment that is not is damaged, and never merely new.
pub(super) fn create(
    dir: &Path,
    first: u64,
    before: Option<Segment>,
    state: &[u8],
) -> Result<(Segment, File), Failure> {
    let target = Segment { first, bytes: 0 }.path(dir);
    let failed = |step| {
        let target = &target;
        move |error| DurableError::new(step, target, error)
    };
    let Some(head) = frame::head(first, HEADER, state) else {
        return Err(Failure::Refused(JournalError::TooLong(state.len())));
    };
    let (file, staged) = staged::create_new(&target)
        .map_err(failed("create"))
        .map_err(Failure::Undone)?;
    let written = write_frame(&file, &staged, HEADER, &head, state)
        .and_then(|()| fault::write_at(&file, &staged, 0, &header(first, before)))
        .map_err(failed("write"))
        .map_err(Failure::Undone)
        .and_then(|()| sync(&file, &staged).map_err(Failure::Final))
        .and_then(|()| {
            rename(&staged, &target)
                .map_err(failed("create"))
                .map_err(Failure::Undone)
        });
    if let Err(failure) = written {
        staged::remove(&staged);
        return Err(failure);
    }
    sync_folder(dir).map_err(Failure::Final)?;
    let bytes = HEADER + HEAD + state.len() as u64;
    Ok((Segment { first, bytes }, file))
}

/// Opens a segment file to be written.
pub(super) fn open(path: &Path) -> Result<File, DurableError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| DurableError::new("open", path, error))
}

/// Writes `head` and `body` at `offset`.
pub(super) fn write_frame(
    file: &File,
    path: &Path,
    offset: u64,
    head: &[u8; 16],
    body: &[u8],
) -> io::Result<()> {
    fault::write_at(file, path, offset, head)?;
    fault::write_at(file, path, offset + HEAD, body)
}

/// Makes the bytes of `file` durable.
pub(super) fn sync(file: &File, path: &Path) -> Result<(), DurableError> {
    fault::step(Step::Sync, path)
        .and_then(|()| fault::fsync(file, File::sync_data))
        .map_err(|error| DurableError::new("make durable", path, error))
}

/// Takes off what is behind the first `bytes` bytes of `file`, for good.
pub(super) fn cut(file: &File, path: &Path, bytes: u64) -> Result<(), DurableError> {
    fault::step(Step::Truncate, path)
        .and_then(|()| file.set_len(bytes))
        .map_err(|error| DurableError::new("shorten", path, error))?;
    sync(file, path)
}
