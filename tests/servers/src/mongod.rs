//! MongoDB servers of a test's own: one of them, or a replica set, killed, frozen, started again, and gone when dropped.

mod set;
mod store;

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{built, free_port};
pub use set::{Options, ReplicaSet};
pub use store::{DATABASE, Store};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(90);

/// Which server: each but 6.0 only where `tests/servers/install/mongod.sh` was asked for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// 4.4.2: the oldest that can be followed.
    V4_4,
    /// 5.0.4.
    V5_0,
    /// 6.0.5: the first with pre-images.
    #[default]
    V6_0,
}

impl Version {
    /// Those that are installed; 6.0 always, so that it is missed by whoever starts it.
    pub fn installed() -> Vec<Version> {
        let all = [Version::V4_4, Version::V5_0, Version::V6_0];
        let is_there = |version: &Version| *version == Version::V6_0 || version.program().exists();
        all.into_iter().filter(is_there).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Version::V4_4 => "4.4",
            Version::V5_0 => "5.0",
            Version::V6_0 => "6.0",
        }
    }

    pub(crate) fn program(self) -> PathBuf {
        if let (Version::V6_0, Some(program)) = (self, std::env::var_os("MONGOD")) {
            return program.into();
        }
        built()
            .with_file_name("servers")
            .join(format!("mongod-{}", self.name()))
            .join("mongod")
    }
}

/// One server.
#[derive(Debug)]
pub struct Mongod {
    folder: TempDir,
    port: u16,
    version: Version,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Mongod {
    /// Starts a server with these further `arguments`; it is not waited for.
    pub fn start(version: Version, arguments: &[String]) -> Mongod {
        let folder = tempfile::Builder::new()
            .prefix("ringside-mongod-")
            .tempdir()
            .unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let mut server = Mongod {
            folder,
            // Free now, and kept by nobody: the server has to come back there when it was killed.
            port: free_port(),
            version,
            arguments: arguments.to_owned(),
            child: None,
        };
        server.start_again();
        server
    }

    /// Starts it again where it was, over the data that it had.
    pub fn start_again(&mut self) {
        self.kill();
        let program = self.version.program();
        assert!(
            program.exists(),
            "run tests/servers/install/mongod.sh {} first (expected {})",
            self.version.name(),
            program.display()
        );
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let child = Command::new(&program)
            .arg("--dbpath")
            .arg(self.folder.path().join("data"))
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket"])
            .arg("--port")
            .arg(self.port.to_string())
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(&self.arguments)
            .env("LD_LIBRARY_PATH", program.with_file_name("lib"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills it at whatever it is about, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }

    /// Has it stand still, its connections open, or go on.
    pub fn freeze(&self, frozen: bool) {
        let child = self.child.as_ref().unwrap();
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A connection to it alone, whatever its part in a set is; `options` as they stand in an address.
    pub fn store(&self, options: &str) -> Store {
        let and = if options.is_empty() { "" } else { "&" };
        let address = self.address();
        Store::at(&format!(
            "mongodb://{address}/?directConnection=true{and}{options}"
        ))
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The end of what it has logged.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        self.kill();
    }
}
