use proptest::prelude::*;

use super::super::{Invalid, Settings};
use super::*;

const SAMPLE: &str = include_str!("../../../tests/data/phone_sample.tsv");

fn numbering(change: impl FnOnce(&mut Settings)) -> Numbering {
    let mut settings = Settings::builtin();
    change(&mut settings);
    Numbering::new(&settings).expect("settings that make sense")
}

/// The parts of several; empty where they are unclear.
fn cut<'a>(cell: Cell<'a>, text: &'a str) -> Vec<&'a str> {
    match cell {
        Cell::One => vec![text],
        Cell::Several(parts) => parts,
        Cell::Unclear => vec![],
    }
}

#[test]
fn two_numbers_are_parted_however_they_are_written() {
    let numbering = numbering(|_| {});
    for (region, text, parts) in [
        (
            "US",
            "+14155552671; +14155552672",
            ["+14155552671", "+14155552672"],
        ),
        ("US", "4155552671;4155552672", ["4155552671", "4155552672"]),
        ("HK", "21234567, 21234568", ["21234567", "21234568"]),
        (
            "GB",
            "020 7946 0958 / 020 7946 0959",
            ["020 7946 0958", "020 7946 0959"],
        ),
        (
            "GB",
            "020 7946 0958/020 7946 0959",
            ["020 7946 0958", "020 7946 0959"],
        ),
        ("DE", "030/1234567; 030/1234568", ["030/1234567", "030/1234568"]),
        ("DE", "030/1234567 / 030/1234568", ["030/1234567", "030/1234568"]),
        (
            "US",
            "+1 415 555 2671 OR +1 415 555 2672",
            ["+1 415 555 2671", "+1 415 555 2672"],
        ),
        (
            "DE",
            "030 1234567 oder 0151 23456789",
            ["030 1234567", "0151 23456789"],
        ),
        (
            "US",
            "(415) 555-2671 & (415) 555-2672",
            ["(415) 555-2671", "(415) 555-2672"],
        ),
        ("US", "4155552671\r\n4155552672", ["4155552671", "4155552672"]),
        (
            "US",
            "415-555-2671|415-555-2672 ",
            ["415-555-2671", "415-555-2672"],
        ),
        (
            "US",
            "+14155552671 +14155552672",
            ["+14155552671", "+14155552672"],
        ),
        (
            "US",
            "Home: +14155552671; Work: 4155552672 x5",
            ["Home: +14155552671", "Work: 4155552672 x5"],
        ),
        (
            "US",
            "+14155552671 Bob, +14155552672 Ann",
            ["+14155552671 Bob", "+14155552672 Ann"],
        ),
        (
            "US",
            "tel:+14155552671;ext=5, tel:+14155552672",
            ["tel:+14155552671;ext=5", "tel:+14155552672"],
        ),
        (
            "US",
            "1-800-FLOWERS or 4155552672",
            ["1-800-FLOWERS", "4155552672"],
        ),
        (
            "US",
            "＋１４１５５５５２６７１；＋１４１５５５５２６７２",
            ["＋１４１５５５５２６７１", "＋１４１５５５５２６７２"],
        ),
        (
            "AL",
            "022 390 442,,55#; 022 390 443,,55#",
            ["022 390 442,,55#", "022 390 443,,55#"],
        ),
        (
            "US",
            "tel:555-2671;phone-context=+1415 or tel:555-2672;phone-context=+1415",
            [
                "tel:555-2671;phone-context=+1415",
                "tel:555-2672;phone-context=+1415",
            ],
        ),
        ("NU", "4002 / 4003", ["4002", "4003"]),
        ("NU", "4002;4003", ["4002", "4003"]),
    ] {
        let cell = numbering.apart(text, Some(region), false);
        assert_eq!(cut(cell, text), parts, "{text:?} in {region}");
    }
}

#[test]
fn one_number_stays_one() {
    let numbering = numbering(|_| {});
    for (region, text) in [
        ("US", "415/555-2671"),
        ("US", "+1 415 555 2671;ext=5"),
        ("US", "+1 415 555 2671;5"),
        ("US", "+1 415 555 2671,,5"),
        ("US", "+1 415 655 0003,,2312345678##"),
        ("US", "+1 415 655 0003, , 2312345678"),
        ("US", "+1 415 655 0003,231234567#"),
        ("US", "+1 415 555 2671, 123"),
        ("US", "+1 415 555 2671 x123 / ext"),
        ("US", "+1 415 555 2671; ext 12345678"),
        ("US", "+1 415 555 2671\next. 5"),
        ("US", "+1 415 555 2671 or ask Bob"),
        ("US", "+1 415 555 2671\nBob, Sales; 2nd floor"),
        ("US", "Doe, John +14155552671"),
        ("US", "+1 415 555 2671;npdi;rn=+14155552672"),
        ("US", "tel:555-2671;phone-context=+1415"),
        (
            "US",
            "\"Doe, John\" <sip:+14155552671@10.0.0.1:5060;user=phone>;tag=1928301774",
        ),
        ("US", "1,41556E+10"),
        ("US", "14,155,552,671"),
        ("US", "(415) 555-2671 /"),
        ("US", "; , |\n/"),
        ("DE", "+49 30/1234567"),
        ("DE", "+49 (0) 30/1234567"),
        ("DE", "+49 30 / 1234567"),
        ("DE", "0049/30/1234567"),
        ("DE", "0049 / 30 / 1234567"),
        ("DE", "030/1234567890123456"),
        ("BI", "22/20/1234"),
        ("NU", "4002;1234"),
    ] {
        assert_eq!(
            numbering.apart(text, Some(region), false),
            Cell::One,
            "{text:?} in {region}"
        );
    }
}

#[test]
fn where_one_of_several_is_no_number_nothing_is_chosen() {
    let numbering = numbering(|_| {});
    for text in [
        "+14155552671; +141555526",
        "+141555526; +14155552671",
        "+141555526 / +141555527",
        "+14155552671; 5552671",
        "+1 415 555 2671 or 5552672",
        "+1 415 555 2671 or 72",
        "415 555 2671 / 72",
        "415 555 2671\n72",
        "4155552671, 1.41556E+10",
        "+14155552671 o +1415",
        "0037900|+0",
    ] {
        assert_eq!(
            numbering.apart(text, Some("US"), false),
            Cell::Unclear,
            "{text:?}"
        );
    }
}

#[test]
fn allowed_invalid_numbers_are_parts_where_they_are_as_long_as_numbers() {
    let numbering = numbering(|settings| settings.allow_invalid = true);
    for (text, parts) in [
        (
            "+1 555 010 0001; +1 555 010 0002",
            vec!["+1 555 010 0001", "+1 555 010 0002"],
        ),
        ("+49 30/1234567", vec!["+49 30/1234567"]),
        ("+14155552671 / 72", vec![]),
        ("+14155552671; 1.41556E+10", vec![]),
    ] {
        let cell = numbering.apart(text, Some("US"), false);
        assert_eq!(cut(cell, text), parts, "{text:?}");
    }
}

#[test]
fn extensions_are_parted_too() {
    let numbering = numbering(|settings| settings.extension_lengths = vec![4]);
    for (extension, text, parts) in [
        (true, "1001; 1002", vec!["1001", "1002"]),
        (true, "1001/12", vec!["1001", "12"]),
        (true, "1001", vec!["1001"]),
        (true, "1001; E12", vec![]),
        // Where they are known by their length, also in a place for any number.
        (false, "1001; 1002", vec!["1001", "1002"]),
        (false, "+14155552671;1002", vec!["+14155552671;1002"]),
        (false, "+14155552671 / 1002", vec!["+14155552671", "1002"]),
    ] {
        let cell = numbering.apart(text, Some("US"), extension);
        assert_eq!(cut(cell, text), parts, "{text:?}");
    }
}

#[test]
fn a_lookup_of_two_numbers_is_no_lookup_of_the_first() {
    let numbering = numbering(|_| {});
    for text in [
        "+14155552671; +14155552672",
        "4155552671;4155552672",
        "+1 415 555 2671 or +1 415 555 2672",
        "+14155552671 Bob +14155552672",
        "+14155552671 Bob / 4155552672",
        "4155552671\n4155552672",
    ] {
        let reading = numbering.read(text, Some("US"));
        assert_eq!(reading.invalid(), Some(Invalid::SeveralNumbers), "{text:?}");
    }
    for text in [
        "tel:+14155552671;ext=5",
        "tel:+14155552671;isub=12345678;npdi;rn=+14155552672",
        "sip:+14155552671;npdi;rn=+14155552672@host;user=phone",
        // Of several addresses, as who diverted a call is told, the first counts.
        "<sip:+14155552671@host>;reason=busy, <sip:+14155552672@host>",
        "+14155552671;12345",
        "+14155552671,,12345678901",
    ] {
        let key = numbering.read(text, Some("US")).key();
        assert_eq!(key.map(|key| key.raw()), Some(14_155_552_671), "{text:?}");
    }
}

#[test]
fn no_valid_number_of_the_sample_is_cut() {
    let numbering = numbering(|_| {});
    let mut count = 0;
    for line in SAMPLE.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (text, region) = (fields[0], Some(fields[1]));
        if fields[4] == "1" || numbering.key_to_store(text, region, false).is_ok() {
            assert_eq!(numbering.apart(text, region, false), Cell::One, "{line}");
            count += u32::from(!is_plain(text));
        }
    }
    assert!(count > 900, "{count} with anything to look at");
}

/// However the sample writes a number, a second one beside it is never lost without a word, unless both are so short
/// that the second could be the first one's extension, or its end.
#[test]
fn of_two_numbers_of_the_sample_none_is_lost() {
    let numbering = numbering(|_| {});
    let (mut parted, mut all, mut lost) = (0, 0, Vec::new());
    for line in SAMPLE.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (number, region) = (fields[0], Some(fields[1]));
        if fields[4] != "1" || !matches!(numbering.key_to_store(number, region, false), Ok(Some(_))) {
            continue;
        }
        for sign in ["; ", ", ", " / ", "/", " | ", "\n", " or "] {
            let text = format!("{number}{sign}{number}");
            all += 1;
            match numbering.apart(&text, region, false) {
                Cell::Several(parts) => {
                    assert_eq!(parts, [number.trim(); 2], "{text:?}");
                    parted += 1;
                }
                Cell::Unclear => {}
                Cell::One if numbering.key_to_store(&text, region, false).is_err() => {}
                Cell::One if fields[2].len() <= "+688 20610".len() => {}
                Cell::One => lost.push(text),
            }
        }
    }
    assert!(parted * 200 > all * 199, "{parted} of {all}");
    assert!(lost.is_empty(), "{lost:#?}");
}

/// Numbers that the sample knows to be valid, as E.164 text of 15 digits at most.
fn valid() -> impl Strategy<Value = &'static str> {
    let numbers: Vec<&str> = SAMPLE
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[4] == "1" && fields[2].len() <= 16).then_some(fields[2])
        })
        .collect();
    prop::sample::select(numbers)
}

fn between() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        ";", "; ", " ; ", ",", ", ", "/", " / ", "|", " | ", "\n", "\r\n", " or ", " and ", " & ", " oder ",
        " ", ",\n", "；", "、",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn joined_numbers_come_apart_again(
        first in valid(),
        others in prop::collection::vec((between(), valid()), 1..8),
    ) {
        let numbering = numbering(|_| {});
        let mut text = first.to_owned();
        let mut numbers = vec![first];
        for (sign, number) in &others {
            text.push_str(sign);
            text.push_str(number);
            numbers.push(number);
        }
        let cell = numbering.apart(&text, None, false);
        prop_assert_eq!(&cell, &Cell::Several(numbers.clone()), "{:?}", &text);
        for part in numbers {
            prop_assert_eq!(numbering.apart(part, None, false), Cell::One);
        }
    }

    #[test]
    fn any_text_has_an_answer(
        text in prop_oneof!["\\PC*", "[-+0-9 ;,/|\nxeor=#(&]{0,60}"],
        extension in any::<bool>(),
    ) {
        let numbering = numbering(|settings| settings.allow_invalid = true);
        let another = holds_another(&text);
        match numbering.apart(&text, Some("GB"), extension) {
            Cell::Several(parts) => {
                prop_assert!(parts.len() > 1);
                for part in parts {
                    prop_assert!(text.contains(part));
                    prop_assert!(matches!(numbering.key_to_store(part, Some("GB"), extension), Ok(Some(_))));
                }
            }
            cell => prop_assert!(!another || extension || cell == Cell::Unclear || text.len() > SEARCHED_BYTES, "{cell:?}"),
        }
    }
}
