//! Two nodes and a caller at one switch, with IPv4 and IPv6.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use servers::pair::host::Host;
use servers::pair::namespace::Namespace;
use servers::ringside::program;
use servers::wait::until;
use tempfile::TempDir;

use super::PATIENCE;

/// The nodes' names.
pub(super) const NODES: [&str; 2] = ["a", "b"];
/// Time between two adverts: three of them may be missing for as long as a busy machine lets nobody run.
const ADVERT_MS: &str = "400";
/// Longer than adverts may be missing until the other node takes the address.
const ADVERTS: Duration = Duration::from_secs(2);
/// Sets of other tests of a process begin at 0.
static SETS: AtomicU32 = AtomicU32::new(1000);

/// What moves, and how that is agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) vips: &'static [&'static str],
    pub(super) is_multicast: bool,
}

/// The link; gone when the value is dropped, with whatever runs on it.
pub(super) struct Link {
    hosts: Vec<Host>,
    places: Vec<Namespace>,
    caller: Namespace,
    _switch: Namespace,
    _disk: TempDir,
}

impl Link {
    pub(super) fn lay() -> Link {
        let set = SETS.fetch_add(1, Ordering::Relaxed);
        let switch = Namespace::new(set, "s");
        switch.ip(&[
            "link",
            "add",
            "br0",
            "type",
            "bridge",
            "stp_state",
            "0",
            "mcast_snooping",
            "0",
        ]);
        switch.ip(&["link", "set", "br0", "up"]);
        let plug = |name: &str, number: u32| {
            let place = Namespace::new(set, name);
            let port = format!("p{name}");
            switch.ip(&[
                "link",
                "add",
                &port,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                place.name(),
            ]);
            switch.ip(&["link", "set", &port, "master", "br0", "up"]);
            place.ip(&["addr", "add", &format!("10.79.0.{number}/24"), "dev", "eth0"]);
            place.ip(&[
                "addr",
                "add",
                &format!("fd79::{number}/64"),
                "dev",
                "eth0",
                "nodad",
            ]);
            place.ip(&["link", "set", "eth0", "up"]);
            place
        };
        let places = vec![plug("a", 1), plug("b", 2)];
        let caller = plug("k", 9);
        // Adverts to a group go out from the link-local address, which the kernel looks at for a second or two first.
        for place in places.iter().chain([&caller]) {
            until("the interface has its addresses", PATIENCE, || {
                let shown = place.ask_ip(&["-6", "addr", "show", "dev", "eth0"]);
                match shown.contains("fe80::") && !shown.contains("tentative") {
                    true => Ok(()),
                    false => Err(shown),
                }
            });
        }
        // Not in a folder that everybody can write: scripts on such a way are refused.
        let disk = tempfile::Builder::new()
            .prefix("ringside-address-")
            .tempdir()
            .unwrap();
        let hosts = NODES.map(|name| Host::new(disk.path().join(name)));
        Link {
            hosts: hosts.into(),
            places,
            caller,
            _switch: switch,
            _disk: disk,
        }
    }

    pub(super) fn of(&self, node: usize) -> &Namespace {
        &self.places[node]
    }

    pub(super) fn folder(&self, node: usize) -> &Path {
        self.hosts[node].folder()
    }

    /// Has the node's track file say `text`, in place.
    pub(super) fn track(&self, node: usize, text: &str) {
        fs::write(self.folder(node).join("track"), text).unwrap();
    }

    /// Writes the node's configuration of keepalived as the program prints it.
    pub(super) fn configure(&self, node: usize, way: Way, more: &[&str]) -> PathBuf {
        let folder = self.folder(node);
        let mut command = Command::new(program());
        command.args([
            "deploy",
            "keepalived",
            "--interface",
            "eth0",
            "--user",
            "root",
            "--node",
            NODES[node],
        ]);
        for vip in way.vips {
            command.args(["--vip", vip]);
        }
        if way.is_multicast {
            command.arg("--multicast");
        } else {
            let (me, other) = (node + 1, 2 - node);
            for prefix in ["10.79.0.", "fd79::"] {
                if way.vips.iter().any(|vip| vip.starts_with(prefix)) {
                    command.args([
                        "--source",
                        &format!("{prefix}{me}"),
                        "--peer",
                        &format!("{prefix}{other}"),
                    ]);
                }
            }
        }
        for (option, file) in [("--data", "data"), ("--track", "track"), ("--run", "vrrp")] {
            command.arg(option).arg(folder.join(file));
        }
        let output = command
            .arg("--program")
            .arg(program())
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let file = folder.join("keepalived.conf");
        fs::write(&file, output.stdout).unwrap();
        file
    }

    /// Starts the node's keepalived.
    pub(super) fn keep(&mut self, node: usize, way: Way) {
        let file = self.configure(node, way, &["--advert-ms", ADVERT_MS]);
        let folder = self.folder(node).to_owned();
        let mut command = Command::new("keepalived");
        command
            .args([
                "--dont-fork",
                "--log-console",
                "--log-detail",
                "--vrrp",
                "--use-file",
            ])
            .arg(file);
        command.arg("--pid").arg(folder.join("keepalived.pid"));
        command.arg("--vrrp_pid").arg(folder.join("vrrp.pid"));
        self.hosts[node].start(&self.places[node], "keepalived", command);
    }

    /// Ends it as a service manager does.
    pub(super) fn stop_keeping(&mut self, node: usize) {
        self.hosts[node].stop("keepalived", PATIENCE);
    }

    /// Starts the node's watchdog.
    pub(super) fn watch(&mut self, node: usize) {
        let folder = self.folder(node).to_owned();
        let mut command = Command::new(program());
        // On a machine that does many things at once an answer may take long without any fault.
        command.args(["watchdog", "--misses", "20", "--rise-ms", "500"]);
        for (option, file) in [("--data", "data"), ("--track", "track"), ("--run", "vrrp")] {
            command.arg(option).arg(folder.join(file));
        }
        self.hosts[node].start(&self.places[node], "watchdog", command);
        until("the watchdog begins", PATIENCE, || {
            match folder.join("track").exists() {
                true => Ok(()),
                false => Err("no track file".to_owned()),
            }
        });
    }

    /// Starts the node's service, with one customer.
    pub(super) fn serve(&mut self, node: usize) {
        let folder = self.folder(node).to_owned();
        let (input, data) = (folder.join("customers.csv"), folder.join("data"));
        if !data.exists() {
            fs::write(&input, "id,name,phone\nc-1,Ada Lovelace,+14806754110\n").unwrap();
            let mut build = Command::new(program());
            build
                .args(["snapshot", "build", "--format", "csv", "--input"])
                .arg(&input)
                .arg("--out")
                .arg(&data);
            let output = build.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        let file = folder.join("ringside.toml");
        let text = format!(
            "[listener.main]\naddress = \"127.0.0.1:7464\"\n[admin]\naddress = \"127.0.0.1:7465\"\n[data]\ndir = {data:?}\n\
             [ha]\nnode = \"{}\"\nhold_ms = 100\n",
            NODES[node]
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program());
        command.args(["serve", "--config"]).arg(file);
        self.hosts[node].start(&self.places[node], "service", command);
    }

    /// Kills the node's service.
    pub(super) fn kill_service(&mut self, node: usize) {
        self.hosts[node].kill("service");
    }

    /// Freezes one of the node's processes, or has it go on; keepalived with the process that it has.
    pub(super) fn freeze(&self, node: usize, what: &str, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        if what == "keepalived" {
            let child = fs::read_to_string(self.folder(node).join("vrrp.pid")).unwrap();
            kill_process(Pid::from_raw(child.trim().parse().unwrap()).unwrap(), signal).unwrap();
        }
        self.hosts[node].freeze(what, frozen);
    }

    /// Which nodes have all of the addresses; a node with some of them is a fault for as long as nothing moves.
    pub(super) fn holders(&self, way: Way) -> Vec<usize> {
        let has = |node: &usize| {
            let shown = self.places[*node].ask_ip(&["-o", "addr", "show", "dev", "eth0"]);
            way.vips
                .iter()
                .filter(|vip| shown.contains(&format!(" {vip} ")))
                .count()
        };
        let mut nodes = vec![0, 1];
        nodes.retain(|node| has(node) == way.vips.len());
        nodes
    }

    /// Waits until one node has all of the addresses, and says which.
    pub(super) fn until_held(&self, way: Way, within: Duration) -> usize {
        let mut found = None;
        until(
            "one node has the address",
            within,
            || match self.holders(way)[..] {
                [one] => {
                    found = Some(one);
                    Ok(())
                }
                _ => Err(self.tell()),
            },
        );
        found.unwrap()
    }

    /// Waits until `node` alone has them.
    pub(super) fn until_held_by(&self, node: usize, way: Way, within: Duration) {
        until("the other node has the address", within, || {
            match self.holders(way) == [node] {
                true => Ok(()),
                false => Err(self.tell()),
            }
        });
    }

    /// Waits until `node` has them, whoever else has.
    pub(super) fn until_held_beside(&self, node: usize, way: Way, within: Duration) {
        until("the other node has the address", within, || {
            match self.holders(way).contains(&node) {
                true => Ok(()),
                false => Err(self.tell()),
            }
        });
    }

    /// Fails where the other node takes them from `node`, for longer than adverts may be missing.
    pub(super) fn stays_at(&self, node: usize, way: Way, within: Duration) {
        let began = Instant::now();
        until(
            "whoever would take the address has had the time",
            PATIENCE,
            || {
                assert_ne!(self.holders(way), [1 - node], "{}", self.tell());
                let left = ADVERTS.checked_sub(began.elapsed());
                left.map_or(Ok(()), |left| Err(format!("{left:?}")))
            },
        );
        self.until_held_by(node, way, within);
    }

    /// Waits until keepalived has told the node `state`.
    pub(super) fn until_told(&self, node: usize, state: &str) {
        let file = self.folder(node).join("vrrp");
        until(&format!("node {} is told {state}", NODES[node]), PATIENCE, || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let told: Value = serde_json::from_str(&text).unwrap_or_default();
            match told["state"] == state && told["name"] == "ringside" {
                true => Ok(()),
                false => Err(format!("{text}\n{}", self.tell())),
            }
        });
    }

    /// Waits until the node's service knows that keepalived said `state`.
    pub(super) fn until_known(&self, node: usize, state: &str) {
        until(
            &format!("node {}'s service knows of {state}", NODES[node]),
            PATIENCE,
            || {
                let mut ask = Command::new("curl");
                ask.args(["--silent", "--max-time", "2", "http://127.0.0.1:7465/electable"]);
                let output = self.places[node].within(|| ask.output().unwrap());
                let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
                match told["vrrp"] == state {
                    true => Ok(()),
                    false => Err(format!("{told}\n{}", self.tell())),
                }
            },
        );
    }

    /// Waits until a caller reaches each of the addresses.
    pub(super) fn answers(&self, way: Way) {
        for vip in way.vips {
            let address = vip.split('/').next().unwrap();
            until(&format!("{address} answers a caller"), super::SOON, || {
                let mut ping = Command::new("ping");
                ping.args(["-n", "-c", "1", "-W", "1", address]);
                let output = self.caller.within(|| ping.output().unwrap());
                match output.status.success() {
                    true => Ok(()),
                    false => Err(format!("{output:?}")),
                }
            });
        }
    }

    /// What everybody has said last.
    fn tell(&self) -> String {
        let mut told = String::new();
        for (node, host) in self.hosts.iter().enumerate() {
            let shown = self.places[node].ask_ip(&["-br", "addr", "show", "dev", "eth0"]);
            told += &format!("\n=== {}: {shown}", NODES[node]);
            for name in ["keepalived", "watchdog", "service"] {
                told += &host.tail(name);
            }
        }
        told
    }
}
