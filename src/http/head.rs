//! What a request's head says, as far as anybody here reads it: taken from hyper's request, or by the lane from the bytes.

use std::borrow::Cow;

use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};

use super::access::Offered;
use super::settings::Heads;
use crate::callers::Refusal;

/// A request's head.
pub(super) struct Head<'r> {
    pub(super) method: &'r str,
    /// Not decoded.
    pub(super) path: &'r str,
    /// What stands behind the question mark, not decoded; empty where there is none.
    pub(super) query: &'r str,
    /// Whether there is a question mark.
    pub(super) has_query: bool,
    /// Of an absolute target.
    pub(super) authority: Option<&'r str>,
    pub(super) host: Option<&'r str>,
    pub(super) content_type: Option<&'r str>,
    /// The header `Diversion`; one that has several lines, which SIP allows, as one list.
    pub(super) diversion: Option<Cow<'r, str>>,
    pub(super) offered: Offered<'r>,
    /// Header fields, whatever they are.
    pub(super) fields: usize,
}

impl<'r> Head<'r> {
    pub(super) fn of<B>(request: &'r Request<B>) -> Head<'r> {
        let (uri, headers) = (request.uri(), request.headers());
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        Head {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            has_query: uri.query().is_some(),
            authority: uri.authority().map(|authority| authority.as_str()),
            host: text(HOST),
            content_type: text(CONTENT_TYPE),
            diversion: diversion(headers),
            offered: headers.into(),
            fields: headers.len(),
        }
    }
}

impl Heads {
    /// Whether `head` is within the limits that hyper does not keep.
    pub(super) fn check(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let length = head.path.len() + head.query.len() + usize::from(head.has_query);
        if length > self.uri_max_bytes {
            return Err(Refusal::TargetTooLong {
                most: self.uri_max_bytes,
            });
        }
        if head.fields > self.headers_max {
            return Err(Refusal::TooManyHeaders {
                most: self.headers_max,
                found: head.fields,
            });
        }
        Ok(())
    }
}

fn diversion(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    // Display names may be in any language, which `to_str` would refuse.
    let mut lines = headers
        .get_all("diversion")
        .iter()
        .filter_map(|value| str::from_utf8(value.as_bytes()).ok());
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |list, line| {
        Cow::Owned(format!("{list},{line}"))
    }))
}
