//! libphonenumber's port, put right where it differs from libphonenumber itself.

use std::borrow::Cow;

use rlibphonenumber::{NotANumberError, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, Region};

/// The reference's answer.
pub(crate) fn parse(text: &str, region: Option<Region>) -> Result<PhoneNumber, ParseError> {
    let text = &with_scheme_first(text);
    let number = PHONE_NUMBER_UTIL.parse(text, region)?;
    // Two digits and an extension are no number to libphonenumber; the port takes them. `tests/system/phonenumbers.sh`
    // has the last word.
    match &number.extension {
        Some(extension) if is_two_digits_before(text, extension) => {
            Err(NotANumberError::NotMatchedValidNumberPattern.into())
        }
        _ => Ok(number),
    }
}

/// Where the first `tel:` stands behind the context, there is nothing between the two: that is written so that the port
/// can read it.
fn with_scheme_first(text: &str) -> Cow<'_, str> {
    match (text.find(";phone-context="), text.find("tel:")) {
        (Some(context), Some(scheme)) if scheme > context => {
            Cow::Owned(format!("tel:{}", text.get(context..).unwrap_or_default()))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Whether a text has two digits beside those of its extension, and a label between that no number could contain.
/// Where one could (`12x3`), it is viable as a whole, and read as two digits and an extension by libphonenumber too.
fn is_two_digits_before(text: &str, extension: &str) -> bool {
    let text = without_second(text);
    if PHONE_NUMBER_UTIL.normalize_digits_only(text).len() != 2 + extension.chars().count() {
        return false;
    }
    let is_digit = |c: char| {
        !PHONE_NUMBER_UTIL
            .normalize_digits_only(c.encode_utf8(&mut [0; 4]))
            .is_empty()
    };
    let number = text.trim_start_matches(|c| !is_digit(c));
    let behind = number.trim_start_matches(is_digit);
    let label_end = behind.find(is_digit).unwrap_or(behind.len());
    let label = behind.get(..label_end).unwrap_or_default();
    let end = text.rsplit(is_digit).next().unwrap_or_default();
    end.starts_with('#') || !label.chars().all(is_punctuation)
}

/// `12 x302` of `12 x302/x2303`: the parser cuts a second extension off.
fn without_second(text: &str) -> &str {
    let second = text.rfind(['/', '\\']).filter(|at| {
        text.get(at + 1..)
            .is_some_and(|rest| rest.trim_start_matches(' ').starts_with('x'))
    });
    text.get(..second.unwrap_or(text.len())).unwrap_or(text)
}

/// What libphonenumber allows between digits.
fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '-' | 'x'
            | 'X'
            | '*'
            | ' '
            | '('
            | ')'
            | '.'
            | '['
            | ']'
            | '/'
            | '~'
            | '\u{2010}'..='\u{2015}'
            | '\u{2212}'
            | '\u{30fc}'
            | '\u{ff0d}'..='\u{ff0f}'
            | '\u{a0}'
            | '\u{ad}'
            | '\u{200b}'
            | '\u{2060}'
            | '\u{3000}'
            | '\u{ff08}'
            | '\u{ff09}'
            | '\u{ff3b}'
            | '\u{ff3d}'
            | '\u{2053}'
            | '\u{223c}'
    )
}
