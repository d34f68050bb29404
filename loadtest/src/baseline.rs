//! The bare server: hyper answering a constant, which is what no HTTP server on hyper can beat.

use std::convert::Infallible;
use std::io::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::{LocalSet, spawn_local};

use crate::pops::reference;

/// Options of `loadtest baseline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Address to listen on; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
    /// Bytes of the body.
    #[arg(long, default_value_t = 600)]
    bytes: usize,
    /// Also take WebSockets, and send their frames back.
    #[arg(long)]
    echo: bool,
}

/// Serves until the process is ended.
pub(crate) fn serve(options: &Options) -> Result<(), Error> {
    let ready = |address| println!("listening on {address}");
    if options.echo {
        return reference::serve_at(options.address, options.bytes, ready);
    }
    serve_at(options.address, options.bytes, ready)
}

/// Serves `bytes` bytes without end at `address`; `ready` is told where that came to be.
pub(crate) fn serve_at(
    address: SocketAddr,
    bytes: usize,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
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
                let answer = service_fn(move |_: Request<Incoming>| {
                    let mut response = Response::new(Full::new(body.clone()));
                    let headers = response.headers_mut();
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    async move { Ok::<_, Infallible>(response) }
                });
                // A client that goes away is no fault of the server's.
                let _gone = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    })
}
