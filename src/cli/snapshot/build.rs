//! `snapshot build`: a file becomes a snapshot, and the person learns what became of each column and row.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::{Place, Publication};
use crate::cli::arguments::BuildArguments;
use crate::cli::error::CliError;
use crate::cli::generations::{self, Holder};
use crate::cli::output::{self, Output, Style};
use crate::cli::program;
use crate::cli::progress::{Progress, Unit};
use crate::cli::words;
use crate::config::{Config, environment};
use crate::customer::document::Limits;
use crate::feed;
use crate::intake::Intake;
use crate::number::{Numbering, Region};
use crate::replica::generations::{Finished, Outcome};
use crate::replica::judge::Reading;
use crate::snapshot::Snapshot;
use crate::snapshot::import::{self, Built, Event, ImportError, Input, Mapping, Summary, Target};

/// Rejects that are shown; the file has them all.
const SHOWN_REJECTS: usize = 5;

pub(in crate::cli) fn run(arguments: &BuildArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let numbering = Numbering::new(&config.numbers)?.for_source(arguments.region, None);
    let limits = Limits {
        cases: config.customer.cases,
        interactions: config.customer.interactions,
    };
    let mut mapping = match &arguments.mapping {
        Some(path) => read_mapping(path)?,
        None => Mapping::default(),
    };
    mapping.region = arguments.region.or(mapping.region);
    let failed = |source| match source {
        // It names the file itself.
        ImportError::Open { path, source } => CliError::File {
            step: "open",
            path,
            source,
        },
        source => CliError::Import {
            path: arguments.input.clone(),
            source,
        },
    };
    // Before the folder is made: a mistyped name should leave nothing behind.
    if arguments.input.is_dir() {
        return Err(CliError::InputFolder {
            path: arguments.input.clone(),
        });
    }
    let input = Input::open(&arguments.input, arguments.format.into()).map_err(failed)?;
    let total = input.bytes;
    let holder = Holder::of(&arguments.out, &config, true)?;
    let place = place(&holder, arguments, &config)?;
    let mut progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new("reading", Unit::Bytes, total)
    };
    let intake = Intake::new(numbering, limits);
    let built = import::build(input, &mapping, &intake, place, |event| {
        told(event, &mut progress);
    })
    .map_err(failed)?;
    drop(progress);
    let mut summary = built.summary().clone();
    let outcome = publish(&holder, built, arguments)?;
    match &outcome {
        Outcome::Published { path, rejects, .. } => {
            (summary.path, summary.rejects) = (path.clone(), rejects.clone());
        }
        Outcome::Held { rejects, .. } => summary.rejects.clone_from(rejects),
    }
    tell(arguments, &config, &summary, &outcome, &holder, out)
}

/// Where to build, and on what: as the service says where one holds the folder.
fn place(holder: &Holder, arguments: &BuildArguments, config: &Config) -> Result<Target, CliError> {
    let (place, base) = match holder {
        Holder::Service(server) => {
            let place: Place = generations::act(server, "/builds", &json!({"replace": arguments.replace}))?;
            // It may have been replaced since, and is what this is built on all the same.
            let base = match &place.base_path {
                Some(path) => Some(Arc::new(Snapshot::map(path).map_err(|source| {
                    CliError::Snapshot {
                        path: path.clone(),
                        source,
                    }
                })?)),
                None => None,
            };
            (place, base)
        }
        Holder::Us(generations) => {
            let folder = generations.folder().folder();
            let base = import::present(folder);
            let feeds = |name: &str| {
                let feed = config.feed.get(name);
                feed.is_some_and(|feed| feed.kind != feed::Kind::None)
            };
            let has_feeds = config.feed.keys().any(|name| feeds(name));
            if has_feeds && base.is_some() && !arguments.replace {
                return Err(CliError::Feed);
            }
            let streams = base.as_ref().map_or(&[][..], |base| base.streams());
            let place = Place {
                dir: folder.build(),
                generation: folder.next_generation()?,
                base: base.as_ref().map_or(0, |base| base.header().generation),
                base_path: None,
                streams: streams
                    .iter()
                    .filter(|stream| feeds(&stream.stream))
                    .cloned()
                    .collect(),
            };
            (place, base)
        }
    };
    let memory_bytes = config.import.memory_mib << 20;
    Ok(Target {
        base,
        streams: place.streams,
        ..Target::new(place.dir, place.generation, words::now_ms(), memory_bytes)
    })
}

/// Has it verified, compared with what is served, and published or held.
fn publish(holder: &Holder, built: Built, arguments: &BuildArguments) -> Result<Outcome, CliError> {
    let summary = built.summary();
    let (base, input) = (built.base(), arguments.input.display().to_string());
    let reading = Reading {
        rows: summary.rows,
        refused: summary.refused,
    };
    match holder {
        Holder::Service(server) => {
            let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
            let publication = Publication {
                snapshot: name(&summary.path).unwrap_or_default(),
                rejects: summary.rejects.as_deref().and_then(name),
                generation: summary.generation,
                base,
                input,
                reading,
                accept: arguments.accept,
            };
            // The service takes the build folder over.
            drop(built);
            if !arguments.json {
                output::note("built; the service verifies it and compares it with what is served");
            }
            generations::act(server, "/builds/publish", &serde_json::to_value(publication)?)
        }
        Holder::Us(generations) => {
            let finished = Finished {
                snapshot: &summary.path,
                rejects: summary.rejects.as_deref(),
                generation: summary.generation,
                base,
                input: &input,
                reading,
                accept: arguments.accept,
            };
            let customers = generations.present_customers();
            let mut progress = if arguments.json {
                Progress::silent()
            } else {
                Progress::new("comparing", Unit::Customers, customers)
            };
            let outcome = generations.publish(
                &finished,
                words::now_ms(),
                |_| true,
                |done| {
                    progress.at(done, customers, done);
                },
            );
            drop(progress);
            let outcome = outcome?;
            built.discard();
            Ok(outcome)
        }
    }
}

fn tell(
    arguments: &BuildArguments,
    config: &Config,
    summary: &Summary,
    outcome: &Outcome,
    holder: &Holder,
    out: &mut Output,
) -> Result<(), CliError> {
    if arguments.json {
        let mut told = serde_json::to_value(summary)?;
        if let (Some(told), Value::Object(outcome)) = (told.as_object_mut(), serde_json::to_value(outcome)?) {
            told.extend(outcome);
        }
        serde_json::to_writer(&mut *out, &told)?;
        out.line("")?;
    } else {
        print(summary, outcome, out)?;
    }
    match outcome {
        Outcome::Published { .. } if arguments.json => Ok(()),
        Outcome::Published { .. } => next(arguments, config.numbers.default_region, holder, out),
        Outcome::Held {
            generation, reasons, ..
        } => {
            let (program, data) = (program::name(), program::shell(&arguments.out));
            Err(CliError::Waits {
                generation: *generation,
                reasons: reasons.join("\n  "),
                inspect: format!("{program} generations --dir {data}"),
                accept: format!("{program} accept --dir {data}"),
            })
        }
    }
}

/// Standard output is the summary's.
fn told(event: Event, progress: &mut Progress) {
    match event {
        Event::At(at) => progress.at(at.bytes, at.total, at.rows),
        Event::Resumed { row } => output::note(format_args!(
            "resuming a build that was ended: row {} and those before it are not read again",
            words::count(row)
        )),
        Event::StartedOver { why } => {
            output::note(format_args!(
                "a build that was ended cannot go on, starting over: {why}"
            ));
        }
    }
}

fn read_mapping(path: &Path) -> Result<Mapping, CliError> {
    let text = fs::read_to_string(path).map_err(|source| CliError::File {
        step: "read the mapping",
        path: path.to_owned(),
        source,
    })?;
    Mapping::parse(&text).map_err(|source| CliError::Mapping {
        path: path.to_owned(),
        source,
    })
}

fn print(summary: &Summary, outcome: &Outcome, out: &mut Output) -> Result<(), CliError> {
    let title = format!("Snapshot {} is built", summary.generation);
    let customers = words::counted(summary.customers, "customer");
    let what = match outcome {
        Outcome::Published { path, .. } => format!(": {customers} in {}", path.display()),
        Outcome::Held { .. } => format!(", and waits: {customers}"),
    };
    out.pieces(&[(Style::Bold, &title), (Style::Plain, &what)])?;
    let contested = match summary.contested {
        0 => String::new(),
        contested => format!("{}, claimed by several customers", words::count(contested)),
    };
    let kept = match summary.kept_phones {
        0 => String::new(),
        kept => format!(
            "{} that {} no valid number: shown to agents, never matched",
            words::counted(kept, "phone"),
            if kept == 1 { "is" } else { "are" }
        ),
    };
    out.table(&[
        ("rows", words::count(summary.rows)),
        ("refused", words::count(summary.refused)),
        ("kept", kept),
        ("numbers", words::count(summary.numbers)),
        ("contested", contested),
        ("attributes", summary.attributes.to_string()),
        ("changes", changes(outcome)),
        ("size", words::bytes(summary.bytes)),
        ("took", rate(summary)),
    ])?;
    if !summary.detected.is_empty() {
        out.gap()?;
        out.line("Columns were read as")?;
        let rows: Vec<(String, &str)> = summary
            .detected
            .iter()
            .map(|detected| (format!("{:?}", detected.column), detected.field.as_str()))
            .collect();
        out.table(&rows)?;
    }
    if let Some(path) = &summary.rejects {
        let (style, title) = match summary.refused {
            0 => (Style::Plain, "No row was refused".to_owned()),
            refused => (Style::Bad, format!("{} refused", words::counted(refused, "row"))),
        };
        let place = format!("; what was refused or left out is in {}, such as", path.display());
        out.gap()?;
        out.pieces(&[(style, &title), (Style::Plain, &place)])?;
        for line in first_rejects(path)? {
            out.line(format_args!("  {line}"))?;
        }
    }
    Ok(())
}

/// What it changes of what was there before.
fn changes(outcome: &Outcome) -> String {
    let comparison = match outcome {
        Outcome::Published { comparison, .. } => comparison.as_ref(),
        Outcome::Held { comparison, .. } => Some(comparison),
    };
    let Some(comparison) = comparison else {
        return String::new();
    };
    let before = words::counted(comparison.customers_before, "customer");
    let (vanished, moved, lost) = (
        words::count(comparison.vanished),
        words::count(comparison.moved),
        words::count(comparison.lost),
    );
    format!("{before} before, {vanished} of them gone; numbers: {moved} moved, {lost} nobody's now")
}

/// What to type next, so that numbers are read as they were read now.
fn next(
    arguments: &BuildArguments,
    default: Region,
    holder: &Holder,
    out: &mut Output,
) -> Result<(), CliError> {
    let (program, data) = (program::name(), program::shell(&arguments.out));
    let other = arguments.region.filter(|region| *region != default);
    let flag = other
        .map(|region| format!(" --region {region}"))
        .unwrap_or_default();
    let variable = other
        .map(|region| format!("RINGSIDE__NUMBERS__DEFAULT_REGION={region} "))
        .unwrap_or_default();
    let config = match &arguments.config.file {
        Some(file) => format!(" --config {}", program::shell(file)),
        None => String::new(),
    };
    out.gap()?;
    out.line("Try it:")?;
    out.line(format_args!("  {program} snapshot inspect {data}"))?;
    out.line(format_args!(
        "  {program} lookup NUMBER{flag} --snapshot {data}{config}"
    ))?;
    if matches!(holder, Holder::Service(_)) {
        return Ok(out.line("The service that holds the folder serves it already.")?);
    }
    out.line(format_args!(
        "  {variable}RINGSIDE__DATA__DIR={data} {program} serve{config}"
    ))?;
    if let Some(region) = other {
        out.line(format_args!(
            "Numbers without a plus were read in {region}; the server reads them in {default} unless \
             numbers.default_region = \"{region}\" stands in its configuration, as the variable above has it."
        ))?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people, rounded"
)]
fn rate(summary: &Summary) -> String {
    if summary.seconds < 0.01 {
        return "less than 0.01 s".to_owned();
    }
    let rate = (summary.rows as f64 / summary.seconds) as u64;
    format!(
        "{:.1} s, {} a second",
        summary.seconds,
        words::counted(rate, "row")
    )
}

/// The first lines of the rejects file, for people.
fn first_rejects(path: &Path) -> Result<Vec<String>, CliError> {
    let failed = |source| CliError::File {
        step: "read",
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    BufReader::new(file)
        .lines()
        .take(SHOWN_REJECTS)
        .map(|line| Ok(reject(&line.map_err(failed)?)))
        .collect()
}

fn reject(line: &str) -> String {
    let Ok(reject) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.to_owned();
    };
    let text = |key: &str| reject[key].as_str().unwrap_or_default().to_owned();
    let mut shown = format!("row {}", reject["row"]);
    for part in [text("column"), text("field")] {
        if !part.is_empty() {
            shown.push_str(", ");
            shown.push_str(&part);
        }
    }
    let kept = if reject["kept"] == true { " (kept)" } else { "" };
    format!("{shown}: {}{kept}", text("reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_is_told_in_one_line() {
        assert_eq!(
            reject(
                r#"{"row":7,"field":"id","column":"Customer ID","reason":"expected an id, found nothing","kept":false}"#
            ),
            "row 7, Customer ID, id: expected an id, found nothing"
        );
        assert_eq!(
            reject(r#"{"row":8,"field":"phones[0]","reason":"too short","kept":true}"#),
            "row 8, phones[0]: too short (kept)"
        );
    }
}
