//! From hyper's request to a call of a dialect, and from its reply to hyper's response.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode, Uri};
use prometheus::IntGauge;

use super::bodies::{Bodies, Lost};
use super::deadline::Watch;
use super::meters::{Cut, Meters, Open, Overload};
use super::pulse::Pulse;
use super::settings::{Heads, Policy};
use crate::callers::{Begun, Call, Native, Refusal, Reply};

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
}

/// Answers the requests of one connection. Its buffer is free again as soon as hyper has copied an answer out, so that
/// one buffer serves request after request.
#[derive(Debug)]
pub(super) struct Answering {
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    buffer: RefCell<BytesMut>,
    _open: Open,
}

/// An answer that is ready, or waits for the request's body.
pub(super) enum Answer {
    Ready(Ready<Result<Response<Full<Bytes>>, Infallible>>),
    Waiting(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>),
}

impl Answering {
    pub(super) fn new(shared: &Arc<Shared>, watch: &Arc<Watch>) -> Answering {
        Answering {
            shared: Arc::clone(shared),
            watch: Arc::clone(watch),
            buffer: RefCell::default(),
            _open: Open::new(&shared.connections),
        }
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let shared = &self.shared;
        let policy = shared.policy.load();
        let native = &policy.native;
        let call = call_of(request.method(), request.uri(), request.headers(), &[]);
        let has_body = !request.body().is_end_stream();
        let reads_body = has_body && native.reads_body(&call);
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
        buffer.reserve(USUAL_BYTES);
        // Whoever may not ask is refused here, from the head alone.
        let checked = shared.heads.check(&request).and_then(|()| {
            if reads_body {
                shared.bodies.check(request.body())
            } else {
                Ok(())
            }
        });
        let reply = match checked {
            Err(refusal) => native.refuse(&call, &refusal, &mut buffer),
            Ok(()) if shared.pulse.is_late() => shared.overloaded(Overload::Busy, native, &call, &mut buffer),
            Ok(()) if reads_body => {
                drop(policy);
                let (shared, watch) = (Arc::clone(shared), Arc::clone(&self.watch));
                let answer = async move { shared.answer_with_body(request, &watch).await };
                return Answer::Waiting(Box::pin(answer));
            }
            Ok(()) => native
                .answer(&call, &mut buffer)
                .unwrap_or_else(|| refused(&NO_SUCH_PATH, &mut buffer)),
        };
        self.watch.set_unread(has_body);
        Answer::Ready(ready(Ok(shared.respond(reply, &mut buffer))))
    }
}

impl Future for Answer {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Ready(ready) => Pin::new(ready).poll(context),
            Answer::Waiting(waiting) => waiting.as_mut().poll(context).map(Ok),
        }
    }
}

impl Shared {
    async fn answer_with_body(&self, request: Request<Incoming>, watch: &Watch) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let policy = self.policy.load_full();
        let native = &policy.native;
        let mut out = BytesMut::new();
        let call = |body| call_of(&head.method, &head.uri, &head.headers, body);
        let reply = match self.bodies.read(body).await {
            Ok(body) if self.pulse.is_late() => {
                self.overloaded(Overload::Busy, native, &call(body.bytes()), &mut out)
            }
            Ok(body) => {
                let call = call(body.bytes());
                let mut begun = native.begin(&call, &mut out);
                let mut round = None;
                loop {
                    match begun {
                        None => break refused(&NO_SUCH_PATH, &mut out),
                        Some(Begun::Done(reply)) => break reply,
                        Some(Begun::Batch(batch)) => {
                            if batch.is_long() && round.is_none() {
                                round = self.pulse.begin_batch();
                                if round.is_none() {
                                    break self.overloaded(Overload::Busy, native, &call, &mut out);
                                }
                            }
                            // Everybody who is ready goes first: of a batch, too, one slice at a time.
                            tokio::task::yield_now().await;
                            let _said_to_requests = self.pulse.is_late();
                            begun = Some(batch.resume(&mut out));
                        }
                    }
                }
            }
            Err(lost) => {
                watch.set_unread(true);
                match lost {
                    Lost::Refused(refusal) => native.refuse(&call(&[]), &refusal, &mut out),
                    Lost::Late(refusal) => {
                        self.meters.cut(Cut::Body);
                        native.refuse(&call(&[]), &refusal, &mut out)
                    }
                    Lost::NoRoom => self.overloaded(Overload::Bodies, native, &call(&[]), &mut out),
                }
            }
        };
        self.respond(reply, &mut out)
    }

    fn overloaded(&self, why: Overload, native: &Native, call: &Call<'_>, out: &mut BytesMut) -> Reply {
        self.meters.overload(why);
        native.overloaded(call, out)
    }

    fn respond(&self, reply: Reply, out: &mut BytesMut) -> Response<Full<Bytes>> {
        self.meters.count(reply.status);
        response(reply, out.split().freeze())
    }
}

impl Heads {
    /// Whether the head of `request` is within the limits that hyper does not keep.
    fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
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

const NO_SUCH_PATH: Refusal = Refusal::NoSuchPath { known: Native::PATHS };

fn refused(refusal: &Refusal, out: &mut BytesMut) -> Reply {
    out.clear();
    refusal.write(out)
}

fn call_of<'a>(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a [u8]) -> Call<'a> {
    Call {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        content_type: headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
        body,
    }
}

/// The response that `reply` and its body make.
pub(super) fn response(reply: Reply, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // Who is calling may change with the next call.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = reply.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
