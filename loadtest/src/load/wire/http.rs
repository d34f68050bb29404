//! HTTP/1.1: lookups by `GET`, answers with a `content-length`.

use super::{Answer, Malformed, Said, digits};
use crate::load::schedule::Key;

/// Lookups over HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Http {
    /// Whether each request is to be its connection's last.
    pub(crate) is_last: bool,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) end: usize,
    /// Bytes of the body.
    pub(crate) length: usize,
    /// Whether the server ends the connection behind it.
    pub(crate) closes: bool,
}

/// The most header fields of an answer.
const MOST_FIELDS: usize = 64;

/// The head that `received` begins with; `None` while it is not whole.
///
/// # Errors
/// It is no HTTP/1, or does not say how long its body is.
pub(crate) fn head(received: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let end = match response.parse(received) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed("no HTTP/1.1")),
    };
    let status = response.code.ok_or(Malformed("no status"))?;
    let (mut length, mut closes) = (None, response.version == Some(0));
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(field.value)
                .ok()
                .and_then(|value| value.trim().parse().ok());
        } else if field.name.eq_ignore_ascii_case("connection") {
            closes = field.value.trim_ascii().eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(Head {
        status,
        end,
        length: length.ok_or(Malformed("a head without content-length"))?,
        closes,
    }))
}

impl Http {
    pub(super) fn request(self, key: Key, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /v1/lookup?ani=%2B");
        digits(key.number(), out);
        out.extend_from_slice(b" HTTP/1.1\r\nhost: ringside\r\n");
        if self.is_last {
            out.extend_from_slice(b"connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn answer(self, received: &[u8]) -> Result<Option<Answer>, Malformed> {
        let Some(head) = head(received)? else {
            return Ok(None);
        };
        let length = head.end.saturating_add(head.length);
        let Some(body) = received.get(head.end..length) else {
            return Ok(None);
        };
        let said = match head.status {
            200 if body.starts_with(b"{\"found\":true") => Said::Found,
            200 if body.starts_with(b"{\"found\":false") => Said::Missing,
            200 => Said::Constant,
            429 | 503 => Said::Refused,
            _ => Said::Unexpected,
        };
        Ok(Some(Answer {
            length,
            body: head.end..length,
            said,
            closes: head.closes,
        }))
    }
}
