//! A NATS server of a test's own.

mod cluster;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::free_port;
use crate::wait::until;

pub use cluster::Cluster;

/// How long a server may take to begin.
const START: Duration = Duration::from_secs(20);

/// A server, which ends with the value.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    port: u16,
    configuration: String,
    child: Option<Child>,
}

impl Nats {
    /// Starts a server with JetStream; `configuration` is more of its configuration file.
    ///
    /// # Errors
    /// It cannot be started; `tests/servers/install/nats.sh` installs it.
    pub fn start(configuration: &str) -> io::Result<Nats> {
        // Free now, and kept by nobody: the server has to come back there when it was killed.
        let port = free_port();
        let mut nats = Nats {
            folder: TempDir::new()?,
            port,
            configuration: configuration.to_owned(),
            child: None,
        };
        nats.start_again()?;
        Ok(nats)
    }

    /// Starts it again, on the same port and with the same data.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.kill()?;
        let file = self.folder.path().join("nats.conf");
        let data = self.folder.path().join("data");
        let text = format!(
            "listen: \"127.0.0.1:{}\"\njetstream {{ store_dir: {:?} }}\n{}\n",
            self.port, data, self.configuration
        );
        fs::write(&file, text)?;
        let log = self.folder.path().join("log");
        let mut child = Command::new(program())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let program = program();
                io::Error::other(format!(
                    "{}: {error}; tests/servers/install/nats.sh installs it",
                    program.display()
                ))
            })?;
        let told = child.stderr.take();
        self.child = Some(child);
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            let mut kept = File::create(log).ok();
            for line in told
                .into_iter()
                .flat_map(|told| BufReader::new(told).lines())
                .map_while(Result::ok)
            {
                if line.contains("Server is ready") {
                    let _ = ready.send(());
                }
                if let Some(kept) = &mut kept {
                    let _ = io::Write::write_all(kept, format!("{line}\n").as_bytes());
                }
            }
        });
        started
            .recv_timeout(START)
            .map_err(|_| io::Error::other(format!("nats-server has not begun: {}", self.log())))
    }

    /// Kills it, at whatever it is about.
    ///
    /// # Errors
    /// It does not end.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        child.kill()?;
        child.wait().map(|_| ())
    }

    /// Has it stand still, or go on.
    ///
    /// # Errors
    /// It is not there.
    pub fn freeze(&self, frozen: bool) -> io::Result<()> {
        let child = self.child.as_ref().ok_or(io::ErrorKind::NotFound)?;
        send(child, if frozen { Signal::STOP } else { Signal::CONT })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.kill();
    }
}

/// Deletes a stream under whoever uses it; asks again where the servers do not answer.
pub fn delete_stream(urls: &[String], name: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    until("the stream is deleted", START, || {
        let deleted = runtime.block_on(async {
            let client = async_nats::connect(urls.to_vec())
                .await
                .map_err(|error| error.to_string())?;
            let streams = async_nats::jetstream::new(client);
            let answer = streams.delete_stream(name).await;
            answer.map_err(|error| error.to_string())
        })?;
        match deleted.success {
            true => Ok(()),
            false => Err(format!("{name} is still there")),
        }
    });
}

/// Sends `signal` to a process that a test started.
///
/// # Errors
/// It is not there.
pub fn send(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.ok_or(io::ErrorKind::NotFound)?, signal)?;
    Ok(())
}

fn program() -> PathBuf {
    let configured = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    configured.unwrap_or_else(|| PathBuf::from("/usr/sbin/nats-server"))
}
