//! What a configuration says of answers.

use serde::{Deserialize, Serialize};

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The most customers listed, 1–1000.
    pub matches_max: usize,
    /// What the network must vouch for before an answer may disclose.
    pub require_attestation: Attestation,
    /// Seconds after the newest change from which answers are stale; 0: never.
    pub stale_after_s: u64,
}

/// How much the network must vouch for a calling number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Not at all.
    None,
    /// Anything but a failed verification.
    NotFailed,
    /// Full attestation.
    A,
}

/// How a caller is to be treated: if all the conditions given hold, what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreatmentRule {
    /// Condition: the customer has this label.
    pub label: Option<String>,
    /// Condition: the customer has this flag.
    pub flag: Option<Flag>,
    /// Condition: the customer has this attribute …
    pub attribute: Option<String>,
    /// … with this value.
    pub equals: Option<String>,
    /// Condition: this number was dialled.
    pub dnis: Option<String>,
    /// Condition: the network's word on the calling number.
    pub verstat: Option<String>,
    /// What follows: the treatment's name.
    pub treatment: Option<String>,
    /// What follows: the queue's name.
    pub queue: Option<String>,
}

/// A customer's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// No calls.
    DoNotCall,
    /// No text messages.
    DoNotSms,
}
