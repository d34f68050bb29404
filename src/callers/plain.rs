//! Answers for callers that read no nested JSON: strings only, pairs, or a name.

use std::borrow::Cow;

use bytes::BytesMut;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{Answer, Scalar};
use super::attributes;
use super::fields::{Customer, Fields, Key};
use super::json;
use crate::customer::record::Field;

/// The longest text that a telephone's display is given, in characters.
const MOST_SHOWN: usize = 80;
/// What pairs hold as it is.
const PAIR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Answer<'_, '_> {
    /// Writes one JSON object of strings; null is the empty one.
    pub(super) fn write_flat(&self, fields: &Fields<'_>, out: &mut BytesMut) {
        out.extend_from_slice(b"{");
        let mut separator: &[u8] = b"";
        self.each(fields, |name, value| {
            out.extend_from_slice(separator);
            separator = b",";
            json::string(out, name);
            out.extend_from_slice(b":");
            json::string(out, value);
        });
        out.extend_from_slice(b"}");
    }

    /// Writes `name=value` pairs joined by `&`, percent-encoded.
    pub(super) fn write_pairs(&self, fields: &Fields<'_>, out: &mut BytesMut) {
        let mut separator: &[u8] = b"";
        self.each(fields, |name, value| {
            out.extend_from_slice(separator);
            separator = b"&";
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=");
            for part in utf8_percent_encode(&shown(value), PAIR) {
                out.extend_from_slice(part.as_bytes());
            }
        });
    }

    /// Writes the customer's name, or nothing; nothing too where nobody may be greeted by it, since whoever reads this
    /// has no other place to see that.
    pub(super) fn write_name(&self, out: &mut BytesMut) {
        if self.disclosure.greet.is_ok()
            && let Some(name) = self.scalar(Key::Name)
        {
            out.extend_from_slice(shown(&name.text()).as_bytes());
        }
    }

    /// Hands every selected scalar to `write`, with names of letters, digits, `_`, `.` and `-`; sensitive attributes
    /// are empty.
    fn each(&self, fields: &Fields<'_>, mut write: impl FnMut(&str, &str)) {
        for key in Key::ALL.into_iter().filter(|key| fields.has(*key)) {
            if let Some(scalar) = self.scalar(key) {
                write(key.name(), &scalar.text());
            }
            let Customer::Parts {
                fields,
                attributes: keys,
            } = fields.customer()
            else {
                continue;
            };
            if key != Key::Customer {
                continue;
            }
            let (record, schema) = (self.who.one(), self.view.schema());
            for field in Field::ALL
                .into_iter()
                .filter(|field| fields & (1 << (*field as u16)) != 0)
            {
                let value = record.and_then(|record| record.field(field)).unwrap_or(b"\"\"");
                if !value.starts_with(b"{") && !value.starts_with(b"[") {
                    write(&format!("customer_{}", field.key()), &json::text_of(value));
                }
            }
            for attribute in &schema.attributes {
                if keys.contains(&attribute.key.as_str()) {
                    let value = record
                        .filter(|_| !attribute.sensitive)
                        .and_then(|record| attributes::value(record, schema, &attribute.key));
                    let name = format!("customer_attributes_{}", attribute.key);
                    write(&name, &json::text_of(value.unwrap_or(b"\"\"")));
                }
            }
        }
    }
}

/// Writes `name=value` pairs joined by `&`, percent-encoded; names are of letters, digits, `_`, `.` and `-`.
pub(super) fn write_pairs<'n>(pairs: impl Iterator<Item = (&'n str, String)>, out: &mut BytesMut) {
    let mut separator: &[u8] = b"";
    for (name, value) in pairs {
        out.extend_from_slice(separator);
        separator = b"&";
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=");
        for part in utf8_percent_encode(&value, PAIR) {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

impl<'a> Scalar<'a> {
    /// The value as text; null is the empty one.
    fn text(self) -> Cow<'a, str> {
        match self {
            Scalar::Null => Cow::Borrowed(""),
            Scalar::Bool(true) => Cow::Borrowed("true"),
            Scalar::Bool(false) => Cow::Borrowed("false"),
            Scalar::Integer(value) => Cow::Owned(value.to_string()),
            Scalar::Text(text) => Cow::Borrowed(text),
            Scalar::Token(token) => json::text_of(token),
            Scalar::Number(key) => Cow::Owned(key.to_string()),
        }
    }
}

/// What may end on a telephone's display or in a dial plan's variable: one short line, in which nothing is expanded
/// as a variable or taken as a format.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MOST_SHOWN * 4));
    let mut count = 0;
    for c in text.chars() {
        let c = match c {
            '%' => continue,
            // Whatever follows: in `$%{` the brace would follow once the sign between is gone.
            '$' => continue,
            // Dial plans split their arguments at quotes, brackets and what is escaped, and run what comes behind.
            '\\' | '`' | '[' | ']' | '{' | '}' | '(' | ')' | '<' | '>' | '|' | ';' => ' ',
            '"' => '\'',
            c if c.is_control()
                || c.is_whitespace()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}' | '\u{feff}') =>
            {
                ' '
            }
            c => c,
        };
        if c == ' ' && (shown.is_empty() || shown.ends_with(' ')) {
            continue;
        }
        if count == MOST_SHOWN {
            break;
        }
        shown.push(c);
        count += 1;
    }
    shown.truncate(shown.trim_end().len());
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_shown_is_harmless() {
        for (text, harmless) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("Ada\r\nX-Header: 1", "Ada X-Header: 1"),
            ("  Ada \t Lovelace ", "Ada Lovelace"),
            ("${EVAL(x)}", "EVAL x"),
            ("$%{x}", "x"),
            ("12\" Vinyl (UK)", "12' Vinyl UK"),
            ("a\" b)):System(id)", "a' b :System id"),
            ("100%s", "100s"),
            ("A\u{202e}B", "A B"),
            ("", ""),
        ] {
            assert_eq!(shown(text), harmless, "{text:?}");
        }
        assert_eq!(shown(&"é".repeat(200)).chars().count(), MOST_SHOWN);
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_shown(text in any::<String>()) {
            let shown = shown(&text);
            let dangerous = ['%', '$', '\r', '\n', '"', '\\', '(', ')', '[', ']', '{', '}'];
            prop_assert!(!shown.contains(dangerous), "{shown:?}");
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= MOST_SHOWN);
        }
    }
}
