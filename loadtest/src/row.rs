//! Rows of the table of targets: what was measured, and whether it met its target.

use std::io::{Error, ErrorKind};
use std::path::Path;

use serde::Serialize;

use crate::machine;
use crate::pairs::Ratio;

/// One row.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// Number of the row, such as `12a`.
    pub(crate) row: &'static str,
    /// What it measures.
    pub(crate) name: &'static str,
    /// How much data it was measured on.
    pub(crate) scale: String,
    /// Interleaved pairs; 0 where nothing is timed.
    pub(crate) pairs: usize,
    /// The figure, and its spread.
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// At most this; not a number where nothing is asked for.
    pub(crate) target: f64,
    /// `met`, `missed`, `invalid`, `not_run` or, without a target, `measured`.
    pub(crate) status: &'static str,
    /// What is compared, in absolute terms of this machine.
    pub(crate) detail: String,
    /// What gives this figure again.
    pub(crate) command: String,
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
            row,
            name,
            scale,
            pairs: 0,
            value,
            low: value,
            high: value,
            target,
            status,
            detail,
            command,
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
}

/// Prints `rows`, and writes them as JSON to `json`.
pub(crate) fn report(rows: &[Row], json: Option<&Path>) -> Result<(), Error> {
    println!("| row | what | scale | value | spread | target | status | detail |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let target = if row.target.is_nan() {
            String::new()
        } else {
            format!("≤ {}", row.target)
        };
        println!(
            "| {} | {} | {} | {:.3} | {:.3}–{:.3} | {target} | {} | {} |",
            row.row, row.name, row.scale, row.value, row.low, row.high, row.status, row.detail
        );
    }
    if let Some(path) = json {
        let report = serde_json::json!({ "schema": 1, "machine": machine::facts(), "rows": rows });
        std::fs::write(
            path,
            serde_json::to_vec_pretty(&report).map_err(|e| Error::new(ErrorKind::InvalidData, e))?,
        )?;
    }
    Ok(())
}
