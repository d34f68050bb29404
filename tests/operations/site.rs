//! A data folder and a configuration that a test changes.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::net::SocketAddr;
use std::path::PathBuf;

use ringside::app::{App, Running};
use ringside::config::Loaded;
use ringside::telemetry::Log;
use tempfile::TempDir;

use crate::program::{built_of, program, text, write};
use crate::serving::{Serving, after};

/// Two customers, one of whom is a VIP; the other's number is British.
const CUSTOMERS: &str = concat!(
    r#"{"id":"c-1","name":"Ada Lovelace","phones":["+14806754110"],"labels":[{"name":"VIP"}]}"#,
    "\n",
    r#"{"id":"c-2","name":"Grace Hopper","phones":["+442079460958"]}"#,
    "\n",
);

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    config: PathBuf,
    data: String,
}

impl Site {
    /// A folder of two customers, and a configuration that says `more`.
    pub(crate) fn new(more: &str) -> Site {
        Site::of(CUSTOMERS, &[], more)
    }

    /// A folder of these `customers`, one document a line, built with `arguments`.
    pub(crate) fn of(customers: &str, arguments: &[&str], more: &str) -> Site {
        let built = built_of(customers, arguments);
        let site = Site {
            config: built.dir.path().join("ringside.toml"),
            dir: built.dir,
            data: built.data,
        };
        site.configure(more);
        site
    }

    /// Rewrites the configuration.
    pub(crate) fn configure(&self, more: &str) {
        let base = format!(
            "listener.main.address = '127.0.0.1:0'\nadmin.address = '127.0.0.1:0'\ndata.dir = {:?}\n",
            self.data
        );
        write(self.dir.path(), "ringside.toml", &(base + more));
    }

    pub(crate) fn config(&self) -> String {
        text(&self.config)
    }

    pub(crate) fn data(&self) -> &str {
        &self.data
    }

    /// Serves it in this process.
    pub(crate) fn serve(&self) -> Running {
        // A busy machine must not refuse what a test asks for.
        let patient = ("RINGSIDE__HTTP__OVERLOAD_AFTER_MS".to_owned(), "10000".to_owned());
        let loaded = Loaded::read(Some(&self.config), std::iter::once(patient)).unwrap();
        App::build(loaded, Log::default()).unwrap().spawn().unwrap()
    }

    /// Serves it in a process of its own, with these variables, the empty ones taken out; and its addresses, of callers
    /// and administration.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> (Serving, SocketAddr, SocketAddr) {
        let mut command = program();
        command.args(["serve", "--config", &self.config()]);
        for (variable, value) in variables {
            match *value {
                "" => command.env_remove(variable),
                value => command.env(variable, value),
            };
        }
        let mut serving = Serving::spawn(&mut command);
        let lines = serving.until("administration on");
        assert!(lines[0].ends_with(" (listener main)"), "{}", lines[0]);
        let callers = after(&lines, "listening on http://").parse().unwrap();
        let admin = after(&lines, "administration on http://").parse().unwrap();
        (serving, callers, admin)
    }
}

pub(crate) fn rule(treatment: &str) -> String {
    format!("[[treatment]]\nlabel = 'VIP'\ntreatment = '{treatment}'\n")
}
