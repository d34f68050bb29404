//! From a dialect's reply to HTTP: hyper's response, or the bytes of a head.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::shadow::Outgoing;
use crate::callers::{JSON, Reply};

/// How a key may be shown.
const CHALLENGES: [&str; 2] = ["Bearer realm=\"ringside\"", "Basic realm=\"ringside\""];
/// Who is calling may change with the next call.
const CACHE: (&str, &str) = ("cache-control", "no-store");
const CONTENT_TYPE: &str = "content-type";
const LENGTH: &[u8] = b"content-length: ";
const END: &[u8] = b"\r\n\r\n";

/// The response that `reply` and its body make.
pub(super) fn response(reply: &Reply, body: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::from(body));
    *response.status_mut() = status(reply);
    let headers = response.headers_mut();
    headers.append(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.append(CACHE.0, HeaderValue::from_static(CACHE.1));
    rest(reply, |name, value| {
        // What no header may hold is left out, as `head` does.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    });
    response
}

/// Writes the head of `reply` with a body of `length` bytes behind `out`, as of `date`, an IMF-fixdate of RFC 9110.
pub(super) fn head(reply: &Reply, length: usize, date: &str, out: &mut Vec<u8>) {
    let status = status(reply);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut field = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    };
    field(CONTENT_TYPE, reply.content_type);
    field(CACHE.0, CACHE.1);
    rest(reply, |name, value| {
        if HeaderValue::from_str(value).is_ok() {
            field(name, value);
        }
    });
    field("date", date);
    out.extend_from_slice(LENGTH);
    end(length, out);
}

/// Writes the end of a head, behind all but the digits of the body's `length`.
#[inline]
pub(super) fn end(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(END);
}

/// Whether `reply` has the head that nearly all have: [`usual`].
#[inline]
pub(super) fn is_usual(reply: &Reply) -> bool {
    reply.status == 200
        && reply.content_type == JSON
        && reply.allow.is_none()
        && reply.location.is_none()
        && reply.retry_after_s.is_none()
        && reply.headers.is_empty()
}

/// The head of a usual reply as of `date`, up to the digits of the body's length.
pub(super) fn usual(date: &str) -> Vec<u8> {
    let mut out = Vec::new();
    head(&Reply::json(200), 0, date, &mut out);
    out.truncate(out.len() - END.len() - 1);
    out
}

fn status(reply: &Reply) -> StatusCode {
    StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Calls `field` with the headers of `reply` that not every reply has.
fn rest(reply: &Reply, mut field: impl FnMut(&'static str, &str)) {
    if let Some(allow) = reply.allow {
        field("allow", allow);
    }
    if reply.status == 401 {
        for scheme in CHALLENGES {
            field("www-authenticate", scheme);
        }
    }
    if let Some(location) = &reply.location {
        field("location", location);
    }
    for (name, value) in reply.headers {
        field(name, value);
    }
    if let Some(seconds) = reply.retry_after_s {
        field("retry-after", itoa::Buffer::new().format(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_head_is_for_replies_with_nothing_of_their_own() {
        let usual = Reply::json(200);
        assert!(is_usual(&usual));
        for other in [
            Reply::json(404),
            Reply {
                content_type: "text/plain",
                ..usual.clone()
            },
            Reply {
                allow: Some("GET"),
                ..usual.clone()
            },
            Reply {
                retry_after_s: Some(1),
                ..usual.clone()
            },
            Reply {
                location: Some("/".into()),
                ..usual.clone()
            },
            Reply {
                headers: &[("x-a", "b")],
                ..usual
            },
        ] {
            assert!(!is_usual(&other), "{other:?}");
        }
    }
}
