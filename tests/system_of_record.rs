//! The system of record over real sockets: what it is told, whatever it answers and whoever is killed; what it is asked.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a failing step fails the test, and each target uses a part of what they share"
)]

#[path = "system_of_record/asked.rs"]
mod asked;
#[path = "system_of_record/command.rs"]
mod command;
#[path = "system_of_record/kill.rs"]
mod kill;
#[path = "cli/program.rs"]
mod program;
#[path = "system_of_record/record.rs"]
mod record;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/site.rs"]
mod site;
#[path = "system_of_record/told.rs"]
mod told;
#[path = "support/wire.rs"]
mod wire;
