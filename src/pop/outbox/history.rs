//! Older interactions of a customer, asked of the system of record when somebody wants to see them.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::client::{Answered, Asked, Client, Failure};
use super::error::OutboxError;
use super::request::encoded;
use super::settings::{Settings, is_history_place};
use super::template::Text;
use crate::feed::mapping::Interactions;

/// The most interactions of one page.
const PAGE_MAX: usize = 1000;

/// Asks for older interactions.
pub struct History {
    client: Client,
    path: String,
    timeout: Duration,
    answer_max: usize,
    list: Vec<String>,
    fields: Interactions,
    places: Semaphore,
    failures_max: u32,
    pause: Duration,
    circuit: Mutex<Circuit>,
}

/// Interactions in our own form, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Interactions.
    pub interactions: Vec<Value>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// As many ask as may, or nothing is asked for a while after failures: nobody was asked.
    #[error(
        "the system of record is not asked for older interactions now ({why}); try again in {retry_after_s} s"
    )]
    Resting {
        /// Why.
        why: &'static str,
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// The system of record does not say.
    #[error("the system of record does not give older interactions: {0}; try again later")]
    Unavailable(String),
}

/// Failures in a row, and until when nothing is asked.
#[derive(Debug, Default, Clone, Copy)]
struct Circuit {
    failures: u32,
    until: Option<Instant>,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl HistoryError {
    /// When to try again, in seconds.
    pub fn retry_after_s(&self) -> u64 {
        match self {
            HistoryError::Resting { retry_after_s, .. } => *retry_after_s,
            HistoryError::Unavailable(_) => 5,
        }
    }
}

impl History {
    /// What asks the system of record of `settings`; `None` where it cannot be asked.
    ///
    /// # Errors
    /// A file that the settings name cannot be used.
    pub fn new(settings: &Settings) -> Result<Option<History>, OutboxError> {
        if !settings.has_history() {
            return Ok(None);
        }
        let of = &settings.history;
        Ok(Some(History {
            client: Client::new(settings)?,
            path: settings.history_path.clone(),
            timeout: Duration::from_millis(of.timeout_ms),
            answer_max: of.answer_max_kib << 10,
            list: of.list.clone(),
            fields: of.interactions(),
            places: Semaphore::new(of.in_flight_max),
            failures_max: of.failures_max,
            pause: Duration::from_secs(of.pause_s),
            circuit: Mutex::default(),
        }))
    }

    /// Up to `limit` (1–1000) interactions of the customer that began before `before`, the newest first. A customer that
    /// the system of record does not know has none.
    ///
    /// # Errors
    /// The system of record is not asked, or does not answer within its time and in a form that is understood.
    pub async fn older(
        &self,
        customer_id: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Page, HistoryError> {
        let limit = limit.clamp(1, PAGE_MAX);
        if let Some(rest) = self.circuit().rest(Instant::now()) {
            return Err(HistoryError::Resting {
                why: "it failed several times in a row",
                retry_after_s: rest.as_secs() + 1,
            });
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Err(HistoryError::Resting {
                why: "as many ask for it as may",
                retry_after_s: 1,
            });
        };
        let asked = self.asked(customer_id, before, limit);
        let asking = self.client.ask(&asked, self.timeout, self.answer_max);
        // Connecting and answering together.
        let answered = tokio::time::timeout(self.timeout, asking).await;
        let page = self.page(answered.unwrap_or(Err(Failure::Late)), before, limit);
        let mut circuit = self.circuit();
        match &page {
            Ok(_) => *circuit = Circuit::default(),
            Err(_) => circuit.fails(Instant::now(), self.failures_max, self.pause),
        }
        page
    }

    fn asked(&self, customer_id: &str, before: Timestamp, limit: usize) -> Asked {
        let value = |name: &str| {
            Some(match name {
                "customer_id" => encoded(customer_id),
                "before" => encoded(&before.to_string()),
                // One more says whether there are more.
                _ => (limit + 1).to_string(),
            })
        };
        let path = Text::parse(&self.path, &is_history_place);
        Asked {
            method: Method::GET,
            path: path.ok().and_then(|path| path.fill(&value)).unwrap_or_default(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    fn page(
        &self,
        answered: Result<Answered, Failure>,
        before: Timestamp,
        limit: usize,
    ) -> Result<Page, HistoryError> {
        let unavailable = |why: String| Err(HistoryError::Unavailable(why));
        let answered = match answered {
            Ok(answered) => answered,
            Err(Failure::Unreachable) => return unavailable("it cannot be reached".to_owned()),
            Err(Failure::Late) => return unavailable("no answer in time".to_owned()),
            Err(Failure::Broken) => return unavailable("no whole answer in HTTP".to_owned()),
            Err(Failure::TooLong) => {
                return unavailable("its answer is longer than history.answer_max_kib".to_owned());
            }
        };
        match answered.status.as_u16() {
            404 => {
                return Ok(Page {
                    interactions: Vec::new(),
                    more: false,
                });
            }
            200..=299 => {}
            status => return unavailable(format!("status {status}")),
        }
        let Ok(json) = serde_json::from_slice::<Value>(&answered.body) else {
            return unavailable("its answer is no JSON".to_owned());
        };
        let Some(list) = self.list_in(&json) else {
            return unavailable("its answer has no list where history.list says".to_owned());
        };
        let mut found: Vec<(Option<Timestamp>, Value)> = list
            .iter()
            .filter_map(|document| {
                let read = Value::Object(self.fields.read(document)?);
                let at = read.get("started_at").and_then(Value::as_str);
                Some((at.and_then(|at| at.parse().ok()), read))
            })
            // A server that does not look at `before` sends all it has.
            .filter(|(at, _): &(Option<Timestamp>, _)| at.is_none_or(|at| at < before))
            .collect();
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let says_more = ["more", "hasMore", "has_more"];
        let says_more = says_more
            .iter()
            .any(|key| json.get(key) == Some(&Value::Bool(true)));
        let more = found.len() > limit || (says_more && !found.is_empty());
        found.truncate(limit);
        Ok(Page {
            interactions: found.into_iter().map(|(_, interaction)| interaction).collect(),
            more,
        })
    }

    fn list_in<'a>(&self, json: &'a Value) -> Option<&'a Vec<Value>> {
        let at = |path: &String| {
            path.split('.')
                .try_fold(json, |value, step| value.get(step))?
                .as_array()
        };
        json.as_array().or_else(|| self.list.iter().find_map(at))
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// How long nothing is asked from now on.
    fn rest(&self, now: Instant) -> Option<Duration> {
        self.until?
            .checked_duration_since(now)
            .filter(|rest| !rest.is_zero())
    }

    fn fails(&mut self, now: Instant, most: u32, pause: Duration) {
        self.failures = self.failures.saturating_add(1);
        // The first one behind a pause finds out whether it is there again.
        if self.failures >= most {
            self.until = Some(now + pause);
        }
    }
}
