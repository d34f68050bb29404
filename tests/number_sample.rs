//! Five thousand written numbers against libphonenumber's own answers, and numbers made up at random.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringside::number::{
    Invalid, Key, Kind, Mode, Numbering, Outcome, ParseReason, Reason, Settings, from_query, is_valid,
};

const SAMPLE: &str = include_str!("data/phone_sample.tsv");

fn numbering() -> Numbering {
    Numbering::new(&Settings::builtin()).unwrap()
}

fn with(change: impl FnOnce(&mut Settings)) -> Numbering {
    let mut settings = Settings::builtin();
    change(&mut settings);
    Numbering::new(&settings).unwrap()
}

fn rows() -> impl Iterator<Item = [&'static str; 5]> {
    SAMPLE.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        fields.try_into().unwrap()
    })
}

#[test]
fn the_plain_parse_agrees_with_the_reference_on_every_row() {
    let numbering = numbering();
    let mut wrong: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for [input, region, expected, category, _] in rows() {
        count += 1;
        let parsed = numbering.parse_raw(input, Some(region)).unwrap_or_default();
        if parsed != expected {
            wrong
                .entry(category)
                .or_default()
                .push(format!("{input:?} {region}: {parsed:?}, not {expected:?}"));
        }
    }
    assert_eq!(count, 5000);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn validity_agrees_with_the_reference_on_every_row() {
    for [input, region, expected, _, valid] in rows() {
        // Longer numbers are no keys.
        let Some(key) = expected
            .strip_prefix('+')
            .and_then(|digits| Key::e164(digits.parse().ok()?))
        else {
            continue;
        };
        assert_eq!(is_valid(key), valid == "1", "{input:?} {region}");
    }
}

#[test]
fn keys_differ_from_the_plain_parse_by_our_rules_alone() {
    let numbering = numbering();
    for [input, region, expected, category, _] in rows() {
        let reading = numbering.read(input, Some(region));
        let read = reading.parsed().map(Key::to_e164_string).unwrap_or_default();
        let ours = match category {
            // Withheld, emergency, spreadsheets, URIs: each has its own test below.
            "special_ani" | "noise" => continue,
            // The reference spells unknown words for an extension ("poste 3") on the keys; they are cut.
            "ext_plus" | "ext_national" if read != expected => {
                !read.is_empty() && expected.starts_with(&read)
            }
            _ if expected.len() > 16 => read.is_empty(),
            _ if reading.invalid() == Some(Invalid::NoAreaCode) => {
                input.bytes().filter(u8::is_ascii_digit).count() == 7
            }
            _ if matches!(reading.outcome(), Outcome::Withheld | Outcome::Internal(_)) => {
                let digits: Vec<u8> = input.bytes().filter(u8::is_ascii_digit).collect();
                digits.len() == 3 || digits.iter().all(|digit| *digit == digits[0])
            }
            _ => read == expected,
        };
        assert!(
            ours,
            "{category}: {input:?} {region} read as {read:?} ({:?}), not {expected:?}",
            reading.outcome()
        );
    }
}

#[test]
fn tricky_numbers() {
    let numbering = numbering();
    for (written, region, expected) in [
        ("3912312312", "IT", "+393912312312"),
        ("+7 8 916 123 45 67", "ZZ", "+79161234567"),
        ("+78005553535", "ZZ", "+78005553535"),
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("+54 11 15 2345 6789", "ZZ", "+5491123456789"),
        ("0 15 11 961234567", "BR", "+5511961234567"),
        ("442079460958", "GB", "+442079460958"),
        ("442079460958", "DE", "+49442079460958"),
        ("+01144 20 7946 0958", "US", "+442079460958"),
        ("882345", "SM", "+3780549882345"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+٤٩٣٠١٢٣٤٥٦٧٨", "ZZ", "+493012345678"),
    ] {
        assert_eq!(
            numbering.parse_raw(written, Some(region)).as_deref(),
            Ok(expected),
            "{written}"
        );
        assert_eq!(
            numbering
                .read(written, Some(region))
                .parsed()
                .unwrap()
                .to_string(),
            expected,
            "{written}"
        );
    }
    for (written, region, reason) in [
        ("442079460958", "ZZ", Invalid::NoRegion),
        ("+14155552671#", "ZZ", Invalid::Parse(ParseReason::NotANumber)),
        ("%2B14155552671", "US", Invalid::Parse(ParseReason::NotANumber)),
    ] {
        assert!(numbering.parse_raw(written, Some(region)).is_err(), "{written}");
        let reading = numbering.read(written, Some(region));
        assert_eq!(reading.invalid(), Some(reason), "{written}");
        assert_eq!(reading.reason(), Some(Reason::Invalid));
    }
    let decoded = from_query("%2B14155552671");
    assert_eq!(
        numbering.read(decoded.as_bytes(), None).key(),
        Key::e164(14_155_552_671)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), extension in any::<bool>()) {
        let numbering = numbering();
        let reading = numbering.read(&bytes, None);
        prop_assert!(reading.key().is_some() || reading.reason().is_some());
        let _ = numbering.key_to_store(&bytes, None, extension);
    }

    #[test]
    fn anything_like_a_number_is_read(
        written in "(sip:|tel:|\"|<|9,|00|\\+| )?[-+0-9٠-٩()./;,@xX#*~ %eE'\"<>:=a-cé]{0,60}",
        region in "(US|DE|AR|BR|IT|ZZ|XX|)",
        mode in prop_oneof![Just(Mode::Auto), Just(Mode::E164NoPlus), Just(Mode::National)],
    ) {
        let numbering = with(|settings| {
            settings.mode = mode;
            settings.double_zero_is_plus = true;
            settings.area_code = "415".to_owned();
            settings.outside_line_prefixes = vec!["9".to_owned()];
            settings.extension_lengths = vec![4];
        });
        let reading = numbering.read(&written, Some(&region));
        if let Some(key) = reading.key() {
            prop_assert_ne!(key.kind(), Kind::Sentinel);
        }
        let _ = numbering.parse_raw(&from_query(&written), Some(&region));
        prop_assert!(!numbering.trace(&written, Some(&region)).is_empty());
        // What is stored is found again, written the same way.
        if let Ok(Some(stored)) = numbering.key_to_store(&written, Some(&region), false) {
            prop_assert_eq!(reading.key(), Some(stored));
        }
    }

    #[test]
    fn a_key_reads_back_as_itself(index in 0usize..5000) {
        let numbering = numbering();
        let [input, region, ..] = rows().nth(index).unwrap();
        let reading = numbering.read(input, Some(region));
        if let Some(key) = reading.key().filter(|_| reading.is_valid()) {
            prop_assert_eq!(numbering.read(&key.to_string(), None).key(), Some(key));
        }
    }
}
