//! Feeds as real processes: what is acknowledged is there after any kill, and what was deleted is gone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a failing step fails the test, and each target uses a part of what they share"
)]

#[path = "feeds/debezium.rs"]
mod debezium;
#[path = "support/described.rs"]
mod described;
#[path = "feeds/erased.rs"]
mod erased;
#[path = "feeds/kill.rs"]
mod kill;
#[path = "cli/program.rs"]
mod program;
#[path = "feeds/pushed.rs"]
mod pushed;
#[path = "generations/site.rs"]
mod site;
#[path = "support/wire.rs"]
mod wire;
