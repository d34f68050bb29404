//! Letters behind the first digits of a number, as libphonenumber reads them: `1-800-FLOWERS` spells digits on the keys of
//! a phone, and fewer letters than three are a slip and mean nothing.
//!
//! A number may have letters once it has three digits, and ends with a letter or a digit. Where digits at its end could be
//! an extension, and where a slash before an `x` could begin a second number, the reference has to say.

use super::digits::{Class, class};

/// With fewer, letters mean nothing.
const LEAST: usize = 3;

/// The last letters of all labels of extensions, in lower case.
const LABEL_ENDS: &[u8] = b"xtno";

/// The keys of a phone, from A on (ITU-T E.161).
const KEYS: [u8; 26] = *b"22233344455566677778889999";

/// The values of the digits that the rest of a number spells. `number` is all of it, from the first digit or behind the
/// plus on, and `rest` begins with what is no digit and no separator. `None` where it may mean something else.
pub(super) fn spelt<'a>(number: &[u8], rest: &'a [u8]) -> Option<impl Iterator<Item = u8> + use<'a>> {
    // The keys have digits of no other script, so a number with letters loses them.
    let is_plain =
        |byte: &u8| byte.is_ascii_alphabetic() || matches!(class(*byte), Class::Digit | Class::Separator);
    if !number.is_ascii() || !rest.iter().all(is_plain) {
        return None;
    }
    if number.contains(&b'/') && rest.contains(&b'x') || may_have_extension(rest) {
        return None;
    }
    let letters = rest.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let spells = letters >= LEAST;
    Some(rest.iter().filter_map(move |byte| value(*byte, spells)))
}

/// Whether the text ends with a label, perhaps separators, and digits.
fn may_have_extension(text: &[u8]) -> bool {
    let behind_last = |text: &[u8], is_kept: fn(u8) -> bool| {
        text.iter()
            .rposition(|byte| is_kept(*byte))
            .map_or(0, |at| at + 1)
    };
    let digits = behind_last(text, |byte| !byte.is_ascii_digit());
    let before = text.get(..digits).unwrap_or_default();
    let label = behind_last(before, |byte| class(byte) != Class::Separator);
    let last = before.get(..label).and_then(<[u8]>::last);
    digits < text.len() && last.is_some_and(|last| LABEL_ENDS.contains(&last.to_ascii_lowercase()))
}

fn value(byte: u8, spells: bool) -> Option<u8> {
    if byte.is_ascii_digit() {
        return Some(byte - b'0');
    }
    let letter = byte.to_ascii_uppercase().checked_sub(b'A').filter(|_| spells)?;
    KEYS.get(usize::from(letter)).map(|key| key - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: &str, rest: &str) -> Option<String> {
        let values = spelt(format!("{number}{rest}").as_bytes(), rest.as_bytes())?;
        Some(values.map(|digit| char::from(b'0' + digit)).collect())
    }

    #[test]
    fn letters_are_the_keys_of_a_phone() {
        for (number, rest, digits) in [
            ("1-800-", "FLOWERS", "3569377"),
            ("180", "abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999"),
            ("1 800 ", "GO (4) IS-5", "464475"),
            ("0800 ", "xXx", "999"),
            ("030 12", "a 34 b", "34"),
        ] {
            assert_eq!(read(number, rest).as_deref(), Some(digits), "{number}{rest}");
        }
    }

    #[test]
    fn what_may_be_an_extension_or_a_second_number_is_left() {
        for (number, rest) in [
            ("1800 ", "FLOWERS x1"),
            ("1800 ", "FLOWERS EXT.-12"),
            ("1800 ", "int 1234567890"),
            ("1800 ", "anexo5"),
            ("1800 ", "no 5"),
            ("1800/", "5x5a"),
            ("1800 ", "FLOWERS#"),
            ("1800 ", "a,5"),
            ("1800 ", "FL\u{d6}WERS"),
            ("18\u{ff10}0 ", "FLOWERS"),
            ("18\u{2013}00 ", "FLOWERS"),
        ] {
            assert_eq!(read(number, rest), None, "{number}{rest}");
        }
    }
}
