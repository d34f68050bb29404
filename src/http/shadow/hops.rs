//! Header fields on their way through: what is of one connection stays there, everything else passes untouched.

use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use percent_encoding::percent_decode_str;

use crate::http::access;

/// Fields that are of one connection, beside those that `Connection` names.
const HOPS: [HeaderName; 7] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// The same, for names without a constant.
const FURTHER_HOPS: [&str; 2] = ["keep-alive", "proxy-connection"];
/// Where some callers put a key, though none is read there.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Who we are to whoever reads `Via`.
const OURSELVES: &str = "ringside";

/// The fields of a request with `headers` that go to the upstream, which is at `host`. The length is the sender's to say.
pub(super) fn forwarded(headers: &HeaderMap, host: &HeaderValue) -> HeaderMap {
    let mut passed = passed(headers);
    for name in [HOST, CONTENT_LENGTH, EXPECT] {
        passed.remove(name);
    }
    // A key for Ringside is nobody else's.
    for name in [AUTHORIZATION, X_API_KEY] {
        let values = headers.get_all(&name).iter();
        if values.map(HeaderValue::as_bytes).any(access::shows_our_key) {
            passed.remove(name);
        }
    }
    passed.insert(HOST, host.clone());
    passed.append(VIA, HeaderValue::from_static("1.1 ringside"));
    passed
}

/// The fields of an answer with `headers` that go to the caller.
pub(super) fn passed(headers: &HeaderMap) -> HeaderMap {
    let mut passed = headers.clone();
    let named = headers.get_all(CONNECTION).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    for name in named.flat_map(|list| list.split(',')).map(str::trim) {
        passed.remove(name);
    }
    for name in HOPS {
        passed.remove(name);
    }
    for name in FURTHER_HOPS {
        passed.remove(name);
    }
    passed
}

/// Whether a request with `headers` has been here before: the upstream's name leads to Ringside itself.
pub(super) fn is_loop(headers: &HeaderMap) -> bool {
    let lines = headers
        .get_all(VIA)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|via| via.split_ascii_whitespace().nth(1) == Some(OURSELVES))
}

/// Whether `path` leads out of where it begins, however that is written: what is forwarded is what the dialects know.
pub(super) fn climbs(path: &str) -> bool {
    // Servers behind servers decode more than once.
    let once = percent_decode_str(path).decode_utf8_lossy();
    let twice = percent_decode_str(&once).decode_utf8_lossy();
    let mut segments = twice.split(['/', '\\']);
    // Some servers read `%u002e` as a dot, and no URL has it otherwise.
    let is_odd = |text: &str| {
        text.as_bytes()
            .windows(2)
            .any(|two| two.eq_ignore_ascii_case(b"%u"))
    };
    is_odd(path)
        || is_odd(&once)
        || segments.any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

/// `query` without a key for Ringside.
pub(super) fn without_our_key(query: &str) -> Option<String> {
    let is_ours = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(name, value)| name == "key" && access::is_our_key(value))
    };
    if !query.split('&').any(is_ours) {
        return None;
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
    Some(kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn told(headers: &HeaderMap) -> Vec<String> {
        let told = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        told.collect()
    }

    #[test]
    fn what_is_of_a_connection_stays_there() {
        let asked = map(&[
            ("host", "ringside.example"),
            ("authorization", "Bearer of-the-crm"),
            ("cookie", "sid=1"),
            ("connection", "keep-alive, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic eA=="),
            ("expect", "100-continue"),
            ("content-length", "2"),
            ("x-other", "a"),
            ("x-other", "b"),
        ]);
        let sent = forwarded(&asked, &HeaderValue::from_static("crm.example"));
        let mut told = told(&sent);
        told.sort();
        let expected = [
            "authorization: Bearer of-the-crm",
            "cookie: sid=1",
            "host: crm.example",
            "via: 1.1 ringside",
            "x-other: a",
            "x-other: b",
        ];
        assert_eq!(told, expected);
        assert!(is_loop(&sent) && !is_loop(&asked));
        assert!(!is_loop(&map(&[("via", "1.1 proxy.example, 1.0 other")])));
    }

    #[test]
    fn a_path_stays_where_it_begins() {
        for path in [
            "/cid/../admin",
            "/api/data/%2e%2E/x",
            "/cid/%252e%252e/x",
            "/cid/..%2fx",
            "/cid/..\\x",
            "/cid/..;a=b/x",
            "/cid/%u002e%U002E/x",
            "/cid/%25u002e%25u002e/x",
            "/cid/.",
        ] {
            assert!(climbs(path), "{path}");
        }
        for path in [
            "/cid",
            "/api/data/v9.2/contacts",
            "/v1/lookup/..1",
            "/3cx/lookup.json",
            "/v1/customers/a%2Fb",
        ] {
            assert!(!climbs(path), "{path}");
        }
    }

    #[test]
    fn a_key_for_ringside_is_not_shown_to_others() {
        // pbx:rs_a
        for value in ["Bearer rs_a", "Basic cGJ4OnJzX2E=", "rs_a", "Token rs_a"] {
            let sent = forwarded(&map(&[("authorization", value)]), &HeaderValue::from_static("x"));
            assert!(!sent.contains_key(AUTHORIZATION), "{value}");
        }
        let several = [
            ("authorization", "Bearer of-the-crm"),
            ("authorization", "Bearer rs_a"),
            ("x-api-key", "rs_a"),
        ];
        let sent = forwarded(&map(&several), &HeaderValue::from_static("x"));
        assert!(told(&sent).iter().all(|told| !told.contains("rs_")), "{sent:?}");
        let theirs = forwarded(&map(&[("x-api-key", "theirs")]), &HeaderValue::from_static("x"));
        assert!(theirs.contains_key(X_API_KEY));
        assert_eq!(
            without_our_key("ani=1&key=rs_a&x=2").as_deref(),
            Some("ani=1&x=2")
        );
        assert_eq!(without_our_key("ani=1&key=rs%5Fa").as_deref(), Some("ani=1"));
        assert_eq!(without_our_key("ani=1&key=theirs"), None);
    }
}
