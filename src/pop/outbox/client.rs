//! One server over HTTP: its address, what is shown to it, and connections to it.

mod auth;

use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::OutboxError;
use super::settings::Settings;
use crate::feed::secure;
use auth::Shown;

/// Connections that are kept without a request, and for how long: most servers close theirs after five seconds or more.
const IDLE_MAX: usize = 16;
const IDLE: Duration = Duration::from_secs(4);
const AGENT: &str = concat!("ringside/", env!("CARGO_PKG_VERSION"));

/// A server.
pub(super) struct Client {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    authority: HeaderValue,
    /// What every path begins with, without a slash at its end.
    base: String,
    shown: Shown,
    idle: Mutex<Vec<(Instant, Sender)>>,
}

type Sender = SendRequest<Full<Bytes>>;

/// What is asked.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query, behind what the address has of a path.
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON, or nothing.
    pub(super) body: Bytes,
}

/// A whole answer.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is to be reached, or it is not trusted.
    Unreachable,
    /// It took too long.
    Late,
    /// The connection ended before the answer did, or what came is no HTTP.
    Broken,
    /// The answer is longer than what is read of one.
    TooLong,
}

/// What a connection is made over.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<W: AsyncRead + AsyncWrite + Unpin + Send> Wire for W {}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The server of `settings`, which are checked.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(super) fn new(settings: &Settings) -> Result<Client, OutboxError> {
        let unfit = || OutboxError::Settings {
            key: "url",
            why: "expected http://HOST[:PORT][/PATH] or https://…".to_owned(),
        };
        let uri: Uri = settings.url.parse().map_err(|_| unfit())?;
        let authority = uri.authority().ok_or_else(unfit)?;
        let is_tls = uri.scheme_str() == Some("https");
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = is_tls.then(|| {
            let files = secure::Tls {
                enabled: true,
                ca: settings.tls.ca.clone(),
                certificate: settings.tls.certificate.clone(),
                key: settings.tls.key.clone(),
            };
            let config = files.client().map_err(|error| OutboxError::Settings {
                key: "tls",
                why: error.to_string(),
            })?;
            let name = ServerName::try_from(host.clone()).map_err(|_| unfit())?;
            Ok::<_, OutboxError>((TlsConnector::from(config), name))
        });
        let base = uri
            .path_and_query()
            .map_or("", |path| path.as_str())
            .trim_end_matches('/');
        Ok(Client {
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            tls: tls.transpose()?,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| unfit())?,
            base: base.to_owned(),
            shown: Shown::new(&settings.auth)?,
            host,
            idle: Mutex::default(),
        })
    }

    /// Asks it; `within` is for connecting, and again for the answer, of which at most `most` bytes are read.
    ///
    /// # Errors
    /// There is no whole answer.
    pub(super) async fn ask(
        &self,
        asked: &Asked,
        within: Duration,
        most: usize,
    ) -> Result<Answered, Failure> {
        // A server may close an idle connection just when it is used again. Whether it has read the request nobody knows;
        // with its idempotency key, or as a question, it can be sent again.
        let known = self.idle();
        if let Some(sender) = known {
            match self.ask_on(sender, asked, within, most).await {
                Err(Failure::Broken) => {}
                done => return done,
            }
        }
        let connecting = tokio::time::timeout(within, self.connect());
        let sender = match connecting.await {
            Ok(Ok(sender)) => sender,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the system of record cannot be reached");
                return Err(Failure::Unreachable);
            }
            Err(_) => return Err(Failure::Unreachable),
        };
        self.ask_on(sender, asked, within, most).await
    }

    async fn ask_on(
        &self,
        mut sender: Sender,
        asked: &Asked,
        within: Duration,
        most: usize,
    ) -> Result<Answered, Failure> {
        let asking = async {
            let answer = sender
                .send_request(self.request(asked)?)
                .await
                // What the error says may repeat what was sent.
                .map_err(|_| Failure::Broken)?;
            let answered = whole(answer, most).await?;
            Ok((answered, sender))
        };
        let (answered, sender) = tokio::time::timeout(within, asking)
            .await
            .unwrap_or(Err(Failure::Late))?;
        if answered.status == StatusCode::UNAUTHORIZED {
            self.shown.read_again();
        }
        self.keep(sender);
        Ok(answered)
    }

    fn request(&self, asked: &Asked) -> Result<Request<Full<Bytes>>, Failure> {
        let target = format!("{}{}", self.base, asked.path);
        let target = if target.is_empty() { "/" } else { &target };
        let mut request = Request::new(Full::new(asked.body.clone()));
        // Its path was checked when it was configured, and values in it are encoded.
        *request.uri_mut() = target.parse().map_err(|_| Failure::Broken)?;
        *request.method_mut() = asked.method.clone();
        let headers = request.headers_mut();
        for (name, value) in &asked.headers {
            headers.insert(name, value.clone());
        }
        headers.insert(HOST, self.authority.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !asked.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some((name, value)) = self.shown.header() {
            headers.insert(name, value);
        }
        Ok(request)
    }

    async fn connect(&self) -> io::Result<Sender> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(wire))
            .await
            .map_err(io::Error::other)?;
        // Ends when the sender is dropped, or with the runtime.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> Option<Sender> {
        let mut idle = self.locked();
        while let Some((since, sender)) = idle.pop() {
            if since.elapsed() < IDLE && sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.locked();
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push((Instant::now(), sender));
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<(Instant, Sender)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn whole(answer: Response<Incoming>, most: usize) -> Result<Answered, Failure> {
    let (head, mut body) = answer.into_parts();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Broken)?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > most {
            return Err(Failure::TooLong);
        }
        read.extend_from_slice(&data);
    }
    Ok(Answered {
        status: head.status,
        headers: head.headers,
        body: read.freeze(),
    })
}
