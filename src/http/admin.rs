//! Administration: health, metrics and status, on a thread of its own.

mod authority;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Method, Request, Response};
use serde_json::json;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_rustls::TlsAcceptor;

use super::accept::{Terms, serve};
use super::access::{Access, Denials};
use super::bodies::Bodies;
use super::deadline::Watches;
use super::door::Door;
use super::error::HttpError;
use super::gate::{Gate, Peer};
use super::gauges::Gauges;
use super::head::Head;
use super::lane::AtOnce;
use super::life::Life;
use super::listener::{self, Local, UnixPath};
use super::meters::Meters;
use super::readiness::Readiness;
use super::reply::response;
use super::settings::Policy;
use super::shadow::Outgoing;
use super::status::{Rates, Status};
use super::worker::{Common, runtime};
use super::{Metrics, Task};
use crate::callers::{self, Call, Refusal, Reply};
use crate::ha::{Role, Standing, Vrrp};
use crate::replica::freshness::Reading;
use crate::tenant::Tenant;

/// Time that a scrape in progress has when the server stops.
const DRAIN: Duration = Duration::from_secs(1);
/// The longest body of an act, in bytes, and the time in which it has to arrive.
const BODY_MAX_BYTES: usize = 1 << 20;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of the body of an act that is refused, in bytes: as much as clients send, so that they see the refusal.
const REFUSED_BODY_MAX: usize = 16 << 10;
/// Who may connect to the Unix socket: the user who runs the service, as with the folder that it stands in.
const MODE: u32 = 0o600;
const KNOWN: &str = "/livez, /readyz, /electable, /metrics, /status, /explain, /generations, /reload, /reload-keys, /shadow, /outbox, /role, /active, /handover";
/// Where keepalived's word goes, and where the whole state of calls comes from, which may take its time.
const ROLE: &str = "/role";
const CALLS: &str = "/calls/state";
/// The act that has the file of keys read again.
const RELOAD_KEYS: &str = "/reload-keys";

/// Further pages of the administration; `None` where the path is none of them. A `GET` is answered on the
/// administration's thread and must be quick; a `POST`, an act, runs on a thread of its own and may take its time.
pub type Extra = Arc<dyn Fn(&Call<'_>) -> Option<Page> + Send + Sync>;

/// A page of the administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The body's content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// What the administration shows, and where.
pub struct Admin {
    /// TCP address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The most connections at once, 1–10 000: of its own, so that callers cannot take them.
    pub connections_max: usize,
    /// Path of a Unix socket for the user who runs the service.
    pub unix: Option<PathBuf>,
    /// Whose status is shown.
    pub tenant: Arc<Tenant>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// Lookups, for rates and latencies.
    pub lookups: Arc<callers::Meters>,
    /// Set by whoever maps snapshots.
    pub readiness: Arc<Readiness>,
    /// Pages of others, asked after our own.
    pub extra: Option<Extra>,
    /// Who may see what over TCP; everything is allowed over the Unix socket.
    pub access: Arc<ArcSwap<Access>>,
    /// How this node stands in its pair: what `/electable` says of it, and whether callers are asked to connect anew.
    pub standing: Arc<Standing>,
    /// What others have to say in `/status`.
    pub further: Option<Further>,
}

/// Further members of `/status`, as of now.
pub type Further = Arc<dyn Fn() -> serde_json::Map<String, serde_json::Value> + Send + Sync>;

/// An administration that is bound and not served yet.
#[derive(Debug)]
pub(super) struct Bound {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
    unix: Option<(UnixPath, UnixListener)>,
    common: Common,
    pages: Arc<Pages>,
}

struct Pages {
    admin: Admin,
    locals: Vec<Local>,
    policies: Vec<(String, Arc<ArcSwap<Policy>>)>,
    meters: Arc<Meters>,
    door: Arc<Door>,
    bodies: Arc<Bodies>,
    begun: Instant,
    rates: Mutex<Rates>,
    gauges: Gauges,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.admin.fmt(f)
    }
}

impl Admin {
    pub(super) fn bind(
        self,
        locals: Vec<Local>,
        policies: Vec<(String, Arc<ArcSwap<Policy>>)>,
        common: &Common,
        metrics: &Metrics,
    ) -> Result<Bound, HttpError> {
        let (address, sockets) = listener::tcp("admin", self.address, 1)?;
        let unix = self.unix.clone();
        let unix = unix.map(|path| listener::unix("admin", path, MODE)).transpose()?;
        let gauges = Gauges::register(metrics)?;
        Ok(Bound {
            address,
            sockets,
            unix,
            common: common.clone(),
            pages: Arc::new(Pages {
                admin: self,
                locals,
                policies,
                meters: Arc::clone(&common.meters),
                door: Arc::clone(&common.door),
                bodies: Arc::clone(&common.bodies),
                begun: Instant::now(),
                rates: Mutex::default(),
                gauges,
            }),
        })
    }
}

impl Bound {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.pages.admin.readiness)
    }

    /// What the administration's thread runs.
    ///
    /// # Errors
    /// Where the system gives no runtime.
    pub(super) fn into_task(self, life: Life) -> Result<Task, HttpError> {
        let runtime = runtime()?;
        let guard = runtime.enter();
        let sockets = self
            .sockets
            .into_iter()
            .map(tokio::net::TcpListener::from_std)
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(HttpError::Thread)?;
        let (path, unix) = self.unix.unzip();
        let unix = unix
            .map(tokio::net::UnixListener::from_std)
            .transpose()
            .map_err(HttpError::Thread)?;
        drop(guard);
        let pages = self.pages;
        let Common { settings, meters, .. } = self.common;
        let watches = Watches::new(settings.timeouts(), &meters, &Arc::default());
        let terms = Terms {
            door: Door::new(pages.admin.connections_max, 0),
            watches: Arc::clone(&watches),
            meters,
            heads: settings.heads(),
            drain: DRAIN,
        };
        Ok(Box::new(move |stop| {
            runtime.block_on(life.lead(async move {
                let looking = tokio::spawn(watches.look());
                let sampling = tokio::spawn(sample(Arc::clone(&pages)));
                let mut listeners = JoinSet::new();
                let gate = Arc::clone(&pages);
                let service = move |_: &_, peer| Administering(Arc::clone(&pages), peer);
                for socket in sockets {
                    let (gate, terms) = (Arc::clone(&gate), terms.clone());
                    listeners.spawn(serve(socket, gate, service.clone(), terms, stop.clone()));
                }
                if let Some(unix) = unix {
                    listeners.spawn(serve(unix, gate, service, terms, stop));
                }
                while listeners.join_next().await.is_some() {}
                sampling.abort();
                looking.abort();
            }));
            drop(path);
        }))
    }
}

/// Notes how many lookups there were, every second.
async fn sample(pages: Arc<Pages>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        pages
            .rates()
            .note(Instant::now(), pages.admin.lookups.all_lookups());
    }
}

struct Administering(Arc<Pages>, Peer);

impl AtOnce for Administering {
    /// Nothing: nobody is in a hurry here.
    fn answer_at_once(&self, _: Head<'_>, _: &mut BytesMut) -> Option<Reply> {
        None
    }
}

impl Service<Request<Incoming>> for Administering {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (pages, peer) = (Arc::clone(&self.0), self.1.clone());
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let head = Arc::new(head);
            let visitor = authority::check(&pages.admin.access.load(), &peer, &head);
            let is_act = head.method == Method::POST;
            let page = match &visitor {
                Err(denial) => {
                    pages.meters.denials.note(denial, &peer, None);
                    if is_act {
                        let _whatever = whole(body, REFUSED_BODY_MAX).await;
                    }
                    let mut out = BytesMut::new();
                    let reply = denial.write(&mut out);
                    (reply, out.freeze())
                }
                Ok(_) if is_act => match whole(body, BODY_MAX_BYTES).await {
                    // keepalived's word waits for nothing, also where acts take all threads for them.
                    Ok(body) if head.uri.path() == ROLE => pages.page(&head, &body),
                    Ok(body) => {
                        let head = Arc::clone(&head);
                        spawn_blocking(move || pages.page(&head, &body))
                            .await
                            .unwrap_or_else(|_| refused(&Refusal::Internal))
                    }
                    Err(refusal) => refused(&refusal),
                },
                Ok(_) if head.uri.path() == CALLS => {
                    let head = Arc::clone(&head);
                    spawn_blocking(move || pages.page(&head, &[]))
                        .await
                        .unwrap_or_else(|_| refused(&Refusal::Internal))
                }
                Ok(_) => pages.page(&head, &[]),
            };
            if is_act {
                authority::audit(&head, &peer, visitor.as_ref().ok(), page.0.status);
            }
            Ok(response(&page.0, page.1))
        })
    }
}

impl Gate for Pages {
    fn admits(&self, peer: &Peer) -> bool {
        self.admin.access.load().admits(peer)
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        None
    }

    fn denials(&self) -> &Denials {
        &self.meters.denials
    }
}

/// All of an act's body, `most` bytes.
async fn whole(body: Incoming, most: usize) -> Result<Bytes, Refusal> {
    let body = Limited::new(body, most).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::TooLarge { most }),
        Ok(Err(_)) => Err(Refusal::Body {
            expected: "a whole body",
            found: "a part of one".to_owned(),
        }),
        Err(_) => Err(Refusal::TooSlow { within: BODY_TIMEOUT }),
    }
}

/// Whether this node may have the address, and what a watchdog wants to know besides.
fn elected(readiness: &Readiness, standing: &Standing) -> (bool, serde_json::Value) {
    let mut reasons = readiness.unelectable();
    let is_yielding = standing.is_yielding();
    if is_yielding {
        reasons.push("handing over");
    }
    let electable = reasons.is_empty();
    let role = standing.role();
    let mut body = json!({"electable": electable, "role": role.as_str(), "reasons": reasons});
    if role != Role::Alone {
        body["vrrp"] = standing.vrrp().map(Vrrp::as_str).into();
        body["yielding"] = is_yielding.into();
    }
    (electable, body)
}

fn refused(refusal: &Refusal) -> (Reply, Bytes) {
    let mut out = BytesMut::new();
    let reply = refusal.write(&mut out);
    (reply, out.freeze())
}

impl Pages {
    fn page(&self, head: &Parts, body: &[u8]) -> (Reply, Bytes) {
        let call = Call {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            content_type: head
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok()),
            body,
            ..Call::default()
        };
        self.answer(&call).unwrap_or_else(|refusal| refused(&refusal))
    }

    fn answer(&self, call: &Call<'_>) -> Result<(Reply, Bytes), Refusal> {
        let path = call.trimmed_path();
        if authority::OPEN.contains(&path) && !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        if path == RELOAD_KEYS {
            return match call.method {
                "POST" => Ok(self.reload_keys()),
                _ => Err(Refusal::Method { allow: "POST" }),
            };
        }
        let admin = &self.admin;
        let freshness = admin.tenant.freshness.now(Instant::now());
        if freshness.caught_up && freshness.age_ms.is_some() {
            // Without a snapshot, everything that a feed has delivered is as good as one.
            admin.readiness.set_mapped();
        }
        let troubles = admin.tenant.freshness.troubles();
        let reasons = admin.readiness.reasons(&freshness, &troubles);
        let (status, body) = match path {
            "/livez" => (200, json!({"alive": true})),
            "/readyz" => {
                let ready = reasons.is_empty();
                (
                    if ready { 200 } else { 503 },
                    json!({"ready": ready, "reasons": reasons}),
                )
            }
            "/electable" => {
                let (electable, body) = elected(&admin.readiness, &admin.standing);
                (if electable { 200 } else { 503 }, body)
            }
            "/status" => {
                let status = Status {
                    role: admin.standing.role(),
                    tenant: &admin.tenant,
                    lookups: &admin.lookups,
                    locals: &self.locals,
                    door: &self.door,
                    bodies: &self.bodies,
                    freshness: &freshness,
                    troubles: &troubles,
                    reasons: &reasons,
                    uptime: self.begun.elapsed(),
                    counted: &|name| admin.metrics.sum(name),
                };
                let mut status = status.to_json(&self.rates());
                if let (Some(members), Some(further)) = (status.as_object_mut(), &admin.further) {
                    members.extend(further());
                }
                (200, status)
            }
            "/metrics" => return self.metrics(&freshness, reasons.is_empty()),
            _ => {
                let page = admin.extra.as_ref().and_then(|extra| extra(call));
                let page = page.ok_or(Refusal::NoSuchPath { known: KNOWN })?;
                let reply = Reply {
                    content_type: page.content_type,
                    ..Reply::json(page.status)
                };
                return Ok((reply, page.body.into()));
            }
        };
        Ok((Reply::json(status), body.to_string().into()))
    }

    fn reload_keys(&self) -> (Reply, Bytes) {
        let access = self.admin.access.load();
        let (status, body) = match access.keys.reload() {
            Ok(count) => {
                tracing::info!(keys = count, "the keys were read again");
                (200, json!({"keys": count, "file": access.keys.file()}))
            }
            Err(error) => {
                tracing::error!(%error, "the keys stay as they were");
                let message = format!("{error}; the keys stay as they were");
                (
                    409,
                    json!({"error": {"code": "keys_unreadable", "message": message}}),
                )
            }
        };
        (Reply::json(status), body.to_string().into())
    }

    fn metrics(&self, freshness: &Reading, ready: bool) -> Result<(Reply, Bytes), Refusal> {
        self.gauges.set(&self.admin.tenant.index, freshness, ready);
        self.gauges.set_tls(&self.policies);
        let text = self.admin.metrics.encode_text().map_err(|error| {
            tracing::error!(%error, "the metrics could not be written");
            Refusal::Internal
        })?;
        let reply = Reply {
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            ..Reply::json(200)
        };
        Ok((reply, text.into()))
    }

    fn rates(&self) -> std::sync::MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
