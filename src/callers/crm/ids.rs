//! Our customers' ids in the forms that other systems give theirs.
//!
//! A customer whose id has the form already keeps it. Any other is spelled by the 53-bit hash of its id, from which the
//! index finds the customer again:
//!
//! ```text
//! GUID        72696e67-7369-8mmm-hhhh-hhhhhhhhhhhh   a UUID of version 8: "ringsi", what it names, 9 bits of check, 53 of hash
//! sys_id      72696e6773698mmmhhhhhhhhhhhhhhhh       the same 128 bits, in 32 hexadecimal digits
//! Salesforce  003Rsmhhhhhhhhhccc                     a prefix, "Rs", what it names, nine digits to base 62, the usual suffix
//! integer     h, or 2⁵³ + h                          below 2⁵³ a customer, above it one of whom nothing is disclosed
//! ```
//!
//! Whether a customer's affairs may be disclosed is known when their number is looked up, and not when their cases are
//! asked for by id: so the id says it ([`Names::Undisclosed`]).

use crate::snapshot::layout::id_hash53;

/// The first 48 bits of our GUIDs, "ringsi"; the version, 8, follows them.
const GUID_MARK: u64 = 0x7269_6e67_7369;
/// What Salesforce's ids hold behind their prefix to name the server that made them.
const SALESFORCE_MARK: &[u8] = b"Rs";
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// One more than the greatest hash.
const HASHES: u64 = 1 << 53;

/// The form of a system's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) enum IdForm {
    /// 36 characters: Dynamics.
    Guid,
    /// 15 characters that tell upper case from lower, or 18 that do not need to: Salesforce.
    Salesforce,
    /// 32 hexadecimal digits: ServiceNow.
    SysId,
    /// A positive integer below 2⁵³: Zendesk, Freshdesk.
    Integer,
}

/// What an id that we made names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) enum Names {
    /// A customer.
    Customer,
    /// A customer, as an organisation: another prefix at Salesforce, the same as [`Names::Customer`] everywhere else.
    Account,
    /// A customer, by a number for which nothing of their affairs may be disclosed.
    Undisclosed,
    /// Both: [`Names::Account`] and [`Names::Undisclosed`].
    UndisclosedAccount,
    /// A case. Nobody finds one by it.
    Case,
}

/// An id that we made, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) struct Spelled {
    /// The hash of the id that is spelled.
    pub(in crate::callers) hash53: u64,
    /// What it names: a customer, one of whom nothing is disclosed, or a case.
    pub(in crate::callers) names: Names,
}

impl Names {
    /// Whether nothing may be disclosed of whoever it names.
    fn is_undisclosed(self) -> bool {
        matches!(self, Names::Undisclosed | Names::UndisclosedAccount)
    }
}

impl IdForm {
    /// `id` in this form: itself where it has the form and `names` does not say otherwise.
    pub(in crate::callers) fn of(self, id: &str, names: Names) -> String {
        if !names.is_undisclosed() && self.fits(id) {
            return id.to_owned();
        }
        self.spell(Spelled {
            hash53: id_hash53(id),
            names,
        })
    }

    /// Whether `id` has the form, and is not one that [`IdForm::spell`] could have made.
    pub(in crate::callers) fn fits(self, id: &str) -> bool {
        let has_form = match self {
            IdForm::Guid => hex_of_guid(id).is_some(),
            IdForm::SysId => id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            IdForm::Salesforce => {
                matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }
            // A form in which nothing can be marked: what has it could be the hash of another.
            IdForm::Integer => {
                return !id.starts_with('0') && integer(id).is_some_and(|number| number < HASHES);
            }
        };
        has_form && self.parse(id).is_none()
    }

    /// Writes an id that [`IdForm::parse`] reads back.
    pub(in crate::callers) fn spell(self, spelled: Spelled) -> String {
        let Spelled { hash53, names } = spelled;
        match self {
            IdForm::Guid => {
                let hex = hex_of(spelled);
                let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
                format!(
                    "{}-{}-{}-{}-{}",
                    part(0, 8),
                    part(8, 12),
                    part(12, 16),
                    part(16, 20),
                    part(20, 32)
                )
            }
            IdForm::SysId => hex_of(spelled),
            IdForm::Salesforce => {
                let prefix = match names {
                    Names::Customer | Names::Undisclosed => "003",
                    Names::Account | Names::UndisclosedAccount => "001",
                    Names::Case => "500",
                };
                let mut id = prefix.as_bytes().to_vec();
                id.extend_from_slice(SALESFORCE_MARK);
                id.push(if names.is_undisclosed() { b'1' } else { b'0' });
                let mut digits = [0_u8; 9];
                let mut rest = hash53;
                for digit in digits.iter_mut().rev() {
                    *digit = base_62(rest % 62);
                    rest /= 62;
                }
                id.extend_from_slice(&digits);
                let checksum = checksum(&id);
                id.extend_from_slice(&checksum);
                String::from_utf8_lossy(&id).into_owned()
            }
            IdForm::Integer => match names {
                names if names.is_undisclosed() => (HASHES + hash53).to_string(),
                _ => hash53.to_string(),
            },
        }
    }

    /// Takes apart an id that we made; `None` for any other. Where nothing can be marked, any integer is one.
    pub(in crate::callers) fn parse(self, id: &str) -> Option<Spelled> {
        match self {
            IdForm::Guid => parse_hex(&hex_of_guid(id)?),
            IdForm::SysId => parse_hex(id),
            IdForm::Salesforce => parse_salesforce(id),
            IdForm::Integer => {
                let number = integer(id).filter(|number| *number < 2 * HASHES)?;
                Some(Spelled {
                    hash53: number % HASHES,
                    names: if number < HASHES {
                        Names::Customer
                    } else {
                        Names::Undisclosed
                    },
                })
            }
        }
    }

    /// The ways in which a customer's own id may have been written, given how it is asked for: Dynamics and ServiceNow do
    /// not tell upper case from lower, and Salesforce's 18 characters are 15 and a checksum.
    pub(in crate::callers) fn variants(self, id: &str) -> Vec<String> {
        let mut variants = vec![id.to_owned()];
        let mut add = |variant: String| {
            if !variants.contains(&variant) {
                variants.push(variant);
            }
        };
        match self {
            IdForm::Guid => {
                if let Some(hex) = hex_of_guid(id) {
                    let hyphened = hyphened(&hex.to_lowercase());
                    add(hyphened.to_uppercase());
                    add(hyphened);
                }
            }
            IdForm::SysId => {
                add(id.to_ascii_lowercase());
                add(id.to_ascii_uppercase());
            }
            IdForm::Salesforce => match id.len() {
                18 => {
                    if let Some(short) = short(id) {
                        add(short);
                    }
                }
                15 if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    let suffix = checksum(id.as_bytes());
                    add(format!("{id}{}", String::from_utf8_lossy(&suffix)));
                }
                _ => {}
            },
            IdForm::Integer => {}
        }
        variants
    }
}

/// The 128 bits of a GUID or a sys_id, as hexadecimal digits.
fn hex_of(spelled: Spelled) -> String {
    let Spelled { hash53, names } = spelled;
    let kind: u64 = match names {
        Names::Customer | Names::Account => 0,
        Names::Undisclosed | Names::UndisclosedAccount => 1,
        Names::Case => 2,
    };
    let high = GUID_MARK << 16 | 0x8000 | kind;
    let low = 0b10 << 62 | check(hash53, kind) << 53 | hash53;
    format!("{high:016x}{low:016x}")
}

fn parse_hex(hex: &str) -> Option<Spelled> {
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let high = u64::from_str_radix(hex.get(..16)?, 16).ok()?;
    let low = u64::from_str_radix(hex.get(16..)?, 16).ok()?;
    let kind = high & 0xfff;
    let names = match kind {
        0 => Names::Customer,
        1 => Names::Undisclosed,
        2 => Names::Case,
        _ => return None,
    };
    let hash53 = low % HASHES;
    let is_ours = high & !0xfff == GUID_MARK << 16 | 0x8000 && low >> 62 == 0b10;
    (is_ours && low >> 53 & 0x1ff == check(hash53, kind)).then_some(Spelled { hash53, names })
}

/// Nine bits by which an id that somebody mistyped is recognized.
fn check(hash53: u64, kind: u64) -> u64 {
    (hash53 ^ kind << 53).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55
}

/// The 32 digits of a GUID, of which braces and hyphens are none.
fn hex_of_guid(id: &str) -> Option<String> {
    let inner = id
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(id);
    let is_guid = inner.len() == 36
        && inner.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_guid.then(|| inner.replace('-', ""))
}

fn hyphened(hex: &str) -> String {
    let mut guid = String::with_capacity(36);
    for (at, c) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            guid.push('-');
        }
        guid.push(c);
    }
    guid
}

fn parse_salesforce(id: &str) -> Option<Spelled> {
    let id = match id.len() {
        15 => id.to_owned(),
        _ => short(id)?,
    };
    let (prefix, rest) = id.as_bytes().split_at_checked(3)?;
    let (kind, digits) = rest.strip_prefix(SALESFORCE_MARK)?.split_first()?;
    let names = match (prefix, kind) {
        (b"003" | b"001", b'0') => Names::Customer,
        (b"003" | b"001", b'1') => Names::Undisclosed,
        (b"500", b'0') => Names::Case,
        _ => return None,
    };
    let mut hash53: u64 = 0;
    for digit in digits {
        let value = BASE_62.iter().position(|known| known == digit)?;
        hash53 = hash53.checked_mul(62)?.checked_add(u64::try_from(value).ok()?)?;
    }
    (hash53 < HASHES).then_some(Spelled { hash53, names })
}

/// The 15 characters of which `id` is the 18, in the case that its checksum says, however it was written.
fn short(id: &str) -> Option<String> {
    if id.len() != 18 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (body, suffix) = id.as_bytes().split_at(15);
    let mut short = Vec::with_capacity(15);
    for (chunk, check) in body.chunks(5).zip(suffix) {
        let upper = match check.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'0'..=b'5' => digit - b'0' + 26,
            _ => return None,
        };
        for (bit, byte) in chunk.iter().enumerate() {
            let is_upper = upper >> bit & 1 == 1;
            if is_upper && !byte.is_ascii_alphabetic() {
                return None;
            }
            short.push(if is_upper {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            });
        }
    }
    String::from_utf8(short).ok()
}

/// The three characters behind Salesforce's 15: one for each five of them, of whose bits each says whether a character is
/// in upper case.
fn checksum(id: &[u8]) -> [u8; 3] {
    let mut suffix = *b"AAA";
    for (check, chunk) in suffix.iter_mut().zip(id.chunks(5)) {
        let upper = chunk.iter().enumerate().fold(0, |upper, (bit, byte)| {
            upper | u8::from(byte.is_ascii_uppercase()) << bit
        });
        *check = if upper < 26 {
            b'A' + upper
        } else {
            b'0' + upper - 26
        };
    }
    suffix
}

fn base_62(digit: u64) -> u8 {
    usize::try_from(digit)
        .ok()
        .and_then(|digit| BASE_62.get(digit))
        .copied()
        .unwrap_or(b'0')
}

/// An integer in decimal digits and nothing else.
fn integer(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [IdForm; 4] = [IdForm::Guid, IdForm::Salesforce, IdForm::SysId, IdForm::Integer];

    #[test]
    fn ids_have_their_systems_form() {
        let hash53 = id_hash53("c-1842");
        let spell = |form: IdForm, names| form.spell(Spelled { hash53, names });
        let guid = spell(IdForm::Guid, Names::Customer);
        assert!(guid.starts_with("72696e67-7369-8000-"), "{guid}");
        assert!(matches!(guid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{guid}");
        assert_eq!(guid.replace('-', ""), spell(IdForm::SysId, Names::Customer));
        for (names, prefix) in [
            (Names::Customer, "003Rs0"),
            (Names::Undisclosed, "003Rs1"),
            (Names::Account, "001Rs0"),
            (Names::Case, "500Rs0"),
        ] {
            let id = spell(IdForm::Salesforce, names);
            assert!(id.len() == 18 && id.starts_with(prefix), "{id}");
        }
        assert!(spell(IdForm::Integer, Names::Customer).parse::<u64>().unwrap() < HASHES);
        assert!(spell(IdForm::Integer, Names::Undisclosed).parse::<u64>().unwrap() >= HASHES);
    }

    #[test]
    fn salesforce_suffixes_are_the_true_ones() {
        // Published pairs.
        for (short_id, long) in [
            ("001A0000006Vm9u", "001A0000006Vm9uIAC"),
            ("0015000000Gv7qJ", "0015000000Gv7qJAAR"),
        ] {
            let suffix = checksum(short_id.as_bytes());
            assert_eq!(format!("{short_id}{}", String::from_utf8_lossy(&suffix)), long);
            assert_eq!(short(long).as_deref(), Some(short_id));
            assert_eq!(short(&long.to_lowercase()).as_deref(), Some(short_id));
            assert_eq!(IdForm::Salesforce.variants(long), [long, short_id]);
            assert_eq!(IdForm::Salesforce.variants(short_id), [short_id, long]);
        }
    }

    #[test]
    fn an_id_that_has_the_form_stays() {
        let guid = "0a1b2c3d-0000-4000-8000-00000000BEEF";
        for (form, id) in [
            (IdForm::Guid, guid),
            (IdForm::Salesforce, "0015000000Gv7qJAAR"),
            (IdForm::Salesforce, "0015000000Gv7qJ"),
            (IdForm::SysId, "5137153cc611227c000bbd1bd8cd2007"),
            (IdForm::Integer, "35436"),
        ] {
            assert_eq!(form.of(id, Names::Customer), id);
            let undisclosed = form.of(id, Names::Undisclosed);
            let spelled = Spelled {
                hash53: id_hash53(id),
                names: Names::Undisclosed,
            };
            assert_eq!(form.parse(&undisclosed), Some(spelled));
        }
        assert!(
            IdForm::Guid
                .variants("{0A1B2C3D-0000-4000-8000-00000000BEEF}")
                .contains(&guid.to_lowercase())
        );
        for id in ["0", "007", "9007199254740992", "-1", ""] {
            assert!(!IdForm::Integer.fits(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn what_is_spelled_reads_back(hash53 in 0..HASHES) {
            for form in FORMS {
                for names in [
                    Names::Customer,
                    Names::Account,
                    Names::Undisclosed,
                    Names::UndisclosedAccount,
                    Names::Case,
                ] {
                    let spelled = Spelled { hash53, names };
                    let id = form.spell(spelled);
                    let expected = match (form, names) {
                        (_, Names::Account) | (IdForm::Integer, Names::Case) => Names::Customer,
                        (_, Names::UndisclosedAccount) => Names::Undisclosed,
                        _ => names,
                    };
                    prop_assert_eq!(form.parse(&id), Some(Spelled { hash53, names: expected }));
                    prop_assert!(form == IdForm::Integer || !form.fits(&id), "{}", id);
                }
            }
            let long = IdForm::Salesforce.spell(Spelled { hash53, names: Names::Customer });
            let expected = IdForm::Salesforce.parse(&long);
            prop_assert_eq!(IdForm::Salesforce.parse(&long[..15]), expected);
            prop_assert_eq!(IdForm::Salesforce.parse(&long.to_uppercase()), expected);
        }

        #[test]
        fn ids_of_customers_never_collide_by_form(id in "[a-zA-Z0-9-]{1,40}") {
            for form in FORMS {
                let given = form.of(&id, Names::Customer);
                match form.parse(&given) {
                    // Spelled by its hash, or an integer, whose form has no mark.
                    Some(spelled) if form != IdForm::Integer => {
                        prop_assert_eq!(spelled.hash53, id_hash53(&id));
                    }
                    _ => prop_assert!(given == id || form == IdForm::Integer),
                }
            }
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,40}", hex in "[0-9a-fA-F{}-]{30,40}") {
            for form in FORMS {
                for text in [&text, &hex] {
                    form.parse(text);
                    form.fits(text);
                    form.variants(text);
                }
            }
        }
    }
}
