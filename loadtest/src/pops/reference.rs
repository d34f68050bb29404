//! The server that pops are measured beside: hyper, which answers posts with a constant, and sends frames of WebSockets
//! back.

use std::convert::Infallible;
use std::io::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::{LocalSet, spawn_local};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

/// Serves answers of `bytes` bytes, and frames that come back, without end at `address`; `ready` is told where that came
/// to be.
pub(crate) fn serve_at(
    address: SocketAddr,
    bytes: usize,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    super::raise_files()?;
    let body = Bytes::from(vec![b' '; bytes]);
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(address).await?;
        ready(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let body = body.clone();
            spawn_local(async move {
                let answer = service_fn(move |request| answer(request, body.clone()));
                // A client that goes away is no fault of the server's.
                let _gone = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .with_upgrades()
                    .await;
            });
        }
    })
}

async fn answer(mut request: Request<Incoming>, body: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        let _gone = request.into_body().collect().await;
        let mut response = Response::new(Full::new(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(response);
    };
    let upgrade = hyper::upgrade::on(&mut request);
    spawn_local(async move {
        if let Ok(upgraded) = upgrade.await {
            let config = WebSocketConfig::default()
                .read_buffer_size(512)
                .write_buffer_size(0);
            let io = TokioIo::new(upgraded);
            let mut stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            while let Some(Ok(frame)) = stream.next().await {
                if matches!(frame, Message::Text(_)) && stream.send(frame).await.is_err() {
                    return;
                }
            }
        }
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}
