//! From hyper's request to a call of a dialect, and from its reply to hyper's response.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};

use super::meters::{Meters, Open};
use super::settings::Policy;
use crate::callers::{Call, Native, Refusal, Reply};

/// Time in which a body has to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Buffers that a large answer has grown beyond this are not kept.
const KEPT_BYTES: usize = 256 << 10;
/// Room for most answers, made in one step.
const USUAL_BYTES: usize = 4 << 10;

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
    _open: Open,
}

/// An answer that is ready, or waits for the request's body.
pub(super) enum Answer {
    Ready(Ready<Result<Response<Full<Bytes>>, Infallible>>),
    Waiting(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>),
}

impl Answering {
    pub(super) fn new(shared: &Arc<Shared>) -> Answering {
        Answering {
            shared: Arc::clone(shared),
            buffer: RefCell::default(),
            _open: shared.meters.open(),
        }
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        if request.method() == Method::POST {
            let shared = Arc::clone(&self.shared);
            return Answer::Waiting(Box::pin(async move { shared.answer_with_body(request).await }));
        }
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = BytesMut::new();
        }
        buffer.reserve(USUAL_BYTES);
        let response = self.shared.answer(&request, &[], &mut buffer);
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

impl Shared {
    /// Answers a request whose body has been read, or that has none.
    fn answer<B>(&self, request: &Request<B>, body: &[u8], out: &mut BytesMut) -> Response<Full<Bytes>> {
        let call = Call {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            content_type: request
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok()),
            body,
        };
        let reply = self.policy.load().native.answer(&call, out).unwrap_or_else(|| {
            let known = Native::PATHS;
            Refusal::NoSuchPath { known }.write(out)
        });
        self.respond(reply, out)
    }

    async fn answer_with_body(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, self.body_max_bytes).collect();
        let mut out = BytesMut::new();
        let refusal = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => return self.answer(&Request::from_parts(head, ()), &body.to_bytes(), &mut out),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Refusal::TooLarge {
                most: self.body_max_bytes,
            },
            // Most likely nobody is there any more to read this.
            Ok(Err(_)) => Refusal::Body {
                expected: "a whole body",
                found: "a part of one".to_owned(),
            },
            Err(_) => Refusal::TooSlow {
                within: BODY_TIMEOUT,
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
    response
}
