//! One request to a running server, over TCP or a Unix socket.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::http::ShortPath;

/// How long a person waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an act may take: verifying and comparing tens of millions of customers takes minutes.
const ACT_TIMEOUT: Duration = Duration::from_secs(3600);
/// The longest answer, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// `http://HOST:PORT`.
    Tcp {
        /// Host and port.
        authority: String,
    },
    /// `unix:/PATH`.
    Unix(PathBuf),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens there.
    #[error(
        "cannot reach a server at {server}: {source}; start one with `ringside serve`, or name its address"
    )]
    Unreachable { server: Server, source: std::io::Error },
    /// It took too long.
    #[error("{server}: expected an answer within {seconds} s, found none; is the server overloaded?")]
    Late { server: Server, seconds: u64 },
    /// The connection ended, or what came is no HTTP.
    #[error("{server}: expected an HTTP answer, found a fault: {message}; is it a Ringside?")]
    Broken { server: Server, message: String },
    /// Another status than 200.
    #[error("{server}: {path}: expected status 200, found {status}: {message}")]
    Refused {
        server: Server,
        path: String,
        status: StatusCode,
        message: String,
    },
    /// No runtime for the connection.
    #[error("cannot start a connection: {0}")]
    Runtime(std::io::Error),
}

impl Server {
    /// The server on `address`.
    pub(super) fn at(address: SocketAddr) -> Server {
        Server::Tcp {
            authority: address.to_string(),
        }
    }

    /// The body of the answer to `GET path_and_query`.
    ///
    /// # Errors
    /// There is none, or its status is not 200.
    pub(super) fn get(&self, path_and_query: &str) -> Result<Bytes, ClientError> {
        self.ask(Method::GET, path_and_query, Bytes::new(), TIMEOUT)
    }

    /// The body of the answer to `POST path` with the JSON `body`, an act that may take as long as it needs.
    ///
    /// # Errors
    /// There is none, or its status is not 200.
    pub(super) fn post(&self, path: &str, body: &serde_json::Value) -> Result<Bytes, ClientError> {
        self.ask(Method::POST, path, body.to_string().into(), ACT_TIMEOUT)
    }

    fn ask(&self, method: Method, path: &str, body: Bytes, timeout: Duration) -> Result<Bytes, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ClientError::Runtime)?;
        runtime.block_on(async {
            tokio::time::timeout(timeout, self.request(method, path, body))
                .await
                .unwrap_or_else(|_| {
                    Err(ClientError::Late {
                        server: self.clone(),
                        seconds: timeout.as_secs(),
                    })
                })
        })
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            server: self.clone(),
            source,
        };
        match self {
            Server::Tcp { authority } => {
                let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
                self.exchange(stream, authority, method, path, body).await
            }
            Server::Unix(socket) => {
                let short = ShortPath::of(socket).map_err(unreachable)?;
                let stream = UnixStream::connect(&short.path).await.map_err(unreachable)?;
                self.exchange(stream, "localhost", method, path, body).await
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        host: &str,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |message: String| ClientError::Broken {
            server: self.clone(),
            message,
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(error.to_string()))?;
        // Ends with the runtime, once the answer is there.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .header(hyper::header::HOST, host)
            .header(hyper::header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| broken(error.to_string()))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| broken(error.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|error| broken(error.to_string()))?
            .to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(ClientError::Refused {
            server: self.clone(),
            path: path.split('?').next().unwrap_or_default().to_owned(),
            status,
            message: message(&body),
        })
    }
}

/// What an error's body says, in one line.
fn message(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let told = json
        .as_ref()
        .and_then(|json| json.pointer("/error/message")?.as_str());
    match told {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body)
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect(),
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Server, String> {
        let unfit = || format!("expected http://HOST:PORT or unix:/PATH, found {text:?}");
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(unfit())
            } else {
                Ok(Server::Unix(PathBuf::from(path)))
            };
        }
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(unfit()),
            None => text,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.rsplit_once(':').ok_or_else(unfit)?;
        if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(unfit());
        }
        Ok(Server::Tcp {
            authority: authority.to_owned(),
        })
    }
}

impl Display for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Server::Tcp { authority } => write!(f, "http://{authority}"),
            Server::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// Reads a request, answers `answer`, and gives back what was asked.
    fn answer_once(mut stream: impl Read + Write, answer: &str) -> String {
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    }

    #[test]
    fn servers_are_asked_over_both_kinds_of_sockets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::at(listener.local_addr().unwrap());
        let answering = thread::spawn(move || {
            answer_once(
                listener.accept().unwrap().0,
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            )
        });
        assert_eq!(server.get("/v1/lookup?ani=1").unwrap(), "{}");
        let asked = answering.join().unwrap();
        assert!(asked.starts_with("GET /v1/lookup?ani=1 HTTP/1.1\r\n"), "{asked}");

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let answering = thread::spawn(move || {
            let body = r#"{"error":{"code":"x","message":"no such page"}}"#;
            let length = body.len();
            let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {length}\r\n\r\n{body}");
            answer_once(listener.accept().unwrap().0, &answer)
        });
        let error = Server::Unix(path).get("/explain?ani=1").unwrap_err().to_string();
        answering.join().unwrap();
        assert!(
            error.contains("/explain: expected status 200, found 404 Not Found: no such page"),
            "{error}"
        );
        assert!(!error.contains("ani="), "numbers stay out of errors: {error}");
    }

    #[test]
    fn what_is_no_http_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::at(listener.local_addr().unwrap());
        let answering = thread::spawn(move || answer_once(listener.accept().unwrap().0, "220 mail\r\n"));
        let error = server.get("/").unwrap_err().to_string();
        answering.join().unwrap();
        assert!(error.contains("expected an HTTP answer"), "{error}");
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("http://127.0.0.1:7464", "http://127.0.0.1:7464"),
            ("http://[::1]:7464/", "http://[::1]:7464"),
            ("localhost:7464", "http://localhost:7464"),
            ("unix:/run/ringside.sock", "unix:/run/ringside.sock"),
            ("unix:///run/ringside.sock", "unix:/run/ringside.sock"),
        ] {
            let server: Result<Server, String> = text.parse();
            assert_eq!(server.map(|server| server.to_string()).as_deref(), Ok(shown));
        }
        for text in [
            "",
            "https://host:1",
            "http://host",
            "http://:1",
            "unix:",
            "http://host:x",
            "a/b:1",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_is_told_in_its_own_words() {
        assert_eq!(
            message(br#"{"error":{"code":"region","message":"unknown region"}}"#),
            "unknown region"
        );
        assert_eq!(message(b"Not found\nmore"), "Not found");
    }
}
