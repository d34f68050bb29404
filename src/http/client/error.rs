//! Why another server's administration gives no answer.

use std::path::PathBuf;

use hyper::StatusCode;

use super::Server;
use crate::http::TlsError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error(
        "cannot reach a server at {server}: {source}; start one with `ringside serve`, or say where it is: `--config FILE` with its configuration, or its address"
    )]
    Unreachable {
        /// Which.
        server: Server,
        /// What the system says.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{server}: expected an answer within {seconds} s, found none; is the server overloaded?")]
    Late {
        /// Which.
        server: Server,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection ended, or what came is no HTTP.
    #[error("{server}: expected an HTTP answer, found a fault: {message}; is it a Ringside?")]
    Broken {
        /// Which.
        server: Server,
        /// What is wrong with it.
        message: String,
    },
    /// It speaks TLS, but not to this client.
    #[error("{server}: expected TLS with a certificate for that name that leads to --ca, found {message}")]
    Handshake {
        /// Which.
        server: Server,
        /// What is wrong with it.
        message: String,
    },
    /// Nothing that was shown, or what was shown does not count.
    #[error(
        "{server}: {path}: {message}; commands show the key in --key-file FILE or in the variable RINGSIDE_KEY"
    )]
    Unauthorized {
        /// Who says so.
        server: Server,
        /// What was asked for, without the query.
        path: String,
        /// What it says.
        message: String,
    },
    /// Another status than 200.
    #[error("{server}: {path}: expected status 200, found {status}: {message}")]
    Refused {
        /// Who says so.
        server: Server,
        /// What was asked for, without the query.
        path: String,
        /// The status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
    /// https without anything to check the server by.
    #[error(
        "{server}: expected --ca FILE with https, found none; name the certificates that the server's leads to"
    )]
    NoCa {
        /// Which.
        server: Server,
    },
    /// The certificates of --ca.
    #[error(transparent)]
    Ca(#[from] TlsError),
    /// The key's file.
    #[error("{}: expected a file with one key, found {found}; write the key into it, and nothing else", file.display())]
    KeyFile {
        /// Which.
        file: PathBuf,
        /// What was found.
        found: String,
    },
    /// No runtime for the connection.
    #[error("cannot start a connection: {0}")]
    Runtime(std::io::Error),
}
