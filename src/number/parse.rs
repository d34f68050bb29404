//! The parse: what libphonenumber says that a number is. Every number goes through [`parse`].

mod digits;
mod e164;
mod extension;
mod letters;
mod reference;
mod steps;

use thiserror::Error;

use self::digits::{Digits, Without};
use super::key::Key;
use super::region::Region;
use super::tables::tables;

/// The reference refuses longer texts before it looks at them.
const MAX_CHARACTERS: usize = 250;

/// Powers of ten: working one out for a `u128` takes longer than the rest of a parse.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// A number: calling code and national number, with the zeros before it, as one integer. At most 20 digits, which is more
/// than a `u64` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parsed(u128);

/// Why a text is not a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseReason {
    /// Nothing that looks like a number, or something that no number contains.
    #[error("not a phone number: expected digits, separators and an optional leading +")]
    NotANumber,
    /// A plus with a calling code that nobody has; or no plus and no region to read the number in.
    #[error(
        "the calling code after the + is not in use, or there is neither a + nor a region to read the number in"
    )]
    UnknownCallingCode,
    /// Too little is left after the international prefix.
    #[error("too few digits after the international prefix")]
    TooShortAfterPrefix,
    /// Fewer than two digits of national number.
    #[error("too few digits for a phone number")]
    TooShort,
    /// More than 17 digits of national number, or more than 250 characters.
    #[error("too long for a phone number")]
    TooLong,
}

impl Parsed {
    const fn from_digits(digits: u128) -> Parsed {
        Parsed(digits)
    }

    /// The number of a calling code and so many national digits.
    #[inline]
    fn from_parts(calling_code: u16, national: u64, length: usize) -> Parsed {
        let power = POWERS.get(length).copied().unwrap_or(u64::MAX);
        Parsed(u128::from(calling_code) * u128::from(power) + u128::from(national))
    }

    /// All digits after the plus, as one integer.
    #[inline]
    pub(super) const fn digits(self) -> u128 {
        self.0
    }

    /// The key, where the number has at most 15 digits.
    #[inline]
    pub(super) fn key(self) -> Option<Key> {
        u64::try_from(self.0).ok().and_then(Key::e164)
    }
}

/// Compiles the tables, unless that is done. Milliseconds, so never while a number is looked up.
pub(super) fn prepare() {
    tables();
}

/// Parses a text exactly as the reference does. `region` is where a number without a plus was dialled.
///
/// Nearly everything is answered from tables, without allocating. Rarer scripts and labels of extensions, parameters of
/// URIs and some texts that are no number are left to the reference.
#[inline]
pub(super) fn parse(text: &str, region: Region) -> Result<Parsed, ParseReason> {
    match e164::parse(tables(), text) {
        Some(number) => Ok(number),
        None => parse_any(text, region),
    }
}

fn parse_any(text: &str, region: Region) -> Result<Parsed, ParseReason> {
    if text.len() > MAX_CHARACTERS && text.chars().count() > MAX_CHARACTERS {
        return Err(ParseReason::TooLong);
    }
    match from_steps(text, region) {
        Some(answer) => answer,
        None => reference::parse(text, region),
    }
}

/// The answer of the tables. `None` where they leave it to the reference.
#[inline]
fn from_steps(text: &str, region: Region) -> Option<Result<Parsed, ParseReason>> {
    let mut digits = Digits::none();
    match digits.read(text) {
        Ok(()) => steps::parse(tables(), &digits, region),
        Err(Without::Any) => Some(Err(ParseReason::NotANumber)),
        Err(Without::Knowing) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_of_the_national_number_survive() {
        let rome = parse("+39 06 698 12345", Region::NONE).expect("a number");
        assert_eq!(rome.digits(), 390_669_812_345);
        assert_eq!(Parsed::from_parts(49, 0, 4).digits(), 490_000);
        let longest = Parsed::from_parts(999, 99_999_999_999_999_999, 17);
        assert_eq!(longest.digits(), 99_999_999_999_999_999_999);
    }

    #[test]
    fn long_texts_are_refused_before_they_cost_time() {
        assert_eq!(parse(&"1".repeat(251), Region::NONE), Err(ParseReason::TooLong));
    }

    const SAMPLE: &str = include_str!("../../tests/data/phone_sample.tsv");

    /// What the sample has of numbers that the tables leave to the reference: parameters of URIs, digits of rarer scripts,
    /// letters behind fewer digits than three, extensions behind other words, and much that is no number.
    const LEFT: [&str; 11] = [
        "ext_national",
        "ext_plus",
        "noise",
        "random_after_cc",
        "random_national",
        "rfc3966_context",
        "sep_national",
        "sep_plus",
        "special_ani",
        "uni_digits_plus",
        "vanity",
    ];

    #[test]
    fn nearly_everything_is_answered_from_tables() {
        let (mut answered, mut all) = (0, 0);
        for line in SAMPLE.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let region = fields[1].parse().unwrap_or(Region::NONE);
            let is_answered = from_steps(fields[0], region).is_some();
            assert!(is_answered || LEFT.contains(&fields[3]), "{line}");
            answered += u32::from(is_answered);
            all += 1;
        }
        assert!(answered * 10 >= all * 9, "{answered} of {all}");
    }
}
