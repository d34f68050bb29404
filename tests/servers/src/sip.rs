//! Kamailio between two telephones, which SIPp plays.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::free_udp_port;
use crate::nats::send;
use crate::wait::until;

/// How long a program may take to begin, to end, and to say what it saw.
const SOON: Duration = Duration::from_secs(20);

/// A Kamailio that has one process for calls, and the telephone that it puts them through to.
#[derive(Debug)]
pub struct Kamailio {
    folder: TempDir,
    kamailio: Child,
    called: Child,
    port: u16,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The name that the called telephone received.
    pub name: Option<String>,
    /// From the first INVITE to the end of the caller's program.
    pub took: Duration,
}

impl Kamailio {
    /// Starts both; `example` is what gives route `CALLER_NAME`.
    pub fn start(example: &str) -> Kamailio {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (port, telephone) = (free_udp_port(), free_udp_port());
        fs::write(at("example.cfg"), example).unwrap();
        fs::write(at("kamailio.cfg"), configuration(port, telephone)).unwrap();
        let kamailio = Command::new("/usr/sbin/kamailio")
            .args([
                "-f",
                "kamailio.cfg",
                "-DD",
                "-E",
                "-m",
                "32",
                "-M",
                "4",
                "-Y",
                ".",
            ])
            .arg("-P")
            .arg(at("pid"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("kamailio.log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| missing("kamailio", &error));
        let called = sipp("called.xml")
            .args(["-p", &telephone.to_string(), "-trace_logs", "-log_file"])
            .arg(at("called.log"))
            .current_dir(folder.path())
            .spawn()
            .unwrap_or_else(|error| missing("sipp", &error));
        let begun = Kamailio {
            folder,
            kamailio,
            called,
            port,
        };
        until("Kamailio and the telephone listen", SOON, || {
            let ports = udp_ports();
            if [port, telephone].iter().all(|port| ports.contains(port)) {
                return Ok(());
            }
            Err(format!("{ports:?}\n{}", begun.log()))
        });
        begun
    }

    /// Calls as `caller`, the value of From, with one further header.
    pub fn call(&self, caller: &str, more: &str) -> Put {
        let began = Instant::now();
        let mut telephone = sipp("caller.xml")
            .args(["-m", "1", "-timeout", "15", "-timeout_error"])
            .args(["-key", "caller", caller, "-key", "more", more])
            .arg(format!("127.0.0.1:{}", self.port))
            .current_dir(self.folder.path())
            .spawn()
            .unwrap();
        let status = telephone.wait().unwrap();
        let took = began.elapsed();
        assert!(
            status.success(),
            "nobody answered {caller}: {status}\n{}",
            self.log()
        );
        // Of SIPp's making: the call's number, the process, the address.
        let line = format!("call=1-{}@127.0.0.1 name=", telephone.id());
        let mut found = None;
        until("the telephone has logged the call", SOON, || {
            let log = fs::read_to_string(self.folder.path().join("called.log")).unwrap_or_default();
            let rest = log.split_once(&line).and_then(|(_, rest)| rest.split_once(";\n"));
            found = rest.map(|(name, _)| name.trim().to_owned());
            found.as_ref().map(|_| ()).ok_or(log)
        });
        Put {
            name: found.filter(|name| !name.is_empty()),
            took,
        }
    }

    /// What Kamailio logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("kamailio.log")).unwrap_or_default()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Killed itself, it would leave its processes behind.
        let _told = send(&self.kamailio, Signal::TERM);
        let _reaped = self.kamailio.wait();
        let _gone = self.called.kill();
        let _reaped = self.called.wait();
    }
}

/// Everything but the caller's name: where to listen, and where every call goes.
fn configuration(port: u16, telephone: u16) -> String {
    format!(
        r#"#!KAMAILIO
debug=2
log_stderror=yes
children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
include_file "example.cfg"

request_route {{
    if (is_method("INVITE") && !has_totag()) {{
        route(CALLER_NAME);
    }}
    $du = "sip:127.0.0.1:{telephone}";
    t_relay();
}}
"#
    )
}

fn sipp(scenario: &str) -> Command {
    let mut command = Command::new("sipp");
    command
        .arg("-sf")
        .arg(scenarios().join(scenario))
        .args(["-i", "127.0.0.1", "-nostdin"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sip")
}

fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!("{program}: {error}; tests/servers/install/callers.sh installs it")
}

/// The ports that somebody listens on over UDP: to try would take them away.
fn udp_ports() -> Vec<u16> {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let ports = table.lines().skip(1).filter_map(|line| {
        let local = line.split_whitespace().nth(1)?;
        u16::from_str_radix(local.split_once(':')?.1, 16).ok()
    });
    ports.collect()
}
