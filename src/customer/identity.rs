//! Ids that other systems have for a customer, kept in attributes: which ways of writing one are the same.

use std::borrow::Cow;

/// The most attributes that customers may be found by.
pub const MOST_ID_ATTRIBUTES: usize = 4;

/// What the letters of three groups of five are spelled as at the end of Salesforce's longer ids.
const CASES: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// `written` in the one way in which ids are compared; `None` for nothing but blanks. GUIDs lose their braces, and they and
/// 32 hexadecimal digits their capitals; an id of Salesforce's of 18 characters is the one of 15 that it begins with.
/// Any other id is itself: case counts, as it does in Salesforce's.
pub fn canonical(written: &str) -> Option<Cow<'_, str>> {
    let id = written.trim();
    let inner = id
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(id);
    if is_guid(inner) || is_hexadecimal(id) {
        let id = if is_guid(inner) { inner } else { id };
        let has_capitals = id.bytes().any(|byte| byte.is_ascii_uppercase());
        return Some(if has_capitals {
            Cow::Owned(id.to_ascii_lowercase())
        } else {
            Cow::Borrowed(id)
        });
    }
    let id = short_of_long(id).unwrap_or(id);
    (!id.is_empty()).then_some(Cow::Borrowed(id))
}

/// The text of a JSON value; `None` where it is none.
pub fn text(json: &[u8]) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(json).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_hexadecimal(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The fifteen characters of an id of Salesforce's of eighteen, whose last three say which of them are capitals.
fn short_of_long(id: &str) -> Option<&str> {
    if id.len() != 18 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (short, check) = id.split_at(15);
    let fits = short
        .as_bytes()
        .chunks_exact(5)
        .zip(check.bytes())
        .all(|(group, check)| {
            let capitals = group
                .iter()
                .enumerate()
                .map(|(at, byte)| usize::from(byte.is_ascii_uppercase()) << at)
                .sum::<usize>();
            CASES.get(capitals) == Some(&check)
        });
    fits.then_some(short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ways_of_writing_one_id_are_the_same() {
        for (written, expected) in [
            ("", None),
            ("  ", None),
            (" 4711 ", Some("4711")),
            (
                "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}",
                Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ),
            (
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ),
            (
                "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
                Some("a0eebc999c0b4ef8bb6d6bb9bd380a11"),
            ),
            // The same of the short and the long form; and of a text that only looks long.
            ("0035e00000QvQ3M", Some("0035e00000QvQ3M")),
            ("0035e00000QvQ3MAAV", Some("0035e00000QvQ3M")),
            ("0035e00000QvQ3MAAA", Some("0035e00000QvQ3MAAA")),
            ("{4711}", Some("{4711}")),
            ("Abc", Some("Abc")),
        ] {
            assert_eq!(canonical(written).as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn only_texts_are_ids() {
        assert_eq!(text(br#""a\u0062""#).as_deref(), Some("ab"));
        assert_eq!(text(br#""x""#).as_deref(), Some("x"));
        for json in ["true", "12", "", "\"", "null"] {
            assert_eq!(text(json.as_bytes()), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn what_is_canonical_stays_so(written in "\\PC{0,40}|[0-9a-fA-F]{32}|[a-zA-Z0-9]{18}") {
            if let Some(id) = canonical(&written) {
                prop_assert_eq!(canonical(&id), Some(id.clone()));
            }
        }
    }
}
