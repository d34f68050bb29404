//! What is run to fill the table, and for how long: one entry for each process.

use std::path::Path;

/// Where snapshots are kept where nobody says otherwise.
pub(super) const FOLDER: &str = "target/loadtest";
/// Stands for `--folder FOLDER` in a part's arguments.
const FOLDER_MARK: &str = "@folder";

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Quick,
    Usual,
    Full,
}

/// One process, and the rows that it gives.
#[derive(Debug)]
pub(super) struct Part {
    /// The rows to which it gives a figure; several parts can give figures to one row.
    pub(super) rows: &'static [&'static str],
    /// What it measures, for people.
    pub(super) label: &'static str,
    /// The arguments of this program, and for about how many seconds it runs: quick, usual and full.
    sizes: [(&'static str, u64); 3],
}

/// In place of arguments: what this size leaves out.
const LEFT_OUT: (&str, u64) = ("", 0);

const fn part(rows: &'static [&'static str], label: &'static str, sizes: [(&'static str, u64); 3]) -> Part {
    Part { rows, label, sizes }
}

/// Of one kind of feed: what takes few changes, and what takes many.
macro_rules! feed {
    ($label:literal, $kind:literal, $quick:expr) => {
        part(
            &["13", "14"],
            $label,
            [
                $quick,
                (
                    concat!(
                        "feeds --only ",
                        $kind,
                        " --pairs 4 --singles 1000 --rate 400 --changes 60000"
                    ),
                    52,
                ),
                (concat!("feeds --only ", $kind, " --pairs 10"), 900),
            ],
        )
    };
}

/// Every part, in the order in which they run.
pub(super) const PARTS: &[Part] = &[
    part(
        &["1", "2", "12a", "12b", "12c"],
        "lookups in process",
        [
            ("lookup @folder --pairs 10 --lookups 200000", 25),
            ("lookup @folder", 45),
            ("lookup @folder --customers 50000000", 600),
        ],
    ),
    part(
        &["3"],
        "allocations",
        [
            ("allocations @folder", 2),
            ("allocations @folder", 2),
            ("allocations @folder --lookups 10000000", 30),
        ],
    ),
    part(
        &["4a", "4b"],
        "server CPU",
        [
            ("cpu @folder --pairs 10 --seconds 0.4", 25),
            ("cpu @folder", 70),
            ("cpu @folder --seconds 2", 140),
        ],
    ),
    part(
        &["5", "6a", "6b"],
        "lookups from outside",
        [
            ("rivals @folder --quick", 25),
            ("rivals @folder", 130),
            ("rivals @folder --seconds 2", 400),
        ],
    ),
    part(
        &["7", "8"],
        "reads beside changes and swaps",
        [
            ("replica @folder --only tail", 70),
            ("replica @folder --only tail", 70),
            ("replica @folder --only tail --full --seconds 5", 400),
        ],
    ),
    part(
        &["9"],
        "start",
        [
            ("startup @folder --customers 1000000", 8),
            ("startup @folder --customers 1000000", 8),
            ("startup @folder", 60),
        ],
    ),
    part(
        &["10a", "11"],
        "compaction and build",
        [
            ("replica @folder --only merge", 45),
            ("replica @folder --only merge", 45),
            ("replica @folder --only merge --full", 600),
        ],
    ),
    part(
        &["10b", "11"],
        "import",
        [
            ("import @folder --customers 100000 --pairs 10", 10),
            ("import @folder", 60),
            ("import @folder --full --pairs 3", 600),
        ],
    ),
    feed!("MongoDB", "mongodb", LEFT_OUT),
    feed!("PostgreSQL", "postgres", LEFT_OUT),
    feed!("NATS JetStream", "jetstream", LEFT_OUT),
    feed!(
        "a file that is followed",
        "file",
        (
            "feeds --only file --pairs 2 --singles 500 --rate 500 --changes 30000",
            25,
        )
    ),
    feed!(
        "posts",
        "http",
        (
            "feeds --only http --pairs 2 --singles 500 --rate 500 --changes 30000",
            25,
        )
    ),
    part(
        &["14"],
        "changes in process",
        [
            ("replica @folder --only rates --changes 100000", 25),
            ("replica @folder --only rates --changes 300000", 40),
            ("replica @folder --only rates --full", 300),
        ],
    ),
    part(
        &["15a", "15b"],
        "reading numbers",
        [
            ("normalize --rounds 5000", 5),
            ("normalize", 10),
            ("normalize", 10),
        ],
    ),
    part(
        &["16a", "16b", "16c"],
        "failover",
        [
            LEFT_OUT,
            ("failover --quick --only node-killed,service-frozen,hand-over", 90),
            ("failover", 900),
        ],
    ),
    part(
        &["17"],
        "pops",
        [
            LEFT_OUT,
            ("pops @folder --pairs 10 --seconds 1", 25),
            ("pops @folder --pairs 20 --seconds 5", 240),
        ],
    ),
    part(
        &["18"],
        "answers checked by an oracle",
        [
            ("reads @folder --count 10000000", 10),
            ("reads @folder --count 100000000", 45),
            ("reads @folder --count 1000000000", 400),
        ],
    ),
];

impl Part {
    /// Its arguments, or why it is not run.
    pub(super) fn arguments(&self, size: Size, folder: &Path) -> Result<Vec<String>, &'static str> {
        let (text, _) = self.sizes[size as usize];
        if text.is_empty() {
            return Err("left out of --quick; run without it");
        }
        let mut arguments = Vec::new();
        for argument in text.split(' ') {
            if argument != FOLDER_MARK {
                arguments.push(argument.to_owned());
            } else if folder != Path::new(FOLDER) {
                arguments.extend(["--folder".to_owned(), folder.display().to_string()]);
            }
        }
        Ok(arguments)
    }

    /// About how long it takes on two cores, in seconds; 0 where it is not run.
    pub(super) fn seconds(&self, size: Size) -> u64 {
        self.sizes[size as usize].1
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::targets::TARGETS;
    use super::*;
    use crate::Arguments;

    const SIZES: [Size; 3] = [Size::Quick, Size::Usual, Size::Full];

    #[test]
    fn every_row_has_a_part_and_every_part_has_rows() {
        let given: Vec<&str> = PARTS.iter().flat_map(|part| part.rows).copied().collect();
        for target in &TARGETS {
            assert!(given.contains(&target.row), "nothing gives row {}", target.row);
        }
        for row in given {
            assert!(
                TARGETS.iter().any(|target| target.row == row),
                "there is no row {row}"
            );
        }
    }

    #[test]
    fn this_program_understands_every_part() {
        for size in SIZES {
            for part in PARTS {
                let Ok(arguments) = part.arguments(size, Path::new("elsewhere")) else {
                    continue;
                };
                let all = std::iter::once("loadtest".to_owned()).chain(arguments.clone());
                let parsed = Arguments::try_parse_from(all);
                assert!(
                    parsed.is_ok(),
                    "{arguments:?}: {:?}",
                    parsed.err().map(|e| e.to_string())
                );
            }
        }
    }

    #[test]
    fn the_comparison_is_done_within_its_time() {
        let total = |size| PARTS.iter().map(|part| part.seconds(size)).sum::<u64>();
        assert!(total(Size::Quick) <= 5 * 60, "{}", total(Size::Quick));
        assert!(total(Size::Usual) <= 15 * 60, "{}", total(Size::Usual));
    }

    #[test]
    fn another_folder_is_handed_on() {
        let part = &PARTS[0];
        let there = part.arguments(Size::Usual, Path::new("x")).unwrap();
        assert_eq!(there, ["lookup", "--folder", "x"]);
        assert_eq!(
            part.arguments(Size::Usual, Path::new(FOLDER)).unwrap(),
            ["lookup"]
        );
    }
}
