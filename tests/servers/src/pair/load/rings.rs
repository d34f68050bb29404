//! A telephone system that tells of rings, and tells again where nobody answered.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{AGENTS, Caller, Clock};
use crate::pair::{CUSTOMERS, node, phone};

/// Time between two rings.
const EVERY: Duration = Duration::from_millis(100);
/// How long it waits for an answer.
const WITHIN: Duration = Duration::from_millis(1500);
/// How often it tells of one ring.
const ATTEMPTS: u32 = 40;

/// What became of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// The call.
    pub call_id: String,
    /// At whose desk it rang.
    pub agent: String,
    /// The pop, as the answer named it.
    pub pop_id: Option<String>,
    /// What the answer promised; `None`: there was none.
    pub replicated: Option<bool>,
    /// When it was told for the first time, since the load began.
    pub at: Duration,
    /// How long it took to be answered.
    pub took: Duration,
    /// How often it was told.
    pub attempts: u32,
    /// What it was answered last, where that was no pop.
    pub error: Option<String>,
}

/// All rings.
#[derive(Debug, Clone, Default)]
pub struct Rings {
    /// In the order in which they were told.
    pub all: Vec<Ring>,
}

impl Rings {
    /// How many were answered.
    pub fn answered(&self) -> usize {
        self.all.iter().filter(|ring| ring.replicated.is_some()).count()
    }

    /// How many were answered with `replicated` as given.
    pub fn replicated(&self, replicated: bool) -> usize {
        self.all
            .iter()
            .filter(|ring| ring.replicated == Some(replicated))
            .count()
    }

    /// Those that nobody answered, however often they were told.
    pub fn unanswered(&self) -> Vec<Ring> {
        self.all
            .iter()
            .filter(|ring| ring.replicated.is_none())
            .cloned()
            .collect()
    }
}

static LOADS: AtomicU32 = AtomicU32::new(0);

/// Tells of rings until the clock has ended.
pub(super) fn run(clock: &Clock, seen: &Mutex<Rings>) {
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    let mut caller = Caller::new(node::vip(), WITHIN);
    let mut nth = 0;
    while !clock.has_ended() {
        let agent = AGENTS[usize::try_from(nth).unwrap() % AGENTS.len()];
        let mut ring = Ring {
            call_id: format!("call-{load}-{nth}"),
            agent: agent.to_owned(),
            pop_id: None,
            replicated: None,
            at: clock.now(),
            took: Duration::ZERO,
            attempts: 0,
            error: None,
        };
        let body =
            json!({"call_id": ring.call_id, "ani": phone(nth % CUSTOMERS), "agent": agent}).to_string();
        while ring.replicated.is_none() && ring.attempts < ATTEMPTS {
            ring.attempts += 1;
            match caller.ask("POST", "/v1/rings", &body) {
                Ok(answer) if answer.status == 200 => {
                    let json = answer.json();
                    ring.pop_id = json["pop_id"].as_str().map(str::to_owned);
                    ring.replicated = Some(json["replicated"] == true);
                    ring.error = ring.pop_id.is_none().then(|| json.to_string());
                }
                Ok(answer) => ring.error = Some(format!("{answer:?}")),
                Err(error) => ring.error = Some(error.to_string()),
            }
            if ring.replicated.is_none() {
                // Refused at once, it would have told of everything within a moment.
                std::thread::park_timeout(Duration::from_millis(100));
            }
        }
        ring.took = clock.now() - ring.at;
        seen.lock().unwrap().all.push(ring);
        let missed = clock.now().as_millis() / EVERY.as_millis();
        nth = u32::try_from(missed).unwrap().max(nth) + 1;
        clock.wait(nth, EVERY);
    }
}
