//! Bulk imports while callers are served, as real processes: a service, and commands beside it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "generations/caught_up.rs"]
mod caught_up;
#[path = "generations/copied.rs"]
mod copied;
#[path = "generations/fed.rs"]
mod fed;
#[path = "generations/judged.rs"]
mod judged;
#[path = "generations/kill.rs"]
mod kill;
#[path = "generations/offline.rs"]
mod offline;
#[path = "generations/older.rs"]
mod older;
#[path = "cli/program.rs"]
mod program;
#[path = "generations/serving.rs"]
mod serving;
#[path = "generations/site.rs"]
mod site;
#[path = "support/wire.rs"]
mod wire;
