//! A PostgreSQL server of its own: made, started, killed, and gone when it is dropped.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::free_port;
use crate::wait::until;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// Role that owns the database's tables.
const OWNER: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    /// What postgresql.conf says further.
    settings: Vec<String>,
}

/// An ordinary connection, of which every call waits.
pub struct Sql {
    runtime: Runtime,
    client: Client,
}

/// Where the programs are.
fn programs() -> PathBuf {
    for version in (13..=18).rev() {
        let folder = PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
        if folder.join("postgres").exists() {
            return folder;
        }
    }
    panic!("PostgreSQL is needed: run tests/servers/install/postgres.sh");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command as somebody the server agrees to run as: it refuses root.
fn command(program: &str) -> Command {
    let path = programs().join(program);
    if is_root() {
        let mut command = Command::new("runuser");
        command.arg("-u").arg("postgres").arg("--").arg(path);
        command
    } else {
        Command::new(path)
    }
}

/// What its `stat` says behind its name, which may hold anything: state, parent.
fn stat(process: &str) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(str::to_owned).collect()
}

fn is_alive(process: Pid) -> bool {
    let stat = stat(&process.as_raw_nonzero().to_string());
    stat.first().is_some_and(|state| state != "Z")
}

fn give_to_server(path: &Path) {
    if is_root() {
        let id = |flag: &str| -> u32 {
            let said = Command::new("id").arg(flag).arg("postgres").output().unwrap();
            String::from_utf8_lossy(&said.stdout).trim().parse().unwrap()
        };
        chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

impl Postgres {
    /// A server that can be followed, with the roles `postgres` and `ringside`, both with the password `secret`.
    pub fn start() -> Postgres {
        Postgres::start_with(&[])
    }

    /// The same, with further settings, as `"max_wal_size = 64MB"`.
    pub fn start_with(settings: &[&str]) -> Postgres {
        let folder = tempfile::Builder::new()
            .prefix("ringside-postgres-")
            .tempdir()
            .unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        give_to_server(folder.path());
        let password = folder.path().join("password");
        fs::write(&password, "secret\n").unwrap();
        give_to_server(&password);
        let made = command("initdb")
            .current_dir(folder.path())
            .args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
            ])
            .args(["--username", OWNER])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Postgres {
            folder,
            port: free_port(),
            child: None,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        };
        server.run();
        let mut sql = server.sql();
        sql.run("CREATE ROLE ringside LOGIN REPLICATION PASSWORD 'secret'");
        server
    }

    /// Adds a setting that counts from the next start.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    fn run(&mut self) {
        let data = self.folder.path().join("data");
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nwal_level = logical\n\
             max_connections = 40\nshared_buffers = 16MB\nfsync = off\nfull_page_writes = off\n\
             autovacuum_naptime = 3600\n",
            self.port
        );
        for setting in &self.settings {
            text.push_str(setting);
            text.push('\n');
        }
        let file = data.join("postgresql.auto.conf");
        fs::write(&file, text).unwrap();
        give_to_server(&file);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let child = command("postgres")
            .current_dir(self.folder.path())
            .arg("-D")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("the server takes connections", PATIENCE, || {
            Sql::try_connect(&self.url(OWNER))
                .map(|_| ())
                .map_err(|error| format!("{error}\n{}", self.log()))
        });
    }

    /// Kills all of its processes at once, as a power cut would.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // Children of the server make groups of their own; it is asked for them first.
        let all = self.processes();
        for process in &all {
            let _gone = kill_process(*process, Signal::KILL);
        }
        let _gone = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let _reaped = child.wait();
        // A process that goes takes its shared memory with it, and not at once.
        until("all of its processes are gone", PATIENCE, || {
            let left: Vec<_> = all.iter().filter(|process| is_alive(**process)).collect();
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        });
        let _stale = fs::remove_file(self.folder.path().join("data/postmaster.pid"));
    }

    /// Kills it and starts it again.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts it again after a kill; a standby where `standby.signal` is in its data.
    pub fn start_again(&mut self) {
        self.run();
    }

    /// Stops or continues the server's processes, so that it is there and says nothing.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        for process in self.processes() {
            let _gone = kill_process(process, signal);
        }
    }

    /// The server and what it started.
    fn processes(&self) -> Vec<Pid> {
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        let Some(parent) = file.lines().next().and_then(|line| line.parse::<i32>().ok()) else {
            return Vec::new();
        };
        let mut all = vec![parent];
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let process = entry.file_name();
            if stat(&process.to_string_lossy()).get(1) == Some(&parent.to_string()) {
                all.extend(process.to_string_lossy().parse::<i32>());
            }
        }
        all.into_iter().filter_map(Pid::from_raw).collect()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, in which `data` is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the server read a file that it is to use, and nobody else.
    pub fn give(&self, path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        give_to_server(path);
    }

    /// The address of its database for `user`.
    pub fn url(&self, user: &str) -> String {
        format!("postgresql://{user}:secret@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection as the owner of everything.
    pub fn sql(&self) -> Sql {
        Sql::try_connect(&self.url(OWNER)).unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Sql {
    /// Connects to `url`.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub fn try_connect(url: &str) -> Result<Sql, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = connected.map_err(|error| format!("{error:?}"))?;
        runtime.spawn(connection);
        Ok(Sql { runtime, client })
    }

    /// Runs statements; the rows of the last one, as texts.
    ///
    /// # Errors
    /// What the server says.
    pub fn try_rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql));
        let messages = messages.map_err(|error| {
            error
                .as_db_error()
                .map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
                }
                _ => None,
            })
            .collect())
    }

    /// Runs statements that have to succeed.
    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.try_rows(sql) {
            panic!("{sql}: {error}");
        }
    }

    /// The rows of a statement that has to succeed.
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_rows(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The first column of the first row; empty where there is none.
    pub fn one(&mut self, sql: &str) -> String {
        let row = self.rows(sql).into_iter().next();
        row.and_then(|row| row.into_iter().next())
            .flatten()
            .unwrap_or_default()
    }
}
