//! Why an import ends: faults that make the meaning of the whole file doubtful. Faults of one row are [`Reject`](super::Reject)s.

use std::io;
use std::path::{Path, PathBuf};

use super::lines::MOST_ROW_BYTES;
use super::mapping::MappingError;
use crate::customer::schema::{MOST_ATTRIBUTES, SchemaError};
use crate::durable::DurableError;
use crate::snapshot::SnapshotError;
use crate::snapshot::folder::FolderError;

/// Why an import ended before anything was published.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input cannot be opened.
    #[error("cannot open {}: {source}; correct the path, or the file's permissions", path.display())]
    Open {
        /// The input.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The input cannot be read on.
    #[error("row {row}: cannot read the input: {source}; nothing was published: import it again")]
    Read {
        /// Line on which the row begins.
        row: u64,
        /// The system's error.
        source: io::Error,
    },
    /// The input is in another encoding.
    #[error("expected UTF-8, found the byte order mark of {encoding}; save the file as UTF-8")]
    Utf16 {
        /// Which one.
        encoding: &'static str,
    },
    /// A row that no customer can fill.
    #[error(
        "row {row}: expected at most {} bytes, found more; is this the right file and format?",
        MOST_ROW_BYTES
    )]
    RowTooLong {
        /// Line on which the row begins.
        row: u64,
    },
    /// A quotation mark that opens and is never closed, so that the rest of the file is inside of one cell.
    #[error(
        "row {row}: the quotation mark that opens column {column} on line {line} is never closed, which makes one cell \
         of the rest of the file; close it, or double it if it belongs to the text"
    )]
    UnclosedQuote {
        /// Line on which the row begins.
        row: u64,
        /// Line of the quotation mark.
        line: u64,
        /// Column, from 1.
        column: usize,
    },
    /// Nothing at all.
    #[error("expected a line of headers, found an empty file")]
    NoHeaders,
    /// Headers that cannot be read.
    #[error("headers: expected a line of text, found {found}; {remedy}")]
    Headers {
        /// What is in them.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Two columns of one name.
    #[error(
        "header {header:?}: expected each header once, found it in columns {first} and {second}; rename one"
    )]
    DuplicateHeader {
        /// The header.
        header: String,
        /// Column, from 1.
        first: usize,
        /// Column, from 1.
        second: usize,
    },
    /// A field that an import cannot do without.
    #[error(
        "expected a column of {field}, found none among the headers: {headers}; name it in a mapping file: \
         [columns] {field} = {}{remedy}", if *field == "id" { "\"HEADER\"" } else { "[\"HEADER\"]" }
    )]
    MissingField {
        /// The field.
        field: &'static str,
        /// The headers that are there.
        headers: String,
        /// What else may be at fault.
        remedy: &'static str,
    },
    /// The mapping names a column that is not there.
    #[error(
        "mapping: expected a column {column:?}, found none{}; the headers are: {headers}",
        nearest.as_ref().map(|name| format!(", did you mean {name:?}?")).unwrap_or_default()
    )]
    MissingColumn {
        /// The header in the mapping.
        column: String,
        /// The header that resembles it most.
        nearest: Option<String>,
        /// The headers that are there.
        headers: String,
    },
    /// More columns than a schema holds.
    #[error(
        "expected at most {MOST_ATTRIBUTES} columns that become attributes, found {found}; name those that agents need \
         as [[attribute]] in a mapping file, and set only = true there"
    )]
    TooManyColumns {
        /// Attributes that there would be.
        found: usize,
    },
    /// More keys than a schema holds.
    #[error(
        "row {row}: {source}: name those that agents need as [[attribute]] in a mapping file, and set only = true there"
    )]
    TooManyKeys {
        /// Line of the row.
        row: u64,
        /// What the schema says.
        source: SchemaError,
    },
    /// The mapping's attributes are no schema.
    #[error("mapping: {0}")]
    Schema(SchemaError),
    /// The mapping cannot be read.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Not one customer.
    #[error(
        "expected customers, found {rows} rows and none that could be taken{}; nothing was published, so that a \
         broken export does not empty the lookup", first.as_ref().map(|first| format!(" ({first})")).unwrap_or_default()
    )]
    NoCustomers {
        /// Rows of the input.
        rows: u64,
        /// The first that was refused.
        first: Option<String>,
    },
    /// Whoever began it wanted it to end.
    #[error("the build was stopped; the same one goes on from where it was made durable last")]
    Stopped,
    /// The snapshot cannot be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The rejects cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The staged files cannot be written.
    #[error("cannot write the snapshot: {0}")]
    Io(#[from] io::Error),
}

impl ImportError {
    /// Whether the machine is at fault and not the input, so that another try may go on from here.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            ImportError::Stopped
                | ImportError::Read { .. }
                | ImportError::Snapshot(SnapshotError::Io(_))
                | ImportError::Folder(_)
                | ImportError::Durable(_)
                | ImportError::Io(_)
        )
    }

    /// Says of a failing disk which file was being written, and what to do about it.
    pub(super) fn while_writing(self, path: &Path) -> ImportError {
        match self {
            ImportError::Snapshot(SnapshotError::Io(source)) | ImportError::Io(source) => {
                ImportError::Durable(DurableError::new("write", path, source))
            }
            other => other,
        }
    }
}
