//! What stands in a log for a person's data.

use std::fmt::{self, Display, Formatter, Write};

use serde::Deserialize;

/// Stands for what is not shown.
pub(super) const MASK: &str = "•••";
/// With fewer characters than this, the first three and the last two would tell most of a number.
const SHORTEST_SHOWN: usize = 10;
/// Characters beyond the longest number that anybody dials are not masked one by one: a caller may send any length.
const MOST_MASKED: usize = 20;

/// A value that no log, trace or error shows: a key, a token, a sensitive attribute.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Redacted<T> {
        Redacted(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> Display for Redacted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A number as logs show it; see [`number`].
#[derive(Clone, Copy)]
pub struct RedactedNumber<'a>(&'a str);

/// Shows of a number the country and the last two digits, `+14•••••••10`, which is enough to find a call that
/// someone asks about; of a short one, or of text that is not a number, nothing.
pub fn number(written: &str) -> RedactedNumber<'_> {
    RedactedNumber(written)
}

impl Display for RedactedNumber<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0.trim();
        // Signs that people put between digits do not count: they would push a short number over the limit.
        let shown = |index: usize, c: char| c.is_ascii_digit() || (index == 0 && c == '+');
        let signs = |c: char| matches!(c, ' ' | '(' | ')' | '-' | '.' | '/');
        if !text.char_indices().all(|(index, c)| shown(index, c) || signs(c)) {
            return f.write_str(MASK);
        }
        let length = text.char_indices().filter(|&(index, c)| shown(index, c)).count();
        if length < SHORTEST_SHOWN {
            return f.write_str(MASK);
        }
        let kept = text.char_indices().filter(|&(index, c)| shown(index, c));
        for (place, (_, c)) in kept.enumerate() {
            if place < 3 || place + 2 >= length {
                f.write_char(c)?;
            } else if place < 3 + MOST_MASKED {
                f.write_char('•')?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RedactedNumber<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A name as logs show it; see [`name`].
#[derive(Clone, Copy)]
pub struct RedactedName<'a>(&'a str);

/// Shows of a name its first letter, `A•••`; of text that begins with no letter, nothing.
pub fn name(written: &str) -> RedactedName<'_> {
    RedactedName(written)
}

impl Display for RedactedName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(initial) = self.0.trim_start().chars().next().filter(|c| c.is_alphabetic()) {
            f.write_char(initial)?;
        }
        f.write_str(MASK)
    }
}

impl fmt::Debug for RedactedName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_show_their_ends_where_long_enough() {
        for (written, shown) in [
            ("+14155552610", "+14•••••••10"),
            ("(415) 555-2671", "415•••••71"),
            (" 0049 30 123456 ", "004•••••••56"),
            ("1234567890", "123•••••90"),
            ("123456789", "•••"),
            ("1 2 3 4 5 6 7", "•••"),
            ("1001", "•••"),
            ("", "•••"),
            ("+", "•••"),
            ("sip:ada.lovelace@example.org", "•••"),
            ("1415555261٠", "•••"),
            ("14155552610 Ada", "•••"),
        ] {
            assert_eq!(number(written).to_string(), shown, "{written}");
            assert_eq!(format!("{:?}", number(written)), shown, "{written}");
        }
    }

    #[test]
    fn a_number_of_any_length_takes_one_line() {
        let written = "1234567890".repeat(1000);
        assert_eq!(number(&written).to_string(), format!("123{}90", "•".repeat(20)));
    }

    #[test]
    fn names_show_their_initial() {
        for (written, shown) in [
            ("Ada Lovelace", "A•••"),
            ("Élodie", "É•••"),
            (" 李", "李•••"),
            ("", "•••"),
            ("+1415", "•••"),
        ] {
            assert_eq!(name(written).to_string(), shown);
            assert_eq!(format!("{:?}", name(written)), shown);
        }
    }

    #[test]
    fn a_redacted_value_is_there_for_who_asks() {
        let key = Redacted::new("k-123");
        assert_eq!(
            (format!("{key} {key:?}"), *key.expose()),
            ("••• •••".to_owned(), "k-123")
        );
    }

    proptest! {
        #[test]
        fn half_of_a_number_at_the_least_is_hidden(digits in "[0-9 ()+.-]{0,24}") {
            let all = digits.bytes().filter(u8::is_ascii_digit).count();
            let shown = number(&digits).to_string().bytes().filter(u8::is_ascii_digit).count();
            prop_assert!(shown <= 5 && shown * 2 <= all, "{} of {}", shown, all);
        }
    }
}
