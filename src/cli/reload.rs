//! `reload`: has a running server take up its changed configuration.

use serde_json::Value;

use super::arguments::ReloadArguments;
use super::client::{ClientError, Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use crate::config::{Loaded, environment};
use crate::snapshot::folder::Folder;

pub(super) fn run(arguments: &ReloadArguments, out: &mut Output) -> Result<(), CliError> {
    let socket = |dir| Server::Unix(Folder::of_tenant(dir).socket());
    let trust = &Trust::of(&arguments.credentials)?;
    let (server, body) = match (&arguments.admin, &arguments.dir) {
        (Some(admin), _) => ask(admin.clone(), trust)?,
        (None, Some(dir)) => ask(socket(dir), trust)?,
        (None, None) => {
            // One that holds a fault is told here, in the words of the server that would refuse it.
            let config = Loaded::read(arguments.config.file.as_deref(), environment())
                .map_err(|error| CliError::Reload(error.to_string()))?
                .config;
            match ask(socket(&config.data.dir), trust) {
                // The folder may be elsewhere, or another user's.
                Err(CliError::Client(ClientError::Unreachable { .. })) => {
                    ask(Server::at(config.admin.address), trust)?
                }
                asked => asked?,
            }
        }
    };
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let told: Value = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: server.to_string(),
        expected: "what it has taken up",
        source,
    })?;
    print(&told, out)
}

fn ask(server: Server, trust: &Trust) -> Result<(Server, bytes::Bytes), CliError> {
    match server.post("/reload", &Value::Null, trust) {
        Ok(body) => Ok((server, body)),
        Err(ClientError::Refused { status, message, .. }) if status.as_u16() == 422 => {
            Err(CliError::Reload(message))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(told: &Value, out: &mut Output) -> Result<(), CliError> {
    let keys = |member: &str| {
        let keys = told[member].as_array().into_iter().flatten();
        keys.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let (taken_up, needs_restart) = (keys("taken_up"), keys("needs_restart"));
    if taken_up.is_empty() {
        out.line("no key has changed; certificates and keys of callers were read again")?;
    }
    for key in taken_up {
        out.pieces(&[
            (Style::Good, "taken up"),
            (Style::Plain, &format!("       {key}")),
        ])?;
    }
    for key in needs_restart {
        out.pieces(&[
            (Style::Bad, "needs a restart"),
            (Style::Plain, &format!("  {key} keeps its old value until then")),
        ])?;
    }
    if let Some(note) = told["note"].as_str() {
        out.line(format_args!("{}: {note}", keys("stored_by_old_rules").join(", ")))?;
    }
    Ok(())
}
