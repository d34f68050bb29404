//! What comparisons have come to since the last reset: counts by cause, times, and the newest differences.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::times::Times;
use crate::callers::compare::{Cause, Compared};
use crate::telemetry::{self, Redacted};

/// One listener's report.
#[derive(Debug)]
pub(super) struct Report(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    since_ms: i64,
    counts: BTreeMap<(&'static str, Cause), u64>,
    /// Failures of the upstream in which Ringside had an answer.
    known: u64,
    upstream: Times,
    own: Times,
    newest: VecDeque<Difference>,
}

/// One comparison that was made.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) dialect: &'static str,
    /// The calling number, as sent.
    pub(super) ani: Option<String>,
    pub(super) compared: Compared,
    /// Until the upstream had answered, or failed.
    pub(super) upstream: Duration,
    /// What our own answer took.
    pub(super) own: Duration,
    /// Whether Ringside knows who it is.
    pub(super) is_known: bool,
}

/// What is kept of one that differs.
#[derive(Debug)]
struct Difference {
    at_ms: i64,
    dialect: &'static str,
    cause: Cause,
    column: Option<String>,
    ani: Option<Redacted<String>>,
    theirs: Option<Redacted<String>>,
    ours: Option<Redacted<String>>,
    upstream: Duration,
    own: Duration,
}

impl Report {
    pub(super) fn new() -> Report {
        Report(Mutex::new(Kept::begin()))
    }

    /// Begins anew.
    pub(super) fn reset(&self) {
        *self.kept() = Kept::begin();
    }

    /// Takes `noted` in; of those that differ the newest `most` are kept.
    pub(super) fn note(&self, noted: Noted, most: usize) {
        let mut kept = self.kept();
        let cause = noted.compared.cause;
        *kept.counts.entry((noted.dialect, cause)).or_default() += 1;
        let has_failed = matches!(cause, Cause::UpstreamError | Cause::UpstreamTimeout);
        kept.known += u64::from(has_failed && noted.is_known);
        kept.upstream.note(noted.upstream);
        if cause != Cause::NotCompared {
            kept.own.note(noted.own);
        }
        if cause != Cause::Same {
            let Compared {
                column, theirs, ours, ..
            } = noted.compared;
            kept.newest.push_front(Difference {
                at_ms: now_ms(),
                dialect: noted.dialect,
                cause,
                column,
                ani: noted.ani.map(Redacted::new),
                theirs: theirs.map(Redacted::new),
                ours: ours.map(Redacted::new),
                upstream: noted.upstream,
                own: noted.own,
            });
        }
        kept.newest.truncate(most);
    }

    /// All of it; with people's numbers and names where `reveal`.
    pub(super) fn to_json(&self, reveal: bool) -> Value {
        let kept = self.kept();
        let mut causes: BTreeMap<&str, u64> =
            Cause::ALL.into_iter().map(|cause| (cause.as_str(), 0)).collect();
        let mut dialects: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        let (mut judged, mut same, mut all) = (0, 0, 0);
        for ((dialect, cause), count) in &kept.counts {
            *causes.entry(cause.as_str()).or_default() += count;
            dialects
                .entry(dialect)
                .or_default()
                .insert(cause.as_str(), *count);
            all += count;
            judged += if cause.is_judged() { *count } else { 0 };
            same += if *cause == Cause::Same { *count } else { 0 };
        }
        let newest = kept.newest.iter().map(|difference| difference.to_json(reveal));
        json!({
            "since_ms": kept.since_ms,
            "comparisons": all,
            "causes": causes,
            "dialects": dialects,
            "agreement_percent": percent(same, judged),
            "upstream_failed_and_known": kept.known,
            "upstream_us": times(&kept.upstream),
            "ringside_us": times(&kept.own),
            "differences": newest.collect::<Vec<Value>>(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn begin() -> Kept {
        Kept {
            since_ms: now_ms(),
            counts: BTreeMap::new(),
            known: 0,
            upstream: Times::default(),
            own: Times::default(),
            newest: VecDeque::new(),
        }
    }
}

impl Difference {
    fn to_json(&self, reveal: bool) -> Value {
        let ani = self.ani.as_ref().map(Redacted::expose);
        let value = |value: &Option<Redacted<String>>| {
            let value = value.as_ref().map(Redacted::expose)?;
            // It may be a number as well as a name, and a name that begins with digits is redacted as one.
            let is_number = value.starts_with(|c: char| c.is_ascii_digit() || c == '+');
            Some(match (reveal, is_number) {
                (true, _) => value.clone(),
                (false, true) => telemetry::number(value).to_string(),
                (false, false) => telemetry::name(value).to_string(),
            })
        };
        json!({
            "at_ms": self.at_ms,
            "dialect": self.dialect,
            "cause": self.cause.as_str(),
            "column": self.column,
            "ani": ani.map(|ani| if reveal { ani.clone() } else { telemetry::number(ani).to_string() }),
            "upstream": value(&self.theirs),
            "ringside": value(&self.ours),
            "upstream_us": micros(self.upstream),
            "ringside_us": micros(self.own),
        })
    }
}

/// In percent, with two decimals, never rounded up to all; `null` of nothing.
fn percent(part: u64, whole: u64) -> Value {
    match (part * 10_000).checked_div(whole) {
        None => Value::Null,
        Some(hundredths) => json!(hundredths as f64 / 100.0),
    }
}

fn times(times: &Times) -> Value {
    json!({"p50": times.within(50), "p95": times.within(95), "p99": times.within(99)})
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(cause: Cause, ani: &str) -> Noted {
        Noted {
            dialect: "dynamics",
            ani: Some(ani.to_owned()),
            compared: Compared {
                cause,
                column: Some("fullname".to_owned()),
                theirs: Some("Ada Lovelace".to_owned()),
                ours: Some("+44 20 7946 0958".to_owned()),
            },
            upstream: Duration::from_millis(80),
            own: Duration::from_micros(7),
            is_known: true,
        }
    }

    #[test]
    fn agreement_is_of_those_that_could_agree() {
        let report = Report::new();
        assert_eq!(report.to_json(false)["agreement_percent"], Value::Null);
        for _ in 0..2 {
            report.note(noted(Cause::Same, "+14806754110"), 9);
        }
        for cause in [Cause::OnlyUpstream, Cause::UpstreamTimeout, Cause::NotCompared] {
            report.note(noted(cause, "+14806754110"), 9);
        }
        let told = report.to_json(false);
        assert_eq!(told["agreement_percent"], json!(66.66));
        assert_eq!(told["comparisons"], 5);
        assert_eq!(told["upstream_failed_and_known"], 1);
        assert_eq!(told["causes"]["same"], 2);
        assert_eq!(told["causes"]["unsupported"], 0);
        assert_eq!(told["dialects"]["dynamics"]["upstream_timeout"], 1);
        report.reset();
        assert_eq!(report.to_json(true)["comparisons"], 0);
    }

    #[test]
    fn the_newest_differences_are_kept_and_name_nobody() {
        let report = Report::new();
        for nth in 0..5 {
            report.note(noted(Cause::OtherCustomer, &format!("+1480675411{nth}")), 3);
        }
        report.note(noted(Cause::Same, "+14806754110"), 3);
        let told = report.to_json(false)["differences"].clone();
        assert_eq!(told.as_array().map(Vec::len), Some(3));
        let text = told.to_string();
        for leaked in ["4806754", "Ada", "Lovelace", "7946"] {
            assert!(!text.contains(leaked), "{leaked} is in {text}");
        }
        let whole = report.to_json(true)["differences"].clone();
        assert_eq!(whole[0]["ani"], "+14806754114");
        assert_eq!(whole[0]["upstream"], "Ada Lovelace");
        assert_eq!(whole[0]["upstream_us"], 80_000);
    }
}
