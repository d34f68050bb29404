//! A page that people read: what was measured on which machine, whether it met its targets, and pictures of it.
//!
//! One file that needs nothing else: no scripts, its style and pictures within, light and dark as its reader has it. It is
//! XML as well as HTML, so that tests can take it apart.

mod compared;
mod outcomes;
pub(crate) mod plot;
mod rows;
mod summary;
pub(crate) mod text;

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::outcome::{Outcome, SCHEMA};
use crate::row::{Report, Row};

const STYLE: &str = include_str!("report/page.css");

/// Options of `loadtest report`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What other commands wrote with --json, of rows, of outcomes, or of one outcome.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Writes the page of `options` to `to`.
///
/// # Errors
/// There is no `to`, or a file cannot be read.
pub(crate) fn write(options: &Options, to: Option<&Path>) -> Result<(), Error> {
    let to = to.ok_or_else(|| Error::other("expected a file for the page, found none; add --html FILE"))?;
    let (mut outcomes, mut rows) = (Vec::new(), Vec::new());
    for path in &options.files {
        let bytes = fs::read(path).map_err(|error| Error::other(format!("{}: {error}", path.display())))?;
        if let Ok(report) = serde_json::from_slice::<Report>(&bytes) {
            rows.extend(report.rows);
            outcomes.extend(report.outcomes);
        } else if let Ok(several) = serde_json::from_slice::<Vec<Outcome>>(&bytes) {
            outcomes.extend(several);
        } else {
            let one = serde_json::from_slice(&bytes).map_err(|error| {
                let found = format!("{}: expected rows or outcomes, found {error}", path.display());
                Error::new(ErrorKind::InvalidData, found)
            })?;
            outcomes.push(one);
        }
    }
    if let Some(outcome) = outcomes.iter().find(|outcome| outcome.schema != SCHEMA) {
        return Err(Error::other(format!(
            "expected outcomes of schema {SCHEMA}, found {}; run the load generator again",
            outcome.schema
        )));
    }
    fs::write(to, html(&outcomes, &rows))
}

/// The page of `outcomes` and `rows`, of which either may be empty.
pub(crate) fn html(outcomes: &[Outcome], rows: &[Row]) -> String {
    let title = match (outcomes, rows.is_empty()) {
        ([one], true) => format!("{} at {}", one.scenario, one.target),
        (_, false) => "Ringside beside what it claims to beat".to_owned(),
        _ => "Lookups from outside".to_owned(),
    };
    let title = text::escaped(&title);
    let mut body = String::new();
    summary::write(&mut body, outcomes, rows);
    rows::write(&mut body, rows);
    compared::write(&mut body, outcomes);
    for (nth, outcome) in outcomes.iter().enumerate() {
        outcomes::write(&mut body, outcome, nth);
    }
    format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta name=\"color-scheme\" content=\"light dark\"/><title>{title}</title>\
         <style>\n{STYLE}{}</style></head>\n<body><main>\n<h1>{title}</h1>\n{body}</main></body></html>\n",
        plot::STYLE
    )
}

#[cfg(test)]
mod tests;
