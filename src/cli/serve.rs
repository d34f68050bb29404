//! `serve`: the service.

use std::net::SocketAddr;

use super::arguments::ServeArguments;
use super::error::CliError;
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

pub(super) fn run(arguments: &ServeArguments) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    telemetry::init(&config.log)?;
    serve(config, |_| Ok(()))
}

/// Runs the service until it is told to stop; `started` is called once it listens.
pub(super) fn serve(
    config: Config,
    started: impl FnOnce(Bound) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let _ = Bound {
        listener: None,
        admin: config.admin.address,
    };
    drop(started);
    Err(CliError::NoServer)
}
