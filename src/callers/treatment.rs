//! How a caller is to be treated: ordered rules, the first whose conditions all hold decides.
//!
//! What rules look for is written as records write it when the rules are made, so that a lookup compares bytes.

mod rule;
mod sense;

use super::settings::{TreatmentRule, Verstat};
use crate::customer::{Record, Schema};
use crate::number::{Key, Numbering};
use rule::Rule;

/// The rules, ready for lookups.
#[derive(Debug, Clone)]
pub struct Treatment {
    rules: Vec<Rule>,
    needs_dnis: bool,
}

/// A rule that says nothing, contradicts itself, or is never reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: expected {expected}, found {found}; correct the rule", self.path())]
pub struct TreatmentError {
    /// The rule's place, from 0.
    pub index: usize,
    /// The key at fault; empty: the rule as a whole.
    pub key: &'static str,
    /// What a rule needs.
    pub expected: String,
    /// What was there.
    pub found: String,
}

/// What follows from a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// The rule's place, from 0.
    pub(super) index: usize,
    /// The treatment's name.
    pub(super) treatment: Option<Box<str>>,
    /// The queue's name.
    pub(super) queue: Option<Box<str>>,
    /// Which agent is named as the last one.
    pub(super) last_agent: LastAgent,
    /// Whether nobody is greeted by name.
    pub(super) takes_greeting: bool,
    /// Whether nothing is disclosed.
    pub(super) takes_disclosing: bool,
}

/// Which agent an answer names as the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum LastAgent {
    /// The one who spoke with the customer last.
    #[default]
    OfCustomer,
    /// Nobody.
    Nobody,
    /// This one.
    Fixed(Box<str>),
}

/// The dialled number as rules compare it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dialled<'a> {
    text: &'a str,
    key: Option<Key>,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    /// The customer, where it is one.
    pub(super) record: Option<&'a Record<'a>>,
    /// The present schema.
    pub(super) schema: &'a Schema,
    /// Whether anybody was found.
    pub(super) found: bool,
    /// The dialled number.
    pub(super) dialled: Dialled<'a>,
    /// The network's word on the number.
    pub(super) verstat: Option<&'a str>,
    /// What that word amounts to.
    pub(super) attested: Verstat,
}

impl Treatment {
    /// Makes the rules; `numbering` reads their dialled numbers.
    ///
    /// # Errors
    /// A rule from which nothing follows, whose conditions contradict each other, or that an earlier one hides.
    pub fn new(rules: &[TreatmentRule], numbering: &Numbering) -> Result<Treatment, TreatmentError> {
        let mut made: Vec<Rule> = Vec::with_capacity(rules.len());
        for (index, settings) in rules.iter().enumerate() {
            sense::check(index, settings)?;
            let rule = Rule::new(index, settings, numbering);
            if let Some(before) = made.iter().position(|before| before.covers(&rule)) {
                return Err(TreatmentError {
                    index,
                    key: "",
                    expected: "a rule that is reached".to_owned(),
                    found: format!("that treatment[{before}] holds whenever it does; put it above that one"),
                });
            }
            made.push(rule);
        }
        Ok(Treatment {
            needs_dnis: made.iter().any(Rule::needs_dnis),
            rules: made,
        })
    }

    /// The dialled number, read only where a rule asks for it.
    pub(super) fn dialled<'a>(&self, numbering: &Numbering, dnis: Option<&'a str>) -> Dialled<'a> {
        match dnis {
            Some(text) if self.needs_dnis => Dialled {
                text,
                key: numbering.read(text, None).number(),
            },
            _ => Dialled::default(),
        }
    }

    /// What follows for `caller`.
    pub(super) fn decide(&self, caller: &Caller<'_>) -> Option<&Decision> {
        self.rules
            .iter()
            .find(|rule| rule.holds(caller))
            .map(Rule::decision)
    }

    /// Each rule's conditions that fail for `caller`, as sentences without a full stop; none where the rule holds.
    pub(super) fn failing(&self, caller: &Caller<'_>) -> impl Iterator<Item = Vec<String>> {
        self.rules.iter().map(|rule| rule.failing(caller))
    }
}

impl TreatmentError {
    /// The key's full path in the configuration, `treatment[2].label`.
    pub fn path(&self) -> String {
        let dot = if self.key.is_empty() { "" } else { "." };
        format!("treatment[{}]{dot}{}", self.index, self.key)
    }
}

#[cfg(test)]
mod tests;
