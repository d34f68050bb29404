//! `outbox`: what a server still has to tell the system of record, what it could not, and what becomes of that.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::arguments::{ConfigFile, Credentials};
use super::client::{ClientError, Server, Trust};
use super::error::CliError;
use super::output::{Output, Style};
use super::words;
use crate::config::{Config, environment};
use crate::snapshot::folder::Folder;

#[derive(Debug, Args)]
pub(super) struct OutboxArguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// The server's administration address, http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL", global = true, conflicts_with = "dir")]
    admin: Option<Server>,
    /// The server's data folder, whose socket is asked; without it and --admin the configured one
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// How it is, and everything that waits or is dead; the same as without a word
    List,
    /// Dead letters alone
    Dead,
    /// One item with what is to be told, which is a customer's data: whoever looks is told in the audit
    Show {
        /// Its number
        id: u64,
    },
    /// Send a dead letter again, with those that depend on it
    Replay(ReplayArguments),
    /// Give an item up, whether it waits or is dead: the system of record is never told
    Drop {
        /// Its number
        id: u64,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "which")]
struct ReplayArguments {
    /// Its number
    #[arg(group = "which")]
    id: Option<u64>,
    /// Each dead letter
    #[arg(long, group = "which")]
    all: bool,
}

impl OutboxArguments {
    /// Has the server answered that the arguments name, or the one of the configuration: by the socket in its data folder,
    /// which needs no key, or else at its address.
    fn answered(
        &self,
        ask: impl Fn(&Server) -> Result<bytes::Bytes, ClientError>,
    ) -> Result<(Server, bytes::Bytes), CliError> {
        let socket = |dir| Server::Unix(Folder::of_tenant(dir).socket());
        if let Some(server) = self.admin.clone().or_else(|| self.dir.as_deref().map(socket)) {
            let body = ask(&server)?;
            return Ok((server, body));
        }
        let config = Config::load(self.config.file.as_deref(), environment()).map_err(CliError::Whom)?;
        let near = socket(&config.data.dir);
        match ask(&near) {
            // The folder may be elsewhere, or another user's.
            Err(ClientError::Unreachable { .. }) => {
                let server = Server::at(config.admin.address);
                let body = ask(&server)?;
                Ok((server, body))
            }
            asked => Ok((near, asked?)),
        }
    }
}

pub(super) fn run(arguments: &OutboxArguments, out: &mut Output) -> Result<(), CliError> {
    let trust = &Trust::of(&arguments.credentials)?;
    let ask = |server: &Server| match &arguments.act {
        None | Some(Act::List) => server.get("/outbox", trust),
        Some(Act::Dead) => server.get("/outbox?state=dead", trust),
        Some(Act::Show { id }) => server.post("/outbox/show", &json!({"id": id}), trust),
        Some(Act::Replay(which)) => {
            let body = match which.id {
                Some(id) => json!({"id": id}),
                None => json!({"all": which.all}),
            };
            server.post("/outbox/replay", &body, trust)
        }
        Some(Act::Drop { id }) => server.post("/outbox/drop", &json!({"id": id}), trust),
    };
    let (admin, body) = arguments.answered(ask)?;
    if arguments.json {
        std::io::Write::write_all(out, body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let told: Value = serde_json::from_slice(&body).map_err(|source| CliError::Answer {
        server: admin.to_string(),
        expected: "its outbox",
        source,
    })?;
    let items = || words::counted(told["items"].as_u64().unwrap_or(0), "item");
    match &arguments.act {
        None | Some(Act::List | Act::Dead) => list(&told, out),
        Some(Act::Show { .. }) => show(&told, out),
        Some(Act::Replay(_)) => Ok(out.line(format_args!("{} to be sent again", items()))?),
        Some(Act::Drop { .. }) => Ok(out.line("given up: the system of record is not told of it")?),
    }
}

/// How it is, in one line.
pub(super) fn standing(state: &Value) -> String {
    let number = |member: &str| state[member].as_u64().unwrap_or(0);
    let mut told = match number("waiting") {
        0 => "nothing waits".to_owned(),
        waiting => format!(
            "{} to be told to the {}, the oldest for {}",
            words::counted(waiting, "item"),
            state["kind"].as_str().unwrap_or_default(),
            words::duration(number("oldest_s"))
        ),
    };
    if number("dead") > 0 {
        let dead = words::counted(number("dead"), "dead letter");
        told = format!("{told}; {dead}: `ringside outbox dead` says why");
    }
    if state["away"] == true {
        told.push_str("; the system of record is away");
    }
    if state["failed"] == true {
        told.push_str("; nothing more is taken, because the disk failed: look at it, then restart");
    }
    told
}

fn list(told: &Value, out: &mut Output) -> Result<(), CliError> {
    out.styled(Style::Bold, standing(&told["state"]))?;
    let now = words::now_ms();
    for item in told["items"].as_array().into_iter().flatten() {
        let text = |member: &str| item[member].as_str().unwrap_or_default();
        let state = text("state");
        let style = if state == "dead" { Style::Bad } else { Style::Plain };
        let title = format!("{:>8}  {state:9}  {:11}  ", item["id"].to_string(), text("kind"));
        let attempts = words::counted(item["attempts"].as_u64().unwrap_or(0), "attempt");
        let since = words::ago(text("created_at"), now).unwrap_or_default();
        let error = match text("last_error") {
            "" => String::new(),
            error => format!(": {error}"),
        };
        let what = format!("{since:15}  {attempts}{error}");
        out.pieces(&[(style, &title), (Style::Plain, &what)])?;
    }
    Ok(())
}

fn show(told: &Value, out: &mut Output) -> Result<(), CliError> {
    let text = |member: &str| told[member].as_str().unwrap_or_default().to_owned();
    let title = format!("{} {}, {}", text("kind"), told["id"], text("state"));
    out.styled(Style::Bold, title)?;
    out.table(&[
        ("key", text("key")),
        ("lane", text("lane")),
        ("since", text("created_at")),
        ("died", text("died_at")),
        ("attempts", told["attempts"].to_string()),
        ("error", text("last_error")),
        ("answer", text("last_answer")),
    ])?;
    let body = serde_json::to_string_pretty(&told["body"])?;
    Ok(out.line(body)?)
}
