//! What agents see of the pair, and what holds when everything is whole again.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::message::State;
use super::world::{AGENTS, World};
use crate::ha::{Role, Vrrp};

/// One agent's desktop, and the rules of its page.
#[derive(Default)]
pub(super) struct Desktop {
    /// Where it is connected, and to which start.
    pub(super) at: Option<usize>,
    pub(super) again_ms: u64,
    epoch: u64,
    /// Every pop that was ever put on the screen as new, and each call's last one.
    popped: BTreeSet<String>,
    called: BTreeMap<String, String>,
    /// Calls that are on the screen.
    screen: BTreeSet<String>,
}

impl World {
    /// Desktops are where the address is, and show what is told there under no epoch below one that they have seen.
    pub(super) fn desktops(&mut self) {
        let now = self.now_ms;
        for (nth, agent) in AGENTS.iter().enumerate() {
            let at = self.desktops[nth].at;
            let lives = |place: usize| self.nodes[place].runs(now) && self.nodes[place].vrrp == Vrrp::Master;
            if at.is_some_and(|place| !lives(place)) {
                self.desktops[nth].at = None;
                self.desktops[nth].again_ms = now + 200;
            }
            if self.desktops[nth].at.is_none() && now >= self.desktops[nth].again_ms {
                self.desktops[nth].at = (0..2).find(|place| lives(*place));
            }
            let Some(place) = self.desktops[nth].at else {
                continue;
            };
            let (_, epoch, _) = self.nodes[place].stands();
            let desktop = &mut self.desktops[nth];
            if epoch < desktop.epoch {
                continue;
            }
            desktop.epoch = epoch;
            let shows = self.nodes[place].shows(agent);
            for (call, pop) in &shows {
                // What is on the screen is known by its call, whichever node tells it, and what was, by its pop.
                if desktop.screen.contains(call) || !desktop.popped.insert(pop.clone()) {
                    continue;
                }
                // A call that was told again may be shown again, where its first pop died with its node.
                let before = desktop.called.insert(call.clone(), pop.clone());
                let is_promised = |pop: &String| self.nodes.iter().any(|node| node.pops.contains(pop));
                assert!(
                    !before.as_ref().is_some_and(is_promised),
                    "seed {}: {agent} is shown {call} twice, though its pop was replicated",
                    self.seed
                );
            }
            desktop.screen = shows.into_keys().collect();
        }
    }

    /// What holds when everything is whole.
    pub(super) fn judge(&self) {
        let seed = self.seed;
        let last = self.stream.len() as u64;
        for node in &self.nodes {
            assert!(
                node.is_settled(last),
                "seed {seed}: {} waits for something",
                node.name
            );
        }
        let [a, b] = &self.nodes;
        let (of_a, of_b) = (a.process.as_ref().unwrap(), b.process.as_ref().unwrap());
        assert!(
            of_a.present.is_same_as(of_a.course.calls()) && of_a.present.is_same_as(&of_b.present),
            "seed {seed}: the nodes differ"
        );
        // One decides, in the newest term, which is its own; all know it.
        let active = (0..2)
            .filter(|place| self.nodes[*place].stands().2)
            .collect::<Vec<_>>();
        let [active] = active[..] else {
            panic!("seed {seed}: {} nodes decide", active.len());
        };
        let newest = *self.terms.last().unwrap();
        assert_eq!(newest.1, active, "seed {seed}: the term is another node's");
        assert_eq!(
            self.nodes[active].stands(),
            (Role::Active, newest.0, true),
            "seed {seed}"
        );
        assert_eq!(
            self.nodes[1 - active].stands(),
            (Role::Standby, newest.0, false),
            "seed {seed}"
        );
        for call in a.promised.union(&b.promised) {
            assert!(
                of_a.present.knows(call),
                "seed {seed}: {call} was promised and is lost"
            );
        }
        for (nth, desktop) in self.desktops.iter().enumerate() {
            assert_eq!(desktop.at, Some(active), "seed {seed}: a desktop is nowhere");
            let shows: BTreeSet<String> = self.nodes[active].shows(AGENTS[nth]).into_keys().collect();
            assert_eq!(
                desktop.screen, shows,
                "seed {seed}: a desktop shows something else"
            );
            assert_eq!(
                desktop.epoch, newest.0,
                "seed {seed}: a desktop believes an old term"
            );
        }
        // Whoever decides has noticed every telephone that rang too long.
        for (_, call, agent) in &self.rung {
            let shown = of_a.present.shown(call, AGENTS[*agent]);
            let rings = shown.is_some_and(|shown| shown.state == State::Ringing);
            assert!(!rings, "seed {seed}: {call} rings for ever");
        }
    }
}
