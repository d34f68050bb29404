//! Numbers that the contact centre declares: its own, one by one and in blocks, and lines that several people use.

use super::key::{Key, Kind};
use super::settings::SettingsError;
use super::suffix::SuffixDigits;

const EXPECTED: &str =
    "two numbers of as many digits as each other, each with its +, such as +14155550100-+14155550199";

/// The declared numbers, ready for lookups.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Sorted.
    own: Vec<Key>,
    /// Sorted, none overlapping another.
    own_ranges: Vec<Range>,
    /// Sorted.
    shared: Vec<Key>,
}

/// A block of public numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    first: u64,
    last: u64,
}

/// Why a number is our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// It is declared by itself.
    Number,
    /// It is within a block; blocks that overlap are one.
    Within(Range),
}

impl Lines {
    pub(super) fn new(mut own: Vec<Key>, mut ranges: Vec<Range>, mut shared: Vec<Key>) -> Lines {
        own.sort_unstable();
        shared.sort_unstable();
        shared.dedup();
        ranges.sort_unstable();
        let mut own_ranges: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match own_ranges.last_mut() {
                Some(before) if range.first <= before.last => before.last = before.last.max(range.last),
                _ => own_ranges.push(range),
            }
        }
        Lines {
            own,
            own_ranges,
            shared,
        }
    }

    /// Whether and why `key` is one of our own.
    pub(super) fn own(&self, key: Key) -> Option<Own> {
        if self.own.binary_search(&key).is_ok() {
            return Some(Own::Number);
        }
        // Other kinds are beyond every public number, and so within no block.
        let at = self.own_ranges.partition_point(|range| range.last < key.raw());
        self.own_ranges
            .get(at)
            .filter(|range| range.first <= key.raw())
            .map(|range| Own::Within(*range))
    }

    /// Whether one of our own numbers ends in the last digits `suffix`, `digits` of them.
    pub(super) fn owns_suffix(&self, digits: SuffixDigits, suffix: u64) -> bool {
        self.own.iter().any(|own| digits.of(*own) == Some(suffix))
            || self
                .own_ranges
                .iter()
                .any(|range| digits.ends_within(suffix, range.first, range.last))
    }

    /// Numbers that are declared to be used by several people, in ascending order.
    pub(super) fn shared(&self) -> &[Key] {
        &self.shared
    }
}

impl Range {
    /// Reads `+14155550100-+14155550199`.
    ///
    /// # Errors
    /// It is no such block.
    pub(super) fn parse(text: &str) -> Result<Range, SettingsError> {
        let wrong = || SettingsError::Value {
            key: "own_ranges",
            expected: EXPECTED,
            found: text.to_owned(),
        };
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let (first, last) = (first.trim(), last.trim());
        if first.len() != last.len() {
            return Err(wrong());
        }
        let range = number(first).zip(number(last));
        match range {
            Some((first, last)) if first <= last => Ok(Range { first, last }),
            _ => Err(wrong()),
        }
    }

    /// Both ends.
    pub(super) fn ends(self) -> [Key; 2] {
        [Key(self.first), Key(self.last)]
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{}-+{}", self.first, self.last)
    }
}

/// The public number that `text` is, written with its plus and digits alone.
fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+')?;
    let is_number = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let key = Key::e164(digits.parse().ok().filter(|_| is_number)?)?;
    debug_assert_eq!(key.kind(), Kind::E164);
    Some(key.raw())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn lines(ranges: &[&str]) -> Lines {
        let ranges = ranges.iter().map(|text| Range::parse(text).unwrap()).collect();
        Lines::new(vec![Key(7)], ranges, Vec::new())
    }

    #[test]
    fn both_ends_are_within_and_their_neighbours_are_not() {
        let lines = lines(&["+14155550100-+14155550199", "+441632960000 - +441632960000"]);
        for (number, is_own) in [
            (14_155_550_099, false),
            (14_155_550_100, true),
            (14_155_550_150, true),
            (14_155_550_199, true),
            (14_155_550_200, false),
            (441_632_960_000, true),
            (441_632_960_001, false),
            (7, true),
            (8, false),
        ] {
            assert_eq!(lines.own(Key(number)).is_some(), is_own, "{number}");
        }
        assert_eq!(lines.own(Key::extension("0100").unwrap()), None);
        assert_eq!(lines.own(Key::sip("alice")), None);
    }

    #[test]
    fn blocks_that_overlap_are_one() {
        let lines = lines(&["+300-+399", "+100-+250", "+200-+300", "+120-+130"]);
        let Some(Own::Within(range)) = lines.own(Key(225)) else {
            unreachable!("within");
        };
        assert_eq!(range.to_string(), "+100-+399");
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "-",
            "+14155550100",
            "+14155550199-+14155550100",
            "+1415555010-+14155550199",
            "14155550100-14155550199",
            "+14155550100-14155550199",
            "+014155550100-+014155550199",
            "+1 415 555 0100-+1 415 555 0199",
            "+1234567890123456-+1234567890123457",
            "++1-++2",
        ] {
            let refused = Range::parse(text).unwrap_err().to_string();
            assert!(
                refused.starts_with("own_ranges: expected two numbers"),
                "{refused}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_block_or_refused(text in "\\PC{0,40}|\\+[0-9]{1,16}-\\+[0-9]{1,16}") {
            if let Ok(range) = Range::parse(&text) {
                prop_assert!(range.first <= range.last);
                prop_assert_eq!(Range::parse(&range.to_string()).unwrap(), range);
            }
        }

        #[test]
        fn a_number_is_own_where_one_block_has_it(
            ends in prop::collection::vec((100_u64..1000, 0_u64..200), 0..6),
            number in 100_u64..1300,
        ) {
            let ranges: Vec<Range> = ends.iter().map(|(first, more)| Range { first: *first, last: first + more }).collect();
            let expected = ranges.iter().any(|range| (range.first..=range.last).contains(&number));
            let lines = Lines::new(Vec::new(), ranges, Vec::new());
            prop_assert_eq!(lines.own(Key(number)).is_some(), expected);
        }
    }
}
