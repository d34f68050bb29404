//! From the messages of a stream to events: pure, so that every case can be tried without a broker.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::marks::{Mark, Stamp};
use super::place::{Era, Place};
use super::tail::Arrived;
use crate::feed::decode::{Decode, Item, Message, Native};
use crate::feed::source::{Event, SourceError};

/// A relay that has said nothing of its source for so long may have lost it; it says something every second.
const QUIET: Duration = Duration::from_secs(3);

/// Messages between two places, where more wait.
const PLACES_APART: u64 = 64;

/// Where one is in a stream.
#[derive(Debug)]
pub(super) struct Follower {
    era: Era,
    last: Place,
    /// Messages since a place was told.
    since_place: u64,
    /// A group of changes has begun that is not complete yet.
    is_open: bool,
    /// A relay fills the stream.
    is_relayed: bool,
    /// What is missing up to this message was told.
    told: u64,
    /// When something was last heard that proves that the source was there.
    heard: Instant,
    lag_ms: Option<u64>,
}

impl Follower {
    /// Behind `last`; what a relay says up to the message `told` of changes that are missing is known.
    pub(super) fn new(era: Era, last: Place, told: u64, now: Instant) -> Follower {
        Follower {
            era,
            last,
            since_place: 0,
            is_open: false,
            is_relayed: false,
            told,
            heard: now,
            lag_ms: None,
        }
    }

    /// The last message that was taken.
    pub(super) fn last(&self) -> Place {
        self.last
    }

    /// The life of the stream.
    pub(super) fn era(&self) -> Era {
        self.era
    }

    /// How far what can be had here is behind the source; `None` where nobody says.
    pub(super) fn lag_ms(&self, now: Instant) -> Option<u64> {
        if !self.is_relayed {
            return None;
        }
        let quiet = now.saturating_duration_since(self.heard);
        if quiet < QUIET {
            return Some(self.lag_ms.unwrap_or(0));
        }
        let quiet = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
        Some(quiet.saturating_add(self.lag_ms.unwrap_or(0)))
    }

    /// Takes the next message, and appends to `out` what it says; `decode` reads messages that no relay published.
    ///
    /// # Errors
    /// It is not the next one, or says that what is known here is of no use.
    pub(super) fn take(
        &mut self,
        message: &Arrived,
        decode: &dyn Decode,
        now: Instant,
        out: &mut VecDeque<Event>,
    ) -> Result<(), SourceError> {
        let expected = self.last.sequence.saturating_add(1);
        if message.place.sequence != expected {
            return Err(SourceError::Lost(format!(
                "expected message {expected} of the stream, found {}: it was trimmed or purged",
                message.place.sequence
            )));
        }
        let stamp = Stamp::read(&message.headers);
        let mark = stamp
            .as_ref()
            .filter(|_| message.subject.contains(".control."))
            .and_then(|_| Mark::read(&message.payload));
        match mark {
            Some(Mark::Copied { .. }) => {
                return Err(SourceError::Lost("the relay has made a new copy".into()));
            }
            Some(Mark::Gap { why }) if message.place.sequence > self.told => {
                return Err(SourceError::Lost(format!(
                    "the relay has lost its place in the source: {why}"
                )));
            }
            Some(Mark::Refused(unreadable)) => out.push_back(Event::Refused(unreadable)),
            Some(Mark::Begin { .. } | Mark::Gap { .. } | Mark::Epoch { .. } | Mark::Alive | Mark::Left) => {}
            None if stamp.as_ref().is_some_and(|stamp| stamp.copy.is_some()) => {}
            None => {
                let decode: &dyn Decode = if stamp.is_some() { &Native } else { decode };
                self.changes(message, decode, out)?;
                self.heard = now;
                self.lag_ms = stamp.as_ref().and_then(|stamp| stamp.lag_ms);
            }
        }
        self.last = message.place;
        self.is_relayed |= stamp.is_some();
        self.is_open = stamp.is_some_and(|stamp| stamp.more);
        // Of many that wait not each needs a place to go on behind it: what lies behind the last is read again.
        self.since_place += 1;
        let is_between = message.pending > 0 && self.since_place < PLACES_APART;
        if !self.is_open && !is_between {
            self.since_place = 0;
            out.push_back(Event::Place {
                token: message.place.to_string(),
                position: message.place.sequence.to_string(),
            });
        }
        Ok(())
    }

    fn changes(
        &self,
        message: &Arrived,
        decode: &dyn Decode,
        out: &mut VecDeque<Event>,
    ) -> Result<(), SourceError> {
        let mut said = Vec::new();
        let read = Message {
            subject: Some(&message.subject),
            key: None,
            value: &message.payload,
        };
        decode.decode(read, &mut said);
        for (ordinal, item) in said.into_iter().enumerate() {
            match item {
                Item::Change { at_ms, change, .. } => out.push_back(Event::Change {
                    position: message.place.position(ordinal),
                    at_ms,
                    change,
                }),
                Item::Refused(unreadable) => out.push_back(Event::Refused(unreadable)),
                // The broker has nothing that would tell; what comes next does not depend on it.
                Item::Truncated(why) => out.push_back(Event::Gap(why)),
                // Who begins with a snapshot misses nothing by it.
                Item::Anew(what) if message.place.sequence > 1 => out.push_back(Event::Gap(what)),
                Item::Anew(_) => {}
                Item::Nothing => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Change;

    fn follower() -> Follower {
        let era = Era {
            reading: 1,
            created_ns: 2,
            copy: 0,
        };
        Follower::new(era, Place::default(), 1, Instant::now())
    }

    fn arrived(sequence: u64, subject: &str, payload: &[u8], stamp: Option<Stamp>) -> Arrived {
        Arrived {
            place: Place {
                sequence,
                stored_ns: 9,
            },
            subject: subject.to_owned(),
            headers: stamp.map(|stamp| stamp.to_headers()).unwrap_or_default(),
            payload: payload.to_vec().into(),
            pending: 0,
        }
    }

    fn place(sequence: u64) -> Event {
        Event::Place {
            token: format!("{sequence}@9"),
            position: sequence.to_string(),
        }
    }

    fn deletion(sequence: u64, id: &str) -> Event {
        Event::Change {
            position: sequence.to_be_bytes().to_vec(),
            at_ms: None,
            change: Change::Delete { id: id.into() },
        }
    }

    fn take(follower: &mut Follower, message: &Arrived) -> Result<Vec<Event>, SourceError> {
        let mut out = VecDeque::new();
        follower.take(message, &Native, Instant::now(), &mut out)?;
        Ok(out.into())
    }

    const DELETE: &[u8] = br#"{"op":"delete","id":"c"}"#;

    #[test]
    fn a_message_that_is_missing_is_noticed_and_one_that_comes_again_too() {
        let mut follower = follower();
        let first = arrived(1, "any", DELETE, None);
        assert_eq!(take(&mut follower, &first), Ok(vec![deletion(1, "c"), place(1)]));
        for strange in [3, 1] {
            let found = take(&mut follower, &arrived(strange, "any", DELETE, None));
            assert!(matches!(found, Err(SourceError::Lost(_))), "{strange}: {found:?}");
        }
        assert_eq!(follower.last().sequence, 1);
        let unreadable = take(&mut follower, &arrived(2, "any", b"nothing", None)).unwrap();
        assert!(matches!(
            unreadable.as_slice(),
            [Event::Refused(_), Event::Place { .. }]
        ));
    }

    #[test]
    fn changes_that_belong_together_have_one_place() {
        let mut follower = follower();
        let stamp = |more| {
            Some(Stamp {
                epoch: 1,
                more,
                ..Stamp::default()
            })
        };
        let first = take(&mut follower, &arrived(1, "r.change", DELETE, stamp(true)));
        assert_eq!(first, Ok(vec![deletion(1, "c")]));
        let alive = arrived(2, "r.control.alive", &Mark::Alive.to_json(), stamp(true));
        assert_eq!(take(&mut follower, &alive), Ok(vec![]));
        let last = take(&mut follower, &arrived(3, "r.change", DELETE, stamp(false)));
        assert_eq!(last, Ok(vec![deletion(3, "c"), place(3)]));
    }

    #[test]
    fn rows_of_a_copy_are_passed_over_until_it_is_whole() {
        let mut follower = follower();
        let stamp = |copy| {
            Some(Stamp {
                epoch: 1,
                copy,
                ..Stamp::default()
            })
        };
        let begin = Mark::Begin { copy: 1, rows: None };
        let begin = arrived(1, "r.control.begin", &begin.to_json(), stamp(Some(1)));
        assert_eq!(take(&mut follower, &begin), Ok(vec![place(1)]));
        let row = arrived(2, "r.copy", DELETE, stamp(Some(1)));
        assert_eq!(take(&mut follower, &row), Ok(vec![place(2)]));
        let copied = Mark::Copied { copy: 1, rows: 1 };
        let copied = arrived(3, "r.control.copied", &copied.to_json(), stamp(Some(1)));
        assert!(matches!(take(&mut follower, &copied), Err(SourceError::Lost(_))));
        // A customer's text that looks like a mark is none.
        let posing = arrived(3, "r.change", &Mark::Copied { copy: 1, rows: 1 }.to_json(), None);
        assert!(matches!(
            take(&mut follower, &posing).as_deref(),
            Ok([Event::Refused(_), Event::Place { .. }])
        ));
    }

    #[test]
    fn changes_that_are_missing_are_told_once() {
        let mut follower = follower();
        let stamp = Some(Stamp {
            epoch: 1,
            ..Stamp::default()
        });
        let gap = Mark::Gap {
            why: "trimmed".into(),
        }
        .to_json();
        let told = arrived(1, "r.control.gap", &gap, stamp.clone());
        assert_eq!(take(&mut follower, &told), Ok(vec![place(1)]));
        let news = take(&mut follower, &arrived(2, "r.control.gap", &gap, stamp));
        assert!(matches!(news, Err(SourceError::Lost(why)) if why.contains("trimmed")));
    }

    #[test]
    fn a_relay_without_its_source_falls_behind_however_alive_it_is() {
        let mut follower = follower();
        let begun = Instant::now();
        assert_eq!(follower.lag_ms(begun + QUIET), None);
        let stamp = Some(Stamp {
            epoch: 1,
            lag_ms: Some(40),
            ..Stamp::default()
        });
        let mut out = VecDeque::new();
        let heartbeat = arrived(1, "r.change", br#"{"op":"heartbeat"}"#, stamp.clone());
        follower.take(&heartbeat, &Native, begun, &mut out).unwrap();
        assert_eq!(follower.lag_ms(begun), Some(40));
        let alive = arrived(2, "r.control.alive", &Mark::Alive.to_json(), stamp);
        let later = begun + Duration::from_secs(20);
        follower.take(&alive, &Native, later, &mut out).unwrap();
        assert_eq!(follower.lag_ms(later), Some(20_040));
    }
}
