#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use proptest::prelude::*;

use super::*;

/// A source as a pilot meets it: it has a stream that forgets its beginning, it goes away, it is made anew.
struct World {
    random: u64,
    /// The life of the stream, its newest place and the oldest one that it still has.
    life: u64,
    newest: u64,
    oldest: u64,
    away_until: u64,
    unfit_until: u64,
}

/// What the other side of the pilot keeps.
#[derive(Default)]
struct Kept {
    /// Where one goes on, by life.
    place: Option<(u64, u64)>,
    /// Places that are missing, though nobody noted it.
    missed: bool,
    noted_gap: bool,
    copies: u32,
}

impl World {
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// Something happens to it in the millisecond `at`.
    fn live(&mut self, at: u64, calm: bool) {
        self.newest += self.draw(3);
        if calm {
            return;
        }
        match self.draw(400) {
            0 => self.away_until = at + self.draw(3000),
            1 => self.unfit_until = at + self.draw(20_000),
            2 => self.oldest = self.newest.saturating_sub(self.draw(50)),
            3 => {
                (self.life, self.newest) = (self.life + 1, 1);
                self.oldest = 0;
            }
            _ => {}
        }
    }

    fn fault(&self, at: u64) -> Option<SourceError> {
        if at < self.unfit_until {
            return Some(SourceError::Unfit("wrong credentials".into()));
        }
        (at < self.away_until).then(|| SourceError::Away("connection refused".into()))
    }
}

fn life(of: u64, place: u64) -> Life {
    Life {
        incarnation: format!("life-{of}"),
        token: place.to_string(),
    }
}

fn parse(life: &Life) -> (u64, u64) {
    let of = life.incarnation.strip_prefix("life-").unwrap().parse().unwrap();
    (of, life.token.parse().unwrap())
}

/// Runs a pilot over a world for a while, then leaves the world in peace until the pilot has caught up.
fn run(seed: u64, can_copy: bool) -> Kept {
    let start = Instant::now();
    let mut world = World {
        random: seed,
        life: 0,
        newest: 10,
        oldest: 0,
        away_until: 0,
        unfit_until: 0,
    };
    let patience = Patience::default();
    let mut pilot = Pilot::new(patience, None, seed);
    let mut kept = Kept::default();
    let mut follows: Option<(u64, u64)> = None;
    let mut lost: Vec<u64> = Vec::new();
    let mut at = 0;
    let mut connected_at: Option<u64> = None;
    let (mut failed_in_a_row, mut last_connect) = (0_u32, None::<u64>);
    let calm_from = 60_000;
    while at < calm_from + 60_000 {
        at += 1;
        world.live(at, at >= calm_from);
        let now = start + Duration::from_millis(at);
        match pilot.next(now) {
            Act::Wait(until) => {
                assert!(
                    until > now && until <= now + patience.longest,
                    "waits without bound"
                );
                follows = None;
            }
            Act::Connect { anew } => {
                if let Some(last) = last_connect.replace(at)
                    && failed_in_a_row > 1
                {
                    assert!(
                        at - last >= 125,
                        "hammers a server that is away: {} ms",
                        at - last
                    );
                }
                connected_at = Some(at);
                if let Some(error) = world.fault(at) {
                    failed_in_a_row += 1;
                    pilot.saw(now, Outcome::Failed(error));
                    continue;
                }
                let known = kept.place.filter(|_| !anew);
                let standing = match known {
                    Some((of, place)) if of == world.life && place >= world.oldest => {
                        Standing::GoesOn(life(of, place))
                    }
                    _ if can_copy => Standing::Copy { why: "first".into() },
                    _ => Standing::Gap {
                        from: life(world.life, world.oldest),
                        why: "gone".into(),
                    },
                };
                pilot.saw(now, Outcome::Stands(standing));
            }
            Act::Note(_) => {
                kept.noted_gap = true;
                pilot.saw(now, Outcome::Noted);
            }
            Act::Copy(_) => {
                assert!(connected_at.is_some(), "copies without having connected");
                at += world.draw(500);
                let now = start + Duration::from_millis(at);
                if let Some(error) = world.fault(at) {
                    failed_in_a_row += 1;
                    pilot.saw(now, Outcome::Failed(error));
                    continue;
                }
                kept.copies += 1;
                failed_in_a_row = 0;
                kept.place = Some((world.life, world.newest));
                (kept.missed, kept.noted_gap) = (false, false);
                lost.clear();
                pilot.saw(now, Outcome::Copied);
            }
            Act::Follow(from) => {
                if follows.is_none() {
                    let (of, place) = parse(&from);
                    assert!(!lost.contains(&of) || !can_copy, "follows a life that was lost");
                    follows = Some((of, place));
                }
                let (of, place) = follows.unwrap();
                if let Some(error) = world.fault(at) {
                    failed_in_a_row += 1;
                    follows = None;
                    pilot.saw(now, Outcome::Failed(error));
                } else if of != world.life || place < world.oldest {
                    lost.push(of);
                    kept.missed = true;
                    follows = None;
                    failed_in_a_row += 1;
                    pilot.saw(now, Outcome::Failed(SourceError::Lost("history is gone".into())));
                } else {
                    failed_in_a_row = 0;
                    follows = Some((of, world.newest));
                    kept.place = follows;
                    pilot.saw(now, Outcome::Delivered);
                }
            }
            Act::Await => panic!("nothing was held"),
        }
    }
    assert_eq!(
        kept.place,
        Some((world.life, world.newest)),
        "in peace, it has caught up"
    );
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_happens_the_pilot_ends_up_equal_or_says_that_something_is_missing(seed: u64) {
        let copying = run(seed, true);
        prop_assert!(!copying.missed, "what was missed was copied");
        prop_assert!(copying.copies > 0);
        let other = run(seed, false);
        prop_assert!(other.noted_gap, "a source that cannot copy begins with a gap");
    }
}

#[test]
fn a_copy_that_waits_for_a_word_is_left_alone_until_everything_begins_anew() {
    let now = Instant::now();
    let mut pilot = Pilot::new(Patience::default(), None, 1);
    assert_eq!(pilot.next(now), Act::Connect { anew: false });
    pilot.saw(now, Outcome::Stands(Standing::Copy { why: "new".into() }));
    assert_eq!(pilot.next(now), Act::Copy("new".into()));
    pilot.saw(now, Outcome::Held);
    assert_eq!(pilot.next(now + Duration::from_secs(86_400)), Act::Await);
    pilot.begin_anew();
    assert_eq!(pilot.next(now), Act::Connect { anew: false });
}

#[test]
fn a_copy_that_broke_is_begun_again_and_not_forgotten() {
    let now = Instant::now();
    let mut pilot = Pilot::new(Patience::default(), Some("a gap".into()), 1);
    assert_eq!(pilot.next(now), Act::Connect { anew: true });
    pilot.saw(now, Outcome::Stands(Standing::Copy { why: "new".into() }));
    pilot.saw(now, Outcome::Failed(SourceError::Away("cut".into())));
    let later = now + Duration::from_secs(60);
    assert_eq!(pilot.next(later), Act::Connect { anew: true });
}

#[test]
fn a_copy_behind_which_nothing_can_be_followed_is_not_made_again_without_a_pause() {
    let mut now = Instant::now();
    let mut pilot = Pilot::new(Patience::default(), None, 1);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Act::Connect { .. } = pilot.next(now) else {
            panic!("does not connect")
        };
        pilot.saw(now, Outcome::Stands(Standing::Copy { why: "gone".into() }));
        pilot.saw(now, Outcome::Copied);
        assert_eq!(pilot.next(now), Act::Connect { anew: false });
        // What takes the copy up has everything begin anew, too.
        pilot.begin_anew();
        assert_eq!(pilot.next(now), Act::Connect { anew: false });
        pilot.saw(now, Outcome::Stands(Standing::GoesOn(life(0, 7))));
        pilot.saw(now, Outcome::Failed(SourceError::Lost("history is gone".into())));
        let began = now;
        if let Act::Wait(until) = pilot.next(now) {
            now = until;
        }
        pauses.push(now - began);
    }
    assert_eq!(pauses[0], Duration::ZERO, "the first is made up for at once");
    let longest = Patience::default().longest;
    assert!(pauses[7] >= longest / 2, "{pauses:?}");
    pilot.next(now);
    pilot.saw(now, Outcome::Stands(Standing::GoesOn(life(0, 7))));
    pilot.saw(now, Outcome::Delivered);
    pilot.saw(now, Outcome::Failed(SourceError::Away("cut".into())));
    let Act::Wait(until) = pilot.next(now) else {
        panic!("does not wait")
    };
    assert!(until <= now + Patience::default().first, "what delivers is well");
}
