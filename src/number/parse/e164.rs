//! Numbers as machines write them: a plus, digits, nothing else. Nearly all are read here, eight digits at a time.
//!
//! A shortcut of the reference's steps and no rule of its own: the calling code is known, its plan has no national prefix
//! that begins so, and so the number is its digits.

use super::{POWERS, Parsed};
use crate::number::tables::Tables;

/// Two words that overlap hold 8 to 15 digits; fewer are rare, and more are no E.164 number.
const WORD: usize = 8;
const MOST: usize = 15;

const ZEROS: u64 = u64::from_le_bytes([b'0'; WORD]);
const HIGH_HALVES: u64 = u64::from_le_bytes([0xf0; WORD]);
const SIXES: u64 = u64::from_le_bytes([6; WORD]);

/// The number, where it is nothing but its digits. `None` where more has to be asked.
#[inline]
pub(super) fn parse(tables: &Tables, text: &str) -> Option<Parsed> {
    let digits = text.as_bytes().strip_prefix(b"+")?;
    if digits.len() > MOST {
        return None;
    }
    let first = u64::from_le_bytes(*digits.first_chunk::<WORD>()?);
    let last = u64::from_le_bytes(*digits.last_chunk::<WORD>()?);
    if !are_digits(first) || !are_digits(last) {
        return None;
    }
    let behind = digits.len() - WORD;
    // Little-endian: the digits that both words have are the low bytes of the last.
    let both = u32::try_from(8 * (WORD - behind)).ok()?;
    let last = (last - ZEROS) & u64::MAX.checked_shl(both).unwrap_or(0);
    let number = value(first - ZEROS) * POWERS.get(behind)? + value(last);
    tables
        .is_plain((first - ZEROS).to_le_bytes())
        .then_some(Parsed::from_digits(u128::from(number)))
}

/// Whether all bytes are ASCII digits: their high half is 3, and remains 3 when 6 is added.
const fn are_digits(word: u64) -> bool {
    word & HIGH_HALVES == ZEROS && word.wrapping_add(SIXES) & HIGH_HALVES == ZEROS
}

/// The integer of eight digits, the first in the lowest byte: digits to pairs, pairs to fours, fours to eight.
const fn value(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::region::Region;
    use super::super::super::tables::tables;
    use super::super::from_steps;
    use super::*;

    #[test]
    fn what_machines_write_is_read() {
        for text in [
            "+14155552671",
            "+390236618300",
            "+4930123456",
            "+37612345",
            "+999999999999999",
        ] {
            let number = text[1..].parse().map(Parsed::from_digits);
            let known = !text.starts_with("+99999");
            assert_eq!(parse(tables(), text), number.ok().filter(|_| known), "{text}");
        }
    }

    #[test]
    fn what_may_mean_more_is_left() {
        for text in [
            "",
            "+",
            "14155552671",
            "+1415555",
            "+1415555267112345",
            "+1415555 2671",
            "+1415555267/",
            "+141555526:1",
            "+4155552671x",
            "+14155552é",
            // National prefixes that plans know, and codes that nobody has.
            "+44020794609",
            "+113011234567",
            "+21012345678",
            "+01144207946",
        ] {
            assert_eq!(parse(tables(), text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_shortcut_leads_where_the_steps_do(text in "\\+[0-9]{7,16}|\\+[0-9]{0,14}[/:x٠][0-9]{0,14}") {
            if let Some(number) = parse(tables(), &text) {
                prop_assert_eq!(from_steps(&text, Region::NONE), Some(Ok(number)));
            }
        }
    }
}
