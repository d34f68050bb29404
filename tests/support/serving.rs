//! Servers that are processes of their own. What they log is kept, at the finest level, for `tests/logged.rs`.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::program::{log_file, program};

/// What sets the level of the log; a test that leaves it to the configuration takes it out of the environment.
pub(crate) const LEVEL: &str = "RINGSIDE__LOG__LEVEL";

/// A server that was started, and is ended however the test ends.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str]) -> Serving {
        Serving::spawn(program().args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Serving {
        let log = log_file();
        if !command.get_envs().any(|(variable, _)| variable == LEVEL) {
            command.env(LEVEL, "trace");
        }
        // A busy machine must not refuse what a test asks for.
        command.env("RINGSIDE__HTTP__OVERLOAD_AFTER_MS", "10000");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A pipe that nobody reads would hold the server up.
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Serving { child, out, log }
    }

    /// Lines of the output up to the one that contains `last`.
    pub(crate) fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            if self.out.read_line(&mut line).unwrap() == 0 {
                panic!("it ended before {last:?}: {lines:#?}\n{}", self.logged());
            }
            let found = line.contains(last);
            lines.push(line.trim_end().to_owned());
            if found {
                return lines;
            }
        }
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args([signal, &process]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Tells it to stop, and waits until it has; whether it ended well.
    pub(crate) fn stop(mut self, signal: &str) -> bool {
        self.signal(signal);
        self.wait().success()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What follows `before` in the first of `lines` that has it, up to a blank or a quotation mark.
pub(crate) fn after<'a>(lines: &'a [String], before: &str) -> &'a str {
    let line = lines.iter().find(|line| line.contains(before)).unwrap();
    let rest = &line[line.find(before).unwrap() + before.len()..];
    rest.split([' ', '\'', '"']).next().unwrap()
}
