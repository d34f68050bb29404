//! Standard output for answers, standard error for notes: the one place that prints.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 16;

/// Standard output, buffered; coloured where a person reads it and `NO_COLOR` is not set.
pub(super) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    styled: bool,
}

/// How a piece of text stands out on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bold,
    Dim,
    Good,
    Bad,
    /// Foreground, from a label's colour: red, green, blue.
    Color(u8, u8, u8),
}

impl Output {
    /// The process's own.
    pub(super) fn standard() -> Output {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output {
            out: BufWriter::with_capacity(BUFFER, io::stdout().lock()),
            styled: io::stdout().is_terminal() && !no_color,
        }
    }

    /// Writes `text` and a line feed.
    pub(super) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{}", harmless(&text.to_string()))
    }

    /// `text` as `style` shows it.
    pub(super) fn styled(&self, style: Style, text: impl Display) -> String {
        paint(self.styled, style, &text.to_string())
    }

    /// Writes lines of a name and a value each, the values under one another; those without a value are left out.
    pub(super) fn table<K: AsRef<str>, V: AsRef<str>>(&mut self, rows: &[(K, V)]) -> io::Result<()> {
        let rows = rows.iter().filter(|(_, value)| !value.as_ref().is_empty());
        let width = rows
            .clone()
            .map(|(key, _)| key.as_ref().chars().count())
            .max()
            .unwrap_or(0);
        for (key, value) in rows {
            let key = self.styled(Style::Dim, format!("{:width$}", key.as_ref()));
            self.line(format_args!("  {key}  {}", value.as_ref()))?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells the person who typed the command something that is not its answer.
pub(super) fn note(text: impl Display) {
    // There is nobody left to tell where standard error is closed.
    let _ = writeln!(io::stderr().lock(), "ringside: {text}");
}

/// `text` without what could steer a terminal: names come from outside. Line feeds and colours stay.
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\x1b' if is_colour(&text[at + 1..]) => kept.push(c),
            '\n' => kept.push(c),
            c if c.is_control() => kept.push(char::REPLACEMENT_CHARACTER),
            c => kept.push(c),
        }
    }
    Cow::Owned(kept)
}

/// Whether what follows an escape character is `[`, digits and semicolons, and `m`.
fn is_colour(rest: &str) -> bool {
    let code = rest.strip_prefix('[').unwrap_or_default();
    code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
        .starts_with('m')
}

fn paint(styled: bool, style: Style, text: &str) -> String {
    let code = match style {
        _ if !styled || text.is_empty() => return text.to_owned(),
        Style::Bold => "1".to_owned(),
        Style::Dim => "2".to_owned(),
        Style::Good => "32".to_owned(),
        Style::Bad => "31".to_owned(),
        Style::Color(red, green, blue) => format!("38;2;{red};{green};{blue}"),
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(harmless("Ada\n\x1b[1mB\x1b[0m"), "Ada\n\x1b[1mB\x1b[0m");
        assert_eq!(
            harmless("a\x1b[2Jb\x07\r\x1b"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn text_is_painted_for_people_alone() {
        assert_eq!(paint(false, Style::Bold, "Ada"), "Ada");
        assert_eq!(paint(true, Style::Bold, "Ada"), "\x1b[1mAda\x1b[0m");
        assert_eq!(
            paint(true, Style::Color(1, 2, 3), "VIP"),
            "\x1b[38;2;1;2;3mVIP\x1b[0m"
        );
    }
}
