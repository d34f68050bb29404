//! `explain`: how a lookup came to its answer.

use std::sync::Arc;

use serde_json::Value;

use super::arguments::ExplainArguments;
use super::client::Trust;
use super::error::CliError;
use super::lookup::query;
use super::output::{Output, Style};
use super::{number, snapshot, words};
use crate::callers::explain::Explanation;
use crate::config::{Config, environment};
use crate::index::Index;
use crate::number::{Key, Numbering};
use crate::snapshot::MappedSnapshot;

pub(super) fn run(arguments: &ExplainArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let mut found_in = None;
    let explained = match &arguments.admin {
        Some(admin) => {
            let query = query(&arguments.ani, arguments.region);
            let trust = Trust::of(&arguments.credentials)?;
            let body = admin.get(&format!("/explain?{query}"), &trust)?;
            serde_json::from_slice(&body).map_err(|source| CliError::Answer {
                server: admin.to_string(),
                expected: "an explanation",
                source,
            })?
        }
        None => {
            let path = arguments.snapshot.as_deref().unwrap_or(&config.data.dir);
            let (path, snapshot) = snapshot::open(path)?;
            let (_, snapshot) = found_in.insert((path, Arc::new(snapshot)));
            serde_json::to_value(local(arguments, &config, Arc::clone(snapshot))?)?
        }
    };
    if arguments.json {
        serde_json::to_writer(&mut *out, &explained)?;
        out.gap()?;
    } else {
        print(&explained, out)?;
    }
    match &found_in {
        Some((path, snapshot)) => snapshot::whole(path, snapshot),
        None => Ok(()),
    }
}

fn local(
    arguments: &ExplainArguments,
    config: &Config,
    snapshot: Arc<MappedSnapshot>,
) -> Result<Explanation, CliError> {
    let numbering = Numbering::new(&config.numbers)?.for_source(arguments.region, None);
    let (index, _writer) = Index::new(snapshot, config.phones);
    Ok(index.read(|view| Explanation::of(&arguments.ani, None, &numbering, view, config.phones)))
}

/// Reads the JSON, not the type: the server may be of another version.
fn print(explained: &Value, out: &mut Output) -> Result<(), CliError> {
    let text = |value: &Value, key: &str| match &value[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let list = |key: &str| explained[key].as_array().map(Vec::as_slice).unwrap_or_default();
    out.styled(
        Style::Bold,
        format_args!("{:?} was read so", text(explained, "written")),
    )?;
    for step in list("steps") {
        out.line(format_args!("  {}", step.as_str().unwrap_or_default()))?;
    }
    let number = text(explained, "number");
    if let Some(key) = number
        .strip_prefix('+')
        .and_then(|digits| Key::e164(digits.parse().ok()?))
    {
        out.line(format_args!("  {}", number::national(key)))?;
    }
    let rules = &explained["rules"];
    out.gap()?;
    out.line(format_args!(
        "Looked in generation {} as of seq {}; phones: mode {}, owner {}, on_conflict {}",
        text(explained, "generation"),
        text(explained, "seq"),
        text(rules, "mode"),
        text(rules, "owner"),
        text(rules, "on_conflict"),
    ))?;
    let claims = list("claims");
    if claims.is_empty() {
        let reason = text(explained, "reason");
        out.gap()?;
        return Ok(out.line(format_args!("Nobody answers: {reason}"))?);
    }
    let count = words::counted(claims.len() as u64, "claim");
    out.gap()?;
    out.styled(Style::Bold, format_args!("{count}, the strongest first"))?;
    for claim in claims {
        let verdict = text(claim, "verdict");
        let style = if verdict == "owner" {
            Style::Good
        } else {
            Style::Bad
        };
        let who = format!(": {} ({})", text(claim, "name"), text(claim, "customer_id"));
        out.pieces(&[(style, &format!("  {verdict}")), (Style::Plain, &who)])?;
        let place = format!("{} {}", text(claim, "stream"), text(claim, "position"));
        out.table(&[
            ("  why", text(claim, "why")),
            ("  claims since seq", text(claim, "since")),
            ("  shared", text(claim, "shared")),
            ("  created", text(claim, "created_at")),
            ("  source", place),
        ])?;
    }
    Ok(())
}
