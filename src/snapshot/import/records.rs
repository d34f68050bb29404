//! The records of a snapshot that has no tables yet, in the order of the file.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::customer::Record;
use crate::customer::record::{HEADER_LEN as RECORD_HEADER, MOST_BYTES};
use crate::snapshot::SnapshotError;
use crate::snapshot::layout::{HEADER_LEN, UNIT};

const READ_BYTES: usize = 1 << 18;

/// Reads one record after the other.
pub(super) struct Records {
    file: BufReader<File>,
    at: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Records {
    /// The records of `file` ahead of byte `end`.
    pub(super) fn of(mut file: File, end: u64) -> io::Result<Records> {
        let at = HEADER_LEN as u64;
        file.seek(SeekFrom::Start(at))?;
        Ok(Records {
            file: BufReader::with_capacity(READ_BYTES, file),
            at,
            end,
            bytes: Vec::new(),
        })
    }

    /// The next record; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, SnapshotError> {
        if self.at >= self.end {
            return Ok(None);
        }
        self.bytes.resize(RECORD_HEADER, 0);
        self.file.read_exact(&mut self.bytes)?;
        let len = [self.bytes[8], self.bytes[9], self.bytes[10], self.bytes[11]];
        // Whatever a damaged record says, no more is read than one can have.
        let len = (u32::from_le_bytes(len) as usize).clamp(RECORD_HEADER, MOST_BYTES);
        let padded = len.next_multiple_of(usize::try_from(UNIT).unwrap_or(8));
        self.bytes.resize(padded, 0);
        self.file.read_exact(&mut self.bytes[RECORD_HEADER..])?;
        let offset = self.at;
        self.at += padded as u64;
        Record::open(&self.bytes)
            .map(Some)
            .map_err(|source| SnapshotError::Record { offset, source })
    }
}
