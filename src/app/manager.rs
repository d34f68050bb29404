//! What the service manager is told, where systemd or another one that speaks its protocol started the service.
//!
//! Everything here does nothing where nobody listens. A message that cannot be sent is logged and not sent again: the
//! service serves all the same.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::http::Hearts;

/// Pings within the time after which the manager gives the service up.
const PINGS: u32 = 4;

/// Everything is bound and served; also said when a reload has ended.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read anew. The moment tells the manager which `ready` ends this.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock to tell of a reload"),
    }
}

/// The service drains.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// One line for whoever asks the manager how the service is.
pub(super) fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// Whether anybody listens.
pub(super) fn is_listening() -> bool {
    socket().is_some()
}

fn socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET")
}

fn tell(states: &[NotifyState<'_>]) {
    let told = match socket()
        .as_ref()
        .and_then(|socket| socket.as_bytes().strip_prefix(b"@"))
    {
        Some(name) => tell_abstract(name, states),
        None => sd_notify::notify(states),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told how the service is");
    }
}

/// Tells a manager whose socket is no file, which the library cannot.
fn tell_abstract(name: &[u8], states: &[NotifyState<'_>]) -> io::Result<()> {
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(message.as_bytes(), &SocketAddr::from_abstract_name(name)?)?;
    Ok(())
}

/// Tells the manager again and again that the service lives, as long as it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watchdog {
    timeout: Duration,
}

impl Watchdog {
    /// What the manager asks for; `None` where it does not.
    pub(super) fn asked_for() -> Option<Watchdog> {
        sd_notify::watchdog_enabled().map(|timeout| Watchdog { timeout })
    }

    /// Time between two pings.
    pub(super) fn interval(self) -> Duration {
        (self.timeout / PINGS).max(Duration::from_millis(1))
    }

    /// Pings, unless a serving thread has not turned for half of the time that the manager allows: it is stuck, and
    /// nothing but a restart helps its callers.
    pub(super) fn ping(self, hearts: &Hearts) {
        if hearts.beat_within(self.timeout / 2) {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                "a serving thread is stuck; the service manager is not told that the service lives"
            );
        }
    }
}
