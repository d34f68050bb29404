//! Where a reader stands in a stream, and in which life of it.
//!
//! A sequence alone is no place: a broker that lost what it had not written gives the same sequences to other messages,
//! and a stream that is deleted and created again begins at 1. So a place has the moment at which the broker stored its
//! message too, and a life the moment at which the stream was created.

use std::fmt;

use crate::feed::source::Life;

/// A message of a stream: its sequence, and when the broker stored it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Its sequence, from 1; 0 ahead of the first.
    pub sequence: u64,
    /// When it was stored, in nanoseconds since 1970; 0 where that is not known.
    pub stored_ns: i128,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.sequence, self.stored_ns)
    }
}

impl Place {
    /// A place that [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Place> {
        let (sequence, stored_ns) = text.split_once('@')?;
        Some(Place {
            sequence: sequence.parse().ok()?,
            stored_ns: stored_ns.parse().ok()?,
        })
    }

    /// The position of the `ordinal`th change, from 0, of the message: the sequence, and of a further one its ordinal.
    pub fn position(self, ordinal: usize) -> Vec<u8> {
        let mut position = self.sequence.to_be_bytes().to_vec();
        if ordinal > 0 {
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            position.extend_from_slice(&ordinal.to_be_bytes());
        }
        position
    }
}

/// One life of a stream, as one reader takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era {
    /// What the stream is called, and how its messages are read: other names and formats have other numbers.
    pub reading: u64,
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: i128,
    /// The sequence at which the copy begins that was read; 0: none.
    pub copy: u64,
}

impl Era {
    /// The place `place` in this life.
    pub(super) fn life(self, place: Place) -> Life {
        Life {
            incarnation: format!("js:{:016x}:{}:{}", self.reading, self.created_ns, self.copy),
            token: place.to_string(),
        }
    }

    /// What [`Era::life`] wrote; `None` where something else did.
    pub(super) fn parse(life: &Life) -> Option<(Era, Place)> {
        let mut parts = life.incarnation.split(':');
        let (Some("js"), Some(reading), Some(created), Some(copy), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return None;
        };
        let era = Era {
            reading: u64::from_str_radix(reading, 16).ok()?,
            created_ns: created.parse().ok()?,
            copy: copy.parse().ok()?,
        };
        Some((era, Place::parse(&life.token)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_read_as_it_was_written_and_short_enough() {
        let era = Era {
            reading: u64::MAX,
            created_ns: i128::from(i64::MAX),
            copy: u64::MAX,
        };
        let place = Place {
            sequence: u64::MAX,
            stored_ns: 1_700_000_000_000_000_000,
        };
        let life = era.life(place);
        assert!(life.incarnation.len() <= 64, "{}", life.incarnation);
        assert!(
            life.incarnation
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        );
        assert_eq!(Era::parse(&life), Some((era, place)));
        for strange in ["js:1:2", "js:1:2:3:4", "pg:1:2:3", "js:x:2:3"] {
            let life = Life {
                incarnation: strange.into(),
                ..life.clone()
            };
            assert_eq!(Era::parse(&life), None, "{strange}");
        }
        assert_eq!(Place::parse("7"), None);
    }

    #[test]
    fn positions_are_in_the_order_of_messages_and_of_changes_within_one() {
        let place = |sequence| Place {
            sequence,
            stored_ns: 0,
        };
        let positions = [
            place(1).position(0),
            place(1).position(1),
            place(1).position(300),
            place(2).position(0),
            place(256).position(0),
        ];
        assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
        assert_eq!(positions[0], 1_u64.to_be_bytes());
    }
}
