//! What the other node of a pair writes.

use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::oneshot;

use super::super::calls::Calls;
use super::super::entry::{Entry, What};
use super::super::outbox::{Carrier, Outbox};
use super::super::present::Settled;
use super::super::shared::{SharedLog, Side, SideKind};
use super::super::store::{CallState, Follower};
use super::{Pops, now};
use crate::ha::Standing;

/// This node, as one of two or alone.
#[derive(Debug, Clone)]
pub struct Node {
    name: Option<Box<str>>,
    standing: Arc<Standing>,
}

impl Node {
    /// One that stands alone.
    pub fn alone() -> Node {
        Node::of("", &Arc::default())
    }

    /// The node `name`, which stands as `standing` says; alone where the name is empty.
    pub fn of(name: &str, standing: &Arc<Standing>) -> Node {
        Node {
            name: (!name.is_empty()).then(|| name.into()),
            standing: Arc::clone(standing),
        }
    }

    /// What it is called, where it is one of two.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its term.
    pub fn epoch(&self) -> u64 {
        self.standing.epoch()
    }

    /// Whether it looks for what is due.
    pub fn decides(&self) -> bool {
        self.standing.decides()
    }

    /// A name that neither this node nor the other one has given; `None` where there is no other: there its own count will
    /// do.
    pub(super) fn own_name(&self) -> Option<String> {
        let node = self.name()?;
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).ok()?;
        Some(format!("{node}.{:016x}", u64::from_le_bytes(chance)))
    }
}

/// Brings what the outbox says to the other node. The log outlives it: each would else hold the other one.
struct Beside(Weak<SharedLog>);

impl Carrier for Beside {
    fn carry(&self, news: Vec<u8>, done: oneshot::Sender<bool>) {
        if let Some(log) = self.0.upgrade() {
            log.publish_side(SideKind::Outbox, news, Some(done));
        }
    }

    fn is_ready(&self) -> bool {
        self.0.upgrade().is_some_and(|log| log.sync().has_quorum)
    }
}

/// Has both nodes hold the same `outbox`, and tell each other by the stream of `log`.
pub(super) fn share(outbox: &Arc<Outbox>, log: &Arc<SharedLog>, node: &Node) {
    let standing = Arc::clone(&node.standing);
    let decides = Arc::new(move || standing.decides());
    outbox.pair(Arc::new(Beside(Arc::downgrade(log))), decides);
    let hears = Arc::downgrade(outbox);
    let hear = move |side: &Side| {
        if let Some(outbox) = hears.upgrade() {
            outbox.heard(&side.bytes);
        }
    };
    log.on_side(SideKind::Outbox, Arc::new(hear));
}

/// So many ids may the other node have given that nobody else heard of.
const UNHEARD: u64 = 1 << 20;

impl Pops {
    /// Goes on from another node, which may be no more: what it told desktops last, and nobody else, has ids that would stand
    /// for other messages here. Everybody is told the present pops.
    pub(super) fn take_over(&self) {
        let mut present = self.calls();
        let to = present.newest_id() + UNHEARD;
        self.desks.reset_all(to);
        let _sent_as_all_is = self.commit(&mut present, [What::Skipped { to }], now());
    }
}

impl Follower for Pops {
    fn folded(&self, foreign: &[Arc<Entry>], own: u64, committed: &Calls) {
        if let Some(newest) = foreign.last() {
            self.skew.learn(newest.at, now(), Instant::now());
        }
        let mut present = self.calls();
        self.desks.agree(committed.newest_id());
        for entry in foreign {
            for message in present.learn(entry, own) {
                self.desks.publish(Arc::new(message));
            }
            if let What::Skipped { to } = entry.what {
                self.desks.skip(to);
            }
        }
        match present.settle(own, committed) {
            Settled::Nothing => {}
            Settled::Raised(to) => self.desks.skip(to),
            Settled::Skip(to) => {
                self.desks.skip(to);
                let _sent_as_all_is = self.commit(&mut present, [What::Skipped { to }], now());
            }
            Settled::Reset(to, agents) => {
                self.meters.put_right();
                self.desks.reset(to, &agents);
                let _sent_as_all_is = self.commit(&mut present, [What::Skipped { to }], now());
            }
            Settled::Bring => {
                // Fewer each time, where there are more than may wait.
                let pieces: Vec<What> = present.pieces_new_to(committed).collect();
                let _sent_as_all_is = self.commit(&mut present, pieces, now());
            }
        }
    }

    fn rebased(&self, is_bringing: bool) {
        // What was said beside the calls may have been missed with them.
        if let Some(outbox) = &self.outbox {
            outbox.compare();
        }
        let mut present = self.calls();
        present.rebased();
        if is_bringing {
            let pieces: Vec<What> = present.pieces().collect();
            let _sent_as_all_is = self.commit(&mut present, pieces, now());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::super::super::desk::{Beginning, DeskSettings};
    use super::super::super::settings::{Interactions, Recorder, Settings, Shared, Store};
    use super::*;
    use crate::metrics::Metrics;

    fn settings() -> Settings {
        Settings {
            calls_max: 1000,
            ring_max_s: 180,
            close_after_s: 60,
            idle_close_s: 3600,
            remember_s: 60,
            session_s: 3600,
            wait_ms: 200,
            key_variables: Vec::new(),
            store: Store::Local,
            jetstream: Shared::default(),
        }
    }

    fn desks() -> DeskSettings {
        DeskSettings {
            heartbeat_s: 3,
            queue_max: 64,
            replay_max: 64,
            replay_s: 600,
            streams_per_agent_max: 4,
            ticket_s: 30,
            tickets_max: 100,
            missed_s: 60,
        }
    }

    #[test]
    fn whoever_comes_back_from_a_dead_node_with_an_id_that_it_alone_gave_is_told_the_present_pops() {
        let dir = tempfile::tempdir().unwrap();
        let interactions = Interactions {
            recorder: Recorder::SystemOfRecord,
        };
        let metrics = Metrics::new().unwrap();
        let pops = Pops::open(
            dir.path(),
            settings(),
            interactions,
            &desks(),
            None,
            Node::alone(),
            &metrics,
        );
        let pops = pops.unwrap();
        let _shown = pops.display("joan", "c-1");
        let (_, heard) = pops.current("joan");
        // What this node says to others comes to the ids that the dead one gave to Joan alone.
        for nth in 0..8 {
            let _shown = pops.display("ben", &nth.to_string());
        }
        let begins = |after| pops.desks().subscribe("joan", Some(after)).unwrap().begin();
        assert!(matches!(begins(heard + 5), Beginning::Replay(missed) if missed.is_empty()));
        pops.take_over();
        assert!(matches!(begins(heard + 5), Beginning::Reset));
        let (shown, newest) = pops.current("joan");
        assert!(shown.len() == 1 && newest > heard + UNHEARD);
        // What comes from then on is told as ever.
        let _shown = pops.display("joan", "c-2");
        assert!(matches!(begins(newest), Beginning::Replay(missed) if missed.len() == 1));
    }
}
