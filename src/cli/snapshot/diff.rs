//! `snapshot diff`: what is different between two snapshots, a line each, in the files' order.
//!
//! Both are looked up where they are mapped, so that two snapshots of any size need no memory of their own.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::arguments::DiffArguments;
use crate::cli::error::CliError;
use crate::cli::output::{self, Output, harmless};
use crate::cli::words;
use crate::customer::Record;
use crate::number::Key;
use crate::snapshot::claimants::{Claimants, Order};
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError};

/// How many differences there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Differences {
    added: u64,
    removed: u64,
    changed: u64,
    moved: u64,
}

pub(in crate::cli) fn run(arguments: &DiffArguments, out: &mut Output) -> Result<(), CliError> {
    let (a_path, a) = super::open(&arguments.a)?;
    let (b_path, b) = super::open(&arguments.b)?;
    let found = diff((&a_path, &a), (&b_path, &b), out)?;
    out.flush()?;
    output::note(format_args!(
        "{} added, {} removed, {} changed; {} moved (the newest claim's owner)",
        words::counted(found.added, "customer"),
        words::count(found.removed),
        words::count(found.changed),
        words::counted(found.moved, "number")
    ));
    Ok(())
}

fn diff(
    (a_path, a): (&PathBuf, &MappedSnapshot),
    (b_path, b): (&PathBuf, &MappedSnapshot),
    out: &mut impl Write,
) -> Result<Differences, CliError> {
    let damaged = |path: &PathBuf| {
        let path = path.clone();
        move |source: SnapshotError| CliError::Snapshot { path, source }
    };
    let mut found = Differences::default();
    for before in a.records() {
        let before = before.map_err(damaged(a_path))?;
        match b.customer(before.id()) {
            None => {
                found.removed += 1;
                writeln!(out, "removed\t{}", harmless(before.id()))?;
            }
            // The rest of a record says where it stood in its source, which is no difference to anybody.
            Some(after) if after.json() != before.json() => {
                found.changed += 1;
                writeln!(out, "changed\t{}", harmless(before.id()))?;
            }
            Some(_) => {}
        }
    }
    for after in b.records() {
        let after = after.map_err(damaged(b_path))?;
        if a.customer(after.id()).is_none() {
            found.added += 1;
            writeln!(out, "added\t{}", harmless(after.id()))?;
        }
        let numbers = after
            .claims()
            .filter(|claim| Key::from_raw(claim.key).is_number());
        for claim in numbers {
            // A contested number is told once, with its owner.
            let is_owner = owner(b, claim.key).is_some_and(|owner| owner.id() == after.id());
            let before = owner(a, claim.key).filter(|before| before.id() != after.id());
            if is_owner && let Some(before) = before {
                found.moved += 1;
                let number = Key::from_raw(claim.key);
                let (from, to) = (harmless(before.id()), harmless(after.id()));
                writeln!(out, "moved\t{number}\t{from}\t{to}")?;
            }
        }
    }
    Ok(found)
}

/// The customer whose claim on `key` is the newest.
fn owner<D: AsRef<[u8]>>(snapshot: &Snapshot<D>, key: u64) -> Option<Record<'_>> {
    match snapshot.claimants(key) {
        Claimants::None | Claimants::Damaged => None,
        Claimants::One(record) => Some(record),
        Claimants::Many(many) => many
            .references(Order::NewestClaim)
            .next()
            .and_then(|reference| snapshot.claimant(reference)),
    }
}
