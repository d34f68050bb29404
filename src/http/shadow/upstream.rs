//! What answered until now: where it is, and one worker's connections to it.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::ShadowError;
use super::settings::ShadowSettings;
use crate::feed::secure::Tls;

/// The longest answer that is held and compared, in bytes; more is passed on as it comes.
const WHOLE_MAX: usize = 1 << 20;
/// Connections of one worker that are kept without a request, and for how long.
const IDLE_MAX: usize = 64;
const IDLE: Duration = Duration::from_secs(30);

/// Where the other system is, and how long it is waited for.
pub(super) struct Upstream {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// The value of `Host`.
    pub(super) authority: HeaderValue,
    pub(super) timeout: Duration,
    pub(super) in_flight_max: usize,
}

/// A worker's connections to one upstream.
#[derive(Debug, Default)]
pub(in crate::http) struct Connections {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// Whom they lead to.
    upstream: Option<Arc<Upstream>>,
    connections: Vec<(Instant, Sender)>,
}

type Sender = SendRequest<Full<Bytes>>;

/// What is asked of the upstream.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Its answer.
#[derive(Debug)]
pub(super) enum Answered {
    Whole(Parts, Bytes),
    /// One that is longer than what is held: its beginning, and the rest to come.
    Long(Parts, Bytes, Incoming),
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is to be reached, or it is not trusted.
    Unreachable,
    /// The connection ended, or what came is no HTTP.
    Broken,
    /// It took too long.
    Late,
    /// As many wait for it as may.
    Busy,
}

/// A place among those that wait for the upstream, until dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

/// What a connection is made over.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<W: AsyncRead + AsyncWrite + Unpin + Send> Wire for W {}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// The upstream of `settings`; `None` where they have none.
    ///
    /// # Errors
    /// Its address is none, or a file cannot be used.
    pub(super) fn new(settings: &ShadowSettings) -> Result<Option<Upstream>, ShadowError> {
        if !settings.is_on() {
            return Ok(None);
        }
        let origin = settings.origin()?;
        let is_tls = origin.scheme_str() == Some("https");
        let host = origin.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = origin.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = is_tls.then(|| {
            let files = Tls {
                enabled: true,
                ca: settings.ca.clone(),
                certificate: settings.certificate.clone(),
                key: settings.key.clone(),
            };
            let config = files.client().map_err(|error| ShadowError::of_file(&error))?;
            let name = ServerName::try_from(host.clone()).map_err(|_| ShadowError::Name)?;
            Ok::<_, ShadowError>((TlsConnector::from(config), name))
        });
        let authority = origin.authority().map_or("", |authority| authority.as_str());
        Ok(Some(Upstream {
            tls: tls.transpose()?,
            authority: HeaderValue::from_str(authority).map_err(|_| ShadowError::Name)?,
            host,
            port,
            timeout: Duration::from_millis(settings.timeout_ms),
            in_flight_max: settings.in_flight_max,
        }))
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
        // Ends when the sender is dropped, or with the worker's runtime.
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Place {
    /// A place among `most` that `waiting` counts; `None` where there is none left.
    pub(super) fn take(waiting: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
        let more = |taken| (taken < most).then_some(taken + 1);
        waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Place(Arc::clone(waiting)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    /// Asks `upstream`, within its time.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) async fn ask(
        &self,
        upstream: &Arc<Upstream>,
        question: &Question,
    ) -> Result<Answered, Failure> {
        let asked = tokio::time::timeout(upstream.timeout, self.ask_patiently(upstream, question));
        asked.await.unwrap_or(Err(Failure::Late))
    }

    async fn ask_patiently(
        &self,
        upstream: &Arc<Upstream>,
        question: &Question,
    ) -> Result<Answered, Failure> {
        let (mut sender, answer) = self.send(upstream, question).await?;
        let (head, mut body) = answer.into_parts();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::Broken)?;
            let Ok(data) = frame.into_data() else { continue };
            read.extend_from_slice(&data);
            if read.len() > WHOLE_MAX {
                return Ok(Answered::Long(head, read.freeze(), body));
            }
        }
        // It is ready once its connection has seen the end, too.
        if sender.ready().await.is_ok() {
            self.keep(upstream, sender);
        }
        Ok(Answered::Whole(head, read.freeze()))
    }

    /// Sends on a connection that there is, or on a new one. The upstream may close one that was idle just when it is used
    /// again: what it cannot have acted upon is sent once more.
    async fn send(
        &self,
        upstream: &Arc<Upstream>,
        question: &Question,
    ) -> Result<(Sender, Response<Incoming>), Failure> {
        while let Some(mut sender) = self.idle(upstream) {
            match sender.try_send_request(question.request()).await {
                Ok(answer) => return Ok((sender, answer)),
                Err(mut error) => {
                    let is_safe = matches!(question.method, Method::GET | Method::HEAD);
                    if error.take_message().is_none() && !is_safe {
                        return Err(Failure::Broken);
                    }
                }
            }
        }
        let mut sender = upstream.connect().await.map_err(|error| {
            tracing::debug!(%error, "the upstream cannot be reached");
            Failure::Unreachable
        })?;
        match sender.send_request(question.request()).await {
            Ok(answer) => Ok((sender, answer)),
            // What the error says may repeat what was sent.
            Err(_) => Err(Failure::Broken),
        }
    }

    /// A connection to `upstream` that is ready for a request.
    fn idle(&self, upstream: &Arc<Upstream>) -> Option<Sender> {
        let mut idle = self.locked();
        if !idle.leads_to(upstream) {
            idle.connections.clear();
        }
        while let Some((since, sender)) = idle.connections.pop() {
            if since.elapsed() < IDLE && sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, upstream: &Arc<Upstream>, sender: Sender) {
        let mut idle = self.locked();
        if !idle.leads_to(upstream) {
            idle.connections.clear();
            idle.upstream = Some(Arc::clone(upstream));
        }
        if idle.connections.len() < IDLE_MAX {
            idle.connections.push((Instant::now(), sender));
        }
    }

    fn locked(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn leads_to(&self, upstream: &Arc<Upstream>) -> bool {
        self.upstream
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, upstream))
    }
}

impl Question {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
