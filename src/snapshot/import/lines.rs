//! Physical lines of a file, counted and bounded: what both formats are read from.

use std::io::{BufRead, Read};

use super::ImportError;
use super::manifest::Place;

/// The longest row, in bytes: a customer cannot be larger, so a longer row is another kind of file.
pub(super) const MOST_ROW_BYTES: usize = crate::customer::record::MOST_BYTES;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
const UTF16_BOMS: [(&[u8], &str); 2] = [(b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE")];

/// Reads lines from `R` and knows where it is.
pub(super) struct Lines<R> {
    input: R,
    place: Place,
}

impl<R: BufRead> Lines<R> {
    /// Reads `input`, which begins at `place` of the whole.
    pub(super) fn new(input: R, place: Place) -> Lines<R> {
        Lines { input, place }
    }

    /// Number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.place.line
    }

    /// Behind the line that was read last.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Appends the next line with its line feed to `row`, which begins on line `start`; `false` at the end.
    pub(super) fn append(&mut self, row: &mut Vec<u8>, start: u64) -> Result<bool, ImportError> {
        self.append_behind(0, row, start)
    }

    /// As [`Lines::append`], where the row begins at byte `begin` of `rows`.
    pub(super) fn append_behind(
        &mut self,
        begin: usize,
        rows: &mut Vec<u8>,
        start: u64,
    ) -> Result<bool, ImportError> {
        // One byte more than allowed tells a row of the greatest length from a longer one.
        let room = (begin + MOST_ROW_BYTES + 1).saturating_sub(rows.len()) as u64;
        let read = self
            .input
            .by_ref()
            .take(room)
            .read_until(b'\n', rows)
            .map_err(|source| ImportError::Read { row: start, source })?;
        if rows.len() - begin > MOST_ROW_BYTES {
            return Err(ImportError::RowTooLong { row: start });
        }
        if read == 0 {
            return Ok(false);
        }
        self.place.bytes += read as u64;
        self.place.line += 1;
        if self.place.line == 1 {
            strip_byte_order_mark(rows)?;
        }
        Ok(true)
    }
}

/// Editors on Windows begin UTF-8 files with a mark that is not part of the first line.
fn strip_byte_order_mark(first: &mut Vec<u8>) -> Result<(), ImportError> {
    for (mark, encoding) in UTF16_BOMS {
        if first.starts_with(mark) {
            return Err(ImportError::Utf16 { encoding });
        }
    }
    if first.starts_with(UTF8_BOM) {
        first.drain(..UTF8_BOM.len());
    }
    Ok(())
}
