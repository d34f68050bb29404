//! Numbers in query strings, where a plus is easily lost.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The text of a number given as the raw value of a query parameter or a form field, not yet decoded.
///
/// * `%XX` is decoded once: `%2B44…` is `+44…`, and `%252B44…` is `%2B44…`, which is no number.
/// * A raw `+` is a plus where a number starts: at the very start of the value, or directly before the first digit when
///   what stands before it is the start, a `:`, `<`, `(` or `"` (`tel:+44…`). Some callers do not encode it.
/// * A blank directly before a first digit at the start of the value, raw or as `%20`, is a plus that form decoding has
///   already eaten.
/// * Any other raw `+` is a blank, as in every form. Blanks at the start are dropped.
///
/// Use it for query strings and forms alone: in a spreadsheet or in JSON a leading blank is just a blank. Invalid UTF-8
/// becomes replacement characters, which no number contains.
pub fn from_query(raw: &str) -> Cow<'_, str> {
    let (plus, rest) = strip_lost_plus(raw);
    if !plus && !rest.contains(['+', '%']) {
        return Cow::Borrowed(rest);
    }
    // A plus that somebody left raw, in front of digits alone: the commonest form, and it needs no copy.
    if raw.starts_with('+') && raw.len() == rest.len() + 1 && !rest.contains(['+', '%']) {
        return Cow::Borrowed(raw);
    }
    let kept = if plus { None } else { plus_before_first_digit(rest) };
    let lost = plus.then_some('+');
    let written = rest
        .char_indices()
        .map(|(at, c)| if c == '+' && Some(at) != kept { ' ' } else { c });
    let text: String = lost.into_iter().chain(written).collect();
    Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

/// Takes the run of blanks and raw pluses off the start and says whether it stood for a plus.
fn strip_lost_plus(raw: &str) -> (bool, &str) {
    let mut rest = raw;
    while let Some(next) = rest
        .strip_prefix(' ')
        .or_else(|| rest.strip_prefix('+'))
        .or_else(|| rest.strip_prefix("%20"))
    {
        rest = next;
    }
    let stripped = rest.len() < raw.len();
    let digit_follows = rest.starts_with(|c: char| c.is_ascii_digit());
    // `+(44) 20…`: the plus is a plus; ` (480) 675…`: the blank is a blank.
    let written = raw.starts_with('+')
        && !starts_with_encoded_plus(rest)
        && rest.contains(|c: char| c.is_ascii_digit());
    (stripped && (digit_follows || written), rest)
}

fn starts_with_encoded_plus(text: &str) -> bool {
    text.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("%2B"))
}

/// Where a raw plus stands directly before the first digit and begins a number.
fn plus_before_first_digit(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            // The digits of an escape are no digits of the number.
            b'%' => at += 3,
            byte if byte.is_ascii_digit() => {
                let plus = at.checked_sub(1).filter(|&plus| bytes.get(plus) == Some(&b'+'))?;
                let before = text.get(..plus)?;
                let begins = before.is_empty()
                    || before.ends_with([':', '<', '(', '"'])
                    || ["%3a", "%3c", "%28", "%22"]
                        .iter()
                        .any(|escape| ends_with_escape(before, escape));
                return begins.then_some(plus);
            }
            _ => at += 1,
        }
    }
    None
}

fn ends_with_escape(text: &str, escape: &str) -> bool {
    text.len()
        .checked_sub(3)
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(escape))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plus_is_found_again() {
        for (raw, expected) in [
            ("+4416", "+4416"),
            ("%2B4416", "+4416"),
            ("%2b4416", "+4416"),
            (" 4930", "+4930"),
            ("%204930", "+4930"),
            ("+%2B4416", "+4416"),
            ("+(44)+20", "+(44) 20"),
            ("tel:+4416", "tel:+4416"),
            ("tel%3A+4416", "tel:+4416"),
            ("%22Bob%22+%3Csip%3A+4416%40host%3E", "\"Bob\" <sip:+4416@host>"),
            ("sip%3A%2B4416%40host", "sip:+4416@host"),
        ] {
            assert_eq!(from_query(raw), expected, "{raw}");
        }
    }

    #[test]
    fn nothing_else_becomes_a_plus() {
        for (raw, expected) in [
            ("", ""),
            ("4416", "4416"),
            ("%252B4416", "%2B4416"),
            ("(480)+675-4110", "(480) 675-4110"),
            ("%20(480)%20675-4110", "(480) 675-4110"),
            ("020+7946+0958", "020 7946 0958"),
            ("Private+Number", "Private Number"),
            ("Bob+4155552671", "Bob 4155552671"),
            ("+", ""),
            ("anonymous", "anonymous"),
            ("%", "%"),
            ("%F", "%F"),
        ] {
            assert_eq!(from_query(raw), expected, "{raw}");
        }
    }

    #[test]
    fn plain_forms_are_not_copied() {
        assert!(matches!(from_query("14155552671"), Cow::Borrowed(_)));
        assert!(matches!(from_query("+14155552671"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn encoding_loses_nothing(text in "\\PC*") {
            // Encoded as a browser's `encodeURIComponent` does, every text comes back but for leading blanks.
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let decoded = from_query(&encoded);
            prop_assume!(!text.starts_with(' '));
            prop_assert_eq!(decoded, text);
        }

        #[test]
        fn any_text_is_read(raw in "[+% 0-9a-fA-F:<\u{e4}]*") {
            from_query(&raw);
        }
    }
}
