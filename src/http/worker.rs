//! A worker: one thread, one runtime, its share of the connections.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Task;
use super::accept::serve;
use super::error::HttpError;
use super::life::Life;
use super::meters::Meters;
use super::service::{Answering, Shared};
use super::settings::{Policy, Settings};

/// A worker's sockets, before it serves.
#[derive(Debug)]
pub(super) struct Worker {
    settings: Settings,
    meters: Arc<Meters>,
    tcp: Vec<(std::net::TcpListener, Arc<Shared>)>,
    unix: Vec<(std::os::unix::net::UnixListener, Arc<Shared>)>,
}

impl Worker {
    pub(super) fn new(settings: Settings, meters: &Arc<Meters>) -> Worker {
        Worker {
            settings,
            meters: Arc::clone(meters),
            tcp: Vec::new(),
            unix: Vec::new(),
        }
    }

    pub(super) fn add_tcp(&mut self, socket: std::net::TcpListener, policy: &Arc<ArcSwap<Policy>>) {
        let shared = self.shared(policy);
        self.tcp.push((socket, shared));
    }

    pub(super) fn add_unix(
        &mut self,
        socket: std::os::unix::net::UnixListener,
        policy: &Arc<ArcSwap<Policy>>,
    ) {
        let shared = self.shared(policy);
        self.unix.push((socket, shared));
    }

    /// What the worker's thread runs.
    ///
    /// # Errors
    /// Where the system gives no runtime.
    pub(super) fn into_task(self, life: Life) -> Result<Task, HttpError> {
        let runtime = runtime()?;
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
        let drain = Duration::from_secs(self.settings.drain_s);
        Ok(Box::new(move |stop| {
            runtime.block_on(life.lead(async move {
                let mut listeners = JoinSet::new();
                for (socket, shared) in tcp {
                    listeners.spawn(serve(
                        socket,
                        Arc::clone(&shared),
                        move |peer| Answering::new(&shared, peer),
                        stop.clone(),
                        drain,
                    ));
                }
                for (socket, shared) in unix {
                    listeners.spawn(serve(
                        socket,
                        Arc::clone(&shared),
                        move |peer| Answering::new(&shared, peer),
                        stop.clone(),
                        drain,
                    ));
                }
                while listeners.join_next().await.is_some() {}
            }));
        }))
    }

    fn shared(&self, policy: &Arc<ArcSwap<Policy>>) -> Arc<Shared> {
        Arc::new(Shared {
            policy: Arc::clone(policy),
            meters: Arc::clone(&self.meters),
            body_max_bytes: self.settings.body_max_bytes,
        })
    }
}

/// A runtime on the thread that runs it.
pub(super) fn runtime() -> Result<Runtime, HttpError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HttpError::Thread)
}
