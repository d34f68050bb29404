//! What runs on one machine, as long as it has power.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::namespace::Namespace;
use crate::wait::until;

/// A machine's processes and its disk.
#[derive(Debug)]
pub struct Host {
    folder: PathBuf,
    processes: Vec<(String, Child)>,
}

impl Host {
    /// One without processes, whose disk is `folder`.
    pub fn new(folder: PathBuf) -> Host {
        fs::create_dir_all(&folder).unwrap();
        Host {
            folder,
            processes: Vec::new(),
        }
    }

    /// Its disk.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts `command` there under `name`; what it says goes to `NAME.log` on its disk.
    pub fn start(&mut self, namespace: &Namespace, name: &str, mut command: Command) {
        self.kill(name);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{name}.log")))
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let spawned =
            namespace.within(move || command.spawn().map_err(|error| format!("{command:?}: {error}")));
        let child = spawned.unwrap_or_else(|error| panic!("{error}"));
        self.processes.push((name.to_owned(), child));
    }

    /// Whether it runs.
    pub fn runs(&mut self, name: &str) -> bool {
        let found = self.processes.iter_mut().find(|(of, _)| of == name);
        found.is_some_and(|(_, child)| matches!(child.try_wait(), Ok(None)))
    }

    /// Its process.
    pub fn pid(&self, name: &str) -> Option<Pid> {
        let found = self.processes.iter().find(|(of, _)| of == name)?;
        Some(Pid::from_child(&found.1))
    }

    /// Kills it, at whatever it is about.
    pub fn kill(&mut self, name: &str) {
        if let Some(nth) = self.processes.iter().position(|(of, _)| of == name) {
            let (_, mut child) = self.processes.swap_remove(nth);
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }

    /// Ends it as a person would, and waits for that.
    pub fn stop(&mut self, name: &str, within: Duration) {
        if let Some(nth) = self.processes.iter().position(|(of, _)| of == name) {
            let (_, mut child) = self.processes.swap_remove(nth);
            let _told = kill_process(Pid::from_child(&child), Signal::TERM);
            until(&format!("{name} ends"), within, || match child.try_wait() {
                Ok(None) => Err("it runs".to_owned()),
                _ => Ok(()),
            });
        }
    }

    /// Has it stand still, or go on.
    pub fn freeze(&self, name: &str, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(self.pid(name).unwrap(), signal).unwrap();
    }

    /// Kills everything on it, also what its processes have started.
    pub fn kill_all(&mut self, namespace: &Namespace) {
        // Whoever dies last would otherwise see the others die, and act on it.
        signal_all(namespace, Signal::STOP);
        signal_all(namespace, Signal::KILL);
        for (_, child) in &mut self.processes {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        self.processes.clear();
    }

    /// What a process has said.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// The end of that.
    pub fn tail(&self, name: &str) -> String {
        let log = self.log(name);
        let lines: Vec<&str> = log.lines().collect();
        format!(
            "--- {name}\n{}",
            lines[lines.len().saturating_sub(40)..].join("\n")
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// Sends everybody in `namespace` a signal.
pub fn signal_all(namespace: &Namespace, signal: Signal) {
    for pid in namespace.processes() {
        // Who has ended meanwhile needs none.
        let _sent = kill_process(pid, signal);
    }
}
