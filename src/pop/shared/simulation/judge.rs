//! What agents see of the pair, and what holds when everything is whole again.

use super::super::super::message::State;
use super::node::Node;
use super::world::{AGENTS, World};
use crate::ha::{Role, Vrrp};

impl World {
    /// Desktops are where the address is, and believe nobody there whose epoch is below one that they have seen.
    pub(super) fn desktops(&mut self) {
        let now = self.now_ms;
        let lives = |node: &Node| node.runs(now) && node.vrrp == Vrrp::Master;
        for (agent, desktop) in AGENTS.iter().zip(&mut self.desktops) {
            let is_the_start = |(place, start): (usize, u64)| {
                let process = self.nodes[place].process.as_ref();
                lives(&self.nodes[place]) && process.is_some_and(|process| process.start == start)
            };
            if desktop.at.is_some_and(|at| !is_the_start(at)) {
                desktop.lose(now + 200);
            }
            let found = || (0..2).find(|place| lives(&self.nodes[*place]));
            let place = match desktop.at {
                Some((place, _)) => Some(place),
                None => found().filter(|_| now >= desktop.again_ms),
            };
            let Some(place) = place else {
                continue;
            };
            let process = self.nodes[place].process.as_ref().unwrap();
            for (call, pop, before) in desktop.listen(place, agent, now, process) {
                // A call that was told again may be shown again, where its first pop died with its node.
                let is_kept = self.nodes.iter().any(|node| node.pops.contains_key(&before));
                let is_new = self.nodes.iter().any(|node| node.again.contains(&pop));
                assert!(
                    !is_kept || is_new,
                    "seed {}: {agent} is shown {call} twice, as {before}, which was replicated, and {pop}",
                    self.seed
                );
            }
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
        let process = self.nodes[active].process.as_ref().unwrap();
        for (agent, desktop) in AGENTS.iter().zip(&self.desktops) {
            let at = desktop.at.map(|(place, _)| place);
            assert_eq!(at, Some(active), "seed {seed}: {agent}'s desktop is nowhere");
            assert_eq!(
                desktop.epoch, newest.0,
                "seed {seed}: a desktop believes an old term"
            );
            let shows = process.present.current(agent);
            for pop in &shows {
                let card = desktop.cards.get(&*pop.pop_id).map(|card| card.state);
                assert_eq!(
                    card,
                    Some(pop.state),
                    "seed {seed}: {agent}'s desktop lacks {}",
                    pop.pop_id
                );
            }
            let is_there = |pop: &String| shows.iter().any(|shown| *shown.pop_id == **pop);
            let live = desktop
                .cards
                .iter()
                .find(|(pop, card)| card.state.is_live() && !is_there(pop));
            assert!(
                live.is_none(),
                "seed {seed}: {agent}'s desktop shows {live:?}, which is over"
            );
        }
        // Whoever was promised that a call rings was right: it was on the screen.
        for (_, call, agent) in &self.rung {
            let is_promised = self.nodes.iter().any(|node| node.promised.contains(call));
            let is_seen = self.desktops[*agent].called.contains_key(call);
            assert!(
                is_seen || !is_promised,
                "seed {seed}: nobody was ever shown {call}"
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
