//! What is known of a customer ahead of a change.

use smallvec::SmallVec;

use super::Replica;
use super::parked::Orphan;
use crate::customer::record::{Claim, Marks, Origin, Part, Record};
use crate::index::Known as Stored;

/// What is known of a customer ahead of a change.
pub(super) enum Known {
    Nothing,
    Deleted(Deleted),
    Customer(Before),
}

/// A customer that was deleted.
pub(super) struct Deleted {
    stream: u16,
    position: SmallVec<[u8; 16]>,
    marks: Marks,
}

/// A customer ahead of a change.
pub(super) struct Before {
    pub(super) stream: u16,
    position: SmallVec<[u8; 16]>,
    pub(super) marks: Marks,
    pub(super) claims: Vec<Claim>,
    /// Its JSON; empty where it was not wanted.
    pub(super) json: Vec<u8>,
}

impl Deleted {
    fn of(origin: Origin<'_>) -> Deleted {
        Deleted {
            stream: origin.stream,
            position: SmallVec::from_slice(origin.position),
            marks: Marks::from_bytes(origin.marks),
        }
    }

    /// Whether the document, or that it is gone, is as new as `origin`.
    pub(super) fn covers(&self, origin: Origin<'_>) -> bool {
        is_seen(self.stream, &self.position, origin)
            || self.marks.covers(Part::DOCUMENT, origin.stream, origin.position)
    }

    /// Whether `part`, one of `list`, is as new as `origin`.
    pub(super) fn covers_part(&self, part: Part, list: Part, origin: Origin<'_>) -> bool {
        // With the customer everything went that its stream had delivered of it until then.
        is_seen(self.stream, &self.position, origin) || covers_part(&self.marks, part, list, origin)
    }

    /// What is left of it once `origin` says something newer.
    pub(super) fn into_marks(self, origin: Origin<'_>) -> Marks {
        let mut marks = self.marks;
        for part in [Part::DOCUMENT, Part::CASES, Part::INTERACTIONS] {
            if !marks.covers(part, self.stream, &self.position) {
                marks.set(part, self.stream, &self.position, true);
            }
        }
        without_document_of(&mut marks, origin);
        marks
    }
}

impl Before {
    /// Whether the document is as new as `origin`.
    pub(super) fn covers(&self, origin: Origin<'_>) -> bool {
        is_seen(self.stream, &self.position, origin)
            || self.marks.covers(Part::DOCUMENT, origin.stream, origin.position)
    }

    /// Whether `part`, one of `list`, is as new as `origin`.
    pub(super) fn covers_part(&self, part: Part, list: Part, origin: Origin<'_>) -> bool {
        covers_part(&self.marks, part, list, origin)
    }

    /// Where the record came from, with `marks`.
    pub(super) fn origin<'a>(&'a self, marks: &'a [u8]) -> Origin<'a> {
        Origin {
            stream: self.stream,
            position: &self.position,
            marks,
        }
    }

    /// What is left of its marks once `origin` has another document.
    pub(super) fn into_marks(self, origin: Origin<'_>) -> Marks {
        let mut marks = self.marks;
        if self.stream != origin.stream {
            marks.set(Part::DOCUMENT, self.stream, &self.position, false);
        }
        without_document_of(&mut marks, origin);
        marks
    }
}

impl Known {
    /// What a deletion by `origin` remembers of what streams have delivered of the customer: `ended` waited for it. What the
    /// deletion's own place covers is left out.
    pub(super) fn ended(self, origin: Origin<'_>, ended: &[Orphan]) -> Marks {
        let mut marks = match self {
            Known::Nothing => Marks::default(),
            Known::Deleted(deleted) => deleted.into_marks(origin),
            Known::Customer(before) => before.into_marks(origin),
        };
        for orphan in ended {
            let part = orphan.change.part();
            if !marks.covers(part, orphan.stream, &orphan.position) {
                marks.set(part, orphan.stream, &orphan.position, true);
            }
        }
        marks.retain(|mark| mark.stream != origin.stream || *mark.position > *origin.position);
        marks.end();
        marks
    }
}

impl Replica {
    /// What is known of the customer `id`, changes that are not visible yet included.
    pub(super) fn known(&self, id: &str) -> Known {
        self.known_as_far(id, |_, _| true)
    }

    /// The same, of a customer with its JSON only where it is `wanted`.
    pub(super) fn known_as_far(&self, id: &str, wanted: impl FnOnce(&Record<'_>, &Marks) -> bool) -> Known {
        self.writer.current(id, |current| match current {
            None => self.state.graves.get(id).map_or(Known::Nothing, |grave| {
                Known::Deleted(Deleted::of(grave.origin()))
            }),
            Some(Stored::Deleted(origin)) => Known::Deleted(Deleted::of(origin)),
            Some(Stored::Customer(record)) => {
                let origin = record.origin();
                let marks = Marks::from_bytes(origin.marks);
                let json = if wanted(&record, &marks) {
                    record.json().to_vec()
                } else {
                    Vec::new()
                };
                Known::Customer(Before {
                    stream: origin.stream,
                    position: SmallVec::from_slice(origin.position),
                    marks,
                    claims: record.claims().collect(),
                    json,
                })
            }
        })
    }
}

/// Whether what came from `position` of `stream` is as new as `origin`: positions compare only within one stream.
pub(super) fn is_seen(stream: u16, position: &[u8], origin: Origin<'_>) -> bool {
    stream == origin.stream && position >= origin.position
}

fn covers_part(marks: &Marks, part: Part, list: Part, origin: Origin<'_>) -> bool {
    marks.covers(part, origin.stream, origin.position) || marks.covers(list, origin.stream, origin.position)
}

/// A record's own origin speaks for its stream's documents.
fn without_document_of(marks: &mut Marks, origin: Origin<'_>) {
    marks.retain(|mark| mark.part != Part::DOCUMENT || mark.stream != origin.stream);
}
