//! Two nodes behind one address, and the three servers that keep their calls.

use std::time::Duration;

use serde_json::{Value, json};
use servers::free_port;
use servers::nats::Nats;
use servers::ringside::Ringside;
use servers::wait::until;
use tempfile::TempDir;

use crate::address::Address;
use crate::people;

const PATIENCE: Duration = Duration::from_secs(60);

/// Which node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    A,
    B,
}

/// Two nodes with everybody of [`people::changes`]; A has the address.
pub(crate) struct Pair {
    nodes: [Option<Ringside>; 2],
    address: Address,
    folders: [TempDir; 2],
    // Behind the nodes, which say goodbye to them.
    _servers: Vec<Nats>,
}

impl Pair {
    /// Under configurations that say more of each, `FOLDER` in the place of a folder of its own.
    pub(crate) fn open(more: [&str; 2]) -> Pair {
        let routes: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let joined: Vec<String> = routes
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        let servers: Vec<Nats> = routes
            .iter()
            .enumerate()
            .map(|(nth, port)| {
                let cluster = format!(
                    "server_name: s{nth}\ncluster {{ name: pair, listen: \"127.0.0.1:{port}\", routes: {joined:?} }}\n"
                );
                Nats::start(&cluster).unwrap()
            })
            .collect();
        let urls: Vec<String> = servers.iter().map(Nats::url).collect();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let nodes = [0, 1].map(|nth| {
            let folder = folders[nth].path();
            let secret = folder.join("secret");
            std::fs::write(&secret, "5e".repeat(32)).unwrap();
            let config = format!(
                "[feed.main]\nkind = \"http\"\n[phones]\nmode = \"shared\"\n\
                 [ha]\nnode = \"node-{}\"\n[calls]\nstore = \"jetstream\"\nwait_ms = 5000\n\
                 [calls.jetstream]\nservers = {urls:?}\nsecret_file = {secret:?}\n{}",
                ["a", "b"][nth],
                more[nth].replace("FOLDER", &folder.display().to_string())
            );
            Some(Ringside::start(folder, &config))
        });
        let pair = Pair {
            nodes,
            address: Address::open(),
            folders,
            _servers: servers,
        };
        let lines: Vec<String> = people::changes().iter().map(Value::to_string).collect();
        for which in [Which::A, Which::B] {
            until("the changes are taken", PATIENCE, || {
                match pair.node(which).push("/v1/changes", lines.join("\n").as_bytes()) {
                    (200, answer) if answer["rejected"] == 0 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            });
        }
        pair.keepalived_says(Which::B, "BACKUP");
        pair.takes_over(Which::A);
        pair
    }

    pub(crate) fn node(&self, which: Which) -> &Ringside {
        self.nodes[which as usize].as_ref().unwrap()
    }

    pub(crate) fn folder(&self, which: Which) -> &std::path::Path {
        self.folders[which as usize].path()
    }

    /// The URL of `target` at the address.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address.at())
    }

    fn keepalived_says(&self, which: Which, state: &str) -> Value {
        let word = json!({"type": "INSTANCE", "name": "ringside", "state": state, "priority": 150});
        let (status, answer) = self.node(which).act("/role", &word);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The node has the address, and a term of its own.
    pub(crate) fn takes_over(&self, which: Which) {
        self.address.is_of(Some(self.node(which).callers()));
        until("it is active, and calls are replicated", PATIENCE, || {
            let role = self.keepalived_says(which, "MASTER");
            let ring = self.ring_at(which, "call-of-nobody", people::NOBODY, "9999");
            match ring["replicated"] == true && role["role"] == "active" {
                true => Ok(()),
                false => Err(format!("{ring}\n{role}")),
            }
        });
    }

    /// The node that has the address is gone without a word, and nobody has it.
    pub(crate) fn dies(&mut self, which: Which) {
        self.address.is_of(None);
        drop(self.nodes[which as usize].take());
    }

    /// The call `call` from `ani` rings at `agent`'s; what the node answers.
    pub(crate) fn ring_at(&self, which: Which, call: &str, ani: &str, agent: &str) -> Value {
        let ring = json!({"call_id": call, "ani": ani, "agent": agent, "direction": "inbound"});
        self.done(which, "POST", "/v1/rings", &ring)
    }

    /// What the node answers to a request that works.
    pub(crate) fn done(&self, which: Which, method: &str, target: &str, body: &Value) -> Value {
        let answer = self.node(which).ask((method, target), None, body).unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{method} {target}: {answer:?}"
        );
        answer.json()
    }
}
