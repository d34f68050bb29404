//! Made-up numbers of every region in every written form, against libphonenumber's port itself: the same number or the
//! same reason why there is none, the same validity, type, region and possible length.
//!
//! `RINGSIDE_NUMBERS` sets how many; `tests/soak` takes millions. The seed is fixed, so that a difference comes again.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use ringside::number::{
    Key, NumberType, Numbering, ParseReason, Possible, Settings, calling_code, is_possible, is_valid,
    national_digits, number_type, region_of,
};
use rlibphonenumber::{
    NotANumberError, NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberType, Region,
    ValidationError,
};

#[path = "number/maker.rs"]
mod maker;
#[path = "number/random.rs"]
mod random;
#[path = "number/reference.rs"]
mod reference;

use maker::Maker;
use random::Random;

const COUNT: u64 = 60_000;
const SEED: u64 = 20_261_121;

fn numbering() -> Numbering {
    Numbering::new(&Settings::builtin()).unwrap()
}

/// The reference's answer in our words.
fn answer(text: &str, region: Option<Region>) -> Result<PhoneNumber, ParseReason> {
    if text.chars().count() > 250 {
        return Err(ParseReason::TooLong);
    }
    reference::parse(text, region).map_err(|error| match error {
        ParseError::InvalidCountryCode => ParseReason::UnknownCallingCode,
        ParseError::TooShortAfterIdd => ParseReason::TooShortAfterPrefix,
        ParseError::TooShortNsn => ParseReason::TooShort,
        ParseError::TooLongNsn | ParseError::NotANumber(NotANumberError::FailedToParseNumberAsInt(_)) => {
            ParseReason::TooLong
        }
        ParseError::NotANumber(_) => ParseReason::NotANumber,
    })
}

/// A number's digits after the plus, every leading zero written.
fn e164(number: &PhoneNumber) -> String {
    let zeros = if number.italian_leading_zero() {
        usize::try_from(number.number_of_leading_zeros()).unwrap()
    } else {
        0
    };
    format!(
        "+{}{}{}",
        number.country_code,
        "0".repeat(zeros),
        number.national_number
    )
}

fn possible(number: &PhoneNumber) -> Possible {
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => Possible::Yes,
        Ok(NumberLengthType::IsPossibleLocalOnly) => Possible::LocalOnly,
        Err(ValidationError::InvalidCountryCode) => Possible::UnknownCallingCode,
        Err(ValidationError::TooShort) => Possible::TooShort,
        Err(ValidationError::TooLong) => Possible::TooLong,
        Err(_) => Possible::WrongLength,
    }
}

fn kind(number: &PhoneNumber) -> Option<NumberType> {
    Some(match PHONE_NUMBER_UTIL.get_number_type(number) {
        PhoneNumberType::FixedLine => NumberType::FixedLine,
        PhoneNumberType::Mobile => NumberType::Mobile,
        PhoneNumberType::FixedLineOrMobile => NumberType::FixedLineOrMobile,
        PhoneNumberType::TollFree => NumberType::TollFree,
        PhoneNumberType::PremiumRate => NumberType::PremiumRate,
        PhoneNumberType::SharedCost => NumberType::SharedCost,
        PhoneNumberType::VoIP => NumberType::Voip,
        PhoneNumberType::PersonalNumber => NumberType::Personal,
        PhoneNumberType::Pager => NumberType::Pager,
        PhoneNumberType::UAN => NumberType::Uan,
        PhoneNumberType::VoiceMail => NumberType::Voicemail,
        PhoneNumberType::Unknown => return None,
    })
}

/// What differs, in words.
fn differences(numbering: &Numbering, text: &str, region: Option<Region>) -> Vec<String> {
    let region_text = region.map_or_else(|| "ZZ".to_owned(), |region| region.to_string());
    let ours = numbering.parse_raw(text, Some(&region_text));
    let theirs = answer(text, region);
    let written = theirs.as_ref().map(e164).map_err(|reason| *reason);
    if ours != written {
        return vec![format!("{text:?} {region_text}: {ours:?}, not {written:?}")];
    }
    let (Ok(number), Ok(digits)) = (theirs, ours) else {
        return Vec::new();
    };
    let Some(key) = digits[1..].parse().ok().and_then(Key::e164) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{what} of {digits}: {ours}, not {theirs}"));
        }
    };
    let their_region = PHONE_NUMBER_UTIL
        .get_region_for_number(&number)
        .filter(|region| *region != Region::World)
        .map(|region| region.to_string());
    compare(
        "validity",
        is_valid(key).to_string(),
        PHONE_NUMBER_UTIL.is_valid_number(&number).to_string(),
    );
    compare(
        "type",
        format!("{:?}", number_type(key)),
        format!("{:?}", kind(&number)),
    );
    compare(
        "region",
        format!("{:?}", region_of(key).map(str::to_owned)),
        format!("{their_region:?}"),
    );
    compare(
        "possibility",
        format!("{:?}", is_possible(key)),
        format!("{:?}", possible(&number)),
    );
    compare(
        "calling code",
        format!("{:?}", calling_code(key).map(i32::from)),
        format!("{:?}", Some(number.country_code)),
    );
    compare(
        "national digits",
        national_digits(key).unwrap_or_default(),
        digits[1 + number.country_code.to_string().len()..].to_owned(),
    );
    found
}

#[test]
fn made_up_numbers_are_read_as_the_reference_reads_them() {
    let count = std::env::var("RINGSIDE_NUMBERS").map_or(COUNT, |text| text.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let run = |thread: u64| {
        let numbering = numbering();
        let maker = Maker::new();
        let mut random = Random(SEED + thread * 7919);
        let mut accepted = 0;
        let mut wrong: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for _ in 0..count / threads {
            let made = maker.make(&mut random);
            accepted += u64::from(answer(&made.text, made.region).is_ok());
            let found = differences(&numbering, &made.text, made.region);
            let of_form = wrong.entry(made.form).or_default();
            if of_form.len() < 20 {
                of_form.extend(found);
            }
        }
        wrong.retain(|_, wrong| !wrong.is_empty());
        assert!(wrong.is_empty(), "{wrong:#?}");
        accepted
    };
    let accepted: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{count} numbers, of which the reference accepts {accepted}");
    // A maker of nonsense would prove nothing.
    assert!(accepted * 10 > count * 5, "{accepted} of {count}");
}
