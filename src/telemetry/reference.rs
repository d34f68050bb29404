//! What stands in a log for another system's reference, such as a call's id.

use std::fmt::{self, Display, Formatter};

use super::redacted::MASK;

/// The most characters shown.
const MOST: usize = 64;
/// This many digits behind a plus, or alone, are somebody's number.
const NUMBER: usize = 7;

/// A reference as logs show it; see [`reference`].
#[derive(Clone, Copy)]
pub struct Reference<'a>(&'a str);

/// Shows a reference of letters, digits and `. _ : @ -` as it is, up to 64 characters; nothing of one that is a phone
/// number or holds one, or that may be a name.
pub fn reference(text: &str) -> Reference<'_> {
    Reference(text)
}

impl Display for Reference<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-');
        let is_number = self.0.len() >= NUMBER && self.0.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || !self.0.chars().all(is_token) {
            return f.write_str(MASK);
        }
        f.write_str(self.0.get(..MOST).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_and_people_are_not() {
        for shown in ["1700000000.123", "a84b4c76e66710@pc33.example.org", "7", ""] {
            assert_eq!(reference(shown).to_string(), shown);
        }
        for hidden in ["+14806754110", "14806754110", "call-+14806754110", "Ada Lovelace"] {
            assert_eq!(reference(hidden).to_string(), MASK, "{hidden}");
        }
        assert_eq!(reference(&"x".repeat(500)).to_string().len(), MOST);
    }
}
