//! From hyper's request to a call of a dialect, and from its reply to hyper's response.

use std::cell::{RefCell, RefMut};
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Method, Request, Response};
use prometheus::IntGauge;
use tokio_rustls::TlsAcceptor;

use super::access::{Denial, Denials};
use super::asked::Asked;
use super::bodies::{Bodies, Lost};
use super::changes;
use super::deadline::Watch;
use super::desk;
use super::gate::{Gate, Peer};
use super::head::Head;
use super::lane::AtOnce;
use super::meters::{Cut, Meters, Open, Overload};
use super::pulse::Pulse;
use super::reply::response;
use super::settings::{Heads, Policy};
use super::shadow::{Connections, Outgoing};
use super::tls::Tls;
use super::token;
use crate::callers::{Begun, Call, Native, Refusal, Reply, Spoken};

/// The longest body that is read of a request that is refused, in bytes: it may say that its sender reads no status.
const REFUSED_BODY_MAX: usize = 16 << 10;
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

    /// Empty, with room for most answers.
    fn buffer(&self) -> RefMut<'_, BytesMut> {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
        buffer.reserve(USUAL_BYTES);
        buffer
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let shared = &self.shared;
        let policy = shared.policy.load();
        let asked = Asked::of(&policy, &self.peer, &request);
        if let Some(vendor) = asked.vendor(&policy) {
            let (shared, watch) = (Arc::clone(shared), Arc::clone(&self.watch));
            let (policy, peer) = (policy.clone(), self.peer.clone());
            if let Some(shadow) = policy.shadow.clone() {
                // What the upstream is to be asked with, it gives.
                let dialect = vendor.dialect();
                let answer = shared.shadowed(policy, shadow, dialect, peer, request, watch);
                return Answer::Waiting(Box::pin(answer));
            }
            let answer = token::answer(shared, policy, peer, vendor, request, watch);
            return Answer::Waiting(Box::pin(answer));
        }
        if let Some(desk) = asked.page(&policy) {
            let found = match *request.method() {
                Method::GET | Method::HEAD => {
                    desk::files::answer(desk, asked.path(), asked.head.query, request.headers())
                }
                _ => None,
            };
            let response = found.unwrap_or_else(|| {
                let mut out = BytesMut::new();
                let reply = refused(&NO_SUCH_PATH, &mut out);
                response(&reply, out.freeze())
            });
            shared.meters.count(response.status().as_u16());
            self.watch.set_unread(!request.body().is_end_stream());
            return Answer::Ready(ready(Ok(response)));
        }
        if let Some(desk) = asked.desk(&policy) {
            let (desk, policy, peer) = (desk.clone(), policy.clone(), self.peer.clone());
            let (shared, watch) = (Arc::clone(shared), Arc::clone(&self.watch));
            return Answer::Waiting(Box::pin(desk::answer(shared, policy, desk, peer, request, watch)));
        }
        let (dialect, call) = (asked.dialect, asked.call());
        let has_body = !request.body().is_end_stream();
        let is_change = asked.pushes(&policy).is_some();
        let reads_body = is_change || has_body && dialect.is_some_and(|dialect| dialect.reads_body(&call));
        let mut buffer = self.buffer();
        let reply = if let Err(refusal) = shared.heads.check(&asked.head) {
            refuse(dialect, &call, &refusal, &mut buffer)
        } else if let Some((shadow, dialect)) = asked.shadow(&policy) {
            // Also where there is no time for lookups: another system answers.
            let shadow = shadow.clone();
            let (policy, peer, watch) = (policy.clone(), self.peer.clone(), Arc::clone(&self.watch));
            let shadowed = Arc::clone(shared).shadowed(policy, shadow, dialect, peer, request, watch);
            return Answer::Waiting(Box::pin(shadowed));
        } else if !reads_body {
            shared.answer_at_once(&policy, &self.peer, &asked, &mut buffer)
        } else if shared.pulse.is_late(dialect.and_then(Spoken::budget)) {
            shared.overloaded(Overload::Busy, dialect, &call, &mut buffer)
        } else {
            let denied = shared.denied(&policy, &self.peer, &asked);
            let checked = match denied {
                None => shared.bodies.check(request.body()),
                Some(_) => Ok(()),
            };
            match (checked, denied) {
                (Err(refusal), _) => refuse(dialect, &call, &refusal, &mut buffer),
                // A length that will not be read is not waited for either.
                (Ok(()), Some(denial)) if request.body().size_hint().lower() > REFUSED_BODY_MAX as u64 => {
                    deny(dialect, &call, &denial, &mut buffer)
                }
                (Ok(()), denied) => {
                    let (shared, watch, peer) =
                        (Arc::clone(shared), Arc::clone(&self.watch), self.peer.clone());
                    let policy = policy.clone();
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
            }
        };
        self.watch.set_unread(has_body);
        Answer::Ready(ready(Ok(shared.respond(&reply, &mut buffer))))
    }
}

impl AtOnce for Answering {
    fn answer_at_once(&self, head: Head<'_>, out: &mut BytesMut) -> Option<Reply> {
        let shared = &self.shared;
        let policy = shared.policy.load();
        let asked = Asked::new(&policy, &self.peer, head);
        let waits = policy.shadow.is_some()
            || asked.vendor(&policy).is_some()
            || asked.pushes(&policy).is_some()
            || asked.desk(&policy).is_some()
            || asked.page(&policy).is_some()
            || shared.heads.check(&asked.head).is_err();
        if waits {
            return None;
        }
        let reply = shared.answer_at_once(&policy, &self.peer, &asked, out);
        shared.meters.count(reply.status);
        Some(reply)
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
    /// Answers what is asked without a body, within the limits and outside of shadow mode.
    fn answer_at_once(&self, policy: &Policy, peer: &Peer, asked: &Asked<'_>, out: &mut BytesMut) -> Reply {
        let (dialect, call) = (asked.dialect, asked.call());
        if self.pulse.is_late(dialect.and_then(Spoken::budget)) {
            return self.overloaded(Overload::Busy, dialect, &call, out);
        }
        match self.denied(policy, peer, asked) {
            Some(denial) => deny(dialect, &call, &denial, out),
            None => dialect
                .and_then(|dialect| dialect.answer(&call, out))
                .unwrap_or_else(|| refused(&NO_SUCH_PATH, out)),
        }
    }

    /// Why `peer` may not make this request, which is counted; `None` where they may.
    fn denied(&self, policy: &Policy, peer: &Peer, asked: &Asked<'_>) -> Option<Denial> {
        let head = &asked.head;
        let denial = policy
            .access
            .check_route(peer, asked.route.as_ref(), head.query, head.offered)
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
        self.respond(&reply, &mut out)
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
            Ok(body) if asked.pushes(policy).is_some() => {
                let (method, query) = (asked.head.method, asked.head.query);
                // The room for it is held until it is durable.
                let lines = Bytes::copy_from_slice(body.bytes());
                match asked.pushes(policy) {
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
        self.respond(&reply, &mut out)
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

    pub(super) fn respond(&self, reply: &Reply, out: &mut BytesMut) -> Response<Outgoing> {
        self.meters.count(reply.status);
        response(reply, out.split().freeze())
    }
}

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
