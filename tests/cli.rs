//! The command line as a person or a script meets it: the real program, its output and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "cli/config.rs"]
mod config;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/deploy.rs"]
mod deploy;
#[path = "cli/key.rs"]
mod key;
#[path = "cli/lookup.rs"]
mod lookup;
#[path = "cli/normalize.rs"]
mod normalize;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/rules.rs"]
mod rules;
#[path = "support/serving.rs"]
mod serving;
#[path = "cli/snapshot.rs"]
mod snapshot;
