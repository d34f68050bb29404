//! `notify`: tells the service what keepalived says of this node. keepalived runs it, at each change.
//!
//! The word is kept in the run file first: a service that is down, frozen or too old to listen hears it from the watchdog
//! as soon as it can.

mod word;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

pub(super) use word::{Word, last};

use super::error::CliError;
use super::line::{Line, Service, Silence};
use word::{Told, keep};

/// How long the service has to take a word. keepalived does not wait for it.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What Linux counts processes' beginnings in, for whoever asks.
const TICK_MS: u64 = 10;
/// How often it is told what has come meanwhile.
const ROUNDS: u32 = 3;

#[derive(Debug, Args)]
pub(super) struct NotifyArguments {
    /// INSTANCE or GROUP
    #[arg(value_name = "TYPE", value_parser = ["INSTANCE", "GROUP"])]
    kind: String,
    /// The instance's or group's name in keepalived's configuration
    name: String,
    /// MASTER, BACKUP, FAULT or STOP
    state: Told,
    /// The priority that keepalived has
    priority: Option<u16>,
    /// Keep the word in this file, for the watchdog to repeat it
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    #[command(flatten)]
    service: Service,
    /// A file with the key to show; without it the variable RINGSIDE_KEY, without that none
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Why the service has not taken a word.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotifyError {
    /// Whoever runs this may not speak with it.
    #[error("{0}")]
    Denied(Silence),
    /// It does not answer.
    #[error("{0}; the watchdog repeats what keepalived said, where both are given the same --run FILE")]
    Silence(Silence),
    /// It does not want it.
    #[error("/role: expected status 200, found {status}: {message}")]
    Refused { status: u16, message: String },
}

impl From<Silence> for NotifyError {
    fn from(silence: Silence) -> NotifyError {
        match silence {
            Silence::Denied { .. } => NotifyError::Denied(silence),
            silence => NotifyError::Silence(silence),
        }
    }
}

pub(super) fn run(arguments: &NotifyArguments) -> Result<(), CliError> {
    let at_ms = began_ms().unwrap_or_else(now_ms);
    let Told::State(state) = arguments.state else {
        return Ok(());
    };
    let mut word = Word {
        kind: arguments.kind.clone(),
        name: arguments.name.clone(),
        state,
        priority: arguments.priority,
    };
    let mut unkept = None;
    if let Some(path) = &arguments.run {
        match keep(path, word.clone(), at_ms) {
            Ok(kept) => word = kept,
            Err(source) => {
                unkept = Some(CliError::File {
                    step: "write",
                    path: path.clone(),
                    source,
                });
            }
        }
    }
    // What could not be kept is told all the same, and what the file still has is older.
    let run = arguments.run.as_deref().filter(|_| unkept.is_none());
    let told = tell_last(arguments, run, word);
    match unkept {
        // Nobody repeats it then, whether it was told or not.
        Some(unkept) => Err(unkept),
        None => told,
    }
}

/// Tells the service `word`, and what the run file has by then.
fn tell_last(arguments: &NotifyArguments, run: Option<&Path>, mut word: Word) -> Result<(), CliError> {
    let mut line = Line::to(&arguments.service, arguments.key_file.as_deref())?;
    for _ in 0..ROUNDS {
        tell(&mut line, &word, TIMEOUT)?;
        // Another process may have told a newer word while this one was told: the service must hear that one last.
        match run.and_then(last) {
            Some(newer) if newer != word => word = newer,
            _ => break,
        }
    }
    Ok(())
}

/// Tells the service one word.
pub(super) fn tell(line: &mut Line, word: &Word, within: Duration) -> Result<(), NotifyError> {
    let answer = line.post("/role", &word.to_body(), within)?;
    match answer.status {
        200 => Ok(()),
        status => Err(NotifyError::Refused {
            status,
            message: super::client::message(&answer.body),
        }),
    }
}

/// When this process was made, in ms of the clock that goes on while the machine runs, to the hundredth of a second. A busy
/// machine may let a process that keepalived started later run earlier.
fn began_ms() -> Option<u64> {
    began_of(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The same, of what Linux says of a process.
fn began_of(stat: &str) -> Option<u64> {
    // Behind the program's name, which may have anything in it but ends with the last bracket, the 20th value.
    let (_, values) = stat.rsplit_once(')')?;
    let ticks: u64 = values.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some(ticks.saturating_mul(TICK_MS))
}

/// The time of the clock that goes on while the machine runs, in ms.
fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let ms = now
        .tv_sec
        .saturating_mul(1000)
        .saturating_add(now.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_word_that_cannot_be_kept_is_told_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let arguments = NotifyArguments {
            kind: "INSTANCE".to_owned(),
            name: "ringside".to_owned(),
            state: "MASTER".parse().unwrap(),
            priority: None,
            // A folder is no file that can be written.
            run: Some(dir.path().to_owned()),
            service: Service {
                data: None,
                admin: Some(super::super::client::Server::at(listener.local_addr().unwrap())),
            },
            key_file: None,
        };
        let told = std::thread::scope(|scope| {
            let notifying = scope.spawn(|| run(&arguments));
            listener.set_nonblocking(true).unwrap();
            let mut service = loop {
                match listener.accept() {
                    Ok((service, _)) => break service,
                    Err(_) => assert!(!notifying.is_finished(), "it has told nobody"),
                }
                std::thread::yield_now();
            };
            service.set_nonblocking(false).unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                let mut byte = [0];
                service.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            service
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .unwrap();
            let error = notifying.join().unwrap().unwrap_err().to_string();
            assert!(error.contains(&dir.path().display().to_string()), "{error}");
            String::from_utf8(asked).unwrap()
        });
        assert!(
            told.starts_with("POST /role ") && told.contains("MASTER"),
            "{told}"
        );
    }

    #[test]
    fn a_process_knows_when_it_was_made() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(began_of(stat), Some(47_110));
        assert_eq!(began_of("7 (a"), None);
        let (began, now) = (began_ms().unwrap(), now_ms());
        assert!(began <= now, "{began} {now}");
    }
}
