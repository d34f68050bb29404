//! A client that costs little: raw requests over connections that stay open, one request at a time on each.

use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime;

use crate::load::{Head, head};

/// A request, written out, and what its answer has to be.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    /// Somewhere in the body.
    pub(crate) expected: Vec<u8>,
}

/// Sends `requests` requests over `connections` connections to `address`, one after the other of `exchanges` and again,
/// and checks each answer. `answered` is told when each had been sent.
pub(crate) fn exchanges(
    address: SocketAddr,
    connections: usize,
    requests: usize,
    exchanges: &[Exchange],
    mut answered: impl FnMut(Instant),
) -> Result<(), Error> {
    let next = Cell::new(0_usize);
    let answered = RefCell::new(&mut answered);
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let run = async || {
        let mut connection = Connection::open(address).await?;
        loop {
            let nth = next.replace(next.get() + 1);
            if nth >= requests {
                return Ok::<_, Error>(());
            }
            let exchange = &exchanges[nth % exchanges.len()];
            let begun = Instant::now();
            let (status, body) = connection.exchange(&exchange.request).await?;
            (answered.borrow_mut())(begun);
            let expected = exchange.expected.as_slice();
            let fits = body.windows(expected.len()).any(|part| part == expected);
            if status != exchange.status || !fits {
                let target = exchange.request.split(|byte| *byte == b'\r').next();
                return Err(Error::new(
                    ErrorKind::InvalidData,
                    format!(
                        "{}: expected {} and {}, found {status} and {}",
                        String::from_utf8_lossy(target.unwrap_or_default()),
                        exchange.status,
                        String::from_utf8_lossy(expected),
                        String::from_utf8_lossy(&body[..body.len().min(200)]),
                    ),
                ));
            }
        }
    };
    runtime.block_on(async {
        let running = (0..connections).map(|_| run());
        futures_util::future::try_join_all(running).await.map(drop)
    })
}

/// Calls `ask` with a connection to `address`.
pub(crate) fn with_connection<T>(
    address: SocketAddr,
    ask: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async { ask(&mut Connection::open(address).await?).await })
}

/// The body of one `GET path` from `address`.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>, Error> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        Connection::open(address)
            .await?
            .get(path)
            .await
            .map(<[u8]>::to_vec)
    })
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    /// Connects to `address`.
    pub(crate) async fn open(address: SocketAddr) -> Result<Connection, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            request: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Sends one request and gives the body of its answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<&[u8], Error> {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        request.extend_from_slice(b"GET ");
        request.extend_from_slice(path.as_bytes());
        request.extend_from_slice(b" HTTP/1.1\r\nhost: ringside\r\n\r\n");
        let status = self.exchange(&request).await.map(|(status, _)| status);
        self.request = request;
        match status? {
            200 => Ok(self.body()?),
            status => Err(Error::new(ErrorKind::InvalidData, format!("status {status}"))),
        }
    }

    /// Sends `request`, as it is, and gives the status and the body of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8]), Error> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
            if let Some(head) = self.head()?
                && self.received.len() >= head.end + head.length
            {
                return Ok((head.status, &self.received[head.end..head.end + head.length]));
            }
        }
    }

    fn head(&self) -> Result<Option<Head>, Error> {
        head(&self.received).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }

    fn body(&self) -> Result<&[u8], Error> {
        let head = self.head()?.ok_or(ErrorKind::InvalidData)?;
        Ok(&self.received[head.end..head.end + head.length])
    }
}
