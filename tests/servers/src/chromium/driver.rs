//! chromedriver and its sessions, each of which is a browser.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::send;

/// Longer than any command takes that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ends chromedriver when whoever started it is gone, however that ended: the browsers end with it, for they hear of it
/// through a pipe.
const GUARD: &str = "chromedriver --port=0 --log-level=SEVERE & read -r _; kill $! 2>/dev/null; wait";

/// The one that tests of this process share while any of them is about.
static SHARED: Mutex<Weak<Driver>> = Mutex::new(Weak::new());

/// A chromedriver.
#[derive(Debug)]
pub(super) struct Driver {
    guard: Child,
    at: SocketAddr,
    folder: TempDir,
    idle: Mutex<Vec<Session>>,
}

/// A browser.
#[derive(Debug, Clone)]
pub(super) struct Session {
    at: SocketAddr,
    id: String,
}

impl Driver {
    pub(super) fn shared() -> Arc<Driver> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = shared.upgrade() {
            return driver;
        }
        let driver = Arc::new(Driver::start());
        *shared = Arc::downgrade(&driver);
        driver
    }

    fn start() -> Driver {
        let folder = tempfile::tempdir().unwrap();
        let mut guard = Command::new("sh")
            .args(["-c", GUARD])
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(guard.stdout.take().unwrap());
        let mut said = String::new();
        let port = loop {
            let begun = said.len();
            let read = lines.read_line(&mut said).unwrap();
            assert!(
                read > 0,
                "no chromedriver; tests/servers/install/chromium.sh installs it: {said}"
            );
            let words = said[begun..].trim_end().trim_end_matches('.');
            if let Some((_, port)) = words.rsplit_once("successfully on port ") {
                break port.parse::<u16>().unwrap();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Driver {
            guard,
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            folder,
            idle: Mutex::default(),
        }
    }

    /// A browser that was given back, or a new one.
    pub(super) fn session(&self) -> Session {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| self.launch())
    }

    pub(super) fn give_back(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(session);
    }

    pub(super) fn discard(&self, session: &Session) {
        // It may be gone already.
        let _ended = session.attempt("DELETE", "", &Value::Null);
    }

    fn launch(&self) -> Session {
        // Without a sandbox, because containers' root has none; nothing is fetched or told that no page asked for.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--font-render-hinting=none",
            "--disable-lcd-text",
            "--lang=en-US",
        ];
        let body = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"script": 30_000, "pageLoad": 30_000, "implicit": 0},
            "unhandledPromptBehavior": "accept",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {
                "args": arguments,
                "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
            },
        }}});
        let made = command(self.at, "POST", "/session", &body)
            .unwrap_or_else(|error| panic!("a browser: {error} (below {})", self.folder.path().display()));
        Session {
            at: self.at,
            id: made["sessionId"].as_str().unwrap().to_owned(),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for session in std::mem::take(&mut *idle) {
            self.discard(&session);
        }
        drop(self.guard.stdin.take());
        let _reaped = self.guard.wait();
    }
}

impl Session {
    /// Runs a command; `path` is what stands behind the session.
    #[track_caller]
    pub(super) fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.attempt(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`Session::command`], where it may fail.
    pub(super) fn attempt(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        command(self.at, method, &format!("/session/{}{path}", self.id), body)
    }
}

fn command(at: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let text = match body {
        Value::Null if method == "POST" => "{}".to_owned(),
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let kind = ["Content-Type: application/json; charset=utf-8".to_owned()];
    let answer = send(at, PATIENCE, (method, path), &kind, text.as_bytes());
    let answer = answer.map_err(|error| error.to_string())?;
    let value = answer.json()["value"].take();
    if answer.status == 200 {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or_default();
    let message = message.lines().next().unwrap_or_default();
    Err(format!(
        "{}: {message}",
        value["error"].as_str().unwrap_or("error")
    ))
}
