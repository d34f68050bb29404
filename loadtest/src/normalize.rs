//! Row 15: reading a written number beside the parsers that others would take.
//!
//! Each parses and gives the number as E.164 text. What the rules of a call centre take beyond that, in a lookup, is told
//! beside it.

use std::fmt::Write;
use std::hint::black_box;
use std::io::Error;
use std::time::Instant;

use clap::Args;
use ringside::number::{Key, Numbering, Settings};

use crate::pairs::{self, Ratio};
use crate::row::Row;

/// Valid numbers of many countries, as they are written internationally and at home.
const NUMBERS: [(&str, &str, &str); 12] = [
    ("+14155552671", "(415) 555-2671", "US"),
    ("+442079460958", "020 7946 0958", "GB"),
    ("+493012345678", "030 12345678", "DE"),
    ("+33142685300", "01 42 68 53 00", "FR"),
    ("+390236618300", "02 3661 8300", "IT"),
    ("+34912345678", "912 34 56 78", "ES"),
    ("+5491123456789", "011 15-2345-6789", "AR"),
    ("+5511961234567", "(11) 96123-4567", "BR"),
    ("+912212345678", "022 1234 5678", "IN"),
    ("+81312345678", "03-1234-5678", "JP"),
    ("+61212345678", "(02) 1234 5678", "AU"),
    ("+18682211234", "221-1234", "TT"),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Interleaved pairs of each comparison.
    #[arg(long, default_value_t = 21)]
    pairs: usize,
    /// Times that each pair reads all numbers.
    #[arg(long, default_value_t = 20_000)]
    rounds: u64,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let e164: Vec<(&str, &str)> = NUMBERS
        .iter()
        .map(|&(number, _, region)| (number, region))
        .collect();
    let national: Vec<(&str, &str)> = NUMBERS
        .iter()
        .map(|&(_, number, region)| (number, region))
        .collect();
    let mut rows = Vec::new();
    for (form, row, numbers, targets) in [
        ("E.164", "15a", e164, [50.0, 12.0]),
        ("national", "15b", national, [25.0, 10.0]),
    ] {
        let ours = Ours::of(&numbers)?;
        ours.check();
        let rounds = options.rounds / 20 + 1;
        let each = numbers.len() as u64;
        ours.nanos_by_all_rules(options.rounds);
        let by_all_rules = ours.nanos_by_all_rules(options.rounds);
        let mut add = |name, ratio: Ratio, target: f64| {
            let scale = format!("{each} numbers, {form}; ≥ {target}×");
            let mut measured = Row::of_ratio((row, name), scale, options.pairs, ratio, 1.0 / target);
            measured.detail = format!(
                "{}, {:.1} times as fast; by all rules to a key {by_all_rules:.1} ns",
                measured.detail,
                1.0 / ratio.median
            );
            rows.push(measured);
        };
        #[cfg(feature = "phonenumber")]
        {
            let theirs = theirs::Phonenumber::of(&numbers)?;
            let ratio = compare(options, rounds, &ours, || theirs.read(rounds), each);
            add(
                "reading a number, as a share of phonenumber's time",
                ratio,
                targets[0],
            );
        }
        #[cfg(not(feature = "phonenumber"))]
        println!(
            "not beside phonenumber, {}×: that takes --features phonenumber",
            targets[0]
        );
        let theirs = theirs::Rlibphonenumber::of(&numbers)?;
        let ratio = compare(options, rounds, &ours, || theirs.read(rounds), each);
        add(
            "reading a number, as a share of rlibphonenumber's time",
            ratio,
            targets[1],
        );
    }
    Ok(rows)
}

/// A of many rounds beside B of few, both by the number.
fn compare(options: &Options, rounds: u64, ours: &Ours<'_>, theirs: impl FnMut(), numbers: u64) -> Ratio {
    let (mut theirs, many) = (theirs, options.rounds);
    let mut ratio = pairs::measure(options.pairs, numbers, || ours.parse(many), &mut theirs);
    let (a, b) = (many as f64, rounds as f64);
    let by_round = b / a;
    ratio.median *= by_round;
    ratio.low *= by_round;
    ratio.high *= by_round;
    ratio.nanos = (ratio.nanos.0 / a, ratio.nanos.1 / b);
    ratio
}

/// One `Numbering` for each region, as a listener has one.
struct Ours<'a> {
    numbers: Vec<(&'a str, Numbering)>,
}

impl<'a> Ours<'a> {
    fn of(numbers: &[(&'a str, &str)]) -> Result<Ours<'a>, Error> {
        let base = Numbering::new(&Settings::builtin()).map_err(Error::other)?;
        let numbers = numbers
            .iter()
            .map(|&(number, region)| {
                let region = region.parse().map_err(Error::other)?;
                Ok((number, base.for_source(Some(region), None)))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Ours { numbers })
    }

    fn check(&self) {
        for ((number, numbering), (e164, ..)) in self.numbers.iter().zip(NUMBERS) {
            let read = numbering.read(*number, None).parsed().map(|key| key.to_string());
            assert_eq!(read.as_deref(), Some(e164), "{number}");
        }
    }

    fn parse(&self, rounds: u64) {
        let mut text = String::with_capacity(32);
        for _ in 0..rounds {
            for (number, numbering) in &self.numbers {
                let parsed = numbering.parse_digits(black_box(number), None).ok();
                let key = parsed.and_then(|digits| Key::e164(u64::try_from(digits).ok()?));
                text.clear();
                let written = key.map(|key| write!(text, "{key}"));
                black_box((written.is_some(), &text));
            }
        }
    }

    /// Nanoseconds of reading a number by all rules, to a key.
    fn nanos_by_all_rules(&self, rounds: u64) -> f64 {
        let start = Instant::now();
        for _ in 0..rounds {
            for (number, numbering) in &self.numbers {
                black_box(numbering.read(black_box(*number), None).key());
            }
        }
        start.elapsed().as_nanos() as f64 / (rounds * self.numbers.len() as u64) as f64
    }
}

/// The parsers beside which it is measured. Each makes a text of its own.
mod theirs {
    use std::hint::black_box;
    use std::io::Error;

    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

    #[cfg(feature = "phonenumber")]
    pub(super) struct Phonenumber<'a>(Vec<(&'a str, phonenumber::country::Id)>);

    pub(super) struct Rlibphonenumber<'a>(Vec<(&'a str, rlibphonenumber::Region)>);

    #[cfg(feature = "phonenumber")]
    impl<'a> Phonenumber<'a> {
        pub(super) fn of(numbers: &[(&'a str, &str)]) -> Result<Phonenumber<'a>, Error> {
            let with_id = numbers.iter().map(|&(number, region)| {
                let id = region
                    .parse()
                    .map_err(|_| Error::other("a region that phonenumber has not"))?;
                Ok((number, id))
            });
            Ok(Phonenumber(with_id.collect::<Result<_, Error>>()?))
        }

        pub(super) fn read(&self, rounds: u64) {
            for _ in 0..rounds {
                for (number, id) in &self.0 {
                    let parsed = phonenumber::parse(Some(*id), black_box(*number));
                    let written = |parsed: phonenumber::PhoneNumber| {
                        parsed.format().mode(phonenumber::Mode::E164).to_string()
                    };
                    black_box(parsed.map(written).ok());
                }
            }
        }
    }

    impl<'a> Rlibphonenumber<'a> {
        pub(super) fn of(numbers: &[(&'a str, &str)]) -> Result<Rlibphonenumber<'a>, Error> {
            let with_region = numbers.iter().map(|&(number, region)| {
                let region = rlibphonenumber::Region::from_code(region)
                    .map_err(|error| Error::other(error.to_string()))?;
                Ok((number, region))
            });
            Ok(Rlibphonenumber(with_region.collect::<Result<_, Error>>()?))
        }

        pub(super) fn read(&self, rounds: u64) {
            for _ in 0..rounds {
                for (number, region) in &self.0 {
                    let parsed = PHONE_NUMBER_UTIL.parse(black_box(*number), Some(*region));
                    let written =
                        |parsed: PhoneNumber| parsed.format_as(PhoneNumberFormat::E164).into_owned();
                    black_box(parsed.map(written).ok());
                }
            }
        }
    }
}
