//! The patterns of the metadata: regular expressions over digits, of which only a small part of the language is used.
//!
//! Digits, `\d`, classes, groups (capturing or not), alternatives, `?`, `{m}`, `{m,n}` and `$`. Nothing repeats without
//! end, so that every automaton made of a pattern is finite and has no cycle.

use thiserror::Error;

/// Repetitions beyond this are in no plan: no number has so many digits.
const MOST_REPEATS: u8 = 40;

/// A set of digits, one bit each.
pub(super) type DigitSet = u16;

pub(super) const ALL_DIGITS: DigitSet = 0x3ff;

/// A pattern taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Digit(DigitSet),
    Sequence(Vec<Pattern>),
    /// In the order in which they are tried.
    Alternatives(Vec<Pattern>),
    /// As often as possible, at least and at most.
    Repeat(Box<Pattern>, u8, u8),
    /// A group that captures, counted from 1.
    Group(u8, Box<Pattern>),
    /// `$`.
    End,
}

/// A pattern that is written otherwise than those of the metadata were so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a pattern of the metadata uses more of the language than digits, classes, groups and counts")]
pub(super) struct Unsupported;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, Unsupported> {
        let mut parser = Parser {
            rest: text.as_bytes(),
            groups: 0,
        };
        let pattern = parser.alternatives()?;
        if parser.rest.is_empty() {
            Ok(pattern)
        } else {
            Err(Unsupported)
        }
    }

    /// The digits that a match which takes a digit can begin with.
    pub(super) fn first_digits(&self) -> DigitSet {
        self.first().0
    }

    /// The digits that it can begin with, and whether it can take none.
    fn first(&self) -> (DigitSet, bool) {
        match self {
            Pattern::Digit(set) => (*set, false),
            Pattern::Sequence(parts) => {
                let mut digits = 0;
                for part in parts {
                    let (first, can_be_empty) = part.first();
                    digits |= first;
                    if !can_be_empty {
                        return (digits, false);
                    }
                }
                (digits, true)
            }
            Pattern::Alternatives(branches) => {
                let firsts = branches.iter().map(Pattern::first);
                firsts.fold((0, false), |(digits, empty), (first, can_be_empty)| {
                    (digits | first, empty || can_be_empty)
                })
            }
            Pattern::Repeat(inner, least, _) => {
                let (digits, can_be_empty) = inner.first();
                (digits, can_be_empty || *least == 0)
            }
            Pattern::Group(_, inner) => inner.first(),
            Pattern::End => (0, true),
        }
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    groups: u8,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<u8, Unsupported> {
        let (&first, rest) = self.rest.split_first().ok_or(Unsupported)?;
        self.rest = rest;
        Ok(first)
    }

    fn take(&mut self, expected: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn alternatives(&mut self) -> Result<Pattern, Unsupported> {
        let mut branches = vec![self.sequence()?];
        while self.take(b"|") {
            branches.push(self.sequence()?);
        }
        Ok(match branches.len() {
            1 => branches.swap_remove(0),
            _ => Pattern::Alternatives(branches),
        })
    }

    fn sequence(&mut self) -> Result<Pattern, Unsupported> {
        let mut parts = Vec::new();
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            let part = self.part()?;
            parts.push(self.repeated(part)?);
        }
        Ok(Pattern::Sequence(parts))
    }

    fn part(&mut self) -> Result<Pattern, Unsupported> {
        match self.next()? {
            digit @ b'0'..=b'9' => Ok(Pattern::Digit(1 << (digit - b'0'))),
            b'\\' if self.take(b"d") => Ok(Pattern::Digit(ALL_DIGITS)),
            b'[' => self.class(),
            b'$' => Ok(Pattern::End),
            b'(' => {
                let group = if self.take(b"?:") {
                    None
                } else {
                    self.groups += 1;
                    Some(self.groups)
                };
                let inner = self.alternatives()?;
                if !self.take(b")") {
                    return Err(Unsupported);
                }
                Ok(match group {
                    Some(group) => Pattern::Group(group, Box::new(inner)),
                    None => inner,
                })
            }
            _ => Err(Unsupported),
        }
    }

    fn class(&mut self) -> Result<Pattern, Unsupported> {
        let mut set = 0;
        while !self.take(b"]") {
            let first = digit(self.next()?)?;
            let last = if self.take(b"-") {
                digit(self.next()?)?
            } else {
                first
            };
            if first > last {
                return Err(Unsupported);
            }
            for digit in first..=last {
                set |= 1 << digit;
            }
        }
        Ok(Pattern::Digit(set))
    }

    fn repeated(&mut self, part: Pattern) -> Result<Pattern, Unsupported> {
        let (least, most) = if self.take(b"?") {
            (0, 1)
        } else if self.take(b"{") {
            let least = self.count()?;
            let most = if self.take(b",") { self.count()? } else { least };
            if !self.take(b"}") || least > most || most > MOST_REPEATS {
                return Err(Unsupported);
            }
            (least, most)
        } else {
            return Ok(part);
        };
        // A lazy or possessive count would mean another match.
        match self.rest.first() {
            Some(b'?' | b'*' | b'+' | b'{') => Err(Unsupported),
            _ => Ok(Pattern::Repeat(Box::new(part), least, most)),
        }
    }

    fn count(&mut self) -> Result<u8, Unsupported> {
        let mut count = digit(self.next()?)?;
        while let Some(&byte) = self.rest.first().filter(|byte| byte.is_ascii_digit()) {
            self.rest = self.rest.get(1..).unwrap_or_default();
            count = count.checked_mul(10).ok_or(Unsupported)?;
            count = count.checked_add(digit(byte)?).ok_or(Unsupported)?;
        }
        Ok(count)
    }
}

fn digit(byte: u8) -> Result<u8, Unsupported> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        _ => Err(Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_the_metadata_is_read() {
        assert_eq!(
            Pattern::parse("1[2-46]\\d{2,3}"),
            Ok(Pattern::Sequence(vec![
                Pattern::Digit(1 << 1),
                Pattern::Digit(1 << 2 | 1 << 3 | 1 << 4 | 1 << 6),
                Pattern::Repeat(Box::new(Pattern::Digit(ALL_DIGITS)), 2, 3),
            ]))
        );
        let both = Pattern::parse("([2-9]\\d{6})$|1").map(|pattern| pattern.first_digits());
        assert_eq!(both, Ok(0x3fe));
        assert_eq!(
            Pattern::parse("0?(?:15)?").map(|pattern| pattern.first()),
            Ok((0b11, true))
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "1*", "1+", "1??", "1{2}?", "1{3,}", "1{3,2}", "a", "[a]", "[^1]", "[5-1]", "(1", "1)", ".",
            "\\w", "(?=1)", "1{99}", "1{999}", "[", "{", "\\",
        ] {
            assert_eq!(Pattern::parse(text), Err(Unsupported), "{text}");
        }
    }
}
