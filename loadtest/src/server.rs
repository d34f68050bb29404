//! Servers under measurement: processes of their own, pinned to a core, ended when dropped.

use std::fs;
use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core that servers run on; this process's client takes the other one.
pub(crate) const SERVER_CORE: &str = "0";
/// The core that the client runs on.
pub(crate) const CLIENT_CORE: &str = "1";

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `command`, and waits until it prints the address after `marker`.
    pub(crate) fn start(mut command: Command, marker: &str) -> Result<Server, Error> {
        let mut process = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| {
                let program = command.get_program().to_string_lossy();
                Error::new(error.kind(), format!("{program} cannot be started: {error}"))
            })?;
        let output = process.stdout.take().ok_or_else(|| Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once(marker)?
                .1
                .split_whitespace()
                .next()?
                .trim_start_matches("http://")
                .trim_start_matches("https://")
                .parse()
                .ok()
        });
        // Whatever it prints later must not fill the pipe and stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(address) = found else {
            let _ended = process.kill();
            let _reaped = process.wait();
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{command:?} printed no address after {marker:?}"),
            ));
        };
        Ok(Server { process, address })
    }

    /// The bare server, answering `bytes` bytes.
    pub(crate) fn bare(bytes: usize) -> Result<Server, Error> {
        let mut command = pinned(&std::env::current_exe()?);
        command.args(["baseline", "--bytes", &bytes.to_string()]);
        Server::start(command, "listening on ")
    }

    /// The bare server that sends frames of WebSockets back, too.
    pub(crate) fn echoing(bytes: usize) -> Result<Server, Error> {
        let mut command = pinned(&std::env::current_exe()?);
        command.args(["baseline", "--echo", "--bytes", &bytes.to_string()]);
        Server::start(command, "listening on ")
    }

    /// Ringside with one worker over the data folder `data`.
    pub(crate) fn ringside(data: &Path) -> Result<Server, Error> {
        Server::start(ringside(data)?, "listening on ")
    }

    /// The same, which answers however late a request comes to it: on a machine that others use as well.
    pub(crate) fn patient(data: &Path) -> Result<Server, Error> {
        let mut command = ringside(data)?;
        command.env("RINGSIDE__HTTP__OVERLOAD_AFTER_MS", "10000");
        Server::start(command, "listening on ")
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Bytes of its memory that is no file's.
    pub(crate) fn anonymous(&self) -> Result<u64, Error> {
        anonymous_of(&self.process.id().to_string())
    }

    /// Nanoseconds of CPU that the process has taken, all of its threads together.
    pub(crate) fn cpu_nanos(&self) -> Result<u64, Error> {
        cpu_nanos(self.process.id())
    }
}

/// Nanoseconds of CPU that the process `id` has taken, all of its threads together.
pub(crate) fn cpu_nanos(id: u32) -> Result<u64, Error> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += stat
            .split_whitespace()
            .next()
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(total)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Bytes of the memory of `process`, by its id or `self`, that is no file's.
pub(crate) fn anonymous_of(process: &str) -> Result<u64, Error> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .ok_or_else(|| Error::other(format!("no RssAnon in /proc/{process}/status")))?;
    Ok(kib << 10)
}

/// `ringside serve` over the data folder `data`, on free ports.
pub(crate) fn ringside(data: &Path) -> Result<Command, Error> {
    let program = beside_this_program("ringside")?;
    let mut command = pinned(&program);
    command
        .arg("serve")
        .env("RINGSIDE__DATA__DIR", data)
        .env("RINGSIDE__LISTENER__MAIN__ADDRESS", "127.0.0.1:0")
        .env("RINGSIDE__ADMIN__ADDRESS", "127.0.0.1:0")
        .env("RINGSIDE__HTTP__WORKERS", "1")
        .env("RINGSIDE__LOG__LEVEL", "warn");
    Ok(command)
}

/// The program `name` that was built with this one.
pub(crate) fn beside_this_program(name: &str) -> Result<PathBuf, Error> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!(
            "expected {} beside this program; build it with `cargo build --release`",
            path.display()
        ),
    ))
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).arg(program);
    command
}

/// Pins this process to `core`.
pub(crate) fn pin_self(core: &str) -> Result<(), Error> {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-a", "-cp", core, &pid])
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::other(format!("taskset cannot pin to core {core}")))
    }
}

/// Pins the calling thread, and what it starts from now on, to `core`.
pub(crate) fn pin_thread(core: &str) -> Result<(), Error> {
    let mut cores = CpuSet::new();
    cores.set(core.parse().map_err(Error::other)?);
    sched_setaffinity(None, &cores).map_err(Error::from)
}
