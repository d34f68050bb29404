//! The agent's page over HTTP: whoever may connect has it, for there is nothing of anybody in it.

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use hyper::{Response, StatusCode};

use super::Desk;
use super::routing::parameter;
use crate::http::gadget::{Asking, file};
use crate::http::shadow::Outgoing;

/// Where the page and its files are.
const PAGE: &str = "/gadget";

/// Whether `path`, with one slash at its start, is the page's or one of its files'.
pub(in crate::http) fn is_page(path: &str) -> bool {
    path.strip_prefix(PAGE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers with the page, or the file of it at `path`; `None` where there is no such file.
pub(in crate::http) fn answer(
    desk: &Desk,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Option<Response<Outgoing>> {
    if path.strip_suffix('/') == Some(PAGE) {
        return Some(moved(query));
    }
    let agent = parameter(query, "agent").unwrap_or_default();
    let (_, profile) = desk.profiles.of(&agent, parameter(query, "profile").as_deref());
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let found = file(Asking {
        path,
        if_none_match: text(IF_NONE_MATCH),
        accept_encoding: text(ACCEPT_ENCODING),
        origins: &profile.settings.origins,
    })?;
    let mut response = Response::new(Outgoing::from(Bytes::from(found.body.into_owned())));
    *response.status_mut() = StatusCode::from_u16(found.status).unwrap_or(StatusCode::OK);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(found.content_type));
    for (name, value) in found.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            fields.insert(HeaderName::from_static(name), value);
        }
    }
    Some(response)
}

/// The way from `/gadget/` to the page: its files' addresses are relative to the one without the slash, so that it works
/// behind a prefix of a proxy too.
fn moved(query: &str) -> Response<Outgoing> {
    let mark = if query.is_empty() { "" } else { "?" };
    let mut response = Response::new(Outgoing::from(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = HeaderValue::from_str(&format!("..{PAGE}{mark}{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
