//! `normalize`: lines in, lines out.

use std::io::{self, Read, Write};

use memchr::memchr;

use super::arguments::NormalizeArguments;
use super::error::CliError;
use super::output::Output;
use crate::config::{Config, environment};
use crate::number::{Numbering, Outcome};

/// Bytes read at a time. A longer line makes the buffer longer.
const BLOCK: usize = 1 << 18;
/// Bytes that are gathered before they are written.
const GATHERED: usize = 1 << 18;

pub(super) fn run(arguments: &NormalizeArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let numbering = Numbering::new(&config.numbers)?.for_source(arguments.region, None);
    let answer = if arguments.raw { raw } else { ours };
    each_line(&mut io::stdin().lock(), out, |line, answers| {
        answer(line, &numbering, answers)
    })
}

/// Answers each line of `input` on `out`. What was answered is written before waiting for more: whoever writes line by
/// line reads line by line too.
fn each_line<W: Write>(
    input: &mut impl Read,
    out: &mut W,
    answer: impl Fn(&[u8], &mut Vec<u8>),
) -> Result<(), CliError> {
    let mut block = vec![0; BLOCK];
    let mut answers = Vec::with_capacity(GATHERED + (1 << 12));
    // What is in the block, and how much of its last line is known to have no end.
    let (mut filled, mut searched) = (0, 0);
    loop {
        let mut done = 0;
        while let Some(length) = memchr(b'\n', block.get(done.max(searched)..filled).unwrap_or_default()) {
            let end = done.max(searched) + length;
            answer(
                without_return(block.get(done..end).unwrap_or_default()),
                &mut answers,
            );
            done = end + 1;
            if answers.len() >= GATHERED {
                out.write_all(&answers)?;
                answers.clear();
            }
        }
        block.copy_within(done..filled, 0);
        filled -= done;
        searched = filled;
        if filled == block.len() {
            block.resize(filled * 2, 0);
        }
        out.write_all(&answers)?;
        out.flush()?;
        answers.clear();
        match read(input, block.get_mut(filled..).unwrap_or_default()).map_err(CliError::Input)? {
            0 => break,
            length => filled += length,
        }
    }
    if filled > 0 {
        answer(
            without_return(block.get(..filled).unwrap_or_default()),
            &mut answers,
        );
        out.write_all(&answers)?;
    }
    Ok(())
}

fn read(input: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A line end of two characters belongs to the line end alone.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The key's number; what is read and matches nobody, or is no public number, has a reason too.
fn ours(written: &[u8], numbering: &Numbering, out: &mut Vec<u8>) {
    let reading = numbering.read(written, None);
    out.extend_from_slice(written);
    out.push(b'\t');
    match reading.outcome() {
        Outcome::Key(_) if reading.sip_user().is_some() => out.extend_from_slice(b"\tsip_user\n"),
        Outcome::Key(key) => {
            push_number(out, u128::from(key.raw()));
            out.extend_from_slice(b"\t\n");
        }
        Outcome::Internal(key) => push_text(out, format_args!("{key}\tinternal\n")),
        Outcome::OwnNumber(key) => push_text(out, format_args!("{key}\town_number\n")),
        Outcome::Withheld => out.extend_from_slice(b"\tanonymous\n"),
        Outcome::Invalid(invalid) => push_text(out, format_args!("\tinvalid: {invalid}\n")),
    }
}

/// The reference's parse, valid or not.
fn raw(written: &[u8], numbering: &Numbering, out: &mut Vec<u8>) {
    out.extend_from_slice(written);
    out.push(b'\t');
    let Ok(text) = str::from_utf8(written) else {
        out.extend_from_slice(b"\tnot UTF-8 text\n");
        return;
    };
    match numbering.parse_digits(text, None) {
        Ok(digits) => {
            push_number(out, digits);
            out.extend_from_slice(b"\t\n");
        }
        Err(reason) => push_text(out, format_args!("\t{reason}\n")),
    }
}

fn push_number(out: &mut Vec<u8>, digits: u128) {
    out.push(b'+');
    // A `u128` is divided by calls, a `u64` is not.
    match u64::try_from(digits) {
        Ok(digits) => out.extend_from_slice(itoa::Buffer::new().format(digits).as_bytes()),
        Err(_) => out.extend_from_slice(itoa::Buffer::new().format(digits).as_bytes()),
    }
}

fn push_text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Memory is all that this writes to: it cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;
    use crate::number::Settings;

    fn numbering() -> Numbering {
        let settings = Settings {
            extension_lengths: vec![4],
            own_numbers: vec!["+18005550100".to_owned()],
            ..Settings::builtin()
        };
        Numbering::new(&settings).unwrap()
    }

    #[test]
    fn each_outcome_has_its_line() {
        for (written, expected) in [
            ("(415) 555-2671", "(415) 555-2671\t+14155552671\t\n"),
            ("4411", "4411\t4411\tinternal\n"),
            ("800 555 0100", "800 555 0100\t+18005550100\town_number\n"),
            ("anonymous", "anonymous\t\tanonymous\n"),
            ("sip:alice@example.org", "sip:alice@example.org\t\tsip_user\n"),
        ] {
            let mut out = Vec::new();
            ours(written.as_bytes(), &numbering(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        ours(b"\xff\xfe", &numbering(), &mut out);
        assert_eq!(out, b"\xff\xfe\t\tinvalid: not UTF-8 text\n");
    }

    #[test]
    fn raw_knows_none_of_our_rules() {
        let mut out = Vec::new();
        raw(b"anonymous1234", &numbering(), &mut out);
        raw(b"800 555 0100", &numbering(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "anonymous1234\t+11234\t\n800 555 0100\t+18005550100\t\n"
        );
    }

    /// Gives a few bytes at a time, as a pipe may.
    struct Drips<'a>(&'a [u8], usize);

    impl Read for Drips<'_> {
        fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(block.len());
            block[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn lines_of(input: &[u8], at_a_time: usize) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        each_line(&mut Drips(input, at_a_time), &mut out, |line, answers| {
            answers.extend_from_slice(line);
            answers.push(b'|');
        })
        .unwrap();
        let mut lines: Vec<Vec<u8>> = out.split(|byte| *byte == b'|').map(<[u8]>::to_vec).collect();
        assert_eq!(lines.pop(), Some(Vec::new()));
        lines
    }

    #[test]
    fn lines_are_found_however_they_arrive() {
        let input = b"1\r\n\n22\n\r\n3\r3\n4";
        let expected: [&[u8]; 6] = [b"1", b"", b"22", b"", b"3\r3", b"4"];
        for at_a_time in [1, 2, 3, 5, 100] {
            assert_eq!(lines_of(input, at_a_time), expected, "{at_a_time}");
        }
        assert!(lines_of(b"", 1).is_empty());
        assert_eq!(lines_of(b"\n", 1), [b""]);
    }

    #[test]
    fn a_line_may_be_longer_than_any_block() {
        let mut input = vec![b'5'; 3 * BLOCK + 7];
        input.extend_from_slice(b"\n6\n");
        for at_a_time in [BLOCK / 3, BLOCK * 9] {
            let lines = lines_of(&input, at_a_time);
            assert_eq!(
                (lines.len(), lines[0].len(), lines[1].as_slice()),
                (2, 3 * BLOCK + 7, &b"6"[..])
            );
        }
    }
}
