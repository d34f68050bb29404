//! One request to another running server's administration, over TCP, TLS or a Unix socket: what commands ask, and what one
//! node of a pair asks the other.

mod error;

use std::fmt::{self, Display, Formatter};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

pub use error::ClientError;

use super::{ShortPath, is_open_to_others, trusting};
use crate::telemetry::Redacted;

/// How long a person waits for an answer, and a node for the other's.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an act may take: verifying and comparing tens of millions of customers takes minutes.
const ACT_TIMEOUT: Duration = Duration::from_secs(3600);
/// The longest answer, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// `http://HOST:PORT`.
    Tcp {
        /// Host and port.
        authority: String,
    },
    /// `https://HOST:PORT`.
    Tls {
        /// Host and port.
        authority: String,
    },
    /// `unix:/PATH`.
    Unix(PathBuf),
}

/// The longest file of a key that is read, in bytes.
const KEY_FILE_MAX: u64 = 4096;

/// What is shown to a server and asked of it.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    key: Option<Redacted<String>>,
    tls: Option<Arc<ClientConfig>>,
}

impl Trust {
    /// Shows `key`, where there is one, and asks of whoever speaks TLS for a certificate that leads to those of the file
    /// `ca`, in PEM.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn new(key: Option<String>, ca: Option<&Path>) -> Result<Trust, ClientError> {
        let tls = ca.map(trusting).transpose()?;
        Ok(Trust {
            key: key.map(|key| Redacted::new(key.trim().to_owned())),
            tls: tls.map(Arc::new),
        })
    }
}

/// The key in `file`, which has nothing else in it. Says so in the log where everybody may read it.
///
/// # Errors
/// It cannot be read, is empty, or has several words.
pub fn key_in(file: &Path) -> Result<String, ClientError> {
    let unfit = |found: String| ClientError::KeyFile {
        file: file.to_owned(),
        found,
    };
    let opened = std::fs::File::open(file).map_err(|error| unfit(error.to_string()))?;
    if is_open_to_others(file) {
        tracing::warn!(
            file = %file.display(),
            "everybody on this machine can read this key; take that from them, with `chmod o-rw`, and make another key"
        );
    }
    let mut key = String::new();
    opened
        .take(KEY_FILE_MAX)
        .read_to_string(&mut key)
        .map_err(|error| unfit(error.to_string()))?;
    match key.split_whitespace().count() {
        1 => Ok(key),
        0 => Err(unfit("an empty one".to_owned())),
        _ => Err(unfit("several words".to_owned())),
    }
}

impl Server {
    /// The server on `address`.
    pub fn at(address: SocketAddr) -> Server {
        Server::Tcp {
            authority: address.to_string(),
        }
    }

    /// The body of the answer to `GET path_and_query`, showing and asking for what `trust` says.
    ///
    /// # Errors
    /// There is none, its status is not 200, or the server is not to be trusted.
    pub fn get(&self, path_and_query: &str, trust: &Trust) -> Result<Bytes, ClientError> {
        self.ask(Method::GET, path_and_query, Bytes::new(), TIMEOUT, trust)
    }

    /// The same, from whoever answers `within` that time.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub fn get_within(
        &self,
        path_and_query: &str,
        trust: &Trust,
        within: Duration,
    ) -> Result<Bytes, ClientError> {
        self.ask(Method::GET, path_and_query, Bytes::new(), within, trust)
    }

    /// The body of the answer to `POST path` with the JSON `body`, an act that may take as long as it needs.
    ///
    /// # Errors
    /// There is none, its status is not 200, or the server is not to be trusted.
    pub fn post(&self, path: &str, body: &serde_json::Value, trust: &Trust) -> Result<Bytes, ClientError> {
        self.post_within(path, body, trust, ACT_TIMEOUT)
    }

    /// The same, of whoever answers `within` that time. What was asked for may be done all the same.
    ///
    /// # Errors
    /// As [`Server::post`].
    pub fn post_within(
        &self,
        path: &str,
        body: &serde_json::Value,
        trust: &Trust,
        within: Duration,
    ) -> Result<Bytes, ClientError> {
        self.ask(Method::POST, path, body.to_string().into(), within, trust)
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        timeout: Duration,
        trust: &Trust,
    ) -> Result<Bytes, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ClientError::Runtime)?;
        runtime.block_on(async {
            tokio::time::timeout(timeout, self.request(method, path, body, trust))
                .await
                .unwrap_or_else(|_| {
                    Err(ClientError::Late {
                        server: self.clone(),
                        seconds: timeout.as_secs(),
                    })
                })
        })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        trust: &Trust,
    ) -> Result<Bytes, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            server: self.clone(),
            source,
        };
        match self {
            Server::Tcp { authority } => {
                let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
                self.exchange(stream, authority, method, path, body, trust).await
            }
            Server::Tls { authority } => {
                let tls = trust.tls.clone();
                let tls = tls.ok_or_else(|| ClientError::NoCa { server: self.clone() })?;
                let host = authority
                    .rsplit_once(':')
                    .map_or(authority.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(host).map_err(|error| {
                    unreachable(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
                })?;
                let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
                let stream = TlsConnector::from(tls).connect(name, stream).await;
                let stream = stream.map_err(|error| ClientError::Handshake {
                    server: self.clone(),
                    message: handshake(&error),
                })?;
                self.exchange(stream, authority, method, path, body, trust).await
            }
            Server::Unix(socket) => {
                let short = ShortPath::of(socket).map_err(unreachable)?;
                let stream = UnixStream::connect(&short.path).await.map_err(unreachable)?;
                self.exchange(stream, "localhost", method, path, body, trust)
                    .await
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
        trust: &Trust,
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
        let mut request = Request::builder();
        if let Some(key) = &trust.key {
            request = request.header(hyper::header::AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let request = request
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
        let (server, message) = (self.clone(), message(&body));
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED => ClientError::Unauthorized {
                server,
                path,
                message,
            },
            _ => ClientError::Refused {
                server,
                path,
                status,
                message,
            },
        })
    }
}

/// What went wrong before a server was trusted, and what to do about it.
fn handshake(error: &std::io::Error) -> String {
    let told = error.to_string();
    // `openssl req -x509` makes such certificates unless it is told otherwise.
    let advice = if told.contains("CaUsedAsEndEntity") {
        "; it is an authority's own, which serves nobody: make one with \
         `openssl req -x509 … -addext basicConstraints=critical,CA:FALSE`"
    } else if told.contains("UnknownIssuer") || told.contains("BadSignature") {
        "; name the file of the authority that issued it, or its own where nobody else did"
    } else if told.contains("NotValidForName") {
        "; ask for a name that it holds, or have its subjectAltName name this one"
    } else if told.contains("InvalidContentType") {
        "; is it http://?"
    } else {
        ""
    };
    format!("{told}{advice}")
}

/// What an error's body says, in one line.
pub fn message(body: &[u8]) -> String {
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
        let unfit = || format!("expected http://HOST:PORT, https://HOST:PORT or unix:/PATH, found {text:?}");
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(unfit())
            } else {
                Ok(Server::Unix(PathBuf::from(path)))
            };
        }
        let (rest, is_tls) = match text.split_once("://") {
            Some(("http", rest)) => (rest, false),
            Some(("https", rest)) => (rest, true),
            Some(_) => return Err(unfit()),
            None => (text, false),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.rsplit_once(':').ok_or_else(unfit)?;
        if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(unfit());
        }
        let authority = authority.to_owned();
        Ok(match is_tls {
            true => Server::Tls { authority },
            false => Server::Tcp { authority },
        })
    }
}

impl Display for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Server::Tcp { authority } => write!(f, "http://{authority}"),
            Server::Tls { authority } => write!(f, "https://{authority}"),
            Server::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::Write;
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
        assert_eq!(server.get("/v1/lookup?ani=1", &Trust::default()).unwrap(), "{}");
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
        let error = Server::Unix(path)
            .get("/explain?ani=1", &Trust::default())
            .unwrap_err()
            .to_string();
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
        let error = server.get("/", &Trust::default()).unwrap_err().to_string();
        answering.join().unwrap();
        assert!(error.contains("expected an HTTP answer"), "{error}");
    }

    #[test]
    fn a_key_that_everybody_may_read_is_known() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("peer.key");
        std::fs::write(&file, "secret\n").unwrap();
        for (mode, is_open) in [(0o400, false), (0o640, false), (0o644, true)] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_others(&file), is_open, "{mode:o}");
            assert_eq!(key_in(&file).unwrap().trim(), "secret");
        }
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("http://127.0.0.1:7464", "http://127.0.0.1:7464"),
            ("http://[::1]:7464/", "http://[::1]:7464"),
            ("https://pbx.example:7464", "https://pbx.example:7464"),
            ("localhost:7464", "http://localhost:7464"),
            ("unix:/run/ringside.sock", "unix:/run/ringside.sock"),
            ("unix:///run/ringside.sock", "unix:/run/ringside.sock"),
        ] {
            let server: Result<Server, String> = text.parse();
            assert_eq!(server.map(|server| server.to_string()).as_deref(), Ok(shown));
        }
        for text in [
            "",
            "ftp://host:1",
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
