//! What a call was about, noted beside its answer: shadow mode decides and reports by it.

use std::sync::{Mutex, PoisonError};

use super::compare::Standing;
use super::crm::IdForm;
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
    /// Where an id was asked for: whether Ringside has given it out.
    pub gave: Option<bool>,
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
    /// Notes `tapped`, unless something was noted before.
    pub(super) fn note(&self, tapped: Tapped) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_lookup && known.gave.is_none() {
            *known = tapped;
        }
    }

    /// What was noted.
    pub fn told(&self) -> Tapped {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether `id` is one that Ringside spells itself in `dialect`, or could be.
pub fn is_our_id(dialect: Dialect, id: &str) -> bool {
    let form = match dialect {
        Dialect::Dynamics => IdForm::Guid,
        Dialect::Salesforce => IdForm::Salesforce,
        Dialect::Servicenow => IdForm::SysId,
        Dialect::Zendesk | Dialect::Freshdesk => IdForm::Integer,
        _ => return false,
    };
    form.parse(id).is_some()
}
