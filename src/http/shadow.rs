//! Shadow mode: callers are pointed at Ringside, and what answered until now goes on answering them.
//!
//! A request is forwarded as it is, its answer given back as it is, and Ringside's own answer made beside it, after the
//! caller has its answer, and compared. A share of the calls is Ringside's own to answer; who answers a call depends on the
//! calling number alone ([`sides`]), so that the lookup and the query for cases behind it go to the same side. Invariants:
//! outside of its share Ringside answers nobody, whatever becomes of the upstream; nothing is forwarded but what the
//! listener's dialects know; credentials pass through, and only their hashes are kept.

mod answering;
mod credentials;
mod error;
mod hops;
mod meters;
mod outgoing;
mod pages;
mod report;
mod settings;
mod sides;
mod times;
mod upstream;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::metrics::{Metrics, MetricsError};
use crate::number::Numbering;
use credentials::Credentials;
use meters::Meters;
use report::{Noted, Report};

pub use error::ShadowError;
pub use settings::ShadowSettings;
use sides::Sides;
use upstream::Upstream;

pub(super) use outgoing::Outgoing;
pub(super) use upstream::Connections;

/// The shadow mode of every listener that has one, and what of it outlives a reload.
#[derive(Debug)]
pub struct Shadows {
    meters: Arc<Meters>,
    listeners: Mutex<BTreeMap<String, Arc<State>>>,
}

/// One listener's, as its configuration says.
#[derive(Debug, Clone)]
pub struct Plan {
    settings: ShadowSettings,
    upstream: Arc<Upstream>,
    sides: Sides,
    numbering: Numbering,
}

/// One listener's, as requests meet it.
#[derive(Debug, Clone)]
pub struct Shadow {
    state: Arc<State>,
    upstream: Arc<Upstream>,
    meters: Arc<Meters>,
}

/// What outlives a reload.
#[derive(Debug)]
struct State {
    sides: ArcSwap<Sides>,
    report: Report,
    credentials: Credentials,
    /// Requests that wait for the upstream, of all workers.
    waiting: Arc<AtomicUsize>,
    /// Comparisons that wait or are under way.
    comparing: Arc<AtomicUsize>,
    differences_kept: AtomicUsize,
    /// Whether Ringside has answered anybody itself.
    has_answered: AtomicBool,
    /// What the configuration says; `None` where it says that there is no shadow mode.
    plan: Mutex<Option<Plan>>,
}

impl Plan {
    /// The shadow mode that `settings` describe; `None` where they describe none. `numbering` reads dialled numbers.
    ///
    /// # Errors
    /// A value that its key does not take, or a file that cannot be used.
    pub fn new(settings: &ShadowSettings, numbering: &Numbering) -> Result<Option<Plan>, ShadowError> {
        settings.check()?;
        let Some(upstream) = Upstream::new(settings)? else {
            return Ok(None);
        };
        let sides = Sides::new(settings.percent, &settings.dnis, |dnis| {
            numbering.read(dnis, None).key()
        });
        Ok(Some(Plan {
            settings: settings.clone(),
            upstream: Arc::new(upstream),
            sides: sides.map_err(ShadowError::Dnis)?,
            numbering: numbering.clone(),
        }))
    }

    /// Whether both say the same of who answers.
    fn decides_as(&self, other: &Plan) -> bool {
        self.settings.upstream == other.settings.upstream && self.sides == other.sides
    }
}

impl Shadows {
    /// None yet; what they will measure is registered.
    ///
    /// # Errors
    /// It is registered already.
    pub fn new(metrics: &Metrics) -> Result<Arc<Shadows>, MetricsError> {
        Ok(Arc::new(Shadows {
            meters: Arc::new(Meters::register(metrics)?),
            listeners: Mutex::default(),
        }))
    }

    /// Takes up what the configuration says of `listener`. Who answers stays as it was switched to by command, unless the
    /// configuration says otherwise than before.
    pub fn take_up(&self, listener: &str, plan: Option<&Plan>) -> Option<Shadow> {
        let mut listeners = self.listeners();
        let known = listeners.get(listener).cloned();
        let Some(plan) = plan else {
            if let Some(state) = known {
                *state.plan() = None;
            }
            return None;
        };
        let state = known.unwrap_or_else(|| {
            let state = Arc::new(State::new(plan));
            listeners.insert(listener.to_owned(), Arc::clone(&state));
            state
        });
        let before = state.plan().replace(plan.clone());
        if before.is_none_or(|before| !before.decides_as(plan)) {
            state.sides.store(Arc::new(plan.sides.clone()));
        }
        let kept = plan.settings.differences_kept;
        state.differences_kept.store(kept, Ordering::Relaxed);
        Some(Shadow {
            state,
            upstream: Arc::clone(&plan.upstream),
            meters: Arc::clone(&self.meters),
        })
    }

    fn listeners(&self) -> MutexGuard<'_, BTreeMap<String, Arc<State>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shadow {
    fn note(&self, noted: Noted) {
        self.meters.note(&noted);
        let most = self.state.differences_kept.load(Ordering::Relaxed);
        self.state.report.note(noted, most);
    }
}

impl State {
    fn new(plan: &Plan) -> State {
        State {
            sides: ArcSwap::from_pointee(plan.sides.clone()),
            report: Report::new(),
            credentials: Credentials::new(),
            waiting: Arc::default(),
            comparing: Arc::default(),
            has_answered: AtomicBool::new(false),
            differences_kept: AtomicUsize::new(plan.settings.differences_kept),
            plan: Mutex::new(None),
        }
    }

    fn plan(&self) -> MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
