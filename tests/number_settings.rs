//! Settings of number reading: what is refused, and by which name.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ringside::number::{Key, Mode, Numbering, Reason, Region, Settings, SourceSettings};

#[test]
fn a_source_may_have_rules_of_its_own() {
    let source = SourceSettings {
        area_code: Some("415".to_owned()),
        outside_line_prefixes: Some(vec!["9".to_owned()]),
        ..SourceSettings::default()
    };
    let numbering = Numbering::new(&Settings::builtin())
        .unwrap()
        .with_source(&source)
        .unwrap();
    assert_eq!(
        numbering.read("9 555 2671", None).key(),
        Key::e164(14_155_552_671)
    );
    let wrong = SourceSettings {
        area_code: Some("4l5".to_owned()),
        ..SourceSettings::default()
    };
    assert!(
        numbering
            .with_source(&wrong)
            .unwrap_err()
            .to_string()
            .starts_with("area_code: expected")
    );
}

#[test]
fn declared_numbers_are_read_in_any_form_and_told_by_the_trace() {
    let numbering = Numbering::new(&Settings {
        own_numbers: vec!["(800) 555-0199".to_owned(), "4000".to_owned()],
        own_ranges: vec!["+14155550100-+14155550199".to_owned()],
        shared_lines: vec!["415 555 0200".to_owned(), "+44 1632 960000".to_owned()],
        extension_lengths: vec![4],
        ..Settings::builtin()
    })
    .unwrap();
    for (written, reason, told) in [
        ("8005550199", Some(Reason::OwnNumber), Some("own_numbers")),
        ("4000", Some(Reason::OwnNumber), Some("own_numbers")),
        (
            "sip:+14155550100@pbx",
            Some(Reason::OwnNumber),
            Some("+14155550100-+14155550199"),
        ),
        ("415-555-0199", Some(Reason::OwnNumber), Some("own_ranges")),
        ("+14155550200", None, Some("shared_lines")),
        ("+14155550099", None, None),
    ] {
        assert_eq!(numbering.read(written, None).reason(), reason, "{written}");
        let trace = numbering.trace(written, None).join("\n");
        match told {
            Some(told) => assert!(trace.contains(told), "{trace}"),
            None => assert!(!trace.contains("own_") && !trace.contains("shared"), "{trace}"),
        }
    }
    let shared = [14_155_550_200, 441_632_960_000].map(|number| Key::e164(number).unwrap());
    assert_eq!(numbering.shared_lines(), shared);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::builtin();
        change(&mut settings);
        Numbering::new(&settings).unwrap_err().to_string()
    };
    for (key, message) in [
        (
            "withheld_words",
            refused(|settings| settings.withheld_words.push(String::new())),
        ),
        (
            "withheld_numbers",
            refused(|settings| settings.withheld_numbers.push("266".to_owned())),
        ),
        (
            "extension_lengths",
            refused(|settings| settings.extension_lengths.push(0)),
        ),
        (
            "extension_lengths",
            refused(|settings| settings.extension_lengths.push(18)),
        ),
        (
            "extension_ranges",
            refused(|settings| settings.extension_ranges.push("1-20".to_owned())),
        ),
        (
            "extension_ranges",
            refused(|settings| settings.extension_ranges.push("20-10".to_owned())),
        ),
        (
            "emergency_numbers",
            refused(|settings| settings.emergency_numbers.push("+112".to_owned())),
        ),
        (
            "own_numbers",
            refused(|settings| settings.own_numbers.push("nobody".to_owned())),
        ),
        (
            "own_numbers",
            refused(|settings| settings.own_numbers.push("anonymous".to_owned())),
        ),
        (
            "own_ranges",
            refused(|settings| settings.own_ranges.push("+1415-+14159".to_owned())),
        ),
        // The legacy plan of Mexican mobile numbers is read as today's.
        (
            "own_ranges",
            refused(|settings| {
                settings
                    .own_ranges
                    .push("+5215512345600-+5215512345699".to_owned())
            }),
        ),
        (
            "shared_lines",
            refused(|settings| settings.shared_lines.push("anonymous".to_owned())),
        ),
        (
            "shared_lines",
            refused(|settings| {
                settings.own_ranges.push("+14155550100-+14155550199".to_owned());
                settings.shared_lines.push("(415) 555-0150".to_owned());
            }),
        ),
        (
            "outside_line_prefixes",
            refused(|settings| settings.outside_line_prefixes.push(String::new())),
        ),
        (
            "outside_line_prefixes",
            refused(|settings| settings.outside_line_prefixes.push("+".to_owned())),
        ),
        (
            "area_code",
            refused(|settings| settings.area_code = "415555".to_owned()),
        ),
        (
            "aliases.from",
            refused(|settings| settings.aliases[0].from = "521".to_owned()),
        ),
        (
            "aliases.to",
            refused(|settings| settings.aliases[0].to = "+".to_owned()),
        ),
        (
            "aliases.from",
            refused(|settings| settings.aliases[0].digits = 200),
        ),
    ] {
        assert!(message.starts_with(&format!("{key}: ")), "{key}: {message}");
    }
}

#[test]
fn settings_are_read_strictly() {
    let toml = r#"
        default_region = "zz"
        mode = "e164_no_plus"
        withheld_words = ["anonymous"]
        withheld_numbers = []
        extension_lengths = [4]
        extension_ranges = ["1000-1999"]
        emergency_numbers = ["112"]
        own_numbers = []
        own_ranges = []
        shared_lines = []
        outside_line_prefixes = []
        area_code = ""
        double_zero_is_plus = false
        aliases = [{ from = "+521", to = "+52", digits = 10 }]
        allow_invalid = false
    "#;
    let settings: Settings = toml::from_str(toml).unwrap();
    assert_eq!(settings.default_region, Region::NONE);
    assert_eq!(settings.mode, Mode::E164NoPlus);
    assert!(toml::from_str::<Settings>(&toml.replace("area_code", "areacode")).is_err());
    assert!(toml::from_str::<Settings>(&toml.replace("allow_invalid = false", "")).is_err());
    assert!(toml::from_str::<Settings>(&toml.replace("\"zz\"", "\"Narnia\"")).is_err());
}

#[test]
fn a_source_that_says_nothing_reads_as_everybody_does() {
    let settings = Settings {
        extension_lengths: vec![4],
        outside_line_prefixes: vec!["9".to_owned()],
        ..Settings::builtin()
    };
    let all = Numbering::new(&settings).unwrap();
    let same = all.with_source(&SourceSettings::default()).unwrap();
    let sample = include_str!("data/phone_sample.tsv");
    for row in sample.lines().skip(1) {
        let mut columns = row.split('\t');
        let (written, region) = (columns.next().unwrap(), columns.next());
        assert_eq!(all.read(written, region), same.read(written, region), "{written}");
    }
}

#[test]
fn a_source_tells_which_keys_it_says() {
    for (key, value) in [
        ("default_region", "'GB'"),
        ("mode", "'national'"),
        ("outside_line_prefixes", "[]"),
        ("area_code", "''"),
        ("double_zero_is_plus", "false"),
        ("withheld_words", "[]"),
        ("withheld_numbers", "[]"),
        ("extension_lengths", "[]"),
        ("extension_ranges", "[]"),
        ("emergency_numbers", "[]"),
    ] {
        let source: SourceSettings = toml::from_str(&format!("{key} = {value}")).unwrap();
        assert_eq!(source.keys().collect::<Vec<_>>(), [key]);
        let of_both: Vec<_> = SourceSettings::default().or(&source).keys().collect();
        assert_eq!(of_both, [key], "said by the further one alone");
    }
    assert_eq!(SourceSettings::default().keys().next(), None);
}

/// Everything that a source may say for itself, each key given or not.
fn source() -> impl Strategy<Value = SourceSettings> {
    let region = prop::sample::select(vec!["US", "GB", "DE", "IT", "AR", "KY", "ZZ"]);
    let mode = prop::sample::select(vec![Mode::Auto, Mode::E164NoPlus, Mode::National]);
    let lists = (
        option::of(vec("[0-9*#][0-9,]{0,2}", 0..3)),
        option::of(vec("[a-z]{1,9}", 0..3)),
        option::of(vec("\\+[1-9][0-9]{0,10}", 0..3)),
        option::of(vec(1..=17_u8, 0..3)),
        option::of(vec("[1-8][0-9]{2}", 0..3)),
        option::of(vec("[0-9]{1,4}", 0..3)),
    );
    let values = (
        option::of(region),
        option::of(mode),
        option::of("[0-9]{0,5}"),
        option::of(any::<bool>()),
    );
    (values, lists).prop_map(|((region, mode, area_code, double_zero_is_plus), lists)| {
        let (outside, words, withheld, lengths, ranges, emergency) = lists;
        SourceSettings {
            default_region: region.map(|region| region.parse().unwrap()),
            mode,
            outside_line_prefixes: outside,
            area_code,
            double_zero_is_plus,
            withheld_words: words,
            withheld_numbers: withheld,
            extension_lengths: lengths,
            extension_ranges: ranges
                .map(|ranges| ranges.iter().map(|first| format!("{first}-999")).collect()),
            emergency_numbers: emergency,
        }
    })
}

/// Everybody's rules where `source` is everybody.
fn everybody(source: SourceSettings) -> Settings {
    let builtin = Settings::builtin();
    Settings {
        default_region: source.default_region.unwrap_or(builtin.default_region),
        mode: source.mode.unwrap_or(builtin.mode),
        outside_line_prefixes: source
            .outside_line_prefixes
            .unwrap_or(builtin.outside_line_prefixes),
        area_code: source.area_code.unwrap_or(builtin.area_code),
        double_zero_is_plus: source.double_zero_is_plus.unwrap_or(builtin.double_zero_is_plus),
        withheld_words: source.withheld_words.unwrap_or(builtin.withheld_words),
        withheld_numbers: source.withheld_numbers.unwrap_or(builtin.withheld_numbers),
        extension_lengths: source.extension_lengths.unwrap_or(builtin.extension_lengths),
        extension_ranges: source.extension_ranges.unwrap_or(builtin.extension_ranges),
        emergency_numbers: source.emergency_numbers.unwrap_or(builtin.emergency_numbers),
        ..Settings::builtin()
    }
}

/// What a caller, a machine or nobody might write.
fn written() -> impl Strategy<Value = String> {
    prop_oneof![
        "(\\+|00|011|9,|0)?[0-9]{0,12}",
        "[+0-9() .,/-]{0,16}",
        "(sip:|tel:)?[a-z0-9+]{1,9}(@pbx)?",
        "[a-z]{1,9}[0-9]{0,4}",
        "\\PC{0,12}",
    ]
}

fn same(one: &Numbering, other: &Numbering, written: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.read(written, None), other.read(written, None));
    prop_assert_eq!(one.read(written, Some("GB")), other.read(written, Some("GB")));
    for extension in [false, true] {
        prop_assert_eq!(
            one.key_to_store(written, None, extension),
            other.key_to_store(written, None, extension)
        );
        prop_assert_eq!(
            one.apart(written, None, extension),
            other.apart(written, None, extension)
        );
    }
    prop_assert_eq!(one.trace(written, None), other.trace(written, None));
    Ok(())
}

proptest! {
    #[test]
    fn a_source_without_settings_of_its_own_reads_as_the_site(site in source(), texts in vec(written(), 8)) {
        let site = Numbering::new(&everybody(site)).unwrap();
        let source = site.with_source(&SourceSettings::default()).unwrap();
        for written in texts {
            same(&site, &source, &written)?;
        }
    }

    #[test]
    fn a_source_reads_as_a_site_of_the_same_rules_would(
        near in source(), far in source(), texts in vec(written(), 8),
    ) {
        let site = Numbering::new(&everybody(near.or(&far))).unwrap();
        let builtin = Numbering::new(&Settings::builtin()).unwrap();
        let at_once = builtin.with_source(&near.or(&far)).unwrap();
        let in_turn = builtin.with_source(&far).unwrap().with_source(&near).unwrap();
        for written in texts {
            same(&site, &at_once, &written)?;
            same(&site, &in_turn, &written)?;
        }
    }
}
