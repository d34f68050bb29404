//! Desktops on the real service, over real sockets: what they are told, how they come back, and who may listen.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "desks/access.rs"]
mod access;
#[path = "desks/back.rs"]
mod back;
#[path = "desks/desktop.rs"]
mod desktop;
#[path = "desks/ends.rs"]
mod ends;
#[path = "cli/program.rs"]
mod program;
#[path = "desks/promises.rs"]
mod promises;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/site.rs"]
mod site;
#[path = "desks/told.rs"]
mod told;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;

use serde_json::{Value, json};

use wire::{Response, tcp};

const ADA: &str = "+14806754110";

/// Rings the agent 1001 for Ada's call `call`.
fn ring(at: SocketAddr, call: &str) -> Value {
    let ring = json!({"call_id": call, "ani": ADA, "dnis": "+18005550100", "agent": "1001"});
    let answer = post(at, "/v1/rings", "", &ring);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn post(at: SocketAddr, path: &str, headers: &str, body: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\n{headers}");
    tcp(at).ask("POST", path, &headers, body.to_string().as_bytes())
}
