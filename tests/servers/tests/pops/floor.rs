//! A contact centre: the program with customers, a telephone system that tells of calls, agents' addresses.

use std::cell::{Cell, RefCell};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use servers::free_port;
use servers::ringside::{Ringside, program};
use servers::wait::until;
use tempfile::TempDir;

use crate::people;

const PATIENCE: Duration = Duration::from_secs(30);

/// A system of record that is down: what is made here waits for it, and older history is not to be had.
pub(crate) const SYSTEM_OF_RECORD: &str = "[system_of_record]\nkind = \"cim\"\nurl = \"http://127.0.0.1:9\"\nhistory_path = \"/history/{customer_id}\"\n";

/// A running program with everybody of [`people::changes`].
pub(crate) struct Floor {
    ringside: RefCell<Option<Ringside>>,
    folder: TempDir,
    port: u16,
    config: String,
    environment: Vec<(&'static str, String)>,
    calls: Cell<u32>,
    /// The key of the telephone system and of feeds, where keys are needed.
    token: Option<String>,
}

impl Floor {
    /// Under `config`, which says nothing of feeds; nobody needs a key.
    pub(crate) fn open(config: &str) -> Floor {
        Floor::start(config, false)
    }

    /// As [`Floor::open`], where everybody needs a key.
    pub(crate) fn locked(config: &str) -> Floor {
        Floor::start(config, true)
    }

    fn start(config: &str, is_locked: bool) -> Floor {
        let mut floor = Floor {
            ringside: RefCell::new(None),
            folder: tempfile::tempdir().unwrap(),
            // It has to come back where its pages know it.
            port: free_port(),
            config: format!(
                "[feed.main]\nkind = \"http\"\n[calls]\nwait_ms = 5000\n[phones]\nmode = \"shared\"\n{config}"
            ),
            environment: Vec::new(),
            calls: Cell::new(0),
            token: None,
        };
        if is_locked {
            floor.token = Some(floor.key("telephones", &["ring", "feed", "lookup"]));
            floor.environment = vec![("RINGSIDE__LISTENER__MAIN__KEYS", "required".to_owned())];
        }
        floor.come();
        let lines: Vec<String> = people::changes().iter().map(Value::to_string).collect();
        floor.push(&lines.join("\n"));
        floor
    }

    /// A key with `scopes`; a running program knows it after a reload, one that starts at once.
    pub(crate) fn key(&self, name: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
        let output = Command::new(program())
            .args(["key", "add", name, "--json"])
            .args(scopes)
            .arg("--dir")
            .arg(self.folder.path().join("data"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let words = text.split(|it: char| it.is_whitespace() || it == '"');
        let mut keys = words.filter(|word| word.starts_with("rs_"));
        keys.next()
            .unwrap_or_else(|| panic!("no key in {text}"))
            .to_owned()
    }

    /// Kills the program as a power cut would.
    pub(crate) fn go(&self) {
        drop(self.ringside.take());
    }

    /// Starts the program again where it was.
    pub(crate) fn come(&self) {
        let ringside = Ringside::start_on(self.folder.path(), self.port, &self.config, &self.environment);
        self.ringside.replace(Some(ringside));
    }

    /// The URL of `target`.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.port)
    }

    /// What is answered to a request with the key of the telephone system.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let ringside = self.ringside.borrow();
        let ringside = ringside.as_ref().unwrap();
        let answer = ringside
            .ask((method, target), self.token.as_deref(), body)
            .unwrap();
        let json = serde_json::from_str(&answer.body);
        (answer.status, json.unwrap_or(Value::String(answer.body)))
    }

    /// What is answered to a request that works.
    #[track_caller]
    pub(crate) fn done(&self, method: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, target, body);
        assert!(
            (200..300).contains(&status),
            "{method} {target}: {status}: {answer}"
        );
        answer
    }

    /// The id of a call that there was none of yet.
    pub(crate) fn call(&self) -> String {
        self.calls.set(self.calls.get() + 1);
        format!("call-{}", self.calls.get())
    }

    /// A call from `ani` rings at `agent`'s; its id.
    #[track_caller]
    pub(crate) fn ring(&self, ani: &str, agent: &str) -> String {
        let call = self.call();
        self.ring_as(&call, ani, agent, &json!({}));
        call
    }

    /// The call `call` from `ani` rings at `agent`'s, with `more` in the ring; what is answered.
    #[track_caller]
    pub(crate) fn ring_as(&self, call: &str, ani: &str, agent: &str, more: &Value) -> Value {
        let mut ring = json!({"call_id": call, "ani": ani, "dnis": "+18005550100", "agent": agent,
            "direction": "inbound"});
        let fields = ring.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let answer = self.done("POST", "/v1/rings", &ring);
        assert_eq!(answer["call_id"], call, "{answer}");
        answer
    }

    /// Something happens to `call` at `agent`'s, with `more` of it.
    #[track_caller]
    pub(crate) fn event(&self, call: &str, agent: &str, event: &str, more: &Value) -> Value {
        let mut body = json!({"agent": agent, "event": event});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.done("POST", &format!("/v1/calls/{call}/events"), &body)
    }

    /// The system of record writes `lines`.
    #[track_caller]
    pub(crate) fn push(&self, lines: &str) {
        let ringside = self.ringside.borrow();
        let at = ringside.as_ref().unwrap().callers();
        let mut headers = vec!["Content-Type: application/x-ndjson".to_owned()];
        headers.extend(
            self.token
                .iter()
                .map(|token| format!("Authorization: Bearer {token}")),
        );
        until("the changes are taken", PATIENCE, || {
            let answer =
                servers::http::send(at, PATIENCE, ("POST", "/v1/changes"), &headers, lines.as_bytes());
            let answer = answer.unwrap();
            match answer.status {
                503 => Err(answer.body),
                200 if answer.json()["rejected"] == 0 => Ok(()),
                _ => panic!("{answer:?}"),
            }
        });
    }

    /// What is current at `agent`'s.
    pub(crate) fn current(&self, agent: &str) -> Vec<Value> {
        let answer = self.done("GET", &format!("/v1/agents/{agent}/current"), &Value::Null);
        answer["pops"].as_array().unwrap().clone()
    }
}
