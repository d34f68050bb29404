//! One connection, whatever it came in by: watched, served, and ended.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::{Phase, Watch};
use super::desk::Socket;
use super::ending::Ending;
use super::lane::{self, AtOnce, Left};
use super::settings::Heads;
use super::shadow::Outgoing;
use super::target::Target;

/// Header fields that hyper finds room for on its stack; it allocates for more.
const HEADERS_ON_STACK: usize = 100;
/// What is read at once to be thrown away.
const THROWN_AWAY: usize = 4 << 10;

/// A socket that notes since when nothing can be written to it. It is beneath TLS, which takes what it cannot write yet.
pub(super) struct Written<I> {
    stream: I,
    watch: Arc<Watch>,
}

/// A stream that notes what it is at. What is buffered of it is bounded: hyper reads no request before the answer to the
/// one before has gone, nor more of one than the longest head.
struct Watched<I> {
    stream: I,
    watch: Arc<Watch>,
    target: Target,
    /// What the lane has read and left.
    rest: Bytes,
    is_shut: bool,
}

/// A service that notes when a request is being answered.
struct Noting<S> {
    service: S,
    watch: Arc<Watch>,
    socket: Upgraded,
}

/// An answer to come.
struct Answering<F> {
    answer: F,
    watch: Arc<Watch>,
    socket: Upgraded,
}

/// What a connection becomes once hyper has answered that it does.
type Upgraded = Arc<Mutex<Option<Box<Socket>>>>;

/// Serves requests on `stream` with `service` until either side has had enough, or `ending` says so. Time limits are kept
/// by whoever looks at `watch`, and ends this.
pub(super) async fn serve<I, S>(
    mut stream: I,
    mut service: S,
    watch: Arc<Watch>,
    heads: Heads,
    mut ending: Ending,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible> + AtOnce,
    S::Future: Unpin,
{
    let lane = lane::serve(&mut stream, &mut service, &watch, heads.max_bytes, &mut ending);
    let rest = match lane.await {
        Left::Gone => return,
        Left::Rest(rest) => Bytes::from(rest),
    };
    let mut target = Target::default();
    if !rest.is_empty() {
        target.begin();
        if watch.phase() == Phase::Idle {
            watch.enter(Phase::Head);
        }
    }
    let stream = Watched {
        stream,
        watch: Arc::clone(&watch),
        target,
        rest,
        is_shut: false,
    };
    let mut http = http1::Builder::new();
    http.header_read_timeout(None)
        .max_buf_size(heads.max_bytes)
        // Most answers are small: one buffer is written faster than a list of two.
        .writev(false);
    if heads.headers_max > HEADERS_ON_STACK {
        http.max_headers(heads.headers_max);
    }
    let socket = Upgraded::default();
    let noting = Noting {
        service,
        watch: Arc::clone(&watch),
        socket: Arc::clone(&socket),
    };
    let connection = http
        .serve_connection(TokioIo::new(stream), noting)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = ending.ended() => {
            watch.stop();
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    // What hyper needed is not kept for as long as a desktop is open.
    drop(connection);
    let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Ok(()), Some(socket)) = (&result, socket) {
        // Apart: every connection would have room for one.
        return Box::pin(socket.serve(&mut ending)).await;
    }
    if let Err(error) = result {
        // The other side's fault, whichever it is. What the error says may repeat what was sent.
        tracing::debug!(
            parse = error.is_parse(),
            incomplete = error.is_incomplete_message(),
            "a connection ended early"
        );
    }
}

impl<S> Service<Request<Incoming>> for Noting<S>
where
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.watch.enter(Phase::Busy);
        self.watch.set_unread(false);
        Answering {
            answer: self.service.call(request),
            watch: Arc::clone(&self.watch),
            socket: Arc::clone(&self.socket),
        }
    }
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response<Outgoing>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut answer = ready!(Pin::new(&mut self.answer).poll(context));
        self.watch.enter(Phase::Idle);
        if let Ok(response) = &mut answer
            && self.watch.is_draining()
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            // hyper closes behind it. Whoever comes back is served, by whichever node has the address then.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        if let Ok(response) = &mut answer
            && let Some(socket) = response.body_mut().take_socket()
        {
            *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        }
        Poll::Ready(answer)
    }
}

impl<I> Written<I> {
    pub(super) fn new(stream: I, watch: &Arc<Watch>) -> Written<I> {
        Written {
            stream,
            watch: Arc::clone(watch),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Written<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Written<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, bytes) else {
            self.watch.block();
            return Poll::Pending;
        };
        self.watch.unblock();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.target.release(buffer) {
            return Poll::Ready(Ok(()));
        }
        if self.rest.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let length = self.rest.len().min(buffer.remaining());
            buffer.put_slice(&self.rest.split_to(length));
        }
        if buffer.filled().len() > before && self.watch.phase() == Phase::Idle {
            // Behind a body that nobody reads a request begins somewhere, and hyper counts that body's bytes.
            if !self.watch.leaves_unread() {
                self.target.begin();
            }
            self.watch.enter(Phase::Head);
        }
        self.target.pass(buffer, before);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
            if !self.watch.leaves_unread() {
                return Poll::Ready(Ok(()));
            }
            self.watch.enter(Phase::Lingering);
        }
        if self.watch.phase() != Phase::Lingering {
            return Poll::Ready(Ok(()));
        }
        let mut thrown_away = [0; THROWN_AWAY];
        loop {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => {}
                // It is gone.
                Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
