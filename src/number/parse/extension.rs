//! Extensions behind a number: `;ext=5`, `ext. 5`, `x123`, `,,5`.
//!
//! The reference looks for the leftmost place from which one of six patterns matches to the end. Here the place is
//! given: it is the first character that no number has. Whatever begins before it could only be separators, and
//! whatever begins behind it is not the leftmost.

/// Digits that each way of writing an extension may have.
const AFTER_NAME: usize = 20;
const AFTER_DIALLING: usize = 15;
const AFTER_SIGN: usize = 9;

/// Words for an extension, in lower case; the longest that fits is the one that the reference takes.
const NAMES: [&[u8]; 9] = [
    b"extension",
    b"extensio",
    b"xtension",
    b"xtensio",
    b"extn",
    b"xtn",
    b"ext",
    b"xt",
    b"anexo",
];

/// Whether a text without characters to skip at its end is an extension. What only may be one is none here; the
/// reference then decides.
pub(super) fn is_one(text: &[u8]) -> bool {
    if let Some(digits) = without(text, b";ext=") {
        return has_digits(digits, AFTER_NAME);
    }
    let label = skip(text, |byte| matches!(byte, b' ' | b'\t' | b','));
    if let Some(rest) = NAMES.iter().find_map(|name| without(label, name)) {
        return is_number(rest, AFTER_NAME);
    }
    if let Some(rest) = without(label, b"int").or_else(|| label.split_first().and_then(sign)) {
        return is_number(rest, AFTER_SIGN);
    }
    let commas = skip(text, |byte| matches!(byte, b' ' | b'\t'));
    match commas {
        [b';', rest @ ..] | [b',', b',', rest @ ..] => is_number(rest, AFTER_DIALLING),
        [b',', rest @ ..] => is_number(rest, AFTER_SIGN),
        _ => false,
    }
}

fn sign<'a>((first, rest): (&u8, &'a [u8])) -> Option<&'a [u8]> {
    matches!(first, b'x' | b'X' | b'#' | b'~').then_some(rest)
}

/// What stands behind a label: a colon or a full stop, separators, digits, perhaps a `#`.
fn is_number(rest: &[u8], most: usize) -> bool {
    let rest = match rest {
        [b':' | b'.', rest @ ..] => rest,
        rest => rest,
    };
    let digits = skip(rest, |byte| matches!(byte, b' ' | b'\t' | b',' | b'-'));
    has_digits(digits.strip_suffix(b"#").unwrap_or(digits), most)
}

fn has_digits(digits: &[u8], most: usize) -> bool {
    (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

fn without<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_at_checked(start.len())?;
    first.eq_ignore_ascii_case(start).then_some(rest)
}

fn skip(text: &[u8], skipped: impl Fn(u8) -> bool) -> &[u8] {
    let at = text.iter().position(|byte| !skipped(*byte));
    text.get(at.unwrap_or(text.len())..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_known_however_they_are_written() {
        for text in [
            ";ext=5",
            ";EXT=12345678901234567890",
            "x123",
            "X 123#",
            "#5",
            "~5",
            ", ext. 5",
            "ext:5",
            "extension 12",
            "xtn-7",
            "anexo 12345678901234567890",
            "int 5",
            ",,5",
            ",,,,5",
            ";5",
            ",5",
            "\tx5",
            "ext,,-5",
        ] {
            assert!(is_one(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            ";",
            ";ext=",
            ";ext= 5",
            ";ext=123456789012345678901",
            "x1234567890",
            "x",
            "x5x",
            "x5##",
            "ex5",
            "extensn 5",
            "poste 3",
            ",;5",
            ";,5 6",
            ",1234567890",
            ",,1234567890123456",
            "Bob",
            "+5",
            ";phone-context=+1",
        ] {
            assert!(!is_one(text.as_bytes()), "{text}");
        }
    }
}
