//! Taking up a changed configuration without a restart: all of it that can be, or nothing.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntGauge};
use serde::Serialize;
use serde_json::{Value, json};

use super::site::{Rules, Site};
use super::{AppError, manager};
use crate::config::{Change, Loaded, Uptake};
use crate::http::HttpError;
use crate::metrics::{Metrics, MetricsError};
use crate::telemetry::Log;

/// Said where numbers will be read otherwise than those that are stored were.
const STORED: &str = "what was stored before was read under the old rules: build or replay again to store them by the new ones";

/// What became of a changed configuration that holds no fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Keys whose new values hold from now on.
    pub taken_up: Vec<String>,
    /// Keys whose values differ from what the service was started with, and hold after the next start.
    pub needs_restart: Vec<String>,
    /// Those taken up by which stored numbers would be read otherwise.
    pub stored_by_old_rules: Vec<String>,
    /// What to do about the latter, as a sentence without a full stop.
    pub note: Option<&'static str>,
}

/// Reads the configuration anew and takes it up.
#[derive(Debug)]
pub(super) struct Reloader {
    site: Site,
    log: Log,
    state: Mutex<State>,
    /// Apart from the state, so that a look at the status never waits for a reload.
    last: Mutex<Option<Last>>,
    taken_up: IntCounter,
    refused: IntCounter,
    is_refused: IntGauge,
}

struct State {
    /// What decides the keys that need a restart.
    started: Loaded,
    /// What decides the others.
    current: Loaded,
}

/// The last reload.
#[derive(Debug)]
struct Last {
    at_ms: i64,
    ended: Result<Reloaded, String>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Reloader {
    /// Reloads for `site`, which was made of `started`.
    pub(super) fn new(
        site: Site,
        started: Loaded,
        log: Log,
        metrics: &Metrics,
    ) -> Result<Arc<Reloader>, MetricsError> {
        let reloads = metrics.counters(
            "ringside_config_reloads_total",
            "Times at which the configuration was read again, by what became of it.",
            &["outcome"],
        )?;
        Ok(Arc::new(Reloader {
            site,
            log,
            state: Mutex::new(State {
                current: started.clone(),
                started,
            }),
            last: Mutex::default(),
            taken_up: reloads.with_label_values(&["taken_up"]),
            refused: reloads.with_label_values(&["refused"]),
            is_refused: metrics.gauge(
                "ringside_config_refused_info",
                "1 where the configuration as it stands was refused by the last reload, else 0.",
            )?,
        }))
    }

    /// Reads the configuration anew, checks it as a start would, and takes it up. One at a time.
    ///
    /// # Errors
    /// What is wrong with it; everything then stays as it was.
    pub(super) fn reload(&self) -> Result<Reloaded, AppError> {
        let mut state = locked(&self.state);
        manager::reloading();
        let ended = self.take_up(&mut state);
        manager::ready();
        match &ended {
            Ok(reloaded) => {
                self.taken_up.inc();
                self.is_refused.set(0);
                tracing::info!(
                    taken_up = reloaded.taken_up.join(","),
                    needs_restart = reloaded.needs_restart.join(","),
                    stored_by_old_rules = reloaded.stored_by_old_rules.join(","),
                    "configuration taken up"
                );
            }
            Err(error) => {
                self.refused.inc();
                self.is_refused.set(1);
                tracing::error!(%error, "configuration refused; the one before stays");
            }
        }
        *locked(&self.last) = Some(Last {
            at_ms: now_ms(),
            ended: ended.as_ref().map(Reloaded::clone).map_err(AppError::to_string),
        });
        ended
    }

    fn take_up(&self, state: &mut State) -> Result<Reloaded, AppError> {
        let new = state.current.again()?;
        // Also where the configuration is refused: a key that was revoked opens nothing any more.
        let keys = self.site.keys.reload().map_err(HttpError::from);
        let rules = Rules::new(&new, &self.site.keys)?;
        keys?;
        // Nothing is refused from here on: the level was checked with the rest.
        let live = state.current.changes(&new);
        let restart = state.started.changes(&new);
        if live.iter().any(|change| change.key == "log.level") {
            self.log.set_level(&new.config.log.level)?;
        }
        self.site.take_up(&new.config, &rules);
        state.current = new;
        let keys = |changes: &[Change], fits: fn(Uptake) -> bool| -> Vec<String> {
            let fitting = changes.iter().filter(|change| fits(change.uptake));
            fitting.map(|change| change.key.clone()).collect()
        };
        let stored_by_old_rules = keys(&live, |uptake| uptake == Uptake::Numbers);
        Ok(Reloaded {
            taken_up: keys(&live, |uptake| uptake != Uptake::Restart),
            needs_restart: keys(&restart, |uptake| uptake == Uptake::Restart),
            note: (!stored_by_old_rules.is_empty()).then_some(STORED),
            stored_by_old_rules,
        })
    }

    /// The last reload, for `/status`; `null` before the first.
    pub(super) fn status(&self) -> Value {
        let last = locked(&self.last);
        let Some(last) = &*last else {
            return Value::Null;
        };
        match &last.ended {
            Ok(reloaded) => json!({
                "at_ms": last.at_ms,
                "outcome": "taken_up",
                "taken_up": reloaded.taken_up,
                "needs_restart": reloaded.needs_restart,
                "note": reloaded.note,
                "error": null,
            }),
            Err(error) => json!({"at_ms": last.at_ms, "outcome": "refused", "error": error}),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
