//! The thread beside the feeds: catches up where no feed does, says when the service is ready, and publishes generations.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{CatchUp, publisher::Publisher};
use crate::app::AppError;
use crate::feed::copies::Need;
use crate::http::Readiness;
use crate::tenant::Tenant;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread works with.
pub(in crate::app) struct Tending {
    /// What takes generations over.
    pub(in crate::app) catch_up: Arc<CatchUp>,
    /// What publishes them; `None` where nothing is.
    pub(in crate::app) publisher: Option<Publisher>,
    /// Whose they are.
    pub(in crate::app) tenant: Arc<Tenant>,
    /// Whether this node should be sent callers.
    pub(in crate::app) readiness: Arc<Readiness>,
    /// Whether no feed asks for a generation by itself.
    pub(in crate::app) is_alone: bool,
    /// Whether this node is the one that decides.
    pub(in crate::app) decides: Box<dyn Fn() -> bool + Send>,
}

impl fmt::Debug for Tending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tending")
            .field("catch_up", &self.catch_up)
            .finish_non_exhaustive()
    }
}

/// The running thread.
#[derive(Debug)]
pub(in crate::app) struct Running {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Tending {
    /// Runs it.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(in crate::app) fn spawn(mut self) -> Result<Running, AppError> {
        let (stop, stopped) = channel();
        let run = move || {
            let mut is_ready = false;
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                self.look(&mut is_ready);
            }
        };
        let thread = std::thread::Builder::new()
            .name("generations".into())
            .spawn(run)?;
        Ok(Running { stop, thread })
    }

    fn look(&mut self, is_ready: &mut bool) {
        if self.is_alone && self.catch_up.generations.is_empty() {
            let nobody = |_: &str| ();
            let _told = self.catch_up.take_over(None, Need::New, &nobody);
        }
        let now = Instant::now();
        let freshness = &self.tenant.freshness;
        let reading = freshness.now(now);
        if !*is_ready && self.readiness.reasons(&reading, &freshness.troubles()).is_empty() {
            *is_ready = true;
            let after = self.catch_up.progress.ready();
            let generation = self.tenant.index.snapshot().header().generation;
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(generation, after_ms, "ready");
        }
        if let Some(publisher) = &mut self.publisher {
            let may = *is_ready && reading.is_only_old() && (self.decides)();
            publisher.tend(now, may, &|| self.catch_up.generations.is_ending());
        }
    }
}

impl Running {
    /// Ends it; what is under way is told by whoever ends acts on generations.
    pub(in crate::app) fn stop(self) {
        drop(self.stop);
        let _panicked = self.thread.join();
    }
}
