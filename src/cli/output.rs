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
    Plain,
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

    /// Writes `text`, made harmless, and a line feed.
    pub(super) fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.styled(Style::Plain, text)
    }

    /// Writes a line all in one style.
    pub(super) fn styled(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        self.pieces(&[(style, &text.to_string())])
    }

    /// Writes a line of pieces. Each is made harmless before it is painted, so that no colour but ours passes.
    pub(super) fn pieces(&mut self, pieces: &[(Style, &str)]) -> io::Result<()> {
        let line: String = pieces
            .iter()
            .map(|(style, text)| paint(self.styled, *style, &harmless(text)))
            .collect();
        writeln!(self.out, "{line}")
    }

    /// Writes out what is gathered, for a note that is to follow it.
    pub(super) fn flush_all(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes an empty line.
    pub(super) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
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
            let key = format!("  {:width$}  ", key.as_ref());
            self.pieces(&[(Style::Dim, &key), (Style::Plain, value.as_ref())])?;
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
    let text = text.to_string();
    // Errors show their place in lines of their own.
    for (nth, line) in text.split('\n').enumerate() {
        let prefix = if nth == 0 { "ringside: " } else { "" };
        let _ = writeln!(io::stderr().lock(), "{prefix}{}", harmless(line));
    }
}

/// `text` as one line without what could steer a terminal or turn the reading around: names come from outside.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() || turns(c)) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter(|c| !turns(*c)).map(|c| match c {
        '\n' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    Cow::Owned(kept.collect())
}

/// Whether a character is an embedding, override or isolate of the bidirectional algorithm, or a line of its own.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

fn paint(styled: bool, style: Style, text: &str) -> String {
    let code = match style {
        _ if !styled || text.is_empty() => return text.to_owned(),
        Style::Plain => return text.to_owned(),
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
        assert_eq!(harmless("Ada Lovelace \u{661f}"), "Ada Lovelace \u{661f}");
        // Not even with what would be a colour of ours.
        assert_eq!(harmless("Ada\n\x1b[8mB\x1b[0m"), "Ada \u{fffd}[8mB\u{fffd}[0m");
        assert_eq!(
            harmless("a\x1b[2Jb\x07\r\x1b\u{9b}2J"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}\u{fffd}2J"
        );
        assert_eq!(harmless("Ada\u{202e}ecalevoL\u{2066}\u{2069}"), "AdaecalevoL");
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
