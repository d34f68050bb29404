//! What a configuration says of answers.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::dialect::Dialect;
use super::list::Settings as SearchSettings;

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

/// What the network says of a calling number (`verstat`, STIR/SHAKEN).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verstat {
    /// Verification failed: the number is likely to be forged.
    Failed,
    /// Nobody vouches for the number.
    Absent,
    /// Someone vouches for the call, not for the number.
    Passed,
    /// The carrier vouches for the caller's right to the number.
    Full,
}

impl Verstat {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Verstat::Failed => "failed",
            Verstat::Absent => "absent",
            Verstat::Passed => "passed",
            Verstat::Full => "full",
        }
    }
}

/// How a caller is to be treated: if all the conditions given hold, what follows, of which there is something.
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
    /// Condition: one of these numbers was dialled.
    #[serde(default, deserialize_with = "one_or_more")]
    pub dnis: Option<Vec<String>>,
    /// Condition: the network's word on the calling number, as it is sent.
    pub verstat: Option<String>,
    /// Condition: what that word amounts to is one of these.
    #[serde(default, deserialize_with = "one_or_more")]
    pub attestation: Option<Vec<Verstat>>,
    /// Condition: whether anybody was found, one customer or several.
    pub found: Option<bool>,
    /// What follows: the treatment's name.
    pub treatment: Option<String>,
    /// What follows: the queue's name.
    pub queue: Option<String>,
    /// What follows: the agent to route to, instead of the one who spoke with the customer last.
    pub last_agent_id: Option<String>,
    /// What follows, `false` alone: no agent to route to.
    pub last_agent: Option<bool>,
    /// What follows, `false` alone: no greeting by name, and so no disclosing.
    pub may_greet: Option<bool>,
    /// What follows, `false` alone: nothing of the customer's affairs is disclosed.
    pub may_disclose: Option<bool>,
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

/// How a dialect is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Speaking {
    /// Whether it is answered; otherwise callers are told so in their own shape.
    pub enabled: bool,
    /// What metrics call it; its name where empty.
    pub label: String,
    /// How long a request may have waited before it is answered as overload; as everywhere where `None`.
    pub budget: Option<Duration>,
    /// Columns, and where their values come from.
    pub fields: BTreeMap<String, String>,
    /// Where the ids of customers come from, in the dialects of CRMs: `auto` or `attributes.KEY`.
    pub customer_id: String,
    /// The addresses of pages in another system, by whom they are for.
    pub pop_url: BTreeMap<String, String>,
    /// The most numbers in one request.
    pub batch_max: usize,
    /// How much a search for customers may do.
    pub search: SearchSettings,
}

impl Speaking {
    /// What metrics call `dialect`.
    pub fn label(&self, dialect: Dialect) -> &str {
        match self.label.as_str() {
            "" => dialect.name(),
            label => label,
        }
    }

    /// Holds that nothing is said of columns, where a dialect has none.
    pub(super) fn without_fields(&self) -> Result<(), Unspeakable> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(column) => Err(Unspeakable {
                key: "fields".to_owned(),
                expected: "no columns, for its answers have none".to_owned(),
                found: format!("{column:?}"),
            }),
        }
    }
}

/// What a dialect cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}; correct it")]
pub struct Unspeakable {
    /// The key at fault, below the dialect's section.
    pub key: String,
    /// What it takes.
    pub expected: String,
    /// What was there.
    pub found: String,
}

/// Reads a value, or a list of values.
fn one_or_more<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct OneOrMore<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMore<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text in quotation marks, or an array of it")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(StrDeserializer::new(text)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(items))
        }
    }

    deserializer.deserialize_any(OneOrMore(PhantomData)).map(Some)
}
