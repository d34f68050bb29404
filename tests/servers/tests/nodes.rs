//! Nodes of the program beside one source: what they agree on, and what they say through cuts, jumps of the clock and bursts.

#[path = "nodes/burst.rs"]
mod burst;
#[path = "nodes/clock.rs"]
mod clock;
#[path = "nodes/cut.rs"]
mod cut;
#[path = "nodes/owners.rs"]
mod owners;

/// How many, or for how long: a variable of the environment, else `usual`.
fn of_variable(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
