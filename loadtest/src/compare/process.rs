//! A part as a process of its own: watched, ended with all that it started, and read.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Error, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::WRONG;
use crate::processes::{NOBODY, end};
use crate::row::Report;

/// Between two looks whether it has ended; seldom, so that looking takes nothing from what is measured.
const BETWEEN: Duration = Duration::from_millis(250);
/// Last lines of a part's output, among which the reason is looked for where it fails.
const KEPT: usize = 40;
/// What is said of a server that is missing names the script that installs it.
const INSTALL: &str = "tests/servers/install/";
/// What is said where only root may do it.
const ROOT: &str = "expected to run as root";

/// Why a part gave nothing.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It cannot be run here, or is not built yet.
    NotRun(String),
    /// Something did not work.
    Broken(String),
    /// An answer was wrong.
    Wrong(String),
}

impl Failure {
    /// The status of its rows.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Failure::NotRun(_) => "not_run",
            Failure::Broken(_) | Failure::Wrong(_) => "invalid",
        }
    }

    /// A sentence for a person.
    pub(super) fn reason(&self) -> &str {
        match self {
            Failure::NotRun(reason) | Failure::Broken(reason) | Failure::Wrong(reason) => reason,
        }
    }
}

/// Runs parts, one at a time. Ends the present one, and all below it, where this program is interrupted.
pub(super) struct Runner {
    folder: TempDir,
    present: Arc<AtomicU32>,
    is_interrupted: Arc<AtomicBool>,
}

impl Runner {
    pub(super) fn new() -> Result<Runner, Error> {
        let present = Arc::new(AtomicU32::new(NOBODY));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let is_interrupted = Arc::new(AtomicBool::new(false));
        let (of_present, told) = (Arc::clone(&present), Arc::clone(&is_interrupted));
        std::thread::Builder::new()
            .name("interrupt".into())
            .spawn(move || {
                if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                    told.store(true, Ordering::Relaxed);
                    end(of_present.load(Ordering::Relaxed));
                }
            })?;
        Ok(Runner {
            folder: tempfile::tempdir()?,
            present,
            is_interrupted,
        })
    }

    /// Whether somebody wants no more of it.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// This program with `arguments`, for at most `bound`.
    pub(super) fn run(&self, arguments: &[String], bound: Option<Duration>) -> Result<Report, Failure> {
        let broken = |error: Error| Failure::Broken(error.to_string());
        let json = self.folder.path().join("rows.json");
        let program = std::env::current_exe().map_err(broken)?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--json")
            .arg(&json)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // So that an interrupt comes to this program alone, which then ends all below it.
            .process_group(0)
            .spawn()
            .map_err(broken)?;
        self.present.store(child.id(), Ordering::Relaxed);
        let kept = Kept::default();
        let readers = [
            child.stdout.take().map(|from| kept.follow(from)),
            child.stderr.take().map(|from| kept.follow(from)),
        ];
        let ended = wait(&mut child, bound);
        self.present.store(NOBODY, Ordering::Relaxed);
        let status = match ended.map_err(broken)? {
            Some(status) => status,
            None => {
                let seconds = bound.unwrap_or_default().as_secs();
                return Err(Failure::Broken(format!(
                    "it was ended, since it was not done within {seconds} s"
                )));
            }
        };
        for reader in readers.into_iter().flatten() {
            // Whatever it could not read is only missing from what is told.
            let _ended = reader.join();
        }
        // Rows that show wrong answers are told as any others, and judged by their figures.
        let report = fs::read(&json)
            .ok()
            .filter(|_| status.success() || status.code() == Some(WRONG.into()));
        let _gone = fs::remove_file(&json);
        match report.map(|bytes| serde_json::from_slice(&bytes)) {
            Some(Ok(report)) => Ok(report),
            Some(Err(error)) => Err(Failure::Broken(format!("its JSON cannot be read: {error}"))),
            None => Err(kept.failure(status.code() == Some(WRONG.into()))),
        }
    }
}

/// Its status; none where it was ended for taking longer than `bound`.
fn wait(child: &mut Child, bound: Option<Duration>) -> Result<Option<std::process::ExitStatus>, Error> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if bound.is_some_and(|bound| begun.elapsed() > bound) {
            end(child.id());
            child.wait()?;
            return Ok(None);
        }
        std::thread::park_timeout(BETWEEN);
    }
}

/// The last lines of what a part says.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<VecDeque<String>>>);

impl Kept {
    /// Reads `from` to its end; what is there for people is told on stderr as it comes.
    fn follow(&self, from: impl Read + Send + 'static) -> JoinHandle<()> {
        let kept = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                // The table comes once more, with all rows.
                if !line.starts_with('|') {
                    eprintln!("  {line}");
                }
                let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            }
        })
    }

    fn failure(&self, is_wrong: bool) -> Failure {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |test: &dyn Fn(&str) -> bool| kept.iter().rev().find(|line| test(line)).cloned();
        if let Some(line) = told(&|line| line.contains(INSTALL) || line.contains(ROOT)) {
            return Failure::NotRun(line);
        }
        let panicked = kept
            .iter()
            .position(|line| line.contains("panicked at"))
            .and_then(|at| kept.get(at + 1).cloned());
        let reason = told(&|line| line.starts_with("loadtest: "))
            .or(panicked)
            .or_else(|| told(&|line| !line.trim().is_empty()))
            .unwrap_or_else(|| "it ended without a word".to_owned());
        if is_wrong {
            Failure::Wrong(reason)
        } else {
            Failure::Broken(reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::processes::{parents, with_descendants};

    #[test]
    fn a_process_and_what_it_started_end_together() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while with_descendants(child.id(), &parents()).len() < 2 {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
        let all = with_descendants(child.id(), &parents());
        assert_eq!(wait(&mut child, Some(Duration::ZERO)).unwrap(), None);
        // Those that are orphaned are reaped by whoever adopts them.
        let is_there = |process: &u32| {
            fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        while all.iter().any(is_there) {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_reason_is_found_in_what_was_said() {
        for (lines, expected) in [
            (vec!["building …", "loadtest: it broke"], "loadtest: it broke"),
            (
                vec![
                    "thread 'main' panicked at x.rs:1:",
                    "what it was",
                    "note: run with",
                ],
                "what it was",
            ),
            (
                vec![
                    "panicked at",
                    "PostgreSQL is needed: run tests/servers/install/postgres.sh",
                    "note",
                ],
                "PostgreSQL is needed: run tests/servers/install/postgres.sh",
            ),
            (
                vec!["loadtest: expected to run as root, who alone …"],
                "loadtest: expected to run as root, who alone …",
            ),
            (vec![], "it ended without a word"),
        ] {
            let kept = Kept(Arc::new(Mutex::new(
                lines.into_iter().map(String::from).collect(),
            )));
            let failure = kept.failure(false);
            assert_eq!(failure.reason(), expected);
            let is_lacking = expected.contains(INSTALL) || expected.contains(ROOT);
            assert_eq!(failure.status() == "not_run", is_lacking);
        }
    }
}
