//! A network namespace: a network of its own for whatever is started in it.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::run;

/// What every name begins with; the id of the process that made it follows.
const PREFIX: &str = "rspair";

/// A network namespace, which is deleted when it is dropped, with the processes that are still in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with its loopback up. `set` tells several sets of one process apart.
    pub fn new(set: u32, name: &str) -> Namespace {
        let name = format!("{PREFIX}{}x{set}-{name}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        let made = Namespace { name };
        made.ip(&["link", "set", "lo", "up"]);
        made
    }

    /// Its name, as `ip netns` has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in it, which has to succeed.
    pub fn ip(&self, arguments: &[&str]) {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments));
    }

    /// What `ip` says of it.
    pub fn ask_ip(&self, arguments: &[&str]) -> String {
        let output = Command::new("ip")
            .args(["-n", &self.name])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Has this thread, and the threads and processes that it starts, in the namespace until the value is dropped.
    pub fn enter(&self) -> Inside {
        let before = File::open("/proc/thread-self/ns/net").unwrap();
        let there = File::open(self.path()).unwrap();
        go(&there);
        Inside { before }
    }

    /// Does `what` on a thread of its own that is in the namespace; what that thread starts is in it too.
    pub fn within<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                go(&File::open(self.path()).unwrap());
                what()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Processes that are in it.
    pub fn processes(&self) -> Vec<Pid> {
        let Ok(there) = fs::metadata(self.path()) else {
            return Vec::new();
        };
        let of = |entry: &fs::DirEntry| -> Option<Pid> {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let net = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
            let is_there = (net.dev(), net.ino()) == (there.dev(), there.ino());
            let is_other = u32::try_from(pid) != Ok(std::process::id());
            (is_there && is_other).then(|| Pid::from_raw(pid))?
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|entry| of(&entry)).collect()
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(self);
    }
}

/// A thread's stay in a namespace.
#[derive(Debug)]
pub struct Inside {
    before: File,
}

impl Drop for Inside {
    fn drop(&mut self) {
        go(&self.before);
    }
}

fn go(to: &File) {
    move_into_link_name_space(to.as_fd(), Some(LinkNameSpaceType::Network))
        .unwrap_or_else(|error| panic!("network namespaces need root: {error}"));
}

fn delete(namespace: &Namespace) {
    for pid in namespace.processes() {
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let _deleted = Command::new("ip")
        .args(["netns", "del", &namespace.name])
        .status();
}

/// Deletes what processes that were killed have left behind.
pub(super) fn sweep() {
    delete_where(|maker| !fs::exists(format!("/proc/{maker}")).unwrap_or(true));
}

/// Deletes every namespace that the process `maker` has made, for one that has to end at once.
pub fn delete_all_of(maker: u32) {
    let maker = maker.to_string();
    delete_where(|of| of == maker);
}

fn delete_where(is_over: impl Fn(&str) -> bool) {
    let Ok(folder) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in folder.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('x'));
        let Some((maker, _)) = maker else {
            continue;
        };
        if is_over(maker) {
            drop(Namespace { name });
        }
    }
}
