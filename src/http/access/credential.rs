//! The key that a request shows, wherever callers can put it.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

/// What every key begins with.
pub(crate) const PREFIX: &str = "rs_";
/// The shortest key, in bytes: a secret that another system has chosen. What is shorter is none, whatever it is.
pub(crate) const KEY_MIN: usize = 32;
/// The longest Basic credentials that are read, in bytes; a key has 55 of them.
const BASIC_MAX: usize = 384;
/// Some clients leave the padding out.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key as shown; whether anybody has it is not known yet. Without `Debug`, on purpose.
pub(in crate::http) struct Shown(SmallVec<[u8; 64]>);

/// Where the head of a request may show a key, apart from its query.
#[derive(Clone, Copy, Default)]
pub(in crate::http) struct Offered<'r> {
    /// The first header `Authorization`.
    pub(in crate::http) authorization: Option<&'r [u8]>,
    /// Whether there is a header `X-Api-Key`.
    pub(in crate::http) has_api_key: bool,
}

/// What a request shows.
pub(in crate::http) enum Credential {
    /// Nothing at all.
    None,
    /// A key, in a place where one may be.
    Key(Shown),
    /// Something in a place where no key is read, which is named.
    Misplaced(&'static str),
}

impl Shown {
    /// `bytes`, as shown elsewhere than in a head.
    pub(in crate::http) fn new(bytes: &[u8]) -> Shown {
        Shown(SmallVec::from_slice(bytes))
    }

    pub(in crate::http) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'r> From<&'r HeaderMap> for Offered<'r> {
    fn from(headers: &'r HeaderMap) -> Offered<'r> {
        Offered {
            authorization: headers.get(AUTHORIZATION).map(HeaderValue::as_bytes),
            has_api_key: headers.contains_key("x-api-key"),
        }
    }
}

impl Credential {
    /// Reads what `offered` and `query` show. A key in the query counts only where `in_query`.
    pub(in crate::http) fn read<'r>(
        offered: impl Into<Offered<'r>>,
        query: &str,
        in_query: bool,
    ) -> Credential {
        let offered = offered.into();
        let authorization = offered.authorization.map(authorization);
        // What other systems' callers send for themselves must not hide a key that is in its place.
        if let Some(Credential::Key(shown)) = &authorization
            && shown.0.starts_with(PREFIX.as_bytes())
        {
            return authorization.unwrap_or(Credential::None);
        }
        let mut misplaced = None;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "key" if in_query => {
                    let value: SmallVec<[u8; 64]> = percent_decode_str(value).collect();
                    return Credential::Key(Shown(value));
                }
                "key" => {
                    misplaced.get_or_insert(
                        "`?key=`, which this listener does not take (listener.NAME.key_in_query and dialect.NAME.key_in_query are false)",
                    );
                }
                "token" | "access_token" => {
                    misplaced.get_or_insert("`?token=`");
                }
                "api_key" | "apikey" | "api-key" => {
                    misplaced.get_or_insert("`?api_key=`");
                }
                _ => {}
            }
        }
        if let Some(authorization) = authorization {
            return authorization;
        }
        if offered.has_api_key {
            return Credential::Misplaced("the header `X-Api-Key`");
        }
        misplaced.map_or(Credential::None, Credential::Misplaced)
    }
}

/// Whether `value`, of a header, shows what looks like a key for this service, also where none is read.
pub(in crate::http) fn shows_our_key(value: &[u8]) -> bool {
    match authorization(value) {
        Credential::Key(shown) => shown.0.starts_with(PREFIX.as_bytes()),
        Credential::None | Credential::Misplaced(_) => {
            let mut words = value.split(u8::is_ascii_whitespace);
            words.any(|word| word.starts_with(PREFIX.as_bytes()))
        }
    }
}

/// Whether `value`, of a query, looks like a key for this service.
pub(in crate::http) fn is_our_key(value: &str) -> bool {
    let value: SmallVec<[u8; 64]> = percent_decode_str(value).collect();
    value.starts_with(PREFIX.as_bytes())
}

/// What the value of `Authorization` shows.
fn authorization(value: &[u8]) -> Credential {
    let value = value.trim_ascii();
    let (scheme, rest) = match value.iter().position(|byte| *byte == b' ') {
        Some(at) => (&value[..at], value[at..].trim_ascii()),
        None => (value, &b""[..]),
    };
    // Salesforce's clients call it `OAuth`.
    if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"oauth") {
        return Credential::Key(Shown(SmallVec::from_slice(rest)));
    }
    if scheme.eq_ignore_ascii_case(b"basic") {
        let mut decoded = [0; BASIC_MAX];
        let length = BASIC.decode_slice(rest, &mut decoded).unwrap_or(0);
        let decoded = &decoded[..length];
        let (user, password) = match decoded.iter().position(|byte| *byte == b':') {
            Some(at) => (&decoded[..at], &decoded[at + 1..]),
            None => (decoded, &b""[..]),
        };
        // Freshdesk's clients send the key as the name, and `X` as the password.
        let is_name = password.len() < KEY_MIN && user.len() >= KEY_MIN;
        return Credential::Key(Shown::new(if is_name { user } else { password }));
    }
    if value.starts_with(PREFIX.as_bytes()) {
        return Credential::Misplaced("`Authorization` without a scheme before it");
    }
    Credential::Misplaced("`Authorization` with another scheme than Bearer or Basic")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use hyper::header::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn told(headers: &[(&str, &str)], query: &str, in_query: bool) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect();
        match Credential::read(&headers, query, in_query) {
            Credential::None => "none".to_owned(),
            Credential::Key(shown) => format!("key {}", String::from_utf8_lossy(shown.as_bytes())),
            Credential::Misplaced(place) => format!("misplaced {}", place.split(',').next().unwrap()),
        }
    }

    #[test]
    fn a_key_is_found_where_callers_put_it() {
        for (header, query, in_query, expected) in [
            ("", "", false, "none"),
            ("Bearer rs_a", "", false, "key rs_a"),
            ("bEARER   rs_a ", "token=x", false, "key rs_a"),
            // pbx:rs_a with and without padding, and without a name.
            ("Basic cGJ4OnJzX2E=", "", false, "key rs_a"),
            ("basic cGJ4OnJzX2E", "", false, "key rs_a"),
            ("Basic OnJzX2E=", "", false, "key rs_a"),
            // Freshdesk's way: the key as the name.
            (
                "Basic cnNfMDEyMzQ1NjdfMDEyMzQ1Njc4OTAxMjM0NTY3ODk6WA==",
                "",
                false,
                "key rs_01234567_01234567890123456789",
            ),
            (
                "Basic cnNfMDEyMzQ1NjdfMDEyMzQ1Njc4OTAxMjM0NTY3ODk=",
                "",
                false,
                "key rs_01234567_01234567890123456789",
            ),
            // Zendesk's: agent@example.com/token:rs_01234567_01234567890123456789; a long name hides no key behind it.
            (
                "Basic YWdlbnRAZXhhbXBsZS5jb20vdG9rZW46cnNfMDEyMzQ1NjdfMDEyMzQ1Njc4OTAxMjM0NTY3ODk=",
                "",
                false,
                "key rs_01234567_01234567890123456789",
            ),
            (
                "Basic YS12ZXJ5LWxvbmctbmFtZS1vZi1hbi1hZ2VudEBleGFtcGxlLmNvbS90b2tlbjpyc18wMTIzNDU2N18wMTIzNDU2Nzg5MDEyMzQ1Njc4OQ==",
                "",
                false,
                "key rs_01234567_01234567890123456789",
            ),
            ("OAuth rs_a", "", false, "key rs_a"),
            ("Basic ???", "", false, "key "),
            ("Basic", "", false, "key "),
            ("", "ani=1&key=rs%5Fa", true, "key rs_a"),
            ("", "ani=1&key=rs_a", false, "misplaced `?key=`"),
            ("Bearer of-another-system", "key=rs_a", true, "key rs_a"),
            ("Bearer of-another-system", "", true, "key of-another-system"),
            (
                "rs_a",
                "",
                false,
                "misplaced `Authorization` without a scheme before it",
            ),
            (
                "Digest rs_a",
                "",
                false,
                "misplaced `Authorization` with another scheme than Bearer or Basic",
            ),
            ("", "token=rs_a", true, "misplaced `?token=`"),
            ("", "api_key=rs_a", true, "misplaced `?api_key=`"),
        ] {
            let headers: &[(&str, &str)] = match header {
                "" => &[],
                value => &[("authorization", value)],
            };
            assert_eq!(told(headers, query, in_query), expected, "{header:?} {query:?}");
        }
        assert_eq!(
            told(&[("x-api-key", "rs_a")], "", false),
            "misplaced the header `X-Api-Key`"
        );
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(value: Vec<u8>, scheme in "(Basic |Bearer |basic\t|)") {
            authorization(&[scheme.as_bytes(), &value].concat());
        }

        #[test]
        fn no_query_is_too_odd(query in "[ -~]{0,80}", in_query: bool) {
            Credential::read(&HeaderMap::new(), &query, in_query);
        }
    }
}
