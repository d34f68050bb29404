//! What a call was about, noted beside its answer: shadow mode decides and reports by it.

use std::sync::{Mutex, PoisonError};

use super::call::Call;
use super::compare::Standing;
use super::dialect::Dialect;
use crate::number::Key;
use crate::telemetry::Redacted;

/// Where a source notes the first lookup of one call.
#[derive(Debug, Default)]
pub struct Tap(Mutex<Tapped>);

/// What is known of a call.
#[derive(Debug, Clone, Default)]
pub struct Tapped {
    /// Whether it was a lookup by a number at all.
    pub is_lookup: bool,
    /// The number, as read; `None` also where it was withheld or could not be read.
    pub number: Option<Key>,
    /// The dialled number, where one was sent.
    pub dialled: Option<Key>,
    /// The calling number, as sent.
    pub ani: Option<Redacted<String>>,
    /// What of the outcome its answer may not show.
    pub standing: Standing,
    /// Whether one customer or several were found.
    pub is_found: bool,
}

impl Tap {
    /// Notes `tapped`, unless a lookup was noted before.
    pub(super) fn note(&self, tapped: Tapped) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_lookup {
            *known = tapped;
        }
    }

    /// What was noted.
    pub fn told(&self) -> Tapped {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether `call` names an id that Ringside spells itself in `dialect`: nobody else could have given it.
pub fn names_our_id(dialect: Dialect, call: &Call<'_>) -> bool {
    let _ = (dialect, call);
    false
}

/// Whether `id` is one that Ringside spells itself in `dialect`.
pub fn is_our_id(dialect: Dialect, id: &str) -> bool {
    let _ = (dialect, id);
    false
}
