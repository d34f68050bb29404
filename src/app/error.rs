//! Why there is no service, or none by a changed configuration.

use std::path::PathBuf;

use super::shelf::ShelfError;
use crate::callers::{TreatmentError, Unspeakable};
use crate::config::{ConfigError, Origin};
use crate::feed::FeedError;
use crate::http::HttpError;
use crate::http::client::ClientError;
use crate::metrics::MetricsError;
use crate::number::SettingsError;
use crate::pop::StoreError;
use crate::pop::outbox::OutboxError;
use crate::replica::LogError;
use crate::snapshot::SnapshotError;
use crate::snapshot::folder::FolderError;
use crate::telemetry::TelemetryError;

/// Why the service cannot start, or a changed configuration not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The snapshot.
    #[error("{}: {source}", path.display())]
    Snapshot {
        /// The snapshot's file.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// The change log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The configuration cannot be read, or not be read again.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The numbers' settings.
    #[error("numbers.{0}")]
    Numbers(#[from] SettingsError),
    /// The treatment rules.
    #[error(transparent)]
    Treatment(#[from] TreatmentError),
    /// A dialled number that is to be counted by name.
    #[error(
        "{origin}: `metrics.dnis[{index}]`: expected a phone number, found {found:?}, which is none; correct it"
    )]
    Dnis {
        /// Who gave the number.
        origin: Origin,
        /// Its place, from 0.
        index: usize,
        /// The number, which is the contact centre's own.
        found: String,
    },
    /// The log's settings.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Sockets and threads.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What desktops are to show.
    #[error("`profile.{}`: expected {}, found {}; correct it", .0.key, .0.expected, .0.found)]
    Profile(Unspeakable),
    /// The log of calls.
    #[error(transparent)]
    Calls(#[from] StoreError),
    /// The system of record.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The object store of generations.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The other node's address.
    #[error("ha.peer: {0}; correct the configuration")]
    Peer(String),
    /// What is shown to the other node.
    #[error("ha.peer_key_file: {0}")]
    PeerKey(#[from] ClientError),
    /// The feeds.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The secret that two nodes share.
    #[error("calls.jetstream.secret_file: {0}")]
    Secret(String),
    /// The newest epoch of the pair that was kept.
    #[error("{}: expected a number, the newest epoch, found {found}; remove the file, and start again while a majority of the servers of calls is there", path.display())]
    Epoch {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Metrics registered twice: a fault of this program.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// No thread is to be had, or signals cannot be heard.
    #[error("cannot start: {0}; raise the limits of the user who runs this")]
    System(#[from] std::io::Error),
}
