//! The program itself, as a person starts it, and what it answers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::built;
use crate::http::{Answer, send};
use crate::wait::until;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running `ringside serve`, killed when it is dropped.
#[derive(Debug)]
pub struct Ringside {
    child: Child,
    folder: PathBuf,
    config: PathBuf,
    environment: Vec<(String, String)>,
    callers: SocketAddr,
    admin: SocketAddr,
}

/// The program that was built with this one.
pub fn program() -> PathBuf {
    let program = built().join("ringside");
    assert!(
        program.exists(),
        "build it first: cargo build (expected {})",
        program.display()
    );
    program
}

impl Ringside {
    /// Starts it in `folder` under `config`, which says nothing of addresses and of the data folder.
    pub fn start(folder: &Path, config: &str) -> Ringside {
        Ringside::start_with(folder, config, &[])
    }

    /// As [`Ringside::start`], with these variables in its environment.
    pub fn start_with(folder: &Path, config: &str, environment: &[(&str, String)]) -> Ringside {
        Ringside::start_on(folder, 0, config, environment)
    }

    /// As [`Ringside::start_with`], where callers know its port already.
    pub fn start_on(folder: &Path, port: u16, config: &str, environment: &[(&str, String)]) -> Ringside {
        let file = folder.join("ringside.toml");
        // A machine that runs servers beside must not refuse what a test asks for.
        let patient = match config.contains("[http]") {
            true => "",
            false => "[http]\noverload_after_ms = 10000\n",
        };
        let text = format!(
            "[listener.main]\naddress = \"127.0.0.1:{port}\"\n[admin]\naddress = \"127.0.0.1:0\"\n[data]\ndir = {:?}\n{patient}{config}",
            folder.join("data")
        );
        fs::write(&file, text).unwrap();
        let variables = environment.iter();
        let environment = variables.map(|(name, value)| ((*name).to_owned(), value.clone()));
        Ringside::spawn(folder.to_owned(), file, environment.collect())
    }

    fn spawn(folder: PathBuf, config: PathBuf, environment: Vec<(String, String)>) -> Ringside {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("ringside.log"))
            .unwrap();
        let mut child = Command::new(program())
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .envs(environment.clone())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut addresses = Vec::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while addresses.len() < 2 {
            line.clear();
            let read = lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended at once:\n{}", tail(&folder));
            addresses.extend(line.split_whitespace().filter_map(|word| {
                let word = word.strip_prefix("http://").unwrap_or(word);
                word.trim_end_matches(['/', '.', ',']).parse::<SocketAddr>().ok()
            }));
        }
        // What it still prints has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ringside {
            child,
            folder,
            config,
            environment,
            callers: addresses[0],
            admin: addresses[1],
        }
    }

    /// Kills it as a power cut would, and starts it again over what is there.
    pub fn kill_and_start(self) -> Ringside {
        let (folder, config) = (self.folder.clone(), self.config.clone());
        let environment = self.environment.clone();
        drop(self);
        Ringside::spawn(folder, config, environment)
    }

    /// Ends it as a person would, and starts it again.
    pub fn stop_and_start(mut self) -> Ringside {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap();
        Ringside::spawn(self.folder.clone(), self.config.clone(), self.environment.clone())
    }

    /// Where callers and feeds connect.
    pub fn callers(&self) -> SocketAddr {
        self.callers
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("ringside.log")).unwrap_or_default()
    }

    /// What `/status` says.
    pub fn status(&self) -> Value {
        get(self.admin, "/status").unwrap().1
    }

    /// What the administration answers to a `POST`.
    pub fn act(&self, path: &str, body: &Value) -> (u16, Value) {
        post(self.admin, path, "application/json", body.to_string().as_bytes()).unwrap()
    }

    /// What is answered to a `POST` of changes.
    pub fn push(&self, target: &str, body: &[u8]) -> (u16, Value) {
        post(self.callers, target, "application/x-ndjson", body).unwrap()
    }

    /// What a metric without labels counts, or with those written behind it.
    pub fn metric(&self, name: &str) -> f64 {
        let text = text(self.admin, "/metrics");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or("0").trim().parse().unwrap()
    }

    /// What is answered to any request; `body` is JSON, and nothing where it is null.
    ///
    /// # Errors
    /// Nobody is there.
    pub fn ask(
        &self,
        (method, target): (&str, &str),
        token: Option<&str>,
        body: &Value,
    ) -> std::io::Result<Answer> {
        let mut headers = vec!["Content-Type: application/json".to_owned()];
        headers.extend(token.map(|token| format!("Authorization: Bearer {token}")));
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        send(
            self.callers,
            PATIENCE,
            (method, target),
            &headers,
            body.as_bytes(),
        )
    }

    /// Waits until its feeds are at the end of their sources, and nothing is missing; says how long that took.
    pub fn until_fresh(&self) -> Duration {
        self.until_fresh_within(PATIENCE)
    }

    /// As [`Ringside::until_fresh`], for as long as that may take.
    pub fn until_fresh_within(&self, within: Duration) -> Duration {
        until("what is served is fresh", within, || {
            let status = self.status();
            let is_fresh = status["stale"] == false && status["connected"] == true && status["gap"] == false;
            if is_fresh {
                Ok(())
            } else {
                Err(format!("{status}\n{}", tail(&self.folder)))
            }
        })
    }

    /// The answer to a call from `ani`.
    pub fn lookup(&self, ani: &str) -> Value {
        let ani = ani.replace('+', "%2B");
        get(self.callers, &format!("/v1/lookup?ani={ani}")).unwrap().1
    }

    /// The answers to calls from `anis`, in their order.
    pub fn lookups(&self, anis: &[String]) -> Vec<Value> {
        let answers = anis.chunks(500).flat_map(|anis| {
            let body = json!({"anis": anis}).to_string();
            let (status, answer) =
                post(self.callers, "/v1/lookup", "application/json", body.as_bytes()).unwrap();
            assert_eq!(status, 200, "{answer}");
            answer["results"].as_array().unwrap().clone()
        });
        answers.collect()
    }

    /// The customer called `id`, as its document says.
    pub fn customer(&self, id: &str) -> Option<Value> {
        match get(self.callers, &format!("/v1/customers/{id}")).unwrap() {
            (200, answer) => Some(answer["customer"].clone()),
            (404, _) => None,
            other => panic!("{other:?}"),
        }
    }

    /// The owner of each of `numbers`, as calls from them are answered.
    pub fn owners(&self, numbers: &[String]) -> BTreeMap<String, Option<String>> {
        let owner = |answer: &Value| answer["customer_id"].as_str().map(str::to_owned);
        numbers
            .iter()
            .cloned()
            .zip(self.lookups(numbers).iter().map(owner))
            .collect()
    }
}

impl Drop for Ringside {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The end of what was logged.
fn tail(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("ringside.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn get(at: SocketAddr, target: &str) -> std::io::Result<(u16, Value)> {
    let answer = send(at, PATIENCE, ("GET", target), &[], b"")?;
    Ok((answer.status, answer.json()))
}

fn text(at: SocketAddr, target: &str) -> String {
    send(at, PATIENCE, ("GET", target), &[], b"").unwrap().body
}

fn post(at: SocketAddr, target: &str, kind: &str, body: &[u8]) -> std::io::Result<(u16, Value)> {
    let kind = [format!("Content-Type: {kind}")];
    let answer = send(at, PATIENCE, ("POST", target), &kind, body)?;
    Ok((answer.status, answer.json()))
}
