//! `normalize`: lines in, lines out.

use std::io::{self, BufRead, BufReader, Write};

use super::arguments::NormalizeArguments;
use super::error::CliError;
use super::output::Output;
use crate::config::{Config, environment};
use crate::number::{Numbering, Outcome};

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

pub(super) fn run(arguments: &NormalizeArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let numbering = Numbering::new(&config.numbers)?.for_source(arguments.region, None);
    let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        // Before waiting for more: whoever writes line by line reads line by line too.
        if input.buffer().is_empty() {
            out.flush()?;
        }
        if input.read_until(b'\n', &mut line).map_err(CliError::Input)? == 0 {
            return Ok(());
        }
        let written = without_line_end(&line);
        if arguments.raw {
            raw(written, &numbering, out)?;
        } else {
            ours(written, &numbering, out)?;
        }
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The key's number; what is read and matches nobody, or is no public number, has a reason too.
fn ours(written: &[u8], numbering: &Numbering, out: &mut impl Write) -> io::Result<()> {
    let reading = numbering.read(written, None);
    out.write_all(written)?;
    match reading.outcome() {
        Outcome::Key(_) if reading.sip_user().is_some() => out.write_all(b"\t\tsip_user\n"),
        Outcome::Key(key) => writeln!(out, "\t{key}\t"),
        Outcome::Internal(key) => writeln!(out, "\t{key}\tinternal"),
        Outcome::OwnNumber(key) => writeln!(out, "\t{key}\town_number"),
        Outcome::Withheld => out.write_all(b"\t\tanonymous\n"),
        Outcome::Invalid(invalid) => writeln!(out, "\t\tinvalid: {invalid}"),
    }
}

/// The reference's parse, valid or not.
fn raw(written: &[u8], numbering: &Numbering, out: &mut impl Write) -> io::Result<()> {
    out.write_all(written)?;
    let Ok(text) = str::from_utf8(written) else {
        return out.write_all(b"\t\tnot UTF-8 text\n");
    };
    match numbering.parse_raw(text, None) {
        Ok(number) => writeln!(out, "\t{number}\t"),
        Err(reason) => writeln!(out, "\t\t{reason}"),
    }
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
            ours(written.as_bytes(), &numbering(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        ours(b"\xff\xfe", &numbering(), &mut out).unwrap();
        assert_eq!(out, b"\xff\xfe\t\tinvalid: not UTF-8 text\n");
    }

    #[test]
    fn raw_knows_none_of_our_rules() {
        let mut out = Vec::new();
        raw(b"anonymous1234", &numbering(), &mut out).unwrap();
        raw(b"800 555 0100", &numbering(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "anonymous1234\t+11234\t\n800 555 0100\t+18005550100\t\n"
        );
    }

    #[test]
    fn line_ends_of_both_kinds_are_no_part_of_a_number() {
        assert_eq!(without_line_end(b"1\r\n"), b"1");
        assert_eq!(without_line_end(b"1\n"), b"1");
        assert_eq!(without_line_end(b"1"), b"1");
        assert_eq!(without_line_end(b"\n"), b"");
    }
}
