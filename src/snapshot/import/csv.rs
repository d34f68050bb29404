//! Rows of a CSV file (RFC 4180), strictly.
//!
//! Common CSV readers take a quotation mark in the wrong place for text, or run on to the next one, which may be a
//! thousand rows away: customers would be lost or mixed up without a word. Here such a row is refused by its number,
//! and a quotation mark that is never closed ends the import before anything is published.

use std::io::BufRead;

use memchr::{memchr, memchr3};

use super::ImportError;
use super::lines::Lines;
use super::manifest::Place;
use super::pipeline::{BLOCK_BYTES, BLOCK_ROWS, Rows};

/// The cells of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// Every cell's bytes, one behind the other, without their quotation marks.
    bytes: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
}

impl Cells {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// Bytes of all cells.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Reads rows from `R`.
pub(super) struct CsvRows<R> {
    lines: Lines<R>,
    delimiter: u8,
    raw: Vec<u8>,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads `input`, which begins at `place` of the whole.
    pub(super) fn new(input: R, delimiter: u8, place: Place) -> CsvRows<R> {
        CsvRows {
            lines: Lines::new(input, place),
            delimiter,
            raw: Vec::new(),
        }
    }

    /// Reads one row's cells, whose text begins in `self.raw` and goes on in the lines behind it while a quotation
    /// mark is open. The inner error refuses the row; where it stands, the reader is behind the row's last line.
    fn cells(&mut self, start: u64) -> Result<Result<Cells, String>, ImportError> {
        let mut cells = Cells::default();
        let mut at = 0;
        loop {
            if self.raw.get(at) == Some(&b'"') {
                let opened = self.lines.number();
                at = self.quoted(at + 1, start, opened, &mut cells)?;
            } else {
                let rest = &self.raw[at..];
                let len = memchr3(self.delimiter, b'\n', b'"', rest).unwrap_or(rest.len());
                let text = match rest.get(len) {
                    Some(b'\n') => rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]),
                    _ => &rest[..len],
                };
                cells.bytes.extend_from_slice(text);
                // A carriage return that was left out is not read again below.
                at += len;
            }
            cells.end_cell();
            match &self.raw[at..] {
                [] | [b'\n'] | [b'\r', b'\n'] => return Ok(Ok(cells)),
                [byte, ..] if *byte == self.delimiter => at += 1,
                _ => return Ok(Err(self.misplaced(start, cells.len()))),
            }
        }
    }

    /// Reads a quoted cell's text from `at`, and returns where it ends, behind the closing quotation mark.
    fn quoted(
        &mut self,
        mut at: usize,
        start: u64,
        opened: u64,
        cells: &mut Cells,
    ) -> Result<usize, ImportError> {
        loop {
            match memchr(b'"', &self.raw[at..]) {
                Some(len) => {
                    cells.bytes.extend_from_slice(&self.raw[at..at + len]);
                    at += len + 1;
                    if self.raw.get(at) != Some(&b'"') {
                        return Ok(at);
                    }
                    cells.bytes.push(b'"');
                    at += 1;
                }
                None => {
                    cells.bytes.extend_from_slice(&self.raw[at..]);
                    at = self.raw.len();
                    let goes_on = match self.lines.append(&mut self.raw, start) {
                        Ok(goes_on) => goes_on,
                        Err(ImportError::RowTooLong { .. }) => false,
                        Err(error) => return Err(error),
                    };
                    if !goes_on {
                        return Err(ImportError::UnclosedQuote {
                            row: start,
                            line: opened,
                            column: cells.len() + 1,
                        });
                    }
                }
            }
        }
    }

    fn misplaced(&self, start: u64, column: usize) -> String {
        let end = self.lines.number();
        let also = if end > start {
            format!("; the lines up to {end} are part of this row and are left out with it")
        } else {
            String::new()
        };
        format!(
            "column {column}: expected a quotation mark only around a whole cell, found one elsewhere; double those \
             inside of a cell and put the cell in quotation marks{also}"
        )
    }
}

/// One row as it was read.
pub(super) struct Row {
    /// Line of the input on which it begins, from 1.
    pub(super) number: u64,
    /// Its size in the input.
    bytes: usize,
    /// What is in it, or why it is refused.
    pub(super) content: Result<Cells, String>,
}

impl<R: BufRead> CsvRows<R> {
    /// The next row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row>, ImportError> {
        loop {
            let number = self.lines.number() + 1;
            self.raw.clear();
            if !self.lines.append(&mut self.raw, number)? {
                return Ok(None);
            }
            // Empty lines, such as at the end of a file, are no rows.
            if matches!(self.raw.as_slice(), b"\n" | b"\r\n" | b"") {
                continue;
            }
            let content = self.cells(number)?;
            return Ok(Some(Row {
                number,
                bytes: self.raw.len(),
                content,
            }));
        }
    }
}

impl<R: BufRead + Send> Rows for CsvRows<R> {
    type Block = Vec<Row>;

    fn block(&mut self) -> Result<Option<Vec<Row>>, ImportError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < BLOCK_ROWS && bytes < BLOCK_BYTES {
            let Some(row) = self.next()? else { break };
            bytes += row.bytes;
            rows.push(row);
        }
        Ok((!rows.is_empty()).then_some(rows))
    }

    fn place(&self) -> Place {
        self.lines.place()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    type Read = (u64, Result<Vec<String>, String>);

    fn rows(text: &[u8], delimiter: u8) -> Result<Vec<Read>, ImportError> {
        let mut rows = CsvRows::new(text, delimiter, Place::default());
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = row.content.map(|cells| {
                cells
                    .iter()
                    .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    .collect()
            });
            all.push((row.number, cells));
        }
        assert_eq!(rows.place().bytes, text.len() as u64);
        Ok(all)
    }

    fn good(text: &str) -> Vec<(u64, Vec<String>)> {
        rows(text.as_bytes(), b',')
            .unwrap()
            .into_iter()
            .map(|(number, cells)| (number, cells.unwrap()))
            .collect()
    }

    #[test]
    fn rows_know_the_line_they_begin_on() {
        let text = "\u{feff}a,b\r\n\r\n\"x\r\ny\",2\n,\n\"say \"\"hi\"\"\",";
        let expected = [
            (1, ["a", "b"]),
            (3, ["x\r\ny", "2"]),
            (5, ["", ""]),
            (6, ["say \"hi\"", ""]),
        ];
        assert_eq!(
            good(text),
            expected.map(|(row, cells)| (row, cells.map(str::to_owned).to_vec()))
        );
    }

    #[test]
    fn a_misplaced_quotation_mark_costs_its_row_alone() {
        for bad in ["5\" pipe,2", "\"a\"b,2", "\"a\" ,2", "x,\"a\nb\"c"] {
            let text = format!("1,2\n{bad}\n3,4\n");
            let rows = rows(text.as_bytes(), b',').unwrap();
            assert_eq!(rows.len(), 3, "{bad}");
            let (number, refused) = &rows[1];
            assert_eq!(*number, 2);
            assert!(refused.as_ref().unwrap_err().contains("quotation mark"), "{bad}");
            assert_eq!(rows[2].1.as_ref().unwrap(), &["3", "4"]);
        }
    }

    #[test]
    fn an_unclosed_quotation_mark_ends_the_import_and_is_named() {
        let error = rows(b"1,2\n3,\"four\n5,6\n", b',').unwrap_err();
        assert!(
            matches!(
                error,
                ImportError::UnclosedQuote {
                    row: 2,
                    line: 2,
                    column: 2
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn utf16_is_refused_by_name() {
        let error = rows(b"\xff\xfei\0d\0", b',').unwrap_err().to_string();
        assert!(error.contains("UTF-16LE"), "{error}");
    }

    proptest! {
        #[test]
        fn reads_what_is_written(
            table in prop::collection::vec(prop::collection::vec("[a,;\"\r\n é]{0,6}", 2..5), 0..8),
            delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        ) {
            let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let found: Vec<Vec<String>> = rows(&text, delimiter).unwrap().into_iter().map(|(_, cells)| cells.unwrap()).collect();
            prop_assert_eq!(found, table);
        }

        /// Behind every row, reading can begin anew.
        #[test]
        fn goes_on_from_any_row(text in "(\u{feff})?([a1,\"\n]|\r\n){0,60}") {
            let Ok(whole) = rows(text.as_bytes(), b',') else { return Ok(()) };
            let mut reader = CsvRows::new(text.as_bytes(), b',', Place::default());
            for read in 1..=whole.len() {
                reader.next().unwrap();
                let place = reader.place();
                let at = usize::try_from(place.bytes).unwrap();
                let mut rest = CsvRows::new(&text.as_bytes()[at..], b',', place);
                for (number, _) in &whole[read..] {
                    prop_assert_eq!(rest.next().unwrap().unwrap().number, *number);
                }
                prop_assert!(rest.next().unwrap().is_none());
            }
        }

        #[test]
        fn no_bytes_are_too_strange(text in prop::collection::vec(prop::sample::select(b"a,\"\n\r\0\xff".to_vec()), 0..60)) {
            let _ = rows(&text, b',');
        }
    }
}
