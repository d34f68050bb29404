//! Redis, which keeps nothing on disk and has one thread.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::load::error::Error;
use crate::load::oracle::Oracle;
use crate::load::schedule::Key;
use crate::server;

/// Time in which it has to answer after its start.
const PATIENCE: Duration = Duration::from_secs(20);
/// Values that are sent before their acknowledgements are read.
const AT_ONCE: u64 = 500;
/// What is said to each of them.
const DONE: &[u8] = b"+OK\r\n";

/// A running server.
pub(super) struct Redis {
    folder: TempDir,
    process: Child,
    address: SocketAddr,
}

impl Redis {
    /// A server that holds the documents of `customers` customers.
    pub(super) fn start(customers: u64, oracle: &Oracle) -> Result<Redis, Error> {
        let folder = tempfile::Builder::new().prefix("ringside-redis-").tempdir()?;
        let port = servers::free_port();
        let mut command = Command::new("taskset");
        command
            .args([
                "-c",
                server::SERVER_CORE,
                "redis-server",
                "--bind",
                "127.0.0.1",
                "--port",
            ])
            .arg(port.to_string())
            .arg("--unixsocket")
            .arg(folder.path().join("s"))
            .arg("--dir")
            .arg(folder.path())
            .args([
                "--save",
                "",
                "--appendonly",
                "no",
                "--io-threads",
                "1",
                "--daemonize",
                "no",
            ])
            .args(["--loglevel", "warning"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !is_installed() {
            return Err(Error::Missing {
                server: "Redis",
                remedy: "apt-get install redis-server",
            });
        }
        let redis = Redis {
            folder,
            process: command.spawn()?,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        redis.fill(customers, oracle)?;
        Ok(redis)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its Unix socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let begun = Instant::now();
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => return Ok(stream),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    fn fill(&self, customers: u64, oracle: &Oracle) -> Result<(), Error> {
        let mut stream = self.connect()?;
        let (mut out, mut said) = (Vec::new(), Vec::new());
        for nth in 0..customers {
            let document = oracle.document(nth)?;
            let number = Key { nth, is_hit: true }.number();
            write!(
                out,
                "*3\r\n$3\r\nSET\r\n$11\r\n{number}\r\n${}\r\n",
                document.len()
            )?;
            out.extend_from_slice(&document);
            out.extend_from_slice(b"\r\n");
            let sent = nth % AT_ONCE + 1;
            if sent == AT_ONCE || nth + 1 == customers {
                stream.write_all(&out)?;
                out.clear();
                said.resize(DONE.len() * sent as usize, 0);
                stream.read_exact(&mut said)?;
                if said.chunks(DONE.len()).any(|one| one != DONE) {
                    return Err(Error::target("Redis", String::from_utf8_lossy(&said)));
                }
            }
        }
        Ok(())
    }
}

fn is_installed() -> bool {
    Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
