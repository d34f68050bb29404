//! `snapshot publish`: the present generation of a data folder, sent to the object store.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::app::shelf::{Entry, Keeping};
use crate::cli::arguments::ConfigFile;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::cli::words;
use crate::config::{Config, environment};

#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArguments {
    /// The object store: s3://BUCKET/PREFIX or file:///FOLDER; the configured one where it is left out
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: Option<String>,
    /// The data folder, or a snapshot; the configured one where it is left out
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Print the summary as JSON, and no progress
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigFile,
}

pub(in crate::cli) fn run(arguments: &PublishArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let shelf = super::shelf(arguments.to.as_deref(), &config)?;
    let dir = arguments.dir.as_ref().unwrap_or(&config.data.dir);
    let (path, snapshot) = super::open(dir)?;
    let header = snapshot.header();
    let now_ms = words::now_ms();
    let entry = Entry {
        name: String::new(),
        node: config.ha.node.clone(),
        line: header.log.line,
        generation: header.generation,
        format_version: header.format_version,
        seq: header.seq,
        created_at_ms: header.created_at_ms,
        published_at_ms: now_ms,
        customers: header.customers,
        bytes: header.file_length,
    }
    .named();
    let served = (config.ha.node.as_str(), header.log.line, header.generation);
    let keeping = Keeping::within(config.data.erase_within_s, now_ms, config.snapshots.kept, served);
    let mut progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new("publishing", Unit::Bytes, Some(entry.bytes))
    };
    shelf.publish(&path, &entry, keeping, &mut |bytes| {
        progress.at(bytes, Some(entry.bytes), 0);
        true
    })?;
    drop(progress);
    if arguments.json {
        return Ok(out.line(json!({
            "store": shelf.shown(),
            "name": entry.name,
            "generation": entry.generation,
            "customers": entry.customers,
            "bytes": entry.bytes,
        }))?);
    }
    let (generation, store) = (entry.generation, shelf.shown());
    let customers = words::counted(entry.customers, "customer");
    let bytes = words::bytes(entry.bytes);
    Ok(out.line(format!(
        "published generation {generation}, {customers}, {bytes}, in {store}"
    ))?)
}
