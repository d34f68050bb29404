//! `status`: how a running server is, on one screen.

mod catching_up;
mod pair;

use serde_json::{Map, Value};

use super::arguments::StatusArguments;
use super::client::{Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::words;
use crate::config::{Config, environment};

/// Members that have a line of their own, or a part of one; what else there is follows line by line.
const TOLD: [&str; 34] = [
    "age_ms",
    "bodies",
    "candidate",
    "catch_up",
    "connected",
    "connections",
    "contested",
    "created_at_ms",
    "customers",
    "damaged",
    "feeds",
    "gap",
    "gap_feeds",
    "generation",
    "held",
    "held_feeds",
    "listeners",
    "lookups",
    "numbers",
    "outbox",
    "overlay",
    "pair",
    "position",
    "ready",
    "reasons",
    "refused",
    "reload",
    "role",
    "seq",
    "stale",
    "suffix",
    "tenant",
    "uptime_s",
    "version",
];

pub(super) fn run(arguments: &StatusArguments, out: &mut Output) -> Result<(), CliError> {
    let admin = match &arguments.admin {
        Some(admin) => admin.clone(),
        None => Server::at(
            Config::load(arguments.config.file.as_deref(), environment())
                .map_err(CliError::Whom)?
                .admin
                .address,
        ),
    };
    let body = admin.get("/status", &Trust::of(&arguments.credentials)?)?;
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let status: Map<String, Value> = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: admin.to_string(),
        expected: "its status",
        source,
    })?;
    let title = format!("{admin}  {}", title(&status));
    out.styled(Style::Bold, title)?;
    let ready = status.get("ready") == Some(&Value::Bool(true));
    let state = if ready {
        ("ready", Style::Good)
    } else {
        ("not ready", Style::Bad)
    };
    let because = reasons(&status);
    out.pieces(&[
        (Style::Dim, "  state        "),
        (state.1, state.0),
        (Style::Plain, &because),
    ])?;
    Ok(out.table(&rows(&status, words::now_ms()))?)
}

fn title(status: &Map<String, Value>) -> String {
    let version = text(status, "version").unwrap_or_default();
    let role = text(status, "role").unwrap_or_default();
    let up = words::duration(number(status, "uptime_s").unwrap_or(0));
    format!("Ringside {version}, {role}, up {up}")
}

fn reasons(status: &Map<String, Value>) -> String {
    let reasons = status.get("reasons").and_then(Value::as_array);
    let reasons: Vec<&str> = reasons.into_iter().flatten().filter_map(Value::as_str).collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", reasons.join("; "))
    }
}

/// What there is to tell, line by line. A server of another version may say more or less than this one.
fn rows(status: &Map<String, Value>, now_ms: i64) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = [
        ("pair", pair::line(status)),
        ("other node", pair::other(status)),
        ("customers", customers(status)),
        ("snapshot", snapshot(status, now_ms)),
        ("catching up", catching_up::row(status)),
        ("waits", waits(status, now_ms)),
        ("suffixes", suffixes(status)),
        ("changes", changes(status)),
        ("feeds", feeds(status)),
        ("held", held(status)),
        ("gaps", gaps(status)),
        ("outbox", outbox(status)),
        ("lookups", lookups(status)),
        ("found", found(status)),
        ("took", took(status)),
        ("connections", connections(status)),
        ("bodies", bodies(status)),
        ("refused", refused(status)),
    ]
    .map(|(name, line)| (name.to_owned(), line.unwrap_or_default()))
    .into();
    rows.extend(
        listeners(status)
            .into_iter()
            .map(|line| ("listener".to_owned(), line)),
    );
    for (name, course) in status
        .get("feeds")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        rows.push((format!("feed {name}"), doing(course)));
    }
    rows.push(("reload".to_owned(), reload(status, now_ms).unwrap_or_default()));
    for (name, value) in status.iter().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
        flatten(&name.replace('_', " "), value, &mut rows);
    }
    rows
}

fn customers(status: &Map<String, Value>) -> Option<String> {
    let customers = words::counted(number(status, "customers")?, "customer");
    let numbers = words::counted(number(status, "numbers")?, "number");
    let contested = match number(status, "contested") {
        None | Some(0) => String::new(),
        Some(contested) => format!(", {} of them listed by several", words::count(contested)),
    };
    Some(format!("{customers}, {numbers}{contested}"))
}

fn snapshot(status: &Map<String, Value>, now_ms: i64) -> Option<String> {
    let generation = number(status, "generation")?;
    let seq = words::count(number(status, "seq").unwrap_or(0));
    if generation == 0 {
        return Some("none yet; build one with `ringside snapshot build`".to_owned());
    }
    let created = status.get("created_at_ms").and_then(Value::as_i64);
    let written =
        created.and_then(|at| words::ago(&jiff::Timestamp::from_millisecond(at).ok()?.to_string(), now_ms));
    let written = written.map_or_else(String::new, |ago| format!(", written {ago}"));
    let damaged = match number(status, "damaged") {
        None | Some(0) => String::new(),
        Some(damaged) => format!("; {} found damaged", words::counted(damaged, "record")),
    };
    Some(format!("generation {generation}{written}, seq {seq}{damaged}"))
}

fn waits(status: &Map<String, Value>, now_ms: i64) -> Option<String> {
    let candidate = status.get("candidate")?.as_object()?;
    let generation = number(candidate, "generation")?;
    let customers = number(candidate, "customers").map_or_else(String::new, |customers| {
        format!(" with {}", words::counted(customers, "customer"))
    });
    let since = candidate.get("held_at_ms").and_then(Value::as_i64);
    let since =
        since.and_then(|at| words::ago(&jiff::Timestamp::from_millisecond(at).ok()?.to_string(), now_ms));
    let since = since.map_or_else(String::new, |ago| format!(", made {ago}"));
    Some(format!(
        "generation {generation}{customers}{since}: `ringside generations` says why"
    ))
}

/// Nothing where numbers are not found by their last digits.
fn suffixes(status: &Map<String, Value>) -> Option<String> {
    let suffix = status.get("suffix")?.as_object()?;
    let digits = number(suffix, "digits")?;
    Some(if is_true(suffix, "ready") {
        format!("numbers that nobody has are found by their last {digits} digits")
    } else {
        format!("the last {digits} digits count from the next merge or import on")
    })
}

fn changes(status: &Map<String, Value>) -> Option<String> {
    let overlay = status.get("overlay")?.as_object()?;
    Some(match number(overlay, "customers")? {
        0 => "none since the snapshot".to_owned(),
        changed => format!(
            "{} since the snapshot, {}",
            words::counted(changed, "customer"),
            words::bytes(number(overlay, "bytes").unwrap_or(0))
        ),
    })
}

fn feeds(status: &Map<String, Value>) -> Option<String> {
    let connected = status.get("connected")?.as_bool()?;
    let position = text(status, "position").filter(|position| !position.is_empty());
    let age = number(status, "age_ms");
    if !connected && position.is_none() && age.is_none() && !is_true(status, "stale") {
        return Some("none configured".to_owned());
    }
    let mut told = vec![if connected { "connected" } else { "not connected" }.to_owned()];
    told.push(match age {
        Some(age) => format!("all applied as of {:.1} s ago", seconds(age)),
        None => "not caught up yet".to_owned(),
    });
    told.extend(position.map(|position| format!("position {position}")));
    if is_true(status, "stale") {
        told.push("answers say that they are stale".to_owned());
    }
    Some(told.join(", "))
}

/// Feeds that wait for somebody's word; nothing where none does.
fn held(status: &Map<String, Value>) -> Option<String> {
    let names = troubled(status, "held", "held_feeds")?;
    Some(format!(
        "{names}: deletes or moves too many customers; look at its source, then `ringside accept --feed NAME`"
    ))
}

/// What the system of record is to be told; nothing where there is none.
fn outbox(status: &Map<String, Value>) -> Option<String> {
    let state = status.get("outbox").filter(|state| state.is_object())?;
    Some(super::outbox::standing(state))
}

/// What a feed does, and why where there is something to be said.
fn doing(course: &Value) -> String {
    let said = |key: &str| course.get(key).and_then(Value::as_str).unwrap_or_default();
    match (said("state"), said("message")) {
        (state, "") => state.to_owned(),
        (state, message) => format!("{state}: {message}"),
    }
}

/// Feeds of which changes may be missing; nothing where there are none.
fn gaps(status: &Map<String, Value>) -> Option<String> {
    let names = troubled(status, "gap", "gap_feeds")?;
    Some(format!(
        "{names}: changes may be missing; build the snapshot again"
    ))
}

/// The feeds of the list `names`, where `told` is true; a server of another version may name none.
fn troubled(status: &Map<String, Value>, told: &str, names: &str) -> Option<String> {
    let named = status.get(names).and_then(Value::as_array);
    let named: Vec<&str> = named.into_iter().flatten().filter_map(Value::as_str).collect();
    match (is_true(status, told), named.is_empty()) {
        (false, _) => None,
        (true, true) => Some("a feed".to_owned()),
        (true, false) => Some(named.join(", ")),
    }
}

fn lookups(status: &Map<String, Value>) -> Option<String> {
    let lookups = status.get("lookups")?.as_object()?;
    Some(format!(
        "{} since the start; {} a second over 10 s, {} over a minute",
        words::count(number(lookups, "total")?),
        lookups.get("per_s_10s")?,
        lookups.get("per_s_60s")?
    ))
}

fn found(status: &Map<String, Value>) -> Option<String> {
    let lookups = status.get("lookups")?.as_object()?;
    let total = number(lookups, "total").filter(|total| *total > 0)?;
    let hit = number(lookups, "hit")?;
    let several = number(lookups, "ambiguous")?;
    let unknown = number(lookups, "unknown")?;
    let share = hit.saturating_mul(100) / total;
    let [hit, several, unknown] = [hit, several, unknown].map(words::count);
    Some(format!(
        "{share} % ({hit}); several customers {several}, nobody {unknown}"
    ))
}

fn took(status: &Map<String, Value>) -> Option<String> {
    let lookups = status.get("lookups")?.as_object()?;
    let [half, most, nearly_all] = ["p50_us", "p99_us", "p999_us"].map(|name| lookups.get(name)?.as_f64());
    Some(format!(
        "half under {:.1} \u{b5}s, 99 % under {:.1} \u{b5}s, 99.9 % under {:.1} \u{b5}s",
        half?, most?, nearly_all?
    ))
}

fn connections(status: &Map<String, Value>) -> Option<String> {
    match status.get("connections")? {
        Value::Object(connections) => Some(format!(
            "{} open of {} at the most",
            words::count(number(connections, "open")?),
            words::count(number(connections, "max")?)
        )),
        open => Some(format!("{} open", words::count(open.as_u64()?))),
    }
}

/// Memory that requests' bodies take.
fn bodies(status: &Map<String, Value>) -> Option<String> {
    let bodies = status.get("bodies")?.as_object()?;
    let [held, max] = ["bytes", "max"].map(|name| number(bodies, name).map(words::bytes));
    Some(format!("{} in memory of {} at the most", held?, max?))
}

/// What was turned away since the start, of what is counted; nothing where nothing was.
fn refused(status: &Map<String, Value>) -> Option<String> {
    let refused = status.get("refused")?.as_object()?;
    let told = [
        ("connections", "connections above the limits"),
        ("overload", "requests as overload"),
        ("cut", "connections that took too long"),
        ("denied", "requests without the right"),
    ];
    let told = told.iter().filter_map(|(name, what)| {
        let count = number(refused, name).filter(|count| *count > 0)?;
        Some(format!("{} {what}", words::count(count)))
    });
    Some(told.collect::<Vec<_>>().join(", "))
}

fn listeners(status: &Map<String, Value>) -> Vec<String> {
    let listeners = status.get("listeners").and_then(Value::as_array);
    let of = |listener: &Value| {
        let address = listener["address"].as_str().map(str::to_owned);
        let unix = listener["unix"].as_str().map(|path| format!("unix:{path}"));
        let mut told: Vec<String> = address.into_iter().chain(unix).collect();
        for (name, value) in listener.as_object()? {
            match (name.as_str(), value) {
                ("name" | "address" | "unix", _) | (_, Value::Null) => {}
                (name, value) => told.push(format!("{}: {}", name.replace('_', " "), shown(name, value))),
            }
        }
        Some(format!(
            "{}  {}",
            listener.get("name")?.as_str()?,
            told.join(", ")
        ))
    };
    listeners.into_iter().flatten().filter_map(of).collect()
}

fn reload(status: &Map<String, Value>, now_ms: i64) -> Option<String> {
    let Some(last) = status.get("reload")?.as_object() else {
        return Some("none since the start".to_owned());
    };
    let at = last.get("at_ms").and_then(Value::as_i64)?;
    let when = words::ago(&jiff::Timestamp::from_millisecond(at).ok()?.to_string(), now_ms)?;
    if let Some(error) = text(last, "error") {
        return Some(format!("REFUSED {when}, the configuration before holds: {error}"));
    }
    let waiting = last.get("needs_restart").and_then(Value::as_array);
    let waiting: Vec<&str> = waiting.into_iter().flatten().filter_map(Value::as_str).collect();
    if waiting.is_empty() {
        return Some(format!("taken up {when}"));
    }
    Some(format!(
        "taken up {when}; {} wait for a restart",
        waiting.join(", ")
    ))
}

fn number(object: &Map<String, Value>, name: &str) -> Option<u64> {
    object.get(name)?.as_u64()
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn is_true(object: &Map<String, Value>, name: &str) -> bool {
    object.get(name) == Some(&Value::Bool(true))
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Every value with the path that leads to it.
fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let below = |key: &str| {
        let key = key.replace('_', " ");
        if path.is_empty() {
            key
        } else {
            format!("{path} {key}")
        }
    };
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, &Value)> =
                members.iter().map(|(key, value)| (below(key), value)).collect();
            // As they are shown, so that `p99 us` stands before `p999 us`.
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (path, value) in members {
                flatten(&path, value, rows);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&below(&(at + 1).to_string()), item, rows);
            }
        }
        value => rows.push((path.to_owned(), shown(path, value))),
    }
}

/// A value, with the unit that its name speaks of.
fn shown(path: &str, value: &Value) -> String {
    let number = value.as_u64();
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(path, item)).collect();
            items.join(", ")
        }
        _ => match number {
            Some(number) if path.ends_with("bytes") => words::bytes(number),
            Some(number) if path.ends_with("at ms") => {
                words::moment(i64::try_from(number).unwrap_or(i64::MAX))
            }
            Some(number) => words::count(number),
            None => value.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
