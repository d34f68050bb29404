//! From hyper's request to a call of a dialect, and from its reply to hyper's response.

use std::borrow::Cow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::Service;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio_rustls::TlsAcceptor;

use super::access::{Denial, Denials, Dialect};
use super::gate::{Gate, Peer};
use super::meters::{Meters, Open};
use super::settings::Policy;
use super::tls::Tls;
use crate::callers::{Call, Native, Refusal, Reply, trimmed};

/// Time in which a body has to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest body that is read of a request that is refused, in bytes: it may say that its sender reads no status.
const REFUSED_BODY_MAX: usize = 16 << 10;
/// Buffers that a large answer has grown beyond this are not kept.
const KEPT_BYTES: usize = 256 << 10;
/// Room for most answers, made in one step.
const USUAL_BYTES: usize = 4 << 10;

/// How a key may be shown.
const CHALLENGES: [&str; 2] = ["Bearer realm=\"ringside\"", "Basic realm=\"ringside\""];

/// What all connections of a listener on one worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) meters: Arc<Meters>,
    pub(super) body_max_bytes: usize,
}

/// Answers the requests of one connection. Its buffer is free again as soon as hyper has copied an answer out, so that
/// one buffer serves request after request.
#[derive(Debug)]
pub(super) struct Answering {
    shared: Arc<Shared>,
    buffer: RefCell<BytesMut>,
    peer: Peer,
    _open: Open,
}

/// An answer that is ready, or waits for the request's body.
pub(super) enum Answer {
    Ready(Ready<Result<Response<Full<Bytes>>, Infallible>>),
    Waiting(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>),
}

impl Answering {
    pub(super) fn new(shared: &Arc<Shared>, peer: Peer) -> Answering {
        Answering {
            shared: Arc::clone(shared),
            buffer: RefCell::default(),
            peer,
            _open: shared.meters.open(),
        }
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let policy = self.shared.policy.load();
        let denied = self.shared.denied(&policy, &self.peer, &request);
        if request.method() == Method::POST {
            let shared = Arc::clone(&self.shared);
            let policy = Guard::into_inner(policy);
            return Answer::Waiting(Box::pin(async move {
                shared.answer_with_body(&policy, request, denied).await
            }));
        }
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
        buffer.reserve(USUAL_BYTES);
        let response = self
            .shared
            .answer(&policy, &request, &[], denied.as_ref(), &mut buffer);
        Answer::Ready(ready(Ok(response)))
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

    /// Answers a request whose body has been read, or that has none.
    fn answer<B>(
        &self,
        policy: &Policy,
        request: &Request<B>,
        body: &[u8],
        denied: Option<&Denial>,
        out: &mut BytesMut,
    ) -> Response<Full<Bytes>> {
        let diversion = diversion(request.headers());
        let call = Call {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            content_type: request
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok()),
            diversion: diversion.as_deref(),
            body,
        };
        let native = policy
            .access
            .dialects
            .contains(&Dialect::Native)
            .then_some(&policy.native);
        let reply = match denied {
            Some(denial) => native
                .and_then(|native| native.disabled(&call, out))
                .unwrap_or_else(|| denial.write(out)),
            None => native
                .and_then(|native| native.answer(&call, out))
                .unwrap_or_else(|| {
                    let known = Native::PATHS;
                    Refusal::NoSuchPath { known }.write(out)
                }),
        };
        self.respond(reply, out)
    }

    async fn answer_with_body(
        &self,
        policy: &Policy,
        request: Request<Incoming>,
        denied: Option<Denial>,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let most = match denied {
            Some(_) => self.body_max_bytes.min(REFUSED_BODY_MAX),
            None => self.body_max_bytes,
        };
        let body = Limited::new(body, most).collect();
        let mut out = BytesMut::new();
        let refusal = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => {
                let request = Request::from_parts(head, ());
                return self.answer(policy, &request, &body.to_bytes(), denied.as_ref(), &mut out);
            }
            Ok(Err(_)) if denied.is_some() => {
                let request = Request::from_parts(head, ());
                return self.answer(policy, &request, &[], denied.as_ref(), &mut out);
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Refusal::TooLarge {
                most: self.body_max_bytes,
            },
            // Most likely nobody is there any more to read this.
            Ok(Err(_)) => Refusal::Body {
                expected: "a whole body",
                found: "a part of one".to_owned(),
            },
            Err(_) => Refusal::TooSlow {
                seconds: BODY_TIMEOUT.as_secs(),
            },
        };
        let reply = refusal.write(&mut out);
        self.respond(reply, &mut out)
    }

    fn respond(&self, reply: Reply, out: &mut BytesMut) -> Response<Full<Bytes>> {
        self.meters.count(reply.status);
        response(reply, out.split().freeze())
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
    if reply.status == 401 {
        for scheme in CHALLENGES {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
    response
}
