//! Which side answers a call: a stable share of the calling numbers, and dialled numbers as a whole.

use xxhash_rust::xxh3::xxh3_64;

use crate::number::Key;

/// What Ringside answers itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sides {
    /// Share of the calling numbers, 0–100.
    pub(super) percent: u8,
    /// Dialled numbers that are answered whole, as they were written.
    pub(super) dnis: Vec<String>,
    keys: Vec<Key>,
}

/// Whom a call is about, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A calling number, as read.
    Number(Key),
    /// The id of a customer that Ringside spells itself: it gave it.
    OurId,
    /// Another id, which is the upstream's.
    OtherId,
    /// Nobody: a withheld number, or a question for no number.
    Nobody,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Upstream,
    Ringside,
}

impl Side {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Side::Upstream => "upstream",
            Side::Ringside => "ringside",
        }
    }
}

impl Sides {
    /// Ringside answers `percent` of the calling numbers, and whatever comes in for one of `dnis`, which `read` reads.
    ///
    /// # Errors
    /// The first of them that is no number, by its place.
    pub(super) fn new(
        percent: u8,
        dnis: &[String],
        read: impl Fn(&str) -> Option<Key>,
    ) -> Result<Sides, usize> {
        let keys = dnis
            .iter()
            .enumerate()
            .map(|(place, dnis)| read(dnis).ok_or(place));
        Ok(Sides {
            percent: percent.min(100),
            dnis: dnis.to_vec(),
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the upstream answers everything that it can know: nobody has to look at a call ahead of forwarding it.
    pub(super) fn is_off(&self) -> bool {
        self.percent == 0 && self.keys.is_empty()
    }

    /// Who answers a call `about` somebody, for the dialled number `dialled`. An id decides alone, whatever the share is by
    /// now: who gave it answers for it.
    pub(super) fn side(&self, about: About, dialled: Option<Key>) -> Side {
        let is_ours = match about {
            About::OurId => true,
            About::OtherId => false,
            _ if dialled.is_some_and(|dialled| self.keys.contains(&dialled)) => true,
            About::Number(number) => bucket(number) < self.percent,
            About::Nobody => self.percent == 100,
        };
        if is_ours { Side::Ringside } else { Side::Upstream }
    }
}

/// The place of `number` among a hundred, the same on every node and after every restart: a larger share has the numbers of a
/// smaller one.
fn bucket(number: Key) -> u8 {
    let place = xxh3_64(&number.raw().to_le_bytes()) % 100;
    u8::try_from(place).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn sides(percent: u8) -> Sides {
        Sides::new(percent, &[], |_| None).unwrap()
    }

    fn number(digits: u64) -> Key {
        Key::e164(digits).unwrap()
    }

    #[test]
    fn a_share_is_about_as_large_as_it_says() {
        for percent in [1, 5, 25, 50, 99] {
            let sides = sides(percent);
            let ours = (0..10_000)
                .filter(|nth| sides.side(About::Number(number(14_805_550_000 + nth)), None) == Side::Ringside)
                .count();
            let expected = usize::from(percent) * 100;
            assert!(ours.abs_diff(expected) < 200, "{percent} %: {ours} of 10000");
        }
    }

    /// Restarts and other nodes must not move a number: this fails when the hash changes.
    #[test]
    fn a_numbers_place_never_changes() {
        assert_eq!(
            [14_806_754_110, 442_079_460_958].map(|digits| bucket(number(digits))),
            [35, 69]
        );
    }

    #[test]
    fn ids_and_dialled_numbers_decide_ahead_of_the_share() {
        let toll_free = number(18_005_550_199);
        let none = Sides::new(0, &["x".to_owned()], |_| Some(toll_free)).unwrap();
        let caller = About::Number(number(14_806_754_110));
        assert_eq!(none.side(caller, None), Side::Upstream);
        assert_eq!(none.side(caller, Some(toll_free)), Side::Ringside);
        assert_eq!(none.side(About::Nobody, Some(toll_free)), Side::Ringside);
        assert_eq!(none.side(About::OtherId, Some(toll_free)), Side::Upstream);
        assert!(!none.is_off() && sides(0).is_off());
        for percent in [0, 50, 100] {
            assert_eq!(sides(percent).side(About::OurId, None), Side::Ringside);
            assert_eq!(sides(percent).side(About::OtherId, None), Side::Upstream);
        }
        assert_eq!(sides(99).side(About::Nobody, None), Side::Upstream);
        assert_eq!(sides(100).side(About::Nobody, None), Side::Ringside);
        assert_eq!(
            Sides::new(0, &["1".to_owned(), "?".to_owned()], |text| text
                .parse()
                .ok()
                .and_then(Key::e164)),
            Err(1)
        );
    }

    proptest! {
        #[test]
        fn a_larger_share_keeps_the_numbers_of_a_smaller(digits in 1_u64..999_999_999_999, percent in 0_u8..100) {
            let about = About::Number(number(digits));
            prop_assert_eq!(sides(0).side(about, None), Side::Upstream);
            prop_assert_eq!(sides(100).side(about, None), Side::Ringside);
            if sides(percent).side(about, None) == Side::Ringside {
                prop_assert_eq!(sides(percent + 1).side(about, None), Side::Ringside);
            }
        }
    }
}
