//! Every written form that a call centre meets, against the key that it must give.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use ringside::number::{
    Invalid, Key, Kind, Mode, Numbering, Reason, Settings, Unstorable, display_national, from_query,
    region_of,
};

fn numbering() -> Numbering {
    Numbering::new(&Settings::builtin()).unwrap()
}

fn with(change: impl FnOnce(&mut Settings)) -> Numbering {
    let mut settings = Settings::builtin();
    change(&mut settings);
    Numbering::new(&settings).unwrap()
}

/// The number of a lookup, or the reason why there is none.
fn read(numbering: &Numbering, written: &str, region: &str) -> String {
    let reading = numbering.read(written, Some(region));
    match (reading.key(), reading.reason()) {
        (Some(key), _) => key.to_e164_string(),
        (None, Some(reason)) => reason.as_str().to_owned(),
        (None, None) => panic!("neither key nor reason"),
    }
}

#[test]
fn withheld_numbers_match_nobody_and_are_never_stored() {
    let numbering = numbering();
    for written in [
        "anonymous",
        "ANONYMOUS",
        "restricted",
        "unavailable",
        "unknown",
        "private",
        "withheld",
        "Private Number",
        "anonymous1234",
        "anonymous@anonymous.invalid",
        "tel:anonymous",
        "sip:anonymous@anonymous.invalid",
        "sip:anonymous@10.0.0.1:5060;user=phone",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
        "sip:c8f7@anonymous.invalid",
        "<unknown>",
        "\"Unknown\"",
        "",
        "   ",
        "\"\"",
        "sip:@host",
        "0",
        "0000000000",
        "+0000",
        "1111111111",
        "999-999-9999",
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "sip:+266696687@carrier.example",
        "+266 696 687",
    ] {
        for region in ["US", "DE", "ZZ"] {
            let reading = numbering.read(written, Some(region));
            assert_eq!(reading.reason(), Some(Reason::Anonymous), "{written} {region}");
            assert_eq!(reading.key(), None);
            assert_eq!(
                numbering.key_to_store(written, Some(region), false),
                Ok(None),
                "{written} {region}"
            );
        }
    }
    // Unfiltered it would be a number.
    let unfiltered = numbering.parse_raw("anonymous1234", Some("US"));
    assert_eq!(unfiltered.as_deref(), Ok("+11234"));
    // An area code of Texas, and no plus: somebody's number.
    assert_eq!(read(&numbering, "7378742833", "US"), "+17378742833");
    let without_plus = numbering.for_source(None, Some(Mode::E164NoPlus));
    assert_eq!(read(&without_plus, "7378742833", "US"), "anonymous");
}

#[test]
fn withheld_words_are_configured() {
    let numbering =
        with(|settings| settings.withheld_words = vec!["Номер скрыт".to_owned(), "verborgen".to_owned()]);
    assert_eq!(read(&numbering, "номер скрыт", "US"), "anonymous");
    assert_eq!(read(&numbering, "VERBORGEN", "US"), "anonymous");
    assert_eq!(read(&numbering, "restricted", "US"), "invalid");
    assert_eq!(read(&numbering, "verborgenes", "US"), "invalid");
}

#[test]
fn extensions_and_emergency_numbers_are_internal() {
    let numbering = with(|settings| {
        settings.extension_lengths = vec![4];
        settings.extension_ranges = vec!["20000-20999".to_owned()];
    });
    for (written, digits) in [
        ("1001", "1001"),
        ("0012", "0012"),
        ("sip:1001@pbx", "1001"),
        ("20999", "20999"),
        ("112", "112"),
        ("911", "911"),
        ("000", "000"),
        ("1001.0", "1001"),
        ("1111", "1111"),
    ] {
        let reading = numbering.read(written, Some("DE"));
        assert_eq!(reading.key(), Key::extension(digits), "{written}");
        assert_eq!(reading.reason(), Some(Reason::Internal), "{written}");
    }
    assert_eq!(read(&numbering, "+1001", "DE"), read(&numbering, "+1001", "ZZ"));
    assert_ne!(
        numbering.read("+112", Some("DE")).reason(),
        Some(Reason::Internal)
    );
    assert_ne!(
        numbering.read("21000", Some("DE")).reason(),
        Some(Reason::Internal)
    );
    // Unfiltered it would be somebody's number in Germany.
    assert_eq!(read(&self::numbering(), "1001", "DE"), "+491001");

    assert_eq!(
        numbering.key_to_store("1001", None, false),
        Ok(Key::extension("1001"))
    );
    assert_eq!(
        numbering.key_to_store("112", None, false),
        Err(Unstorable::Emergency)
    );
}

#[test]
fn phones_of_kind_extension_are_stored_as_such() {
    let numbering = numbering();
    assert_eq!(
        numbering.key_to_store("4411", None, true),
        Ok(Key::extension("4411"))
    );
    assert_eq!(
        numbering.key_to_store("44-11", None, true),
        Ok(Key::extension("4411"))
    );
    assert_eq!(
        numbering.key_to_store("0012", None, true),
        Ok(Key::extension("0012"))
    );
    assert_eq!(
        numbering.key_to_store("4411.0", None, true),
        Ok(Key::extension("4411"))
    );
    assert_eq!(numbering.key_to_store("", None, true), Ok(None));
    for written in ["+4411", "alice", "123456789012345678", "-"] {
        assert_eq!(
            numbering.key_to_store(written, None, true),
            Err(Unstorable::NotAnExtension),
            "{written}"
        );
    }
}

#[test]
fn addresses_give_their_user_part() {
    let numbering = numbering();
    for (written, expected) in [
        ("sip:+493012345678@host;user=phone", "+493012345678"),
        ("\"Ada Lovelace\" <sip:+493012345678@host>", "+493012345678"),
        ("sips:+493012345678:secret@host?subject=x", "+493012345678"),
        ("sip:%2B493012345678@host", "+493012345678"),
        ("tel:+1-201-555-0123;ext=5", "+12015550123"),
        ("+12015550123;npdi;rn=+15550000000", "+12015550123"),
        ("sip:+12015550123;npdi;rn=+15550000000@host", "+12015550123"),
        ("tel:201-555-0123;phone-context=+1", "+12015550123"),
        ("tel:1-800-FLOWERS;phone-context=+1", "+18003569377"),
        ("sip:2015550123@10.0.0.1:5060", "+12015550123"),
        ("sip:+12015550123", "+12015550123"),
        ("sip:pbx.example.org", "invalid"),
        ("sip:10.0.0.1", "invalid"),
    ] {
        assert_eq!(read(&numbering, written, "US"), expected, "{written}");
    }
    let reading = numbering.read("\"Al\" <sip:alice%40home@example.org:5061;transport=tls>", None);
    assert_eq!(reading.sip_user(), Some("alice@home"));
    assert_eq!(reading.key(), Some(Key::sip("alice@home")));
    assert_eq!(reading.reason(), None);
    assert_eq!(
        numbering.key_to_store("sip:alice@example.org", None, false),
        Ok(Some(Key::sip("alice")))
    );
}

#[test]
fn queries_find_their_plus_and_spreadsheets_do_not() {
    let numbering = numbering();
    assert_eq!(
        read(&numbering, &from_query("%204930123456"), "US"),
        "+4930123456"
    );
    assert_eq!(read(&numbering, &from_query("+4930123456"), "US"), "+4930123456");
    for raw in ["%2B14155552671", "%2b14155552671", " 14155552671"] {
        assert_eq!(read(&numbering, &from_query(raw), "DE"), "+14155552671", "{raw}");
    }
    assert_eq!(
        read(&numbering, &from_query("%252B14155552671"), "US"),
        "invalid",
        "decoded once"
    );
    // In a file a blank is a blank, and nothing is decoded.
    assert_eq!(read(&numbering, " 4155552671", "US"), "+14155552671");
    assert_ne!(read(&numbering, " 4930123456", "US"), "+4930123456");
    assert!(
        numbering
            .key_to_store("%2B14155552671", Some("US"), false)
            .is_err()
    );
}

#[test]
fn the_region_or_the_source_decides_what_double_zero_means() {
    assert_eq!(read(&numbering(), "0049 30 123456", "GB"), "+4930123456");
    assert_ne!(read(&numbering(), "004930123456", "US"), "+4930123456");
    let plus = with(|settings| settings.double_zero_is_plus = true);
    assert_eq!(read(&plus, "0049 30 123456", "US"), "+4930123456");
    assert_eq!(read(&plus, "00 49 30 123456", "ZZ"), "+4930123456");
    assert_eq!(read(&plus, "011 49 30 123456", "US"), "+4930123456");
}

#[test]
fn seven_digits_need_an_area_code() {
    let reading_of = numbering();
    let reading = reading_of.read("555-2671", Some("US"));
    assert_eq!(reading.invalid(), Some(Invalid::NoAreaCode));
    let bay = with(|settings| settings.area_code = "415".to_owned());
    assert_eq!(read(&bay, "555-2671", "US"), "+14155552671");
    // The Cayman Islands have one area code, which the plan itself puts before seven digits.
    assert_eq!(read(&reading_of, "900-2340", "KY"), "+13459002340");
    // Seven digits are whole numbers elsewhere.
    assert_eq!(read(&reading_of, "555 1234", "IS"), "+3545551234");
}

#[test]
fn digits_without_plus_are_read_as_the_source_says() {
    let numbering = numbering();
    let international = numbering.for_source(None, Some(Mode::E164NoPlus));
    let national = numbering.for_source(None, Some(Mode::National));
    for (written, region, auto, e164_no_plus, as_national) in [
        (
            "442079460958",
            "GB",
            "+442079460958",
            "+442079460958",
            "+44442079460958",
        ),
        (
            "442079460958",
            "DE",
            "+49442079460958",
            "+442079460958",
            "+49442079460958",
        ),
        ("493012345", "DE", "+493012345", "+493012345", "+49493012345"),
        (
            "14155552671",
            "US",
            "+14155552671",
            "+14155552671",
            "+14155552671",
        ),
        ("020 7946 0958", "GB", "+442079460958", "invalid", "+442079460958"),
        (
            "0049 30 123456",
            "GB",
            "+4930123456",
            "+4930123456",
            "+4930123456",
        ),
        ("+4930123456", "US", "+4930123456", "+4930123456", "+4930123456"),
    ] {
        assert_eq!(read(&numbering, written, region), auto, "{written} {region}");
        assert_eq!(
            read(&international, written, region),
            e164_no_plus,
            "{written} {region}"
        );
        assert_eq!(
            read(&national, written, region),
            as_national,
            "{written} {region}"
        );
    }
}

#[test]
fn outside_line_prefixes_are_stripped_first() {
    let numbering = with(|settings| {
        settings.outside_line_prefixes = vec!["9,".to_owned(), "0".to_owned()];
        settings.extension_lengths = vec![4];
    });
    assert_eq!(read(&numbering, "9,14155552671", "US"), "+14155552671");
    assert_eq!(read(&numbering, "9, (415) 555-2671", "US"), "+14155552671");
    assert_eq!(read(&numbering, "0 0049 30 123456", "DE"), "+4930123456");
    assert_eq!(read(&numbering, "01001", "DE"), "1001");
    assert_eq!(read(&numbering, "+9,1", "DE"), "invalid");
    assert_eq!(read(&numbering, "9,", "DE"), "anonymous");
}

#[test]
fn spreadsheets_are_repaired_or_refused() {
    let numbering = numbering();
    let number = Key::e164(14_155_552_671);
    for written in [
        "+14155552671 Bob",
        "+14155552671 (Bob)",
        "14155552671.0",
        "+14155552671.00",
        "'+14155552671",
        "4155552671.0",
        "(415) 555-2671 x123",
        "(415) 555-2671 ext. 5",
        "415-555-2671 mobile",
    ] {
        assert_eq!(
            numbering.key_to_store(written, Some("US"), false),
            Ok(number),
            "{written}"
        );
        assert_eq!(numbering.read(written, Some("US")).key(), number, "{written}");
    }
    for written in ["1.41556E+10", "1,41556E+10", "1.4155526E+10"] {
        assert_eq!(
            numbering.key_to_store(written, None, false),
            Err(Unstorable::Invalid(Invalid::ScientificNotation)),
            "{written}"
        );
    }
    assert_eq!(read(&numbering, "1-800-FLOWERS", "US"), "+18003569377");
    assert_eq!(read(&numbering, "1-800-555-HELP", "US"), "+18005554357");
}

#[test]
fn legacy_plans_lead_to_one_key() {
    let numbering = numbering();
    for written in [
        "+5215512345678",
        "+525512345678",
        "+52 1 55 1234 5678",
        "+520455512345678",
        "5215512345678",
    ] {
        assert_eq!(read(&numbering, written, "MX"), "+525512345678", "{written}");
    }
    assert_eq!(
        numbering.key_to_store("+5215512345678", None, false),
        Ok(Key::e164(525_512_345_678))
    );
    for written in [
        "+54 9 11 2345 6789",
        "+54 11 2345 6789",
        "011 15-2345-6789",
        "+54 11 15 2345 6789",
    ] {
        assert_eq!(read(&numbering, written, "AR"), "+541123456789", "{written}");
    }
    // Other lengths are other numbers.
    assert_eq!(read(&numbering, "+52155123456789", "MX"), "+52155123456789");
    let plain = with(|settings| settings.aliases = Vec::new());
    assert_eq!(read(&plain, "+54 9 11 2345 6789", "AR"), "+5491123456789");
    let reading = numbering.read("+5491123456789", None);
    assert_eq!(reading.parsed(), Key::e164(5_491_123_456_789));
}

#[test]
fn our_own_numbers_match_nobody() {
    let numbering = with(|settings| {
        settings.own_numbers = vec!["(480) 675-4110".to_owned(), "+54 9 11 2345 6789".to_owned()];
    });
    for written in [
        "+14806754110",
        "480 675 4110",
        "sip:+14806754110@host",
        "+541123456789",
    ] {
        let reading = numbering.read(written, Some("US"));
        assert_eq!(reading.reason(), Some(Reason::OwnNumber), "{written}");
        assert_eq!(reading.key(), None);
        assert!(reading.number().is_some());
    }
    // A customer may list one; lookups stay away from it for as long as it is ours.
    assert_eq!(
        numbering.key_to_store("+14806754110", None, false),
        Ok(Key::e164(14_806_754_110))
    );
}

#[test]
fn only_valid_numbers_are_stored_unless_told() {
    let lax = with(|settings| settings.allow_invalid = true);
    let invalid = "+15555555";
    assert_eq!(
        numbering().key_to_store(invalid, None, false),
        Err(Unstorable::NotValid)
    );
    assert_eq!(lax.key_to_store(invalid, None, false), Ok(Key::e164(15_555_555)));
    assert_eq!(numbering().read(invalid, None).key(), Key::e164(15_555_555));
    assert!(!numbering().read(invalid, None).is_valid());
    assert!(numbering().read("+14806754110", None).is_valid());
    assert_eq!(
        numbering().key_to_store("80016215023872", Some("DE"), false),
        Err(Unstorable::Invalid(Invalid::MoreThanFifteenDigits))
    );
    assert_eq!(
        numbering().parse_raw("80016215023872", Some("DE")).as_deref(),
        Ok("+4980016215023872")
    );
}

#[test]
fn refusals_do_not_repeat_the_number() {
    let numbering = numbering();
    for written in ["+15555555", "1.41556E+10", "123", "+999123456789", "5552671"] {
        let error = numbering
            .key_to_store(written, None, false)
            .unwrap_err()
            .to_string();
        assert!(!error.contains(written), "{error}");
        assert!(!format!("{:?}", numbering.read(written, None)).contains(written));
    }
    assert!(!format!("{:?}", numbering.read("+14806754110", None)).contains("4806754110"));
    assert!(!format!("{:?}", numbering.read("sip:alice@host", None)).contains("alice"));
}

#[test]
fn regions_are_named_or_refused() {
    let numbering = numbering();
    assert_eq!(
        numbering.read("+14806754110", Some("Narnia")).invalid(),
        Some(Invalid::UnknownRegion)
    );
    assert_eq!(
        numbering.read("4806754110", Some("")).key(),
        Key::e164(14_806_754_110)
    );
    assert_eq!(
        numbering.read("020 7946 0958", Some("gb")).key(),
        Key::e164(442_079_460_958)
    );
    assert_eq!(
        numbering.read(b"\xff\xfe".as_slice(), None).invalid(),
        Some(Invalid::NotUtf8)
    );
    let british = numbering.for_source(Some("GB".parse().unwrap()), None);
    assert_eq!(british.default_region().as_str(), "GB");
    assert_eq!(
        british.read("020 7946 0958", None).key(),
        Key::e164(442_079_460_958)
    );
}

#[test]
fn a_trace_names_the_rules() {
    let lines = numbering()
        .trace("\"Ada\" <sip:+5215512345678@host>", None)
        .join("\n");
    for part in [
        "user part",
        "parsed as +5215512345678",
        "legacy plan: now +525512345678",
        "valid",
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    assert!(
        numbering()
            .trace("12345678901234567890123456", None)
            .join("\n")
            .contains("no number")
    );
}

#[test]
fn keys_are_shown_as_their_country_writes_them() {
    let key = numbering().read("+442079460958", None).key().unwrap();
    assert_eq!(key.kind(), Kind::E164);
    assert_eq!(display_national(key), "020 7946 0958");
    assert_eq!(region_of(key), Some("GB"));
}
