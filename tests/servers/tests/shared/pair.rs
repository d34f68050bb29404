//! Two nodes without an address, and the servers that they share calls by.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use servers::nats::Cluster;
use servers::ringside::Ringside;
use servers::wait::until;
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a ring waits for a majority: as long as it may, for a single one is to be replicated on a busy machine too.
pub(crate) const WAIT_MS: u64 = 5000;
pub(crate) const NAMES: [&str; 2] = ["node-a", "node-b"];
pub(crate) const SECRET: &str = "6b1f0e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1";

/// Two nodes.
pub(crate) struct Pair {
    pub(crate) nodes: Vec<Option<Ringside>>,
    pub(crate) cluster: Cluster,
    pub(crate) folders: Vec<TempDir>,
    /// What nodes that are started give for the servers' password.
    pub(crate) password: Option<String>,
}

impl Pair {
    /// Two nodes that share their calls.
    pub(crate) fn start() -> Pair {
        Pair::start_on(Cluster::start().unwrap(), None)
    }

    /// Two nodes that share their calls by way of `cluster`, which wants the password `password` of the user `ringside`.
    pub(crate) fn start_on(cluster: Cluster, password: Option<&str>) -> Pair {
        let mut pair = Pair {
            nodes: vec![None, None],
            cluster,
            folders: (0..2).map(|_| TempDir::new().unwrap()).collect(),
            password: password.map(str::to_owned),
        };
        for place in 0..2 {
            pair.start_node(place, "jetstream", SECRET);
        }
        pair.until_whole();
        pair
    }

    /// Starts a node, or starts it again under another configuration.
    pub(crate) fn start_node(&mut self, place: usize, store: &str, secret: &str) {
        self.nodes[place] = None;
        let folder = self.folders[place].path();
        let secret_file = folder.join("secret");
        fs::write(&secret_file, format!("{secret}\n")).unwrap();
        let login = match &self.password {
            Some(password) => {
                let file = folder.join("nats.password");
                fs::write(&file, password).unwrap();
                format!("[calls.jetstream.login]\nuser = 'ringside'\npassword_file = {file:?}\n")
            }
            None => String::new(),
        };
        let config = format!(
            "[ha]\nnode = {:?}\n[calls]\nstore = {store:?}\nwait_ms = {WAIT_MS}\n[calls.jetstream]\nservers = {:?}\nsecret_file = {secret_file:?}\n{login}",
            NAMES[place],
            self.cluster.urls(place),
        );
        self.nodes[place] = Some(Ringside::start(folder, &config));
    }

    pub(crate) fn node(&self, place: usize) -> &Ringside {
        self.nodes[place].as_ref().unwrap()
    }

    /// Kills a node as a power cut would, and starts it again.
    pub(crate) fn kill_and_start(&mut self, place: usize) {
        let node = self.nodes[place].take().unwrap();
        self.nodes[place] = Some(node.kill_and_start());
    }

    /// Waits until everything that a node writes is replicated, and both know everything.
    pub(crate) fn until_whole(&self) {
        for place in 0..2 {
            self.until_calls(place, "it is replicated", |calls| {
                calls["quorum"] == true && calls["behind"] == 0 && calls["unreplicated"] == 0
            });
        }
        until("both have read as far", PATIENCE, || {
            let read = [0, 1].map(|place| self.node(place).status()["calls"]["sequence"].clone());
            (read[0] == read[1]).then_some(()).ok_or(format!("{read:?}"))
        });
    }

    /// Waits until what a node says of its calls is as `is_so` wants it.
    pub(crate) fn until_calls(&self, place: usize, what: &str, is_so: impl Fn(&Value) -> bool) {
        until(what, PATIENCE, || {
            let calls = self.node(place).status()["calls"].clone();
            is_so(&calls)
                .then_some(())
                .ok_or_else(|| format!("{calls}\n{}", self.node(place).log()))
        });
    }

    /// Has a call ring at `agent`'s, told to one node; what is answered.
    pub(crate) fn ring(&self, place: usize, call: &str, agent: &str) -> Value {
        let ring = json!({"call_id": call, "ani": "+14806754110", "agent": agent});
        let answer = self.node(place).ask(("POST", "/v1/rings"), None, &ring).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The calls that one node shows `agent`, and by which pops, oldest first.
    pub(crate) fn shown(&self, place: usize, agent: &str) -> Vec<(String, String)> {
        let target = format!("/v1/agents/{agent}/current");
        let answer = self
            .node(place)
            .ask(("GET", &target), None, &Value::Null)
            .unwrap();
        let json = answer.json();
        let pops = json["pops"].as_array().unwrap_or_else(|| panic!("{json}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut shown: Vec<_> = pops
            .iter()
            .map(|pop| (text(&pop["call_id"]), text(&pop["pop_id"])))
            .collect();
        shown.reverse();
        shown
    }

    /// Waits until both nodes show `agent` these calls, by the same pops.
    pub(crate) fn until_both_show(&self, agent: &str, calls: &[&str]) {
        until("both nodes show the same", PATIENCE, || {
            let shown = [0, 1].map(|place| self.shown(place, agent));
            let ids: Vec<&str> = shown[0].iter().map(|(call, _)| call.as_str()).collect();
            let is_so = shown[0] == shown[1] && ids == calls;
            is_so.then_some(()).ok_or_else(|| format!("{shown:?}"))
        });
    }
}
