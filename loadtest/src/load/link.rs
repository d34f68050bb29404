//! A connection that never waits: TCP, a Unix socket, or TLS over TCP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token, event::Source};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::error::Error;
use super::wire::Wire;

/// Where a server listens.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// TLS over TCP, with whom to trust.
    Tls(SocketAddr, Arc<ClientConfig>),
}

/// A connection; reading and writing say [`ErrorKind::WouldBlock`] where they would wait.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    /// Connects to `place`, without waiting unless `wire` has something to say before the first request.
    pub(crate) fn open(place: &Place, wire: Wire) -> Result<Link, Error> {
        Ok(match place {
            Place::Tcp(address) if wire.greets() => {
                let mut stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                wire.greet(&mut stream)?;
                stream.set_nonblocking(true)?;
                Link::Tcp(TcpStream::from_std(stream))
            }
            Place::Tcp(address) => Link::Tcp(tcp(*address)?),
            Place::Unix(path) => Link::Unix(UnixStream::connect(path)?),
            Place::Tls(address, config) => {
                let name = ServerName::IpAddress(address.ip().into());
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Link::Tls(Box::new(StreamOwned::new(connection, tcp(*address)?)))
            }
        })
    }

    /// Has `registry` tell when there is something to read.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.source(), token, Interest::READABLE)
    }

    /// Has `registry` tell when there is room to write as well. Not from the beginning, since a Unix socket tells of room
    /// whenever its other end has read, which would be an event more for each request.
    pub(crate) fn register_for_writing(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.reregister(self.source(), token, Interest::READABLE | Interest::WRITABLE)
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Link::Tcp(stream) => stream,
            Link::Unix(stream) => stream,
            Link::Tls(stream) => &mut stream.sock,
        }
    }

    /// Writes some of `bytes`; 0 where that would wait.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Link::Tcp(stream) => stream.write(bytes),
            Link::Unix(stream) => stream.write(bytes),
            Link::Tls(stream) => stream.write(bytes),
        };
        match written {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            // Connecting is still under way.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Ok(0),
            other => other,
        }
    }

    /// Sends what was written and is still here, which TLS has until its handshake is done.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Link::Tls(stream) = self else {
            return Ok(());
        };
        match stream.flush() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Ok(()),
            other => other,
        }
    }

    /// Reads what is there into `buffer`; `None` where nothing is. 0 is the connection's end.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match self {
            Link::Tcp(stream) => stream.read(buffer),
            Link::Unix(stream) => stream.read(buffer),
            Link::Tls(stream) => stream.read(buffer),
        };
        match read {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether reading less than there was room for says that nothing more is there. Of TLS it says nothing.
    pub(crate) fn short_read_is_all(&self) -> bool {
        !matches!(self, Link::Tls(_))
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
