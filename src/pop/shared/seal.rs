//! The secret of a pair: what is sealed with it, the arbiter and whoever else keeps the stream cannot read, nor change.
//!
//! Each writer seals with a key of its own, made of the secret and its name, so that random nonces stay unique.

use std::fmt;
use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

/// What keys are made for: another version of the format has another one.
const PURPOSE: &[u8] = b"ringside calls 1";
const SECRET_BYTES: usize = 32;

/// The pair's secrets: the first seals, all open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    secrets: Vec<[u8; SECRET_BYTES]>,
}

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "calls.jetstream.secret_file: expected lines of 64 hexadecimal digits in {path}, found {found}; make it on one node with `openssl rand -hex 32 > {path}`, readable for the service alone, and copy it to the other node"
)]
pub(crate) struct SealError {
    path: String,
    found: String,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} secrets)", self.secrets.len())
    }
}

impl Seal {
    /// The secrets in the file at `path`, one a line.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub(crate) fn read(path: &Path) -> Result<Seal, SealError> {
        let wrong = |found: String| SealError {
            path: path.display().to_string(),
            found,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut secrets = Vec::new();
        for (nth, line) in lines.enumerate() {
            let secret = unhex(line).ok_or_else(|| {
                let digits = line.len();
                wrong(format!(
                    "something else in line {} ({digits} characters)",
                    nth + 1
                ))
            })?;
            secrets.push(secret);
        }
        if secrets.is_empty() {
            return Err(wrong("nothing".to_owned()));
        }
        Ok(Seal { secrets })
    }

    /// Seals `plain` as `writer`'s, bound to `about`, which is not secret.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn seal(
        &self,
        writer: &str,
        about: &str,
        mut plain: Vec<u8>,
    ) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let key = self.secrets.first().and_then(|secret| key(secret, writer));
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        let sealed = key.map(|key| key.seal_in_place_append_tag(nonce_of, Aad::from(about), &mut plain));
        // Only what is longer than memory cannot be sealed.
        if !matches!(sealed, Some(Ok(()))) {
            return Err(getrandom::Error::UNEXPECTED);
        }
        let mut out = nonce.to_vec();
        out.append(&mut plain);
        Ok(out)
    }

    /// Opens what `writer` sealed about `about`; `None` where it was somebody else, with another secret, or was changed.
    pub(crate) fn open(&self, writer: &str, about: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        self.secrets.iter().find_map(|secret| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut body = body.to_vec();
            let opened = key(secret, writer)?.open_in_place(nonce, Aad::from(about), &mut body);
            let length = opened.ok()?.len();
            body.truncate(length);
            Some(body)
        })
    }
}

fn key(secret: &[u8; SECRET_BYTES], writer: &str) -> Option<LessSafeKey> {
    let salted = Salt::new(HKDF_SHA256, PURPOSE).extract(secret);
    let info = [writer.as_bytes()];
    let made = salted.expand(&info, &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(made)))
}

fn unhex(line: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits: Vec<u8> = line
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 2 * SECRET_BYTES)
        .then_some(bytes)?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(text: &str) -> Result<Seal, SealError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, text).unwrap();
        Seal::read(&path)
    }

    #[test]
    fn only_who_has_the_secret_opens_and_nothing_that_was_changed() {
        let (old, new) = ("0f".repeat(32), "A7".repeat(32));
        let before = seal(&old).unwrap();
        let after = seal(&format!("{new}\n\n{old}\n")).unwrap();
        let sealed = before.seal("a-1", "1", b"joan".to_vec()).unwrap();
        assert!(!sealed.windows(4).any(|bytes| bytes == b"joan"));
        assert_eq!(after.open("a-1", "1", &sealed).as_deref(), Some(&b"joan"[..]));
        assert_eq!(after.open("a-2", "1", &sealed), None);
        assert_eq!(after.open("a-1", "2", &sealed), None);
        assert_eq!(seal(&new).unwrap().open("a-1", "1", &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(after.open("a-1", "1", &changed), None, "byte {place}");
            assert_eq!(after.open("a-1", "1", &sealed[..place]), None, "{place} bytes");
        }
        let again = before.seal("a-1", "1", b"joan".to_vec()).unwrap();
        assert_ne!(sealed, again);
        assert_eq!(format!("{after:?}"), "Seal(2 secrets)");
    }

    #[test]
    fn a_file_that_is_none_says_how_to_make_one() {
        for (text, found) in [
            ("", "nothing"),
            ("abc", "line 1 (3 characters)"),
            (&"ag".repeat(32), "line 1 (64 characters)"),
        ] {
            let error = seal(text).unwrap_err().to_string();
            assert!(
                error.contains(found) && error.contains("openssl rand -hex 32 > "),
                "{error}"
            );
        }
        let error = Seal::read(Path::new("/nonexistent/secret")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/secret"), "{error}");
    }
}
