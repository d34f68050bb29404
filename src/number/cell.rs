//! Several numbers in one place: `020 7946 0958 / 020 7946 0959`, as people fill the cells of spreadsheets.
//!
//! What stands between two numbers also stands within one: slashes, the `;` before an extension or a parameter, the
//! commas of a pause. So a sign alone divides nothing. A text is cut where what follows could be a number of its own,
//! and the cuts hold where every part may be stored by itself.

use super::numbering::Numbering;
use super::reading::Outcome;

/// No shorter text is taken for a whole number beside another one: extensions are shorter.
const WHOLE_DIGITS: usize = 7;
/// A lookup looks so far for a second number: no single one has more characters, and a search must not cost time.
const SEARCHED_BYTES: usize = 250;
/// Words that stand between two numbers, in lower case.
const CONJUNCTIONS: [&str; 7] = ["or", "and", "&", "oder", "und", "ou", "et"];
/// Words before an extension, in lower case. The digits behind them are no number.
const EXTENSIONS: [&str; 10] = [
    "x",
    "ext",
    "extn",
    "extension",
    "xtn",
    "int",
    "anexo",
    "poste",
    "доб",
    "dw",
];

/// What one place holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// One number, or none: to be read as it is.
    One,
    /// Two numbers or more, each of which may be stored.
    Several(Vec<&'a str>),
    /// Plainly more than one number, and not all of them may be stored.
    Unclear,
}

impl Numbering {
    /// Takes apart what a customer lists in one place. The arguments are those of [`Numbering::key_to_store`], by which
    /// each part is judged.
    pub fn apart<'a>(&self, written: &'a str, region: Option<&str>, extension: bool) -> Cell<'a> {
        // The comma of `9,` is no break between numbers.
        let written = self.without_outside_line(written);
        if is_plain(written) {
            return Cell::One;
        }
        let stores = |part: &str| {
            let is_kept = matches!(self.key_to_store(part, region, extension), Ok(Some(_)));
            // Where invalid numbers are allowed, nearly any piece of a number may be stored.
            let is_known = || {
                let reading = self.read(part, region);
                reading.is_valid() || matches!(reading.outcome(), Outcome::Internal(_))
            };
            is_kept && (extension || digits(part) >= WHOLE_DIGITS || is_known())
        };
        let is_valid = |text: &str| !extension && self.read(text, region).is_valid();
        apart(
            written,
            if extension { 1 } else { WHOLE_DIGITS },
            stores,
            is_valid,
        )
    }
}

/// Whether a lookup of `text` would have to choose between numbers: behind its first one comes a second. What a slash
/// without blanks divides counts as one.
pub(super) fn holds_another(text: &str) -> bool {
    let text = text
        .get(..text.floor_char_boundary(SEARCHED_BYTES))
        .unwrap_or_default();
    let mut from = 0;
    while let Some(found) = next_break(text, from) {
        from = found.end;
        let behind = piece(text, &found);
        if found.mark != Mark::Slash
            && digits(text.get(..found.start).unwrap_or_default()) >= WHOLE_DIGITS
            && !is_addition(behind, found.mark)
            && is_whole(behind, WHOLE_DIGITS)
        {
            return true;
        }
    }
    false
}

/// `stores` says whether a part may be kept by itself, `is_valid` whether a text reads as one valid number.
fn apart<'a>(
    text: &'a str,
    least: usize,
    stores: impl Fn(&str) -> bool,
    is_valid: impl Fn(&str) -> bool,
) -> Cell<'a> {
    let judge = |parts: Parts<'a>| {
        if parts.texts.len() < 2 {
            return Cell::One;
        }
        let stored = parts.texts.iter().filter(|part| stores(part)).count();
        let whole = parts.texts.iter().filter(|part| digits(part) >= least).count();
        let (is_all, is_long) = (stored == parts.texts.len(), whole == parts.texts.len());
        // `030/1234567`, in a country whose numbers may have four digits.
        if parts.slashes_alone && !parts.have_second_plus() && !(is_all && is_long) && is_valid(text) {
            return Cell::One;
        }
        if is_all {
            Cell::Several(parts.texts)
        } else if stored > 0 || parts.have_second_plus() || whole > 1 {
            Cell::Unclear
        } else {
            Cell::One
        }
    };
    match judge(Parts::of(text, least, false, &stores)) {
        Cell::Several(parts) => Cell::Several(parts),
        wide => match judge(Parts::of(text, least, true, &stores)) {
            narrow if wide == Cell::One || matches!(narrow, Cell::Several(_)) => narrow,
            _ => wide,
        },
    }
}

/// A text cut where another number may begin.
struct Parts<'a> {
    texts: Vec<&'a str>,
    slashes_alone: bool,
}

impl<'a> Parts<'a> {
    /// Cuts at slashes without blanks only where `narrow`: `030/1234567; 030/1234568` is two numbers.
    fn of(text: &'a str, least: usize, narrow: bool, stores: impl Fn(&str) -> bool) -> Parts<'a> {
        let mut parts = Parts {
            texts: Vec::new(),
            slashes_alone: true,
        };
        let (mut start, mut from) = (0, 0);
        while let Some(found) = next_break(text, from) {
            from = found.end;
            if found.mark == Mark::Slash && !narrow {
                continue;
            }
            let before = text.get(start..found.start).unwrap_or_default();
            let behind = piece(text, &found);
            let is_own = || {
                is_whole(behind, least)
                    || is_short(behind, found.mark)
                    || digits(behind) == digits(before) && stores(behind.trim())
            };
            // A name before the first number belongs to it.
            if digits(before) > 0 && !is_addition(behind, found.mark) && is_own() {
                parts.push(before);
                parts.slashes_alone &= matches!(found.mark, Mark::Slash | Mark::WideSlash);
                start = found.end;
            }
        }
        parts.push(text.get(start..).unwrap_or_default());
        parts
    }

    /// Names and remarks are no parts.
    fn push(&mut self, text: &'a str) {
        if digits(text) > 0 {
            self.texts.push(text.trim());
        }
    }

    /// Whether a plus begins another part than the first: within a number there is none.
    fn have_second_plus(&self) -> bool {
        self.texts.iter().skip(1).any(|part| begins_with_plus(part))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A line's end, `|`, a word, or a plus behind a blank: nothing within a number.
    Strong,
    /// `;` or a comma, which also begin an extension.
    Weak,
    /// A slash with a blank beside it, or before a name or a plus.
    WideSlash,
    /// A slash without.
    Slash,
}

/// Where two numbers may part.
struct Break {
    start: usize,
    end: usize,
    mark: Mark,
}

fn next_break(text: &str, from: usize) -> Option<Break> {
    let mut before = text.get(..from)?.chars().next_back();
    let mut rest = text.get(from..)?.char_indices();
    while let Some((at, c)) = rest.next() {
        let start = from + at;
        let end = start + c.len_utf8();
        let behind = rest.as_str();
        let mark = match c {
            '|' | '｜' | '\n' | '\r' | '\u{2028}' => Some((Mark::Strong, end)),
            ';' | '；' | '؛' => Some((Mark::Weak, end)),
            ',' | '，' | '،' | '、' if !is_pause(before, behind) => Some((Mark::Weak, end)),
            '/' | '／' => {
                let parts = |c: char| c.is_whitespace() || c.is_alphabetic() || matches!(c, '+' | '＋');
                let is_wide = before.is_some_and(char::is_whitespace) || behind.starts_with(parts);
                Some((if is_wide { Mark::WideSlash } else { Mark::Slash }, end))
            }
            _ if c.is_whitespace() && behind.starts_with(['+', '＋']) => Some((Mark::Strong, end)),
            _ if c.is_whitespace() => conjunction(behind).map(|length| (Mark::Strong, end + length)),
            _ => None,
        };
        if let Some((mark, end)) = mark {
            return Some(Break { start, end, mark });
        }
        // A pause may have blanks between its commas.
        if !c.is_whitespace() || before != Some(',') {
            before = Some(c);
        }
    }
    None
}

/// Whether a comma is one of several: `,,5` waits twice before it dials on.
fn is_pause(before: Option<char>, behind: &str) -> bool {
    before == Some(',') || behind.trim_start().starts_with(',')
}

/// The length of the word that `text` begins with, if it stands between numbers.
fn conjunction(text: &str) -> Option<usize> {
    let length = text.find(char::is_whitespace)?;
    let word = text.get(..length)?;
    CONJUNCTIONS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
        .then_some(length)
}

/// What stands behind a break, up to the next one behind a digit; a slash without blanks ends only what began at one.
fn piece<'a>(text: &'a str, found: &Break) -> &'a str {
    let mut from = found.end;
    while let Some(next) = next_break(text, from) {
        from = next.end;
        let is_within = next.mark == Mark::Slash && found.mark != Mark::Slash;
        let piece = text.get(found.end..next.start).unwrap_or_default();
        // `; Work: +49…` is one piece, and so is the second character of a line's end.
        if !is_within && digits(piece) > 0 {
            return piece;
        }
    }
    text.get(found.end..).unwrap_or_default()
}

/// Whether a piece belongs to the number before it: no digits, a parameter of a URI, an extension, or what a conference
/// asks for.
fn is_addition(piece: &str, mark: Mark) -> bool {
    let Some(first_digit) = piece.find(char::is_numeric) else {
        return true;
    };
    let is_code = || {
        piece
            .trim()
            .strip_suffix('#')
            .is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit() || byte == b' '))
    };
    piece.get(..first_digit).is_some_and(|name| name.contains('='))
        || is_extension(piece)
        || mark == Mark::Weak && is_code()
}

/// Whether a piece is as long as a number, or has a plus to begin one.
fn is_whole(piece: &str, least: usize) -> bool {
    digits(piece) >= least || begins_with_plus(piece)
}

/// Whether digits stand where no number goes on, however few they are.
fn is_short(piece: &str, mark: Mark) -> bool {
    matches!(mark, Mark::Strong | Mark::WideSlash)
        && piece
            .trim_start()
            .starts_with(|c: char| c.is_numeric() || matches!(c, '(' | '（'))
}

fn is_extension(piece: &str) -> bool {
    let piece = piece.trim_start();
    if piece.starts_with(['#', '~']) {
        return true;
    }
    let end = piece.find(|c: char| !c.is_alphabetic()).unwrap_or(piece.len());
    let word = piece.get(..end).unwrap_or_default().to_lowercase();
    EXTENSIONS.contains(&word.as_str())
}

fn begins_with_plus(text: &str) -> bool {
    let first = text.chars().find(|c| matches!(c, '+' | '＋') || c.is_numeric());
    matches!(first, Some('+' | '＋'))
}

fn digits(text: &str) -> usize {
    text.chars().filter(|c| c.is_numeric()).count()
}

/// Whether nothing in a text could stand between two numbers. Nearly all cells are such, and cost this one look.
fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'.' | b'(' | b')'))
}

#[cfg(test)]
mod tests;
