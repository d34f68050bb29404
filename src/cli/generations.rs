//! `generations`, and how its acts reach whoever holds the folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::arguments::FolderArguments;
use super::client::{ClientError, Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::progress::{Progress, Unit};
use super::words;
use crate::app::generations::{Generations, Outcome, Published};
use crate::config::{Config, environment};
use crate::durable::DurableError;
use crate::snapshot::folder::{Folder, FolderError};

/// Between two looks at how far an act is.
const LOOK: Duration = Duration::from_millis(250);

/// How acts on a folder's generations are done.
#[derive(Debug)]
pub(super) enum Way {
    /// Here: nobody else holds the folder.
    Direct(Box<Generations>),
    /// By the service that holds it.
    Server(Server),
}

impl Way {
    /// How they are done on `data_dir`, which is made where it is missing.
    pub(super) fn of(data_dir: &Path, config: &Config) -> Result<Way, CliError> {
        let folder = Folder::of_tenant(data_dir);
        match Folder::hold(folder.dir()) {
            Ok(held) => {
                let held = Arc::new(held.keeping(config.data.generations_kept));
                Ok(Way::Direct(Box::new(Generations::new(held, config, None))))
            }
            Err(error @ FolderError::Durable(DurableError::Locked { .. })) => {
                let server = Server::Unix(folder.socket());
                // A service that was killed leaves its socket, and it may be no service that holds the folder.
                match server.get("/livez", &Trust::default()) {
                    Err(ClientError::Unreachable { .. }) => Err(error.into()),
                    _ => Ok(Way::Server(server)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a folder that has to be there: the configured one, or that of the option.
    pub(super) fn to(arguments: &FolderArguments) -> Result<(Way, PathBuf), CliError> {
        let config = Config::load(arguments.config.file.as_deref(), environment())?;
        let dir = arguments.dir.clone().unwrap_or_else(|| config.data.dir.clone());
        if !Folder::of_tenant(&dir).dir().is_dir() {
            let found = if dir.is_dir() {
                "a folder without one"
            } else {
                "nothing"
            };
            return Err(FolderError::NoSnapshot { path: dir, found }.into());
        }
        Ok((Way::of(&dir, &config)?, dir))
    }

    /// Whether a service does them.
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Way::Server(_))
    }

    /// Does what `POST path` does with `body`, and shows how far it is unless `quiet`.
    pub(super) fn act<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        quiet: bool,
    ) -> Result<T, CliError> {
        std::thread::scope(|scope| {
            let (done, told) = channel();
            scope.spawn(move || done.send(self.post(path, body)));
            let mut shown: Option<(String, Progress)> = None;
            let answer = loop {
                match told.recv_timeout(LOOK) {
                    Ok(answer) => break answer?,
                    Err(RecvTimeoutError::Timeout) if quiet => {}
                    Err(RecvTimeoutError::Timeout) => self.look(&mut shown),
                    // It ended in a panic, which is told when its thread is joined.
                    Err(RecvTimeoutError::Disconnected) => break Value::Null,
                }
            };
            serde_json::from_value(answer).map_err(|source| self.unreadable(source))
        })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        match self {
            Way::Direct(generations) => {
                let done = generations.perform(path, body.to_string().as_bytes());
                Ok(done.unwrap_or(Ok(Value::Null))?)
            }
            Way::Server(server) => {
                let answer = server.post(path, body, &Trust::default())?;
                serde_json::from_slice(&answer).map_err(|source| self.unreadable(source))
            }
        }
    }

    /// Every generation, and what is being done.
    fn list(&self) -> Result<Value, CliError> {
        match self {
            Way::Direct(generations) => Ok(generations.list()?),
            Way::Server(server) => {
                let answer = server.get("/generations", &Trust::default())?;
                serde_json::from_slice(&answer).map_err(|source| self.unreadable(source))
            }
        }
    }

    fn look(&self, shown: &mut Option<(String, Progress)>) {
        // How far it is is nothing to fail for.
        let Ok(list) = self.list() else { return };
        let doing = &list["doing"];
        let Some(step) = doing["step"].as_str() else {
            return;
        };
        let total = doing["total"].as_u64();
        if shown.as_ref().is_none_or(|(before, _)| before != step) {
            let what = if step == "comparing" {
                "comparing"
            } else {
                "verifying"
            };
            *shown = Some((step.to_owned(), Progress::new(what, Unit::Customers, total)));
        }
        if let Some((_, progress)) = shown {
            let done = doing["done"].as_u64().unwrap_or(0);
            progress.at(done, total, done);
        }
    }

    fn unreadable(&self, source: serde_json::Error) -> CliError {
        CliError::Answer {
            server: match self {
                Way::Direct(_) => "the folder".to_owned(),
                Way::Server(server) => server.to_string(),
            },
            expected: "what became of it",
            source,
        }
    }
}

pub(super) fn run(arguments: &FolderArguments, out: &mut Output) -> Result<(), CliError> {
    let (way, dir) = Way::to(arguments)?;
    let list = way.list()?;
    if arguments.json {
        serde_json::to_writer(&mut *out, &list)?;
        return Ok(out.line("")?);
    }
    let rows = list["generations"].as_array().map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return Ok(out.line(format_args!("No generation in {} yet", dir.display()))?);
    }
    for row in rows {
        let state = row["state"].as_str().unwrap_or_default();
        let style = match state {
            "present" => Style::Good,
            "held" => Style::Bad,
            _ => Style::Plain,
        };
        let pinned = if row["pinned"] == true { ", pinned" } else { "" };
        let title = format!(
            "{:>8}  {:16}",
            row["generation"].to_string(),
            format!("{state}{pinned}")
        );
        let what = match row["error"].as_str() {
            Some(error) => error.to_owned(),
            None => format!(
                "{:>24}  {:>12}  {}",
                words::counted(row["customers"].as_u64().unwrap_or(0), "customer"),
                words::bytes(row["bytes"].as_u64().unwrap_or(0)),
                words::moment(row["created_at_ms"].as_i64().unwrap_or(0)),
            ),
        };
        out.pieces(&[(style, &title), (Style::Plain, &what)])?;
        for reason in row["reasons"].as_array().into_iter().flatten() {
            let message = reason["message"].as_str().unwrap_or_default();
            out.line(format_args!("          because {message}"))?;
        }
    }
    Ok(())
}

/// Prints what became of a generation that was to be published, and fails with its own exit code where it waits.
pub(super) fn published(
    published: &Published,
    dir: &Path,
    json: bool,
    out: &mut Output,
) -> Result<(), CliError> {
    if json {
        serde_json::to_writer(&mut *out, &json!(published))?;
        out.line("")?;
    } else if published.outcome == Outcome::Published {
        let title = format!("Generation {} is the present one", published.generation);
        let what = format!(": {}", words::counted(published.customers, "customer"));
        out.pieces(&[(Style::Good, &title), (Style::Plain, &what)])?;
    }
    held(published, dir, json, out)
}

/// Prints why a generation waits, where it does, and fails with its own exit code then.
pub(super) fn held(published: &Published, dir: &Path, json: bool, out: &mut Output) -> Result<(), CliError> {
    if published.outcome == Outcome::Published {
        return Ok(());
    }
    if !json {
        let title = format!("Generation {} is not published", published.generation);
        out.pieces(&[(Style::Bad, &title), (Style::Plain, ":")])?;
        for reason in &published.reasons {
            out.line(format_args!("  {}", reason.message))?;
        }
    }
    out.flush_all()?;
    Err(CliError::Held {
        generation: published.generation,
        base: published.base,
        dir: super::program::shell(dir),
        program: super::program::name(),
    })
}
