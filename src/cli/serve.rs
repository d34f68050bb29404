//! `serve`: the service.

use std::net::SocketAddr;

use super::arguments::ServeArguments;
use super::error::CliError;
use super::output::Output;
use crate::app::{self, App, Running};
use crate::config::{Config, environment};
use crate::telemetry;

pub(super) fn run(arguments: &ServeArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    telemetry::init(&config.log)?;
    let running = app::until_told_to_stop(|| -> Result<Running, CliError> {
        let running = start(&config)?;
        // Whoever started the service with its output closed wants it to serve all the same.
        let _ = announce(&running, out);
        Ok(running)
    })?;
    running.drain();
    Ok(())
}

/// Starts the service that `config` describes.
pub(super) fn start(config: &Config) -> Result<Running, CliError> {
    Ok(App::build(config)?.spawn()?)
}

fn announce(running: &Running, out: &mut Output) -> std::io::Result<()> {
    for address in running.addresses() {
        out.line(format_args!("listening on {address}"))?;
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
