//! `snapshot copy`: the present generation of another server, taken over piece by piece, verified, judged and published
//! here.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use serde_json::{Value, json};

use crate::app::generations::{MOST_PIECE, Published, Reserved};
use crate::cli::arguments::CopyArguments;
use crate::cli::client::{Server, Trust};
use crate::cli::error::CliError;
use crate::cli::generations::{self, Way};
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::config::{Config, environment};
use crate::durable::{DurableError, Staged};
use crate::snapshot::folder::{self, Folder, FolderError, Held};
use crate::snapshot::layout;

/// What is to be copied.
struct Offered {
    generation: u64,
    bytes: u64,
    customers: u64,
}

pub(in crate::cli) fn run(arguments: &CopyArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let trust = Trust::of(&arguments.credentials)?;
    let offered = offered(&arguments.from, &trust)?;
    let way = Way::of(&arguments.out, &config)?;
    let held = Folder::of_tenant(&arguments.out).hold_build()?;
    // What an import has left there has nothing to do with this.
    folder::spend_build(held.folder().dir());
    let reserved: Reserved = way.act(
        "/builds",
        &json!({
            "input": arguments.from.to_string(),
            "dir": held.folder().dir().file_name().map(|name| name.to_string_lossy()),
            "replace": arguments.replace,
        }),
        true,
    )?;
    let copied = copied(arguments, &trust, &offered, &held, &reserved).inspect_err(|_| {
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

/// The present generation of the other server.
fn offered(from: &Server, trust: &Trust) -> Result<Offered, CliError> {
    let answer = from.get("/generations", trust)?;
    let listed: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let present = listed["present"].as_u64().filter(|present| *present > 0);
    let mut row = listed["generations"].as_array().into_iter().flatten();
    let row = row.rfind(|row| row["generation"].as_u64() == present);
    let offered = present.zip(row).and_then(|(generation, row)| {
        Some(Offered {
            generation,
            bytes: row["bytes"].as_u64()?,
            customers: row["customers"].as_u64()?,
        })
    });
    offered.ok_or_else(|| CliError::NothingToCopy {
        server: from.to_string(),
    })
}

/// Copies what is offered to a file of the build folder, under the serial number that was reserved for it.
fn copied(
    arguments: &CopyArguments,
    trust: &Trust,
    offered: &Offered,
    held: &Held,
    reserved: &Reserved,
) -> Result<std::path::PathBuf, CliError> {
    let mut progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new("copying", Unit::Bytes, Some(offered.bytes))
    };
    let path = held.folder().snapshot(reserved.generation);
    let mut staged = Staged::create(&path).map_err(FolderError::from)?;
    let full = |source| FolderError::from(DurableError::new("write", &path, source));
    let mut at = 0;
    while at < offered.bytes {
        let generation = offered.generation;
        let piece = format!("/snapshots/{generation}?offset={at}&length={MOST_PIECE}");
        let mut piece = arguments.from.get(&piece, trust)?.to_vec();
        if piece.is_empty() {
            return Err(CliError::NothingToCopy {
                server: arguments.from.to_string(),
            });
        }
        if at == 0 {
            let line = RandomState::new().hash_one(reserved.generation).max(1);
            layout::renumber(&mut piece, reserved.generation, line).map_err(|source| CliError::Snapshot {
                path: path.clone(),
                source,
            })?;
        }
        at += piece.len() as u64;
        staged
            .writer()
            .and_then(|file| file.write_all(&piece))
            .map_err(full)?;
        progress.at(at, Some(offered.bytes), 0);
    }
    staged.publish().map_err(FolderError::from)?;
    Ok(path)
}
