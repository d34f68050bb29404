//! Writing JSON into a buffer without allocating.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use bytes::BytesMut;

use crate::number::{Key, Kind};

/// Writes `text` as a JSON string.
pub(super) fn string(out: &mut BytesMut, text: &str) {
    out.extend_from_slice(b"\"");
    escaped(out, text);
    out.extend_from_slice(b"\"");
}

/// Writes what `value` displays as a JSON string.
pub(super) fn displayed(out: &mut BytesMut, value: impl Display) {
    out.extend_from_slice(b"\"");
    let _infallible = write!(Escaping(out), "{value}");
    out.extend_from_slice(b"\"");
}

/// Writes what `key` displays as a JSON string.
pub(super) fn number(out: &mut BytesMut, key: Key) {
    if key.kind() != Kind::E164 {
        return displayed(out, key);
    }
    // Nearly every number, and its digits need no formatter.
    out.extend_from_slice(b"\"+");
    integer(out, key.raw());
    out.extend_from_slice(b"\"");
}

/// Writes an integer.
pub(super) fn integer(out: &mut BytesMut, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes `true` or `false`.
#[inline(always)]
pub(super) fn boolean(out: &mut BytesMut, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes what `write` writes of each of `items`, as an array.
pub(super) fn array<T>(
    out: &mut BytesMut,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut BytesMut, T),
) {
    let mut opening: &[u8] = b"[";
    for item in items {
        out.extend_from_slice(opening);
        opening = b",";
        write(out, item);
    }
    if opening == b"[" {
        out.extend_from_slice(b"[");
    }
    out.extend_from_slice(b"]");
}

/// Writes an object of `members`, whose values are JSON, and of what `last` writes behind them, with a comma ahead of it.
pub(super) fn members<'a, V: AsRef<[u8]>>(
    out: &mut BytesMut,
    members: impl Iterator<Item = (&'a str, V)>,
    last: impl FnOnce(&mut BytesMut),
) {
    out.extend_from_slice(b"{");
    let mut separator: &[u8] = b"";
    for (name, value) in members {
        out.extend_from_slice(separator);
        separator = b",";
        string(out, name);
        out.extend_from_slice(b":");
        out.extend_from_slice(value.as_ref());
    }
    last(out);
    out.extend_from_slice(b"}");
}

/// The text of a JSON string token with its quotation marks; of any other token, the token itself.
pub(super) fn text_of(token: &[u8]) -> Cow<'_, str> {
    let inner = token
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    match inner {
        Some(inner) if !inner.contains(&b'\\') => String::from_utf8_lossy(inner),
        Some(_) => serde_json::from_slice::<String>(token).map_or(Cow::Borrowed(""), Cow::Owned),
        None => String::from_utf8_lossy(token),
    }
}

struct Escaping<'a>(&'a mut BytesMut);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text);
        Ok(())
    }
}

fn escaped(out: &mut BytesMut, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let hex = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex);
            }
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_written_as_it_is_displayed(raw in any::<u64>()) {
            for raw in [raw, raw >> 8, raw >> 16, raw >> 32] {
                let (mut short, mut long) = (BytesMut::new(), BytesMut::new());
                number(&mut short, Key::from_raw(raw));
                displayed(&mut long, Key::from_raw(raw));
                prop_assert_eq!(short, long);
            }
        }

        #[test]
        fn what_is_written_reads_back(text in any::<String>()) {
            let mut out = BytesMut::new();
            string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text.clone());
            prop_assert_eq!(text_of(&out), text);
        }
    }
}
