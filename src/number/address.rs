//! SIP and tel addresses: which part of a written form is the number.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;

use super::cell;

/// The host of an anonymous SIP caller (RFC 3323).
const ANONYMOUS_HOST: &str = "anonymous.invalid";

/// A written form with quotes, display name, scheme, host and parameters taken off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// The user part, the subscriber of a `tel:` URI, or the plain text.
    pub(super) user: Cow<'a, str>,
    pub(super) form: Form,
    /// A `phone-context` that begins with a plus: it stands before the user's digits.
    pub(super) context: Option<&'a str>,
    pub(super) anonymous_host: bool,
    /// Whether another number follows where a parameter, an extension or a name could.
    pub(super) several: bool,
}

/// What kind of text the user part was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// No URI, or `tel:`: a number or nothing.
    Number,
    /// `sip:user@host` or `user@host`: what is not numeric is a SIP user.
    User,
    /// `sip:host`: a number that somebody put where the host belongs, or nothing.
    Host,
}

impl<'a> Address<'a> {
    pub(super) fn of(written: &'a str) -> Address<'a> {
        // Most numbers are nothing but digits and separators, and the search for anything else costs more than the parse.
        if written.bytes().all(is_plain) {
            return Address {
                user: Cow::Borrowed(written.trim_matches(' ')),
                form: Form::Number,
                context: None,
                anonymous_host: false,
                several: false,
            };
        }
        let text = inside_brackets(without_quotes(tidy(written)));
        if let Some(rest) = without_scheme(text, "tel:").or_else(|| without_scheme(text, "callto:")) {
            return Address::subscriber(rest, true);
        }
        match without_scheme(text, "sip:").or_else(|| without_scheme(text, "sips:")) {
            Some(rest) => Address::sip(rest),
            None if text.contains('@') => Address::sip(text),
            None => Address::subscriber(text, false),
        }
    }

    fn subscriber(text: &'a str, uri: bool) -> Address<'a> {
        let end = if uri {
            text.find([';', '?'])
        } else {
            text.find(';')
        };
        let (number, parameters) = text.split_at(end.unwrap_or(text.len()));
        Address {
            user: if uri {
                decoded(tidy(number))
            } else {
                Cow::Borrowed(tidy(number))
            },
            form: Form::Number,
            context: context_of(parameters),
            anonymous_host: false,
            several: cell::holds_another(text),
        }
    }

    fn sip(text: &'a str) -> Address<'a> {
        let (userinfo, host, form) = match text.split_once('@') {
            Some((userinfo, host)) => (userinfo, host, Form::User),
            None => (text, text, Form::Host),
        };
        let host = host.split([';', '?']).next().unwrap_or(host);
        let is_host = |host: &str| host.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok();
        let user = match form {
            Form::Host if is_host(host) => "",
            _ => userinfo.split([';', '?', ':']).next().unwrap_or(userinfo),
        };
        let host_name = host.split(':').next().unwrap_or(host);
        Address {
            user: decoded(tidy(user)),
            form,
            context: context_of(userinfo),
            anonymous_host: host_name.eq_ignore_ascii_case(ANONYMOUS_HOST),
            several: false,
        }
    }
}

/// Whether a byte can be in a number and in nothing that is more than one.
const fn is_plain(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9' | b'+' | b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'[' | b']'
    )
}

/// Takes off what only surrounds: blanks, control and direction characters, the apostrophe by which a spreadsheet
/// marks text.
fn tidy(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || c == '\'')
}

/// Characters that have no width: soft hyphen, zero-width and direction marks, byte order mark.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// `"Name" <…>` to `<…>`, `"+49…"` to `+49…`.
fn without_quotes(text: &str) -> &str {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.trim_end_matches('"');
    };
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (inside, rest) = quoted.split_at(at);
                let rest = tidy(rest.strip_prefix('"').unwrap_or(rest));
                return if rest.is_empty() { tidy(inside) } else { rest };
            }
            _ => {}
        }
    }
    quoted
}

/// `Name <…>` to `…`; of several addresses the first.
fn inside_brackets(text: &str) -> &str {
    match text.split_once('<') {
        Some((_, rest)) => tidy(rest.split('>').next().unwrap_or(rest)),
        None => tidy(text.trim_end_matches('>')),
    }
}

fn without_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let start = text.get(..scheme.len())?;
    if !start.eq_ignore_ascii_case(scheme) {
        return None;
    }
    text.get(scheme.len()..).map(|rest| rest.trim_start_matches('/'))
}

fn context_of(parameters: &str) -> Option<&str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.eq_ignore_ascii_case("phone-context") && value.starts_with('+')).then_some(value)
    })
}

/// The user part of a URI may escape any character. An escape that is no UTF-8 stays as it is.
fn decoded(user: &str) -> Cow<'_, str> {
    percent_decode_str(user)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_part_is_found() {
        for (written, user, form) in [
            ("+14155552671", "+14155552671", Form::Number),
            ("  '+14155552671 ", "+14155552671", Form::Number),
            ("\"+14155552671\"", "+14155552671", Form::Number),
            ("<+14155552671>", "+14155552671", Form::Number),
            ("tel:+1-201-555-0123;ext=5", "+1-201-555-0123", Form::Number),
            ("Tel: +493012345678", "+493012345678", Form::Number),
            ("callto://+4930", "+4930", Form::Number),
            ("+998912345222;npdi;rn=+1555", "+998912345222", Form::Number),
            ("sip:+4930@10.0.0.1:5060;user=phone", "+4930", Form::User),
            ("SIPS:alice:secret@example.org?subject=x@y", "alice", Form::User),
            ("sip:+4930;npdi;rn=+4931@host", "+4930", Form::User),
            ("sip:%2B4930@host", "+4930", Form::User),
            ("\"Ada \\\"<A>\\\" L\" <sip:ada@host>;tag=1", "ada", Form::User),
            ("Ada <sip:ada@host>, <tel:+1>", "ada", Form::User),
            ("ada@example.org", "ada", Form::User),
            ("sip:pbx.example.org", "pbx.example.org", Form::Host),
            ("sip:10.0.0.1:5060", "", Form::Host),
            ("sip:[::1]:5060", "", Form::Host),
            ("sip:+4930", "+4930", Form::Host),
            ("", "", Form::Number),
            ("\"", "", Form::Number),
            ("<>", "", Form::Number),
        ] {
            let address = Address::of(written);
            assert_eq!((address.user.as_ref(), address.form), (user, form), "{written}");
        }
    }

    #[test]
    fn a_global_phone_context_is_kept_and_a_domain_is_not() {
        assert_eq!(Address::of("tel:784-43;phone-context=+1").context, Some("+1"));
        assert_eq!(
            Address::of("sip:784-43;Phone-Context=+1@host").context,
            Some("+1")
        );
        assert_eq!(Address::of("tel:7042;phone-context=example.com").context, None);
    }

    #[test]
    fn the_anonymous_host_is_known() {
        assert!(Address::of("sip:x9f@Anonymous.invalid:5060;transport=udp").anonymous_host);
        assert!(!Address::of("sip:x9f@example.org").anonymous_host);
    }
}
