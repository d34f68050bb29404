//! The folder that a demonstration lives in, and what is in it.
//!
//! ```text
//! DIR/ringside.toml      configuration; `ringside serve --config` goes on with it
//! DIR/customers.ndjson   the invented customers
//! DIR/mapping.toml       how their attributes are typed
//! DIR/changes.ndjson     changes; what is appended here is seen
//! DIR/data/              data.dir
//! ```

use std::fs;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::arguments::DemoArguments;
use crate::cli::error::CliError;
use crate::cli::output;

/// The folder; removed when dropped, unless it is to be kept.
#[derive(Debug)]
pub(super) struct DemoFolder {
    dir: PathBuf,
    kept: bool,
}

impl DemoFolder {
    /// Creates the folder that was asked for, or a new one among the temporary ones.
    pub(super) fn create(arguments: &DemoArguments) -> Result<DemoFolder, CliError> {
        let failed = |step, path: &Path, source| CliError::File {
            step,
            path: path.to_owned(),
            source,
        };
        if let Some(dir) = &arguments.dir {
            fs::create_dir_all(dir).map_err(|source| failed("create", dir, source))?;
            // The configuration and the printed lines have to hold from any folder.
            let dir = fs::canonicalize(dir).map_err(|source| failed("find", dir, source))?;
            return Ok(DemoFolder { dir, kept: true });
        }
        let temporary = std::env::temp_dir();
        let process = std::process::id();
        let dir = (0..1000)
            .map(|nth| temporary.join(format!("ringside-demo-{process}-{nth}")))
            // Where it exists it is somebody else's.
            .find(|dir| !dir.exists())
            .unwrap_or(temporary);
        fs::create_dir(&dir).map_err(|source| failed("create", &dir, source))?;
        Ok(DemoFolder {
            dir,
            // What nobody serves is there to be looked at.
            kept: arguments.keep || arguments.no_serve,
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, CliError> {
        let path = self.path(name);
        fs::write(&path, content).map_err(|source| CliError::File {
            step: "write",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// Writes one document a line, as an importer and a person with `grep` want them.
    pub(super) fn write_documents(&self, documents: &[Value]) -> Result<PathBuf, CliError> {
        let path = self.path("customers.ndjson");
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(fs::File::create(&path)?);
            for document in documents {
                writeln!(file, "{document}")?;
            }
            file.flush()
        };
        match write() {
            Ok(()) => Ok(path),
            Err(source) => Err(CliError::File {
                step: "write",
                path,
                source,
            }),
        }
    }

    /// Writes the configuration for the server at these addresses.
    pub(super) fn write_config(&self, listener: SocketAddr, admin: SocketAddr) -> Result<PathBuf, CliError> {
        // Debug writes a text as TOML reads one, save for what no path of a person has in it.
        let (data, changes) = (self.path("data"), self.path("changes.ndjson"));
        let told = self.path("system-of-record.ndjson");
        let config = format!(
            "# The demonstration's configuration; `ringside config default` has all keys, with what they mean.\n\
             [listener.main]\naddress = \"{listener}\"\n\n\
             [admin]\naddress = \"{admin}\"\n\n\
             [data]\ndir = {data:?}\n\n\
             [feed.main]\nkind = \"file\"\npath = {changes:?}\npoll_ms = 10\n\n\
             # What agents write down, link and record goes here, in the place of a system of record.\n\
             [system_of_record]\nkind = \"file\"\n\n\
             [system_of_record.file]\npath = {told:?}\n\n\
             [interactions]\nrecorder = \"ringside\"\n\n\
             [profile.main]\nwrap_ups = [\"Billing\", \"Technical problem\", \"Callback promised\"]\n\n\
             [[treatment]]\nlabel = \"blacklist\"\ntreatment = \"refuse\"\n\n\
             [[treatment]]\nlabel = \"VIP\"\ntreatment = \"priority\"\nqueue = \"vip\"\n\n\
             [[treatment]]\nlabel = \"payment due\"\ntreatment = \"collect\"\nqueue = \"accounts\"\n"
        );
        self.write("ringside.toml", config.as_bytes())
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if self.kept {
            output::note(format_args!(
                "the demonstration's folder stays: {}",
                self.dir.display()
            ));
        } else if let Err(error) = fs::remove_dir_all(&self.dir) {
            output::note(format_args!(
                "cannot remove {}: {error}; remove it by hand",
                self.dir.display()
            ));
        }
    }
}
