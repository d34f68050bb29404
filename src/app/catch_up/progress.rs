//! How far catching up is, for whoever waits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntGauge;
use serde_json::{Value, json};

use crate::metrics::{Metrics, MetricsError};

/// How often the log says how far a fetch is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was to be fetched: the node goes on from what it has.
    Own,
    /// Somebody is asked what there is.
    Asking,
    /// A file is on its way.
    Fetching,
    /// It is verified, and compared with what is served.
    Verifying,
    /// It is served, and feeds follow behind it.
    Following,
    /// It waits to be accepted.
    Held,
    /// Nothing could be fetched: the feeds go on by themselves.
    Failed,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Own => "own",
            Phase::Asking => "asking",
            Phase::Fetching => "fetching",
            Phase::Verifying => "verifying",
            Phase::Following => "following",
            Phase::Held => "held",
            Phase::Failed => "failed",
        }
    }
}

/// How far it is.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    state: Mutex<State>,
    bytes: IntGauge,
    expected: IntGauge,
    ready: IntGauge,
}

#[derive(Debug, Clone)]
struct State {
    phase: Phase,
    from: String,
    bytes: u64,
    total: u64,
    /// When the first byte was asked for, and how long it took to the last one.
    fetching: Option<Instant>,
    took: Option<Duration>,
    told: Instant,
    error: String,
    ready_after: Option<Duration>,
}

impl Progress {
    /// Of a service that was `started` then.
    pub(super) fn register(started: Instant, metrics: &Metrics) -> Result<Progress, MetricsError> {
        Ok(Progress {
            started,
            state: Mutex::new(State {
                phase: Phase::Own,
                from: String::new(),
                bytes: 0,
                total: 0,
                fetching: None,
                took: None,
                told: started,
                error: String::new(),
                ready_after: None,
            }),
            bytes: metrics.gauge(
                "ringside_snapshot_fetched_bytes",
                "Bytes of the generation that is fetched from elsewhere, or was last, that are here.",
            )?,
            expected: metrics.gauge(
                "ringside_snapshot_fetch_bytes",
                "Bytes of the generation that is fetched from elsewhere, or was last.",
            )?,
            ready: metrics.gauge(
                "ringside_process_ready_seconds",
                "From the start until the service was ready for the first time, rounded up; 0 until then.",
            )?,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `from` is asked what there is.
    pub(super) fn ask(&self, from: &str) {
        let mut state = self.state();
        (state.phase, state.bytes, state.total) = (Phase::Asking, 0, 0);
        (state.fetching, state.took) = (None, None);
        from.clone_into(&mut state.from);
    }

    /// A file of `total` bytes is on its way.
    pub(super) fn fetch(&self, total: u64) {
        let mut state = self.state();
        let now = Instant::now();
        (state.phase, state.bytes, state.total) = (Phase::Fetching, 0, total);
        (state.fetching, state.told) = (Some(now), now);
        self.bytes.set(0);
        self.expected.set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    /// `bytes` of it are here.
    pub(super) fn at(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut state = self.state();
        state.bytes = bytes;
        if bytes >= state.total {
            state.took = state.fetching.map(|begun| begun.elapsed());
        }
        if state.told.elapsed() >= TELL_EVERY {
            state.told = Instant::now();
            let (per_second, left_s) = state.pace();
            tracing::info!(
                from = state.from,
                bytes,
                total = state.total,
                per_second,
                left_s,
                "fetching a generation"
            );
        }
    }

    /// It is in this phase now.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        if phase != Phase::Failed {
            state.error.clear();
        }
    }

    /// It failed.
    pub(super) fn fail(&self, error: &str) {
        let mut state = self.state();
        state.phase = Phase::Failed;
        error.clone_into(&mut state.error);
    }

    /// The service is ready, for the first time. How long that took.
    pub(super) fn ready(&self) -> Duration {
        let after = self.started.elapsed();
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.ready.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.state().ready_after = Some(after);
        after
    }

    /// For `/status`; `lag_ms` is how far feeds are behind.
    pub(super) fn to_json(&self, lag_ms: Option<u64>) -> Value {
        let state = self.state().clone();
        let (per_second, left_s) = state.pace();
        let is_fetching = state.phase == Phase::Fetching;
        let text = |text: String| (!text.is_empty()).then_some(text);
        json!({
            "phase": state.phase.name(),
            "from": text(state.from),
            "bytes": state.bytes,
            "total_bytes": state.total,
            "bytes_per_s": per_second,
            "left_s": is_fetching.then_some(left_s).flatten(),
            "lag_ms": lag_ms,
            "error": text(state.error),
            "ready_after_ms": state.ready_after.map(millis),
        })
    }
}

impl State {
    /// Bytes a second so far, and the seconds that are left at that pace.
    fn pace(&self) -> (Option<u64>, Option<u64>) {
        let took = self.took.or(self.fetching.map(|begun| begun.elapsed()));
        let Some(took) = took.map(millis).filter(|took| *took > 0 && self.bytes > 0) else {
            return (None, None);
        };
        let per_second = self.bytes.saturating_mul(1000) / took;
        let left = self.total.saturating_sub(self.bytes);
        (Some(per_second), left.checked_div(per_second))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
