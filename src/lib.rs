//! Ringside: who is calling, before the second ring.
//!
//! Customers live in an immutable, memory-mapped [`snapshot`]; what changed since lives in the [`overlay`];
//! an [`index`] view joins the two as of one sequence number and answers by [`number`] key. `ARCHITECTURE.md`
//! is the map of the modules and the only place that says which may use which; a test holds it.

pub mod app;
pub mod callers;
pub mod cli;
pub mod config;
pub mod customer;
pub mod durable;
pub mod feed;
pub mod ha;
pub mod http;
pub mod index;
pub mod intake;
pub mod metrics;
pub mod number;
pub mod overlay;
pub mod pop;
pub mod relay;
pub mod replica;
pub mod snapshot;
pub mod telemetry;
pub mod tenant;
