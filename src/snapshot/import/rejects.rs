//! What was refused or kept under protest, row by row, for the person who mends the file.

use serde::Serialize;

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

    /// Refuses `row`, whose id is that of the row `first`.
    pub(super) fn repeated(row: u64, first: u64) -> Reject {
        let reason = format!("expected each id once, found that of row {first}; keep the row that is right");
        Reject {
            field: "id".to_owned(),
            ..Reject::row(row, reason)
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
