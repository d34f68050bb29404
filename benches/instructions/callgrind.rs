//! Runs this program under callgrind.

use std::process::Command;
use std::{env, fs};

/// Runs this program with `argument` under callgrind, and gives the instructions up to the end of each of the `calls` of the
/// function whose name matches `function`, since the end of the call before.
///
/// # Errors
/// What is missing or went wrong, for a person.
pub(crate) fn run(argument: &str, function: &str, calls: usize) -> Result<Vec<u64>, String> {
    let folder = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--dump-after={function}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.path().join("out").display()
        ))
        .arg(program)
        .arg(argument)
        .output()
        .map_err(|error| format!("valgrind: {error}; tests/instructions installs it"))?;
    if !output.status.success() {
        return Err(format!(
            "valgrind: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    (1..=calls)
        .map(|nth| {
            let path = folder.path().join(format!("out.{nth}"));
            let text = fs::read_to_string(&path).unwrap_or_default();
            sum(&text).ok_or_else(|| {
                format!(
                    "expected {calls} calls of {function} in callgrind's output, found {}: is the program stripped?",
                    nth - 1
                )
            })
        })
        .collect()
}

/// The instructions that a file of callgrind's tells of.
fn sum(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok().filter(|sum| *sum > 0)
}
