//! The text of a number: what spreadsheets and keyboards do to it, and its digits.

use std::borrow::Cow;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::parse;
use super::plan;
use super::reading::Invalid;
use super::region::Region;

/// No number that any rule knows has more digits.
const MAX_DIGITS: usize = 40;
/// From so many digits on, what follows a number is a name or an extension; before, letters may be a vanity number.
const COMPLETE_DIGITS: usize = 9;

/// The digits of a text that holds nothing but digits, separators and a plus before the first digit.
pub(super) struct Digits {
    pub(super) plus: bool,
    bytes: [u8; MAX_DIGITS],
    length: usize,
}

impl Digits {
    pub(super) const fn none() -> Digits {
        Digits {
            plus: false,
            bytes: [0; MAX_DIGITS],
            length: 0,
        }
    }

    /// `None` where the text holds anything else, or more than 40 digits: its meaning is left to the parser.
    pub(super) fn of(text: &str) -> Option<Digits> {
        let mut digits = Digits::none();
        digits.read(text).then_some(digits)
    }

    /// [`Digits::of`] in place, for lookups: copying the digits at once would wait for each byte that was written.
    #[inline]
    pub(super) fn read(&mut self, text: &str) -> bool {
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    let Some(slot) = self.bytes.get_mut(self.length) else {
                        return false;
                    };
                    *slot = byte;
                    self.length += 1;
                }
                b'+' if self.length == 0 => self.plus = true,
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'[' | b']' => {}
                _ => return false,
            }
        }
        true
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// Zeros alone, however many.
    pub(super) fn are_zeros(&self) -> bool {
        self.length > 0 && self.as_str().bytes().all(|byte| byte == b'0')
    }

    /// One digit, three times or more.
    pub(super) fn are_one_digit_repeated(&self) -> bool {
        self.length >= 3 && self.as_str().bytes().all(|byte| byte == self.bytes[0])
    }
}

/// A number put together from parts, without allocating: at most 40 digits behind a plus and a few more.
pub(super) struct Line {
    bytes: [u8; 80],
    length: usize,
}

impl Line {
    /// `None` where the parts do not fit; no number is that long.
    pub(super) fn of(parts: &[&str]) -> Option<Line> {
        let mut line = Line {
            bytes: [0; 80],
            length: 0,
        };
        for part in parts {
            let end = line.length + part.len();
            line.bytes
                .get_mut(line.length..end)?
                .copy_from_slice(part.as_bytes());
            line.length = end;
        }
        Some(line)
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// The digits of a text that is a plus and 7 to 15 digits and nothing else, of which the first is no zero and not all are
/// the same: of nothing that is withheld, spoilt or cut.
#[inline]
pub(super) fn behind_plus(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+')?;
    let (&first, rest) = digits.as_bytes().split_first()?;
    let are_digits = matches!(first, b'1'..=b'9') && rest.iter().all(u8::is_ascii_digit);
    let is_number = are_digits && (6..=14).contains(&rest.len()) && rest.iter().any(|digit| *digit != first);
    is_number.then_some(digits)
}

/// Writes digits, plus, blanks, dashes and brackets of other scripts in ASCII, so that the rules see them. Only what the
/// parser knows is rewritten, so that it reads either text the same.
#[inline]
pub(super) fn in_ascii(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() { text } else { rewritten(&text) }
}

#[cold]
fn rewritten(text: &str) -> Cow<'static, str> {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii() => ascii.push(c),
            '\u{ad}' | '\u{200b}' | '\u{2060}' => {}
            '\u{a0}' | '\u{3000}' => ascii.push(' '),
            '＋' => ascii.push('+'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '－' => ascii.push('-'),
            '（' => ascii.push('('),
            '）' => ascii.push(')'),
            _ if c.is_numeric() => {
                let digit = PHONE_NUMBER_UTIL.normalize_digits_only(c.encode_utf8(&mut [0; 4]));
                if digit.is_empty() {
                    ascii.push(c)
                } else {
                    ascii.push_str(&digit)
                }
            }
            _ => ascii.push(c),
        }
    }
    Cow::Owned(ascii)
}

/// `1.41556E+10`, and the same with a decimal comma.
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [
        whole.strip_prefix(['+', '-']).unwrap_or(whole),
        fraction,
        exponent,
    ]
    .iter()
    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `14155552671.0`: a spreadsheet has taken the number for a quantity.
pub(super) fn without_fraction(text: &str) -> Option<&str> {
    let (whole, fraction) = text.rsplit_once('.')?;
    let is_quantity = !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0')
        && !whole.is_empty()
        && whole
            .strip_prefix('+')
            .unwrap_or(whole)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    is_quantity.then_some(whole)
}

/// `+14155552671 Bob`, `… x123`: the number before the first letter, where that is a whole number. Extensions are cut
/// with it, they are no part of a key. `1-800-FLOWERS` is not cut.
pub(super) fn without_trailing_letters(text: &str, region: Region) -> Option<&str> {
    // The prolonged sound mark is a letter to Unicode, and a dash to whoever writes numbers with it.
    let at = text.find(|c: char| c.is_alphabetic() && c != '\u{30fc}')?;
    let number = text.get(..at)?.trim_end();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_whole = digits >= COMPLETE_DIGITS
        || digits > 2
            && parse::parse(number, region)
                .ok()
                .and_then(|parsed| parsed.key())
                .is_some_and(plan::is_valid);
    is_whole.then_some(number)
}

/// Refuses what a spreadsheet has spoilt and takes off what it has added.
pub(super) fn repaired(text: &str, region: Region) -> Result<Option<&str>, Invalid> {
    // Plain numbers, nearly all of them, cost one look.
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic() && byte != b'.')
    {
        return Ok(None);
    }
    if is_scientific(text) {
        return Err(Invalid::ScientificNotation);
    }
    Ok(without_fraction(text).or_else(|| without_trailing_letters(text, region)))
}

/// Whether a SIP user is a number: digits, visual separators and a leading plus.
pub(super) fn is_numeric(user: &str) -> bool {
    Digits::of(user).is_some_and(|digits| digits.length > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number::{Numbering, Settings};

    proptest! {
        /// What is nothing but a plus and digits is read without much that other texts need; with blanks around it, with
        /// all of that.
        #[test]
        fn the_short_way_reads_as_the_long_one(digits in "[0-9]{0,20}|1{1,20}|(1|39|44|49|54)[0-9]{5,12}") {
            let numbering = Numbering::new(&Settings {
                own_numbers: vec!["+1 415 555 2671".to_owned()],
                outside_line_prefixes: vec!["9".to_owned()],
                ..Settings::builtin()
            })
            .expect("settings");
            let (short, long) = (format!("+{digits}"), format!(" +{digits} "));
            prop_assert_eq!(numbering.read_text(&short, None), numbering.read(&long, None));
        }
    }

    #[test]
    fn digits_are_taken_from_separators_alone() {
        let digits = Digits::of("(+49) 30/12-34.5").expect("a plain number");
        assert!(digits.plus);
        assert_eq!(digits.as_str(), "493012345");
        assert!(Digits::of("+49x").is_none());
        assert!(Digits::of("49+30").is_none());
        assert!(Digits::of(&"1".repeat(40)).is_some());
        assert!(Digits::of(&"1".repeat(41)).is_none());
    }

    #[test]
    fn other_scripts_become_ascii() {
        assert_eq!(in_ascii(Cow::Borrowed("+٤٩٣٠")), "+4930");
        assert_eq!(in_ascii(Cow::Borrowed("＋４９（０）３０")), "+49(0)30");
        assert_eq!(in_ascii(Cow::Borrowed("+49\u{a0}30\u{ad}1")), "+49 301");
        assert_eq!(in_ascii(Cow::Borrowed("доб. ½")), "доб. ½");
    }

    #[test]
    fn spreadsheets_are_repaired_or_refused() {
        for text in ["1.41556E+10", "1,41556e+10", "1E10", "-1.5E+3"] {
            assert!(is_scientific(text), "{text}");
        }
        for text in ["14155552671", "1-800-EEE", "E10", "1E", "1e+x"] {
            assert!(!is_scientific(text), "{text}");
        }
        assert_eq!(without_fraction("14155552671.0"), Some("14155552671"));
        assert_eq!(without_fraction("+14155552671.00"), Some("+14155552671"));
        assert_eq!(without_fraction("020.7946.0"), None);
        assert_eq!(without_fraction("14155552671.5"), None);
        let us = "US".parse().expect("a region");
        assert_eq!(
            without_trailing_letters("+14155552671 Bob", us),
            Some("+14155552671")
        );
        assert_eq!(
            without_trailing_letters("555 1234 Jón", "IS".parse().expect("a region")),
            Some("555 1234")
        );
        assert_eq!(without_trailing_letters("1-800-FLOWERS", us), None);
        assert_eq!(without_trailing_letters("1-800-555-HELP", us), None);
    }
}
