//! A worker: one thread, one runtime, its share of the connections.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Task;
use super::accept::{Terms, serve};
use super::bodies::Bodies;
use super::deadline::Watches;
use super::door::Door;
use super::error::HttpError;
use super::life::Life;
use super::meters::Meters;
use super::pulse::Pulse;
use super::service::{Answering, Shared};
use super::settings::{Policy, Settings};
use super::shadow::Connections;
use crate::ha::Standing;

/// Sockets that one look at them may find ready.
const EVENTS: usize = 4096;

/// Threads beside a worker's own, for names of upstreams and for comparisons: few, since cores are there for callers.
const BLOCKING: usize = 2;

/// What all workers have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) settings: Settings,
    pub(super) standing: Arc<Standing>,
    pub(super) meters: Arc<Meters>,
    pub(super) door: Arc<Door>,
    pub(super) bodies: Arc<Bodies>,
}

/// A worker's sockets, before it serves.
#[derive(Debug)]
pub(super) struct Worker {
    common: Common,
    pulse: Arc<Pulse>,
    tcp: Vec<(std::net::TcpListener, Arc<Shared>)>,
    unix: Vec<(std::os::unix::net::UnixListener, Arc<Shared>)>,
}

impl Worker {
    pub(super) fn new(common: &Common) -> Worker {
        Worker {
            common: common.clone(),
            pulse: Pulse::new(common.settings.overload_after),
            tcp: Vec::new(),
            unix: Vec::new(),
        }
    }

    pub(super) fn add_tcp(
        &mut self,
        listener: &str,
        socket: std::net::TcpListener,
        policy: &Arc<ArcSwap<Policy>>,
    ) {
        give_up_after(&socket, self.common.settings.write_timeout);
        let shared = self.shared(listener, policy);
        self.tcp.push((socket, shared));
    }

    pub(super) fn add_unix(
        &mut self,
        listener: &str,
        socket: std::os::unix::net::UnixListener,
        policy: &Arc<ArcSwap<Policy>>,
    ) {
        let shared = self.shared(listener, policy);
        self.unix.push((socket, shared));
    }

    /// What the worker's thread runs.
    ///
    /// # Errors
    /// Where the system gives no runtime.
    pub(super) fn into_task(self, life: Life) -> Result<Task, HttpError> {
        let runtime = self.runtime()?;
        let guard = runtime.enter();
        let tcp = self
            .tcp
            .into_iter()
            .map(|(socket, shared)| Ok((tokio::net::TcpListener::from_std(socket)?, shared)))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(HttpError::Thread)?;
        let unix = self
            .unix
            .into_iter()
            .map(|(socket, shared)| Ok((tokio::net::UnixListener::from_std(socket)?, shared)))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(HttpError::Thread)?;
        drop(guard);
        let Common {
            settings,
            standing,
            meters,
            door,
            ..
        } = self.common;
        let watches = Watches::new(settings.timeouts(), &meters, &standing);
        let terms = Terms {
            door,
            watches: Arc::clone(&watches),
            meters,
            heads: settings.heads(),
            drain: Duration::from_secs(settings.drain_s),
        };
        Ok(Box::new(move |stop| {
            runtime.block_on(life.lead(async move {
                let looking = tokio::spawn(watches.look());
                let mut listeners = JoinSet::new();
                for (socket, shared) in tcp {
                    let gate = Arc::clone(&shared);
                    let service = move |watch: &_, peer| Answering::new(&shared, watch, peer);
                    listeners.spawn(serve(socket, gate, service, terms.clone(), stop.clone()));
                }
                for (socket, shared) in unix {
                    let gate = Arc::clone(&shared);
                    let service = move |watch: &_, peer| Answering::new(&shared, watch, peer);
                    listeners.spawn(serve(socket, gate, service, terms.clone(), stop.clone()));
                }
                while listeners.join_next().await.is_some() {}
                looking.abort();
            }));
        }))
    }

    fn shared(&self, listener: &str, policy: &Arc<ArcSwap<Policy>>) -> Arc<Shared> {
        Arc::new(Shared {
            policy: Arc::clone(policy),
            meters: Arc::clone(&self.common.meters),
            connections: self.common.meters.connections(listener),
            bodies: Arc::clone(&self.common.bodies),
            pulse: Arc::clone(&self.pulse),
            heads: self.common.settings.heads(),
            upstream: Connections::default(),
        })
    }

    fn runtime(&self) -> Result<Runtime, HttpError> {
        let (parking, waking) = (Arc::clone(&self.pulse), Arc::clone(&self.pulse));
        Builder::new_current_thread()
            .enable_all()
            .max_io_events_per_tick(EVENTS)
            .max_blocking_threads(BLOCKING)
            .on_thread_park(move || parking.park())
            .on_thread_unpark(move || waking.wake())
            .build()
            .map_err(HttpError::Thread)
    }
}

/// Has the system end connections of `socket` whose other side has acknowledged nothing for `timeout`: a desktop that
/// was shut or lost its network says no goodbye, and what it is told would be sent again for a quarter of an hour.
/// Connections have it from the socket that they come in by.
fn give_up_after(socket: &std::net::TcpListener, timeout: Duration) {
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(timeout)) {
        tracing::warn!(%error, "desktops that vanish will be noticed late: this system sets no TCP_USER_TIMEOUT");
    }
}

/// A runtime on the thread that runs it.
pub(super) fn runtime() -> Result<Runtime, HttpError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HttpError::Thread)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_are_given_up_like_their_sockets() {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        give_up_after(&socket, Duration::from_secs(7));
        let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let (connection, _) = socket.accept().unwrap();
        let timeout = socket2::SockRef::from(&connection).tcp_user_timeout();
        assert_eq!(timeout.unwrap(), Some(Duration::from_secs(7)));
    }
}
