//! Callers whose number nobody has as a whole, found by its last digits where that is configured.

use super::answer::Who;
use super::lookup::{Heard, Source};
use crate::index::{BySuffix, Suffixes, View};
use crate::number::{Key, Outcome, SuffixDigits};
use crate::overlay::Superseded;

/// Who was found, and how.
pub(super) struct Match<'v> {
    /// Who has the number.
    pub(super) who: Who<'v>,
    /// The number that they have: the one looked up, or the one that ends like it.
    pub(super) key: Option<Key>,
    /// How they were found, or why not.
    pub(super) how: How,
}

/// How a lookup found whom it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By the whole number, if at all.
    Exact,
    /// By so many last digits.
    Suffix(SuffixDigits),
    /// Not at all: several numbers end in so many digits of this one, or one of our own does, or one that nobody answers
    /// for, or that has those digits only with its calling code.
    Unclear(SuffixDigits),
    /// Not by the number: somebody has said whose call it is.
    Link,
}

impl How {
    /// An answer's `match` where somebody is found.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            How::Suffix(_) => "suffix",
            How::Link => "link",
            How::Exact | How::Unclear(_) => "exact",
        }
    }
}

impl Source {
    /// Who has the number that `heard` is of, as of `view`: as a whole, or else by its last digits.
    #[inline]
    pub(super) fn matched<'v>(&self, view: &'v View<'_>, heard: &Heard<'_>) -> Result<Match<'v>, Superseded> {
        let (key, how) = (heard.reading.key(), How::Exact);
        // Taken apart where it stands, as by `who`.
        let who = match self.who(view, &heard.reading) {
            Ok(Who::One(record)) => {
                return Ok(Match {
                    who: Who::One(record),
                    key,
                    how,
                });
            }
            Ok(Who::Nobody) => Who::Nobody,
            Ok(who) => return Ok(Match { who, key, how }),
            Err(superseded) => return Err(superseded),
        };
        match view.suffixes() {
            Suffixes::Ready(digits) => self.by_suffix(view, heard, digits, Match { who, key, how }),
            Suffixes::Off | Suffixes::Waiting(_) => Ok(Match { who, key, how }),
        }
    }

    /// Beside the way of those whom nobody has to look for twice.
    #[inline(never)]
    fn by_suffix<'v>(
        &self,
        view: &'v View<'_>,
        heard: &Heard<'_>,
        digits: SuffixDigits,
        exact: Match<'v>,
    ) -> Result<Match<'v>, Superseded> {
        let Some(suffix) = heard.suffix(digits) else {
            return Ok(exact);
        };
        Ok(match view.find_by_suffix(suffix)? {
            BySuffix::Nobody => exact,
            // A customer may list one of our own numbers, and whoever calls with the end of one may be calling from it.
            BySuffix::One(key, found)
                if found.is_somebody()
                    && digits.of_national(key).is_some()
                    && !self.numbering.owns_suffix(digits, suffix) =>
            {
                Match {
                    who: Who::from(found),
                    key: Some(key),
                    how: How::Suffix(digits),
                }
            }
            BySuffix::One(..) | BySuffix::Several => Match {
                how: How::Unclear(digits),
                ..exact
            },
        })
    }
}

impl Heard<'_> {
    /// The last digits to look for: those of a public number, or of digits that are no number by themselves. Withheld,
    /// own and internal numbers and SIP users have none.
    pub(super) fn suffix(&self, digits: SuffixDigits) -> Option<u64> {
        match self.reading.outcome() {
            Outcome::Key(key) => digits.of_national(key),
            Outcome::Invalid(_) => digits.of_written(self.written),
            Outcome::Internal(_) | Outcome::OwnNumber(_) | Outcome::Withheld => None,
        }
    }
}
