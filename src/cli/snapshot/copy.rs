//! `snapshot copy`: the present generation of another server, or the newest of an object store, taken over piece by piece,
//! verified, judged and published here.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};

use crate::app::catch_up::{Offered, Origin};
use crate::app::generations::{Published, Reserved};
use crate::cli::arguments::{ConfigFile, Credentials};
use crate::cli::client::{Server, Trust};
use crate::cli::error::CliError;
use crate::cli::generations::{self, Way};
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::config::{Config, environment};
use crate::snapshot::folder::{self, Folder, Held};

/// Whence a snapshot is copied.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Whence {
    /// Another server's administration.
    Server(Server),
    /// An object store.
    Store(String),
}

impl FromStr for Whence {
    type Err = String;

    fn from_str(text: &str) -> Result<Whence, String> {
        if text.starts_with("s3://") || text.starts_with("file:///") {
            return Ok(Whence::Store(text.to_owned()));
        }
        text.parse().map(Whence::Server)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyArguments {
    /// The other server's administration: http://HOST:PORT, https://HOST:PORT or unix:/PATH; or an object store:
    /// s3://BUCKET/PREFIX or file:///FOLDER
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) from: Whence,
    /// The data folder to copy into; the server's `data.dir`
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// Publish it, however different from the present one it looks
    #[arg(long)]
    pub(in crate::cli) accept: bool,
    /// Take the place of what feeds have brought too; they go on from where the other server's are
    #[arg(long)]
    pub(in crate::cli) replace: bool,
    /// Print the summary as JSON, and no progress
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) credentials: Credentials,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigFile,
}

pub(in crate::cli) fn run(arguments: &CopyArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let origin = origin(arguments, &config)?;
    let offered = origin.newest()?;
    let way = Way::of(&arguments.out, &config)?;
    let held = Folder::of_tenant(&arguments.out).hold_build()?;
    // What an import has left there has nothing to do with this.
    folder::spend_build(held.folder().dir());
    let reserved: Reserved = way.act(
        "/builds",
        &json!({
            "input": origin.to_string(),
            "dir": held.folder().dir().file_name().map(|name| name.to_string_lossy()),
            "replace": arguments.replace,
        }),
        true,
    )?;
    let copied = copied(arguments, &origin, &offered, &held, &reserved).inspect_err(|_| {
        // Whether the server hears of it matters little: it forgets builds that are never published.
        let _dropped = way.act::<Value>("/builds/drop", &json!({"build": reserved.build}), true);
    })?;
    let published: Published = way.act(
        "/builds/publish",
        &json!({
            "build": reserved.build,
            "snapshot": copied.file_name().map(|name| name.to_string_lossy()),
            "rows": offered.customers,
            "refused": 0,
            "accept": arguments.accept,
        }),
        arguments.json,
    )?;
    held.remove();
    generations::published(&published, &arguments.out, arguments.json, out)
}

/// Whence it is copied: another server, or the object store that is named instead of the configured one.
fn origin(arguments: &CopyArguments, config: &Config) -> Result<Origin, CliError> {
    Ok(match &arguments.from {
        Whence::Server(server) => Origin::Node(server.clone(), Trust::of(&arguments.credentials)?),
        Whence::Store(store) => Origin::Shelf(super::shelf(Some(store), config)?),
    })
}

/// Copies what is offered to a file of the build folder, under the serial number that was reserved for it.
fn copied(
    arguments: &CopyArguments,
    origin: &Origin,
    offered: &Offered,
    held: &Held,
    reserved: &Reserved,
) -> Result<PathBuf, CliError> {
    let mut progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new("copying", Unit::Bytes, Some(offered.bytes))
    };
    let mut at = |bytes| {
        progress.at(bytes, Some(offered.bytes), 0);
        true
    };
    Ok(origin.copy(offered, held, reserved.generation, &mut at)?)
}
