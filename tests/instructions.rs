//! What the guard of instructions says of counts. The counts themselves are `tests/instructions`'.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::path::Path;

#[path = "../benches/instructions/golden.rs"]
mod golden;

use golden::{Counts, Golden};

fn counts(counts: &[(&str, u64)]) -> Counts {
    counts
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[test]
fn what_differs_by_more_than_the_tolerance_is_told_up_and_down() {
    let golden = Golden {
        counts: counts(&[("hit", 1000), ("miss", 40)]),
    };
    for (hit, miss) in [(1000, 40), (1030, 43), (970, 37)] {
        let found = counts(&[("hit", hit), ("miss", miss)]);
        assert_eq!(golden.judge(&found), Vec::<String>::new());
    }
    let found = counts(&[("hit", 1031), ("miss", 36)]);
    assert_eq!(
        golden.judge(&found),
        [
            "hit: expected 1000 ± 30 instructions, found 1031: slower by 3.1 %",
            "miss: expected 40 ± 3 instructions, found 36: faster by 10.0 %",
        ]
    );
    assert_eq!(
        golden.judge(&counts(&[("hit", 1000), ("hit twice", 7)])),
        [
            "hit twice: expected none, found 7: a new count",
            "miss: expected 40, found none: it is not counted any more",
        ]
    );
}

#[test]
fn the_file_is_as_it_would_be_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml");
    let golden = Golden::read(&path);
    assert!(golden.counts.len() > 10, "{golden:?}");
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        golden::text(&golden.counts)
    );
}
