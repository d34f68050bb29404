//! What a stream is when one looks at it, and what follows from that for somebody who knows something of it.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};

use super::connection::Connection;
use super::marks::{Mark, subject};
use super::place::{Era, Place};
use crate::feed::source::{Life, SourceError, Standing};

/// What a person does about changes that are missing for good.
const ADVICE: &str = "import a snapshot that is newer (`ringside snapshot build --replace`), or have a relay copy everything again (`ringside \
     relay` does where its stream has no whole copy)";

/// A copy that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// The sequence at which it begins.
    pub copy: u64,
    /// How many messages of rows it has.
    pub rows: u64,
    /// Where it ends.
    pub place: Place,
}

/// Something that a stream no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What.
    pub why: String,
    /// Whether its sequences are, or will be, those of other messages.
    pub is_rewritten: bool,
}

/// A stream at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: i128,
    /// The first sequence that it still has; one more than the last where it has none.
    pub first: u64,
    /// The last sequence that it gave.
    pub last: u64,
    /// What subjects of a relay begin with.
    pub prefix: Option<String>,
    /// The newest copy that is whole and still there from its beginning.
    pub whole: Option<Whole>,
    /// Where the newest copy begins, whole or not.
    pub begun: Option<u64>,
    /// The message at the place that was asked for, where it is still there.
    pub anchor: Option<Place>,
    /// Where a relay last said that changes are missing, and why.
    pub gap: Option<(u64, String)>,
}

impl Seen {
    /// Looks at the stream called `name`; `at` is where somebody wants to go on.
    ///
    /// # Errors
    /// There is no such stream, or the server does not answer.
    pub async fn look(connection: &Connection, name: &str, at: Option<Place>) -> Result<Seen, SourceError> {
        let stream = open(connection, name).await?;
        let info = stream.cached_info();
        let mut seen = Seen {
            created_ns: info.created.unix_timestamp_nanos(),
            first: info.state.first_sequence,
            last: info.state.last_sequence,
            prefix: info
                .config
                .subjects
                .iter()
                .find_map(|subject| subject.strip_suffix(".>").map(str::to_owned)),
            ..Seen::default()
        };
        if let Some(prefix) = &seen.prefix {
            let newest = async |subject: &str| newest(&stream, &format!("{prefix}.{subject}")).await;
            seen.gap = newest(subject::GAP)
                .await?
                .and_then(|message| match Mark::read(&message.payload)? {
                    Mark::Gap { why } => Some((message.sequence, why)),
                    _ => None,
                });
            let copied = newest(subject::COPIED).await?;
            let begun = newest(subject::BEGIN).await?;
            seen.begun = begun.map(|message| message.sequence);
            seen.whole = copied
                .and_then(|message| match Mark::read(&message.payload)? {
                    Mark::Copied { copy, rows } => Some(Whole {
                        copy,
                        rows,
                        place: place(&message),
                    }),
                    _ => None,
                })
                .filter(|whole| whole.copy >= seen.first && whole.copy < whole.place.sequence);
        }
        if let Some(at) = at {
            let anchor = message(&stream, at.sequence).await?;
            seen.anchor = anchor.as_ref().map(place);
        }
        Ok(seen)
    }

    /// Whether a copy is being made.
    pub fn is_copied_now(&self) -> bool {
        let whole = self.whole.map_or(0, |whole| whole.copy);
        self.begun.is_some_and(|begun| begun > whole)
    }

    /// Where somebody can go on who knows `known` and reads the stream as `reading`. `rewritten` is another number where
    /// sequences were found to have been given to other messages than before, otherwise 0.
    pub fn judge(&self, reading: u64, known: &[Life], rewritten: u64) -> Standing {
        let era = Era {
            reading,
            created_ns: self.created_ns,
            copy: rewritten,
        };
        let ours = known
            .last()
            .and_then(Era::parse)
            .filter(|(known, _)| known.reading == reading);
        match ours {
            Some((known, _)) if known.created_ns != self.created_ns => {
                self.without(era, "the stream was deleted and created again")
            }
            Some((known, place)) => self.judge_place(known, place),
            None if self.whole.is_some() || self.is_copied_now() => Standing::Copy {
                why: "nothing is known of this stream yet".into(),
            },
            None if !known.is_empty() => self.without(
                era,
                "what is known is of another stream, or was read under another configuration",
            ),
            None if self.first <= 1 => self.behind(era, Place::default()),
            None => self.without(
                era,
                &format!("the stream begins at message {}, not at 1", self.first),
            ),
        }
    }

    fn judge_place(&self, era: Era, place: Place) -> Standing {
        if self.whole.is_some_and(|whole| whole.copy > era.copy) {
            return Standing::Copy {
                why: "the relay has made a new copy".into(),
            };
        }
        match self.lost(place) {
            Some(Lost { why, is_rewritten }) => {
                let copy = if is_rewritten { self.rewritten() } else { era.copy };
                self.without(Era { copy, ..era }, &why)
            }
            None => self.behind(era, place),
        }
    }

    /// Behind `place`, whatever a relay says of what follows.
    fn behind(&self, era: Era, place: Place) -> Standing {
        let from = era.life(place);
        match &self.gap {
            Some((at, why)) if *at > place.sequence.max(era.copy) => Standing::Gap {
                from,
                why: format!("the relay has lost its place in the source: {why}; {ADVICE}"),
            },
            _ => Standing::GoesOn(from),
        }
    }

    /// A number for what the stream is now, which lost messages and gave their sequences away.
    pub fn rewritten(&self) -> u64 {
        self.last.max(1)
    }

    /// What is lost behind `place`, where something is.
    pub fn lost(&self, place: Place) -> Option<Lost> {
        let lost = |why: String, is_rewritten| Some(Lost { why, is_rewritten });
        let expected = place.sequence.saturating_add(1);
        if self.last < place.sequence {
            let why = format!(
                "expected message {} in the stream, found that its last is {}: the broker has lost what it had not written",
                place.sequence, self.last
            );
            return lost(why, true);
        }
        if self.first > expected {
            let why = format!(
                "expected message {expected} in the stream, found that its first is {}: it was trimmed or purged",
                self.first
            );
            return lost(why, false);
        }
        match self.anchor {
            Some(anchor) if place.stored_ns != 0 && anchor.stored_ns != place.stored_ns => lost(
                format!(
                    "message {} of the stream is another one than it was: the broker has lost what it had not written, and gave \
                 its place away",
                    place.sequence
                ),
                true,
            ),
            _ => None,
        }
    }

    /// What to do about `lost`.
    fn without(&self, era: Era, lost: &str) -> Standing {
        if self.whole.is_some() || self.is_copied_now() {
            return Standing::Copy { why: lost.to_owned() };
        }
        let from = Place {
            sequence: self.first.saturating_sub(1),
            stored_ns: 0,
        };
        let era = Era {
            created_ns: self.created_ns,
            ..era
        };
        Standing::Gap {
            from: era.life(from),
            why: format!("{lost}, and it holds no copy; {ADVICE}"),
        }
    }
}

/// The stream called `name`, looked at now.
pub(super) async fn open(connection: &Connection, name: &str) -> Result<Stream, SourceError> {
    connection
        .jetstream
        .get_stream(name)
        .await
        .map_err(|error| match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                SourceError::Unfit(format!(
                    "expected a stream called {name:?}, found none; start the relay that fills it, correct `stream`, or \
                     create it: nats stream add {name}"
                ))
            }
            GetStreamErrorKind::JetStream(error) => SourceError::Away(format!("JetStream: {error}")),
            _ => SourceError::Away(format!("JetStream does not answer: {error}")),
        })
}

/// The newest message under `subject`.
async fn newest(stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, SourceError> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error)
            if error.kind() == async_nats::jetstream::stream::LastRawMessageErrorKind::NoMessageFound =>
        {
            Ok(None)
        }
        Err(error) => Err(SourceError::Away(format!("JetStream does not answer: {error}"))),
    }
}

/// The message at `sequence`, where there is one.
pub async fn message(stream: &Stream, sequence: u64) -> Result<Option<StreamMessage>, SourceError> {
    if sequence == 0 {
        return Ok(None);
    }
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(SourceError::Away(format!("JetStream does not answer: {error}"))),
    }
}

/// Where `message` is.
pub fn place(message: &StreamMessage) -> Place {
    Place {
        sequence: message.sequence,
        stored_ns: message.time.unix_timestamp_nanos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: u64 = 7;

    fn place(sequence: u64) -> Place {
        Place {
            sequence,
            stored_ns: i128::from(sequence) * 1000,
        }
    }

    fn era(copy: u64) -> Era {
        Era {
            reading: READING,
            created_ns: 5,
            copy,
        }
    }

    fn seen(first: u64, last: u64) -> Seen {
        Seen {
            created_ns: 5,
            first,
            last,
            ..Seen::default()
        }
    }

    fn whole(copy: u64) -> Option<Whole> {
        Some(Whole {
            copy,
            rows: 1,
            place: place(copy + 2),
        })
    }

    fn copies(standing: &Standing) -> bool {
        matches!(standing, Standing::Copy { .. })
    }

    #[test]
    fn a_foreign_stream_is_followed_from_its_first_message_or_not_without_a_word() {
        assert_eq!(
            seen(1, 9).judge(READING, &[], 0),
            Standing::GoesOn(era(0).life(Place::default()))
        );
        assert_eq!(
            seen(0, 0).judge(READING, &[], 0),
            Standing::GoesOn(era(0).life(Place::default()))
        );
        let Standing::Gap { from, why } = seen(4, 9).judge(READING, &[], 0) else {
            panic!("a trimmed stream was followed")
        };
        assert_eq!(Era::parse(&from).unwrap().1.sequence, 3);
        assert!(why.contains("snapshot build"), "{why}");
    }

    #[test]
    fn a_copy_is_taken_first_and_a_newer_one_again() {
        let first = Seen {
            whole: whole(2),
            begun: Some(2),
            ..seen(1, 9)
        };
        assert!(copies(&first.judge(READING, &[], 0)));
        let known = era(2).life(place(6));
        assert_eq!(
            first.judge(READING, std::slice::from_ref(&known), 0),
            Standing::GoesOn(known.clone())
        );
        let again = Seen {
            whole: whole(7),
            ..first
        };
        assert!(copies(&again.judge(READING, &[known], 0)));
        let under_way = Seen {
            begun: Some(3),
            ..seen(1, 9)
        };
        assert!(copies(&under_way.judge(READING, &[], 0)));
        // Whoever has everything up to the copy goes on until it is whole.
        let known = era(0).life(place(2));
        assert_eq!(
            under_way.judge(READING, std::slice::from_ref(&known), 0),
            Standing::GoesOn(known)
        );
    }

    #[test]
    fn what_was_trimmed_lost_or_replaced_is_told() {
        let known = [era(0).life(place(6))];
        assert!(matches!(
            seen(7, 9).judge(READING, &known, 0),
            Standing::GoesOn(_)
        ));
        let cases = [
            (seen(8, 9), "trimmed or purged"),
            (seen(1, 5), "lost what it had not written"),
            (
                Seen {
                    anchor: Some(Place {
                        sequence: 6,
                        stored_ns: 1,
                    }),
                    ..seen(1, 9)
                },
                "another one than it was",
            ),
            (
                Seen {
                    created_ns: 6,
                    ..seen(1, 9)
                },
                "created again",
            ),
        ];
        for (seen, expected) in cases {
            let Standing::Gap { why, from } = seen.judge(READING, &known, 0) else {
                panic!("{expected}: not seen")
            };
            assert!(why.contains(expected), "{why}");
            assert_eq!(Era::parse(&from).unwrap().0.created_ns, seen.created_ns);
            let copied = Seen {
                whole: whole(3),
                ..seen
            };
            assert!(copies(&copied.judge(READING, &known, 0)), "{expected}");
        }
        let other = [era(0).life(place(6))];
        assert!(matches!(seen(1, 9).judge(8, &other, 0), Standing::Gap { .. }));
    }

    #[test]
    fn a_gap_that_the_relay_tells_of_is_passed_on_once() {
        let gap = Seen {
            gap: Some((7, "slot dropped".into())),
            anchor: Some(place(6)),
            ..seen(1, 9)
        };
        let Standing::Gap { from, why } = gap.judge(READING, &[era(0).life(place(6))], 0) else {
            panic!("not told")
        };
        assert_eq!(from, era(0).life(place(6)));
        assert!(why.contains("slot dropped"), "{why}");
        assert!(matches!(gap.judge(READING, &[], 0), Standing::Gap { .. }));
        let behind = [era(0).life(place(8))];
        let told = Seen { anchor: None, ..gap };
        assert!(matches!(told.judge(READING, &behind, 0), Standing::GoesOn(_)));
    }

    #[test]
    fn sequences_that_were_given_away_are_of_another_life() {
        let known = era(0).life(place(6));
        let Standing::Gap { from, .. } = seen(1, 5).judge(READING, std::slice::from_ref(&known), 0) else {
            panic!("not seen")
        };
        assert_ne!(from.incarnation, known.incarnation);
        let Standing::GoesOn(anew) = seen(1, 5).judge(READING, &[], seen(1, 5).rewritten()) else {
            panic!("not followed")
        };
        assert_eq!(anew.incarnation, from.incarnation);
    }
}
