//! Numbers by their last digits, in one view.

use super::State;
use super::claimants::Budget;
use super::view::{Found, View};
use crate::number::{Key, SuffixDigits};
use crate::overlay::{MOST_ALIKE, Overlay, Superseded};
use crate::snapshot::suffix::Ending;

/// Whether numbers are found by their last digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffixes {
    /// Not configured.
    Off,
    /// By so many, once a merge or an import has written a snapshot with a table for it.
    Waiting(SuffixDigits),
    /// By so many.
    Ready(SuffixDigits),
}

/// Who answers for the last digits of a number.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost the lookup an allocation"
)]
pub enum BySuffix<'v> {
    /// No claimed number ends so.
    Nobody,
    /// One claimed number ends so, and who answers for it.
    One(Key, Found<'v>),
    /// Several numbers end so, or did when the snapshot was written: nobody answers.
    Several,
}

impl State {
    /// Whether numbers are found by their last digits: where everything that a view is made of goes by as many.
    #[inline]
    pub(super) fn suffixes(&self) -> Suffixes {
        let Some(digits) = self.phones.suffix_digits() else {
            return Suffixes::Off;
        };
        let fits = |overlay: &Overlay| overlay.is_empty() || overlay.suffix_digits() == Some(digits);
        let is_ready = self.snapshot.suffix_digits() == Some(digits)
            && fits(&self.active)
            && self.sealed.as_deref().is_none_or(fits);
        if is_ready {
            Suffixes::Ready(digits)
        } else {
            Suffixes::Waiting(digits)
        }
    }
}

impl View<'_> {
    /// Whether numbers are found by their last digits here.
    #[inline]
    pub fn suffixes(&self) -> Suffixes {
        self.state.suffixes()
    }

    /// Who answers for the number that ends in `suffix`, as many digits as [`View::suffixes`] says, where it is one
    /// number: to be asked when nobody has the number as a whole. Nobody where suffixes are not ready.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn find_by_suffix(&self, suffix: u64) -> Result<BySuffix<'_>, Superseded> {
        if !matches!(self.suffixes(), Suffixes::Ready(_)) {
            return Ok(BySuffix::Nobody);
        }
        let mut one = match self.state.snapshot.ending(suffix) {
            Ending::Several => return Ok(BySuffix::Several),
            Ending::One(key) if self.is_claimed(key)? => Some(key),
            Ending::One(_) | Ending::None => None,
        };
        let active = self.active.is_some().then_some(&self.state.active);
        let sealed = self.sealed.as_ref().and(self.state.sealed.as_ref());
        for overlay in [active, sealed].into_iter().flatten() {
            let Some(alike) = overlay.ending(suffix) else {
                continue;
            };
            if alike.len() > MOST_ALIKE {
                return Ok(BySuffix::Several);
            }
            for key in alike.iter().copied() {
                if one == Some(key) || !self.is_claimed(key)? {
                    continue;
                }
                if one.is_some() {
                    return Ok(BySuffix::Several);
                }
                one = Some(key);
            }
        }
        Ok(match one {
            Some(key) => BySuffix::One(key, self.find(key.raw())?),
            None => BySuffix::Nobody,
        })
    }

    /// Whether any customer claims `key`, hidden or not, or may do so where that is not known: a number that nobody is
    /// found by still makes another one with the same last digits one of several.
    fn is_claimed(&self, key: Key) -> Result<bool, Superseded> {
        let claimants = self.claimants(key.raw(), &mut Budget::of_a_lookup())?;
        Ok(claimants.partial || !claimants.records.is_empty())
    }
}
