//! Instructions that a lookup and its parts take, counted by callgrind, which a noisy machine does not disturb.
//!
//! `tests/instructions` builds this as tests are built, but optimised, and compares the counts with
//! `benches/instructions.toml`; `cargo bench --bench instructions` prints them for a build as it is released.
//! The parent runs itself under valgrind; the child makes what is looked up in, does everything once, and then calls
//! [`counted_by_callgrind`] once for nothing and once for each scenario: callgrind writes what it has counted at the end of
//! each call, and begins anew.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot set up should stop, and what it prints is its purpose"
)]

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "instructions/golden.rs"]
mod golden;
#[path = "instructions/scenarios.rs"]
mod scenarios;
#[path = "../tests/support/centre.rs"]
mod support;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use golden::Golden;
use scenarios::Scenario;

/// Where the counts are that are held, from the root of the repository.
const GOLDEN: &str = "benches/instructions.toml";
/// What the child is told by.
const COUNTED: &str = "--counted";

fn main() -> ExitCode {
    let wants = |argument: &str| env::args_os().any(|given| given == argument);
    if wants(COUNTED) {
        let mut all = scenarios::all();
        all.iter_mut().for_each(|scenario| (scenario.round)());
        counted_by_callgrind(&mut Scenario::nothing());
        all.iter_mut().for_each(counted_by_callgrind);
        return ExitCode::SUCCESS;
    }
    let names: Vec<_> = scenarios::all().iter().map(|scenario| scenario.name).collect();
    let sums = match callgrind::run(COUNTED, "*counted_by_callgrind*", names.len() + 1) {
        Ok(sums) => sums,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let counts = names
        .into_iter()
        // The first is everything up to the scenarios.
        .zip(sums.into_iter().skip(1))
        .map(|(name, sum)| (name.to_owned(), sum.div_ceil(scenarios::CALLS)))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if wants("--accept") {
        golden::write(&path, &counts);
        println!("wrote {GOLDEN}");
        return ExitCode::SUCCESS;
    }
    let golden = Golden::read(&path);
    println!("{:>12} {:>12}  instructions a call", "expected", "found");
    for (name, found) in &counts {
        let expected = golden.counts.get(name).map_or("-".to_owned(), u64::to_string);
        println!("{expected:>12} {found:>12}  {name}");
    }
    let complaints = golden.judge(&counts);
    if !wants("--check") || complaints.is_empty() {
        return ExitCode::SUCCESS;
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!(
        "Where that is meant, let `tests/instructions --accept` write {GOLDEN}, and say in the commit what it bought."
    );
    ExitCode::FAILURE
}

/// Its end is where callgrind writes; its name is a pattern on its command line.
#[inline(never)]
fn counted_by_callgrind(scenario: &mut Scenario) {
    (scenario.round)();
}
