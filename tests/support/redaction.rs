//! Looks for people in what was logged: names, keys, and numbers however they are grouped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From this many digits on, digits may be somebody's number.
const SHORTEST: usize = 9;
/// What a key for this service begins with.
const KEY: &str = "rs_";
/// Fields whose values are long numbers of ours, or another system's reference that is no number of a person.
const OURS: [&str; 16] = [
    "position",
    "offset",
    "bytes",
    "seq",
    "generation",
    "inode",
    "call_id",
    "id",
    "at",
    "at_ms",
    "micros",
    "token",
    "pid",
    "length",
    "found",
    "expected",
];

/// Examples in messages of ours.
const EXAMPLES: [&str; 2] = ["14155550100", "14155550199"];
/// What follows in the words of the library for TLS are moments, in seconds since 1970.
const MOMENTS: &str = "verification time";

/// What must not be found.
pub(crate) struct People {
    /// In lower case.
    words: Vec<String>,
    /// Digits alone.
    numbers: BTreeSet<String>,
}

impl People {
    /// Those of `tests/data/people.txt`, and every number that a file of the tests has in it.
    pub(crate) fn of_tests() -> People {
        let words = include_str!("../data/people.txt").lines();
        let words = words.filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut files = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut files);
        // Its numbers are examples of what is let pass, too.
        files.retain(|path| !path.ends_with("tests/logged.rs"));
        let texts = files
            .iter()
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        let numbers = texts.flat_map(|text| {
            text.lines()
                .flat_map(runs)
                .map(|run| run.digits)
                .collect::<Vec<_>>()
        });
        People {
            words: words.map(str::to_lowercase).collect(),
            numbers: numbers.collect(),
        }
    }

    pub(crate) fn numbers(&self) -> usize {
        self.numbers.len()
    }

    /// What of `line` tells of somebody.
    pub(crate) fn leaks(&self, line: &str) -> Vec<String> {
        let line = line.split(MOMENTS).next().unwrap_or_default();
        let lower = line.to_lowercase();
        let words = self.words.iter().filter(|word| lower.contains(*word)).cloned();
        let keys = lower.match_indices(KEY).filter_map(|(at, _)| {
            let begins = !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let secret = lower[at + KEY.len()..]
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .count();
            (begins && secret >= 8).then(|| format!("a key behind {KEY}"))
        });
        let numbers = runs(line)
            .filter(|run| !EXAMPLES.contains(&run.digits.as_str()))
            .filter(|run| self.numbers.contains(&run.digits) || !run.is_ours())
            .map(|run| run.digits);
        words.chain(keys).chain(numbers).collect()
    }
}

/// Digits that may be a number, with the signs that people put between them taken out.
struct Run<'l> {
    digits: String,
    before: &'l str,
    text: &'l str,
    after: &'l str,
}

impl Run<'_> {
    /// Whether they are a time, part of a word such as a checksum, or the value of a field of ours.
    fn is_ours(&self) -> bool {
        let is_date = self.text.len() >= 10 && {
            let bytes = self.text.as_bytes();
            bytes.starts_with(b"20") && bytes[4] == b'-' && bytes[7] == b'-'
        };
        let is_word = self
            .before
            .ends_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || self
                .after
                .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let field = self.before.trim_end_matches(['=', ':', '"', ' ', '(']);
        let field = field
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next();
        let is_field = self.before.ends_with(['=', ':', '"', ' ', '('])
            && field.is_some_and(|field| OURS.contains(&field));
        // A second's fraction: `05:23:39.887468Z`, `1.234567891 s`.
        let is_fraction = self.text.contains('.') && self.after.starts_with('Z');
        // Segments and lists are files that are called by twenty digits, more than any number has.
        let is_file = self.text.len() == 20
            && [".log", ".json"]
                .into_iter()
                .any(|kind| self.after.starts_with(kind));
        is_date || is_word || is_field || is_fraction || is_file
    }
}

/// The runs of digits in `line` that are long enough.
fn runs(line: &str) -> impl Iterator<Item = Run<'_>> {
    let bytes = line.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let begin = at + bytes[at..].iter().position(u8::is_ascii_digit)?;
            let (mut end, mut digits) = (begin, String::new());
            let mut signs = 0;
            for (place, byte) in bytes.iter().enumerate().skip(begin) {
                match byte {
                    digit @ b'0'..=b'9' => {
                        digits.push(char::from(*digit));
                        (end, signs) = (place + 1, 0);
                    }
                    // `(480) 675-4110` has two signs in a row, and nobody writes more.
                    b' ' | b'(' | b')' | b'-' | b'.' | b'/' if signs < 2 => signs += 1,
                    _ => break,
                }
            }
            at = end;
            if digits.len() >= SHORTEST {
                let (before, rest) = line.split_at(begin);
                let (text, after) = rest.split_at(end - begin);
                return Some(Run {
                    digits,
                    before,
                    text,
                    after,
                });
            }
        }
        None
    })
}

/// The files below `folder`.
pub(crate) fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
