//! The key that a caller has: `rs_`, its id, `_`, and 32 bytes of chance.

use std::fmt::{self, Display, Formatter};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::KeysError;
use crate::http::access::PREFIX;
use crate::telemetry::Redacted;

/// A key as its owner has it. It is shown by [`Token::expose`] alone.
#[derive(Debug)]
pub struct Token {
    id: Id,
    text: Redacted<String>,
}

/// What a key is found by; it is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id([u8; 4]);

/// SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The system has no chance to give.
    pub(super) fn random() -> Result<Token, KeysError> {
        let (mut id, mut secret) = ([0; 4], [0; 32]);
        getrandom::fill(&mut id).map_err(|error| KeysError::Random(error.to_string()))?;
        getrandom::fill(&mut secret).map_err(|error| KeysError::Random(error.to_string()))?;
        let id = Id(id);
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Token {
            id,
            text: Redacted::new(text),
        })
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    pub(super) fn id(&self) -> Id {
        self.id
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::of(self.expose().as_bytes())
    }
}

impl Id {
    /// The id in `shown`, where that has the form of a key.
    pub(super) fn of_shown(shown: &[u8]) -> Option<Id> {
        let (id, rest) = shown.strip_prefix(PREFIX.as_bytes())?.split_at_checked(8)?;
        rest.starts_with(b"_").then_some(())?;
        unhex(id).map(Id)
    }
}

impl Hash {
    /// The hash of no key.
    pub(super) const NONE: Hash = Hash([0; 32]);

    pub(super) fn of(shown: &[u8]) -> Hash {
        Hash(Sha256::digest(shown).into())
    }
}

impl ConstantTimeEq for Hash {
    fn ct_eq(&self, other: &Hash) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl Display for Hash {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        unhex(String::deserialize(deserializer)?.as_bytes())
            .map(Id)
            .ok_or_else(|| D::Error::custom("expected 8 digits of 0-9 a-f as a key's id"))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        unhex(String::deserialize(deserializer)?.as_bytes())
            .map(Hash)
            .ok_or_else(|| D::Error::custom("expected 64 digits of 0-9 a-f as a key's hash"))
    }
}

fn hex(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The bytes that twice as many digits, in small letters, stand for.
fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_has_its_form_and_shows_it_nowhere_else() {
        let token = Token::random().unwrap();
        let text = token.expose();
        assert_eq!(text.len(), 55);
        assert_eq!(Id::of_shown(text.as_bytes()), Some(token.id()));
        assert!(text.starts_with(&format!("rs_{}_", token.id())));
        assert!(!format!("{token:?}{:?}", token.hash()).contains(&text[12..]));
        assert_ne!(text, Token::random().unwrap().expose());
    }

    proptest! {
        #[test]
        fn nothing_shown_is_too_odd(shown: Vec<u8>, rest in "(rs_)?[0-9a-g]{0,9}_?.{0,9}") {
            Id::of_shown(&shown);
            Id::of_shown(rest.as_bytes());
        }

        #[test]
        fn digits_are_read_as_written(bytes: [u8; 4]) {
            prop_assert_eq!(unhex(Id(bytes).to_string().as_bytes()), Some(bytes));
        }
    }
}
