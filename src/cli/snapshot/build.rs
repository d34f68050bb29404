//! `snapshot build`: a file becomes a snapshot, and the person learns what became of each column and row.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::generations::{Outcome, Published, Reserved};
use crate::cli::arguments::BuildArguments;
use crate::cli::error::CliError;
use crate::cli::generations::{self, Way};
use crate::cli::output::{self, Output, Style};
use crate::cli::program;
use crate::cli::progress::{Progress, Unit};
use crate::cli::words;
use crate::config::{Config, environment};
use crate::customer::document::Limits;
use crate::intake::Intake;
use crate::number::{Numbering, Region};
use crate::snapshot::folder::{Folder, Held};
use crate::snapshot::import::{self, Event, ImportError, Input, Mapping, Summary, Target};
use crate::snapshot::{MappedSnapshot, Snapshot};

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
    let way = Way::of(&arguments.out, &config)?;
    let intake = Intake::new(numbering, limits).finding_by(&config.customer.id_attributes);
    let built = {
        let mut progress = if arguments.json {
            Progress::silent()
        } else {
            Progress::new("reading", Unit::Bytes, total)
        };
        let (held, target) = reserved(arguments, &config, &way)?;
        let build = target.generation;
        import::build_in(held, input, &mapping, &intake, target, |event| {
            told(event, &mut progress);
        })
        .map_err(|error| {
            // Whether the server hears of it matters little: it forgets builds that are never published.
            let _dropped = way.act::<Value>("/builds/drop", &json!({"build": build}), true);
            failed(error)
        })?
    };
    let mut summary = built.summary().clone();
    let published: Published = way.act(
        "/builds/publish",
        &json!({
            "build": summary.generation,
            "snapshot": summary.path.file_name().map(|name| name.to_string_lossy()),
            "rejects": summary.rejects.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy()),
            "rows": summary.rows,
            "refused": summary.refused,
            "accept": arguments.accept,
        }),
        arguments.json,
    )?;
    built.discard();
    summary.path.clone_from(&published.path);
    summary.rejects.clone_from(&published.rejects);
    if arguments.json {
        let mut told = json!(summary);
        for (key, value) in [
            ("outcome", json!(published.outcome)),
            ("base", json!(published.base)),
            ("reasons", json!(published.reasons)),
            ("comparison", json!(published.comparison)),
        ] {
            told[key] = value;
        }
        serde_json::to_writer(&mut *out, &told)?;
        out.line("")?;
        return generations::held(&published, &arguments.out, true, out);
    }
    print(&summary, out)?;
    if published.outcome == Outcome::Held {
        out.gap()?;
        return generations::held(&published, &arguments.out, false, out);
    }
    if !published.reasons.is_empty() {
        out.gap()?;
        out.line("Published all the same:")?;
        for reason in &published.reasons {
            out.line(format_args!("  {}", reason.message))?;
        }
    }
    if way.is_server() {
        out.gap()?;
        return Ok(out.line("It is served now.")?);
    }
    next(arguments, config.numbers.default_region, out)
}

/// A folder to build in, which nobody else builds in, and what is to be built.
fn reserved(arguments: &BuildArguments, config: &Config, way: &Way) -> Result<(Held, Target), CliError> {
    let held = Folder::of_tenant(&arguments.out).hold_build()?;
    let dir = held.folder().dir().to_owned();
    let reserved: Reserved = way.act(
        "/builds",
        &json!({
            "input": arguments.input.to_string_lossy(),
            "dir": dir.file_name().map(|name| name.to_string_lossy()),
            "replace": arguments.replace,
        }),
        true,
    )?;
    let base = reserved.base_path.as_deref().and_then(base);
    let memory = config.import.memory_mib << 20;
    let target = Target {
        base,
        seq: reserved.seq,
        streams: reserved.streams,
        log: reserved.log,
        suffix_digits: config.phones.suffixes(),
        ..Target::new(dir, reserved.generation, words::now_ms(), memory)
    };
    Ok((held, target))
}

/// The present snapshot. One that cannot be opened is no reason not to build a new one.
fn base(path: &Path) -> Option<Arc<MappedSnapshot>> {
    match Snapshot::map(path) {
        Ok(snapshot) => Some(Arc::new(snapshot)),
        Err(error) => {
            output::note(format_args!(
                "{}: {error}; claims on numbers begin anew",
                path.display()
            ));
            None
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

fn print(summary: &Summary, out: &mut Output) -> Result<(), CliError> {
    let title = format!("Snapshot {} is built", summary.generation);
    let what = format!(
        ": {} in {}",
        words::counted(summary.customers, "customer"),
        summary.path.display()
    );
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

/// What to type next, so that numbers are read as they were read now.
fn next(arguments: &BuildArguments, default: Region, out: &mut Output) -> Result<(), CliError> {
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
