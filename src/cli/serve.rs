//! `serve`: the service.

use std::net::SocketAddr;

use super::arguments::ServeArguments;
use super::error::CliError;
use super::output::Output;
use crate::app::{self, App, Running};
use crate::config::{Config, environment};
use crate::telemetry;

/// Where a started service listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// The first listener with a TCP address.
    pub(super) listener: Option<SocketAddr>,
    /// Administration.
    pub(super) admin: SocketAddr,
}

pub(super) fn run(arguments: &ServeArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    telemetry::init(&config.log)?;
    serve(&config, |running, _| {
        for address in running.addresses() {
            out.line(format_args!("callers: {address}"))?;
        }
        out.line(format_args!("administration: http://{}", running.admin_address()))?;
        Ok(std::io::Write::flush(out)?)
    })
}

/// Runs the service until it is told to stop; `started` is called once it listens.
pub(super) fn serve(
    config: &Config,
    started: impl FnOnce(&Running, Bound) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let running = app::until_told_to_stop(|| {
        let running = App::build(config)?.spawn()?;
        let listener = config.listener.keys().find_map(|name| running.address(name));
        started(
            &running,
            Bound {
                listener,
                admin: running.admin_address(),
            },
        )?;
        Ok::<_, CliError>(running)
    })?;
    running.drain();
    Ok(())
}
