//! Every row of the table of targets by one command, each measured by a process of its own.
//!
//! A part that fails, hangs or lacks a server costs its own rows and no others; what one part does to its process (its
//! cores, its memory) is not there for the next one.

mod build;
mod gather;
mod parts;
mod process;
mod targets;

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::outcome::Outcome;
use crate::row::{self, Row};
use gather::Came;
use parts::{PARTS, Part, Size};
use process::Failure;

/// Options of `loadtest compare`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// In five minutes: fewer repetitions, and not every kind of feed.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Rows 1, 8, 9, 10 to 12 and 18 at their full sizes, which takes hours, 24 GiB of memory and 60 GB of disk.
    #[arg(long)]
    pub(crate) full: bool,
    /// Only these rows, such as `4a,4b`; what is measured with them is told too.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Take `ringside` as it was built, instead of building it first.
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = parts::FOLDER)]
    pub(crate) folder: PathBuf,
}

/// Why a part was not run, where somebody wanted no more.
const INTERRUPTED: &str = "interrupted";
/// Twice what a part is expected to take, and this, before it is ended.
const GRACE: Duration = Duration::from_secs(120);

/// Measures, prints the table, and fails where an answer was wrong or nothing could be measured.
pub(crate) fn run(options: &Options, json: Option<&Path>, html: Option<&Path>) -> ExitCode {
    match compared(options, json, html) {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("loadtest: wrong answers: {}", wrong.join("; "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and reports; what was answered wrongly.
fn compared(options: &Options, json: Option<&Path>, html: Option<&Path>) -> Result<Vec<String>, Error> {
    if let Some(unknown) = options.only.iter().find(|row| !targets::is_known(row)) {
        return Err(Error::other(format!(
            "expected rows of {}, found {unknown:?}",
            targets::known()
        )));
    }
    let size = match (options.quick, options.full) {
        (true, _) => Size::Quick,
        (_, true) => Size::Full,
        _ => Size::Usual,
    };
    let wanted: Vec<&Part> = PARTS
        .iter()
        .filter(|part| {
            options.only.is_empty()
                || part
                    .rows
                    .iter()
                    .any(|row| options.only.iter().any(|only| only == row))
        })
        .collect();
    build::ready(options.no_build)?;
    let (came, outcomes) = measured(&wanted, size, options)?;
    let mut rows = gather::rows(&came);
    rows.retain(|row| wanted.iter().any(|part| part.rows.contains(&row.row.as_ref())));
    row::report(&rows, &outcomes, json, html)?;
    let told = |status| rows.iter().filter(|row| row.status == status).count();
    eprintln!(
        "{} rows: {} met, {} missed, {} invalid, {} not run",
        rows.len(),
        told("met"),
        told("missed"),
        told("invalid"),
        told("not_run")
    );
    let wrong = wrong(&came, &outcomes);
    let is_interrupted = |(_, done): &Came<'_>| {
        done.as_ref()
            .is_err_and(|failure| failure.reason() == INTERRUPTED)
    };
    if wrong.is_empty() && came.iter().any(is_interrupted) {
        return Err(Error::new(
            ErrorKind::Interrupted,
            "interrupted; what had been measured is above, and in the files that were asked for",
        ));
    }
    if wrong.is_empty() && told("invalid") > 0 && told("met") + told("missed") == 0 {
        return Err(Error::other("nothing could be measured"));
    }
    Ok(wrong)
}

/// Runs `parts` one after the other, and tells on stderr how far it is.
fn measured<'a>(
    parts: &[&'a Part],
    size: Size,
    options: &Options,
) -> Result<(Vec<Came<'a>>, Vec<Outcome>), Error> {
    let runner = process::Runner::new()?;
    let begun = Instant::now();
    let (mut came, mut outcomes) = (Vec::new(), Vec::new());
    for (nth, part) in parts.iter().enumerate() {
        if runner.is_interrupted() {
            came.push((*part, Err(Failure::NotRun(INTERRUPTED.to_owned()))));
            continue;
        }
        let arguments = match part.arguments(size, &options.folder) {
            Ok(arguments) => arguments,
            Err(reason) => {
                came.push((*part, Err(Failure::NotRun(reason.to_owned()))));
                continue;
            }
        };
        let left: u64 = parts[nth..].iter().map(|part| part.seconds(size)).sum();
        eprintln!(
            "[{}/{}] {}: row {} … (about {} left)",
            nth + 1,
            parts.len(),
            part.label,
            part.rows.join(", "),
            minutes(left)
        );
        let bound = match size {
            Size::Full => None,
            Size::Quick | Size::Usual => Some(GRACE + 2 * Duration::from_secs(part.seconds(size))),
        };
        let done = runner.run(&arguments, bound).map(|mut report| {
            outcomes.append(&mut report.outcomes);
            report.rows
        });
        if runner.is_interrupted() {
            came.push((*part, Err(Failure::NotRun(INTERRUPTED.to_owned()))));
            continue;
        }
        if let Err(failure) = &done {
            eprintln!("  {}", failure.reason());
        }
        came.push((*part, done));
    }
    eprintln!("measured in {}", minutes(begun.elapsed().as_secs()));
    Ok((came, outcomes))
}

/// What was answered wrongly, as sentences; nothing most of the time.
fn wrong(came: &[Came<'_>], outcomes: &[Outcome]) -> Vec<String> {
    let of_rows = came.iter().filter_map(|(_, done)| {
        let rows: &Vec<Row> = done.as_ref().ok()?;
        let row = rows.iter().find(|row| row.is_of_wrong_answers())?;
        Some(format!("row {}: {}", row.row, row.detail))
    });
    let of_failures = came.iter().filter_map(|(part, done)| match done {
        Err(Failure::Wrong(reason)) => Some(format!("{}: {reason}", part.label)),
        _ => None,
    });
    let of_outcomes = outcomes.iter().filter_map(|outcome| {
        let wrong: u64 = outcome.phases.iter().map(|phase| phase.wrong).sum();
        (wrong > 0).then(|| format!("{} at {}: {wrong}", outcome.scenario, outcome.target))
    });
    of_rows.chain(of_failures).chain(of_outcomes).collect()
}

fn minutes(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_are_told_whoever_found_them() {
        let part = &PARTS[0];
        let row = |value| Row::of_figure(("18", "wrong"), String::new(), value, 0.0, "…".into());
        assert!(wrong(&[(part, Ok(vec![row(0.0)]))], &[]).is_empty());
        assert_eq!(wrong(&[(part, Ok(vec![row(2.0)]))], &[]).len(), 1);
        assert_eq!(wrong(&[(part, Err(Failure::Wrong("…".into())))], &[]).len(), 1);
        assert!(wrong(&[(part, Err(Failure::Broken("…".into())))], &[]).is_empty());
    }

    #[test]
    fn time_is_told_as_people_do() {
        assert_eq!((minutes(59), minutes(61)), ("59 s".into(), "1 min 1 s".into()));
    }
}
