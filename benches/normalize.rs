//! What reading one written number costs, by the form in which it is written. Ratios to other crates are `loadtest`'s.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ringside::number::{Key, Numbering, Settings, is_valid, number_type};
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

const FORMS: [(&str, &str, &str); 10] = [
    ("e164", "+14155552671", "US"),
    ("national US", "(415) 555-2671", "US"),
    ("national GB", "020 7946 0958", "GB"),
    ("international prefix DE", "0039 06 698 12345", "DE"),
    ("mobile AR", "011 15-2345-6789", "AR"),
    ("carrier BR", "0 15 11 96123-4567", "BR"),
    ("extension US", "(415) 555-2671 x123", "US"),
    ("full width JP", "０３－１２３４－５６７８", "JP"),
    ("vanity US", "1-800-FLOWERS", "US"),
    ("vanity x5 US, by the reference", "1-800-FLOWERS x5", "US"),
];

fn normalize(criterion: &mut Criterion) {
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    let mut group = criterion.benchmark_group("normalize");
    for (form, written, region) in FORMS {
        let numbering = numbering.for_source(Some(region.parse().unwrap()), None);
        let library = Region::from_code(region).unwrap();
        group.bench_function(format!("{form}/all rules"), |b| {
            b.iter(|| numbering.read(black_box(written), None).key());
        });
        group.bench_function(format!("{form}/parse alone"), |b| {
            b.iter(|| numbering.parse_digits(black_box(written), None));
        });
        group.bench_function(format!("{form}/rlibphonenumber"), |b| {
            b.iter(|| PHONE_NUMBER_UTIL.parse(black_box(written), Some(library)));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("plan");
    for (name, key) in [
        ("US", 14_155_552_671),
        ("DE", 493_012_345_678),
        ("TT", 18_682_211_234),
    ] {
        let key = Key::e164(key).unwrap();
        group.bench_function(format!("{name}/valid"), |b| b.iter(|| is_valid(black_box(key))));
        group.bench_function(format!("{name}/type"), |b| b.iter(|| number_type(black_box(key))));
    }
    group.finish();
}

criterion_group!(benches, normalize);
criterion_main!(benches);
