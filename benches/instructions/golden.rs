//! The counts that are held: a file of the repository, and what is wrong with others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Percent by which a count may differ, and instructions where that is less.
const TOLERANCE_PERCENT: u64 = 3;
const TOLERANCE_LEAST: u64 = 3;
/// Percent for what goes through an overlay: its maps spread their keys by a seed of their own, so that nobody can choose keys
/// that collide, and how many do differs from run to run.
const OVERLAY_PERCENT: u64 = 40;

const HEAD: &str = "\
# Instructions that each call takes, as tests/instructions counts them: it fails where one differs by more than 3 %, up or
# down (40 % through an overlay, whose maps have seeds of their own). `tests/instructions --accept` writes this file; a commit that changes it says what the instructions bought.
# They hold for the toolchain of rust-toolchain.toml, and for a processor with AVX2.

";

/// Counts by the name of what was called.
pub(crate) type Counts = BTreeMap<String, u64>;

/// What is held.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Golden {
    pub(crate) counts: Counts,
}

impl Golden {
    /// What the file at `path` holds; nothing where there is none.
    pub(crate) fn read(path: &Path) -> Golden {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.is_empty() {
            return Golden::default();
        }
        toml::from_str(&text).unwrap()
    }

    /// What is wrong with `found`, a line each.
    pub(crate) fn judge(&self, found: &Counts) -> Vec<String> {
        let names = self.counts.keys().chain(found.keys());
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter_map(|name| complaint(name, self.counts.get(name).copied(), found.get(name).copied()))
            .collect()
    }
}

fn complaint(name: &str, expected: Option<u64>, found: Option<u64>) -> Option<String> {
    match (expected, found) {
        (None, None) => None,
        (None, Some(found)) => Some(format!("{name}: expected none, found {found}: a new count")),
        (Some(expected), None) => Some(format!(
            "{name}: expected {expected}, found none: it is not counted any more"
        )),
        (Some(expected), Some(found)) => {
            let percent = if name.contains("overlay") {
                OVERLAY_PERCENT
            } else {
                TOLERANCE_PERCENT
            };
            let tolerance = (expected * percent / 100).max(TOLERANCE_LEAST);
            let percent = (found as f64 - expected as f64) * 100.0 / expected as f64;
            let word = if found > expected { "slower" } else { "faster" };
            (expected.abs_diff(found) > tolerance).then(|| {
                format!(
                    "{name}: expected {expected} ± {tolerance} instructions, found {found}: {word} by {:.1} %",
                    percent.abs()
                )
            })
        }
    }
}

/// Writes `counts` to `path` as what is held from now on.
#[allow(dead_code, reason = "not for those that only judge")]
pub(crate) fn write(path: &Path, counts: &Counts) {
    fs::write(path, text(counts)).unwrap();
}

/// The file that holds `counts`.
pub(crate) fn text(counts: &Counts) -> String {
    let lines = counts
        .iter()
        .map(|(name, count)| format!("\"{name}\" = {count}\n"));
    format!("{HEAD}[counts]\n{}", lines.collect::<String>())
}
