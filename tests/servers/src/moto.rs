//! A server that plays Amazon's S3, of a test's own.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::until;
use crate::{built, free_port};

/// How long it may take to begin: Python reads much.
const START: Duration = Duration::from_secs(60);

/// A server, which ends with the value. It believes every key.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    /// Starts a server with the empty bucket `bucket`; `tests/servers/install/moto.sh` installs it.
    pub fn start(bucket: &str) -> Moto {
        let port = free_port();
        let child = Command::new(program())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Moto { child, port };
        until("the object store answers", START, || {
            let connected = TcpStream::connect(("127.0.0.1", port));
            connected.map(drop).map_err(|error| error.to_string())
        });
        let made = Command::new("curl")
            .args([
                "-sf",
                "-o",
                "/dev/null",
                "-X",
                "PUT",
                &format!("{}/{bucket}", moto.endpoint()),
            ])
            .status()
            .unwrap();
        assert!(made.success(), "the bucket cannot be made");
        moto
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What `GET path` answers, as text.
    pub fn get(&self, path: &str) -> String {
        let url = format!("{}{path}", self.endpoint());
        let output = Command::new("curl").args(["-s", &url]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| built().parent().unwrap().to_owned());
    let program = target.join("servers/moto-5.2.5/bin/moto_server");
    assert!(
        program.exists(),
        "{} is missing; tests/servers/install/moto.sh installs it",
        program.display()
    );
    program
}
