//! An answer laid out for a person: who it is, why, and what is going on.

use std::io;

use serde_json::Value;

use super::answer::{Answer, Case, Customer, Interaction, Label, Phone};
use super::phones::Claimed;
use crate::cli::output::{Output, Style};
use crate::cli::{number, words};
use crate::customer::Schema;
use crate::number::Numbering;

/// Interactions that are shown.
const INTERACTIONS: usize = 3;

/// One answer, and what is needed to tell it.
pub(super) struct Card<'a> {
    pub(super) answer: &'a Answer,
    /// The number as it was typed.
    pub(super) written: &'a str,
    /// Who answered: a file or a server.
    pub(super) source: &'a str,
    /// Names of attributes; empty where the server knows them and we do not.
    pub(super) schema: &'a Schema,
    pub(super) numbering: &'a Numbering,
    /// What is known of the customer's numbers.
    pub(super) claimed: &'a Claimed,
    pub(super) now_ms: i64,
}

impl Card<'_> {
    pub(super) fn print(&self, out: &mut Output) -> io::Result<()> {
        match (&self.answer.customer, self.answer.matches.as_slice()) {
            (Some(customer), _) => self.customer(customer, out)?,
            (None, []) => self.nobody(out)?,
            (None, _) => self.several(out)?,
        }
        let age = match self.answer.age_ms {
            Some(age) => format!(", newest change {} ms old", words::count(age)),
            None => String::new(),
        };
        let stale = if self.answer.stale { ", stale" } else { "" };
        let foot = format!(
            "generation {}{age}{stale} · {}",
            self.answer.generation, self.source
        );
        out.gap()?;
        out.styled(Style::Dim, foot)
    }

    fn nobody(&self, out: &mut Output) -> io::Result<()> {
        let why = match self.answer.reason.as_deref() {
            Some("unknown") | None => "no customer lists it",
            Some("anonymous") => "the number is withheld, which matches nobody",
            Some("own_number") => "it is one of our own numbers, which match nobody",
            Some("internal") => "it is an internal number that no customer lists",
            Some("invalid") => "it is no number; `ringside explain` says how it was read",
            Some(other) => other,
        };
        out.styled(Style::Bold, "Nobody")?;
        out.line(format_args!("  {}: {why}", self.number()))
    }

    fn several(&self, out: &mut Output) -> io::Result<()> {
        let count = words::counted(self.answer.matches.len() as u64, "customer");
        // A shared number that is not the caller's own, but ends like it.
        let how = if self.answer.matched == "suffix" {
            " (suffix match)"
        } else {
            ""
        };
        out.styled(Style::Bold, format_args!("{count} share {}{how}", self.number()))?;
        for found in &self.answer.matches {
            let company = found.company.as_deref().map(|company| format!(", {company}"));
            out.line(format_args!(
                "  {}{} ({})",
                found.name,
                company.unwrap_or_default(),
                found.customer_id
            ))?;
        }
        out.line("  Greet nobody by name: which of them is calling is not known.")
    }

    fn customer(&self, customer: &Customer, out: &mut Output) -> io::Result<()> {
        let labels: Vec<(Style, String)> = customer.labels.iter().map(tag).collect();
        let mut title: Vec<(Style, &str)> = vec![(Style::Bold, &customer.name)];
        for (nth, (style, label)) in labels.iter().enumerate() {
            title.push((Style::Plain, if nth == 0 { "  " } else { " " }));
            title.push((*style, label));
        }
        out.pieces(&title)?;
        let treatment = [&self.answer.treatment, &self.answer.queue];
        let treatment: Vec<&str> = treatment.into_iter().flatten().map(String::as_str).collect();
        out.table(&[
            (
                "number",
                format!("{} ({} match)", self.number(), self.answer.matched),
            ),
            ("id", customer.id.clone()),
            ("company", customer.company.clone().unwrap_or_default()),
            ("treatment", treatment.join(", queue ")),
            ("wishes", wishes(customer)),
            ("last agent", customer.last_agent_id.clone().unwrap_or_default()),
            ("since", since(customer)),
            (
                "open case",
                self.answer
                    .open_case
                    .as_ref()
                    .map(|case| self.case(case))
                    .unwrap_or_default(),
            ),
        ])?;
        self.section("Last contacts", self.interactions(customer), out)?;
        self.section("Attributes", self.attributes(customer), out)?;
        self.section("Other numbers", self.other_numbers(customer), out)
    }

    fn section(&self, title: &str, rows: Vec<(String, String)>, out: &mut Output) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        out.gap()?;
        out.line(title)?;
        out.table(&rows)
    }

    /// The number that was asked for, with its country.
    fn number(&self) -> String {
        let ani = self.answer.ani.as_deref().unwrap_or(self.written);
        if ani.trim().is_empty() {
            return "an empty number".to_owned();
        }
        match self.numbering.read(ani, None).number() {
            Some(key) if ani.starts_with('+') => format!("{ani}, {}", number::national(key)),
            _ => ani.to_owned(),
        }
    }

    fn case(&self, case: &Case) -> String {
        let age = case
            .created_at
            .as_deref()
            .and_then(|moment| words::ago(moment, self.now_ms));
        let parts = [
            case.number.clone().or_else(|| Some(case.id.clone())),
            case.title.clone(),
            case.priority
                .as_ref()
                .map(|priority| format!("{priority} priority")),
            case.status.clone(),
            age,
        ];
        join(parts)
    }

    fn interactions(&self, customer: &Customer) -> Vec<(String, String)> {
        let row = |interaction: &Interaction| {
            let started = interaction.started_at.as_deref().unwrap_or_default();
            let legs = &interaction.activities;
            let agents: Vec<&str> = legs.iter().filter_map(|leg| leg.agent_name.as_deref()).collect();
            let with = if agents.is_empty() {
                "no agent".to_owned()
            } else {
                format!("with {}", agents.join(", then "))
            };
            let team = legs.iter().rev().find_map(|leg| leg.team.clone());
            let wrap_up = legs.iter().rev().find_map(|leg| leg.wrap_up.clone());
            let told = join([
                interaction.direction.clone(),
                Some(with),
                team,
                wrap_up,
                interaction.duration_s.map(words::duration),
            ]);
            let day = started.get(..10).unwrap_or(started);
            let age = words::ago(started, self.now_ms).unwrap_or_default();
            (day.to_owned(), join([Some(age), Some(told)]))
        };
        customer.interactions.iter().take(INTERACTIONS).map(row).collect()
    }

    fn attributes(&self, customer: &Customer) -> Vec<(String, String)> {
        let row = |(key, value): &(String, Value)| {
            let known = self
                .schema
                .position(key)
                .and_then(|at| self.schema.attributes.get(at));
            let name = known.map_or_else(|| key.replace('_', " "), |attribute| attribute.label.clone());
            (name, plain(value))
        };
        customer.attributes.0.iter().map(row).collect()
    }

    fn other_numbers(&self, customer: &Customer) -> Vec<(String, String)> {
        let row = |phone: &Phone| {
            let (written, region, kind, shared) = match phone {
                Phone::Plain(number) => (number, None, None, false),
                Phone::Described {
                    number,
                    region,
                    kind,
                    shared,
                } => (number, region.as_deref(), kind.as_deref(), *shared),
            };
            let key = self.claimed.number(written, region, self.numbering);
            let number = key.map(|key| key.to_string());
            if number.is_some() && number == self.answer.ani {
                return None;
            }
            let lost = number
                .as_ref()
                .is_some_and(|number| self.answer.not_owned.contains(number));
            let none = || match self.claimed.says_all_about(written, region) {
                true => "no valid number".to_owned(),
                false => "as written".to_owned(),
            };
            let told = join([
                Some(key.map_or_else(none, number::national)),
                kind.map(str::to_owned),
                shared.then(|| "shared".to_owned()),
                lost.then(|| "another customer answers for it".to_owned()),
            ]);
            Some((number.unwrap_or_else(|| written.clone()), told))
        };
        customer.phones.iter().filter_map(row).collect()
    }
}

/// A label in its colour.
fn tag(label: &Label) -> (Style, String) {
    let (name, color) = match label {
        Label::Plain(name) => (name, None),
        Label::Described { name, color } => (name, color.as_deref()),
    };
    (color.and_then(rgb).unwrap_or(Style::Bold), format!("[{name}]"))
}

/// `#rgb` or `#rrggbb`; colour words keep the terminal's own colour.
fn rgb(color: &str) -> Option<Style> {
    let digits = color.strip_prefix('#')?;
    let at = |index: usize| match digits.len() {
        3 => u8::from_str_radix(digits.get(index..=index)?, 16)
            .ok()
            .map(|half| half * 17),
        6 => u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok(),
        _ => None,
    };
    Some(Style::Color(at(0)?, at(1)?, at(2)?))
}

fn wishes(customer: &Customer) -> String {
    let flags = &customer.flags;
    join([
        flags.do_not_call.then(|| "no calls".to_owned()),
        flags.do_not_sms.then(|| "no text messages".to_owned()),
    ])
}

fn since(customer: &Customer) -> String {
    let created = customer.created_at.as_deref().unwrap_or_default();
    created.get(..10).unwrap_or(created).to_owned()
}

fn join<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" · ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;
    use crate::number::Settings;

    #[test]
    fn phones_from_a_server_are_read_only_where_they_read_the_same_everywhere() {
        let answer: Answer = serde_json::from_value(serde_json::json!({
            "found": true, "ani": "+442079460958",
            "customer": {"phones": ["020 7946 0958", "(480) 675-4110", "+1 415 555 2671", "+1 2"]},
        }))
        .unwrap();
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        let asked = numbering.read("+442079460958", None).number();
        let card = Card {
            answer: &answer,
            written: "",
            source: "",
            schema: &Schema::default(),
            numbering: &numbering,
            claimed: &Claimed::Some(asked.into_iter().collect()),
            now_ms: 0,
        };
        let rows = card.other_numbers(answer.customer.as_ref().unwrap());
        let rows: Vec<(&str, &str)> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("(480) 675-4110", "as written"),
                ("+14155552671", "(415) 555-2671 · US"),
                ("+1 2", "no valid number"),
            ]
        );
    }

    #[test]
    fn colours_of_labels() {
        assert_eq!(rgb("#d4af37"), Some(Style::Color(0xd4, 0xaf, 0x37)));
        assert_eq!(rgb("#f0a"), Some(Style::Color(0xff, 0x00, 0xaa)));
        assert_eq!(rgb("gold"), None);
        assert_eq!(rgb("#12345"), None);
        assert_eq!(rgb("#äää"), None);
    }
}
