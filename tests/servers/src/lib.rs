//! Real servers, and Ringside beside them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing step fails the test, and says so"
)]

pub mod debezium;
pub mod mongod;
pub mod nats;
pub mod postgres;
pub mod ringside;
pub mod wait;
pub mod wire;

use std::net::TcpListener;

/// A port of the loopback that nobody listens on now, for servers that cannot say which one they took.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
