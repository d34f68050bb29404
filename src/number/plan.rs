//! What the numbering plan says about a key. For screens, imports and explanations: none of it is fast.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::key::{Key, Kind};
use super::region::Region;

/// Whether the number is one that its country's plan has room for. Extensions and SIP users are not: no plan has them.
pub fn is_valid(key: Key) -> bool {
    library_number(key).is_some_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
}

/// The region that a valid public number belongs to (`GB` of `+442079460958`).
///
/// `None` for numbers of no region (`+800…`), invalid numbers of shared calling codes, extensions and SIP users.
pub fn region_of(key: Key) -> Option<&'static str> {
    let region = PHONE_NUMBER_UTIL.get_region_for_number(&library_number(key)?)?;
    match Region::from_library(region) {
        Region::NONE => None,
        region => Some(region.as_str()),
    }
}

/// The number as people write it within its own country: `(415) 555-2671`, `020 7946 0958`.
///
/// A number whose calling code nobody has, an extension or a SIP user is written as `Display` does.
pub fn display_national(key: Key) -> String {
    match library_number(key) {
        Some(number) => PHONE_NUMBER_UTIL
            .format(&number, PhoneNumberFormat::National)
            .into_owned(),
        None => key.to_string(),
    }
}

/// The key as the library's number. The calling code is split off by the table of codes, which is prefix-free;
/// parsing the digits again would strip trunk digits that the key means to keep.
fn library_number(key: Key) -> Option<PhoneNumber> {
    if key.kind() != Kind::E164 {
        return None;
    }
    let digits = key.raw().checked_ilog10()? + 1;
    for code_length in 1..=3.min(digits.saturating_sub(1)) {
        let national_length = digits - code_length;
        let power = 10u64.pow(national_length);
        let Ok(country_code) = i32::try_from(key.raw() / power) else {
            continue;
        };
        if PHONE_NUMBER_UTIL
            .get_region_for_country_code(country_code)
            .is_none()
        {
            continue;
        }
        let national_number = key.raw() % power;
        let own_length = national_number.checked_ilog10().map_or(1, |log| log + 1);
        let zeros = i32::try_from(national_length.saturating_sub(own_length)).ok()?;
        return Some(PhoneNumber {
            country_code,
            national_number,
            italian_leading_zero: (zeros > 0).then_some(true),
            number_of_leading_zeros: (zeros > 1).then_some(zeros),
            ..PhoneNumber::default()
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_know_their_region_and_their_national_form() {
        for (digits, region, national) in [
            (14_155_552_671, Some("US"), "(415) 555-2671"),
            (442_079_460_958, Some("GB"), "020 7946 0958"),
            (390_236_618_300, Some("IT"), "02 3661 8300"),
            (390_669_812_345, Some("VA"), "06 6981 2345"),
            (80_012_345_678, None, "1234 5678"),
            (999_123, None, "+999123"),
        ] {
            assert_eq!(region_of(Key(digits)), region, "{digits}");
            assert_eq!(display_national(Key(digits)), national, "{digits}");
        }
    }

    #[test]
    fn validity_needs_a_plan() {
        assert!(is_valid(Key(14_155_552_671)));
        assert!(!is_valid(Key(15_552_671)));
        assert!(!is_valid(Key(9)));
        assert!(Key::extension("4411").is_some_and(|key| !is_valid(key)));
        assert!(!is_valid(Key::sip("alice")));
    }
}
