//! Prefixes that are taken off: international ones, national ones, and those that carry a carrier's code.
//!
//! What is taken off depends on which alternative comes first and on what a group has captured, which an automaton does
//! not know. So prefixes are short programs that try one way after the other, as a regular expression does. Nearly all
//! are a digit or two, and nearly all numbers do not begin with the prefix's first digit.

use super::pattern::{ALL_DIGITS, DigitSet, Pattern, Unsupported};

/// Groups that a prefix can capture.
const GROUPS: usize = 2;
const UNSET: u8 = u8::MAX;

/// A prefix's program, and the digits that it can begin with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefix {
    start: u16,
    first: DigitSet,
}

/// The programs of all prefixes.
#[derive(Debug, Default)]
pub(super) struct Programs {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Digit(DigitSet),
    /// The next step, and where that fails, this one.
    Or(u16),
    Go(u16),
    /// A group's beginning (even) or end (odd).
    Mark(u8),
    End,
    Done,
}

/// What a prefix took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// How many digits.
    pub(super) length: usize,
    marks: [u8; GROUPS * 2],
}

impl Prefix {
    /// Whether it can take anything off a number that begins so.
    #[inline]
    pub(super) fn can_begin(self, digits: &[u8]) -> bool {
        digits.first().is_some_and(|digit| self.first >> digit & 1 == 1)
    }

    /// The digits that no number begins with off which it can take anything.
    pub(super) fn cannot_begin(self) -> DigitSet {
        !self.first & ALL_DIGITS
    }
}

impl Taken {
    /// Where a group, counted from 1, begins and ends; `None` where it took no part.
    pub(super) fn group(&self, group: u8) -> Option<(usize, usize)> {
        let at = usize::from(group.checked_sub(1)?) * 2;
        let (&start, &end) = (self.marks.get(at)?, self.marks.get(at + 1)?);
        (start != UNSET && end != UNSET).then(|| (usize::from(start), usize::from(end)))
    }
}

impl Programs {
    pub(super) fn add(&mut self, pattern: &Pattern) -> Result<Prefix, Unsupported> {
        let start = self.place()?;
        self.write(pattern)?;
        self.steps.push(Step::Done);
        Ok(Prefix {
            start,
            first: pattern.first_digits(),
        })
    }

    /// What the prefix takes off the beginning of the digits. `None` too where it takes off nothing.
    pub(super) fn take(&self, prefix: Prefix, digits: &[u8]) -> Option<Taken> {
        if !prefix.can_begin(digits) {
            return None;
        }
        let mut marks = [UNSET; GROUPS * 2];
        let length = self.run(prefix.start, digits, 0, &mut marks)?;
        (length > 0).then_some(Taken { length, marks })
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
    }

    fn run(&self, start: u16, digits: &[u8], at: usize, marks: &mut [u8; GROUPS * 2]) -> Option<usize> {
        let (mut place, mut at) = (start, at);
        loop {
            match *self.steps.get(usize::from(place))? {
                Step::Digit(set) => {
                    if set >> digits.get(at)? & 1 == 0 {
                        return None;
                    }
                    at += 1;
                }
                Step::Or(other) => {
                    let before = *marks;
                    if let Some(end) = self.run(place + 1, digits, at, marks) {
                        return Some(end);
                    }
                    *marks = before;
                    place = other;
                    continue;
                }
                Step::Go(next) => {
                    place = next;
                    continue;
                }
                Step::Mark(mark) => {
                    if let (Some(mark), Ok(at)) = (marks.get_mut(usize::from(mark)), u8::try_from(at)) {
                        *mark = at;
                    }
                }
                Step::End => {
                    if at < digits.len() {
                        return None;
                    }
                }
                Step::Done => return Some(at),
            }
            place += 1;
        }
    }

    fn place(&self) -> Result<u16, Unsupported> {
        u16::try_from(self.steps.len())
            .ok()
            .filter(|place| *place < u16::MAX)
            .ok_or(Unsupported)
    }

    /// Sets where a step that was written before goes on.
    fn set(&mut self, at: u16, step: Step) {
        if let Some(slot) = self.steps.get_mut(usize::from(at)) {
            *slot = step;
        }
    }

    fn write(&mut self, pattern: &Pattern) -> Result<(), Unsupported> {
        match pattern {
            Pattern::Digit(set) => self.steps.push(Step::Digit(*set)),
            Pattern::End => self.steps.push(Step::End),
            Pattern::Sequence(parts) => {
                for part in parts {
                    self.write(part)?;
                }
            }
            Pattern::Alternatives(branches) => {
                let mut ends = Vec::new();
                for (nth, branch) in branches.iter().enumerate() {
                    if nth + 1 == branches.len() {
                        self.write(branch)?;
                        break;
                    }
                    let fork = self.place()?;
                    self.steps.push(Step::Done);
                    self.write(branch)?;
                    ends.push(self.place()?);
                    self.steps.push(Step::Done);
                    let other = self.place()?;
                    self.set(fork, Step::Or(other));
                }
                let after = self.place()?;
                for end in ends {
                    self.set(end, Step::Go(after));
                }
            }
            Pattern::Repeat(inner, least, most) => {
                for _ in 0..*least {
                    self.write(inner)?;
                }
                let mut forks = Vec::new();
                for _ in *least..*most {
                    forks.push(self.place()?);
                    self.steps.push(Step::Done);
                    self.write(inner)?;
                }
                let after = self.place()?;
                for fork in forks {
                    self.set(fork, Step::Or(after));
                }
            }
            Pattern::Group(group, inner) => {
                if usize::from(*group) > GROUPS {
                    return Err(Unsupported);
                }
                self.steps.push(Step::Mark((group - 1) * 2));
                self.write(inner)?;
                self.steps.push(Step::Mark((group - 1) * 2 + 1));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Those of the metadata that use most of the language.
    const PATTERNS: [&str; 7] = [
        "0?(?:(11|2(?:02?|[13])|3(?:4(?:01|[25])?))15)?",
        "(?:0|90)(?:(1[245]|2[1-35]|[56]5|99)(\\d{10,11}))?",
        "([2-9]\\d{6})$|1",
        "0|80?",
        "(000[2569]\\d{4,6})$|(?:(?:003768)0?)|0",
        "00(?:30|5[09]|[126-9]?)",
        "0(1[0-9]{0,3}|[25](?:3|4){2})",
    ];

    fn agrees(text: &str, digits: &str) {
        let mut programs = Programs::default();
        let prefix = programs
            .add(&Pattern::parse(text).expect("a pattern"))
            .expect("two groups at most");
        let values: Vec<u8> = digits.bytes().map(|byte| byte - b'0').collect();
        let taken = programs.take(prefix, &values);
        let expected = regex_lite::Regex::new(&format!("^(?:{text})")).expect("a pattern");
        let expected = expected
            .captures(digits)
            .filter(|captures| !captures[0].is_empty());
        let groups = |at| {
            expected
                .as_ref()
                .and_then(|captures| captures.get(at))
                .map(|group| (group.start(), group.end()))
        };
        assert_eq!(taken.map(|taken| (0, taken.length)), groups(0), "{text} {digits}");
        for group in [1, 2] {
            let found = taken.and_then(|taken| taken.group(group));
            assert_eq!(found, groups(usize::from(group)), "{text} {digits}");
        }
    }

    #[test]
    fn the_first_way_that_fits_is_taken() {
        for (text, digits) in [
            (PATTERNS[0], "01115"),
            (PATTERNS[0], "0111"),
            (PATTERNS[0], "20215"),
            (PATTERNS[1], "01511961234567"),
            (PATTERNS[2], "2345678"),
            (PATTERNS[2], "23456789"),
            (PATTERNS[3], "80"),
            (PATTERNS[5], "0031"),
        ] {
            agrees(text, digits);
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_a_regular_expression_takes(
            digits in "[0-9]{0,6}|0[0-9]{0,14}|[1235][0-9]{0,8}15[0-9]{0,9}|000[2569][0-9]{0,8}",
            nth in 0usize..7,
        ) {
            agrees(PATTERNS[nth], &digits);
        }
    }
}
