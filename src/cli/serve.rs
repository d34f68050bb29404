//! `serve`: the service.

use std::net::SocketAddr;

use super::arguments::ServeArguments;
use super::error::CliError;
use super::output::Output;
use crate::app::{self, App, Hangup, Running};
use crate::config::{Config, Loaded, environment};
use crate::telemetry::{self, Log};

pub(super) fn run(arguments: &ServeArguments, out: &mut Output) -> Result<(), CliError> {
    let loaded = Loaded::read(arguments.config.file.as_deref(), environment())?;
    let log = telemetry::init(&loaded.config.log)?;
    app::serve_until_told_to_stop(Hangup::of_service(), || -> Result<_, CliError> {
        let running = start(loaded, log)?;
        // Whoever started the service with its output closed wants it to serve all the same.
        let _ = announce(&running, out);
        Ok((running, ()))
    })
}

/// Starts the service that `loaded` describes, which writes to `log`.
pub(super) fn start(loaded: Loaded, log: Log) -> Result<Running, CliError> {
    Ok(App::build(loaded, log)?.spawn()?)
}

fn announce(running: &Running, out: &mut Output) -> std::io::Result<()> {
    for (address, name) in running.addresses().iter().zip(running.names()) {
        out.line(format_args!("listening on {address} (listener {name})"))?;
    }
    out.line(format_args!(
        "administration on http://{}",
        running.admin_address()
    ))?;
    std::io::Write::flush(out)
}

/// The address that a person on this machine reaches the first TCP listener by.
pub(super) fn listener_address(running: &Running, config: &Config) -> Option<SocketAddr> {
    config.listener.keys().find_map(|name| running.address(name))
}
