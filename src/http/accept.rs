//! Accepting connections and serving them, until told to stop.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::HEAD_TIMEOUT;
use super::gate::{self, Gate, Peer};

/// The longest head of a request, in bytes.
const HEAD_MAX_BYTES: usize = 64 << 10;
/// The pause after an accept that failed, which is for want of file descriptors: at once it would fail again.
const PAUSE: Duration = Duration::from_millis(20);

/// A socket that gives connections.
pub(super) trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and who is at its other end.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;
}

impl Accept for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Peer)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // A small answer must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        Ok((stream, Peer::at(address)))
    }
}

impl Accept for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Peer)> {
        Ok((UnixListener::accept(self).await?.0, Peer::default()))
    }
}

/// Serves the connections of `listener` that `gate` lets in, each with a service of its own, until `stop` says so; then
/// finishes what is open, within `drain`.
pub(super) async fn serve<A, S>(
    listener: A,
    gate: Arc<impl Gate>,
    make_service: impl Fn(Peer) -> S + Clone + Send + 'static,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) where
    A: Accept,
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = std::convert::Infallible>
        + Send
        + 'static,
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if gate::lets_in(&*gate, &peer) => {
                    let gate = Arc::clone(&gate);
                    connections.spawn(arrived(stream, peer, gate, make_service.clone(), stop.clone()));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; raise the limit on open files if this goes on");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            () = stopped(&mut stop) => break,
        }
    }
    // Whoever connects from now on is refused and can go elsewhere.
    drop(listener);
    let finished = tokio::time::timeout(drain, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if finished.await.is_err() {
        tracing::warn!(
            open = connections.len(),
            "connections were cut: their requests took longer than http.drain_s"
        );
    }
}

/// Waits until the server is to stop; also where nobody could say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|stop| *stop).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended in a panic");
    }
}

/// Serves a connection, made secret first where that is asked for.
async fn arrived<I, S>(
    stream: I,
    mut peer: Peer,
    gate: Arc<impl Gate>,
    make_service: impl Fn(Peer) -> S,
    mut stop: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = std::convert::Infallible>,
{
    let Some(acceptor) = gate.tls().filter(|_| peer.is_remote()) else {
        return connection(stream, make_service(peer), stop).await;
    };
    let secured = tokio::select! {
        secured = gate::secure(&*gate, acceptor, stream, &mut peer, HEAD_TIMEOUT) => secured,
        () = stopped(&mut stop) => None,
    };
    if let Some(stream) = secured {
        connection(stream, make_service(peer), stop).await;
    }
}

async fn connection<I, S>(stream: I, service: S, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = std::convert::Infallible>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX_BYTES)
        // Most answers are small: one buffer is written faster than a list of two.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // The other side's fault, whichever it is.
        tracing::debug!(%error, "a connection ended early");
    }
}
