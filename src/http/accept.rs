//! Accepting connections, within the bounds, until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::connection::{self, Written};
use super::deadline::{Phase, Watch, Watches};
use super::door::Door;
use super::ending::Ending;
use super::gate::{self, Gate, Peer};
use super::lane::AtOnce;
use super::meters::Meters;
use super::settings::Heads;
use super::shadow::Outgoing;

/// The pause after an accept that failed for want of something: at once it would fail again.
const PAUSE: Duration = Duration::from_millis(20);
/// Failures in a row from which on any kind of them is followed by a pause.
const FAILURES_MAX: u32 = 32;
/// What a caller is told for whom there is no room. The body is empty: whoever does not read the status reads no name.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

/// A socket that gives connections.
pub(super) trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and who is at its other end.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;

    /// Tells whoever connected that there is no room, without waiting for anything.
    fn turn_away(stream: Self::Stream) -> io::Result<()>;
}

/// What the connections of a listener on one worker have in common.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) door: Arc<Door>,
    pub(super) watches: Arc<Watches>,
    pub(super) meters: Arc<Meters>,
    pub(super) heads: Heads,
    /// How long requests that are open have when the server stops.
    pub(super) drain: Duration,
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // A small answer must not wait for the acknowledgement of the one before. Where that fails, whoever connected
        // is gone already, and reading will say so.
        let _gone = stream.set_nodelay(true);
        Ok((stream, Peer::at(address)))
    }

    fn turn_away(stream: TcpStream) -> io::Result<()> {
        let stream = stream.into_std()?;
        told(&stream)?;
        stream.shutdown(Shutdown::Write)?;
        emptied(&stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        Ok((UnixListener::accept(self).await?.0, Peer::default()))
    }

    fn turn_away(stream: UnixStream) -> io::Result<()> {
        let stream = stream.into_std()?;
        told(&stream)?;
        stream.shutdown(Shutdown::Write)?;
        emptied(&stream)
    }
}

fn told(mut stream: impl Write) -> io::Result<()> {
    stream.write_all(NO_ROOM)
}

/// Reads what has come: a connection that is closed on it takes the answer back.
fn emptied(mut stream: impl Read) -> io::Result<()> {
    stream.read(&mut [0; 4096]).map(|_| ())
}

/// Serves the connections of `listener` that `gate` lets in, each with a service of its own, until `ending` says so; then finishes what is
/// open.
pub(super) async fn serve<A, S>(
    listener: A,
    gate: Arc<impl Gate>,
    make_service: impl Fn(&Arc<Watch>, Peer) -> S + Clone + Send + 'static,
    terms: Terms,
    mut ending: Ending,
) where
    A: Accept,
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible>
        + AtOnce
        + Send
        + 'static,
    S::Future: Send + Unpin,
{
    let mut connections = JoinSet::new();
    let mut failures = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    failures = 0;
                    let arrived = Arrived {
                        stream,
                        peer,
                        gate: Arc::clone(&gate),
                        make_service: make_service.clone(),
                    };
                    admit::<A, _, _, S>(arrived, &terms, &ending, &mut connections);
                }
                Err(error) => {
                    failures += 1;
                    if is_want(&error) || failures >= FAILURES_MAX {
                        if failures <= FAILURES_MAX {
                            tracing::warn!(%error, "a connection could not be accepted; raise the limit on open files if this goes on");
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            () = ending.stopped() => break,
        }
    }
    // Whoever connects from now on is refused and can go elsewhere.
    drop(listener);
    let finished = tokio::time::timeout(terms.drain, async {
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

/// A connection that was accepted, and what it needs to be served.
struct Arrived<I, G, F> {
    stream: I,
    peer: Peer,
    gate: Arc<G>,
    make_service: F,
}

/// Serves the connection where its peer may connect and there is room for it.
fn admit<A, G, F, S>(
    arrived: Arrived<A::Stream, G, F>,
    terms: &Terms,
    ending: &Ending,
    connections: &mut JoinSet<()>,
) where
    A: Accept,
    G: Gate,
    F: Fn(&Arc<Watch>, Peer) -> S + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible>
        + AtOnce
        + Send
        + 'static,
    S::Future: Send + Unpin,
{
    if !gate::lets_in(&*arrived.gate, &arrived.peer) {
        return;
    }
    let ticket = match terms.door.enter(arrived.peer.address) {
        Ok(ticket) => ticket,
        Err(full) => {
            terms.meters.refused(full);
            // As well as it can be done at once.
            let _told_or_gone = A::turn_away(arrived.stream);
            return;
        }
    };
    let watch = terms.watches.watch();
    let listed = terms.watches.reserve();
    let id = listed.id();
    let serving = one(arrived, Arc::clone(&watch), terms.heads, ending.of_connection());
    let task = connections.spawn(async move {
        let _until_it_ends = (ticket, listed);
        serving.await;
    });
    terms.watches.list(id, watch, task);
}

/// Serves one connection, made secret first where that is asked for; who takes too long over that is cut like others.
async fn one<I, G, F, S>(arrived: Arrived<I, G, F>, watch: Arc<Watch>, heads: Heads, mut ending: Ending)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    G: Gate,
    F: Fn(&Arc<Watch>, Peer) -> S,
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible> + AtOnce,
    S::Future: Unpin,
{
    let Arrived {
        stream,
        mut peer,
        gate,
        make_service,
    } = arrived;
    let stream = Written::new(stream, &watch);
    let Some(acceptor) = gate.tls().filter(|_| peer.is_remote()) else {
        let service = make_service(&watch, peer);
        return connection::serve(stream, service, watch, heads, ending).await;
    };
    watch.enter(Phase::Handshake);
    let secured = tokio::select! {
        secured = gate::secure(&*gate, acceptor, stream, &mut peer) => secured,
        () = ending.ended() => None,
    };
    if let Some(stream) = secured {
        watch.enter(Phase::Idle);
        let service = make_service(&watch, peer);
        connection::serve(stream, service, watch, heads, ending).await;
    }
}

/// Whether `error` is for want of descriptors or memory; else it is of that one connection.
fn is_want(error: &io::Error) -> bool {
    let wants = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| wants.contains(&errno))
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended in a panic");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_is_gone_is_no_want() {
        for (errno, want) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOMEM, true),
            (Errno::CONNABORTED, false),
            (Errno::INTR, false),
            (Errno::PROTO, false),
        ] {
            assert_eq!(is_want(&errno.into()), want, "{errno:?}");
        }
    }
}
