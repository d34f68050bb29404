//! Why an act on generations is refused.

use crate::durable::DurableError;
use crate::snapshot::SnapshotError;
use crate::snapshot::folder::FolderError;

/// Why an act on generations is refused. What is served is then what it was, but where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A body that is not as it should be.
    #[error("body: {0}; correct the request")]
    Body(serde_json::Error),
    /// A value in it that cannot be.
    #[error("{field}: expected {expected}; correct the request")]
    Value {
        /// Which one.
        field: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A method that the path does not have.
    #[error("expected {0}, found another method; correct the request")]
    Method(&'static str),
    /// Another act goes on.
    #[error("another act goes on, {0}; try again when it is done")]
    Busy(&'static str),
    /// Changes arrive from a feed, which would be lost.
    #[error(
        "changes arrive here from {feeds}, and this takes the place of what they brought: they go on from where {since}, \
         and what came before is gone until the source sends it again; to do so, say --replace"
    )]
    Feed {
        /// The feeds' names.
        feeds: String,
        /// Where they go on.
        since: &'static str,
    },
    /// Changes came, and what was built was for a server without any.
    #[error("changes came here meanwhile, which this would take the place of; nothing was changed")]
    Came,
    /// A build that the server does not know.
    #[error(
        "expected a build that was begun here and is not published, found {build}; was the server restarted? run the \
         build again, it goes on where it was"
    )]
    NoBuild {
        /// Its number.
        build: u64,
    },
    /// Somebody else published while the build went on.
    #[error(
        "built over generation {base}, but generation {present} was published meanwhile; what was built waits as \
         generation {built}: `ringside accept` compares it with generation {present} and publishes it, `ringside accept \
         --drop` removes it"
    )]
    Conflict {
        /// What it was built over; 0 for none.
        base: u64,
        /// What is present.
        present: u64,
        /// What was built.
        built: u64,
    },
    /// A snapshot that is not whole.
    #[error("generation {generation}: {source}")]
    Unfit {
        /// Its number.
        generation: u64,
        /// What is wrong.
        source: SnapshotError,
    },
    /// No candidate.
    #[error(
        "expected a generation that waits to be accepted, found none; `ringside generations` shows what there is"
    )]
    NoCandidate,
    /// Nothing to go back to.
    #[error(
        "expected a generation before the present one, {present}, found none; `ringside generations` shows what there is"
    )]
    NothingBefore {
        /// The present one; 0 for none.
        present: u64,
    },
    /// It is the present one already.
    #[error(
        "generation {0} is the present one already; name another, `ringside generations` shows what there is"
    )]
    Present(u64),
    /// A generation that is not pinned.
    #[error("generation {0} is not pinned; `ringside generations` shows which are")]
    NotPinned(u64),
    /// A feed that is not held.
    #[error("expected a feed that is held, found {feed:?}, which is not; `ringside status` shows which are")]
    NotHeld {
        /// Its name.
        feed: String,
    },
    /// Nobody follows feeds.
    #[error("feeds are followed by a service, and none holds the folder: start it first")]
    NoService,
    /// The service ends.
    #[error("generation {0} is published and will be served after the next start: the service is stopping")]
    Stopping(u64),
    /// The service ends, and nothing was done.
    #[error("the service is stopping, and nothing was changed; try again when it is back")]
    Ended,
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl ActError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            ActError::Body(_) | ActError::Value { .. } => 400,
            ActError::Method(_) => 405,
            ActError::NoBuild { .. }
            | ActError::NoCandidate
            | ActError::NothingBefore { .. }
            | ActError::NotPinned(_)
            | ActError::NotHeld { .. }
            | ActError::Folder(FolderError::NoGeneration { .. }) => 404,
            ActError::Busy(_)
            | ActError::Feed { .. }
            | ActError::Came
            | ActError::Conflict { .. }
            | ActError::Present(_)
            | ActError::Folder(FolderError::Conflict { .. } | FolderError::Taken { .. }) => 409,
            ActError::Unfit { .. } => 422,
            ActError::NoService | ActError::Stopping(_) | ActError::Ended => 503,
            ActError::Folder(FolderError::Durable(DurableError::Full { .. })) => 507,
            ActError::Folder(_) => 500,
        }
    }

    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ActError::Body(_) => "invalid_body",
            ActError::Value { .. } => "invalid",
            ActError::Method(_) => "method_not_allowed",
            ActError::Busy(_) => "busy",
            ActError::Feed { .. } | ActError::Came => "feed",
            ActError::NoBuild { .. } => "no_such_build",
            ActError::Conflict { .. }
            | ActError::Folder(FolderError::Conflict { .. } | FolderError::Taken { .. }) => "conflict",
            ActError::Unfit { .. } => "unfit",
            ActError::NoCandidate => "no_candidate",
            ActError::NothingBefore { .. } | ActError::Folder(FolderError::NoGeneration { .. }) => {
                "no_such_generation"
            }
            ActError::Present(_) => "present",
            ActError::NotPinned(_) => "not_pinned",
            ActError::NotHeld { .. } => "not_held",
            ActError::NoService => "no_service",
            ActError::Stopping(_) | ActError::Ended => "stopping",
            ActError::Folder(FolderError::Durable(DurableError::Full { .. })) => "disk_full",
            ActError::Folder(_) => "folder",
        }
    }
}
