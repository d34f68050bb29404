//! What keeps the load generator from measuring.

use std::io;

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A scenario is not as it should be.
    #[error("scenario {place}: {what}")]
    Scenario {
        /// Its name or file.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// A server is not installed.
    #[error("{server} is missing: {remedy}")]
    Missing {
        /// The server.
        server: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A server did not do what it was started for.
    #[error("{target}: {what}")]
    Target {
        /// The server.
        target: String,
        /// What it did.
        what: String,
    },
    /// The scenario needs what the target does not have.
    #[error("{act} needs a Ringside: --target ringside-tcp, ringside-unix or ringside-tls")]
    NotOfTarget {
        /// What it needs.
        act: &'static str,
    },
    /// A file or socket of this machine.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// `what` became of `target`.
    pub(crate) fn target(target: impl Into<String>, what: impl ToString) -> Error {
        Error::Target {
            target: target.into(),
            what: what.to_string(),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io(error) => error,
            error => io::Error::other(error),
        }
    }
}
