//! A contact centre that is served, in this process, on addresses of its own.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ringside::http::{
    Access, Admin, Bound, Extra, HttpError, Listener, Policy, Readiness, Running, Server, Settings,
};

use crate::support::{BATCH_MAX, Centre};

pub(crate) const BODY_MAX: usize = 64 << 10;

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        workers: 2,
        body_max_bytes: BODY_MAX,
        drain_s: 20,
        batch_max: BATCH_MAX,
    }
}

pub(crate) fn listener(centre: &Centre, address: Option<SocketAddr>, unix: Option<PathBuf>) -> Listener {
    let policy = Policy::open(centre.native.clone());
    Listener {
        address,
        unix,
        ..Listener::new("main", policy)
    }
}

pub(crate) fn admin(centre: &Centre, readiness: &Arc<Readiness>, extra: Option<Extra>) -> Admin {
    Admin {
        address: any_port(),
        unix: None,
        tenant: Arc::clone(&centre.tenant),
        metrics: Arc::clone(&centre.metrics),
        lookups: Arc::clone(&centre.meters),
        readiness: Arc::clone(readiness),
        extra,
        access: Arc::default(),
    }
}

pub(crate) fn bind(centre: &Centre, listener: Listener) -> Result<Bound, HttpError> {
    let admin = admin(centre, &Arc::default(), None);
    Server::bind(settings(), vec![listener], admin, &centre.metrics)
}

/// The listener `name` on a free port, where `access` says who may ask.
pub(crate) fn guarded(centre: &Centre, name: &str, access: Access) -> Listener {
    let policy = Policy {
        access,
        ..Policy::open(centre.native.clone())
    };
    Listener {
        address: Some(any_port()),
        ..Listener::new(name, policy)
    }
}

/// Serves `listeners`, with an administration where `access` says who may do what.
pub(crate) fn serve_all(centre: &Centre, listeners: Vec<Listener>, access: Access) -> Running {
    let admin = Admin {
        access: Arc::new(Arc::new(access).into()),
        ..admin(centre, &Arc::default(), None)
    };
    Server::bind(settings(), listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap()
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
