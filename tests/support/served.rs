//! A contact centre that is served, in this process, on addresses of its own.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ringside::http::{
    Access, Admin, Bound, Extra, HttpError, Listener, Policy, Readiness, Running, Server, Settings,
};

use crate::support::{BATCH_MAX, Centre};

pub(crate) const BODY_MAX: usize = 64 << 10;
/// Far longer than any test takes.
const LONG: Duration = Duration::from_secs(300);

/// Keeps what servers of this process log, at the finest level, and says where; `tests/logged.rs` looks for people in it.
pub(crate) fn log_to_file() -> PathBuf {
    static BEGUN: OnceLock<PathBuf> = OnceLock::new();
    let begun = BEGUN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("logs");
        fs::create_dir_all(&folder).unwrap();
        let name = format!("{}-{}.log", env!("CARGO_CRATE_NAME"), std::process::id());
        let path = folder.join(name);
        let log = fs::File::create(&path).unwrap();
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        lines.with_ansi(false).with_writer(Mutex::new(log)).init();
        path
    });
    begun.clone()
}

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
    let policy = Policy::open(centre.native.clone());
    Listener {
        address,
        unix,
        ..Listener::new("main", policy)
    }
}

pub(crate) fn admin(centre: &Centre, readiness: &Arc<Readiness>, extra: Option<Extra>) -> Admin {
    log_to_file();
    Admin {
        address: any_port(),
        connections_max: 64,
        unix: None,
        tenant: Arc::clone(&centre.tenant),
        metrics: Arc::clone(&centre.metrics),
        lookups: Arc::clone(&centre.meters),
        readiness: Arc::clone(readiness),
        extra,
        access: Arc::default(),
        standing: Arc::default(),
        further: None,
    }
}

/// A server under `settings`.
pub(crate) fn serve_under(centre: &Centre, settings: Settings) -> Running {
    serve_listener_under(centre, listener(centre, Some(any_port()), None), settings)
}

/// A server of `listener` alone, under `settings`.
pub(crate) fn serve_listener_under(centre: &Centre, listener: Listener, settings: Settings) -> Running {
    let admin = admin(centre, &Arc::default(), None);
    Server::bind(settings, vec![listener], admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap()
}

pub(crate) fn bind(centre: &Centre, listener: Listener) -> Result<Bound, HttpError> {
    let admin = admin(centre, &Arc::default(), None);
    Server::bind(settings(), vec![listener], admin, &centre.metrics)
}

/// The listener `name` on a free port, where `access` says who may ask.
pub(crate) fn guarded(centre: &Centre, name: &str, access: Access) -> Listener {
    let policy = Policy {
        access,
        speakers: centre.speakers(),
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
