//! The text of a number down to its digits, where that is all there is to it.
//!
//! What this reads is what libphonenumber reads from the same text: leading characters skipped, a plus, digits and
//! separators, letters that stand for digits, perhaps an extension, and characters at the end that no number has.
//! Everything else is left to the reference.

use super::{extension, letters};

/// No more digits than this: a national number has 17 at most, with prefixes and codes before it some more.
const MOST: usize = 40;
/// With fewer, other rules apply.
const LEAST: usize = 3;

/// The digits of a written number, as values, and whether a plus was before them.
#[derive(Debug)]
pub(super) struct Digits {
    values: [u8; MOST],
    length: usize,
    pub(super) plus: bool,
}

/// What a byte is within a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    Plus,
    /// Skipped wherever it is.
    Separator,
    /// Begins what follows the digits: letters, an extension, or characters that the end of a text may have.
    Other,
    /// Begins a character that is not ASCII.
    Foreign,
}

/// What a character of another script is within a number.
enum Foreign {
    Digit(u8),
    Plus,
    Separator,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut at = 128;
    while at < 256 {
        classes[at] = Class::Foreign;
        at += 1;
    }
    at = 0;
    while at < 10 {
        classes[b'0' as usize + at] = Class::Digit;
        at += 1;
    }
    classes[b'+' as usize] = Class::Plus;
    // The `x` and the `~` are separators too, but they also begin extensions.
    let separators = *b" -.()/[]*";
    at = 0;
    while at < separators.len() {
        classes[separators[at] as usize] = Class::Separator;
        at += 1;
    }
    classes
};

/// Why there are no digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// The text has too few for any number.
    Any,
    /// The reference has to read the text.
    Knowing,
}

impl Digits {
    pub(super) const fn none() -> Digits {
        Digits {
            values: [0; MOST],
            length: 0,
            plus: false,
        }
    }

    /// Takes the digits of a text, in place: a copy right behind the last of the single bytes would wait for them all.
    #[inline]
    pub(super) fn read(&mut self, text: &str) -> Result<(), Without> {
        if text
            .bytes()
            .all(|byte| matches!(class(byte), Class::Other | Class::Separator) && byte != b';')
        {
            return Err(Without::Any);
        }
        let number = self.take(text).ok_or(Without::Knowing)?;
        if self.length < LEAST {
            self.few(number)
        } else {
            Ok(())
        }
    }

    /// Fewer digits than three are a number only if they are two, side by side, and nothing else.
    #[cold]
    fn few(&self, number: &[u8]) -> Result<(), Without> {
        let number = trimmed(number);
        if number
            .iter()
            .any(|byte| !matches!(class(*byte), Class::Digit | Class::Separator))
        {
            return Err(Without::Knowing);
        }
        if number.len() == 2 && self.length == 2 && !self.plus {
            Ok(())
        } else {
            Err(Without::Any)
        }
    }

    /// Takes the digits, and gives the text from the first digit or behind the plus on.
    #[inline]
    fn take<'a>(&mut self, text: &'a str) -> Option<&'a [u8]> {
        let digits = self;
        let mut rest = text.as_bytes();
        loop {
            let (&byte, after) = rest.split_first()?;
            match class(byte) {
                Class::Digit => break,
                Class::Plus => {
                    digits.plus = true;
                    rest = after;
                    while let [b'+', after @ ..] = rest {
                        rest = after;
                    }
                    break;
                }
                // Parameters of a URI may change what is read.
                Class::Other if byte == b';' => return None,
                Class::Other | Class::Separator => rest = after,
                Class::Foreign => match foreign(rest)? {
                    (Foreign::Separator, after) => rest = after,
                    (Foreign::Plus, after) => {
                        digits.plus = true;
                        rest = after;
                        break;
                    }
                    (Foreign::Digit(_), _) => break,
                },
            }
        }
        let number = rest;
        while let Some((&byte, after)) = rest.split_first() {
            match class(byte) {
                Class::Digit => {
                    *digits.values.get_mut(digits.length)? = byte - b'0';
                    digits.length += 1;
                }
                Class::Separator => {}
                Class::Plus | Class::Other => {
                    if !can_follow(number, rest) {
                        digits.spell(number, rest)?;
                    }
                    break;
                }
                Class::Foreign => {
                    let (character, behind) = foreign(rest)?;
                    match character {
                        Foreign::Digit(value) => {
                            *digits.values.get_mut(digits.length)? = value;
                            digits.length += 1;
                        }
                        Foreign::Separator => {}
                        Foreign::Plus => return None,
                    }
                    rest = behind;
                    continue;
                }
            }
            rest = after;
        }
        Some(number)
    }

    /// Takes the digits that letters stand for, or that are between them.
    #[cold]
    fn spell(&mut self, number: &[u8], rest: &[u8]) -> Option<()> {
        if self.length < LEAST {
            return None;
        }
        for value in letters::spelt(trimmed(number), trimmed(rest))? {
            *self.values.get_mut(self.length)? = value;
            self.length += 1;
        }
        Some(())
    }

    #[inline]
    pub(super) fn values(&self) -> &[u8] {
        self.values.get(..self.length).unwrap_or_default()
    }
}

#[inline]
pub(super) const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// The character that the text begins with, and what is behind it. `None` for one that is rare in numbers.
#[cold]
fn foreign(text: &[u8]) -> Option<(Foreign, &[u8])> {
    let length = match text.first()? {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => return None,
    };
    let (first, rest) = text.split_at_checked(length)?;
    let first = str::from_utf8(first).ok()?.chars().next()?;
    let zero = match first {
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{ff0b}' => return Some((Foreign::Plus, rest)),
        // Dashes, blanks, full stop, slash and brackets of several widths, all separators to the reference.
        '\u{2010}'..='\u{2015}'
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
        | '\u{ff3d}' => return Some((Foreign::Separator, rest)),
        _ => return None,
    };
    let value = u32::from(first) - u32::from(zero);
    Some((Foreign::Digit(u8::try_from(value).ok()?), rest))
}

/// Whether the reference leaves this off behind the digits: it is no part of any number, or it is an extension.
/// `number` is everything from the first digit or plus on.
#[cold]
fn can_follow(number: &[u8], rest: &[u8]) -> bool {
    let rest = trimmed(rest);
    // `… x302/x2303` are two numbers; the reference cuts the second off by looking for a slash before an x.
    let may_be_two = number.contains(&b'/') && rest.contains(&b'x');
    rest.is_empty() || !may_be_two && extension::is_one(rest)
}

/// The text without characters at its end that the reference leaves off.
fn trimmed(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .rposition(|byte| byte.is_ascii_alphanumeric() || *byte == b'#' || !byte.is_ascii());
    text.get(..end.map_or(0, |at| at + 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let mut digits = Digits::none();
        digits.read(text).ok()?;
        let plus = if digits.plus { "+" } else { "" };
        let digits = digits.values().iter().map(|digit| char::from(b'0' + digit));
        Some(plus.chars().chain(digits).collect())
    }

    #[test]
    fn digits_are_found_between_what_is_no_part_of_them() {
        for (text, digits) in [
            ("+14155552671", "+14155552671"),
            ("(415) 555-2671", "4155552671"),
            ("++49 [30]/123.45*6", "+493012345 6"),
            ("tel:+1-201-555-0123;ext=5", "+12015550123"),
            ("\"Bob\" <+4930123456>;", "+4930123456"),
            ("030 123456, x 12#", "030123456"),
            ("030 123456,,", "030123456"),
            ("\0+4930123456\0", "+4930123456"),
            ("+4930123456+", "+4930123456"),
            ("＋４９（３０）٣٠۴-123", "+493030 4123"),
            ("+49\u{2013}30\u{a0}12\u{2060}34", "+49301234"),
            ("（０３０）1234", "0301234"),
            ("1-800-FLOWERS", "18003569377"),
            ("\"+1 800 Go-FedEx\"", "+18004633339"),
            ("030 1234 Bo", "0301234"),
        ] {
            assert_eq!(read(text), Some(digits.replace(' ', "")), "{text}");
        }
    }

    #[test]
    fn what_may_mean_more_is_left() {
        for text in [
            "",
            "+",
            "1-800-FLOWERS x5",
            "18-FLOWERS",
            "+1-800-FL\u{d6}WERS",
            "+1800FLOWERSFLOWERSFLOWERSFLOWERSFLOWERSFLOWERS",
            "+14155552671#",
            "12 x345",
            "1 x2345",
            "+49߀1234",
            "＋＋4930",
            "x;123456",
            "123+456",
            "123456;phone-context=+1",
            "(530) 583-6985 x302/x2303",
            "(530)/ x2303",
            "123\t456",
            "123456 x 1 x 2",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Digits::none().read("hotel"), Err(Without::Any));
        for text in ["", "1", "+12", "1-2", "+", "(1)"] {
            assert_eq!(Digits::none().read(text), Err(Without::Any), "{text}");
        }
        assert_eq!(read("(12)"), Some("12".to_owned()));
        assert_eq!(Digits::none().read("h\u{f4}tel"), Err(Without::Knowing));
        assert_eq!(Digits::none().read("hotel 1a"), Err(Without::Knowing));
        assert_eq!(read(&"1".repeat(40)), Some("1".repeat(40)));
        assert_eq!(read(&"1".repeat(41)), None);
    }
}
