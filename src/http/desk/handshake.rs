//! Whether a request is for a WebSocket, and whose page asks for it.

use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::fault::Fault;

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
/// Characters of 16 bytes in Base64.
const KEY_LENGTH: usize = 24;

/// Whether `headers` ask for a WebSocket.
pub(in crate::http) fn is_asked_for(headers: &HeaderMap) -> bool {
    has_word(headers, &UPGRADE, "websocket")
}

/// What answers the handshake in `headers`, from a page of this host or of one of `origins`.
///
/// Browsers let any page open a WebSocket to anywhere, with nothing but the header `Origin` to tell whose page it is.
/// What is no browser sends none.
pub(super) fn accept(headers: &HeaderMap, is_secure: bool, origins: &[String]) -> Result<HeaderValue, Fault> {
    if !is_asked_for(headers) || !has_word(headers, &CONNECTION, "upgrade") {
        return Err(Fault::Handshake);
    }
    if headers.get(VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        return Err(Fault::Version);
    }
    let key = headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if key.len() != KEY_LENGTH || !key.ends_with(b"==") {
        return Err(Fault::Handshake);
    }
    if !is_of_ours(headers, is_secure, origins) {
        return Err(Fault::Origin);
    }
    HeaderValue::from_str(&derive_accept_key(key)).map_err(|_| Fault::Handshake)
}

/// Whether the page is ours, or of somebody who may.
pub(super) fn is_of_ours(headers: &HeaderMap, is_secure: bool, origins: &[String]) -> bool {
    let mut all = headers.get_all(ORIGIN).iter();
    let Some(origin) = all.next() else {
        return true;
    };
    let (Ok(origin), None) = (origin.to_str(), all.next()) else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    // Behind a proxy that ends TLS the page's scheme is another one than ours; a page over plain HTTP is never one of an
    // encrypted listener's.
    if is_secure && scheme != "https" {
        return false;
    }
    let plain = |authority: &str| {
        let port = if scheme == "https" { ":443" } else { ":80" };
        let name = authority.strip_suffix(port).unwrap_or(authority);
        name.to_ascii_lowercase()
    };
    host.is_some_and(|host| plain(host) == plain(authority))
}

/// Whether `word` is in the list that the headers `name` hold.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let usual = [
            ("host", "desk.example:7464"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in usual.iter().chain(pairs) {
            if value.is_empty() {
                headers.remove(*name);
            } else {
                headers.insert(*name, HeaderValue::from_str(value).unwrap());
            }
        }
        headers
    }

    #[test]
    fn a_handshake_is_that_of_the_rfc() {
        let accepted = accept(&headers(&[]), false, &[]).unwrap();
        assert_eq!(accepted, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (name, value, fault) in [
            ("upgrade", "", Fault::Handshake),
            ("upgrade", "h2c", Fault::Handshake),
            ("connection", "keep-alive", Fault::Handshake),
            ("sec-websocket-version", "8", Fault::Version),
            ("sec-websocket-version", "", Fault::Version),
            ("sec-websocket-key", "", Fault::Handshake),
            ("sec-websocket-key", "short==", Fault::Handshake),
        ] {
            assert_eq!(
                accept(&headers(&[(name, value)]), false, &[]),
                Err(fault),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn pages_of_others_are_refused() {
        let known = ["https://crm.example".to_owned()];
        let of = |host, origin, is_secure| {
            let headers = headers(&[("host", host), ("origin", origin)]);
            accept(&headers, is_secure, &known).is_ok()
        };
        for (host, origin, is_secure) in [
            ("desk.example:7464", "http://desk.example:7464", false),
            ("desk.example:7464", "https://desk.example:7464", true),
            ("Desk.Example", "https://desk.example", false),
            ("desk.example:443", "https://desk.example", true),
            ("desk.example", "http://desk.example:80", false),
            ("desk.example", "https://CRM.example", true),
            ("[::1]:7464", "http://[::1]:7464", false),
        ] {
            assert!(of(host, origin, is_secure), "{host} {origin}");
        }
        for (host, origin, is_secure) in [
            ("desk.example:7464", "http://evil.example", false),
            ("desk.example:7464", "http://desk.example", false),
            ("desk.example", "http://desk.example", true),
            ("desk.example", "https://desk.example.evil.example", false),
            ("desk.example", "null", false),
            ("desk.example", "https://crm.example:8443", false),
            ("desk.example", "http://desk.example:443", false),
        ] {
            assert!(!of(host, origin, is_secure), "{host} {origin}");
        }
        let mut twice = headers(&[("origin", "https://crm.example")]);
        twice.append(ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert_eq!(accept(&twice, false, &known), Err(Fault::Origin));
    }
}
