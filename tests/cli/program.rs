//! Running the program.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tempfile::TempDir;

/// The program in an environment of its own.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    // What the person who runs the tests has set must not matter.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("RINGSIDE__") {
            command.env_remove(variable);
        }
    }
    command
        .env("NO_COLOR", "1")
        .env_remove("CARGO")
        .env_remove("RINGSIDE_KEY");
    command
}

/// A new file for what one process logs, beside those of all tests; `tests/logged.rs` looks for people in them.
pub(crate) fn log_file() -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("logs");
    std::fs::create_dir_all(&folder).unwrap();
    let nth = FILES.fetch_add(1, Ordering::Relaxed);
    folder.join(format!(
        "{}-{}-{nth}.log",
        env!("CARGO_CRATE_NAME"),
        std::process::id()
    ))
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, b"")
}

pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Beside reading, or both would wait for each other.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    writing.join().unwrap();
    if !stderr.is_empty() {
        std::fs::write(log_file(), &stderr).unwrap();
    }
    Ran {
        code: status.code().unwrap_or(-1),
        // `normalize` gives lines back as they came.
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

impl Ran {
    /// Standard output of a command that succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Standard error of a command that failed, in which each of `parts` stands.
    pub(crate) fn failed(self, parts: &[&str]) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        // A service has logged before that.
        let told = self.err.lines().any(|line| line.starts_with("ringside: "));
        assert!(told, "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "expected {part:?} in: {}", self.err);
        }
        self.err
    }
}

/// A folder with a CSV file of three customers, one of them refused, and the data folder built of it.
pub(crate) struct Built {
    pub(crate) dir: TempDir,
    pub(crate) data: String,
    pub(crate) said: String,
}

pub(crate) const CUSTOMERS: &str = "\
id,name,phone,email,tags
c-1,Ada Lovelace,(480) 675-4110,ada@example.org,VIP
c-2,Grace Hopper,+44 20 7946 0958,grace@example.org,
c-3,Alan Turing,480-675-4110,alan@example.org,
,Nobody,+14155552671,,
";

pub(crate) fn built(more: &[&str]) -> Built {
    let dir = tempfile::tempdir().unwrap();
    let input = write(dir.path(), "customers.csv", CUSTOMERS);
    let data = text(&dir.path().join("data"));
    let mut arguments = vec![
        "snapshot", "build", "--format", "csv", "--input", &input, "--out", &data,
    ];
    arguments.extend(more);
    let said = run(&arguments).ok();
    Built { dir, data, said }
}

/// The data folder built of one customer document a line, with `more` arguments.
pub(crate) fn built_of(documents: &str, more: &[&str]) -> Built {
    let dir = tempfile::tempdir().unwrap();
    let input = write(dir.path(), "customers.ndjson", documents);
    let data = text(&dir.path().join("data"));
    let mut arguments = vec![
        "snapshot", "build", "--format", "ndjson", "--input", &input, "--out", &data,
    ];
    arguments.extend(more);
    let said = run(&arguments).ok();
    Built { dir, data, said }
}

pub(crate) fn write(dir: &Path, name: &str, content: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    text(&path)
}

pub(crate) fn text(path: &Path) -> String {
    PathBuf::from(path).into_os_string().into_string().unwrap()
}
