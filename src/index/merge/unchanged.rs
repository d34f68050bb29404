//! What a merge keeps of the old snapshot: verified and noted on a thread of its own, in runs that are copied whole.

use crossbeam::channel::Sender;

use super::Merge;
use crate::customer::record::Record;
use crate::customer::words::Words;
use crate::overlay::{Entry, Pinned};
use crate::snapshot::layout::{SectionKind, UNIT, id_hash53};
use crate::snapshot::names::Names;
use crate::snapshot::writer::Noted;
use crate::snapshot::{SnapshotError, Stream};

/// Bytes of records that are handed over at a time: few enough to be in a cache still when they are written.
const BATCH_BYTES: u64 = 1 << 19;
/// Of the marks that tell ids apart, one in so many is set at the most.
const MARKS_EACH: usize = 16;

/// Records in the order in which they are written.
#[derive(Debug)]
pub(super) struct Batch<'s> {
    pub(super) pieces: Vec<Piece<'s>>,
    pub(super) noted: Noted,
}

/// Records one behind the other.
#[derive(Debug)]
pub(super) enum Piece<'s> {
    /// As they stand in the old snapshot.
    Kept(&'s [u8]),
    /// One that was brought under the present schema.
    Rewritten(Vec<u8>),
}

impl AsRef<[u8]> for Piece<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Piece::Kept(run) => run,
            Piece::Rewritten(record) => record,
        }
    }
}

/// Which ids an overlay may say something of: a bit for each of their hashes, so that one look in a cache answers for
/// nearly all that it says nothing of.
#[derive(Debug)]
pub(super) struct Marks {
    words: Vec<u64>,
    /// How far a hash is shifted for its bit.
    shift: u32,
}

impl Marks {
    /// The marks of `ids`.
    pub(super) fn of<'i>(ids: impl ExactSizeIterator<Item = &'i str>) -> Marks {
        let bits = (ids.len() * MARKS_EACH).next_power_of_two().max(64);
        let mut marks = Marks {
            words: vec![0; bits / 64],
            shift: 53_u32.saturating_sub(bits.trailing_zeros()),
        };
        for id in ids {
            let (word, bit) = marks.place(id_hash53(id));
            if let Some(word) = marks.words.get_mut(word) {
                *word |= bit;
            }
        }
        marks
    }

    fn place(&self, hash53: u64) -> (usize, u64) {
        let place = hash53 >> self.shift;
        let word = usize::try_from(place / 64).unwrap_or(usize::MAX);
        (word, 1 << (place % 64))
    }

    /// Whether an id with the hash `hash53` may be one of them; where it is, always.
    pub(super) fn may_have(&self, hash53: u64) -> bool {
        let (word, bit) = self.place(hash53);
        self.words.get(word).is_none_or(|word| word & bit != 0)
    }
}

impl<'s> Batch<'s> {
    fn new(seed: u64) -> Batch<'s> {
        Batch {
            pieces: Vec::new(),
            noted: Noted::new(seed),
        }
    }

    /// Adds `record`, which stands in `section` and is noted.
    fn keep(&mut self, section: &'s [u8], record: &Record<'s>) {
        if let Some(Piece::Kept(run)) = self.pieces.last_mut()
            && let Some(longer) = joined(section, run, record.bytes())
        {
            *run = longer;
            return;
        }
        self.pieces.push(Piece::Kept(record.bytes()));
    }
}

fn note(noted: &mut Noted, record: &Record<'_>, hash53: u64) {
    noted.note(
        hash53,
        record.claims().map(|claim| claim.key),
        record.bytes().len(),
    );
}

/// `run` and `record` in one piece, where the record is the next one in `section` and nothing but zeros is between.
fn joined<'s>(section: &'s [u8], run: &[u8], record: &[u8]) -> Option<&'s [u8]> {
    let place = |bytes: &[u8]| bytes.as_ptr().addr().checked_sub(section.as_ptr().addr());
    let begin = place(run)?;
    let end = begin + run.len();
    let next = place(record)?;
    let is_next = next == end.next_multiple_of(usize::try_from(UNIT).ok()?);
    // A flipped bit between two records is nobody's, and is not carried on.
    let padding = section.get(end..next)?;
    (is_next && padding.iter().all(|byte| *byte == 0)).then_some(())?;
    section.get(begin..next + record.len())
}

impl Merge {
    /// Hands over every record of the old snapshot that the overlay says nothing of, in the order of the file. `marks` are
    /// those of the overlay's ids, `names` the old snapshot's, where their words are to be taken from there. Gives back the
    /// places, ascending, of the records left out. Ends early where nobody takes them any more.
    ///
    /// # Errors
    /// The first damaged record.
    pub(super) fn unchanged<'s>(
        &'s self,
        marks: &Marks,
        streams: &[Stream],
        names: Option<Names<'_>>,
        batches: &Sender<Batch<'s>>,
    ) -> Result<Vec<u32>, SnapshotError> {
        let seed = self.snapshot.header().seed;
        let section = self.snapshot.section(SectionKind::Records);
        let sealed = self.sealed.pin();
        let mut batch = Batch::new(seed);
        let mut words = Words::new();
        let mut gone = Vec::new();
        for (place, record) in (0_u32..).zip(self.snapshot.records()) {
            let record = record?;
            let hash53 = id_hash53(record.id());
            if marks.may_have(hash53) && self.is_changed(&sealed, record.id()) {
                gone.push(place);
                continue;
            }
            match self.rewritten(&record, streams) {
                Some(bytes) => {
                    let rewritten = opened(&bytes)?;
                    note(&mut batch.noted, &rewritten, hash53);
                    batch.pieces.push(Piece::Rewritten(bytes));
                }
                None => {
                    note(&mut batch.noted, &record, hash53);
                    batch.keep(section, &record);
                }
            }
            // Another schema has other attributes, not other names.
            match names.and_then(|names| names.row(place)) {
                Some(row) => batch.noted.known_by(row),
                None => batch.noted.name(&words.facts(&record)),
            }
            if batch.noted.bytes() >= BATCH_BYTES {
                let full = std::mem::replace(&mut batch, Batch::new(seed));
                if batches.send(full).is_err() {
                    return Ok(gone);
                }
            }
        }
        // Whoever does not take the last one either has an error of its own to tell.
        let _unsent = batches.send(batch);
        Ok(gone)
    }

    fn is_changed(&self, sealed: &Pinned<'_>, id: &str) -> bool {
        !matches!(sealed.customer(id, self.seq), Ok(None))
    }

    /// What the overlay has of every customer, by id.
    ///
    /// # Errors
    /// It has forgotten what was so at the seq of the merge, which would lose customers.
    pub(super) fn changed<'o>(
        &self,
        sealed: &'o Pinned<'_>,
    ) -> Result<Vec<(&'o str, &'o Entry)>, SnapshotError> {
        let mut changed = sealed
            .customers(self.seq)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| {
                SnapshotError::Inconsistent(format!(
                    "changes to be merged: expected what was so at seq {}, found only what came later",
                    self.seq
                ))
            })?;
        changed.sort_unstable_by_key(|(id, _)| *id);
        Ok(changed)
    }
}

/// A record that is in memory.
pub(super) fn opened(bytes: &[u8]) -> Result<Record<'_>, SnapshotError> {
    Record::open(bytes).map_err(|source| SnapshotError::Record { offset: 0, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_never_forget_an_id_and_seldom_have_another() {
        let ids: Vec<String> = (0..1000).map(|nth| format!("c-{nth}")).collect();
        let marks = Marks::of(ids.iter().map(String::as_str));
        assert!(ids.iter().all(|id| marks.may_have(id_hash53(id))));
        let others = (1000..11_000).filter(|nth| marks.may_have(id_hash53(&format!("c-{nth}"))));
        assert!(others.count() < 1000);
        assert!(!Marks::of([].into_iter()).may_have(id_hash53("c-1")));
    }

    #[test]
    fn a_run_ends_where_a_record_was_left_out_or_something_stands_between() {
        let section = b"aaaaa\0\0\0bbbbbbbbccccc\x01\0\0dddd";
        let (a, b, c, d) = (&section[..5], &section[8..16], &section[16..21], &section[24..28]);
        assert_eq!(joined(section, a, b), Some(&section[..16]));
        assert_eq!(joined(section, &section[..16], c), Some(&section[..21]));
        assert_eq!(joined(section, a, c), None, "b is left out");
        assert_eq!(joined(section, c, d), None, "what stands between is not zero");
    }
}
