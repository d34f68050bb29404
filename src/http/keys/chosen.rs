//! A secret that another system has chosen, such as a CRM's client secret, so that whoever has it needs no other.

use super::KeysError;
use crate::http::access::{KEY_MIN, PREFIX};
use crate::telemetry::Redacted;

/// The longest secret, in bytes: with a name before it, it has to fit into Basic.
const MOST: usize = 255;
/// Fewer different bytes than this in a secret are a placeholder, or a word that was repeated.
const VARIED: usize = 8;

/// A secret that may be entered: 32 to 255 visible ASCII characters, eight different ones at the least.
#[derive(Debug)]
pub struct Chosen(Redacted<Vec<u8>>);

impl Chosen {
    /// Reads the secret in `text`, which a file or a pipe may have ended with a line break.
    ///
    /// # Errors
    /// It is too short, too long, too simple, holds what no header can, or has the form of a key that Ringside makes.
    pub fn read(text: &[u8]) -> Result<Chosen, KeysError> {
        let secret = text.strip_suffix(b"\n").unwrap_or(text);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        let refuse = |expected, found, remedy| KeysError::Secret {
            expected,
            found,
            remedy,
        };
        if !secret.iter().all(u8::is_ascii_graphic) {
            return Err(refuse(
                "one line of visible ASCII characters",
                "others, or a blank".to_owned(),
                "have the system make another",
            ));
        }
        if !(KEY_MIN..=MOST).contains(&secret.len()) {
            return Err(refuse(
                "32 to 255 bytes",
                format!("{}", secret.len()),
                "have the system make a longer one, or leave out --secret-file for a key that Ringside makes",
            ));
        }
        let mut seen = [false; 256];
        secret.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|is| **is).count() < VARIED {
            return Err(refuse(
                "eight different characters at the least",
                "fewer".to_owned(),
                "have the system make a random one",
            ));
        }
        if secret.starts_with(PREFIX.as_bytes()) {
            return Err(refuse(
                "one that does not begin with `rs_`",
                "the form of a key that Ringside makes".to_owned(),
                "copy the file of keys instead, or leave out --secret-file",
            ));
        }
        Ok(Chosen(Redacted::new(secret.to_vec())))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn a_secret_is_long_and_one_line() {
        let good = "abc8Q~0123456789abcdefghijklmnop";
        assert_eq!(good.len(), 32);
        for text in [good.to_owned(), format!("{good}\n"), format!("{good}\r\n")] {
            assert_eq!(Chosen::read(text.as_bytes()).unwrap().as_bytes(), good.as_bytes());
        }
        for (text, part) in [
            (good[1..].to_owned(), "found 31"),
            (String::new(), "found 0"),
            (good.repeat(8), "found 256"),
            (format!("{good}\n\n"), "visible"),
            (format!("{good} {good}"), "visible"),
            (format!("{good}é"), "visible"),
            ("ab".repeat(20), "eight different"),
            (format!("rs_{good}"), "rs_"),
        ] {
            let error = Chosen::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains(&good[6..]), "{error}");
        }
        assert!(!format!("{:?}", Chosen::read(good.as_bytes())).contains(&good[6..]));
    }
}
