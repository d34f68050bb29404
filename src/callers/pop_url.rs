//! Templates of addresses of customers' pages in other systems.

mod pages;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) use pages::Page;
pub use pages::PopUrls;

/// What a value may hold as it is: what RFC 3986 reserves for nothing.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PLACES: &str =
    "{ani}, {ani_national}, {customer_id}, {case_id}, {call_id}, {dnis}, {attr:KEY} or {var:NAME}";

/// An address with places for what is known of a call. Scheme and host are literal: whatever a caller or a record says,
/// a browser is sent nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PopUrl {
    written: Box<str>,
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Place(Place),
}

/// What stands in a place. What is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The customer's number: `+14806754110`, or as it was sent where it could not be read.
    Ani,
    /// Its digits behind the calling code.
    AniNational,
    /// The customer's id.
    CustomerId,
    /// The id of the newest open case.
    CaseId,
    /// The call's id, as sent.
    CallId,
    /// The dialled number, as sent.
    Dnis,
    /// The attribute with this key, unless it is sensitive.
    Attribute(Box<str>),
    /// The call variable of this name, as sent.
    Variable(Box<str>),
}

/// What was expected where a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PopUrlError {
    /// It does not begin with a scheme and a host of its own.
    #[error(
        "an address that begins with https:// or http:// and a host, without a user, and with no place before the path"
    )]
    Origin,
    /// A brace leads to nothing that is known.
    #[error("in braces {PLACES}, not \"{0}\" (a brace itself is %7B or %7D)")]
    Place(String),
    /// What is around the places is no address.
    #[error("an address, which this is not ({0})")]
    Address(url::ParseError),
    /// Blanks, quotation marks and the like.
    #[error("an address, without blanks and other characters that are percent-encoded in one")]
    Character,
}

impl PopUrl {
    /// The host, which is literal.
    fn host(&self) -> &str {
        let behind = self.written.split_once("://").map_or("", |(_, behind)| behind);
        let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// The address, each place filled with what `value` gives, percent-encoded.
    fn fill<'v>(&self, mut value: impl FnMut(&Place) -> Cow<'v, str>) -> String {
        let mut filled = String::with_capacity(self.written.len() + 32);
        for part in &self.parts {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Place(place) => {
                    let value = value(place);
                    // Browsers take even encoded dots for steps in a path.
                    if !matches!(&*value, "." | "..") {
                        filled.extend(utf8_percent_encode(&value, VALUE));
                    }
                }
            }
        }
        filled
    }
}

impl FromStr for PopUrl {
    type Err = PopUrlError;

    fn from_str(written: &str) -> Result<PopUrl, PopUrlError> {
        let is_odd =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '"' | '<' | '>' | '`');
        if written.contains(is_odd) {
            return Err(PopUrlError::Character);
        }
        let behind = ["https://", "http://"]
            .iter()
            .find_map(|scheme| written.strip_prefix(scheme));
        let authority = behind
            .and_then(|rest| rest.split(['/', '?', '#']).next())
            .unwrap_or_default();
        if authority.is_empty() || authority.contains(['{', '}', '@']) {
            return Err(PopUrlError::Origin);
        }
        let mut parts = Vec::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, brace) = rest.split_at(at);
            let closed = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (inner, behind) = closed.ok_or_else(|| PopUrlError::Place(brace.to_owned()))?;
            parts.push(Part::Literal(literal.into()));
            parts.push(Part::Place(
                Place::of(inner).ok_or_else(|| PopUrlError::Place(format!("{{{inner}}}")))?,
            ));
            rest = behind;
        }
        parts.push(Part::Literal(rest.into()));
        parts.retain(|part| *part != Part::Literal(Box::from("")));
        let template = PopUrl {
            written: written.into(),
            parts: parts.into(),
        };
        let example = template.fill(|_| Cow::Borrowed("1"));
        url::Url::parse(&example).map_err(PopUrlError::Address)?;
        Ok(template)
    }
}

impl fmt::Debug for PopUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PopUrl({})", self.written)
    }
}

impl Place {
    fn of(inner: &str) -> Option<Place> {
        let named = |prefix| inner.strip_prefix(prefix).filter(|name: &&str| !name.is_empty());
        Some(match inner {
            "ani" => Place::Ani,
            "ani_national" => Place::AniNational,
            "customer_id" => Place::CustomerId,
            "case_id" => Place::CaseId,
            "call_id" => Place::CallId,
            "dnis" => Place::Dnis,
            _ => match (named("attr:"), named("var:")) {
                (Some(key), _) => Place::Attribute(key.into()),
                (None, Some(name)) => Place::Variable(name.into()),
                (None, None) => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_are_filled_and_encoded() {
        let template: PopUrl =
            "https://crm.example:8443/c/{customer_id}?n={ani}&d={ani_national}&a={attr:tier}&v={var:callVariable1}#x"
                .parse()
                .unwrap();
        let filled = template.fill(|place| match place {
            Place::Ani => Cow::Borrowed("+1480"),
            Place::CustomerId => Cow::Borrowed("a/../b?c#d"),
            Place::Attribute(key) => Cow::Owned(format!("{key} é")),
            Place::Variable(name) => Cow::Owned(name.to_lowercase()),
            _ => Cow::Borrowed(""),
        });
        assert_eq!(
            filled,
            "https://crm.example:8443/c/a%2F..%2Fb%3Fc%23d?n=%2B1480&d=&a=tier%20%C3%A9&v=callvariable1#x"
        );
        let steps: PopUrl = "http://crm/{customer_id}/edit".parse().unwrap();
        assert_eq!(steps.fill(|_| Cow::Borrowed("..")), "http://crm//edit");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_template() {
        let error = |text: &str| text.parse::<PopUrl>().unwrap_err();
        for text in [
            "{customer_id}",
            "https://{dnis}/x",
            "https://crm.{attr:host}/x",
            "https://crm.example{ani}",
            "javascript:alert(1)",
            "//crm.example/{ani}",
            "https://user@crm.example/",
            "https:///x",
            "",
        ] {
            assert_eq!(error(text), PopUrlError::Origin, "{text}");
        }
        assert_eq!(
            error("https://crm/{name}"),
            PopUrlError::Place("{name}".to_owned())
        );
        assert_eq!(
            error("https://crm/{attr:}"),
            PopUrlError::Place("{attr:}".to_owned())
        );
        assert_eq!(error("https://crm/{ani"), PopUrlError::Place("{ani".to_owned()));
        assert_eq!(error("https://crm/}"), PopUrlError::Place("}".to_owned()));
        assert_eq!(error("https:\\\\crm/x"), PopUrlError::Character);
        assert_eq!(error("https://crm/a b"), PopUrlError::Character);
        assert!(matches!(error("https://crm:99999/"), PopUrlError::Address(_)));
    }

    proptest! {
        #[test]
        fn nothing_that_is_filled_in_leads_elsewhere(value in any::<String>()) {
            let template: PopUrl = "https://crm.example/a/{customer_id}/b?c={ani}&d=1#{var:x}".parse().unwrap();
            let filled = template.fill(|_| Cow::Borrowed(&value));
            let url = url::Url::parse(&filled).unwrap();
            prop_assert_eq!(url.host_str(), Some("crm.example"));
            prop_assert!(url.path().starts_with("/a/") && url.path().ends_with("/b"), "{}", url);
            prop_assert_eq!(url.query_pairs().count(), 2);
            prop_assert!(filled.is_ascii());
        }

        #[test]
        fn no_template_is_too_much(text in "(https://|[a-z.]|\\{|\\}|/|\\?|ani|attr:|@){0,30}") {
            let _any = text.parse::<PopUrl>();
        }
    }
}
