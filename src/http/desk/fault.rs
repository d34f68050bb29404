//! Why a desktop's stream does not begin.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::callers::JSON;
use crate::http::shadow::Outgoing;
use crate::pop::DeskError;

/// Why a stream does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Fault {
    /// The agent has as many streams as one may have.
    #[error("{0}")]
    Full(#[from] DeskError),
    /// No request for a WebSocket.
    #[error(
        "expected a WebSocket's handshake (GET, Connection: Upgrade, Upgrade: websocket, Sec-WebSocket-Key of 16 bytes \
         in Base64), found another request; or ask for …/events without it"
    )]
    Handshake,
    /// Another version of WebSockets.
    #[error("expected Sec-WebSocket-Version 13, found another one; use a client of RFC 6455")]
    Version,
    /// A page of somebody else's.
    #[error(
        "expected an `Origin` that is this host or one of the profile's origins, found another one; add it to \
         `profile.NAME.origins` if its pages may be told of calls"
    )]
    Origin,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Fault::Full(_) => StatusCode::TOO_MANY_REQUESTS,
            Fault::Handshake => StatusCode::BAD_REQUEST,
            Fault::Version => StatusCode::UPGRADE_REQUIRED,
            Fault::Origin => StatusCode::FORBIDDEN,
        }
    }

    /// A word for programs.
    fn code(self) -> &'static str {
        match self {
            Fault::Full(_) => "too_many_streams",
            Fault::Handshake => "no_websocket",
            Fault::Version => "websocket_version",
            Fault::Origin => "origin",
        }
    }

    /// What whoever asked is told.
    pub(in crate::http) fn response(self) -> Response<Outgoing> {
        let body = json!({"error": {"code": self.code(), "message": self.to_string()}});
        let mut response = Response::new(Outgoing::from(Bytes::from(body.to_string())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Fault::Full(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Fault::Version => {
                let name = HeaderName::from_static("sec-websocket-version");
                headers.insert(name, HeaderValue::from_static("13"));
            }
            Fault::Handshake | Fault::Origin => {}
        }
        response
    }
}
