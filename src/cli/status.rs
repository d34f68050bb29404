//! `status`: how a running server is.

use serde_json::Value;

use super::arguments::StatusArguments;
use super::client::{Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::words;
use crate::config::{Config, environment};

/// What a person looks for first.
const FIRST: [&str; 10] = [
    "ready",
    "reasons",
    "role",
    "stale",
    "connected",
    "age",
    "position",
    "generation",
    "customers",
    "numbers",
];

pub(super) fn run(arguments: &StatusArguments, out: &mut Output) -> Result<(), CliError> {
    let admin = match &arguments.admin {
        Some(admin) => admin.clone(),
        None => Server::at(
            Config::load(arguments.config.file.as_deref(), environment())?
                .admin
                .address,
        ),
    };
    let body = admin.get("/status", &Trust::of(&arguments.credentials)?)?;
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let status: Value = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: admin.to_string(),
        expected: "its status",
        source,
    })?;
    out.styled(Style::Bold, &admin)?;
    let mut rows = Vec::new();
    flatten("", &status, &mut rows);
    // What is asked most stands first; the rest keeps its order.
    rows.sort_by_key(|(path, _)| {
        FIRST
            .iter()
            .position(|first| path.starts_with(first))
            .unwrap_or(FIRST.len())
    });
    Ok(out.table(&rows)?)
}

/// Every value with the path that leads to it; a server of another version may say more or less than this one.
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
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_told_line_by_line() {
        let status = json!({
            "ready": true,
            "snapshot": {"generation": 3, "file_bytes": 1_048_576, "created_at_ms": 0},
            "feeds": [{"name": "main", "connected": false}],
            "reasons": ["a", "b"],
            "error": null,
            "took": {"p999_us": 3, "p50_us": 1, "p99_us": 2},
        });
        let mut rows = Vec::new();
        flatten("", &status, &mut rows);
        let rows: Vec<String> = rows
            .iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        assert_eq!(
            rows,
            [
                "error: none",
                "feeds 1 connected: no",
                "feeds 1 name: main",
                "ready: yes",
                "reasons: a, b",
                "snapshot created at ms: 1970-01-01 00:00:00 UTC",
                "snapshot file bytes: 1.0 MiB",
                "snapshot generation: 3",
                "took p50 us: 1",
                "took p99 us: 2",
                "took p999 us: 3",
            ]
        );
    }
}
