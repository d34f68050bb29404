//! `explain`: how a lookup came to its answer.

use std::sync::Arc;

use serde_json::Value;

use super::arguments::ExplainArguments;
use super::client::Trust;
use super::error::CliError;
use super::lookup::{add, query};
use super::output::{Output, Style};
use super::{number, snapshot, words};
use crate::app::{AppError, sources};
use crate::callers::explain::Explanation;
use crate::callers::{Call, Meters};
use crate::config::{Config, environment};
use crate::index::Index;
use crate::metrics::Metrics;
use crate::number::{Key, Numbering};
use crate::replica::Freshness;
use crate::snapshot::MappedSnapshot;
use crate::snapshot::folder::TENANT;
use crate::tenant::Tenant;

pub(super) fn run(arguments: &ExplainArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let mut found_in = None;
    let query = asked(arguments);
    let explained = match &arguments.admin {
        Some(admin) => {
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
            serde_json::to_value(local(&query, &config, Arc::clone(snapshot))?)?
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

/// The query that asks for what the arguments ask for.
fn asked(arguments: &ExplainArguments) -> String {
    let mut query = query(&arguments.ani, arguments.region);
    for (name, value) in [
        ("listener", &arguments.listener),
        ("dialect", &arguments.dialect),
        ("dnis", &arguments.dnis),
        ("verstat", &arguments.verstat),
        ("diversion", &arguments.diversion),
    ] {
        add(&mut query, name, value.as_deref());
    }
    query
}

/// What a server of this configuration would say to `query`, of `snapshot` alone.
fn local(query: &str, config: &Config, snapshot: Arc<MappedSnapshot>) -> Result<Explanation, CliError> {
    let numbering = Numbering::new(&config.numbers)?;
    let (index, _writer) = Index::new(snapshot, sources::phones(config, &numbering));
    let tenant = Arc::new(Tenant {
        name: TENANT.to_owned(),
        index,
        freshness: Arc::new(Freshness::without_feed()),
    });
    let metrics = Metrics::new().map_err(AppError::from)?;
    let meters = Arc::new(Meters::register(&metrics).map_err(AppError::from)?);
    let sources = sources::sources(config, &tenant, &meters)?;
    let call = Call {
        path: "/explain",
        query,
        ..Call::default()
    };
    Ok(Explanation::asked(&call, &sources)?)
}

/// Reads the JSON, not the type: the server may be of another version.
fn print(explained: &Value, out: &mut Output) -> Result<(), CliError> {
    out.styled(
        Style::Bold,
        format_args!("{:?} was read so", text(explained, "written")),
    )?;
    // A server of an older version says nothing of it.
    if let Some(rules) = explained["number_rules"].as_array() {
        for key in rules.iter().filter_map(Value::as_str).chain(["numbers"]) {
            out.line(format_args!("  by {key}"))?;
        }
    }
    for step in list(explained, "steps") {
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
    claims(explained, out)?;
    judged(explained, out)
}

/// The value of `key` as text; nothing for null.
fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// How the caller is treated, rule by rule; a server of an older version says nothing of it.
fn judged(explained: &Value, out: &mut Output) -> Result<(), CliError> {
    let treatment = &explained["treatment"];
    if treatment.is_null() {
        return Ok(());
    }
    let rules = list(treatment, "rules");
    out.gap()?;
    out.styled(Style::Bold, words::counted(rules.len() as u64, "treatment rule"))?;
    for rule in rules {
        let name = format!("  treatment[{}] ", text(rule, "index"));
        let decides = rule["index"] == treatment["decided_by"];
        let fails: Vec<&str> = list(rule, "fails").iter().filter_map(Value::as_str).collect();
        let (style, verdict) = match (decides, fails.is_empty()) {
            (true, _) => (Style::Good, "decides".to_owned()),
            (false, true) => (Style::Dim, "holds, behind the one that decides".to_owned()),
            (false, false) => (Style::Dim, format!("does not hold; {}", fails.join("; "))),
        };
        out.pieces(&[(Style::Plain, &name), (style, &verdict)])?;
    }
    let permission = |key: &str| {
        let permission = &explained[key];
        let allowed = permission["allowed"].as_bool().unwrap_or_default();
        format!(
            "{}: {}",
            if allowed { "yes" } else { "no" },
            text(permission, "why")
        )
    };
    out.table(&[
        ("treatment", text(treatment, "treatment")),
        ("queue", text(treatment, "queue")),
        ("last agent", text(treatment, "last_agent_id")),
        ("may greet", permission("may_greet")),
        ("may disclose", permission("may_disclose")),
    ])?;
    Ok(())
}

fn claims(explained: &Value, out: &mut Output) -> Result<(), CliError> {
    let claims = list(explained, "claims");
    if claims.is_empty() {
        let reason = text(explained, "reason");
        out.gap()?;
        return Ok(out.line(format_args!("Nobody answers: {reason}"))?);
    }
    let count = words::counted(claims.len() as u64, "claim");
    // Whoever reads the claims should know that they are on another number than the caller's.
    let on = if text(explained, "match") == "suffix" {
        format!(" on {} (suffix match)", text(explained, "matched_number"))
    } else {
        String::new()
    };
    out.gap()?;
    out.styled(Style::Bold, format_args!("{count}{on}, the strongest first"))?;
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
