//! Measures Ringside beside what it claims to beat, as ratios taken in one run on one machine.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program's output is its purpose, and a wrong answer must stop it"
)]

mod allocations;
mod baseline;
mod centre;
mod client;
mod compare;
mod cpu;
mod customers;
mod dialects;
mod failover;
mod feeds;
mod import;
mod load;
mod lookup;
mod machine;
mod memory;
mod normalize;
mod outcome;
mod overload;
mod pairs;
mod pops;
mod processes;
mod reads;
mod replica;
mod report;
mod row;
mod scale;
mod server;
mod startup;

use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use row::Row;

#[derive(Parser)]
#[command(about = "Measures Ringside beside what it claims to beat", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Also write the rows as JSON to this file.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Also write them as a page for people, which needs nothing else, to this file.
    #[arg(long, global = true)]
    html: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Every row of the table of targets, in a quarter of an hour; builds Ringside first.
    Compare(compare::Options),
    /// What a lookup costs and how many bytes a customer takes, from 10 thousand numbers to 100 million.
    Scale(scale::Options),
    /// A page of what other commands wrote as JSON.
    Report(report::Options),
    /// Row 3: allocations of a lookup.
    Allocations(allocations::Options),
    /// Rows 1, 2 and 12: lookups in process beside dependent reads of the same map, and the bytes they cost.
    Lookup(lookup::Options),
    /// Row 4: server CPU of a lookup over HTTP beside a bare hyper server. Needs `cargo build --release` first.
    Cpu(cpu::Options),
    /// Server CPU and p99 of each dialect beside the native lookup. Needs `cargo build --release` first.
    Dialects(dialects::Options),
    /// Row 9: exec to first correct answer. Needs `cargo build --release` first.
    Startup(startup::Options),
    /// Answers and their times at the load that one worker can carry, and at ten times that. Needs
    /// `cargo build --release` first.
    Overload(overload::Options),
    /// Row 15: reading written numbers beside the crates `phonenumber` and `rlibphonenumber`.
    Normalize(normalize::Options),
    /// Row 18: answers checked by an oracle of versions, while everything changes. Fails where one is wrong.
    Reads(reads::Options),
    /// Rows 7, 8, 10a, 11, 14 in process and 18: what changes, merges and swaps cost.
    Replica(replica::Options),
    /// Row 10b, and row 11 of it: an import of NDJSON beside one pass of `serde_json`.
    Import(import::Options),
    /// Rows 13 and 14: each kind of feed beside a bare receiver of the same stream, over real servers. Needs
    /// `cargo build --release` and the servers of `tests/servers/install` first.
    Feeds(feeds::Options),
    /// Row 17: from a ring to the pop on one of thousands of desktops, beside a round trip and an echo. Needs
    /// `cargo build --release` first.
    Pops(pops::Options),
    /// Rows 16a, 16b and 16c: how long the address of a pair is silent when a node or the service dies, freezes or hands
    /// over, beside keepalived alone. Needs root, `cargo build --release`, and the servers of `tests/servers/install`.
    Failover(failover::Options),
    /// The load generator: requests that are sent when they are due, whatever becomes of those before. Needs
    /// `cargo build --release` first.
    Load(load::Options),
    /// Rows 5, 6a and 6b: Ringside beside bare hyper, Redis and PostgreSQL under the same load. Needs
    /// `cargo build --release` first, and redis-server and postgresql installed.
    Rivals(load::rows::Options),
    /// The bare hyper server that others are measured beside; serves until it is ended.
    Baseline(baseline::Options),
}

/// The exit status that tells wrong answers from what did not work.
const WRONG: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (json, html) = (arguments.json.as_deref(), arguments.html.as_deref());
    for path in [json, html].into_iter().flatten() {
        // Ahead of minutes of measuring.
        if let Err(error) = writable(path) {
            println!("loadtest: {} cannot be written: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    // The comparison's parts clean up behind themselves where they are ended, and the bare server has nothing to.
    let _temporary = match &arguments.command {
        Command::Compare(_) | Command::Baseline(_) => None,
        _ => match processes::end_with_us() {
            Ok(folder) => Some(folder),
            Err(error) => return told(Err(error)),
        },
    };
    let rows = match &arguments.command {
        Command::Compare(options) => return compare::run(options, json, html),
        Command::Scale(options) => return told(scale::run(options, json)),
        Command::Report(options) => return told(report::write(options, html)),
        Command::Baseline(options) => return told(baseline::serve(options)),
        Command::Allocations(options) => allocations::measure(options),
        Command::Lookup(options) => lookup::measure(options),
        Command::Cpu(options) => cpu::measure(options),
        Command::Dialects(options) => dialects::measure(options),
        Command::Startup(options) => startup::measure(options),
        Command::Overload(options) => overload::measure(options),
        Command::Normalize(options) => normalize::measure(options),
        Command::Reads(options) => reads::measure(options),
        Command::Replica(options) => replica::measure(options),
        Command::Import(options) => import::measure(options),
        Command::Feeds(options) => feeds::measure(options),
        Command::Pops(options) => pops::measure(options),
        Command::Failover(options) => failover::measure(options),
        Command::Load(options) => return load::command(options, json, html),
        Command::Rivals(options) => load::rows::measure(options),
    };
    let is_wrong = rows
        .as_ref()
        .is_ok_and(|rows| rows.iter().any(Row::is_of_wrong_answers));
    let done = rows.and_then(|rows| row::report(&rows, &[], json, html));
    if is_wrong && done.is_ok() {
        return ExitCode::from(WRONG);
    }
    told(done)
}

/// Makes the folder of `path` where it is missing, and sees whether a file can be there.
fn writable(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map(drop)
}

/// Tells an error where there is one.
fn told(done: Result<(), Error>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
