//! What one run of the load generator gave: the record that reports are made of, and that is written as JSON.

use serde::{Deserialize, Serialize};

/// The version of this record, which each outcome names.
pub(crate) const SCHEMA: u32 = 1;

/// What one run of one scenario against one target gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// Facts of the machine.
    pub(crate) machine: serde_json::Value,
    /// What gives it again.
    pub(crate) command: String,
    /// Name of the scenario, such as `steady`.
    pub(crate) scenario: String,
    /// `ringside-tcp`, `ringside-unix`, `ringside-tls`, `hyper`, `redis`, `redis-unix` or `postgresql`.
    pub(crate) target: String,
    /// What the arrivals and keys were made of: the same seed gives the same schedule.
    pub(crate) seed: u64,
    /// Customers that the target holds.
    pub(crate) customers: u64,
    /// Connections, each with one request at a time.
    pub(crate) connections: usize,
    /// In the order in which they ran.
    pub(crate) phases: Vec<Phase>,
    /// Whether the generator was on time, and kept up.
    pub(crate) is_valid: bool,
    /// A sentence for a person.
    pub(crate) why_invalid: Option<String>,
}

/// What one phase gave. A request belongs to the phase in which it was due.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// Such as `warm-up`, `steady`, `burst`, `churn`, `swap` or `failover`.
    pub(crate) name: String,
    /// Whether its figures are to be left out.
    pub(crate) is_warm_up: bool,
    /// Its length.
    pub(crate) seconds: f64,
    /// Requests due a second, on average.
    pub(crate) offered_per_s: f64,
    /// Requests sent.
    pub(crate) sent: u64,
    /// Requests answered as they should be, as far as the status tells.
    pub(crate) answered: u64,
    /// Answered as overload.
    pub(crate) refused: u64,
    /// Broken connections, unexpected statuses.
    pub(crate) failed: u64,
    /// Not answered in time; in the histogram at the time-out.
    pub(crate) timed_out: u64,
    /// Answers compared with the oracle, byte for byte.
    pub(crate) checked: u64,
    /// Those that differed.
    pub(crate) wrong: u64,
    /// From the intended send to the whole answer.
    pub(crate) latency: Quantiles,
    /// From the intended send to the actual one.
    pub(crate) lateness: Quantiles,
    /// Percentile, and nanoseconds of latency: for the picture.
    pub(crate) curve: Vec<(f64, u64)>,
    /// Second by second.
    pub(crate) per_second: Vec<Second>,
    /// Seconds into the phase, and what happened.
    pub(crate) events: Vec<(f64, String)>,
}

/// A distribution of times, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    /// The mean.
    pub(crate) mean_ns: f64,
    /// The median.
    pub(crate) p50_ns: u64,
    /// 90 of 100 are at most this.
    pub(crate) p90_ns: u64,
    /// 99 of 100.
    pub(crate) p99_ns: u64,
    /// 999 of 1,000.
    pub(crate) p999_ns: u64,
    /// The longest.
    pub(crate) max_ns: u64,
}

/// One second of a phase. A request belongs to the second in which it was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    /// The second, from 0.
    pub(crate) at_s: u64,
    /// Requests sent.
    pub(crate) sent: u64,
    /// Requests answered.
    pub(crate) answered: u64,
    /// Refused, failed and timed out.
    pub(crate) errors: u64,
    /// The median latency.
    pub(crate) p50_ns: u64,
    /// 99 of 100 latencies are at most this.
    pub(crate) p99_ns: u64,
    /// 999 of 1,000.
    pub(crate) p999_ns: u64,
    /// The longest.
    pub(crate) max_ns: u64,
}
