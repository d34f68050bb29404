//! The process itself: when it began, what memory and how many open files it has.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use super::name::Kind;
use super::{MetricsError, register};

/// Gauges that are set when the metrics are read.
#[derive(Debug)]
pub(super) struct Process {
    memory: IntGauge,
    files: IntGauge,
}

impl Process {
    pub(super) fn register(registry: &Registry) -> Result<Process, MetricsError> {
        let gauge =
            |name: &str, help: &str| register(registry, Kind::Gauge, name, || IntGauge::new(name, help));
        let build = register(registry, Kind::Gauge, "ringside_build_info", || {
            let help = "1; the version is its label.";
            IntGaugeVec::new(Opts::new("ringside_build_info", help), &["version"])
        })?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let started = gauge(
            "ringside_process_start_time_seconds",
            "When the process began, in Unix seconds.",
        )?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        started.set(i64::try_from(now).unwrap_or(i64::MAX));
        Ok(Process {
            memory: gauge(
                "ringside_process_resident_memory_bytes",
                "Memory resident, mapped snapshots included; 0 where the system does not tell.",
            )?,
            files: gauge(
                "ringside_process_open_files_count",
                "Open files and sockets; 0 where the system does not tell.",
            )?,
        })
    }

    pub(super) fn measure(&self) {
        self.memory.set(resident_bytes().unwrap_or(0));
        self.files.set(open_files().unwrap_or(0));
    }
}

/// `status` rather than `statm`, which counts in pages of a size that the standard library does not tell.
fn resident_bytes() -> Option<i64> {
    parse_resident(&fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<i64>()
        .ok()?
        .checked_mul(1024)
}

fn open_files() -> Option<i64> {
    // Listing the folder opens one more.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(
            parse_resident("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"),
            Some(2_097_152)
        );
        for odd in ["", "VmRSS: kB", "VmRSS: 1 MB", "VmRSS: 9223372036854775807 kB"] {
            assert_eq!(parse_resident(odd), None, "{odd}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_is_measured_when_asked() {
        let process = Process::register(&Registry::new()).unwrap();
        assert_eq!((process.memory.get(), process.files.get()), (0, 0));
        process.measure();
        assert!(process.memory.get() > 100_000, "{}", process.memory.get());
        // Standard input, output and error at the least.
        assert!(process.files.get() >= 3, "{}", process.files.get());
    }
}
