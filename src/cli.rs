//! The command line: what a person types, and what is printed for people or machines.
//!
//! Exit codes: 0 done, 1 failed, 2 typed wrongly, 3 an import that was built and waits to be accepted. Answers go to standard output; notes, progress and errors to
//! standard error. A reader that stops reading (`| head`) ends a command quietly.

mod accept;
mod arguments;
mod client;
mod config;
mod demo;
mod deploy;
mod error;
mod explain;
mod generations;
mod handover;
mod key;
mod line;
mod lookup;
mod normalize;
mod notify;
mod number;
mod outbox;
mod output;
mod pin;
mod program;
mod progress;
mod relay;
mod reload;
mod rollback;
mod serve;
mod shadow;
mod snapshot;
mod status;
mod watchdog;
mod words;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command, SnapshotCommand};
use error::CliError;
use output::Output;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // Clap itself prints help and version, and faults of usage with exit code 2.
    let arguments = Arguments::parse();
    let mut out = Output::standard();
    let done = run(arguments.command, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // What was printed before belongs before the error.
            drop(out);
            output::note(&error);
            error.exit_code()
        }
    }
}

fn run(command: Command, out: &mut Output) -> Result<(), CliError> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, out),
        Command::Serve(arguments) => serve::run(&arguments, out),
        Command::Relay(arguments) => relay::run(&arguments),
        Command::Snapshot(command) => match command {
            SnapshotCommand::Copy(arguments) => snapshot::copy::run(&arguments, out),
            SnapshotCommand::Publish(arguments) => snapshot::publish::run(&arguments, out),
            SnapshotCommand::Build(arguments) => snapshot::build::run(&arguments, out),
            SnapshotCommand::Inspect(arguments) => snapshot::inspect::run(&arguments, out),
            SnapshotCommand::Verify(arguments) => snapshot::verify::run(&arguments, out),
            SnapshotCommand::Export(arguments) => snapshot::export::run(&arguments, out),
            SnapshotCommand::Diff(arguments) => snapshot::diff::run(&arguments, out),
        },
        Command::Generations(arguments) => generations::run(&arguments, out),
        Command::Accept(arguments) => accept::run(&arguments, out),
        Command::Rollback(arguments) => rollback::run(&arguments, out),
        Command::Pin(arguments) => pin::run(&arguments, out),
        Command::Lookup(arguments) => lookup::run(&arguments, out),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Normalize(arguments) => normalize::run(&arguments, out),
        Command::Status(arguments) => status::run(&arguments, out),
        Command::Key(command) => key::run(&command, out),
        Command::Reload(arguments) => reload::run(&arguments, out),
        Command::Shadow(arguments) => shadow::run(&arguments, out),
        Command::Outbox(arguments) => outbox::run(&arguments, out),
        Command::Deploy(command) => deploy::run(&command, out),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Watchdog(arguments) => watchdog::run(&arguments),
        Command::Handover(arguments) => handover::run(&arguments, out),
        Command::Config(command) => config::run(&command, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "ringside", out);
            Ok(())
        }
    }
}
