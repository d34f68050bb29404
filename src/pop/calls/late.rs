//! Rings that are told late: by a node that was cut off while the call went on, and was over, elsewhere.

use super::super::entry::What;
use super::Calls;

/// How far the clocks of two nodes may be apart, ms, before a ring that one of them tells late rings anew, or, the other way
/// round, is not shown.
const SKEW_MS: u64 = 2000;

/// Whether what rang at `at` is told late: it was over at `over`. Both in milliseconds since 1970.
pub(super) fn is_late(at: u64, over: u64) -> bool {
    at.saturating_add(SKEW_MS) < over
}

impl Calls {
    /// When the call that rings by `what` was over before, as far as is known here, in milliseconds since 1970; 0 where it was
    /// not. Whoever hears the ring after that is not late, however far behind their clock is.
    pub fn over_before(&self, what: &What) -> u64 {
        let What::Ring {
            call, ids, offers, ..
        } = what
        else {
            return 0;
        };
        let known = std::iter::once(call)
            .chain(ids)
            .filter_map(|name| self.call(name));
        let over = known.flat_map(|call| {
            let legs = offers.iter().filter_map(|offer| call.leg(&offer.agent)?.ended);
            call.closed.into_iter().chain(legs)
        });
        over.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::entry::{Entry, Offer};
    use super::super::super::message::{Kind, State};
    use super::*;

    fn ring() -> What {
        let offer = Offer {
            agent: "joan".to_owned(),
            pops: true,
            ..Offer::default()
        };
        What::Ring {
            call: "7".to_owned(),
            ids: vec!["7-too".to_owned()],
            facts: Box::default(),
            recorded: true,
            offers: vec![offer],
            link: None,
            inherits: None,
        }
    }

    #[test]
    fn a_clock_that_is_behind_keeps_no_ring_from_anybody() {
        let mut calls = Calls::default();
        assert_eq!(calls.over_before(&ring()), 0);
        let began = 1_000_000;
        calls.apply(&Entry {
            at: began,
            what: ring(),
        });
        assert_eq!(calls.over_before(&ring()), 0);
        let missed = What::Missed {
            call: "7".to_owned(),
            agent: "joan".to_owned(),
        };
        let over = began + 400_000;
        calls.apply(&Entry {
            at: over,
            what: missed,
        });
        let (call, now) = ("7".to_owned(), over + 10);
        // Heard where the clock is five minutes behind.
        let at = (now - 300_000).max(calls.over_before(&ring()));
        let told = calls.apply(&Entry { at, what: ring() });
        assert!(told.iter().any(|message| message.kind == Kind::Pop), "{told:?}");
        let shown = calls.shown("7", "joan").map(|shown| shown.state);
        assert_eq!(shown, Some(State::Ringing));
        let what = What::Closed { call };
        calls.apply(&Entry { at: now, what });
        assert_eq!(calls.over_before(&ring()), now);
        assert_eq!(calls.over_before(&What::Skipped { to: 1 }), 0);
    }
}
