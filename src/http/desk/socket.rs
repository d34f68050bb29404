//! What a desktop is told over a WebSocket, and the little that it may say there.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame, Role, WebSocketConfig};

use super::fault::Fault;
use super::handshake;
use super::listening::{Listening, Opening, Told};
use crate::http::deadline::Watch;
use crate::http::ending::Ending;
use crate::http::meters::{Ended, Listener};
use crate::http::shadow::Outgoing;

/// The longest frame and message of a desktop, in bytes.
const FRAME_MAX: usize = 4 << 10;
/// The most frames of a desktop within a second, pings and pongs among them.
const FRAMES_PER_S: u32 = 20;
/// What is read at once; most desktops say next to nothing.
const READ: usize = 512;
const HEARTBEAT: Utf8Bytes = Utf8Bytes::from_static("{\"type\":\"heartbeat\"}");

/// A connection that becomes a WebSocket.
pub(in crate::http) struct Socket {
    upgrade: OnUpgrade,
    listening: Listening,
    frames: Frames,
}

/// How many frames a desktop has sent in the second that runs.
struct Frames {
    since: Instant,
    count: u32,
}

/// What a desktop may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Ack { pop_id: String, tab: String },
}

/// The answer to the handshake in `headers`; the connection becomes a WebSocket once `upgrade` is had.
pub(in crate::http) fn open(
    headers: &HeaderMap,
    is_secure: bool,
    origins: &[String],
    upgrade: OnUpgrade,
    opening: Opening<'_>,
) -> Result<Response<Outgoing>, Fault> {
    let accept = handshake::accept(headers, is_secure, origins)?;
    let listening = Listening::begin(opening, Listener::Socket)?;
    let socket = Socket {
        upgrade,
        listening,
        frames: Frames {
            since: Instant::now(),
            count: 0,
        },
    };
    let mut response = Response::new(Outgoing::Socket(Some(Box::new(socket))));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(HeaderName::from_static("sec-websocket-accept"), accept);
    Ok(response)
}

impl Socket {
    /// Tells what happens until either side has had enough, or `ending` says so.
    pub(in crate::http) async fn serve(self: Box<Self>, ending: &mut Ending) {
        let Socket {
            upgrade,
            mut listening,
            mut frames,
        } = *self;
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_frame_size(Some(FRAME_MAX))
            .max_message_size(Some(FRAME_MAX));
        let io = TokioIo::new(upgraded);
        let mut stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let watch = Arc::clone(&listening.watch);
        let close = talk(&mut stream, &mut listening, &mut frames, ending).await;
        // Others may come in its place while the goodbye is on its way.
        drop(listening);
        end(stream, close, &watch).await;
    }
}

/// Tells and listens; gives the frame to close with, or `None` where the other side has gone.
async fn talk(
    stream: &mut WebSocketStream<TokioIo<Upgraded>>,
    listening: &mut Listening,
    frames: &mut Frames,
    ending: &mut Ending,
) -> Option<CloseFrame> {
    loop {
        let told = tokio::select! {
            biased;
            () = ending.ended() => listening.end(Ended::Stop),
            frame = stream.next() => match hear(frame, listening, frames) {
                Heard::Nothing => continue,
                Heard::Goodbye => return None,
                Heard::Wrong(code, reason) => {
                    listening.end(Ended::Fault);
                    return Some(CloseFrame { code, reason: reason.into() });
                }
            },
            told = poll_fn(|context| listening.poll(context)) => told,
        };
        let frame = match told {
            Told::End(ended) => return Some(closing(ended)),
            Told::Heartbeat => HEARTBEAT,
            Told::Hello(hello) => {
                let mut out = BytesMut::new();
                listening.write_hello(hello, &mut out);
                text(out.freeze())?
            }
            Told::Item(item) => {
                let mut out = BytesMut::new();
                listening.render.render(&item.message, &mut out);
                text(out.freeze())?
            }
        };
        if stream.send(Frame::Text(frame)).await.is_err() {
            return None;
        }
    }
}

/// What a frame of a desktop comes to.
enum Heard {
    Nothing,
    Goodbye,
    Wrong(CloseCode, &'static str),
}

fn hear(frame: Option<Result<Frame, Error>>, listening: &Listening, frames: &mut Frames) -> Heard {
    let frame = match frame {
        None => return Heard::Goodbye,
        Some(Ok(frame)) => frame,
        Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
            return Heard::Wrong(CloseCode::Size, "expected at most 4096 bytes");
        }
        Some(Err(Error::Utf8(_))) => return Heard::Wrong(CloseCode::Invalid, "expected UTF-8"),
        Some(Err(Error::Protocol(_))) => {
            return Heard::Wrong(CloseCode::Protocol, "expected frames of RFC 6455");
        }
        Some(Err(_)) => return Heard::Goodbye,
    };
    if frames.is_too_many(Instant::now()) {
        return Heard::Wrong(CloseCode::Policy, "expected at most 20 frames a second");
    }
    match frame {
        Frame::Text(text) => match serde_json::from_str(&text) {
            Ok(Said::Ack { pop_id, tab }) => {
                listening.render.acknowledge(&pop_id, &tab);
                Heard::Nothing
            }
            Err(_) => Heard::Wrong(
                CloseCode::Policy,
                r#"expected {"type":"ack","pop_id":"…","tab":"…"}"#,
            ),
        },
        Frame::Binary(_) => Heard::Wrong(CloseCode::Unsupported, "expected text"),
        // A ping is answered, and a goodbye returned, by whoever reads on.
        Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => Heard::Nothing,
    }
}

impl Frames {
    /// Counts one more; whether that is too many.
    fn is_too_many(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count > FRAMES_PER_S
    }
}

/// How a stream that ends by itself is closed.
fn closing(ended: Ended) -> CloseFrame {
    let (code, reason) = match ended {
        Ended::Stop => (CloseCode::Away, "the server stops; come back in a second"),
        Ended::Rules => (CloseCode::Restart, "the rules have changed; come back"),
        Ended::Behind => (CloseCode::Again, "too far behind; come back with last_event_id"),
        Ended::Anew => (CloseCode::Restart, "what you were told is void; come back"),
        Ended::Gone | Ended::Fault => (CloseCode::Normal, ""),
    };
    CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    }
}

/// Says goodbye, and lets the other side read it: what it still sends is thrown away for a while, for a connection that
/// is closed on it takes the goodbye back.
async fn end(mut stream: WebSocketStream<TokioIo<Upgraded>>, close: Option<CloseFrame>, watch: &Watch) {
    let is_ours = close.is_some();
    if is_ours && stream.close(close).await.is_err() {
        return;
    }
    watch.set_unread(is_ours);
    let _gone = stream.into_inner().shutdown().await;
}

/// JSON as a frame; what is no text ends the stream.
fn text(json: Bytes) -> Option<Utf8Bytes> {
    Utf8Bytes::try_from(json).ok()
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_by_the_second() {
        let begin = Instant::now();
        let mut frames = Frames {
            since: begin,
            count: 0,
        };
        assert!((0..FRAMES_PER_S).all(|_| !frames.is_too_many(begin)));
        assert!(frames.is_too_many(begin));
        assert!(!frames.is_too_many(begin + Duration::from_secs(1)));
    }
}
