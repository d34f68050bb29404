//! What becomes of what is seen of the service: whether this node may have the address. Pure: it is told the time.
//!
//! Faults come fast and go slowly. What the service says of itself counts at once, and so does that nobody listens; an
//! answer that does not come may be a busy moment, and counts from some number of them on. A fault ends when the service
//! has been well for a time, so that one that comes and goes does not take the address along.

/// What the track file says, as keepalived reads it with a weight of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    /// 0: this node may have the address.
    Fine,
    /// 1: it may not.
    Fault,
}

/// What came of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It answers, and callers may be sent to it.
    Well,
    /// It says that none may.
    Unwell,
    /// It says so because it hands over.
    Yielding,
    /// Nobody listens.
    Nobody,
    /// Nothing came in time, or nothing that can be read.
    Silent,
}

/// Why the track file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// What was seen last.
    Seen(Seen),
    /// This process did not run for this long, in ms: what it knew is of no use.
    Slept(u64),
}

/// When is what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How many answers have to be missing, one behind another.
    pub(super) misses: u32,
    /// How long the service has to be well again, in ms.
    pub(super) rise_ms: u64,
    /// The same behind a sleep of this process, which says nothing against the service.
    pub(super) wake_ms: u64,
    /// How long this process may not run before what it knows is of no use, in ms.
    pub(super) sleep_ms: u64,
}

/// The state.
#[derive(Debug)]
pub(super) struct Vigil {
    terms: Terms,
    track: Track,
    misses: u32,
    /// Since when it is well, in ms.
    well_since: Option<u64>,
    /// How long it has to be, in ms.
    rise_ms: u64,
    last_ms: u64,
}

impl Vigil {
    /// Begins where the track file says `known`; where it says nothing, at a fault, as the service may be none yet.
    pub(super) fn new(terms: Terms, known: Option<Track>, now_ms: u64) -> Vigil {
        Vigil {
            terms,
            track: known.unwrap_or(Track::Fault),
            misses: 0,
            well_since: None,
            rise_ms: terms.rise_ms,
            last_ms: now_ms,
        }
    }

    /// What the track file has to say.
    pub(super) fn track(&self) -> Track {
        self.track
    }

    /// To be called before an ask. Why the track file changes, where it does.
    pub(super) fn begins(&mut self, now_ms: u64) -> Option<Why> {
        self.slept(now_ms).filter(|_| self.turns(Track::Fault))
    }

    /// To be called with what came of an ask. Why the track file changes, where it does.
    pub(super) fn sees(&mut self, now_ms: u64, seen: Seen) -> Option<Why> {
        if let Some(why) = self.slept(now_ms) {
            // Whatever it was, it was before or while others acted: ask anew.
            return Some(why).filter(|_| self.turns(Track::Fault));
        }
        let to = match seen {
            Seen::Well => {
                self.misses = 0;
                let since = *self.well_since.get_or_insert(now_ms);
                match now_ms.saturating_sub(since) >= self.rise_ms {
                    true => {
                        self.rise_ms = self.terms.rise_ms;
                        Track::Fine
                    }
                    false => self.track,
                }
            }
            Seen::Unwell | Seen::Yielding | Seen::Nobody => {
                self.misses = 0;
                self.ails();
                Track::Fault
            }
            Seen::Silent => {
                self.misses = self.misses.saturating_add(1);
                self.well_since = None;
                match self.misses >= self.terms.misses {
                    true => {
                        self.ails();
                        Track::Fault
                    }
                    false => self.track,
                }
            }
        };
        self.turns(to).then_some(Why::Seen(seen))
    }

    /// A fault of the service's own takes the whole time to go.
    fn ails(&mut self) {
        self.well_since = None;
        self.rise_ms = self.terms.rise_ms;
    }

    fn slept(&mut self, now_ms: u64) -> Option<Why> {
        let time = now_ms.saturating_sub(self.last_ms);
        self.last_ms = now_ms.max(self.last_ms);
        if time <= self.terms.sleep_ms {
            return None;
        }
        self.misses = 0;
        self.well_since = None;
        if self.track == Track::Fine {
            self.rise_ms = self.terms.wake_ms;
        }
        Some(Why::Slept(time))
    }

    fn turns(&mut self, to: Track) -> bool {
        let turns = self.track != to;
        self.track = to;
        turns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERMS: Terms = Terms {
        misses: 3,
        rise_ms: 3000,
        wake_ms: 500,
        sleep_ms: 1000,
    };

    /// Sees the same every 50 ms for a time; gives back when the track file changed first.
    fn see(vigil: &mut Vigil, from: u64, for_ms: u64, seen: Seen) -> Option<u64> {
        let mut changed = None;
        for now in (from..from + for_ms).step_by(50) {
            let woke = vigil.begins(now);
            let why = vigil.sees(now, seen);
            if woke.or(why).is_some() && changed.is_none() {
                changed = Some(now);
            }
        }
        changed
    }

    #[test]
    fn a_start_changes_nothing_that_is_right() {
        let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
        assert_eq!(see(&mut vigil, 0, 10_000, Seen::Well), None);
        assert_eq!(vigil.track(), Track::Fine);
        let mut vigil = Vigil::new(TERMS, Some(Track::Fault), 0);
        assert_eq!(see(&mut vigil, 0, 10_000, Seen::Well), Some(3000));
        assert_eq!(Vigil::new(TERMS, None, 0).track(), Track::Fault);
    }

    #[test]
    fn one_answer_that_is_missing_is_none() {
        let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
        for nth in 0..100 {
            let seen = if nth % 3 == 0 { Seen::Well } else { Seen::Silent };
            assert_eq!(vigil.sees(nth * 50, seen), None);
        }
        assert_eq!(
            see(&mut vigil, 5000, 100, Seen::Silent),
            None,
            "a well one was between"
        );
        assert_eq!(vigil.sees(5100, Seen::Silent), Some(Why::Seen(Seen::Silent)));
    }

    #[test]
    fn what_it_says_itself_counts_at_once() {
        for seen in [Seen::Unwell, Seen::Yielding, Seen::Nobody] {
            let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
            assert_eq!(vigil.sees(50, seen), Some(Why::Seen(seen)));
            assert_eq!(vigil.track(), Track::Fault);
        }
    }

    #[test]
    fn a_fault_goes_when_it_was_well_for_a_time_without_a_break() {
        let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
        assert_eq!(see(&mut vigil, 0, 50, Seen::Nobody), Some(0));
        assert_eq!(see(&mut vigil, 50, 2900, Seen::Well), None);
        assert_eq!(see(&mut vigil, 2950, 50, Seen::Silent), None);
        assert_eq!(see(&mut vigil, 3000, 9000, Seen::Well), Some(6000));
    }

    #[test]
    fn who_slept_knows_nothing() {
        let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
        assert_eq!(see(&mut vigil, 0, 200, Seen::Well), None);
        assert_eq!(vigil.begins(1200), Some(Why::Slept(1050)));
        assert_eq!(vigil.track(), Track::Fault);
        // The service is not to blame, so it is not waited for as long.
        assert_eq!(see(&mut vigil, 1200, 5000, Seen::Well), Some(1700));
        // Asleep between an ask and its answer, which is of no use then.
        assert_eq!(vigil.sees(9000, Seen::Well), Some(Why::Slept(2850)));
        // Unless it is: then it is waited for as ever.
        assert_eq!(see(&mut vigil, 9000, 50, Seen::Nobody), None);
        assert_eq!(see(&mut vigil, 9050, 9000, Seen::Well), Some(12_050));
    }

    #[test]
    fn a_sleep_makes_no_fault_shorter() {
        let mut vigil = Vigil::new(TERMS, Some(Track::Fine), 0);
        assert_eq!(see(&mut vigil, 0, 50, Seen::Unwell), Some(0));
        assert_eq!(vigil.begins(5000), None);
        assert_eq!(see(&mut vigil, 5000, 9000, Seen::Well), Some(8000));
    }

    proptest! {
        /// Whatever comes: fine only after the whole time of being well, and never a change without a reason to.
        #[test]
        fn fine_is_earned(steps in prop::collection::vec((1_u64..1500, 0_u8..6), 1..300)) {
            let mut vigil = Vigil::new(TERMS, None, 0);
            let (mut now, mut well_since, mut misses) = (0, None, 0);
            for (time, what) in steps {
                now += time;
                let slept = time > TERMS.sleep_ms;
                let seen = [Seen::Well, Seen::Well, Seen::Unwell, Seen::Yielding, Seen::Nobody, Seen::Silent][usize::from(what)];
                let before = vigil.track();
                let why = vigil.sees(now, seen);
                prop_assert_eq!(why.is_some(), vigil.track() != before);
                if slept {
                    (well_since, misses) = (None, 0);
                    prop_assert_eq!(vigil.track(), Track::Fault);
                    continue;
                }
                misses = if seen == Seen::Silent { misses + 1 } else { 0 };
                well_since = (seen == Seen::Well).then(|| well_since.unwrap_or(now));
                match (before, vigil.track()) {
                    (Track::Fault, Track::Fine) => prop_assert!(well_since.is_some_and(|since| now - since >= TERMS.wake_ms)),
                    (Track::Fine, Track::Fault) => prop_assert!(seen != Seen::Well && (seen != Seen::Silent || misses >= 3)),
                    _ => {}
                }
                if well_since.is_some_and(|since| now - since >= TERMS.rise_ms) {
                    prop_assert_eq!(vigil.track(), Track::Fine);
                }
            }
        }
    }
}
