//! How a caller is to be treated: ordered rules, the first whose conditions all hold decides.
//!
//! What rules look for is written as records write it when the rules are made, so that a lookup compares bytes.

use memchr::memmem::Finder;

use super::attributes;
use super::settings::{Flag, TreatmentRule};
use crate::customer::record::Field;
use crate::customer::{Record, Schema};
use crate::number::{Key, Numbering};

/// The rules, ready for lookups.
#[derive(Debug, Clone)]
pub struct Treatment {
    rules: Vec<Rule>,
    needs_dnis: bool,
}

/// A rule that says nothing, or half of something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("treatment[{index}]: expected {expected}, found {found}; correct the rule")]
pub struct TreatmentError {
    /// The rule's place, from 0.
    pub index: usize,
    /// What a rule needs.
    pub expected: &'static str,
    /// What was there.
    pub found: &'static str,
}

/// What follows from a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// The treatment's name.
    pub(super) treatment: Option<Box<str>>,
    /// The queue's name.
    pub(super) queue: Option<Box<str>>,
}

/// The dialled number as rules compare it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dialled<'a> {
    text: &'a str,
    key: Option<Key>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// `{"name":"VIP"`: labels begin with their names, and no text can hold these bytes unescaped.
    label: Option<Finder<'static>>,
    flag: Option<Finder<'static>>,
    attribute: Option<(String, Option<Value>)>,
    dnis: Option<(String, Option<Key>)>,
    verstat: Option<String>,
    decision: Decision,
}

/// An attribute's value as a JSON text, and as it stands for those that are none (`true`).
#[derive(Debug, Clone)]
struct Value {
    quoted: String,
    bare: String,
}

impl Treatment {
    /// Makes the rules; `numbering` reads their dialled numbers.
    ///
    /// # Errors
    /// A rule from which nothing follows, or a value without its attribute.
    pub fn new(rules: &[TreatmentRule], numbering: &Numbering) -> Result<Treatment, TreatmentError> {
        let rules = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| Rule::new(index, rule, numbering))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Treatment {
            needs_dnis: rules.iter().any(|rule| rule.dnis.is_some()),
            rules,
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

    /// What follows for a call, from `record`'s customer where there is one.
    pub(super) fn decide(
        &self,
        record: Option<&Record<'_>>,
        schema: &Schema,
        dialled: Dialled<'_>,
        verstat: Option<&str>,
    ) -> Option<&Decision> {
        self.rules
            .iter()
            .find(|rule| rule.holds(record, schema, dialled, verstat))
            .map(|rule| &rule.decision)
    }
}

impl Rule {
    fn new(index: usize, rule: &TreatmentRule, numbering: &Numbering) -> Result<Rule, TreatmentError> {
        let refuse = |expected, found| {
            Err(TreatmentError {
                index,
                expected,
                found,
            })
        };
        if rule.treatment.is_none() && rule.queue.is_none() {
            return refuse("`treatment`, `queue` or both", "neither");
        }
        if rule.equals.is_some() && rule.attribute.is_none() {
            return refuse("`attribute` beside `equals`", "none");
        }
        let value = rule.equals.as_ref().map(|equals| Value {
            quoted: quoted(equals),
            bare: equals.clone(),
        });
        Ok(Rule {
            label: rule
                .label
                .as_ref()
                .map(|label| finder(format!("{{\"name\":{}", quoted(label)))),
            flag: rule.flag.map(|flag| {
                finder(match flag {
                    Flag::DoNotCall => "\"do_not_call\":true".to_owned(),
                    Flag::DoNotSms => "\"do_not_sms\":true".to_owned(),
                })
            }),
            attribute: rule.attribute.clone().map(|key| (key, value)),
            dnis: rule
                .dnis
                .clone()
                .map(|dnis| (dnis.clone(), numbering.read(&dnis, None).number())),
            verstat: rule.verstat.clone(),
            decision: Decision {
                treatment: rule.treatment.as_deref().map(Box::from),
                queue: rule.queue.as_deref().map(Box::from),
            },
        })
    }

    fn holds(
        &self,
        record: Option<&Record<'_>>,
        schema: &Schema,
        dialled: Dialled<'_>,
        verstat: Option<&str>,
    ) -> bool {
        let finds = |finder: &Finder<'_>, field| {
            record
                .and_then(|record| record.field(field))
                .is_some_and(|json| finder.find(json).is_some())
        };
        self.label
            .as_ref()
            .is_none_or(|label| finds(label, Field::Labels))
            && self.flag.as_ref().is_none_or(|flag| finds(flag, Field::Flags))
            && self.attribute.as_ref().is_none_or(|(key, value)| {
                record
                    .and_then(|record| attributes::value(record, schema, key))
                    .is_some_and(|found| value.as_ref().is_none_or(|value| value.is(found)))
            })
            && self
                .dnis
                .as_ref()
                .is_none_or(|(text, key)| match (key, dialled.key) {
                    (Some(key), Some(dialled)) => *key == dialled,
                    _ => !dialled.text.is_empty() && text == dialled.text,
                })
            && self
                .verstat
                .as_ref()
                .is_none_or(|word| verstat.is_some_and(|verstat| verstat.trim().eq_ignore_ascii_case(word)))
    }
}

impl Value {
    fn is(&self, token: &[u8]) -> bool {
        token == self.quoted.as_bytes() || token == self.bare.as_bytes()
    }
}

fn finder(needle: String) -> Finder<'static> {
    Finder::new(&needle).into_owned()
}

/// `text` as records write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
