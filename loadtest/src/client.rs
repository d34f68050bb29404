//! A client that costs little: raw requests over connections that stay open, one request at a time on each.

use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::{LocalSet, spawn_local};

/// Sends `requests` requests over `connections` connections to `address`, each for the path that `path` makes of its
/// number, and checks that each is answered with 200 and a body that begins with `expected`.
pub(crate) fn closed_loop(
    address: SocketAddr,
    connections: usize,
    requests: u64,
    path: fn(u64) -> String,
    expected: &'static [u8],
) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let next = Rc::new(Cell::new(0_u64));
        let mut running = Vec::new();
        for _ in 0..connections {
            let next = Rc::clone(&next);
            running.push(spawn_local(async move {
                let mut connection = Connection::open(address).await?;
                loop {
                    let nth = next.replace(next.get() + 1);
                    if nth >= requests {
                        return Ok::<_, Error>(());
                    }
                    if !connection.get(&path(nth)).await?.starts_with(expected) {
                        return Err(Error::new(
                            ErrorKind::InvalidData,
                            format!("a wrong answer to {}", path(nth)),
                        ));
                    }
                }
            }));
        }
        for connection in running {
            connection.await.map_err(Error::other)??;
        }
        Ok(())
    })
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

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Connection, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            request: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Sends one request and gives the body of its answer.
    async fn get(&mut self, path: &str) -> Result<&[u8], Error> {
        self.request.clear();
        self.request.extend_from_slice(b"GET ");
        self.request.extend_from_slice(path.as_bytes());
        self.request
            .extend_from_slice(b" HTTP/1.1\r\nhost: ringside\r\n\r\n");
        self.stream.write_all(&self.request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
            if let Some((head, length)) = head(&self.received)?
                && self.received.len() >= head + length
            {
                return Ok(&self.received[head..head + length]);
            }
        }
    }
}

/// Bytes of the head and of the body; `None` while the head is not whole.
fn head(received: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let invalid = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&received[..end]).map_err(|_| invalid("a head that is no text"))?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(invalid(text.lines().next().unwrap_or_default()));
    }
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    Ok(Some((
        end + 4,
        length.ok_or_else(|| invalid("no content-length"))?,
    )))
}
