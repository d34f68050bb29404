//! `shadow`: what a server in shadow mode has found, and who answers.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::arguments::{ConfigFile, Credentials};
use super::client::{Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::words;
use crate::config::{Config, environment};

/// The order in which causes are told.
const CAUSES: [(&str, &str); 13] = [
    ("same", "both name the same, or nobody"),
    ("only_upstream", "the upstream knows somebody, Ringside does not"),
    ("only_ringside", "Ringside knows somebody, the upstream does not"),
    ("several", "several customers: Ringside names nobody"),
    ("other_customer", "they name different customers"),
    ("other_value", "the same customer, another value"),
    (
        "not_to_be_greeted",
        "Ringside knows who it is, and may not say it",
    ),
    ("unsupported", "a query that Ringside does not answer"),
    ("overload", "Ringside had no time for it"),
    ("upstream_error", "the upstream failed, or answered with an error"),
    ("upstream_timeout", "the upstream was late"),
    ("unreadable", "an answer that could not be read"),
    ("not_compared", "too long, or too much at once"),
];

#[derive(Debug, Args)]
pub(super) struct ShadowArguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// Show numbers and names whole; whoever does is told in the audit
    #[arg(long)]
    reveal: bool,
    /// The server's administration address, http://HOST:PORT or unix:/PATH; without it that of the configuration
    #[arg(long, value_name = "URL", global = true)]
    admin: Option<Server>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Switch who answers, at once, and say what it was before
    Set(SetArguments),
    /// Begin a new report
    Reset {
        /// The listener; without it every one in shadow mode
        #[arg(long, value_name = "NAME")]
        listener: Option<String>,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "what")]
struct SetArguments {
    /// Ringside answers this share of the calling numbers itself, in percent
    #[arg(long, value_name = "N", group = "what", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// Ringside answers calls for these dialled numbers itself, joined by commas; an empty one means none
    #[arg(long, value_name = "LIST", group = "what", value_delimiter = ',')]
    dnis: Option<Vec<String>>,
    /// Ringside answers nobody: everything goes to the upstream, and is compared
    #[arg(long, group = "what", conflicts_with_all = ["percent", "dnis"])]
    off: bool,
    /// The listener; needed where several are in shadow mode
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
}

pub(super) fn run(arguments: &ShadowArguments, out: &mut Output) -> Result<(), CliError> {
    let admin = match &arguments.admin {
        Some(admin) => admin.clone(),
        None => Server::at(
            Config::load(arguments.config.file.as_deref(), environment())
                .map_err(CliError::Whom)?
                .admin
                .address,
        ),
    };
    let trust = &Trust::of(&arguments.credentials)?;
    let body = match &arguments.act {
        None if arguments.reveal => admin.post("/shadow/reveal", &json!({}), trust)?,
        None => admin.get("/shadow", trust)?,
        Some(Act::Reset { listener }) => {
            admin.post("/shadow/reset", &json!({"listener": listener}), trust)?
        }
        Some(Act::Set(set)) => admin.post("/shadow", &set.to_json(), trust)?,
    };
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let told: Value = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: admin.to_string(),
        expected: "its shadow mode",
        source,
    })?;
    match &arguments.act {
        None => report(&told, out),
        Some(Act::Reset { .. }) => Ok(out.line("a new report has begun")?),
        Some(Act::Set(_)) => switched(&told, out),
    }
}

impl SetArguments {
    fn to_json(&self) -> Value {
        let dnis = self.dnis.as_ref().map(|dnis| {
            let dnis = dnis.iter().map(|dnis| dnis.trim());
            dnis.filter(|dnis| !dnis.is_empty()).collect::<Vec<&str>>()
        });
        json!({"listener": self.listener, "percent": self.percent, "dnis": dnis, "off": self.off})
    }
}

/// Who answers, in words.
fn sides(told: &Value) -> String {
    let percent = told["percent"].as_u64().unwrap_or(0);
    let dnis: Vec<&str> = told["dnis"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match (percent, dnis.as_slice()) {
        (0, []) => "Ringside answers nobody".to_owned(),
        (_, []) => format!("Ringside answers {percent} % of the numbers"),
        (_, _) => format!(
            "Ringside answers {percent} % of the numbers, and all calls for {}",
            dnis.join(", ")
        ),
    }
}

fn switched(told: &Value, out: &mut Output) -> Result<(), CliError> {
    let listener = told["listener"].as_str().unwrap_or_default();
    out.pieces(&[
        (Style::Bold, listener),
        (Style::Plain, ": "),
        (Style::Good, &sides(&told["now"])),
    ])?;
    out.line(format_args!("before: {}", sides(&told["before"])))?;
    Ok(out.styled(
        Style::Dim,
        format_args!("holds {}", told["holds"].as_str().unwrap_or_default()),
    )?)
}

fn report(told: &Value, out: &mut Output) -> Result<(), CliError> {
    let none = Map::new();
    let listeners = told["listeners"].as_object().unwrap_or(&none);
    if listeners.is_empty() {
        return Ok(out.line("no listener is in shadow mode: set listener.NAME.shadow.upstream, and reload")?);
    }
    for (nth, (name, told)) in listeners.iter().enumerate() {
        if nth > 0 {
            out.gap()?;
        }
        listener(name, told, out)?;
    }
    Ok(())
}

fn listener(name: &str, told: &Value, out: &mut Output) -> Result<(), CliError> {
    let upstream = told["upstream"].as_str().unwrap_or_default();
    out.styled(Style::Bold, format_args!("{name} in the shadow of {upstream}"))?;
    let by = if told["by_command"] == true {
        ", by command"
    } else {
        ""
    };
    let compared = told["comparisons"].as_u64().unwrap_or(0);
    let since = words::moment(told["since_ms"].as_i64().unwrap_or_default());
    let agreement = match told["agreement_percent"].as_f64() {
        Some(percent) => format!("{percent} %"),
        None => String::new(),
    };
    let saved = told["upstream_failed_and_known"].as_u64().unwrap_or(0);
    out.table(&[
        ("answers", format!("{}{by}", sides(told))),
        ("compared", format!("{} since {since}", words::count(compared))),
        ("agreement", agreement),
        ("upstream", times(&told["upstream_us"])),
        ("ringside", times(&told["ringside_us"])),
        (
            "failures",
            match saved {
                0 => String::new(),
                saved => format!(
                    "{} of the upstream in which Ringside knew the caller",
                    words::count(saved)
                ),
            },
        ),
    ])?;
    if compared > 0 {
        out.gap()?;
    }
    for (cause, what) in CAUSES {
        let count = told["causes"][cause].as_u64().unwrap_or(0);
        if count > 0 {
            let style = if cause == "same" {
                Style::Good
            } else {
                Style::Plain
            };
            let count = format!("  {:>9}  ", words::count(count));
            out.pieces(&[
                (style, &count),
                (style, &format!("{cause:17}  ")),
                (Style::Dim, what),
            ])?;
        }
    }
    let differences = told["differences"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !differences.is_empty() {
        out.gap()?;
        out.styled(Style::Dim, "  the newest differences")?;
    }
    for difference in differences {
        out.line(line(difference))?;
    }
    Ok(())
}

/// One difference in one line.
fn line(told: &Value) -> String {
    let text = |member: &str| told[member].as_str().unwrap_or_default().to_owned();
    let at = words::moment(told["at_ms"].as_i64().unwrap_or_default());
    let ani = match told["ani"].as_str() {
        Some(ani) => format!("  {ani}"),
        None => String::new(),
    };
    let column = match told["column"].as_str() {
        Some(column) => format!("  {column}:"),
        None => String::new(),
    };
    let sides = match (told["upstream"].as_str(), told["ringside"].as_str()) {
        (None, None) => String::new(),
        (theirs, ours) => format!("  {} | {}", theirs.unwrap_or("nobody"), ours.unwrap_or("nobody")),
    };
    format!(
        "  {at}  {:10}  {}{ani}{column}{sides}",
        text("dialect"),
        text("cause")
    )
}

/// Percentiles in the unit that fits.
fn times(told: &Value) -> String {
    let shown = |member: &str| {
        let micros = told[member].as_u64()?;
        Some(match micros {
            0..10_000 => format!("{} µs", words::count(micros)),
            _ => format!("{} ms", words::count(micros / 1000)),
        })
    };
    let parts = [("half", "p50"), ("95 %", "p95"), ("99 %", "p99")].map(|(name, member)| {
        let time = shown(member)?;
        Some(format!("{name} within {time}"))
    });
    parts.into_iter().flatten().collect::<Vec<String>>().join(", ")
}
