//! What the numbering plan says about a key: validity, region, type, and the forms that a screen shows.
//!
//! Everything but the display forms is answered from tables, in tens of nanoseconds and without allocating.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use super::key::{Key, Kind};
use super::region::Region;
use super::tables::{Kinds, Length, Plan, tables};

/// The reference writes no more leading zeros than this when it compares a number with its plan.
const MOST_ZEROS: usize = 10;

/// What a valid number is used for, as far as its plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberType {
    /// A line at a place.
    FixedLine,
    /// A mobile number.
    Mobile,
    /// Either: the plan does not tell them apart (North America).
    FixedLineOrMobile,
    /// Free for who calls.
    TollFree,
    /// Dearer than usual.
    PremiumRate,
    /// Paid by both sides.
    SharedCost,
    /// Reached over the internet.
    Voip,
    /// Follows a person.
    Personal,
    /// A pager.
    Pager,
    /// Reaches a company, wherever its offices are.
    Uan,
    /// A voice mailbox.
    Voicemail,
}

/// Whether a number has a length that its plan knows. Weaker than validity, and true of more numbers for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Possible {
    /// The length fits.
    Yes,
    /// The length fits within an area alone, without the area code.
    LocalOnly,
    /// Nobody has the calling code, or it is no public number.
    UnknownCallingCode,
    /// Shorter than any number of the plan.
    TooShort,
    /// Longer than any number of the plan.
    TooLong,
    /// Between the shortest and the longest number, and no number is so long.
    WrongLength,
}

/// The kinds in the order in which they are tried, from the label after that of all numbers on. Fixed and mobile come
/// last, and together.
const TYPES: [NumberType; 8] = [
    NumberType::PremiumRate,
    NumberType::TollFree,
    NumberType::SharedCost,
    NumberType::Voip,
    NumberType::Personal,
    NumberType::Pager,
    NumberType::Uan,
    NumberType::Voicemail,
];
const FIXED: u8 = 9;
const MOBILE: u8 = 10;

/// Whether the number is one that its country's plan has room for. Extensions and SIP users are not: no plan has them.
pub fn is_valid(key: Key) -> bool {
    number_type(key).is_some()
}

/// What a valid number is used for; `None` for invalid ones, extensions and SIP users.
pub fn number_type(key: Key) -> Option<NumberType> {
    let national = National::of(key)?;
    type_within(national.plan()?, national.for_plan())
}

/// The region that a valid public number belongs to (`GB` of `+442079460958`).
///
/// `None` for numbers of no region (`+800…`), invalid numbers of shared calling codes, extensions and SIP users.
pub fn region_of(key: Key) -> Option<&'static str> {
    let region = National::of(key)?.plan()?.region();
    match Region::from_library(region) {
        Region::NONE => None,
        region => Some(region.as_str()),
    }
}

/// Whether a public number has a length that its country's plan knows, and if not, what is wrong with it.
pub fn is_possible(key: Key) -> Possible {
    let Some((national, ruling)) =
        National::of(key).and_then(|national| Some((national, national.plans.first()?)))
    else {
        return Possible::UnknownCallingCode;
    };
    match ruling.lengths().of(national.for_plan()) {
        Length::Possible => Possible::Yes,
        Length::LocalOnly => Possible::LocalOnly,
        Length::TooShort => Possible::TooShort,
        Length::TooLong => Possible::TooLong,
        Length::Between => Possible::WrongLength,
    }
}

/// The calling code that a public number begins with, without the plus: 44 of `+442079460958`.
///
/// `None` where nobody has it, and for extensions and SIP users.
pub fn calling_code(key: Key) -> Option<u16> {
    National::of(key)?.plans.first().map(|plan| plan.calling_code)
}

/// The digits of a public number behind its calling code, leading zeros kept: `2079460958` of `+442079460958`.
///
/// `None` where nobody has the calling code, and for extensions and SIP users.
pub fn national_digits(key: Key) -> Option<String> {
    let national = National::of(key)?;
    Some(
        national
            .digits()
            .iter()
            .map(|digit| char::from(b'0' + digit))
            .collect(),
    )
}

/// The number as people write it within its own country: `(415) 555-2671`, `020 7946 0958`. Microseconds: for screens,
/// not for lookups.
///
/// A number whose calling code nobody has, an extension or a SIP user is written as `Display` does.
pub fn display_national(key: Key) -> String {
    display(key, PhoneNumberFormat::National)
}

/// The number as people write it for other countries: `+1 415-555-2671`, `+44 20 7946 0958`. As slow as
/// [`display_national`], and written likewise where there is no number.
pub fn display_international(key: Key) -> String {
    display(key, PhoneNumberFormat::International)
}

impl NumberType {
    /// The type's name in answers and templates: `fixed_line`, `mobile`, `fixed_line_or_mobile`, `toll_free`,
    /// `premium_rate`, `shared_cost`, `voip`, `personal`, `pager`, `uan` or `voicemail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            NumberType::FixedLine => "fixed_line",
            NumberType::Mobile => "mobile",
            NumberType::FixedLineOrMobile => "fixed_line_or_mobile",
            NumberType::TollFree => "toll_free",
            NumberType::PremiumRate => "premium_rate",
            NumberType::SharedCost => "shared_cost",
            NumberType::Voip => "voip",
            NumberType::Personal => "personal",
            NumberType::Pager => "pager",
            NumberType::Uan => "uan",
            NumberType::Voicemail => "voicemail",
        }
    }
}

impl fmt::Display for NumberType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public number taken apart by its digits. The calling code is split off by the table of codes; parsing the digits
/// again would strip trunk digits that the key means to keep.
#[derive(Clone, Copy)]
struct National {
    plans: &'static [Plan],
    digits: [u8; 15],
    start: usize,
}

impl National {
    fn of(key: Key) -> Option<National> {
        if key.kind() != Kind::E164 {
            return None;
        }
        let mut digits = [0; 15];
        let mut rest = key.raw();
        let mut start = digits.len();
        while rest > 0 {
            start = start.checked_sub(1)?;
            *digits.get_mut(start)? = u8::try_from(rest % 10).ok()?;
            rest /= 10;
        }
        let (length, ruling) = tables().code_of(digits.get(start..)?)?;
        let start = start + length;
        (start < digits.len()).then_some(National {
            plans: tables().all_of_code(ruling.calling_code),
            digits,
            start,
        })
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }

    /// The digits that the reference compares with a plan: some of very many leading zeros are lost.
    fn for_plan(&self) -> &[u8] {
        let digits = self.digits();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let zeros = zeros.min(digits.len().saturating_sub(1));
        digits.get(zeros.saturating_sub(MOST_ZEROS)..).unwrap_or_default()
    }

    /// The plan of the number's own region. A code that regions share is divided by leading digits or by which plan
    /// has room for the number.
    fn plan(&self) -> Option<&'static Plan> {
        if let [only] = self.plans {
            return Some(only);
        }
        let digits = self.for_plan();
        self.plans
            .iter()
            .find(|plan| tables().begins_as_region(plan, digits) || !tables().kinds(plan, digits).are_none())
    }
}

fn type_within(plan: &Plan, digits: &[u8]) -> Option<NumberType> {
    let kinds: Kinds = tables().kinds(plan, digits);
    if kinds.are_none() {
        return None;
    }
    let earlier = (1..).zip(TYPES).find(|(nth, _)| kinds.has(*nth));
    if let Some((_, found)) = earlier {
        return Some(found);
    }
    match (kinds.has(FIXED), kinds.has(MOBILE)) {
        (true, mobile) if mobile || plan.same_fixed_and_mobile() => Some(NumberType::FixedLineOrMobile),
        (true, _) => Some(NumberType::FixedLine),
        (false, true) if !plan.same_fixed_and_mobile() => Some(NumberType::Mobile),
        (false, _) => None,
    }
}

fn display(key: Key, format: PhoneNumberFormat) -> String {
    match library_number(key) {
        Some(number) => PHONE_NUMBER_UTIL.format(&number, format).into_owned(),
        None => key.to_string(),
    }
}

fn library_number(key: Key) -> Option<PhoneNumber> {
    let national = National::of(key)?;
    let digits = national.digits();
    let national_number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(*digit));
    let own_length = national_number.checked_ilog10().map_or(1, |log| log + 1);
    let zeros = i32::try_from(digits.len()).ok()? - i32::try_from(own_length).ok()?;
    Some(PhoneNumber {
        country_code: i32::from(national.plans.first()?.calling_code),
        national_number,
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: (zeros > 1).then_some(zeros),
        ..PhoneNumber::default()
    })
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
        assert_eq!(display_international(Key(14_155_552_671)), "+1 415-555-2671");
        assert_eq!(display_international(Key(442_079_460_958)), "+44 20 7946 0958");
    }

    #[test]
    fn keys_know_their_parts_and_their_type() {
        for (digits, code, national, kind) in [
            (14_155_552_671, 1, "4155552671", NumberType::FixedLineOrMobile),
            (390_236_618_300, 39, "0236618300", NumberType::FixedLine),
            (447_400_123_456, 44, "7400123456", NumberType::Mobile),
            (80_012_345_678, 800, "12345678", NumberType::TollFree),
            (498_001_234_567_890, 49, "8001234567890", NumberType::TollFree),
        ] {
            assert_eq!(calling_code(Key(digits)), Some(code), "{digits}");
            assert_eq!(
                national_digits(Key(digits)).as_deref(),
                Some(national),
                "{digits}"
            );
            assert_eq!(number_type(Key(digits)), Some(kind), "{digits}");
        }
        assert_eq!(calling_code(Key(999_123)), None);
        assert_eq!(national_digits(Key::sip("alice")), None);
    }

    #[test]
    fn lengths_say_what_is_possible() {
        for (digits, possible) in [
            (14_155_552_671, Possible::Yes),
            (15_552_671, Possible::LocalOnly),
            (1_415, Possible::TooShort),
            (141_555_526_711, Possible::TooLong),
            (999_123, Possible::UnknownCallingCode),
            (14_155_552, Possible::LocalOnly),
            (42_312_345_678, Possible::WrongLength),
        ] {
            assert_eq!(is_possible(Key(digits)), possible, "{digits}");
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
