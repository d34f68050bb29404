//! What was refused or kept under protest, row by row, for the person who mends the file.

use std::io::Write;

use serde::Serialize;

use super::ImportError;
use crate::durable::Staged;
use crate::snapshot::folder::Held;

/// One line of the rejects file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Line of the input on which the row begins, from 1.
    pub row: u64,
    /// Field of the customer; empty where the whole row is at fault.
    pub field: String,
    /// Header of the CSV column that the field came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What was expected, what was found, what to do. Never a whole value of a sensitive attribute.
    pub reason: String,
    /// Whether the customer is in the snapshot all the same, without what this line speaks of.
    pub kept: bool,
}

impl Reject {
    /// Refuses the whole of `row`.
    pub(super) fn row(row: u64, reason: impl Into<String>) -> Reject {
        Reject {
            row,
            field: String::new(),
            column: None,
            reason: reason.into(),
            kept: false,
        }
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column:?}")?;
        }
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// The rejects file of one import; it exists only where something is in it.
pub(super) struct Rejects<'a> {
    held: &'a Held,
    generation: u64,
    file: Option<Staged>,
    first: Option<Reject>,
}

impl<'a> Rejects<'a> {
    pub(super) fn new(held: &'a Held, generation: u64) -> Rejects<'a> {
        Rejects {
            held,
            generation,
            file: None,
            first: None,
        }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, reject: &Reject) -> Result<(), ImportError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.held.stage_rejects(self.generation)?),
        };
        let mut line = serde_json::to_vec(reject).map_err(std::io::Error::from)?;
        line.push(b'\n');
        file.writer()?.write_all(&line)?;
        if !reject.kept && self.first.is_none() {
            self.first = Some(reject.clone());
        }
        Ok(())
    }

    /// The first row that was refused.
    pub(super) fn first(&self) -> Option<&Reject> {
        self.first.as_ref()
    }

    /// The staged file, if there is anything in it.
    pub(super) fn into_file(self) -> Option<Staged> {
        self.file
    }
}
