//! Operating the service: taking up a changed configuration, the service manager, signals, metrics, status.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "operations/dialects.rs"]
mod dialects;
#[path = "operations/manager.rs"]
mod manager;
#[path = "operations/metrics.rs"]
mod metrics;
#[path = "cli/program.rs"]
mod program;
#[path = "shadow/record.rs"]
mod record;
#[path = "operations/reload.rs"]
mod reload;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/shadow.rs"]
mod shadow;
#[path = "operations/signals.rs"]
mod signals;
#[path = "operations/site.rs"]
mod site;
#[path = "operations/sources.rs"]
mod sources;
#[path = "support/wire.rs"]
mod wire;
