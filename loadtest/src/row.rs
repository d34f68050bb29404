//! Rows of the table of targets: what was measured, and whether it met its target.

use std::borrow::Cow;
use std::io::{Error, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::outcome::Outcome;
use crate::pairs::Ratio;
use crate::{machine, report};

/// One of the words that [`Row::status`] can be.
pub(crate) type Status = &'static str;

/// One row. Figures that are not finite are `null` in JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Number of the row, such as `12a`.
    pub(crate) row: Cow<'static, str>,
    /// What it measures.
    pub(crate) name: Cow<'static, str>,
    /// How much data it was measured on.
    pub(crate) scale: String,
    /// Interleaved pairs; 0 where nothing is timed.
    pub(crate) pairs: usize,
    /// The figure, and its spread.
    #[serde(deserialize_with = "figure")]
    pub(crate) value: f64,
    #[serde(deserialize_with = "figure")]
    pub(crate) low: f64,
    #[serde(deserialize_with = "figure")]
    pub(crate) high: f64,
    /// At most this; not a number where nothing is asked for.
    #[serde(deserialize_with = "figure")]
    pub(crate) target: f64,
    /// `met`, `missed`, `invalid`, `not_run` or, without a target, `measured`.
    #[serde(deserialize_with = "status")]
    pub(crate) status: Status,
    /// What is compared, in absolute terms of this machine.
    pub(crate) detail: String,
    /// What gives this figure again.
    pub(crate) command: String,
    /// Where the row stands for several figures: each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Row>,
}

impl Row {
    /// A row of a ratio.
    pub(crate) fn of_ratio(
        (row, name): (&'static str, &'static str),
        scale: String,
        pairs: usize,
        ratio: Ratio,
        target: f64,
    ) -> Row {
        let detail = format!("{:.1} ns beside {:.1} ns", ratio.nanos.0, ratio.nanos.1);
        Row {
            pairs,
            low: ratio.low,
            high: ratio.high,
            ..Row::of_figure((row, name), scale, ratio.median, target, detail)
        }
    }

    /// A row of a figure that is not timed.
    pub(crate) fn of_figure(
        (row, name): (&'static str, &'static str),
        scale: String,
        value: f64,
        target: f64,
        detail: String,
    ) -> Row {
        let status = if value <= target { "met" } else { "missed" };
        let command = machine::command();
        Row {
            row: Cow::Borrowed(row),
            name: Cow::Borrowed(name),
            scale,
            pairs: 0,
            value,
            low: value,
            high: value,
            target,
            status,
            detail,
            command,
            parts: Vec::new(),
        }
    }

    /// A row of a figure that has no target.
    pub(crate) fn of_measure(
        name: (&'static str, &'static str),
        scale: String,
        value: f64,
        detail: String,
    ) -> Row {
        Row {
            status: "measured",
            ..Row::of_figure(name, scale, value, f64::NAN, detail)
        }
    }

    /// Its spread over the pairs, for people; nothing where it has none.
    pub(crate) fn spread(&self) -> String {
        if self.low.is_finite() && self.high > self.low {
            format!("{}–{}", number(self.low), number(self.high))
        } else {
            String::new()
        }
    }

    /// Whether answers were found wrong, which no speed makes up for.
    pub(crate) fn is_of_wrong_answers(&self) -> bool {
        self.row == "18" && self.value > 0.0
    }
}

/// What a command gives as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// 1.
    pub(crate) schema: u32,
    /// Facts of the machine.
    pub(crate) machine: serde_json::Value,
    /// One object for each row.
    pub(crate) rows: Vec<Row>,
    /// What the load generator gave, where it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) outcomes: Vec<Outcome>,
}

/// Prints `rows`, and writes them with `outcomes` as JSON to `json` and as a page to `html`.
pub(crate) fn report(
    rows: &[Row],
    outcomes: &[Outcome],
    json: Option<&Path>,
    html: Option<&Path>,
) -> Result<(), Error> {
    println!("| row | what | scale | value | spread | target | status | detail |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let target = if row.target.is_nan() {
            String::new()
        } else {
            format!("≤ {}", number(row.target))
        };
        println!(
            "| {} | {} | {} | {} | {} | {target} | {} | {} |",
            row.row,
            row.name,
            row.scale,
            number(row.value),
            row.spread(),
            row.status,
            row.detail
        );
    }
    if let Some(path) = json {
        let report = Report {
            schema: 1,
            machine: machine::facts(),
            rows: rows.to_vec(),
            outcomes: outcomes.to_vec(),
        };
        let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
        std::fs::write(path, text)?;
    }
    if let Some(path) = html {
        std::fs::write(path, report::html(outcomes, rows))?;
    }
    Ok(())
}

/// A figure with the decimals that a person reads; a dash for none.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 0.1 => 4,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

fn figure<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

fn status<'de, D: Deserializer<'de>>(from: D) -> Result<Status, D::Error> {
    const KNOWN: [Status; 5] = ["met", "missed", "invalid", "not_run", "measured"];
    let told = String::deserialize(from)?;
    KNOWN
        .into_iter()
        .find(|known| *known == told)
        .ok_or_else(|| serde::de::Error::custom(format!("expected one of {KNOWN:?}, found {told:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_from_its_json_and_what_is_not_finite_is_null() {
        let row = Row {
            high: f64::INFINITY,
            ..Row::of_measure(("log", "bytes"), "few".into(), 2.0, "…".into())
        };
        let value = serde_json::to_value(&row).unwrap();
        assert!(value["target"].is_null() && value["high"].is_null());
        assert!(value.get("parts").is_none());
        let back: Row = serde_json::from_value(value).unwrap();
        assert_eq!((back.status, back.row.as_ref()), ("measured", "log"));
        assert!(back.target.is_nan() && back.high.is_nan() && (back.value - 2.0).abs() < 1e-9);
    }

    #[test]
    fn figures_have_bearable_decimals() {
        for (value, text) in [
            (0.0, "0"),
            (0.0102, "0.0102"),
            (1.18, "1.18"),
            (11.04, "11.0"),
            (668.4, "668"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
