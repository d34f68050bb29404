//! Real servers, and Ringside beside them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failing step fails the test, and says so"
)]

pub mod chromium;
pub mod curl;
pub mod debezium;
pub mod faketime;
pub mod http;
pub mod mongod;
pub mod moto;
pub mod nats;
pub mod pair;
mod port;
pub mod postgres;
pub mod python;
pub mod ringside;
pub mod sip;
pub mod wait;
pub mod wire;

use std::path::PathBuf;

pub use port::{free_port, free_udp_port};

/// The folder that programs are built into, as target/debug: a test is in one below it, another program in it.
pub(crate) fn built() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap()
    } else {
        folder
    };
    folder.to_owned()
}
