//! A line to the administration for who must not wait: blocking, each ask with a time of its own, and without a runtime.
//!
//! A service that is frozen takes connections on and never answers. So one connection is kept, an answer that did not
//! come in time is still owed on it, and nothing more is asked until it has come or the line is given up.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Socket, Type};

use super::client::{ClientError, Server, key};
use crate::http::ShortPath;
use crate::snapshot::folder::Folder;
use crate::telemetry::Redacted;

/// How long an answer is owed before the line is given up, and another one tried.
const OWED_MAX: Duration = Duration::from_secs(1);
/// The longest answer, in bytes.
const MOST_BYTES: usize = 64 << 10;

/// Which service.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Service {
    /// The service's data folder, whose socket is asked: no key is needed
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The service's administration address, http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL")]
    pub(super) admin: Option<Server>,
}

/// A line to one service.
#[derive(Debug)]
pub(super) struct Line {
    server: Server,
    place: Place,
    key: Option<Redacted<String>>,
    open: Option<Open>,
}

#[derive(Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug)]
struct Open {
    socket: Socket,
    /// What has come of an answer.
    got: Vec<u8>,
    /// Since when an answer is owed.
    owed: Option<Instant>,
    /// Whether an answer has come on it: one that may have been closed since without a fault.
    is_used: bool,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// Nobody listens there: the service is dead, or has closed its sockets.
    #[error("nobody listens at {server}: {source}")]
    Nobody { server: Server, source: io::Error },
    /// The socket is there, and not for whoever asks.
    #[error("{server} is open to its service's user alone; run this as that user, or as root")]
    Denied { server: Server },
    /// Nothing came in time.
    #[error("{server}: expected an answer within {} ms, found none", within.as_millis())]
    Late { server: Server, within: Duration },
    /// The connection failed, or what came is no HTTP.
    #[error("{server}: expected an HTTP answer, found a fault: {message}")]
    Broken { server: Server, message: String },
}

impl Line {
    /// A line to `service`, which is called at the first ask; shows the key of `key_file`, or of the environment.
    ///
    /// # Errors
    /// The host has no address, the address is `https://`, or the key cannot be read.
    pub(super) fn to(service: &Service, key_file: Option<&std::path::Path>) -> Result<Line, ClientError> {
        let server = match (&service.admin, &service.data) {
            (Some(admin), _) => admin.clone(),
            (None, data) => Server::Unix(Folder::of_tenant(data.as_deref().unwrap_or("".as_ref())).socket()),
        };
        let unreachable = |source| ClientError::Unreachable {
            server: server.clone(),
            source,
        };
        let place = match &server {
            Server::Unix(path) => Place::Unix(path.clone()),
            // Asked once: a resolver that hangs must not stop who watches.
            Server::Tcp { authority } => Place::Tcp(
                authority
                    .to_socket_addrs()
                    .map_err(unreachable)?
                    .next()
                    .ok_or_else(|| unreachable(ErrorKind::AddrNotAvailable.into()))?,
            ),
            Server::Tls { .. } => {
                let why = "the administration speaks http, not https";
                return Err(unreachable(io::Error::new(ErrorKind::Unsupported, why)));
            }
        };
        Ok(Line {
            key: key(key_file)?.map(|key| Redacted::new(key.trim().to_owned())),
            server,
            place,
            open: None,
        })
    }

    /// What is answered to `GET path` within a time.
    pub(super) fn get(&mut self, path: &str, within: Duration) -> Result<Answer, Silence> {
        self.ask("GET", path, b"", within)
    }

    /// What is answered to `POST path` with the JSON `body` within a time.
    pub(super) fn post(&mut self, path: &str, body: &[u8], within: Duration) -> Result<Answer, Silence> {
        self.ask("POST", path, body, within)
    }

    /// Waits for a time, or until the line ends or something comes on it, which is the moment to ask again.
    pub(super) fn idle(&self, time: Duration) {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut ends: Vec<PollFd<'_>> = self
            .open
            .iter()
            .map(|open| PollFd::new(&open.socket, PollFlags::IN))
            .collect();
        // A signal ends it early, which does no harm.
        let _ = poll(&mut ends, Some(&time));
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8], within: Duration) -> Result<Answer, Silence> {
        let until = Instant::now() + within;
        let key = match &self.key {
            Some(key) => format!("authorization: Bearer {}\r\n", key.expose()),
            None => String::new(),
        };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{key}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let was_used = self.open.as_ref().is_some_and(|open| open.is_used);
        let mut told = self.exchange(&request, until);
        // The service closes lines on which nothing is asked; that is no fault of it.
        if was_used && self.open.is_none() && told.as_ref().is_err_and(|error| !is_late(error)) {
            told = self.exchange(&request, until);
        }
        told.map_err(|source| match source.kind() {
            _ if is_late(&source) => Silence::Late {
                server: self.server.clone(),
                within,
            },
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Silence::Nobody {
                server: self.server.clone(),
                source,
            },
            ErrorKind::PermissionDenied => Silence::Denied {
                server: self.server.clone(),
            },
            _ => Silence::Broken {
                server: self.server.clone(),
                message: source.to_string(),
            },
        })
    }

    /// Asks on the line, which is closed where that fails, but kept where the answer only takes too long.
    fn exchange(&mut self, request: &[u8], until: Instant) -> io::Result<Answer> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::to(&self.place, until)?,
        };
        let told = open.ask(request, until);
        let keeps = match &told {
            Ok((_, closes)) => !closes,
            Err(error) => is_late(error) && open.owed.is_none_or(|since| since.elapsed() < OWED_MAX),
        };
        if keeps {
            self.open = Some(open);
        }
        told.map(|(answer, _)| answer)
    }
}

/// How reads and writes that were given a time end with it; a Unix socket whose queue is full says the same.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What is left until a moment, at least what a socket takes as a time.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left < Duration::from_micros(100) {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

impl Open {
    fn to(place: &Place, until: Instant) -> io::Result<Open> {
        let socket = match place {
            Place::Tcp(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.connect_timeout(&(*address).into(), left(until)?)?;
                socket.set_tcp_nodelay(true)?;
                socket
            }
            Place::Unix(path) => {
                let short = ShortPath::of(path)?;
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                // One whose queue is full would be waited for without an end.
                socket.set_nonblocking(true)?;
                socket.connect(&SockAddr::unix(&short.path)?)?;
                socket.set_nonblocking(false)?;
                socket
            }
        };
        Ok(Open {
            socket,
            got: Vec::new(),
            owed: None,
            is_used: false,
        })
    }

    /// The answer, and whether the service closes the line behind it.
    fn ask(&mut self, request: &[u8], until: Instant) -> io::Result<(Answer, bool)> {
        if self.owed.is_some() && self.answer(until)?.1 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.socket.set_write_timeout(Some(left(until)?))?;
        self.owed = Some(Instant::now());
        self.socket.write_all(request)?;
        self.answer(until)
    }

    fn answer(&mut self, until: Instant) -> io::Result<(Answer, bool)> {
        loop {
            if let Some((answer, closes, length)) = whole(&self.got)? {
                self.got.drain(..length);
                self.owed = None;
                self.is_used = true;
                return Ok((answer, closes));
            }
            if self.got.len() > MOST_BYTES {
                return Err(io::Error::new(ErrorKind::InvalidData, "an answer without an end"));
            }
            self.socket.set_read_timeout(Some(left(until)?))?;
            let mut piece = [0; 4096];
            match (&self.socket).read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self
                    .got
                    .extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The answer at the beginning of `bytes`, whether the line is closed behind it, and its length; `None` where more is to
/// come.
fn whole(bytes: &[u8]) -> io::Result<Option<(Answer, bool, usize)>> {
    let unfit = |message: String| io::Error::new(ErrorKind::InvalidData, message);
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let begin = match head.parse(bytes).map_err(|error| unfit(error.to_string()))? {
        httparse::Status::Complete(begin) => begin,
        httparse::Status::Partial => return Ok(None),
    };
    let value = |name: &str| {
        let found = head
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize = value("content-length")
        .and_then(|value| value.trim().parse().ok())
        .filter(|length| *length <= MOST_BYTES)
        .ok_or_else(|| unfit("an answer that does not say how long it is".to_owned()))?;
    let Some(body) = bytes.get(begin..begin + length) else {
        return Ok(None);
    };
    let closes = value("connection").is_some_and(|value| value.trim().eq_ignore_ascii_case("close"));
    let answer = Answer {
        status: head.code.unwrap_or_default(),
        body: body.to_vec(),
    };
    Ok(Some((answer, closes, begin + length)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    fn line(place: Place) -> Line {
        Line {
            server: Server::Unix("test".into()),
            place,
            key: None,
            open: None,
        }
    }

    fn answer(status: u16, body: &str) -> String {
        format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Reads one request's head; false at the end of the connection.
    fn read(stream: &mut TcpStream) -> bool {
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return false;
            }
            asked.extend(byte);
        }
        true
    }

    #[test]
    fn a_late_answer_is_nobody_elses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut line = line(Place::Tcp(listener.local_addr().unwrap()));
        assert!(matches!(line.get("/a", SOON), Err(Silence::Late { .. })));
        assert!(matches!(line.get("/b", SOON), Err(Silence::Late { .. })));
        let (mut stream, _) = listener.accept().unwrap();
        let answering = thread::spawn(move || {
            let mut nth = 0;
            while read(&mut stream) {
                nth += 1;
                stream
                    .write_all(answer(200, &nth.to_string()).as_bytes())
                    .unwrap();
            }
            nth
        });
        // The first answer was to `/a`; `/b` was never asked.
        assert_eq!(line.get("/c", LONG).unwrap().body, b"2");
        assert_eq!(line.get("/d", LONG).unwrap().body, b"3");
        drop(line);
        assert_eq!(answering.join().unwrap(), 3);
    }

    #[test]
    fn a_line_that_was_closed_is_called_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut line = line(Place::Tcp(listener.local_addr().unwrap()));
        let answering = thread::spawn(move || {
            for status in [200, 503] {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(read(&mut stream));
                stream.write_all(answer(status, "{}").as_bytes()).unwrap();
            }
        });
        assert_eq!(line.get("/", LONG).unwrap().status, 200);
        line.idle(LONG);
        assert_eq!(line.get("/", LONG).unwrap().status, 503);
        answering.join().unwrap();
        assert!(matches!(line.get("/", LONG), Err(Silence::Nobody { .. })));
    }

    #[test]
    fn a_full_queue_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert!(matches!(
            line(Place::Unix(path.clone())).get("/", LONG),
            Err(Silence::Nobody { .. })
        ));
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(1).unwrap();
        let mut lines = Vec::new();
        for _ in 0..8 {
            let mut line = line(Place::Unix(path.clone()));
            assert!(matches!(line.get("/", SOON), Err(Silence::Late { .. })));
            lines.push(line);
        }
    }

    #[test]
    fn what_is_no_answer_is_told() {
        assert_eq!(
            whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{").unwrap(),
            None
        );
        for text in [
            "220 mail\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
        ] {
            assert!(whole(text.as_bytes()).is_err(), "{text}");
        }
        let (answer, closes, length) =
            whole(b"HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}more")
                .unwrap()
                .unwrap();
        assert_eq!((answer.status, closes, length), (503, true, 58));
    }
}
