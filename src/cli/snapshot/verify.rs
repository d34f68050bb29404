//! `snapshot verify`: every byte, every way, and the ids whose 53-bit spellings collide.

use serde::Serialize;

use crate::cli::arguments::PathArguments;
use crate::cli::error::CliError;
use crate::cli::output::{Output, Style};
use crate::cli::progress::{Progress, Unit};
use crate::cli::words;
use crate::snapshot::layout::id_hash53;
use crate::snapshot::{MappedSnapshot, SnapshotError};

#[derive(Debug, Serialize)]
struct Report {
    path: String,
    generation: u64,
    customers: u64,
    claims: u64,
    bytes: u64,
    /// Ids that share the 53-bit hash which integer and GUID spellings of ids are made of.
    collisions: Vec<Collision>,
}

#[derive(Debug, Serialize)]
struct Collision {
    hash53: u64,
    ids: Vec<String>,
}

pub(in crate::cli) fn run(arguments: &PathArguments, out: &mut Output) -> Result<(), CliError> {
    let (path, snapshot) = super::open(&arguments.path)?;
    let total = snapshot.header().customers;
    let mut progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new("checking", Unit::Customers, Some(total))
    };
    let failed = |source| CliError::Snapshot {
        path: path.clone(),
        source,
    };
    let verified = snapshot
        .verify(|done| progress.at(done, Some(total), done))
        .map_err(failed)?;
    drop(progress);
    let collisions = match verified.hash_collisions {
        0 => Vec::new(),
        _ => collisions(&snapshot).map_err(failed)?,
    };
    let report = Report {
        path: path.display().to_string(),
        generation: snapshot.header().generation,
        customers: verified.customers,
        claims: verified.claims,
        bytes: snapshot.header().file_length,
        collisions,
    };
    if arguments.json {
        serde_json::to_writer(&mut *out, &report)?;
        return Ok(out.line("")?);
    }
    let what = format!(": {} bytes of {}", words::count(report.bytes), report.path);
    out.pieces(&[
        (Style::Good, "Every byte is as it was written"),
        (Style::Plain, &what),
    ])?;
    out.line(format_args!(
        "  {} found again by id, {} by number",
        words::counted(report.customers, "customer"),
        words::counted(report.claims, "claim"),
    ))?;
    for collision in &report.collisions {
        out.line(format_args!(
            "  ids with one spelling ({}): {}; callers that need integer or GUID ids cannot tell them apart",
            collision.hash53,
            collision.ids.join(", ")
        ))?;
    }
    Ok(())
}

fn collisions(snapshot: &MappedSnapshot) -> Result<Vec<Collision>, SnapshotError> {
    let mut collisions: Vec<Collision> = Vec::new();
    for record in snapshot.records() {
        let hash53 = id_hash53(record?.id());
        if collisions.iter().any(|known| known.hash53 == hash53) {
            continue;
        }
        let ids: Vec<String> = snapshot
            .customers_by_hash53(hash53)
            .map(|record| record.id().to_owned())
            .collect();
        if ids.len() > 1 {
            collisions.push(Collision { hash53, ids });
        }
    }
    Ok(collisions)
}
