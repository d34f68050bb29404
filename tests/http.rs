//! The server in this process, over real sockets: connections, limits, errors, administration, draining.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "support/described.rs"]
mod described;
#[path = "support/served.rs"]
mod served;
#[path = "support/centre.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;

#[path = "http/access.rs"]
mod access;
#[path = "http/administration.rs"]
mod administration;
#[path = "http/crowds.rs"]
mod crowds;
#[path = "http/description.rs"]
mod description;
#[path = "http/formats.rs"]
mod formats;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/lookup.rs"]
mod lookup;
#[path = "http/overload.rs"]
mod overload;
#[path = "http/rules.rs"]
mod rules;
#[path = "http/sockets.rs"]
mod sockets;
#[path = "http/suffix.rs"]
mod suffix;
#[path = "http/targets.rs"]
mod targets;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/token.rs"]
mod token;

use served::{address, serve};
use support::{Centre, Plan, centre};
use wire::{Response, get};

/// The answer to one `GET`, from a server over `plan`.
fn ask(plan: &Plan, target: &str) -> Response {
    ask_of(&centre(plan), target)
}

fn ask_of(centre: &Centre, target: &str) -> Response {
    let running = serve(centre);
    get(address(&running), target)
}
