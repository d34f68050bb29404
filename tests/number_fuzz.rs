//! Whatever bytes come as a number: never a panic, always a key or a reason, and where they are text, the reference's
//! answer.
//!
//! Mutations of a corpus (`tests/data/number_corpus`, a written number a line) from a fixed seed, in place of a fuzzer
//! that would need another compiler; `RINGSIDE_MUTATIONS` sets how many, `tests/soak` takes millions. What a
//! mutation found belongs into the corpus.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use ringside::number::{Numbering, Outcome, Settings, from_query, is_possible, is_valid, number_type};
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

#[path = "number/random.rs"]
mod random;
#[path = "number/reference.rs"]
mod reference;

use random::Random;

const COUNT: u64 = 30_000;
const REGIONS: [&str; 12] = [
    "US", "GB", "DE", "AR", "BR", "IT", "JP", "AG", "MX", "SM", "CI", "ZZ",
];
const TOKENS: [&str; 24] = [
    "+",
    "00",
    "011",
    ";ext=",
    ";phone-context=",
    ";isub=",
    "x",
    " ext. ",
    "#",
    ",,",
    "tel:",
    "sip:",
    "@host",
    "%2B",
    "\"",
    "<",
    ">",
    "/x",
    "\u{202e}",
    "\u{200b}",
    "٣",
    "７",
    "\0",
    "anonymous",
];

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/number_corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let lines = files.iter().flat_map(|file| {
        let bytes = fs::read(file).unwrap();
        bytes
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    });
    lines.collect()
}

fn numbering() -> Numbering {
    let settings = Settings {
        extension_lengths: vec![4],
        outside_line_prefixes: vec!["9,".to_owned()],
        area_code: "415".to_owned(),
        ..Settings::builtin()
    };
    Numbering::new(&settings).unwrap()
}

/// Reads the bytes in every way there is.
fn read(numbering: &Numbering, bytes: &[u8], region: &str) {
    let reading = numbering.read(bytes, Some(region));
    assert!(
        reading.key().is_some() || reading.reason().is_some(),
        "{bytes:?} {region}: neither key nor reason"
    );
    if let Outcome::Key(key) = reading.outcome() {
        assert_eq!(is_valid(key), number_type(key).is_some(), "{key}");
        let _ = is_possible(key);
    }
    let stored = numbering.key_to_store(bytes, Some(region), false);
    if let Ok(Some(stored)) = stored {
        assert_eq!(reading.key(), Some(stored), "{bytes:?} {region}");
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let _ = numbering.read(from_query(text).as_bytes(), Some(region));
    let theirs = reference::parse(text, Region::from_code(region).ok());
    let ours = numbering.parse_digits(text, Some(region));
    if text.chars().count() <= 250 {
        assert_eq!(
            ours.is_ok(),
            theirs.is_ok(),
            "{text:?} {region}: {ours:?}, not {theirs:?}"
        );
    }
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        let national = rlibphonenumber::get_national_significant_number_owned(&theirs);
        if national.starts_with("0000000000") {
            // The reference itself drops some of so many zeros when it writes them.
            return;
        }
        let theirs = format!("{}{national}", theirs.country_code);
        assert_eq!(ours.to_string(), theirs, "{text:?} {region}");
    }
}

fn byte(random: &mut Random) -> u8 {
    random.next().to_le_bytes()[0]
}

fn mutated(seed: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = random.pick(seed).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 => bytes.insert(at, byte(random)),
            1 if at < bytes.len() => bytes[at] = byte(random),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            4 => {
                let token = random.pick(&TOKENS).as_bytes();
                bytes.splice(at..at, token.iter().copied());
            }
            5 => {
                let other = random.pick(seed);
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => bytes.truncate(at),
            _ => {
                let piece = bytes[at..].to_vec();
                for _ in 0..random.below(6) {
                    bytes.extend_from_slice(&piece);
                }
            }
        }
        bytes.truncate(1 << 10);
    }
    bytes
}

#[test]
fn mutations_are_read_as_the_reference_reads_them() {
    let count = std::env::var("RINGSIDE_MUTATIONS").map_or(COUNT, |text| text.parse().unwrap());
    let (seed, numbering) = (corpus(), numbering());
    let mut random = Random(15);
    for _ in 0..count {
        let bytes = mutated(&seed, &mut random);
        read(&numbering, &bytes, random.pick::<&str>(&REGIONS));
    }
}

#[test]
fn the_corpus_is_read_in_every_region() {
    let numbering = numbering();
    for bytes in corpus() {
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            read(&numbering, &bytes, &region.to_string());
        }
    }
}

#[test]
fn enormous_texts_are_refused() {
    let numbering = numbering();
    for piece in [
        "1", "+", ";ext=1", " ", "٣", "\u{202e}", "x", "\0", "sip:", "%2B", "<", "\"", "tel:1;",
    ] {
        let text = piece.repeat((10 << 20) / piece.len());
        let reading = numbering.read(&text, Some("US"));
        assert!(
            reading.key().is_none() || reading.sip_user().is_some(),
            "{piece:?}"
        );
        assert!(numbering.parse_digits(&text, Some("US")).is_err(), "{piece:?}");
        let _ = numbering.key_to_store(&text, Some("US"), true);
    }
}
