//! The key: a number as one `u64`.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const KIND_SHIFT: u32 = 60;
const PAYLOAD: u64 = (1 << KIND_SHIFT) - 1;
const EXTENSION: u64 = 1;
const SIP: u64 = 2;
const ATTRIBUTE: u64 = 3;

/// E.164 allows fifteen digits, calling code included.
const E164_END: u64 = 1_000_000_000_000_000;
/// 10^17 + a value of 17 digits is the most that fits 60 bits.
const EXTENSION_MAX_DIGITS: usize = 17;

/// A number, as it is stored and looked up: four bits of kind, sixty of payload.
///
/// An E.164 number is its own integer (`+14155552671` is `14155552671`). An extension is 10^length + value, so that
/// `0012` and `12` differ. A SIP user is a hash; who finds one must compare the user's text, see
/// [`Reading::sip_user`](super::Reading::sip_user). So is the value of an attribute by which customers are found, and that is
/// no number at all; it is a key because it is stored and found as numbers are.
///
/// `Debug` shows the last two digits only, because it ends up in logs; `Display` shows the whole number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

/// What a [`Key`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A public number, 1 to 15 digits.
    E164,
    /// An internal extension, 1 to 17 digits, leading zeros kept.
    Extension,
    /// The hash of a SIP user.
    Sip,
    /// The hash of an attribute's value.
    Attribute,
    /// A mark that tables use; never a number, never inserted.
    Sentinel,
}

impl Key {
    /// The key of a public number, given as the integer of its digits after the plus.
    ///
    /// `None` for zero and for more than 15 digits.
    pub const fn e164(digits: u64) -> Option<Key> {
        if digits == 0 || digits >= E164_END {
            None
        } else {
            Some(Key(digits))
        }
    }

    /// The key of an internal extension: 1 to 17 ASCII digits, otherwise `None`.
    pub fn extension(digits: &str) -> Option<Key> {
        if digits.is_empty() || digits.len() > EXTENSION_MAX_DIGITS {
            return None;
        }
        let mut payload = 1;
        for byte in digits.bytes() {
            if !byte.is_ascii_digit() {
                return None;
            }
            payload = payload * 10 + u64::from(byte - b'0');
        }
        Some(Key(EXTENSION << KIND_SHIFT | payload))
    }

    /// The key of a SIP user (`alice` of `sip:alice@example.org`), compared byte by byte as SIP does.
    pub fn sip(user: &str) -> Key {
        Key(SIP << KIND_SHIFT | xxh3_64(user.as_bytes()) & PAYLOAD)
    }

    /// The key of `value`, as text, of the attribute `name`: an id that another system has for a customer.
    pub fn attribute(name: &str, value: &str) -> Key {
        let hash = xxh3_64_with_seed(value.as_bytes(), xxh3_64(name.as_bytes()));
        Key(ATTRIBUTE << KIND_SHIFT | hash & PAYLOAD)
    }

    /// Whether it is something that can call, and be called.
    pub const fn is_number(self) -> bool {
        matches!(self.kind(), Kind::E164 | Kind::Extension | Kind::Sip)
    }

    /// What the key stands for. Kinds that this version does not know count as sentinels.
    pub const fn kind(self) -> Kind {
        match self.0 >> KIND_SHIFT {
            0 => Kind::E164,
            EXTENSION => Kind::Extension,
            SIP => Kind::Sip,
            ATTRIBUTE => Kind::Attribute,
            _ => Kind::Sentinel,
        }
    }

    /// The integer that files and tables hold.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The key of an integer taken from a file or a table.
    pub const fn from_raw(raw: u64) -> Key {
        Key(raw)
    }

    /// The text that `Display` writes: `+14155552671`, an extension's digits, or `sip:#` or `attribute:#` and a hash.
    pub fn to_e164_string(self) -> String {
        self.to_string()
    }

    const fn payload(self) -> u64 {
        self.0 & PAYLOAD
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.payload();
        match self.kind() {
            Kind::E164 => {
                f.write_str("+")?;
                f.write_str(itoa::Buffer::new().format(payload))
            }
            Kind::Extension => {
                // A payload that no extension has (a damaged file) must still print.
                let length = payload.checked_ilog10().unwrap_or(0);
                let value = payload - 10u64.pow(length).min(payload);
                write!(f, "{value:0width$}", width = length as usize)
            }
            Kind::Sip => write!(f, "sip:#{payload:015x}"),
            Kind::Attribute => write!(f, "attribute:#{payload:015x}"),
            Kind::Sentinel => write!(f, "#{:016x}", self.0),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            kind @ (Kind::E164 | Kind::Extension) => {
                write!(f, "Key({kind:?} …{:02})", self.payload() % 100)
            }
            kind => write!(f, "Key({kind:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_public_number_is_its_own_integer() {
        assert_eq!(Key::e164(14_155_552_671).map(Key::raw), Some(14_155_552_671));
        assert_eq!(Key::e164(999_999_999_999_999).map(Key::kind), Some(Kind::E164));
        assert_eq!(Key::e164(1_000_000_000_000_000), None);
        assert_eq!(Key::e164(0), None);
    }

    #[test]
    fn leading_zeros_tell_extensions_apart() {
        assert_ne!(Key::extension("0012"), Key::extension("12"));
        assert_eq!(Key::extension(""), None);
        assert_eq!(Key::extension("12a"), None);
        assert_eq!(Key::extension("123456789012345678"), None);
    }

    #[test]
    fn debug_keeps_the_number_to_itself() {
        assert_eq!(format!("{:?}", Key(14_155_552_671)), "Key(E164 …71)");
        assert_eq!(format!("{:?}", Key::sip("alice")), "Key(Sip)");
    }

    proptest! {
        #[test]
        fn public_numbers_round_trip(digits in 1..E164_END) {
            let key = Key::e164(digits).expect("in range");
            prop_assert_eq!(key.kind(), Kind::E164);
            prop_assert_eq!(key.to_e164_string(), format!("+{digits}"));
            prop_assert_eq!(Key::from_raw(key.raw()), key);
        }

        #[test]
        fn extensions_round_trip(digits in "[0-9]{1,17}") {
            let key = Key::extension(&digits).expect("in range");
            prop_assert_eq!(key.kind(), Kind::Extension);
            prop_assert_eq!(key.to_string(), digits);
        }

        #[test]
        fn any_integer_prints(raw in any::<u64>()) {
            prop_assert!(!Key(raw).to_string().is_empty() || Key(raw).kind() == Kind::Extension);
        }

        #[test]
        fn values_of_attributes_are_no_numbers(name in ".*", value in ".*") {
            let key = Key::attribute(&name, &value);
            prop_assert_eq!(key.kind(), Kind::Attribute);
            prop_assert!(!key.is_number() && Key::sip(&value).is_number());
            prop_assert_ne!(key, Key::attribute(&format!("{name}x"), &value));
        }

        #[test]
        fn sip_users_have_their_own_kind(user in ".*") {
            prop_assert_eq!(Key::sip(&user).kind(), Kind::Sip);
        }
    }
}
