//! The server: sockets, threads, limits, errors to statuses, administration, draining. Knows no customers.
//!
//! One OS thread for each worker, with a runtime of its own and a listening socket of its own for each TCP address, so
//! that a request is read, answered and written on one core. Administration has its own thread too: a health check is
//! answered while the workers are busy, and has its own share of connections. What strangers can take of connections,
//! time, memory and turns is bounded: `door` connections, `deadline` time, `bodies` memory, `pulse` the work that is
//! accepted. Invariants: everything is bound before anything is served; a request that was
//! read is answered, also while the server drains, within the time that it is given; every thread is joined by
//! [`Running`].

mod accept;
mod access;
mod admin;
mod asked;
mod bodies;
mod changes;
pub mod client;
mod connection;
mod deadline;
mod desk;
mod door;
mod ending;
mod error;
mod files;
mod gadget;
mod gate;
mod gauges;
mod head;
mod keys;
mod lane;
mod life;
mod listener;
mod meters;
mod pulse;
mod readiness;
mod reply;
mod service;
mod settings;
mod shadow;
mod status;
mod target;
mod tls;
mod token;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use access::{
    Access, Activity, Agent, Ceiling, Demand, DialectKeys, Exposed, Identity, Need, Network, Scope, Sources,
};
pub use admin::{Admin, Extra, Further, Page};
pub use desk::{Desk, PopOn, Profile, ProfileSettings, Profiles};
pub use error::HttpError;
pub use keys::{Chosen, Key, Keyring, Keys, KeysError, Rejected, Token, edit as edit_keys, now_s};
pub use life::Hearts;
pub use listener::ShortPath;
pub use readiness::Readiness;
pub use settings::{Listener, Policy, Settings};
pub use shadow::{Plan, Shadow, ShadowError, ShadowSettings, Shadows};
use tls::is_open_to_others;
pub use tls::{Tls, TlsError, TlsFiles, trusting};

use crate::metrics::Metrics;
use bodies::Bodies;
use door::Door;
use ending::{Ending, Ends};
use life::Life;
use listener::{Local, Sockets};
use meters::Meters;
use worker::{Common, Worker};

/// Makes servers.
#[derive(Debug, Clone, Copy)]
pub struct Server;

/// Sockets that are bound and not served yet; callers that connect already wait.
#[derive(Debug)]
pub struct Bound {
    common: Common,
    sockets: Vec<Sockets>,
    admin: admin::Bound,
}

/// A server that serves. Dropping it drains it.
#[derive(Debug)]
pub struct Running {
    locals: Vec<Local>,
    admin: SocketAddr,
    readiness: Arc<Readiness>,
    workers: Stoppable,
    administration: Stoppable,
    hearts: Arc<Hearts>,
    cut: Cut,
    /// Unlinked when the server stops.
    unix: Vec<listener::UnixPath>,
}

/// Ends a drain at once: connections that are still open are cut.
#[derive(Debug, Clone)]
pub struct Cut(watch::Sender<bool>);

/// Ends the connections of callers and desktops that there are, each behind what it was asked, and the streams; those who
/// connect from then on are served.
#[derive(Debug, Clone)]
pub struct SendingAway(Ends);

/// Threads and how to end them.
#[derive(Debug)]
struct Stoppable {
    ends: Ends,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds every socket of `listeners` and the one of `admin`, and registers what is measured.
    ///
    /// # Errors
    /// The first address or path that cannot be had, with what to do about it.
    pub fn bind(
        settings: Settings,
        listeners: Vec<Listener>,
        admin: Admin,
        metrics: &Metrics,
    ) -> Result<Bound, HttpError> {
        let meters = Arc::new(Meters::register(metrics)?);
        let workers = settings.worker_count();
        let sockets = listeners
            .into_iter()
            .map(|listener| Sockets::bind(listener, workers))
            .collect::<Result<Vec<_>, _>>()?;
        if sockets.iter().all(|sockets| sockets.locals().is_empty()) {
            return Err(HttpError::NoListener);
        }
        let locals = sockets.iter().flat_map(Sockets::locals).collect();
        let policies = sockets.iter().map(Sockets::policy).collect();
        let limit = files::raised_limit();
        let connections_max = files::connections_max(settings.connections_max, admin.connections_max, limit);
        let common = Common {
            settings,
            standing: Arc::clone(&admin.standing),
            meters,
            door: Door::new(connections_max, settings.connections_per_peer_max),
            bodies: Bodies::new(
                settings.bodies_max_mib << 20,
                settings.body_max_bytes,
                settings.body_timeout,
            ),
        };
        let admin = admin.bind(locals, policies, &common, metrics)?;
        Ok(Bound {
            common,
            sockets,
            admin,
        })
    }
}

impl Bound {
    /// The TCP address that the listener `name` got; port 0 has become a real one.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        address(
            &self.sockets.iter().flat_map(Sockets::locals).collect::<Vec<_>>(),
            name,
        )
    }

    /// The Unix sockets that are bound, with their listeners' names.
    pub fn unix_paths(&self) -> Vec<(String, PathBuf)> {
        let locals = self.sockets.iter().flat_map(Sockets::locals);
        locals
            .filter_map(|local| Some((local.name, local.unix?)))
            .collect()
    }

    /// The address of the administration.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves.
    ///
    /// # Errors
    /// Where the system gives no thread or no runtime.
    pub fn spawn(self) -> Result<Running, HttpError> {
        let locals: Vec<Local> = self.sockets.iter().flat_map(Sockets::locals).collect();
        let admin = self.admin.address();
        let readiness = self.admin.readiness();
        let count = self.common.settings.worker_count();
        let mut workers: Vec<Worker> = (0..count).map(|_| Worker::new(&self.common)).collect();
        let mut unix = Vec::new();
        for sockets in self.sockets {
            unix.extend(sockets.share(&mut workers)?);
        }
        let hearts = Arc::new(Hearts::new(count + 1));
        let (cut, _) = watch::channel(false);
        let life = |nth| Life::new(&hearts, nth, &cut);
        let administration = vec![("admin".to_owned(), self.admin.into_task(life(count))?)];
        let administration = Stoppable::spawn(administration)?;
        let tasks = workers
            .into_iter()
            .enumerate()
            .map(|(nth, worker)| Ok((format!("worker-{nth}"), worker.into_task(life(nth))?)))
            .collect::<Result<Vec<_>, HttpError>>()?;
        Ok(Running {
            locals,
            admin,
            readiness,
            workers: Stoppable::spawn(tasks)?,
            administration,
            hearts,
            cut: Cut(cut),
            unix,
        })
    }
}

impl Running {
    /// The TCP address of the listener `name`.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        address(&self.locals, name)
    }

    /// Where every listener listens, as a person writes it: `http://127.0.0.1:7464`, `unix:/run/ringside.sock`.
    pub fn addresses(&self) -> Vec<String> {
        let tcp = self.locals.iter().filter_map(|local| {
            let scheme = if local.is_tls { "https" } else { "http" };
            Some(format!("{scheme}://{}", local.address?))
        });
        let unix = self
            .locals
            .iter()
            .filter_map(|local| Some(format!("unix:{}", local.unix.as_ref()?.display())));
        tcp.chain(unix).collect()
    }

    /// The address of the administration.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The hearts of the threads that serve.
    pub fn hearts(&self) -> &Arc<Hearts> {
        &self.hearts
    }

    /// What ends a drain at once.
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// The names of the listeners, in the order of [`Running::addresses`].
    pub fn names(&self) -> Vec<&str> {
        let tcp = self.locals.iter().filter(|local| local.address.is_some());
        let unix = self.locals.iter().filter(|local| local.unix.is_some());
        tcp.chain(unix).map(|local| local.name.as_str()).collect()
    }

    /// What sends away whoever is connected, and lets others connect.
    pub fn sending_away(&self) -> SendingAway {
        SendingAway(self.workers.ends.clone())
    }

    /// Takes no more connections, finishes the requests that are open within the configured time, and ends. The
    /// administration answers until then, and says that the server is not ready.
    pub fn drain(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.readiness.drain();
        self.unix.clear();
        self.workers.end();
        self.administration.end();
    }
}

impl Cut {
    /// Cuts every connection, now or as soon as it is made.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

impl SendingAway {
    /// Sends away whoever is connected.
    pub fn now(&self) {
        self.0.send_away();
    }
}

/// What a thread runs until it is told to stop.
type Task = Box<dyn FnOnce(Ending) + Send>;

impl Stoppable {
    fn spawn(tasks: Vec<(String, Task)>) -> Result<Stoppable, HttpError> {
        let (ends, ending) = Ends::new();
        let mut stoppable = Stoppable {
            ends,
            threads: Vec::with_capacity(tasks.len()),
        };
        for (name, task) in tasks {
            let ending = ending.clone();
            let spawned = std::thread::Builder::new().name(name).spawn(move || task(ending));
            match spawned {
                Ok(thread) => stoppable.threads.push(thread),
                Err(source) => {
                    stoppable.end();
                    return Err(HttpError::Thread(source));
                }
            }
        }
        Ok(stoppable)
    }

    fn end(&mut self) {
        self.ends.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a serving thread ended in a panic; what it said stands above");
            }
        }
    }
}

fn address(locals: &[Local], name: &str) -> Option<SocketAddr> {
    locals
        .iter()
        .find(|local| local.name == name)
        .and_then(|local| local.address)
}
