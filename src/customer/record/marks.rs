//! Marks: up to where streams have delivered what a record is made of, beyond its origin.
//!
//! A record's origin says which delivery wrote the customer's document last. Cases and interactions are delivered by
//! themselves too, perhaps by other streams, so each has a mark of its own: what is delivered again at or below its mark
//! changes nothing, and a part that was taken away stays away.
//!
//! ```text
//! one after another, the oldest first:
//!   0  u64  part: a hash of kind and id, or one of the small numbers of `Part`
//!   8  u16  stream, as in an origin
//!  10  u8   length of the position (at most 127); bit 7: the part is gone
//!  11  …    position
//! ```

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The most marks of one record; of more, the oldest of single cases and interactions are forgotten.
const MOST_MARKS: usize = 256;
/// The longest position that fits a mark, in bytes.
pub const MOST_POSITION: usize = 127;

const GONE: u8 = 1 << 7;
const HEAD: usize = 11;
/// Hashes of parts have this bit, the other parts do not.
const HASHED: u64 = 1 << 63;

/// Something of a customer that is delivered by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part(u64);

impl Part {
    /// The document without its cases and interactions.
    pub const DOCUMENT: Part = Part(0);
    /// The list of cases of a document that has one.
    pub const CASES: Part = Part(1);
    /// The list of interactions of a document that has one.
    pub const INTERACTIONS: Part = Part(2);

    /// The case `id`.
    pub fn case(id: &str) -> Part {
        Part(xxh3_64_with_seed(id.as_bytes(), 1) | HASHED)
    }

    /// The interaction `id`.
    pub fn interaction(id: &str) -> Part {
        Part(xxh3_64_with_seed(id.as_bytes(), 2) | HASHED)
    }
}

/// Up to where a stream has delivered a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which part.
    pub part: Part,
    /// Which stream, as in an origin.
    pub stream: u16,
    /// Where in it; at most [`MOST_POSITION`] bytes.
    pub position: SmallVec<[u8; 16]>,
    /// Whether that delivery took the part away.
    pub gone: bool,
}

/// The marks of one record, the oldest first; of each part and stream there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Reads what [`Marks::to_bytes`] wrote; of other bytes, what makes sense.
    pub fn from_bytes(mut bytes: &[u8]) -> Marks {
        let mut marks = Vec::new();
        while let Some((head, rest)) = bytes.split_at_checked(HEAD) {
            let (part, stream) = (
                head[..8].try_into().map_or(0, u64::from_le_bytes),
                u16::from_le_bytes([head[8], head[9]]),
            );
            let Some((position, rest)) = rest.split_at_checked(usize::from(head[10] & !GONE)) else {
                break;
            };
            marks.push(Mark {
                part: Part(part),
                stream,
                position: SmallVec::from_slice(position),
                gone: head[10] & GONE != 0,
            });
            bytes = rest;
        }
        Marks(marks)
    }

    /// The bytes that a record holds.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * (HEAD + 8));
        for mark in &self.0 {
            let length = u8::try_from(mark.position.len()).unwrap_or(u8::MAX) & !GONE;
            bytes.extend_from_slice(&mark.part.0.to_le_bytes());
            bytes.extend_from_slice(&mark.stream.to_le_bytes());
            bytes.push(length | if mark.gone { GONE } else { 0 });
            bytes.extend_from_slice(&mark.position[..usize::from(length)]);
        }
        bytes
    }

    /// The mark of `part` in `stream`.
    pub fn get(&self, part: Part, stream: u16) -> Option<&Mark> {
        self.0
            .iter()
            .find(|mark| mark.part == part && mark.stream == stream)
    }

    /// Whether `stream` has delivered `part` at `position` or behind it.
    pub fn covers(&self, part: Part, stream: u16, position: &[u8]) -> bool {
        self.get(part, stream)
            .is_some_and(|mark| &*mark.position >= position)
    }

    /// Marks that `stream` has delivered `part` at `position`, in place of what was marked of it before.
    pub fn set(&mut self, part: Part, stream: u16, position: &[u8], gone: bool) {
        self.0.retain(|mark| mark.part != part || mark.stream != stream);
        if self.0.len() >= MOST_MARKS {
            // Those of the document and its lists speak for all that came ahead of them.
            let oldest = self.0.iter().position(Mark::is_of_one_part);
            self.0.remove(oldest.unwrap_or(0));
        }
        self.0.push(Mark {
            part,
            stream,
            position: SmallVec::from_slice(&position[..position.len().min(MOST_POSITION)]),
            gone,
        });
    }

    /// Whether there is one of a single case or interaction.
    pub fn has_parts(&self) -> bool {
        self.0.iter().any(Mark::is_of_one_part)
    }

    /// Marks that all of it is gone.
    pub fn end(&mut self) {
        self.0.iter_mut().for_each(|mark| mark.gone = true);
    }

    /// Forgets the marks that `keep` does not hold on to.
    pub fn retain(&mut self, keep: impl FnMut(&Mark) -> bool) {
        self.0.retain(keep);
    }
}

impl Mark {
    /// Whether it is of one case or one interaction, as against the document and its lists.
    pub fn is_of_one_part(&self) -> bool {
        self.part.0 & HASHED != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_covers_what_is_at_it_or_ahead_of_it_in_its_stream() {
        let mut marks = Marks::default();
        marks.set(Part::case("a"), 1, b"5", false);
        marks.set(Part::case("a"), 2, b"9", true);
        assert!(marks.covers(Part::case("a"), 1, b"5") && !marks.covers(Part::case("a"), 1, b"6"));
        assert!(marks.covers(Part::case("a"), 2, b"6") && !marks.covers(Part::case("b"), 1, b"1"));
        assert!(!marks.covers(Part::interaction("a"), 1, b"1"));
        marks.set(Part::case("a"), 1, b"7", true);
        assert!(marks.get(Part::case("a"), 1).is_some_and(|mark| mark.gone));
        assert!(Part::case("a") != Part::CASES && Part::CASES != Part::DOCUMENT);
    }

    #[test]
    fn the_oldest_marks_are_forgotten() {
        let mut marks = Marks::default();
        for nth in 0..=MOST_MARKS {
            marks.set(Part::case(&nth.to_string()), 0, b"1", false);
        }
        assert!(!marks.covers(Part::case("0"), 0, b"1"));
        assert!(marks.covers(Part::case(&MOST_MARKS.to_string()), 0, b"1"));
    }

    #[test]
    fn many_parts_push_out_none_of_the_document_and_its_lists() {
        let mut marks = Marks::default();
        for part in [Part::DOCUMENT, Part::CASES] {
            marks.set(part, 1, b"9", false);
        }
        for nth in 0..=MOST_MARKS {
            marks.set(Part::case(&nth.to_string()), 2, b"1", false);
        }
        assert!(marks.covers(Part::DOCUMENT, 1, b"9") && marks.covers(Part::CASES, 1, b"9"));
        assert!(marks.0.len() <= MOST_MARKS);
    }

    proptest! {
        #[test]
        fn marks_come_back_from_their_bytes(
            all in prop::collection::vec((any::<String>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..127), any::<bool>()), 0..20),
        ) {
            let mut marks = Marks::default();
            for (id, stream, position, gone) in &all {
                marks.set(Part::case(id), *stream, position, *gone);
            }
            prop_assert_eq!(Marks::from_bytes(&marks.to_bytes()), marks);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Marks::from_bytes(&bytes);
        }
    }
}
