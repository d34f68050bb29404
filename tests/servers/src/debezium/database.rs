//! A PostgreSQL database whose changes can be decoded.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::free_port;
use crate::ringside::PATIENCE;
use crate::wait::until;

/// A running database, which is gone when it is dropped.
#[derive(Debug)]
pub struct Database {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Database {
    /// Makes one, and runs it.
    pub fn start() -> Database {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = server();
        // It does not run as root.
        let user = is_root().then(postgres);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let as_user = |program: &str| {
            let mut command = Command::new(server.join(program));
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command.current_dir(folder.path()).stdin(Stdio::null());
            command
        };
        let made = as_user("initdb")
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = as_user("postgres")
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "wal_level=logical",
                "-c",
                "fsync=off",
                "-c",
                "listen_addresses=127.0.0.1",
            ])
            .args(["-c", "unix_socket_directories=", "-p", &port.to_string()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let database = Database { folder, port, child };
        until("the database answers", PATIENCE, || {
            database.try_sql("select 1").map(|_| ())
        });
        database
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does `sql`, each statement by itself, and gives what it prints.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_sql(&self, sql: &str) -> Result<String, String> {
        let done = Command::new(server().join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"])
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-"])
            .stdin(input(self.folder.path(), sql))
            .output()
            .unwrap();
        if done.status.success() {
            Ok(String::from_utf8_lossy(&done.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&done.stderr).into_owned())
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // At once, sending everybody away.
        let _gone = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _reaped = self.child.wait();
    }
}

fn input(folder: &Path, text: &str) -> File {
    let path = folder.join("statements.sql");
    fs::write(&path, text).unwrap();
    File::open(path).unwrap()
}

/// The folder of the server's programs.
fn server() -> PathBuf {
    let versions = (13..=18).rev();
    versions
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")))
        .find(|folder| folder.join("postgres").exists())
        .expect("PostgreSQL is installed: apt-get install postgresql")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The user and the group of the server.
fn postgres() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let ids: Vec<u32> = line.split(':').filter_map(|field| field.parse().ok()).collect();
    (ids[0], ids[1])
}
