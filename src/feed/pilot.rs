//! The pilot: decides when a source is connected to, copied and followed, and how long to wait after a failure.
//!
//! It neither waits nor connects: whoever does asks it what to do next, says what came of it, and says what the time is.
//! A life of a stream that was lost is never followed again, however willing the source seems.

use std::time::{Duration, Instant};

use super::source::{Life, SourceError, Standing};

/// How long to wait after failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After the first failure in a row; twice as long after each further one.
    pub first: Duration,
    /// At the most, and where a person has to do something.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(15),
        }
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing before this moment.
    Wait(Instant),
    /// Connect. `anew`: as if nothing of the source were kept.
    Connect {
        /// Whether what is kept is of no use.
        anew: bool,
    },
    /// Note that changes are missing, and then follow.
    Note(String),
    /// Copy everything; this is why.
    Copy(String),
    /// Follow.
    Follow(Life),
    /// Nothing, until what is kept of the source is another: a copy waits for somebody's word.
    Await,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is connected, and this is where one can go on.
    Stands(Standing),
    /// What is missing is noted.
    Noted,
    /// The copy is served.
    Copied,
    /// The copy is complete, and waits for somebody's word.
    Held,
    /// Something was delivered.
    Delivered,
    /// It cannot go on.
    Failed(SourceError),
}

/// Decides for one feed.
#[derive(Debug)]
pub struct Pilot {
    patience: Patience,
    state: State,
    /// Failures since something was delivered.
    failures: u32,
    /// Why what is kept is of no use.
    lost: Option<String>,
    random: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Away { until: Option<Instant> },
    Connecting,
    Copying(String),
    Noting { from: Life, why: String },
    Following(Life),
    Awaiting,
}

impl Pilot {
    /// One that begins by connecting. `lost`: why what is kept of the source is of no use, where that is known from
    /// before. `seed` spreads the waiting of many.
    pub fn new(patience: Patience, lost: Option<String>, seed: u64) -> Pilot {
        Pilot {
            patience,
            state: State::Away { until: None },
            failures: 0,
            lost,
            random: seed,
        }
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Instant) -> Act {
        match &self.state {
            State::Away { until: Some(until) } if *until > now => Act::Wait(*until),
            State::Away { .. } | State::Connecting => {
                self.state = State::Connecting;
                Act::Connect {
                    anew: self.lost.is_some(),
                }
            }
            State::Copying(why) => Act::Copy(why.clone()),
            State::Noting { why, .. } => Act::Note(why.clone()),
            State::Following(life) => Act::Follow(life.clone()),
            State::Awaiting => Act::Await,
        }
    }

    /// Takes note of what came of the last act, at `now`.
    pub fn saw(&mut self, now: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Stands(standing) => {
                self.state = match (standing, self.lost.take()) {
                    (Standing::GoesOn(life), _) => State::Following(life),
                    (Standing::Gap { from, why }, _) => State::Noting { from, why },
                    (Standing::Copy { .. }, Some(why)) | (Standing::Copy { why }, None) => {
                        // Known until the copy is served: a failure half way must not lead back.
                        self.lost = Some(why.clone());
                        State::Copying(why)
                    }
                };
            }
            Outcome::Noted => {
                if let State::Noting { from, .. } = &self.state {
                    self.state = State::Following(from.clone());
                }
            }
            Outcome::Copied => self.begin_anew(),
            Outcome::Held => self.state = State::Awaiting,
            Outcome::Delivered => self.failures = 0,
            Outcome::Failed(error) => {
                let is_copying = matches!(self.state, State::Copying(_));
                let wait = match error {
                    SourceError::Lost(why) => {
                        self.lost = Some(why);
                        // Again and again lost is no reason to copy again and again at once.
                        if is_copying || self.failures > 0 {
                            self.wait()
                        } else {
                            Duration::ZERO
                        }
                    }
                    SourceError::Unfit(_) => self.spread(self.patience.longest),
                    SourceError::Away(_) | SourceError::Stopped => self.wait(),
                };
                self.failures = self.failures.saturating_add(1);
                self.state = State::Away {
                    until: Some(now + wait),
                };
            }
        }
    }

    /// What is kept of the source is another: everything begins with connecting, at once.
    /// Failures count on until something is delivered: a copy behind which nothing can be followed is not made again and
    /// again without a pause.
    pub fn begin_anew(&mut self) {
        self.lost = None;
        self.state = State::Away { until: None };
    }

    /// How long to wait after one more failure.
    fn wait(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX);
        let longest = self.patience.longest;
        let wait = self.patience.first.saturating_mul(doubled).min(longest);
        self.spread(wait)
    }

    /// Between half of `wait` and all of it: those who lost one server at once do not come back at once.
    fn spread(&mut self, wait: Duration) -> Duration {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let half = wait / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(if nanos == 0 { 0 } else { mixed % nanos })
    }
}

#[cfg(test)]
mod tests;
