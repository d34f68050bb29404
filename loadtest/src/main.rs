//! Measures Ringside beside what it claims to beat, as ratios taken in one run on one machine.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program's output is its purpose, and a wrong answer must stop it"
)]

mod baseline;
mod centre;
mod client;
mod cpu;
mod customers;
mod dialects;
mod feeds;
mod import;
mod lookup;
mod machine;
mod memory;
mod normalize;
mod overload;
mod pairs;
mod reads;
mod replica;
mod row;
mod server;
mod startup;

use std::path::PathBuf;
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
}

#[derive(Subcommand)]
enum Command {
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
    /// The bare hyper server that others are measured beside; serves until it is ended.
    Baseline(baseline::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let rows = match &arguments.command {
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
        Command::Baseline(options) => baseline::serve(options).map(|()| Vec::new()),
    };
    match rows.and_then(|rows| row::report(&rows, arguments.json.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
