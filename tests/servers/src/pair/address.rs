//! keepalived on both nodes, and the watchdog beside it.

use std::fs;
use std::process::Command;

use super::host::Host;
use super::net::{INTERFACE, Net, Place, VIP};
use crate::ringside::program;

const KEEPALIVED: &str = "keepalived";
const WATCHDOG: &str = "watchdog";

/// How the address is kept.
#[derive(Debug, Clone)]
pub struct Vrrp {
    /// Time between two adverts, in seconds, as keepalived reads it.
    pub advert_s: String,
    /// Whether the two send each other adverts alone, or all who listen.
    pub is_unicast: bool,
    /// Whether keepalived knows nothing of the service, and has no script that it tells. There is the file that it
    /// watches all the same.
    pub is_bare: bool,
}

impl Default for Vrrp {
    fn default() -> Vrrp {
        Vrrp {
            advert_s: "0.4".to_owned(),
            is_unicast: false,
            is_bare: false,
        }
    }
}

/// Starts keepalived at `place`, one of the nodes.
pub fn start(net: &Net, place: Place, host: &mut Host, vrrp: &Vrrp) {
    let folder = host.folder().to_owned();
    let file = folder.join("keepalived.conf");
    let track = track(host);
    if !track.exists() {
        fs::write(&track, "0\n").unwrap();
    }
    fs::write(&file, text(place, host, vrrp)).unwrap();
    net.drop_vip(place);
    for pid in ["keepalived.pid", "vrrp.pid"] {
        // Left by one that was killed; its number may be another process's by now.
        let _missing = fs::remove_file(folder.join(pid));
    }
    let mut command = Command::new("keepalived");
    command
        .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp"])
        .arg("--use-file")
        .arg(&file)
        .arg("--pid")
        .arg(folder.join("keepalived.pid"))
        .arg("--vrrp_pid")
        .arg(folder.join("vrrp.pid"));
    host.start(net.of(place), KEEPALIVED, command);
}

/// Starts the watchdog at `place`.
pub fn watch(net: &Net, place: Place, host: &mut Host, further: &[String]) {
    let mut command = Command::new(program());
    command
        .arg("watchdog")
        .arg("--track")
        .arg(track(host))
        .arg("--data")
        .arg(host.folder().join("data"))
        .arg("--run")
        .arg(run_file(host))
        .args(further);
    host.start(net.of(place), WATCHDOG, command);
}

/// What keepalived watches: 0 where all is well.
pub fn track(host: &Host) -> std::path::PathBuf {
    host.folder().join("track")
}

fn run_file(host: &Host) -> std::path::PathBuf {
    host.folder().join("notified")
}

/// What the program advises; where keepalived is to know nothing of the service, without whom it tells.
fn text(place: Place, host: &Host, vrrp: &Vrrp) -> String {
    let deployed = deployed(place, host, vrrp);
    let is_kept = |line: &&str| !(vrrp.is_bare && line.trim_start().starts_with("notify "));
    let kept: Vec<&str> = deployed.lines().filter(is_kept).collect();
    kept.join("\n") + "\n"
}

fn deployed(place: Place, host: &Host, vrrp: &Vrrp) -> String {
    let advert_ms = vrrp.advert_s.parse::<f64>().unwrap() * 1000.0;
    let mut command = Command::new(program());
    command
        .args(["deploy", "keepalived", "--interface", INTERFACE, "--user", "root"])
        .args(["--vip", &format!("{VIP}/32"), "--node", place.name()])
        .args(["--advert-ms", &format!("{advert_ms:.0}")])
        .arg("--program")
        .arg(program())
        .arg("--data")
        .arg(host.folder().join("data"))
        .arg("--track")
        .arg(track(host))
        .arg("--run")
        .arg(run_file(host));
    if vrrp.is_unicast {
        command.args(["--source", place.address(), "--peer", place.other().address()]);
    } else {
        command.arg("--multicast");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
