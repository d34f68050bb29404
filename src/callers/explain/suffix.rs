//! What became of a number's last digits.

use crate::callers::answer::Who;
use crate::callers::lookup::Heard;
use crate::callers::suffix::{How, Match};
use crate::index::{Suffixes, View};

/// What the last digits came to, as a sentence without a full stop; nothing where they do not matter: they are not
/// configured, or somebody has the whole number.
pub(super) fn step(view: &View<'_>, heard: &Heard<'_>, found: &Match<'_>) -> Option<String> {
    let digits = match view.suffixes() {
        Suffixes::Off => return None,
        Suffixes::Waiting(digits) | Suffixes::Ready(digits) => digits,
    };
    let count = digits.count();
    match found.how {
        How::Suffix(_) => {
            let number = found.key.map(|key| key.to_string()).unwrap_or_default();
            return Some(format!(
                "nobody has the whole number; {number} alone has the same last {count} digits"
            ));
        }
        How::Unclear(_) => {
            return Some(format!(
                "its last {count} digits match nobody: several numbers end so, or did when the snapshot was written, or one of our own does, or nobody answers for the one that does"
            ));
        }
        How::Exact | How::Link if !matches!(found.who, Who::Nobody) => return None,
        How::Exact | How::Link => {}
    }
    heard.suffix(digits)?;
    Some(match view.suffixes() {
        Suffixes::Ready(_) => format!("no number ends in its last {count} digits"),
        Suffixes::Off | Suffixes::Waiting(_) => format!(
            "its last {count} digits are not looked for yet: phones.suffix_digits takes effect with the next merge or import"
        ),
    })
}
