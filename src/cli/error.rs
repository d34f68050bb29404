//! Why a command failed, told so that the person who typed it knows what to do.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use super::client::ClientError;
use crate::app::AppError;
use crate::app::catch_up::FetchError;
use crate::app::generations::ActError;
use crate::app::shelf::ShelfError;
use crate::callers::TreatmentError;
use crate::config::ConfigError;
use crate::durable::DurableError;
use crate::http::KeysError;
use crate::number::SettingsError;
use crate::snapshot::SnapshotError;
use crate::snapshot::folder::FolderError;
use crate::snapshot::import::{ImportError, MappingError};
use crate::telemetry::TelemetryError;

/// What a command ran into.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration's rules for numbers.
    #[error("numbers.{0}")]
    Numbers(#[from] SettingsError),
    /// The configuration's treatment rules.
    #[error(transparent)]
    Treatment(#[from] TreatmentError),
    /// A changed configuration that a server has refused.
    #[error("{0}\nA server that runs goes on with the configuration that it had.")]
    Reload(String),
    /// The configuration, by which a server that runs is looked for.
    #[error("{0}\nA server that runs goes on with the configuration that it had; ask it with --admin URL.")]
    Whom(ConfigError),
    /// A relay.
    #[error(transparent)]
    Relay(#[from] crate::relay::RelayError),
    /// A relay of a feed that it cannot read.
    #[error("{0}")]
    NotRelayed(String),
    /// The log's settings.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// What is asked for is refused, as a server would.
    #[error(transparent)]
    Refused(#[from] crate::callers::Refusal),
    /// A secret to enter as a key.
    #[error("{}: cannot read the secret: {source}; name a file that this user may read, or `-` for standard input", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// An import.
    #[error("{}: {source}", path.display())]
    Import {
        /// The input.
        path: PathBuf,
        /// What is wrong.
        source: ImportError,
    },
    /// What is to be copied cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The object store.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// No object store is named.
    #[error(
        "expected an object store, found none; name one with --to, or in snapshots.store of the configuration"
    )]
    NoStore,
    /// A folder to import.
    #[error("{}: expected a file of customers, found a folder; name one of the files in it", path.display())]
    InputFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A mapping file.
    #[error("{}: {source}", path.display())]
    Mapping {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MappingError,
    },
    /// A snapshot.
    #[error("{}: {source}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SnapshotError,
    },
    /// An answer out of a damaged snapshot.
    #[error(
        "{}: expected whole records, found a damaged one, which was passed over, so that a customer may be missing \
         above; see what is wrong with `{again}`, and build the snapshot again", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What to type next.
        again: String,
    },
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A hand-over that was refused, or that the other node did not take.
    #[error("not handed over: {0}")]
    NotHandedOver(String),
    /// A server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What is to be deployed.
    #[error(transparent)]
    Plan(#[from] super::deploy::PlanError),
    /// A word of keepalived that the service has not taken.
    #[error(transparent)]
    Notify(#[from] super::notify::NotifyError),
    /// A file.
    #[error("cannot {step} {}: {source}; correct the path, or the file's permissions", path.display())]
    File {
        /// What was being done.
        step: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file that is written whole or not at all.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// Standard input.
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    /// Standard output.
    #[error("cannot write standard output: {0}")]
    Output(#[from] io::Error),
    /// The service.
    #[error(transparent)]
    App(#[from] AppError),
    /// An act on generations.
    #[error(transparent)]
    Act(#[from] ActError),
    /// A generation that waits.
    #[error(
        "generation {generation} is built and waits; generation {base} goes on being served. If it is right: `{program} \
         accept --dir {dir}`; if not: `{program} accept --drop --dir {dir}`"
    )]
    Held {
        /// Its number.
        generation: u64,
        /// The present one.
        base: u64,
        /// The data folder, as typed.
        dir: String,
        /// What this program is called.
        program: String,
    },
    /// The demonstration's numbering plans have changed under it.
    #[error(
        "expected room for the customers in the numbering plans, found too few numbers; ask for fewer: --customers 1000"
    )]
    NoPeople,
    /// An answer that this version cannot read.
    #[error(
        "{server}: expected {expected}, found something else: {source}; is it a Ringside of this version?"
    )]
    Answer {
        /// Who answered.
        server: String,
        /// What was asked for.
        expected: &'static str,
        /// The parser's words.
        source: serde_json::Error,
    },
    /// JSON that cannot be written, or a file of this program's own that cannot be read.
    #[error("expected valid JSON within the program, found a fault: {0}; please report it")]
    Json(serde_json::Error),
}

impl From<serde_json::Error> for CliError {
    /// JSON is written to standard output alone.
    fn from(error: serde_json::Error) -> CliError {
        if error.is_io() {
            CliError::Output(error.into())
        } else {
            CliError::Json(error)
        }
    }
}

impl CliError {
    /// What the process ends with.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Held { .. } => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }

    /// Whether the reader of standard output has gone away, which is its good right.
    pub(super) fn is_broken_pipe(&self) -> bool {
        let source = match self {
            CliError::Output(source) => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::BrokenPipe
    }
}
