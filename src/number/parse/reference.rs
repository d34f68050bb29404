//! The reference parser: libphonenumber, ported. It reads whatever the tables leave to it, in microseconds and with
//! allocations, and it is what the tables are tested against.
//!
//! In two things the port differs from libphonenumber itself (and its ports to Java and Python), which are put right
//! here. Two digits alone are a number, but not two digits and an extension, `12;3`. And it panics where `tel:` stands
//! behind `;phone-context=`.

use std::borrow::Cow;

use rlibphonenumber::{NotANumberError, PHONE_NUMBER_UTIL, ParseError};

use super::{ParseReason, Parsed};
use crate::number::region::Region;

/// Parses a text of at most 250 characters.
pub(super) fn parse(text: &str, region: Region) -> Result<Parsed, ParseReason> {
    let text = &with_scheme_first(text);
    let number = PHONE_NUMBER_UTIL
        .parse(text, region.to_library())
        .map_err(reason)?;
    if number
        .extension
        .as_ref()
        .is_some_and(|extension| is_two_digits_before(text, extension))
    {
        return Err(ParseReason::NotANumber);
    }
    let zeros = if number.italian_leading_zero() {
        number.number_of_leading_zeros()
    } else {
        0
    };
    let length = number.national_number.checked_ilog10().map_or(1, |log| log + 1);
    let (Ok(calling_code), Ok(zeros), Ok(length)) = (
        u16::try_from(number.country_code),
        usize::try_from(zeros),
        usize::try_from(length),
    ) else {
        return Err(ParseReason::NotANumber);
    };
    Ok(Parsed::from_parts(
        calling_code,
        number.national_number,
        zeros + length,
    ))
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

fn reason(error: ParseError) -> ParseReason {
    match error {
        ParseError::InvalidCountryCode => ParseReason::UnknownCallingCode,
        ParseError::NotANumber(NotANumberError::FailedToParseNumberAsInt(_)) | ParseError::TooLongNsn => {
            ParseReason::TooLong
        }
        ParseError::NotANumber(_) => ParseReason::NotANumber,
        ParseError::TooShortAfterIdd => ParseReason::TooShortAfterPrefix,
        ParseError::TooShortNsn => ParseReason::TooShort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_behind_the_context_is_no_panic() {
        let none = Region::NONE;
        assert_eq!(
            parse("030 1;phone-context=tel:host", none),
            Err(ParseReason::NotANumber)
        );
        let from_context = parse("030 1;phone-context=+4930123456;tel:7", none).map(Parsed::digits);
        assert_eq!(from_context, Ok(4_930_123_456));
    }

    #[test]
    fn two_digits_have_no_extension() {
        let andorra = "AD".parse().expect("a region");
        for text in ["73;2", "٤٥;٢", "56;ext=5", "12 ext 302/x2303", "12 x3#"] {
            assert_eq!(parse(text, andorra), Err(ParseReason::NotANumber), "{text}");
        }
        for text in ["73", "731;2", "122 x22", "+37673 x1", "12 x302/x2303", "12~345"] {
            assert!(parse(text, andorra).is_ok(), "{text}");
        }
    }
}
