//! CPU that the threads of a process have taken.

use std::collections::BTreeMap;
use std::fs;
use std::io::Error;

/// Nanoseconds of CPU of the process `pid`, by the names of its threads.
pub(super) fn cpu(pid: u32) -> Result<BTreeMap<String, u64>, Error> {
    let mut taken = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let read = |name| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let nanos = read("schedstat")
            .split_whitespace()
            .next()
            .and_then(|nanos| nanos.parse::<u64>().ok());
        *taken.entry(read("comm").trim().to_owned()).or_default() += nanos.unwrap_or(0);
    }
    Ok(taken)
}

/// What was taken between the two, a change, for the threads that took over a tenth of a microsecond.
pub(super) fn between(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, changes: f64) -> String {
    let each = after.iter().filter_map(|(name, nanos)| {
        let taken = nanos.saturating_sub(before.get(name).copied().unwrap_or(0));
        let micros = taken as f64 / 1000.0 / changes;
        (micros >= 0.1).then(|| format!("{name} {micros:.1} µs"))
    });
    each.collect::<Vec<_>>().join(", ")
}
