//! What telephone systems and desktops send that they should not: answered clearly, and without harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "support/described.rs"]
mod described;
#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "desks/desktop.rs"]
mod desktop;
#[path = "cli/program.rs"]
mod program;
#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "system_of_record/record.rs"]
mod record;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/site.rs"]
mod site;
#[path = "support/wire.rs"]
mod wire;

#[path = "rings/configuration.rs"]
mod configuration;
#[path = "rings/description.rs"]
mod description;
#[path = "rings/input.rs"]
mod input;
#[path = "rings/rights.rs"]
mod rights;
#[path = "rings/secrets.rs"]
mod secrets;

use std::net::SocketAddr;

use serde_json::Value;

use wire::{Response, tcp};

const JSON: &str = "application/json";
const ADA: &str = "+14806754110";

/// A busy machine keeps what it is told later than people wait.
const PATIENT: [(&str, &str); 1] = [("RINGSIDE__CALLS__WAIT_MS", "5000")];

fn send(at: SocketAddr, method: &str, target: &str, body: &Value) -> Response {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    tcp(at).request(method, target, JSON, body.as_bytes())
}

/// What is current at `agent`'s.
fn current(at: SocketAddr, agent: &str) -> Vec<Value> {
    let answer = tcp(at).get(&format!("/v1/agents/{agent}/current"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["pops"].as_array().unwrap().clone()
}
