//! The door: who is at the other end of a connection, and whether it is served at all.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::access::{Denial, Denials};
use super::tls;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its address; `None` on a Unix socket. An IPv4 address is one, also where it came inside of IPv6.
    pub(super) address: Option<IpAddr>,
    /// The name in its client certificate, where one was demanded and verified.
    pub(super) certificate: Option<Arc<str>>,
}

/// Whoever owns a listening socket says what happens to its connections.
pub(super) trait Gate: Send + Sync + 'static {
    /// Whether `peer` may connect.
    fn admits(&self, peer: &Peer) -> bool;

    /// What makes connections from other machines secret; `None` where they are not.
    fn tls(&self) -> Option<TlsAcceptor>;

    /// Where refusals are counted.
    fn denials(&self) -> &Denials;
}

impl Peer {
    /// Who comes from `address`.
    pub(super) fn at(address: SocketAddr) -> Peer {
        Peer {
            address: Some(address.ip().to_canonical()),
            certificate: None,
        }
    }

    /// Whether they came over TCP.
    pub(super) fn is_remote(&self) -> bool {
        self.address.is_some()
    }
}

impl Display for Peer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => Display::fmt(&address, f),
            None => f.write_str("socket"),
        }
    }
}

/// Whether `peer` is let in; counted where not. Nothing is said to whoever is not: a port that answers is an invitation.
pub(super) fn lets_in(gate: &impl Gate, peer: &Peer) -> bool {
    let is_in = gate.admits(peer);
    if !is_in {
        gate.denials().note(&Denial::Source, peer, None);
    }
    is_in
}

/// Makes `stream` secret, and tells `peer`'s certificate; `None` where that failed, which is counted.
pub(super) async fn secure<S>(
    gate: &impl Gate,
    acceptor: TlsAcceptor,
    stream: S,
    peer: &mut Peer,
) -> Option<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match acceptor.accept(stream).await {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates();
            peer.certificate = shown.and_then(|chain| chain.first()).map(|leaf| tls::name(leaf));
            if let Some(name) = &peer.certificate {
                tracing::debug!(%peer, client = %name, "a client certificate was verified");
            }
            Some(stream)
        }
        Err(error) => {
            gate.denials().note(&Denial::Handshake, peer, Some(&error));
            None
        }
    }
}
