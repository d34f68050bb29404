//! The calls of one contact centre: state, what keeps it, and the desktops that are told.

mod name;
mod pair;
mod skew;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};

use super::calls::{Calls, Found, Heard, Rung, Unknown};
use super::desk::{DeskSettings, Desks};
use super::entry::{Entry, What};
use super::message::{Link, Shown, State};
use super::meters::Meters;
use super::outbox::Outbox;
use super::pending::Pending;
use super::present::Present;
use super::sessions::Session;
use super::settings::{Interactions, Recorder, Settings, Store};
use super::shared::SharedLog;
use super::store::{CallState, Done, Follower, Kept, LocalLog, StoreError, Sync, Waits};
use crate::metrics::Metrics;
use crate::telemetry::Lines;
use crate::tenant::Tenant;
pub use pair::Node;
use skew::Skew;

/// Folder of the log of calls, in a tenant's folder.
const LOG: &str = "calls";
/// Time between two looks for what is due.
const LOOK: Duration = Duration::from_millis(200);
/// How long an agent waits until what they said is kept.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many looks for one at how many calls there are.
const FEW: u64 = 5;
/// So many looks at the most are none for what is due, because the stream is read first.
const BEHIND: u64 = 50;
/// So many looks for one for deleted customers.
const RARE: u64 = 25;

/// The calls of one contact centre.
#[derive(Debug)]
pub struct Pops {
    calls: Mutex<Present>,
    store: Arc<dyn CallState>,
    /// The same, where it is shared.
    shared: Option<Arc<SharedLog>>,
    desks: Desks,
    settings: Settings,
    interactions: Interactions,
    pub(super) outbox: Option<Arc<Outbox>>,
    meters: Meters,
    node: Node,
    skew: Skew,
    /// A full outbox would fill the log too.
    lines: Lines,
}

/// What is due is looked for, until this is dropped.
#[derive(Debug)]
pub struct Running {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Entries on their way to where they are kept.
#[derive(Debug)]
pub struct Keeping {
    last: Waits,
    within: Duration,
}

impl Pops {
    /// The calls that the log in the tenant's folder `dir` knows, of this `node`.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub fn open(
        dir: &Path,
        settings: Settings,
        interactions: Interactions,
        desks: &DeskSettings,
        outbox: Option<Arc<Outbox>>,
        node: Node,
        metrics: &Metrics,
    ) -> Result<Pops, StoreError> {
        let (dir, bounds) = (dir.join(LOG), settings.bounds());
        let (store, shared, present) = match (settings.store, node.name()) {
            (Store::JetStream, Some(name)) => {
                let (store, present) = SharedLog::open(&dir, &settings, name)?;
                let store = Arc::new(store);
                (Arc::clone(&store) as Arc<dyn CallState>, Some(store), present)
            }
            _ => {
                let (store, calls) = LocalLog::open(&dir, &bounds)?;
                (
                    Arc::new(store) as Arc<dyn CallState>,
                    None,
                    Present::new(calls, 0),
                )
            }
        };
        if let (Some(outbox), Some(shared)) = (&outbox, &shared) {
            pair::share(outbox, shared, &node);
        }
        let desks = Desks::new(desks);
        desks.begin_behind(present.newest_id());
        if shared.is_some() {
            desks.lead(false);
            desks.agree(0);
        }
        Ok(Pops {
            calls: Mutex::new(present),
            store,
            shared,
            desks,
            settings,
            interactions,
            outbox,
            meters: Meters::register(metrics)?,
            node,
            skew: Skew::default(),
            lines: Lines::default(),
        })
    }

    /// This node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The term of this node: desktops are told it with everything, and believe no earlier one.
    pub fn epoch(&self) -> u64 {
        self.node.epoch()
    }

    /// What both nodes of a pair know, where this is one whose calls are shared.
    pub fn shared(&self) -> Option<&Arc<SharedLog>> {
        self.shared.as_ref()
    }

    /// How far it is known elsewhere what is known here.
    pub fn sync(&self) -> Sync {
        self.store.sync()
    }

    /// Whether what somebody is promised now can hold where it has to.
    pub fn can_promise(&self) -> bool {
        self.store.sync().can_promise()
    }

    /// What an entry has to become for whoever was promised that it holds.
    pub fn promised(&self) -> Kept {
        self.store.promised()
    }

    /// The desktops.
    pub fn desks(&self) -> &Desks {
        &self.desks
    }

    /// What a configuration says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&Calls) -> T) -> T {
        look(&self.calls())
    }

    /// The log-in of `agent`.
    pub fn session(&self, agent: &str) -> Option<Session> {
        self.calls().session(agent, now()).cloned()
    }

    /// The moment in so many seconds, milliseconds since 1970.
    pub fn later(&self, seconds: u64) -> u64 {
        now().saturating_add(seconds.saturating_mul(1000))
    }

    /// Takes in what a phone system says; `found` is who was found by the number.
    pub fn hear(&self, heard: &Heard, found: Found<'_>) -> (Rung, Keeping) {
        let now = now();
        let mut calls = self.calls();
        let (whats, mut rung) = calls.hear(heard, found, now);
        let keeping = self.commit(&mut calls, whats, now);
        if rung.pop_id.is_none() && rung.reason.is_none() {
            let agent = rung.agent.as_deref();
            let shown = agent.and_then(|agent| calls.shown(&heard.call, agent));
            rung.pop_id = shown.map(|shown| shown.pop_id.to_string());
        }
        self.meters.rung(&rung);
        (rung, keeping)
    }

    /// Whose call `id` is, as somebody said or one customer has the number.
    pub fn link_of<'i>(&self, ids: impl IntoIterator<Item = &'i str>) -> Option<Link> {
        let calls = self.calls();
        let links = ids.into_iter().filter_map(|id| calls.link(id));
        links.max_by_key(|link| (link.is_chosen, link.at)).cloned()
    }

    /// Says that the call `id` is of `customer`.
    ///
    /// # Errors
    /// The call is not known.
    pub fn link(
        &self,
        id: &str,
        customer: Option<&str>,
        agent: Option<&str>,
    ) -> Result<(Option<Link>, Keeping), Unknown> {
        let now = now();
        let mut calls = self.calls();
        let what = calls.linking(id, customer, agent)?;
        let keeping = self.commit(&mut calls, vec![what], now);
        Ok((calls.link(id).cloned(), keeping))
    }

    /// Puts back `before`, whose call `id` was ahead of a [`link`](Pops::link) that nobody could be promised.
    pub fn put_back(&self, id: &str, before: Option<Link>) {
        let mut calls = self.calls();
        let Some(before) = before.filter(|before| before.is_chosen) else {
            if let Ok(what) = calls.unlinking(id) {
                let _as_all_is = self.commit(&mut calls, vec![what], now());
            }
            return;
        };
        if let Ok(what) = calls.linking(id, before.customer.as_deref(), before.agent.as_deref()) {
            let _as_all_is = self.commit(&mut calls, vec![what], now());
        }
    }

    /// Takes back what somebody said of whose call `id` is: the number tells again.
    ///
    /// # Errors
    /// The call is not known.
    pub fn unlink(&self, id: &str) -> Result<Keeping, Unknown> {
        let mut calls = self.calls();
        let what = calls.unlinking(id)?;
        Ok(self.commit(&mut calls, vec![what], now()))
    }

    /// Shows the customer `customer` on `agent`'s desktop, where no phone system has said that they call; what the pop is
    /// called.
    pub fn display(&self, agent: &str, customer: &str) -> (String, Keeping) {
        let now = now();
        let mut calls = self.calls();
        let own = self
            .node
            .own_name()
            .map(|name| format!("{name}:"))
            .unwrap_or_default();
        let call = format!("display:{own}{}", calls.newest_id() + 1);
        let ring = |offers| What::Ring {
            call: call.clone(),
            ids: Vec::new(),
            facts: Box::default(),
            recorded: false,
            offers,
            link: None,
            inherits: None,
        };
        let linked = What::Linked {
            call: call.clone(),
            customer: Some(customer.to_owned()),
            agent: None,
        };
        let offer = calls.offer(agent, now);
        // Linked ahead of the pop, so that it shows the customer at once.
        let whats = [ring(Vec::new()), linked, ring(vec![offer])];
        let keeping = self.commit(&mut calls, whats, now);
        let shown = calls.shown(&call, agent);
        (
            shown.map(|shown| shown.pop_id.to_string()).unwrap_or_default(),
            keeping,
        )
    }

    /// Says that the tab `tab` of `agent` is about to show the pop `pop_id`; gives the tab that shows it.
    ///
    /// # Errors
    /// The pop is not known.
    pub fn acknowledge(&self, agent: &str, pop_id: &str, tab: &str) -> Result<String, Unknown> {
        let mut calls = self.calls();
        // A tab that is closed shows nothing. Only desktops that name themselves on their streams can be told apart.
        let is_gone = |by: &str| self.desks.has_tab(agent, tab) && !self.desks.has_tab(agent, by);
        let (what, shown_by) = calls.showing(agent, pop_id, tab, is_gone)?;
        let _kept_or_shown_again = self.commit(&mut calls, what, now());
        Ok(shown_by)
    }

    /// Notes that something has happened which is not of a call: a log-in, a customer who was written down.
    pub fn note(&self, what: What) -> Keeping {
        self.commit(&mut self.calls(), vec![what], now())
    }

    /// What `agent`'s desktop is to show, newest first, and the id of the newest message: calls that ring or are spoken,
    /// those that can still be wrapped up, and those that were missed lately.
    pub fn current(&self, agent: &str) -> (Vec<Arc<Shown>>, u64) {
        let now = now();
        let wrapped_ms = self.settings.close_after_s * 1000;
        let missed_ms = self.desks.settings().missed_s * 1000;
        let is_past = |ended: Option<u64>, most: u64| ended.is_some_and(|ended| ended + most <= now);
        let calls = self.calls();
        let mut shown = calls.current(agent);
        shown.retain(|shown| match shown.state {
            State::Ringing | State::Answered => true,
            State::Ended => !is_past(shown.ended_at, wrapped_ms),
            State::Missed | State::Refused | State::Taken => !is_past(shown.ended_at, missed_ms),
        });
        (shown, calls.newest_id())
    }

    /// The call that rings at the telephone `extension` from `ani`, told without an id, if there is one.
    pub fn ringing_at(&self, extension: &str, ani: &str, prefix: &str) -> Option<String> {
        let calls = self.calls();
        let agent = calls.agent_at(extension, now())?;
        let shown = calls.current(agent);
        let rings = |shown: &&Arc<Shown>| {
            shown.state == State::Ringing && shown.facts.ani == ani && shown.call_id.starts_with(prefix)
        };
        shown.iter().find(rings).map(|shown| shown.call_id.to_string())
    }

    /// The agent at the telephone `extension`.
    pub fn agent_at(&self, extension: &str) -> Option<String> {
        self.calls().agent_at(extension, now()).map(str::to_owned)
    }

    /// The customer `id`, where they were written down and no change has brought them.
    pub fn pending(&self, id: &str) -> Option<Pending> {
        self.calls().pending().get(id).cloned()
    }

    /// Looks from now on for what is due, and for customers of `tenant` who were written down or are deleted.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self: &Arc<Pops>, tenant: &Arc<Tenant>) -> Result<Running, StoreError> {
        let follower: Weak<dyn Follower> = Arc::downgrade(&(Arc::clone(self) as Arc<dyn Follower>));
        self.store.follow(follower);
        let (stop, stopped) = bounded::<()>(0);
        let (pops, tenant) = (Arc::clone(self), Arc::clone(tenant));
        let look = move || {
            let (mut looks, mut seen, mut decided) = (0_u64, BTreeSet::new(), false);
            let mut patience = BEHIND;
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                // What is not shared nobody else looks for.
                let decides = pops.shared.is_none() || pops.node.decides();
                if decides && !decided && pops.shared.is_some() {
                    pops.take_over();
                }
                decided = decides;
                pops.desks.lead(decides);
                // What looks due may have been answered at the other node since: that is read first, where it can be.
                patience = match pops.store.sync().is_catching_up() {
                    true => patience.saturating_sub(1),
                    false => BEHIND,
                };
                let is_known = patience == 0 || patience == BEHIND;
                if decides && is_known {
                    pops.look_for_due(now());
                }
                looks += 1;
                if looks.is_multiple_of(FEW) {
                    if decides {
                        pops.look_for_confirmed(&tenant, now());
                    }
                    pops.meters.levels(&pops.calls(), pops.store.is_well());
                    pops.meters.sync(&pops.store.sync());
                }
                if looks.is_multiple_of(RARE) && decides {
                    pops.look_for_deleted(&tenant, &mut seen);
                }
            }
        };
        let thread = std::thread::Builder::new().name("pops".to_owned()).spawn(look);
        Ok(Running {
            stop: Some(stop),
            thread: Some(thread.map_err(StoreError::Thread)?),
        })
    }

    fn look_for_due(&self, now: u64) {
        let memory = Duration::from_secs(2 * self.settings.ring_max_s.max(self.settings.close_after_s));
        let earliest = self.skew.earliest(now, Instant::now(), memory);
        let due = self.calls().due(earliest);
        let records = self.interactions.recorder == Recorder::Ringside;
        for due in due {
            // Ahead of the entry: after a crash in between the same is handed on again, under the same key.
            if let Some(interaction) = due.interaction.filter(|_| records)
                && let Err(error) = self.tell_interaction(interaction)
            {
                if error.is_temporary() {
                    if self.lines.may() {
                        tracing::warn!(%error, "a call cannot be recorded now; it is tried again");
                    }
                    continue;
                }
                tracing::error!(%error, "a call is not recorded");
            }
            let mut calls = self.calls();
            let _looked_for_again = self.commit(&mut calls, vec![due.what], now);
        }
    }

    /// Applies what follows, tells desktops, and hands it on to be kept.
    fn commit(&self, present: &mut Present, whats: impl IntoIterator<Item = What>, at: u64) -> Keeping {
        let mut last = None;
        for mut what in whats {
            what.name_pops(|| self.node.own_name());
            let Some(what) = what.fitted() else {
                // Whoever waits for it learns that it is not kept.
                last = Some(Done::new().1);
                continue;
            };
            let at = at.max(present.over_before(&what));
            let entry = Arc::new(Entry { at, what });
            for message in present.apply(&entry) {
                self.desks.publish(Arc::new(message));
            }
            let (done, waits) = Done::new();
            let is_taken = self.store.keep(entry, Some(done));
            present.handed(is_taken);
            self.meters.handed_on(is_taken);
            last = Some(waits);
        }
        // Where nothing follows, what was said before may still be on its way.
        let last = last.unwrap_or_else(|| {
            let (done, waits) = Done::new();
            self.store.tell(done);
            waits
        });
        Keeping {
            last,
            within: self.settings.wait(),
        }
    }

    fn calls(&self) -> MutexGuard<'_, Present> {
        // Entries are applied whole or not at all by all that can be foreseen; what a panic left is better than nothing.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of calls ended in a panic; what it said stands above");
        }
    }
}

impl Keeping {
    /// The same for an agent, who is told whether what they said holds, and can wait for a busy disk.
    #[must_use]
    pub fn patiently(self) -> Keeping {
        Keeping {
            within: self.within.max(PATIENCE),
            ..self
        }
    }

    /// Waits until the entries are kept, no longer than is configured.
    pub async fn kept(self) -> Kept {
        self.last.kept(self.within).await
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
