//! The last digits of a number, where those alone are to match: what old exchanges send, which cut calling codes and
//! area codes off.

use super::address::Address;
use super::key::{Key, Kind};
use super::plan;

/// How many last digits of two numbers must be the same: 7–15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuffixDigits {
    digits: u8,
    /// 10 to the power of them.
    power: u64,
}

impl SuffixDigits {
    /// The fewest digits: less would hit strangers in every town.
    pub const LEAST: u8 = 7;
    /// The most digits, which are all that a public number has.
    pub const MOST: u8 = 15;

    /// That many digits; `None` outside of 7–15.
    pub const fn new(digits: u8) -> Option<SuffixDigits> {
        if digits < SuffixDigits::LEAST || digits > SuffixDigits::MOST {
            return None;
        }
        Some(SuffixDigits {
            digits,
            power: 10_u64.pow(digits as u32),
        })
    }

    /// How many digits.
    pub const fn count(self) -> u8 {
        self.digits
    }

    /// The last digits of a public number that has as many; `None` for shorter ones, extensions and SIP users.
    #[inline]
    pub const fn of(self, key: Key) -> Option<u64> {
        match key.kind() {
            Kind::E164 if key.raw() >= self.power / 10 => Some(key.raw() % self.power),
            _ => None,
        }
    }

    /// The same where none of them belongs to the calling code, which a reader may have put before fewer digits than
    /// that: six digits are read as a number of the region that they were dialled in. `None` too where nobody has the
    /// calling code.
    pub fn of_national(self, key: Key) -> Option<u64> {
        let suffix = self.of(key)?;
        let code = plan::calling_code(key)?;
        let national = key
            .raw()
            .checked_ilog10()?
            .checked_sub(code.checked_ilog10()? + 1)?
            + 1;
        (national >= u32::from(self.digits)).then_some(suffix)
    }

    /// The last digits of what is written without a plus, in ASCII digits and separators alone, and is no number by
    /// itself; `None` where it has fewer digits, or more than a public number can have.
    pub fn of_written(self, written: &str) -> Option<u64> {
        let address = Address::of(written);
        if address.anonymous_host || address.context.is_some() {
            return None;
        }
        let (mut count, mut value) = (0, 0_u64);
        for byte in address.user.bytes() {
            match byte {
                b'0'..=b'9' => {
                    count += 1;
                    if count > SuffixDigits::MOST {
                        return None;
                    }
                    value = value * 10 + u64::from(byte - b'0');
                }
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' => {}
                _ => return None,
            }
        }
        (count >= self.digits).then_some(value % self.power)
    }

    /// Whether one of the numbers from `first` to `last`, public ones of as many digits as each other, ends in
    /// `suffix`.
    pub(super) fn ends_within(self, suffix: u64, first: u64, last: u64) -> bool {
        if first < self.power / 10 || suffix >= self.power {
            return false;
        }
        let distance = (suffix + self.power - first % self.power) % self.power;
        distance <= last.saturating_sub(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digits(count: u8) -> SuffixDigits {
        SuffixDigits::new(count).expect("7 to 15")
    }

    #[test]
    fn seven_to_fifteen_digits_are_enough_and_not_too_many() {
        for count in 0..=u8::MAX {
            let found = SuffixDigits::new(count).map(SuffixDigits::count);
            assert_eq!(found, (7..=15).contains(&count).then_some(count));
        }
    }

    #[test]
    fn only_public_numbers_that_are_long_enough_have_a_suffix() {
        assert_eq!(digits(7).of(Key(14_806_754_110)), Some(6_754_110));
        assert_eq!(digits(7).of(Key(1_000_000)), Some(1_000_000));
        assert_eq!(digits(7).of(Key(999_999)), None);
        assert_eq!(digits(15).of(Key(999_999_999_999_999)), Some(999_999_999_999_999));
        assert_eq!(digits(11).of(Key(14_806_754_110)), Some(14_806_754_110));
        assert_eq!(digits(12).of(Key(14_806_754_110)), None);
        assert_eq!(digits(7).of(Key::extension("6754110").expect("digits")), None);
        assert_eq!(digits(7).of(Key::sip("6754110")), None);
    }

    #[test]
    fn a_calling_code_is_no_part_of_a_suffix() {
        assert_eq!(digits(10).of_national(Key(14_806_754_110)), Some(4_806_754_110));
        assert_eq!(digits(11).of_national(Key(14_806_754_110)), None);
        assert_eq!(digits(7).of_national(Key(1_754_110)), None);
        assert_eq!(digits(8).of_national(Key(4_722_123_456)), Some(22_123_456));
        assert_eq!(digits(9).of_national(Key(4_722_123_456)), None);
        assert_eq!(
            digits(7).of_national(Key(999_123_456_789)),
            None,
            "nobody's calling code"
        );
        assert_eq!(digits(7).of_national(Key::sip("6754110")), None);
    }

    #[test]
    fn of_what_is_no_number_digits_and_separators_alone_count() {
        for (written, suffix) in [
            ("6754110", Some(6_754_110)),
            ("675-4110", Some(6_754_110)),
            ("06754110", Some(6_754_110)),
            ("sip:6754110@10.0.0.1", Some(6_754_110)),
            ("0000123", Some(123)),
            ("754110", None),
            ("+6754110", None),
            ("6754110 Bob", None),
            ("6754110@anonymous.invalid", None),
            ("6.754110E+6", None),
            ("1234567890123456", None),
            ("", None),
        ] {
            assert_eq!(digits(7).of_written(written), suffix, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn a_block_has_a_suffix_where_one_of_its_numbers_does(
            first in 1_000_000_u64..30_000_000, more in 0_u64..12_000_000, suffix in 0_u64..10_000_000,
        ) {
            let last = first + more;
            // The greatest number at or below the end that ends so.
            let end = last - last % 10_000_000 + suffix;
            let nearest = if end > last { end.checked_sub(10_000_000) } else { Some(end) };
            let expected = nearest.is_some_and(|nearest| nearest >= first);
            prop_assert_eq!(digits(7).ends_within(suffix, first, last), expected);
        }
    }
}
