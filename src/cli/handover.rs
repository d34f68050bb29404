//! `handover`: has the active node of a pair hand the virtual address over to the other one.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::arguments::{ConfigFile, Credentials};
use super::client::{ClientError, Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use crate::config::{Config, environment};
use crate::snapshot::folder::Folder;

/// What `handover` is told.
#[derive(Debug, Args)]
pub(super) struct HandoverArguments {
    /// The active node's administration address, http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    admin: Option<Server>,
    /// The active node's data folder, whose socket is asked; without it and --admin the configured one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Hand over also where the other node does not answer, or is not electable
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &HandoverArguments, out: &mut Output) -> Result<(), CliError> {
    let server = match (&arguments.admin, &arguments.dir) {
        (Some(admin), _) => admin.clone(),
        (None, Some(dir)) => Server::Unix(Folder::of_tenant(dir).socket()),
        (None, None) => {
            let config =
                Config::load(arguments.config.file.as_deref(), environment()).map_err(CliError::Whom)?;
            Server::Unix(Folder::of_tenant(&config.data.dir).socket())
        }
    };
    let trust = Trust::of(&arguments.credentials)?;
    let body = match server.post("/handover", &json!({"force": arguments.force}), &trust) {
        Ok(body) => body,
        Err(ClientError::Refused { status, message, .. }) if status.as_u16() == 409 => {
            if arguments.json {
                out.line(json!({"handed_over": false, "reason": message}))?;
            }
            return Err(CliError::NotHandedOver(message));
        }
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let told: Value = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: server.to_string(),
        expected: "what came of the hand-over",
        source,
    })?;
    let to = told["to"].as_str().filter(|to| !to.is_empty());
    out.pieces(&[
        (Style::Good, "handed over"),
        (
            Style::Plain,
            &format!(
                " to {}: callers were asked to leave for {} ms, the address moved within {} ms",
                to.unwrap_or("the other node"),
                told["drained_ms"],
                told["moved_ms"]
            ),
        ),
    ])?;
    Ok(())
}
