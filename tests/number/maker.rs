//! Makes up written numbers: examples of every region and type, random digits, behind every kind of prefix, with
//! separators, letters, extensions and noise, cut, lengthened and damaged.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use crate::random::Random;

/// A written number, where it is dialled, and how it was made.
pub(crate) struct Made {
    pub(crate) text: String,
    pub(crate) region: Option<Region>,
    pub(crate) form: &'static str,
}

pub(crate) struct Maker {
    /// Regions with their calling codes and the national digits of their examples.
    regions: Vec<(Region, String, Vec<String>)>,
    /// Examples as people write them.
    formatted: Vec<(Region, String)>,
}

const TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];
const TRUNKS: [&str; 22] = [
    "0", "1", "8", "06", "80", "90", "015", "021", "9015", "180020", "003768", "0003768", "1001", "1831",
    "0141", "017", "08500", "1900", "10010", "00", "15", "0450",
];
const EXITS: [&str; 20] = [
    "00", "011", "0011", "001", "010", "810", "009", "119", "000", "00414", "1400", "001401", "14110011",
    "990", "005", "100", "0161", "00700", "0015", "02",
];
const SEPARATORS: [&str; 14] = [
    " ", "-", ".", "/", "(", ")", ") ", " (", "[", "]", "*", "  ", " - ", "",
];
const RARE: [&str; 12] = [
    "~", "x", ",", "\t", ";", "\u{a0}", "\u{2013}", "\u{3000}", "+", "\\", "\u{ad}", "#",
];
const BEFORE: [&str; 16] = [
    "tel:", "(", "\"", "<", "Bob ", "x", ";", "\0", "\u{202a}", "'", " ", "\n", "sip:", "№ ", "++", "/ x",
];
const BEHIND: [&str; 16] = [
    ")", ">", " ", ";", ",", "#", "+", "\n", ".", "\0", "\u{202c}", " Bob", " x", "*", "!?", "##",
];
const LABELS: [&str; 26] = [
    ";ext=",
    " x",
    "x",
    " ext. ",
    " ext ",
    "ext",
    " extn:",
    " extension ",
    " X",
    "#",
    " #",
    "~",
    ",,",
    ",",
    ";",
    " int ",
    " anexo ",
    ", x",
    "/x",
    " / x",
    " доб. ",
    "  ext,,-",
    " xt",
    ";phone-context=",
    ";isub=",
    " - ",
];
/// What people spell, and what looks as if it were more than letters.
const WORDS: [&str; 32] = [
    "FLOWERS",
    "flowers",
    "Taxi",
    "GO-FEDEX",
    "go fly",
    "x",
    "X",
    "xx",
    "XXX",
    "ext",
    "xt",
    "no",
    "int",
    "anexo",
    "EXTN",
    "a",
    "ab",
    "o 5",
    "t.",
    "box/x",
    "a/b",
    "~a",
    "a*b",
    "(Bob)",
    "Ext. ",
    "xo",
    "доб",
    "такси",
    "ＦＬＹ",
    "ｘ",
    "é",
    "k\u{212a}ſ",
];
const FULL_WIDTH: [char; 10] = ['０', '１', '２', '３', '４', '５', '６', '７', '８', '９'];
const ARABIC: [char; 10] = ['٠', '١', '٢', '٣', '٤', '٥', '٦', '٧', '٨', '٩'];

impl Random {
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap()))
            .collect()
    }
}

impl Maker {
    pub(crate) fn new() -> Maker {
        let mut known: Vec<Region> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
        known.sort_unstable();
        let mut formatted = Vec::new();
        let regions = known.into_iter().map(|region| {
            let mut examples = Vec::new();
            for kind in TYPES {
                let Ok(number) = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind)
                else {
                    continue;
                };
                for format in [PhoneNumberFormat::National, PhoneNumberFormat::International] {
                    formatted.push((region, PHONE_NUMBER_UTIL.format(&number, format).into_owned()));
                }
                examples.push(national(&number));
            }
            let code = PHONE_NUMBER_UTIL.get_country_code_for_region(region).unwrap();
            (region, code.to_string(), examples)
        });
        let mut regions: Vec<_> = regions.collect();
        let mut codes: Vec<i32> = PHONE_NUMBER_UTIL
            .get_supported_global_network_calling_codes()
            .collect();
        codes.sort_unstable();
        for code in codes {
            let example = PHONE_NUMBER_UTIL
                .get_example_number_for_non_geo_entity(code)
                .unwrap();
            regions.push((Region::US, code.to_string(), vec![national(&example)]));
        }
        Maker { regions, formatted }
    }

    pub(crate) fn make(&self, random: &mut Random) -> Made {
        let (own, code, examples) = random.pick(&self.regions);
        let mut region = Some(*own);
        let (digits, mut form) = if random.one_in(8) {
            let (at, text) = random.pick(&self.formatted);
            region = Some(*at);
            (text.clone(), "as formatted")
        } else {
            let national = nationals(examples, random);
            prefixed(&national, code, random)
        };
        if random.one_in(6) {
            region = if random.one_in(3) {
                None
            } else {
                Some(random.pick(&self.regions).0)
            };
        }
        let mut text = digits;
        if random.one_in(3) {
            text = separated(&text, random);
        }
        if random.one_in(5) {
            form = "with letters";
            text = lettered(&text, random);
        }
        if random.one_in(6) {
            form = "with extension";
            let most = *random.pick(&[3, 6, 10, 16, 22]);
            let count = random.below(most);
            text.push_str(random.pick::<&str>(&LABELS));
            text.push_str(&random.digits(count));
            if random.one_in(4) {
                text.push('#');
            }
        }
        if random.one_in(6) {
            text.insert_str(0, random.pick::<&str>(&BEFORE));
        }
        if random.one_in(6) {
            text.push_str(random.pick::<&str>(&BEHIND));
        }
        if random.one_in(12) {
            form = "damaged";
            for _ in 0..=random.below(3) {
                text = damaged(&text, random);
            }
        }
        Made { text, region, form }
    }
}

fn national(number: &PhoneNumber) -> String {
    rlibphonenumber::get_national_significant_number_owned(number)
}

/// An example, or something like one.
fn nationals(examples: &[String], random: &mut Random) -> String {
    let mut digits = random.pick(examples).clone();
    match random.below(8) {
        0 => {
            let count = 1 + random.below(20);
            digits = random.digits(count);
        }
        1 => {
            // Without an area code, or cut somewhere.
            let at = random.below(digits.len());
            digits = digits[at..].to_owned();
        }
        2 => {
            let count = 1 + random.below(5);
            digits.push_str(&random.digits(count));
        }
        3..=5 => {
            let kept = random.below(digits.len());
            let rest = random.digits(digits.len() - kept);
            digits.truncate(kept);
            digits.push_str(&rest);
        }
        6 => {
            let at = random.below(digits.len());
            let digit = random.digits(1);
            digits.replace_range(at..=at, &digit);
        }
        _ => {}
    }
    digits
}

fn prefixed(national: &str, code: &str, random: &mut Random) -> (String, &'static str) {
    let trunk = if random.one_in(8) {
        let count = 1 + random.below(4);
        random.digits(count)
    } else {
        (*random.pick(&TRUNKS)).to_owned()
    };
    let exit = random.pick(&EXITS);
    match random.below(10) {
        0 | 1 => (format!("+{code}{national}"), "international"),
        2 => (format!("+{code}{trunk}{national}"), "redundant trunk"),
        3 => (format!("{exit}{code}{national}"), "international prefix"),
        4 => (
            format!("{exit}{code}{trunk}{national}"),
            "international prefix and trunk",
        ),
        5 => (format!("{code}{national}"), "code without plus"),
        6 => (format!("{code}{trunk}{national}"), "code without plus, trunk"),
        7 => (
            format!("+{exit}{code}{national}"),
            "plus and international prefix",
        ),
        8 => (format!("{trunk}{national}"), "trunk"),
        _ => (national.to_owned(), "national"),
    }
}

fn separated(digits: &str, random: &mut Random) -> String {
    let mut text = String::new();
    for digit in digits.chars() {
        text.push(digit);
        if random.one_in(3) {
            text.push_str(random.pick::<&str>(&SEPARATORS));
        } else if random.one_in(60) {
            text.push_str(random.pick::<&str>(&RARE));
        }
    }
    text
}

/// Words put in, or put in the place of what follows, mostly behind the first three digits; letters by themselves too.
fn lettered(digits: &str, random: &mut Random) -> String {
    let characters: Vec<char> = digits.chars().collect();
    let least = if random.one_in(6) { 0 } else { 3 };
    let at = (least + random.below(characters.len())).min(characters.len());
    let mut text: String = characters[..at].iter().collect();
    for _ in 0..=random.below(2) {
        text.push_str(random.pick::<&str>(&["", "", " ", "-", "/", "."]));
        if random.one_in(2) {
            text.push_str(random.pick::<&str>(&WORDS));
        } else {
            let case = *random.pick(b"aA");
            for _ in 0..=random.below(8) {
                text.push(char::from(case + u8::try_from(random.below(26)).unwrap()));
            }
        }
    }
    if random.one_in(2) {
        text.extend(&characters[at..]);
    } else if random.one_in(3) {
        let count = random.below(12);
        text.push_str(random.pick::<&str>(&["", " ", "-", "/", ". "]));
        text.push_str(&random.digits(count));
    }
    text
}

fn damaged(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len());
    let Some(&there) = characters.get(at) else {
        return text.to_owned();
    };
    match random.below(5) {
        0 => characters[at] = char::from(u8::try_from(random.below(128)).unwrap()),
        1 => characters.insert(at, char::from(b'a' + u8::try_from(random.below(26)).unwrap())),
        2 => drop(characters.remove(at)),
        3 => {
            if let Some(digit) = there.to_digit(10) {
                let script = random.pick(&[FULL_WIDTH, ARABIC]);
                characters[at] = script[usize::try_from(digit).unwrap()];
            }
        }
        _ => {
            let other = random.below(characters.len());
            characters.swap(at, other);
        }
    }
    characters.into_iter().collect()
}
