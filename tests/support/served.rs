//! A contact centre that is served, in this process, on addresses of its own.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringside::http::{
    Admin, Bound, Extra, HttpError, Listener, Policy, Readiness, Running, Server, Settings,
};

use crate::support::{BATCH_MAX, Centre};

pub(crate) const BODY_MAX: usize = 64 << 10;
/// Far longer than any test takes.
const LONG: Duration = Duration::from_secs(300);

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        workers: 2,
        head_max_bytes: 16 << 10,
        headers_max: 64,
        uri_max_bytes: 8 << 10,
        body_max_bytes: BODY_MAX,
        bodies_max_mib: 64,
        batch_max: BATCH_MAX,
        head_timeout: LONG,
        body_timeout: LONG,
        idle_timeout: LONG,
        write_timeout: LONG,
        connections_max: 1000,
        connections_per_peer_max: 0,
        // A busy machine must not refuse what a test asks for.
        overload_after: LONG,
        drain_s: 20,
    }
}

pub(crate) fn listener(centre: &Centre, address: Option<SocketAddr>, unix: Option<PathBuf>) -> Listener {
    let policy = Policy {
        native: centre.native.clone(),
    };
    Listener {
        address,
        unix,
        ..Listener::new("main", policy)
    }
}

pub(crate) fn admin(centre: &Centre, readiness: &Arc<Readiness>, extra: Option<Extra>) -> Admin {
    Admin {
        address: any_port(),
        connections_max: 64,
        unix: None,
        tenant: Arc::clone(&centre.tenant),
        metrics: Arc::clone(&centre.metrics),
        lookups: Arc::clone(&centre.meters),
        readiness: Arc::clone(readiness),
        extra,
    }
}

/// A server under `settings`.
pub(crate) fn serve_under(centre: &Centre, settings: Settings) -> Running {
    let listeners = vec![listener(centre, Some(any_port()), None)];
    let admin = admin(centre, &Arc::default(), None);
    Server::bind(settings, listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap()
}

pub(crate) fn bind(centre: &Centre, listener: Listener) -> Result<Bound, HttpError> {
    let admin = admin(centre, &Arc::default(), None);
    Server::bind(settings(), vec![listener], admin, &centre.metrics)
}

pub(crate) fn serve(centre: &Centre) -> Running {
    bind(centre, listener(centre, Some(any_port()), None))
        .unwrap()
        .spawn()
        .unwrap()
}

pub(crate) fn address(running: &Running) -> SocketAddr {
    running.address("main").unwrap()
}
