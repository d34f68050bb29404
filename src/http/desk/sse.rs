//! What a desktop is told as server-sent events.

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::fault::Fault;
use super::listening::{Hello, Item, Listening, Opening, Told};
use crate::http::meters::Listener;
use crate::http::shadow::Outgoing;

/// Events that are there at once are written together, up to about so many bytes.
const AT_ONCE: usize = 16 << 10;
/// Room for most events.
const USUAL: usize = 2 << 10;
/// How long an `EventSource` waits until it comes back, as a field of the stream.
const RETRY: &[u8] = b"retry: 1000\n";
/// The same where the address goes to another node, which takes less than that.
const RETRY_SOON: &[u8] = b"retry: 150\n\n";
const HEARTBEAT: &[u8] = b": heartbeat\n\n";

/// The body of an answer that tells what happens.
pub(in crate::http) struct Events {
    /// `None` once it has ended.
    listening: Option<Listening>,
}

/// The answer that tells what happens from here on.
pub(in crate::http) fn open(opening: Opening<'_>) -> Result<Response<Outgoing>, Fault> {
    let listening = Listening::begin(opening, Listener::Events)?;
    let events = Events {
        listening: Some(listening),
    };
    let mut response = Response::new(Outgoing::Events(Box::new(events)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that collects bytes would hold pops back.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

/// The last message that a desktop knows, as a request says: the header `Last-Event-ID`, which a browser sends when it
/// comes back, or `last_event_id` in the `query`. What is no id is none: the desktop is told everything.
pub(in crate::http) fn last_event_id(headers: &HeaderMap, query: &str) -> Option<u64> {
    let header = headers.get("last-event-id").map(HeaderValue::as_bytes);
    let parameter = || {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == "last_event_id")
            .map(|(_, value)| value.as_bytes())
    };
    // The header is the newer one: a browser asks with the same query again.
    str::from_utf8(header.or_else(parameter)?).ok()?.parse().ok()
}

impl Events {
    /// The next bytes; `None` at the end.
    pub(in crate::http) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(listening) = &mut self.listening else {
            return Poll::Ready(None);
        };
        let mut out = BytesMut::new();
        while out.len() < AT_ONCE {
            match listening.poll(context) {
                Poll::Ready(Told::Hello(hello)) => write_hello(listening, hello, &mut out),
                Poll::Ready(Told::Item(item)) => write(listening, &item, &mut out),
                Poll::Ready(Told::Heartbeat) => out.extend_from_slice(HEARTBEAT),
                Poll::Ready(Told::End(_)) => {
                    if listening.watch.is_draining() {
                        out.extend_from_slice(RETRY_SOON);
                    }
                    self.listening = None;
                    break;
                }
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready((!out.is_empty()).then(|| out.freeze()))
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

fn write_hello(listening: &Listening, hello: Hello, out: &mut BytesMut) {
    out.extend_from_slice(RETRY);
    if let Some(place) = hello.place() {
        write_id(place, out);
    }
    out.extend_from_slice(b"event: hello\ndata: ");
    listening.write_hello(hello, out);
    out.extend_from_slice(b"\n\n");
}

fn write(listening: &Listening, item: &Item, out: &mut BytesMut) {
    out.reserve(USUAL);
    if item.is_place {
        write_id(item.message.id, out);
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(item.message.kind.as_str().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let begin = out.len();
    listening.render.render(&item.message, out);
    flatten(&mut out[begin..]);
    out.extend_from_slice(b"\n\n");
}

fn write_id(id: u64, out: &mut BytesMut) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    out.extend_from_slice(b"\n");
}

/// A line break would end a field and begin another one; in JSON it can only stand where a blank can.
fn flatten(json: &mut [u8]) {
    let mut rest = json;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        rest[at] = b' ';
        rest = &mut rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_id_is_the_headers_and_then_the_querys() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_event_id(&headers, ""), None);
        assert_eq!(last_event_id(&headers, "a=1&last_event_id=7&b"), Some(7));
        assert_eq!(last_event_id(&headers, "last_event_id="), None);
        headers.insert("last-event-id", HeaderValue::from_static("9"));
        assert_eq!(last_event_id(&headers, "last_event_id=7"), Some(9));
        headers.insert("last-event-id", HeaderValue::from_static("x"));
        assert_eq!(last_event_id(&headers, "last_event_id=7"), None);
    }

    #[test]
    fn line_breaks_in_json_do_not_begin_fields() {
        let mut json = *b"{\"a\":\r\n1}\n";
        flatten(&mut json);
        assert_eq!(&json, b"{\"a\":  1} ");
    }
}
