//! Which number a customer's written phone is. The build read it, perhaps in another region than the asker's, so what
//! is known to be claimed has the last word: no number is invented.

use crate::number::{Key, Numbering, region_of};

/// What is known of a customer's numbers.
#[derive(Debug)]
pub(super) enum Claimed {
    /// All that the customer claims.
    All(Vec<Key>),
    /// Some of them; a server says which number was asked for and which are lost, not the rest.
    Some(Vec<Key>),
}

impl Claimed {
    /// The number of a phone that was `written` so, with its own `region` where the source gave one. `None`: it is
    /// none, or cannot be told from here.
    pub(super) fn number(&self, written: &str, region: Option<&str>, numbering: &Numbering) -> Option<Key> {
        let read = numbering.read(written, region).number();
        let (Claimed::All(known) | Claimed::Some(known)) = self;
        let is_it = |key: &&Key| {
            // The region that the build may have read it in is the number's own.
            let at_home = || numbering.read(written, region_of(**key)).number();
            read == Some(**key)
                || key.to_string() == written
                || (region.is_none() && at_home() == Some(**key))
        };
        if let Some(key) = known.iter().find(is_it) {
            return Some(*key);
        }
        match self {
            Claimed::All(_) => None,
            Claimed::Some(_) => read.filter(|_| stands_alone(written, region)),
        }
    }

    /// Whether a phone without a number here has none at all.
    pub(super) fn says_all_about(&self, written: &str, region: Option<&str>) -> bool {
        matches!(self, Claimed::All(_)) || stands_alone(written, region)
    }
}

/// Whether a phone reads the same whoever asks.
fn stands_alone(written: &str, region: Option<&str>) -> bool {
    region.is_some() || written.trim_start().starts_with('+')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;
    use crate::number::Settings;

    const LONDON: &str = "020 7946 0958";

    #[test]
    fn a_phone_is_the_number_that_is_claimed_and_none_is_invented() {
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        let london = Key::e164(442_079_460_958).unwrap();
        let tempe = Key::e164(14_806_754_110).unwrap();
        let all = |keys: &[Key]| Claimed::All(keys.to_vec());
        let some = |keys: &[Key]| Claimed::Some(keys.to_vec());
        let number = |claimed: Claimed, written: &str, region| claimed.number(written, region, &numbering);

        assert_eq!(number(all(&[tempe, london]), LONDON, None), Some(london));
        assert_eq!(number(some(&[tempe, london]), LONDON, None), Some(london));
        assert_eq!(number(all(&[london]), "(480) 675-4110", None), None);
        assert_eq!(number(some(&[london]), "(480) 675-4110", None), None);
        assert_eq!(number(some(&[]), LONDON, Some("GB")), Some(london));
        assert_eq!(number(some(&[]), "+1 480 675 4110", None), Some(tempe));
        let extension = Key::extension("4411").unwrap();
        assert_eq!(number(all(&[extension]), "4411", None), Some(extension));
    }
}
