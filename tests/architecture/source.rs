//! Rust source as words and signs, and the modules that it names.

use std::collections::BTreeSet;

/// A word or a sign of Rust source; comments and the contents of literals are none.
#[derive(Debug, PartialEq)]
pub(crate) struct Token {
    /// As written.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
}

/// The words and signs of `text`.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut index, mut line) = (Vec::new(), 0, 1);
    while index < chars.len() {
        let start = index;
        let c = at(index);
        if c == '/' && at(index + 1) == '/' {
            index = (index..chars.len())
                .find(|i| at(*i) == '\n')
                .unwrap_or(chars.len());
        } else if c == '/' && at(index + 1) == '*' {
            let mut depth = 0;
            while index < chars.len() {
                match (at(index), at(index + 1)) {
                    ('/', '*') => (depth, index) = (depth + 1, index + 2),
                    ('*', '/') => (depth, index) = (depth - 1, index + 2),
                    _ => index += 1,
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c == '"' {
            index = end_of_text(&chars, index);
        } else if is_word(c) {
            index = (index..chars.len())
                .find(|i| !is_word(at(*i)))
                .unwrap_or(chars.len());
            let word: String = chars[start..index].iter().collect();
            let hashes = (index..chars.len()).take_while(|i| at(*i) == '#').count();
            if matches!(word.as_str(), "r" | "br" | "cr") && at(index + hashes) == '"' {
                let close: String = format!("\"{}", "#".repeat(hashes));
                let rest: String = chars[index + hashes + 1..].iter().collect();
                let length = rest.find(&close).map_or(rest.len(), |end| end + close.len());
                index += hashes + 1 + rest[..length].chars().count();
            } else {
                tokens.push(Token { text: word, line });
            }
        } else if c == '\'' && (at(index + 1) == '\\' || at(index + 2) == '\'') {
            // A character; any other quotation mark begins a lifetime.
            let from = if at(index + 1) == '\\' {
                index + 3
            } else {
                index + 2
            };
            index = (from..chars.len())
                .find(|i| at(*i) == '\'')
                .map_or(chars.len(), |end| end + 1);
        } else {
            if !c.is_whitespace() {
                tokens.push(Token {
                    text: c.to_string(),
                    line,
                });
            }
            index += 1;
        }
        line += chars[start..index].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

/// The end of the text literal that begins at `start`.
fn end_of_text(chars: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while index < chars.len() && chars[index] != '"' {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

/// The top-level modules that `text`, a module at `depth` (1 for `src/x.rs`), names by `crate::`, `ringside::` or a
/// chain of `super::`, in code and tests.
pub(crate) fn used_modules(text: &str, depth: usize) -> BTreeSet<String> {
    let tokens = tokens(text);
    let word = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let is_path = |index: usize| word(index) == ":" && word(index + 1) == ":";
    let mut used = BTreeSet::new();
    // Brace depths at which modules written inside this file began.
    let (mut braces, mut inline) = (0_usize, Vec::new());
    let mut index = 0;
    while index < tokens.len() {
        match word(index) {
            "{" => braces += 1,
            "}" => {
                braces = braces.saturating_sub(1);
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "mod" if word(index + 2) == "{" => inline.push(braces),
            "crate" | "ringside" if is_path(index + 1) => first_names(&tokens, index + 3, &mut used),
            "super" if is_path(index + 1) => {
                let mut supers = 1;
                while word(index + 3) == "super" && is_path(index + 4) {
                    (supers, index) = (supers + 1, index + 3);
                }
                if supers >= depth + inline.len() {
                    first_names(&tokens, index + 3, &mut used);
                }
            }
            _ => {}
        }
        index += 1;
    }
    used
}

/// The first name of the path at `index`, or of each path of the group there.
fn first_names(tokens: &[Token], index: usize, names: &mut BTreeSet<String>) {
    let word = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    if word(index) != "{" {
        names.insert(word(index).to_owned());
        return;
    }
    let (mut depth, mut begins) = (0_usize, false);
    for index in index..tokens.len() {
        match word(index) {
            "{" => (depth, begins) = (depth + 1, depth == 0),
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," => begins = depth == 1,
            name if begins => {
                names.insert(name.to_owned());
                begins = false;
            }
            _ => {}
        }
    }
}

mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a // unsafe\n/* unsafe /* x */ unsafe */ b \"unsafe \\\" unsafe\" r#\"un\"safe\"# c b\"x\" '\"' d";
        assert_eq!(words(text), ["a", "b", "c", "b", "d"]);
        assert_eq!(
            words("fn f<'a>(x: &'a str, c: '\\'') {}").join(" "),
            "fn f < ' a > ( x : & ' a str , c : ) { }"
        );
        assert_eq!(tokens("\"\n\n\" x")[0].line, 3);
    }

    #[test]
    fn uses_are_found_however_they_are_written() {
        let used = |text, depth| {
            used_modules(text, depth)
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(used("use crate::index::View;", 1), "index");
        assert_eq!(
            used("use crate::{feed, http::{a, b}, self as s};", 1),
            "feed http self"
        );
        assert_eq!(
            used("fn f() -> crate::pop::Ring { ringside::cli::run() }", 1),
            "cli pop"
        );
        assert_eq!(used("use super::index::View;", 1), "index");
        assert_eq!(used("use super::{index, ha};", 1), "ha index");
        assert_eq!(used("use super::sibling::X;", 2), "");
        assert_eq!(used("use super::super::http;", 2), "http");
        assert_eq!(
            used(
                "mod tests { use super::*; use super::super::pop; } use super::ha;",
                1
            ),
            "ha pop"
        );
        assert_eq!(
            used(
                "mod tests { mod x { use super::super::y; } use super::super::feed; }",
                1
            ),
            "feed"
        );
        assert_eq!(
            used("pub(crate) struct X; pub(super) fn f() {} // crate::index", 1),
            ""
        );
    }
}
