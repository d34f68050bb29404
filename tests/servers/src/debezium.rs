//! Debezium's own engine with its real connector for PostgreSQL, and a database that it follows.

mod database;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub use database::Database;

use crate::ringside::PATIENCE;
use crate::wait::until;

/// Where events go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// Lines of keys and values appended to a file.
    File(PathBuf),
    /// Posts of keys and values.
    Post(String),
    /// Posts of values alone, as sinks that drop keys make them.
    PostValues(String),
}

/// A running engine, which ends when it is dropped.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    log: PathBuf,
}

impl Engine {
    /// Starts an engine that follows `database` and keeps its place in `folder`; `more` are further properties.
    pub fn start(folder: &Path, database: &Database, sink: &Sink, more: &str) -> Engine {
        let properties = folder.join("engine.properties");
        let text = format!(
            "name=engine\n\
             connector.class=io.debezium.connector.postgresql.PostgresConnector\n\
             offset.storage=org.apache.kafka.connect.storage.FileOffsetBackingStore\n\
             offset.storage.file.filename={}\n\
             offset.flush.interval.ms=0\n\
             database.hostname=127.0.0.1\n\
             database.port={}\n\
             database.user=postgres\n\
             database.password=none\n\
             database.dbname=postgres\n\
             topic.prefix=crm\n\
             plugin.name=pgoutput\n\
             publication.autocreate.mode=all_tables\n\
             snapshot.mode=initial\n\
             skipped.operations=none\n\
             heartbeat.interval.ms=500\n\
             {more}\n",
            folder.join("offsets").display(),
            database.port(),
        );
        fs::write(&properties, text).unwrap();
        let log = folder.join("engine.log");
        let written = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(python());
        command
            .arg(repository().join("tests/servers/debezium/engine.py"))
            .arg(&properties)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(written.try_clone().unwrap())
            .stderr(written);
        match sink {
            Sink::File(path) => command.arg("--file").arg(path),
            Sink::Post(url) => command.args(["--post", url]),
            Sink::PostValues(url) => command.args(["--values", "--post", url]),
        };
        let child = command.spawn().unwrap();
        Engine { child, log }
    }

    /// Waits until it follows the database.
    pub fn until_streaming(&self) {
        until("the engine streams", PATIENCE, || {
            let log = self.log();
            if log.contains("Processing messages") || log.contains("Searching for WAL resume position") {
                Ok(())
            } else {
                Err(log.lines().rev().take(5).collect::<Vec<_>>().join("\n"))
            }
        });
    }

    /// What it said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it, its place kept.
    pub fn stop(mut self) {
        // Its standard input is its life.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The Python that has the engine.
fn python() -> PathBuf {
    let install = repository().join("tests/servers/install/debezium.sh");
    let told = Command::new(install).stderr(Stdio::inherit()).output().unwrap();
    assert!(told.status.success(), "the engine cannot be installed");
    let mut path = told.stdout;
    let end = path.trim_ascii_end().len();
    path.truncate(end);
    PathBuf::from(String::from_utf8(path).unwrap())
}
