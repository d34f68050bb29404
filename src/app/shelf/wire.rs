//! HTTP for the object store's library: by the client and the cryptography that everything here uses.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Uri;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may take, with all of its body and its answer's.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// The longest answer, in bytes.
const MOST_BYTES: usize = 64 << 20;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Makes a connection for each request: those are few, and of many megabytes.
#[derive(Clone)]
pub(super) struct Wire(pub(super) Arc<ClientConfig>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Wire {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let late = |_| failed(HttpErrorKind::Timeout, "the server did not answer in time");
            tokio::time::timeout(ANSWER_WITHIN, self.answered(request))
                .await
                .map_err(late)?
        })
    }
}

impl Wire {
    async fn answered(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or_else(|| {
            failed(
                HttpErrorKind::Unknown,
                "expected a host in the address, found none",
            )
        })?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let connecting = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect((bare, port)));
        let stream = connecting
            .await
            .map_err(|_| {
                failed(
                    HttpErrorKind::Connect,
                    "the server did not take the connection in time",
                )
            })?
            .map_err(|error| failed(HttpErrorKind::Connect, error))?;
        if is_tls {
            let name = ServerName::try_from(bare.to_owned());
            let name = name.map_err(|error| failed(HttpErrorKind::Unknown, error))?;
            let secure = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream);
            let secure = secure
                .await
                .map_err(|error| failed(HttpErrorKind::Connect, error))?;
            exchanged(secure, request, &uri).await
        } else {
            exchanged(stream, request, &uri).await
        }
    }
}

async fn exchanged<S>(stream: S, mut request: HttpRequest, uri: &Uri) -> Result<HttpResponse, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake::<_, HttpRequestBody>(TokioIo::new(stream))
        .await
        .map_err(|error| failed(HttpErrorKind::Request, error))?;
    // Ends with the answer, or with the runtime.
    tokio::spawn(connection);
    let unfit = |error: Fault| failed(HttpErrorKind::Unknown, error);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority).map_err(|error| unfit(error.into()))?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path
        .parse()
        .map_err(|error: hyper::http::uri::InvalidUri| unfit(error.into()))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| failed(HttpErrorKind::Request, error))?;
    let (parts, body) = answer.into_parts();
    let body: Bytes = Limited::new(body, MOST_BYTES)
        .collect()
        .await
        .map_err(|error| failed(HttpErrorKind::Interrupted, error))?
        .to_bytes();
    Ok(HttpResponse::from_parts(parts, body.into()))
}

fn failed(kind: HttpErrorKind, error: impl Into<Fault>) -> HttpError {
    HttpError::new(kind, std::io::Error::other(error.into()))
}
