//! The whole pair, as a seed says: two nodes with their real machines, courses and states of calls; an arbiter, a broker and
//! keepalived as they behave; callers who ring, and desktops. The network splits, processes stand still and are killed, and
//! with them what their disks do not have yet; machines lose their power, the stream its end, words are lost, clocks are
//! wrong. Logs are read back as the real ones are, and desktops come back behind the last message that they know.
//!
//! What always holds is looked for at every step: an epoch is one node's, none falls at a desktop, no desktop shows a call
//! twice whose pop was replicated, a role changes no faster than `hold_ms`, two nodes that hear each other do not both decide for long. What must
//! hold once everything is whole again is looked for at the end: nothing that was called replicated is lost, both nodes and
//! all desktops show the same, one node decides, and nothing is left waiting.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

mod desktop;
mod disk;
mod judge;
mod node;
mod world;

use world::World;

/// Steps of disorder of one seed, each of 5 ms.
const STEPS: u64 = 8000;

fn runs(seeds: std::ops::Range<u64>) {
    let mut rings = 0;
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step(true);
        }
        world.heal();
        world.rest();
        world.judge();
        rings += world.promised();
    }
    assert!(rings > 0, "nothing was ever called replicated");
}

/// `RINGSIDE_PAIRS` says how many seeds; `tests/soak` tries many.
#[test]
fn whatever_happens_to_a_pair_its_promises_hold() {
    let seeds = std::env::var("RINGSIDE_PAIRS").ok();
    runs(0..seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(5));
}
