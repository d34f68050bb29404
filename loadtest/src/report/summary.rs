//! The top of a page: the verdict, and what it was taken on.

use std::fmt::Write;

use serde_json::Value;

use super::rows::anchor;
use super::text::{count, escaped, time};
use crate::machine;
use crate::outcome::Outcome;
use crate::row::Row;

pub(super) fn write(out: &mut String, outcomes: &[Outcome], rows: &[Row]) {
    if rows.is_empty() && outcomes.is_empty() {
        out.push_str("<p class=\"verdict\"><strong>Nothing was measured.</strong></p>\n");
    }
    if !rows.is_empty() {
        of_rows(out, rows);
    }
    for outcome in outcomes {
        of_outcome(out, outcome);
    }
    let own = machine::facts();
    of_machine(out, outcomes.first().map_or(&own, |outcome| &outcome.machine));
}

fn of_rows(out: &mut String, rows: &[Row]) {
    let told = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let (met, missed, invalid) = (told("met"), told("missed"), told("invalid"));
    let asked = met + missed + invalid + told("not_run");
    let class = match (missed, invalid) {
        (0, 0) if met > 0 => "met",
        (0, 1..) => "invalid",
        (0, 0) => "idle",
        _ => "missed",
    };
    let _ = write!(
        out,
        "<div class=\"verdict {class}\"><p><strong>{met} of {asked} targets are met.</strong></p>"
    );
    for (status, words) in [
        ("missed", "Missed"),
        ("invalid", "Invalid, so that nothing is known"),
        ("not_run", "Not run"),
    ] {
        let names: Vec<String> = rows
            .iter()
            .filter(|row| row.status == status)
            .map(|row| format!("<a href=\"#{}\">{}</a>", anchor(row), escaped(&row.row)))
            .collect();
        if !names.is_empty() {
            let _ = write!(out, "<p>{words}: {}.</p>", names.join(", "));
        }
    }
    out.push_str("</div>\n");
}

fn of_outcome(out: &mut String, outcome: &Outcome) {
    let wrong: u64 = outcome.phases.iter().map(|phase| phase.wrong).sum();
    let (class, verdict) = match (wrong, outcome.is_valid) {
        (1.., _) => ("missed", format!("{} wrong answers", count(wrong))),
        (0, false) => ("invalid", "not valid".to_owned()),
        (0, true) => ("met", "valid, no wrong answer".to_owned()),
    };
    let _ = write!(
        out,
        "<div class=\"verdict {class}\"><p><strong>{} at {}: {}.</strong></p>",
        escaped(&outcome.scenario),
        escaped(&outcome.target),
        escaped(&verdict)
    );
    if let Some(reason) = &outcome.why_invalid {
        let _ = write!(out, "<p>{}</p>", escaped(reason));
    }
    for phase in outcome.phases.iter().filter(|phase| !phase.is_warm_up) {
        let _ = write!(
            out,
            "<p>{}: of {} requests {} were answered; p50 {}, p99 {}, worst {}.</p>",
            escaped(&phase.name),
            count(phase.sent),
            count(phase.answered),
            time(phase.latency.p50_ns as f64),
            time(phase.latency.p99_ns as f64),
            time(phase.latency.max_ns as f64)
        );
    }
    out.push_str("</div>\n");
}

fn of_machine(out: &mut String, machine: &Value) {
    let text = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
    let memory = machine["memory_kib"].as_u64().map_or_else(
        || "unknown memory".to_owned(),
        |kib| format!("{:.0} GiB", kib as f64 / f64::from(1 << 20)),
    );
    let _ = writeln!(
        out,
        "<p class=\"faint\">Taken at {} on {} cores of {}, {memory}, Linux {}. Ratios are of things measured side by side in one run, \
         A B B A …: they hold where absolute times do not.</p>",
        escaped(&text("taken_at")),
        machine["cores"].as_u64().unwrap_or(0),
        escaped(&text("cpu")),
        escaped(&text("kernel"))
    );
}
