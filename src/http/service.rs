//! From hyper's request to a call of a dialect, and from its reply to hyper's response.

use std::borrow::Cow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::{ArcSwap, Guard};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode, Uri};
use prometheus::IntGauge;
use tokio_rustls::TlsAcceptor;

use super::access::{Denial, Denials};
use super::bodies::{Bodies, Lost};
use super::changes;
use super::deadline::Watch;
use super::gate::{Gate, Peer};
use super::meters::{Cut, Meters, Open, Overload};
use super::pulse::Pulse;
use super::settings::{Heads, Policy};
use super::shadow::{Connections, Outgoing, Shadow};
use super::tls::Tls;
use super::token;
use crate::callers::{Begun, Call, Dialect, Native, Need, Refusal, Reply, Route, Spoken, trimmed};
use crate::feed::Pushes;

/// The longest body that is read of a request that is refused, in bytes: it may say that its sender reads no status.
const REFUSED_BODY_MAX: usize = 16 << 10;
/// How a key may be shown.
const CHALLENGES: [&str; 2] = ["Bearer realm=\"ringside\"", "Basic realm=\"ringside\""];
/// Buffers that a large answer has grown beyond this are not kept.
const KEPT_BYTES: usize = 256 << 10;
/// Room for most answers, made in one step.
const USUAL_BYTES: usize = 4 << 10;

/// What all connections of a listener on one worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) meters: Arc<Meters>,
    pub(super) connections: IntGauge,
    pub(super) bodies: Arc<Bodies>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) heads: Heads,
    /// To what answers in shadow mode.
    pub(super) upstream: Connections,
}

/// Answers the requests of one connection. Its buffer is free again as soon as hyper has copied an answer out, so that
/// one buffer serves request after request.
#[derive(Debug)]
pub(super) struct Answering {
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    buffer: RefCell<BytesMut>,
    peer: Peer,
    _open: Open,
}

/// An answer that is ready, or waits for the request's body.
pub(super) enum Answer {
    Ready(Ready<Result<Response<Outgoing>, Infallible>>),
    Waiting(Pin<Box<dyn Future<Output = Response<Outgoing>> + Send>>),
}

impl Answering {
    pub(super) fn new(shared: &Arc<Shared>, watch: &Arc<Watch>, peer: Peer) -> Answering {
        Answering {
            shared: Arc::clone(shared),
            watch: Arc::clone(watch),
            buffer: RefCell::default(),
            peer,
            _open: Open::new(&shared.connections),
        }
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let shared = &self.shared;
        let policy = shared.policy.load();
        let vendor = token::Vendor::of(trimmed(request.uri().path()));
        if let Some(vendor) = vendor.filter(|vendor| policy.speakers.get(vendor.dialect()).is_some()) {
            let (shared, watch) = (Arc::clone(shared), Arc::clone(&self.watch));
            let (policy, peer) = (Guard::into_inner(policy), self.peer.clone());
            if let Some(shadow) = policy.shadow.clone() {
                // What the upstream is to be asked with, it gives.
                let dialect = vendor.dialect();
                let answer = shared.shadowed(policy, shadow, dialect, peer, request, watch);
                return Answer::Waiting(Box::pin(answer));
            }
            let answer = token::answer(shared, policy, peer, vendor, request, watch);
            return Answer::Waiting(Box::pin(answer));
        }
        let asked = Asked::of(&policy, &self.peer, &request);
        let (dialect, call) = (asked.dialect, asked.call());
        let has_body = !request.body().is_end_stream();
        let is_change = taken(&policy, &asked).is_some();
        let reads_body = is_change || has_body && dialect.is_some_and(|dialect| dialect.reads_body(&call));
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
        buffer.reserve(USUAL_BYTES);
        let reply = if let Err(refusal) = shared.heads.check(&request) {
            refuse(dialect, &call, &refusal, &mut buffer)
        } else if let Some((shadow, dialect)) = asked.shadow(&policy) {
            // Also where there is no time for lookups: another system answers.
            let shadow = shadow.clone();
            drop(asked);
            let (policy, peer, watch) = (
                Guard::into_inner(policy),
                self.peer.clone(),
                Arc::clone(&self.watch),
            );
            let shadowed = Arc::clone(shared).shadowed(policy, shadow, dialect, peer, request, watch);
            return Answer::Waiting(Box::pin(shadowed));
        } else if shared.pulse.is_late(dialect.and_then(Spoken::budget)) {
            shared.overloaded(Overload::Busy, dialect, &call, &mut buffer)
        } else {
            let denied = shared.denied(&policy, &self.peer, &request);
            let checked = match denied {
                None if reads_body => shared.bodies.check(request.body()),
                _ => Ok(()),
            };
            match (checked, denied) {
                (Err(refusal), _) => refuse(dialect, &call, &refusal, &mut buffer),
                // A length that will not be read is not waited for either.
                (Ok(()), Some(denial)) if request.body().size_hint().lower() > REFUSED_BODY_MAX as u64 => {
                    deny(dialect, &call, &denial, &mut buffer)
                }
                (Ok(()), denied) if reads_body => {
                    drop(asked);
                    let (shared, watch, peer) =
                        (Arc::clone(shared), Arc::clone(&self.watch), self.peer.clone());
                    let policy = Guard::into_inner(policy);
                    return Answer::Waiting(Box::pin(async move {
                        match denied {
                            Some(denial) => {
                                shared
                                    .deny_with_body(&policy, &peer, request, &denial, &watch)
                                    .await
                            }
                            None => shared.answer_with_body(&policy, &peer, request, &watch).await,
                        }
                    }));
                }
                (Ok(()), Some(denial)) => deny(dialect, &call, &denial, &mut buffer),
                (Ok(()), None) => dialect
                    .and_then(|dialect| dialect.answer(&call, &mut buffer))
                    .unwrap_or_else(|| refused(&NO_SUCH_PATH, &mut buffer)),
            }
        };
        self.watch.set_unread(has_body);
        Answer::Ready(ready(Ok(shared.respond(reply, &mut buffer))))
    }
}

impl Future for Answer {
    type Output = Result<Response<Outgoing>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Ready(ready) => Pin::new(ready).poll(context),
            Answer::Waiting(waiting) => waiting.as_mut().poll(context).map(Ok),
        }
    }
}

impl Gate for Shared {
    fn admits(&self, peer: &Peer) -> bool {
        self.policy.load().access.admits(peer)
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        self.policy.load().tls.as_ref().map(Tls::acceptor)
    }

    fn denials(&self) -> &Denials {
        &self.meters.denials
    }
}

impl Shared {
    /// Why `peer` may not make this request, which is counted; `None` where they may.
    fn denied<B>(&self, policy: &Policy, peer: &Peer, request: &Request<B>) -> Option<Denial> {
        let (path, query) = (trimmed(request.uri().path()), request.uri().query());
        let denial = policy
            .access
            .check(peer, path, query.unwrap_or_default(), request.headers())
            .err()?;
        self.meters.denials.note(&denial, peer, None);
        Some(denial)
    }

    /// Refuses `request` for `denial`, in the shape that its body may ask for.
    async fn deny_with_body(
        &self,
        policy: &Policy,
        peer: &Peer,
        request: Request<Incoming>,
        denial: &Denial,
        watch: &Watch,
    ) -> Response<Outgoing> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        let body = self.bodies.glance(body, REFUSED_BODY_MAX).await;
        watch.set_unread(body.is_none());
        let asked = Asked::of(policy, peer, &request);
        let call = Call {
            body: body.as_deref().unwrap_or_default(),
            ..asked.call()
        };
        let mut out = BytesMut::new();
        let reply = deny(asked.dialect, &call, denial, &mut out);
        self.respond(reply, &mut out)
    }

    async fn answer_with_body(
        &self,
        policy: &Policy,
        peer: &Peer,
        request: Request<Incoming>,
        watch: &Watch,
    ) -> Response<Outgoing> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        let asked = Asked::of(policy, peer, &request);
        let dialect = asked.dialect;
        let mut out = BytesMut::with_capacity(USUAL_BYTES);
        let call = |body| Call { body, ..asked.call() };
        let reply = match self.bodies.read(body).await {
            Ok(body) if self.pulse.is_late(dialect.and_then(Spoken::budget)) => {
                self.overloaded(Overload::Busy, dialect, &call(body.bytes()), &mut out)
            }
            Ok(body) if taken(policy, &asked).is_some() => {
                let (method, query) = (asked.method.as_str(), asked.uri.query().unwrap_or_default());
                // The room for it is held until it is durable.
                let lines = Bytes::copy_from_slice(body.bytes());
                match taken(policy, &asked) {
                    Some(pushes) => changes::answer(pushes, method, query, lines, &mut out).await,
                    None => refused(&NO_SUCH_PATH, &mut out),
                }
            }
            Ok(body) => {
                let call = call(body.bytes());
                let mut begun = dialect.and_then(|dialect| dialect.begin(&call, &mut out));
                let mut round = None;
                loop {
                    match begun {
                        None => break refused(&NO_SUCH_PATH, &mut out),
                        Some(Begun::Done(reply)) => break reply,
                        Some(Begun::Batch(batch)) => {
                            if batch.is_long() && round.is_none() {
                                round = self.pulse.begin_batch();
                                if round.is_none() {
                                    break self.overloaded(Overload::Busy, dialect, &call, &mut out);
                                }
                            }
                            if batch.has_begun() {
                                // Everybody who is ready goes first. Not so ahead of the first slice: what was
                                // accepted just now would wait behind all that is accepted meanwhile.
                                tokio::task::yield_now().await;
                                let _said_to_requests = self.pulse.is_late(None);
                            }
                            begun = Some(batch.resume(&mut out));
                        }
                    }
                }
            }
            Err(lost) => {
                watch.set_unread(true);
                match lost {
                    Lost::Refused(refusal) => refuse(dialect, &call(&[]), &refusal, &mut out),
                    Lost::Late(refusal) => {
                        self.meters.cut(Cut::Body);
                        refuse(dialect, &call(&[]), &refusal, &mut out)
                    }
                    Lost::NoRoom => self.overloaded(Overload::Bodies, dialect, &call(&[]), &mut out),
                }
            }
        };
        self.respond(reply, &mut out)
    }

    fn overloaded(
        &self,
        why: Overload,
        dialect: Option<&Spoken>,
        call: &Call<'_>,
        out: &mut BytesMut,
    ) -> Reply {
        self.meters.overload(why);
        match dialect {
            Some(dialect) => dialect.overloaded(call, out),
            None => refused(&Refusal::Overload, out),
        }
    }

    pub(super) fn respond(&self, reply: Reply, out: &mut BytesMut) -> Response<Outgoing> {
        self.meters.count(reply.status);
        response(reply, out.split().freeze())
    }
}

impl Heads {
    /// Whether the head of `request` is within the limits that hyper does not keep.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let uri = request.uri();
        let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
        if length > self.uri_max_bytes {
            return Err(Refusal::TargetTooLong {
                most: self.uri_max_bytes,
            });
        }
        let found = request.headers().len();
        if found > self.headers_max {
            return Err(Refusal::TooManyHeaders {
                most: self.headers_max,
                found,
            });
        }
        Ok(())
    }
}

/// What tells of Ringside itself, which no other system has.
const OUR_OWN: [&str; 2] = ["/openapi.json", "/3cx/template.xml"];
pub(super) const NO_SUCH_PATH: Refusal = Refusal::NoSuchPath { known: Native::PATHS };

fn refused(refusal: &Refusal, out: &mut BytesMut) -> Reply {
    out.clear();
    refusal.write(out)
}

/// Refuses `call` in the shape that its caller reads.
pub(super) fn refuse(
    dialect: Option<&Spoken>,
    call: &Call<'_>,
    refusal: &Refusal,
    out: &mut BytesMut,
) -> Reply {
    match dialect {
        Some(dialect) => dialect.refuse(call, refusal, out),
        None => refused(refusal, out),
    }
}

/// Refuses `call` for who it is of.
pub(super) fn deny(dialect: Option<&Spoken>, call: &Call<'_>, denial: &Denial, out: &mut BytesMut) -> Reply {
    dialect
        .and_then(|dialect| dialect.disabled(call, &denial.refusal(), out))
        .unwrap_or_else(|| denial.write(out))
}

/// Where the changes go that are posted to this path; `None` where it is another one, or nobody takes any here.
fn taken<'p>(policy: &'p Policy, asked: &Asked<'_>) -> Option<&'p Pushes> {
    let is_path = asked.dialect.is_some() && trimmed(asked.uri.path()) == changes::PATH;
    policy.pushes.as_ref().filter(|_| is_path)
}

/// What a request's head asks, and of which dialect.
pub(super) struct Asked<'r> {
    /// `None` where the listener does not speak it.
    pub(super) dialect: Option<&'r Spoken>,
    is_secure: bool,
    method: &'r Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
    diversion: Option<Cow<'r, str>>,
}

impl<'r> Asked<'r> {
    pub(super) fn of<B>(policy: &'r Policy, peer: &Peer, request: &'r Request<B>) -> Asked<'r> {
        // A path of nobody's gets the native dialect's error.
        let dialect = Route::of(trimmed(request.uri().path())).map_or(Dialect::Native, |route| route.dialect);
        Asked {
            dialect: policy.speakers.get(dialect),
            is_secure: policy.tls.is_some() && peer.is_remote(),
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            diversion: diversion(request.headers()),
        }
    }

    /// Without its body.
    pub(super) fn call(&self) -> Call<'_> {
        let content_type = self.headers.get(CONTENT_TYPE);
        Call {
            method: self.method.as_str(),
            path: self.uri.path(),
            query: self.uri.query().unwrap_or_default(),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            host: self.host(),
            is_secure: self.is_secure,
            diversion: self.diversion.as_deref(),
            body: &[],
        }
    }
}

impl<'r> Asked<'r> {
    /// The shadow mode that a lookup is answered in, and its dialect; `None` for what Ringside answers in any case.
    fn shadow<'p>(&self, policy: &'p Policy) -> Option<(&'p Shadow, Dialect)> {
        let shadow = policy.shadow.as_ref()?;
        let path = trimmed(self.uri.path());
        let route = Route::of(path).filter(|_| !OUR_OWN.contains(&path))?;
        (self.dialect.is_some() && route.need == Need::Lookup).then_some((shadow, route.dialect))
    }

    /// Where the caller has reached us, as it says itself.
    fn host(&self) -> Option<&'r str> {
        let header = || self.headers.get(HOST).and_then(|value| value.to_str().ok());
        self.uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(header)
    }
}

/// The header `Diversion`; one that has several lines, which SIP allows, as one list.
fn diversion(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    // Display names may be in any language, which `to_str` would refuse.
    let mut lines = headers
        .get_all("diversion")
        .iter()
        .filter_map(|value| str::from_utf8(value.as_bytes()).ok());
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |list, line| {
        Cow::Owned(format!("{list},{line}"))
    }))
}

/// The response that `reply` and its body make.
pub(super) fn response(reply: Reply, body: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::from(body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // Who is calling may change with the next call.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = reply.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if reply.status == 401 {
        for scheme in CHALLENGES {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
    if let Some(location) = reply
        .location
        .and_then(|location| HeaderValue::from_str(&location).ok())
    {
        headers.insert(LOCATION, location);
    }
    for (name, value) in reply.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
