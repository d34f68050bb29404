//! HTTP/1.1 as bytes: a client that sends what it is told to and reads one response after another.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Far longer than anything takes, so that a test that fails does so in time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client<S> {
    stream: S,
    read: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn tcp(address: SocketAddr) -> Client<TcpStream> {
    over(TcpStream::connect(address).unwrap())
}

/// A connection that was made otherwise.
pub(crate) fn over(stream: TcpStream) -> Client<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Client {
        stream,
        read: Vec::new(),
    }
}

pub(crate) fn unix(path: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Client {
        stream,
        read: Vec::new(),
    }
}

/// Asks until `is_it` holds of what `ask` gives.
pub(crate) fn until<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, is_it: impl Fn(&T) -> bool) -> T {
    let begin = std::time::Instant::now();
    loop {
        let found = ask();
        if is_it(&found) {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not come: {found:?}");
        std::thread::yield_now();
    }
}

/// The value of `metric`, labels and all, of the administration at `admin`.
pub(crate) fn metric(admin: SocketAddr, metric: &str) -> u64 {
    let text = get(admin, "/metrics").body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("{metric} is not in\n{text}"))
}

/// One `GET` on a connection of its own.
pub(crate) fn get(address: SocketAddr, target: &str) -> Response {
    tcp(address).get(target)
}

impl<S> Client<S> {
    /// Over a stream of one's own.
    pub(crate) fn over(stream: S) -> Client<S> {
        Client {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.request("GET", target, "", b"")
    }

    pub(crate) fn post(&mut self, target: &str, content_type: &str, body: &[u8]) -> Response {
        self.request("POST", target, content_type, body)
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        content_type: &str,
        body: &[u8],
    ) -> Response {
        let kind = if content_type.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {content_type}\r\n")
        };
        self.ask(method, target, &kind, body)
    }

    /// A request with `headers`, each with its line break.
    pub(crate) fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Response {
        let length = body.len();
        let host = if headers.contains("Host:") {
            ""
        } else {
            "Host: localhost\r\n"
        };
        let head = format!("{method} {target} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\n\r\n");
        self.send(head.as_bytes());
        self.send(body);
        self.response(method != "HEAD")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends, though the other side may have ended the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads until `words` have come, and drops what has been read.
    pub(crate) fn until(&mut self, words: &str) {
        let has = |read: &[u8]| String::from_utf8_lossy(read).contains(words);
        while !has(&self.read) || !self.read.ends_with(b"\r\n\r\n") {
            assert!(self.more(), "the connection ended before {words:?}");
        }
        self.read.clear();
    }

    /// The next response; a response to HEAD has no body, whatever its length says.
    pub(crate) fn response(&mut self, has_body: bool) -> Response {
        let head_len = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.more(),
                "the connection ended before a response: {:?}",
                String::from_utf8_lossy(&self.read)
            );
        };
        let head = String::from_utf8(self.read.drain(..head_len).collect()).unwrap();
        // What has no content has no length.
        let length = match head.split(' ').nth(1) {
            Some("204") => 0,
            _ => header(&head, "content-length").unwrap().parse().unwrap(),
        };
        let length: usize = if has_body { length } else { 0 };
        while self.read.len() < length {
            assert!(self.more(), "the connection ended within a body");
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body }
    }

    /// Whether the other side has ended the connection, and sent nothing before it did.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more()
    }

    /// Whether the other side ends the connection, whatever it sends before it does.
    pub(crate) fn ends(&mut self) -> bool {
        while self.more() {
            self.read.clear();
        }
        true
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 1 << 16];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "nothing came");
                false
            }
        }
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
