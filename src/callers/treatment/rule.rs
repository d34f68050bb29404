//! One rule, ready for lookups: its conditions, and what follows.

use memchr::memmem::Finder;

use super::{Caller, Decision, Dialled, LastAgent};
use crate::callers::attributes;
use crate::callers::settings::{Flag, TreatmentRule, Verstat};
use crate::customer::record::Field;
use crate::number::{Key, Numbering};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    found: Option<bool>,
    verstat: Option<String>,
    attestation: Option<Vec<Verstat>>,
    dnis: Option<Vec<Number>>,
    flag: Option<(Flag, Finder<'static>)>,
    label: Option<Label>,
    attribute: Option<(String, Option<Value>)>,
    decision: Decision,
}

/// A condition, the cheap ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Found,
    Verstat,
    Attestation,
    Dnis,
    Flag,
    Label,
    Attribute,
}

/// A number as written, and its key where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    text: String,
    key: Option<Key>,
}

#[derive(Debug, Clone)]
struct Label {
    name: String,
    /// `{"name":"VIP"`: labels begin with their names, and no text can hold these bytes unescaped.
    finder: Finder<'static>,
}

/// An attribute's value as a JSON text, and as it stands for those that are none (`true`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    quoted: String,
    bare: String,
}

impl Condition {
    const ALL: [Condition; 7] = [
        Condition::Found,
        Condition::Verstat,
        Condition::Attestation,
        Condition::Dnis,
        Condition::Flag,
        Condition::Label,
        Condition::Attribute,
    ];
}

impl Rule {
    /// The rule that `settings`, which make sense, describe.
    pub(super) fn new(index: usize, settings: &TreatmentRule, numbering: &Numbering) -> Rule {
        let number = |text: &String| Number {
            text: text.clone(),
            key: numbering.read(text, None).number(),
        };
        let value = settings.equals.as_ref().map(|equals| Value {
            quoted: quoted(equals),
            bare: equals.clone(),
        });
        Rule {
            found: settings.found,
            verstat: settings.verstat.as_deref().map(|word| word.trim().to_owned()),
            attestation: settings.attestation.clone(),
            dnis: settings
                .dnis
                .as_ref()
                .map(|numbers| numbers.iter().map(number).collect()),
            flag: settings.flag.map(|flag| {
                let needle = match flag {
                    Flag::DoNotCall => "\"do_not_call\":true",
                    Flag::DoNotSms => "\"do_not_sms\":true",
                };
                (flag, finder(needle))
            }),
            label: settings.label.clone().map(|name| Label {
                finder: finder(&format!("{{\"name\":{}", quoted(&name))),
                name,
            }),
            attribute: settings.attribute.clone().map(|key| (key, value)),
            decision: Decision {
                index,
                treatment: settings.treatment.as_deref().map(Box::from),
                queue: settings.queue.as_deref().map(Box::from),
                last_agent: match (&settings.last_agent_id, settings.last_agent) {
                    (Some(id), _) => LastAgent::Fixed(id.as_str().into()),
                    (None, Some(false)) => LastAgent::Nobody,
                    (None, _) => LastAgent::OfCustomer,
                },
                takes_greeting: settings.may_greet == Some(false),
                takes_disclosing: settings.may_disclose == Some(false),
            },
        }
    }

    /// What follows.
    pub(super) fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Whether the dialled number matters.
    pub(super) fn needs_dnis(&self) -> bool {
        self.dnis.is_some()
    }

    /// Whether all conditions hold.
    pub(super) fn holds(&self, caller: &Caller<'_>) -> bool {
        Condition::ALL
            .into_iter()
            .all(|condition| self.meets(condition, caller))
    }

    /// What is said of the conditions that do not hold.
    pub(super) fn failing(&self, caller: &Caller<'_>) -> Vec<String> {
        Condition::ALL
            .into_iter()
            .filter(|condition| !self.meets(*condition, caller))
            .map(|condition| self.words(condition, caller))
            .collect()
    }

    fn meets(&self, condition: Condition, caller: &Caller<'_>) -> bool {
        let has = |finder: &Finder<'_>, field| {
            let json = caller.record.and_then(|record| record.field(field));
            json.is_some_and(|json| finder.find(json).is_some())
        };
        match condition {
            Condition::Found => self.found.is_none_or(|found| found == caller.found),
            Condition::Verstat => self.verstat.as_ref().is_none_or(|word| {
                let sent = caller.verstat;
                sent.is_some_and(|sent| sent.trim().eq_ignore_ascii_case(word))
            }),
            Condition::Attestation => self
                .attestation
                .as_ref()
                .is_none_or(|levels| levels.contains(&caller.attested)),
            Condition::Dnis => self
                .dnis
                .as_ref()
                .is_none_or(|numbers| numbers.iter().any(|number| number.is(caller.dialled))),
            Condition::Flag => self.flag.as_ref().is_none_or(|(_, flag)| has(flag, Field::Flags)),
            Condition::Label => self
                .label
                .as_ref()
                .is_none_or(|label| has(&label.finder, Field::Labels)),
            Condition::Attribute => self.attribute.as_ref().is_none_or(|(key, value)| {
                caller
                    .record
                    .and_then(|record| attributes::value(record, caller.schema, key))
                    .is_some_and(|found| value.as_ref().is_none_or(|value| value.is(found)))
            }),
        }
    }

    /// Why `condition` does not hold, without anything that the customer's document says.
    fn words(&self, condition: Condition, caller: &Caller<'_>) -> String {
        let who = match caller.record {
            Some(_) => "the customer has none such",
            None => "there is no one customer",
        };
        match condition {
            Condition::Found if caller.found => "found = false: somebody was found".to_owned(),
            Condition::Found => "found = true: nobody was found".to_owned(),
            Condition::Verstat => {
                let sent = if caller.verstat.is_some() {
                    "another was sent"
                } else {
                    "none counts"
                };
                format!(
                    "verstat = {:?}: {sent}",
                    self.verstat.as_deref().unwrap_or_default()
                )
            }
            Condition::Attestation => {
                let levels = self.attestation.as_deref().unwrap_or_default();
                format!(
                    "attestation is one of {}: it is {}",
                    levels_of(levels),
                    levels_of(&[caller.attested])
                )
            }
            Condition::Dnis => {
                let numbers = self.dnis.iter().flatten();
                let numbers: Vec<&str> = numbers.map(|number| number.text.as_str()).collect();
                let sent = if caller.dialled.text.is_empty() {
                    "none was given"
                } else {
                    "another was dialled"
                };
                format!("dnis is one of {}: {sent}", numbers.join(", "))
            }
            Condition::Flag => {
                let flag = self.flag.as_ref().map(|(flag, _)| word(flag));
                format!("flag = {}: {who}", flag.unwrap_or_default())
            }
            Condition::Label => {
                let label = self.label.as_ref().map(|label| label.name.as_str());
                format!("label = {:?}: {who}", label.unwrap_or_default())
            }
            Condition::Attribute => match &self.attribute {
                Some((key, Some(value))) => format!("attribute {key:?} equals {:?}: {who}", value.bare),
                Some((key, None)) => format!("attribute = {key:?}: {who}"),
                None => String::new(),
            },
        }
    }

    /// Whether this rule holds wherever `other` does.
    pub(super) fn covers(&self, other: &Rule) -> bool {
        let same = |one: Option<&str>, of_other: Option<&str>| {
            one.is_none_or(|one| of_other.is_some_and(|other| one.eq_ignore_ascii_case(other)))
        };
        let needs_customer = other.flag.is_some() || other.label.is_some() || other.attribute.is_some();
        let found = match (self.found, other.found) {
            (None, _) => true,
            (Some(true), None) => needs_customer,
            (found, of_other) => found == of_other,
        };
        let attestation = self.attestation.as_ref().is_none_or(|levels| {
            let all = [Verstat::Failed, Verstat::Absent, Verstat::Passed, Verstat::Full];
            let of_word = other.verstat.as_deref().map(|word| [Verstat::of(Some(word))]);
            let possible = match (&of_word, &other.attestation) {
                (Some(one), _) => one.as_slice(),
                (None, Some(levels)) => levels,
                (None, None) => &all,
            };
            possible.iter().all(|level| levels.contains(level))
        });
        let dnis = self.dnis.as_ref().is_none_or(|numbers| {
            let is_in = |number: &Number| numbers.iter().any(|one| one.equals(number));
            other.dnis.as_ref().is_some_and(|others| others.iter().all(is_in))
        });
        let flag = |rule: &Rule| rule.flag.as_ref().map(|(flag, _)| *flag);
        let name = |rule: &Rule| rule.label.as_ref().map(|label| label.name.clone());
        let attribute = match (&self.attribute, &other.attribute) {
            (None, _) => true,
            (Some((key, value)), Some((of_other, other_value))) => {
                key == of_other && (value.is_none() || value == other_value)
            }
            (Some(_), None) => false,
        };
        found
            && same(self.verstat.as_deref(), other.verstat.as_deref())
            && attestation
            && dnis
            && (self.flag.is_none() || flag(self) == flag(other))
            && (self.label.is_none() || name(self) == name(other))
            && attribute
    }
}

impl Number {
    fn is(&self, dialled: Dialled<'_>) -> bool {
        match (self.key, dialled.key) {
            (Some(key), Some(dialled)) => key == dialled,
            _ => !dialled.text.is_empty() && self.text == dialled.text,
        }
    }

    /// Whether both are the same number.
    fn equals(&self, other: &Number) -> bool {
        match (self.key, other.key) {
            (Some(key), Some(other)) => key == other,
            _ => self.text == other.text,
        }
    }
}

impl Value {
    fn is(&self, token: &[u8]) -> bool {
        token == self.quoted.as_bytes() || token == self.bare.as_bytes()
    }
}

fn levels_of(levels: &[Verstat]) -> String {
    levels.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A word of the configuration.
fn word(word: &impl serde::Serialize) -> String {
    serde_json::to_value(word)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn finder(needle: &str) -> Finder<'static> {
    Finder::new(needle).into_owned()
}

/// `text` as records write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
