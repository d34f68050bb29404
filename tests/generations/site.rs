//! A data folder, files to import, and a service over it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ran, log_file, program, run, text, write};
use crate::wire;

/// The number of the first customer; the others follow.
const FIRST: u64 = 14_806_750_000;

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) data: String,
}

/// A service that was started, and is killed however the test ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) callers: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Site {
    pub(crate) fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let data = text(&dir.path().join("data"));
        Site { dir, data }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(&self.data).join("main")
    }

    /// A file of `count` customers from the `from`th on, whose names say `version`.
    pub(crate) fn people(&self, name: &str, from: u64, count: u64, version: &str) -> String {
        write(self.dir.path(), name, &rows(from, count, version))
    }

    /// `snapshot build` of `input`, with `more` arguments.
    pub(crate) fn command(&self, input: &str, more: &[&str]) -> Command {
        let mut command = program();
        command.args([
            "snapshot", "build", "--format", "csv", "--input", input, "--out", &self.data,
        ]);
        command.args(more);
        command
    }

    pub(crate) fn build(&self, input: &str, more: &[&str]) -> Ran {
        let mut arguments = vec![
            "snapshot", "build", "--format", "csv", "--input", input, "--out", &self.data,
        ];
        arguments.extend(more);
        run(&arguments)
    }

    /// A command on the data folder's generations.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut all = arguments.to_vec();
        all.extend(["--dir", self.data.as_str()]);
        run(&all)
    }

    /// `generations --json`.
    pub(crate) fn list(&self) -> Value {
        serde_json::from_str(&self.run(&["generations", "--json"]).ok()).unwrap()
    }

    pub(crate) fn present(&self) -> u64 {
        self.list()["present"].as_u64().unwrap()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> Server {
        let mut child = program()
            .arg("serve")
            .env("RINGSIDE__DATA__DIR", &self.data)
            .env("RINGSIDE__LISTENER__MAIN__ADDRESS", "127.0.0.1:0")
            .env("RINGSIDE__ADMIN__ADDRESS", "127.0.0.1:0")
            .env("RINGSIDE__LOG__LEVEL", "trace")
            // A busy machine must not refuse what a test asks for.
            .env("RINGSIDE__HTTP__OVERLOAD_AFTER_MS", "10000")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(log_file()).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on it is killed also where it does not say what is expected.
        let mut server = Server {
            child,
            callers: nowhere,
            admin: nowhere,
        };
        let mut address = |before: &str| {
            let line = lines
                .by_ref()
                .map(Result::unwrap)
                .find(|line| line.contains(before));
            let line = line.expect("the service starts");
            let behind = &line[line.find(before).unwrap() + before.len()..];
            behind.split(' ').next().unwrap().parse().unwrap()
        };
        server.callers = address("listening on http://");
        server.admin = address("administration on http://");
        server
    }

    /// A named pipe to import from, so that a build goes on for as long as a test wants.
    pub(crate) fn pipe(&self, name: &str) -> String {
        let path = text(&self.dir.path().join(name));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}

impl Server {
    /// The name of the customer who calls from the number of the `nth`.
    pub(crate) fn name(&self, nth: u64) -> Option<String> {
        let answer = wire::get(self.callers, &target(nth));
        assert_eq!(answer.status, 200, "{}", answer.body);
        name_in(&answer)
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn rows(from: u64, count: u64, version: &str) -> String {
    let mut csv = String::from("id,name,phone\n");
    for nth in from..from + count {
        csv += &format!("c-{nth},Ada {version},+{}\n", FIRST + nth);
    }
    csv
}

pub(crate) fn target(nth: u64) -> String {
    format!("/v1/lookup?ani=%2B{}", FIRST + nth)
}

/// The number of the `nth` customer as a phone.
pub(crate) fn phone(nth: u64) -> String {
    format!("+{}", FIRST + nth)
}

pub(crate) fn name_in(answer: &wire::Response) -> Option<String> {
    answer.json()["name"].as_str().map(str::to_owned)
}

/// Waits until `condition` holds, and fails if that takes a minute.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Begins a build of a pipe, which goes on until the pipe is dropped, and waits until its base is settled.
pub(crate) fn slow_build(site: &Site, name: &str, more: &[&str]) -> (Child, fs::File) {
    let pipe = site.pipe(name);
    let child = site
        .command(&pipe, more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = OpenOptions::new().write(true).open(&pipe).unwrap();
    let began = || {
        let entries = fs::read_dir(site.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut builds = entries.filter(|path| path.join("records").exists());
        builds.next().is_some()
    };
    until("the build has begun", began);
    (child, file)
}

/// Writes the rest of a slow build's input, and what comes of it.
pub(crate) fn finish((child, mut pipe): (Child, fs::File), csv: &str) -> Ran {
    pipe.write_all(csv.as_bytes()).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
