//! A node in its pair, on the real service: keepalived's words, hand-overs, and what callers and desktops see of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "desks/desktop.rs"]
mod desktop;
#[path = "pair/handover.rs"]
mod handover;
#[path = "cli/program.rs"]
mod program;
#[path = "pair/refused.rs"]
mod refused;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/site.rs"]
mod site;
#[path = "support/wire.rs"]
mod wire;
#[path = "pair/words.rs"]
mod words;

use std::net::SocketAddr;

use ringside::app::Running;
use serde_json::{Value, json};

use site::Site;
use wire::{Response, get, tcp, until};

const ADA: &str = "/v1/lookup?ani=%2B14806754110";

/// The node `name`, which asks for the other one at `peer`.
fn node(name: &str, peer: Option<SocketAddr>) -> (Site, Running) {
    let peer = peer.map_or_else(String::new, |peer| format!("http://{peer}"));
    let site = Site::new(&format!(
        "[ha]\nnode = '{name}'\npeer = '{peer}'\nhold_ms = 100\ndrain_ms = 0\nhandover_ms = 60000\n"
    ));
    let running = site.serve();
    let admin = running.admin_address();
    until(|| get(admin, "/electable").status, |status| *status == 200);
    (site, running)
}

/// Tells the node that is administered at `admin` what keepalived says.
fn notify(admin: SocketAddr, state: &str) -> Response {
    let word = json!({"type": "INSTANCE", "name": "ringside", "state": state, "priority": 150});
    post(admin, "/role", &word)
}

fn post(admin: SocketAddr, path: &str, body: &Value) -> Response {
    tcp(admin).post(path, "application/json", body.to_string().as_bytes())
}

fn role(admin: SocketAddr) -> Value {
    get(admin, "/role").json()
}

/// Waits until the node is `expected`.
fn becomes(admin: SocketAddr, expected: &str) -> Value {
    until(|| role(admin), |role| role["role"] == expected)
}

/// Asks to hand over until that is not too soon any more.
fn hand_over(admin: SocketAddr, body: &Value) -> Response {
    until(
        || post(admin, "/handover", body),
        |answer| !answer.body.contains("try again in"),
    )
}
