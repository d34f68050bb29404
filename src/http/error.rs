//! Why the server could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::access::Exposed;
use super::keys::KeysError;
use super::shadow::ShadowError;
use super::tls::TlsError;
use crate::metrics::MetricsError;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Somebody listens there.
    #[error(
        "{name}: expected {address} to be free, found it in use by another program or another Ringside; stop that one, or \
         configure another address (port 0 takes a free port)"
    )]
    InUse {
        /// The configuration's section.
        name: String,
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error(
        "{name}: cannot listen on {address}: {source}; configure an address of this machine that this user may use"
    )]
    Bind {
        /// The configuration's section.
        name: String,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// Somebody listens on the Unix socket.
    #[error("{name}: expected nobody to listen on {}, found someone who answers; stop that one, or configure another path", path.display())]
    UnixInUse {
        /// The configuration's section.
        name: String,
        /// The path.
        path: PathBuf,
    },
    /// The path is taken by something that is no socket.
    #[error("{name}: expected a socket or nothing at {}, found another kind of file; configure another path", path.display())]
    UnixTaken {
        /// The configuration's section.
        name: String,
        /// The path.
        path: PathBuf,
    },
    /// The Unix socket cannot be had.
    #[error("{name}: cannot listen on {}: {source}; configure a path in a folder that this user may write", path.display())]
    Unix {
        /// The configuration's section.
        name: String,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Nothing to listen on.
    #[error(
        "expected one listener with an address or a Unix socket at the least, found none; configure listener.main.address"
    )]
    NoListener,
    /// The system gives no thread or no runtime.
    #[error("cannot start a serving thread: {0}; raise the limits on threads and open files")]
    Thread(#[source] io::Error),
    /// Other machines would be answered whoever they are.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A listener's TLS.
    #[error("listener.{name}.tls: {source}")]
    Tls {
        /// The listener.
        name: String,
        /// What is wrong.
        source: TlsError,
    },
    /// A listener's shadow mode.
    #[error("listener.{name}.shadow.{source}")]
    Shadow {
        /// The listener.
        name: String,
        /// What is wrong.
        source: ShadowError,
    },
    /// What is measured is registered already.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
