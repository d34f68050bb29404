//! `generations`, `accept`, `rollback`, `pin`: whole generations, through the service that holds the folder where one
//! does, else directly.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::arguments::{AcceptArguments, GenerationsArguments, PinArguments, RollbackArguments};
use super::client::{Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::words;
use crate::config::{Config, environment};
use crate::durable::DurableError;
use crate::replica::generations::{Generations, Listed, Listing};
use crate::snapshot::folder::{Candidate, Folder, FolderError};

/// Who has the folder.
pub(super) enum Holder {
    /// A service, asked through the folder's socket.
    Service(Server),
    /// This process.
    Us(Generations),
}

impl Holder {
    /// Of the data folder `dir`, which must exist unless it is to be `made`.
    ///
    /// # Errors
    /// There is no such folder, or a process holds it that is no service.
    pub(super) fn of(dir: &Path, config: &Config, made: bool) -> Result<Holder, CliError> {
        let folder = Folder::of_tenant(dir);
        if !made && !folder.dir().is_dir() {
            return Err(FolderError::NoSnapshot {
                path: dir.to_owned(),
                found: if dir.exists() {
                    "a folder without one"
                } else {
                    "nothing"
                },
            }
            .into());
        }
        match Folder::hold(folder.dir()) {
            Ok(held) => {
                let held = Arc::new(held.keeping(config.data.generations_kept));
                Ok(Holder::Us(Generations::new(held, config.phones, config.sanity)))
            }
            Err(locked @ FolderError::Durable(DurableError::Locked { .. })) => {
                let service = Server::Unix(folder.socket());
                // Another build holds it too, and has no socket; what it says is of more use then.
                match service.get("/livez", &Trust::default()) {
                    Ok(_) => Ok(Holder::Service(service)),
                    Err(_) => Err(locked.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    fn asked(arguments: &GenerationsArguments) -> Result<Holder, CliError> {
        let config = Config::load(arguments.config.file.as_deref(), environment())?;
        let dir = arguments.dir.as_deref().unwrap_or(&config.data.dir);
        Holder::of(dir, &config, false)
    }
}

/// What `server` answers to the act `path`.
pub(super) fn act<T: DeserializeOwned>(server: &Server, path: &str, body: &Value) -> Result<T, CliError> {
    read(server, &server.post(path, body)?)
}

fn read<T: DeserializeOwned>(server: &Server, body: &[u8]) -> Result<T, CliError> {
    serde_json::from_slice(body).map_err(|source| CliError::Answer {
        server: server.to_string(),
        expected: "an answer about generations",
        source,
    })
}

/// A service is not there: whatever is published is served when one starts.
fn nobody_serves<T>(_: T) -> bool {
    true
}

pub(super) fn list(arguments: &GenerationsArguments, out: &mut Output) -> Result<(), CliError> {
    let listing = match Holder::asked(arguments)? {
        Holder::Service(server) => read(&server, &server.get("/generations", &Trust::default())?)?,
        Holder::Us(generations) => generations.list()?,
    };
    if arguments.json {
        return json_line(&listing, out);
    }
    print(&listing, out)
}

pub(super) fn accept(arguments: &AcceptArguments, out: &mut Output) -> Result<(), CliError> {
    let candidate: Candidate = match (Holder::asked(&arguments.of)?, arguments.drop) {
        (Holder::Service(server), false) => act(&server, "/accept", &json!({}))?,
        (Holder::Service(server), true) => act(&server, "/accept/drop", &json!({}))?,
        (Holder::Us(generations), false) => generations.accept(nobody_serves)?,
        (Holder::Us(generations), true) => generations.drop_candidate()?,
    };
    if arguments.of.json {
        return json_line(&candidate, out);
    }
    let (number, customers) = (
        candidate.generation,
        words::counted(candidate.customers, "customer"),
    );
    Ok(if arguments.drop {
        out.line(format_args!("generation {number} ({customers}) is dropped"))?
    } else {
        out.line(format_args!("generation {number} ({customers}) is published"))?
    })
}

pub(super) fn roll_back(arguments: &RollbackArguments, out: &mut Output) -> Result<(), CliError> {
    let generation = match Holder::asked(&arguments.of)? {
        Holder::Service(server) => {
            let done: Value = act(&server, "/rollback", &json!({"generation": arguments.generation}))?;
            done["generation"].as_u64().unwrap_or_default()
        }
        Holder::Us(generations) => generations.roll_back(arguments.generation, nobody_serves)?,
    };
    if arguments.of.json {
        return json_line(&json!({"generation": generation}), out);
    }
    Ok(out.line(format_args!("generation {generation} is the present one again"))?)
}

pub(super) fn pin(arguments: &PinArguments, out: &mut Output) -> Result<(), CliError> {
    let generation = arguments.generation;
    let was_pinned = match (Holder::asked(&arguments.of)?, arguments.remove) {
        (Holder::Service(server), false) => {
            let _: Value = act(&server, "/pin", &json!({"generation": generation}))?;
            false
        }
        (Holder::Service(server), true) => {
            let done: Value = act(&server, "/unpin", &json!({"generation": generation}))?;
            done["was_pinned"] == true
        }
        (Holder::Us(generations), false) => {
            generations.pin(generation)?;
            false
        }
        (Holder::Us(generations), true) => generations.unpin(generation)?,
    };
    if arguments.of.json {
        let pinned = !arguments.remove;
        return json_line(&json!({"generation": generation, "pinned": pinned}), out);
    }
    Ok(match (arguments.remove, was_pinned) {
        (false, _) => out.line(format_args!(
            "generation {generation} stays until it is let go: pin --remove"
        ))?,
        (true, true) => out.line(format_args!("generation {generation} goes when its time comes"))?,
        (true, false) => out.line(format_args!("generation {generation} was not pinned"))?,
    })
}

fn json_line<T: Serialize>(value: &T, out: &mut Output) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(out.line("")?)
}

fn print(listing: &Listing, out: &mut Output) -> Result<(), CliError> {
    if listing.generations.is_empty() {
        out.line("no generation yet; build one with `ringside snapshot build`")?;
    }
    for one in &listing.generations {
        let style = if one.present { Style::Bold } else { Style::Plain };
        out.pieces(&[
            (style, &format!("{:>6}  ", one.generation)),
            (Style::Plain, &described(one)),
        ])?;
    }
    if let Some(candidate) = &listing.candidate {
        out.gap()?;
        out.pieces(&[(
            Style::Bad,
            &format!(
                "generation {} waits to be accepted since {}",
                candidate.generation,
                words::moment(candidate.held_at_ms)
            ),
        )])?;
        out.line(format_args!(
            "  {} of {}, made on generation {}",
            words::counted(candidate.customers, "customer"),
            candidate.input,
            candidate.base
        ))?;
        for reason in &candidate.reasons {
            out.line(format_args!("  {reason}"))?;
        }
    }
    Ok(())
}

fn described(one: &Listed) -> String {
    let mut parts = Vec::new();
    if one.present {
        parts.push("present".to_owned());
    }
    if one.pinned {
        parts.push("pinned".to_owned());
    }
    parts.extend(one.customers.map(|count| words::counted(count, "customer")));
    parts.push(words::bytes(one.bytes));
    parts.extend(one.created_at_ms.map(words::moment));
    parts.extend(one.fault.as_ref().map(|fault| format!("cannot be read: {fault}")));
    parts.join(", ")
}
