//! Which columns say who it is, and when two values of one say the same.

use serde_json::Value;

/// The longest value that is kept of a difference, in characters.
const SHOWN: usize = 80;
/// As many digits make a phone number, or a moment.
const DIGITS: usize = 7;

/// What a column tells, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Whose row it is.
    Id,
    /// A name.
    Name,
    /// A case's number or title.
    Other,
}

/// What `column` tells; `None` where it is of no concern: moments, links, counts and marks differ between two systems that
/// agree.
pub(super) fn kind(column: &str) -> Option<Kind> {
    // `@odata.etag` and the like are about the answer.
    if column.contains(['@', '.']) {
        return None;
    }
    let column = column.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| column.contains(word));
    if column == "id" || column.ends_with("id") || column.ends_with("id_value") {
        return Some(Kind::Id);
    }
    if is(&["name", "company"]) {
        return Some(Kind::Name);
    }
    is(&["title", "subject", "number", "short_description"]).then_some(Kind::Other)
}

/// The text of a scalar that says something.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether two values of `column` say the same: letters in any case, a name's words in any order, a number however it is
/// grouped and with its country or without.
pub(super) fn is_alike(column: &str, one: &str, other: &str) -> bool {
    let folded = |text: &str| {
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
        words.collect::<Vec<String>>()
    };
    let (mut words, mut others) = (folded(one), folded(other));
    if words == others {
        return true;
    }
    if kind(column) == Some(Kind::Name) {
        words.sort();
        others.sort();
        return words == others;
    }
    match (digits(one), digits(other)) {
        (Some(one), Some(other)) => one.ends_with(&other) || other.ends_with(&one),
        _ => false,
    }
}

/// The digits of a number that is written with the signs that people put between them.
fn digits(text: &str) -> Option<String> {
    let signs = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '/');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (text.chars().all(signs) && digits.len() >= DIGITS).then_some(digits)
}

/// Whether `content_type` is one of JSON's.
pub(super) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("text/json")
        || kind.to_ascii_lowercase().ends_with("+json")
}

/// The beginning of `text`, for a report.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
