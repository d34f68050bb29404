//! Contested numbers: their claimants in order, one number after the other, however many there are of either.

use std::cmp::Ordering;
use std::io::{self, Read, Seek, Write};

use super::{SnapshotWriter, opened};
use crate::number::Key;
use crate::snapshot::SnapshotError;
use crate::snapshot::claimants::Many;
use crate::snapshot::layout::{UNIT, number_hash, number_of_hash};
use crate::snapshot::sort::{Item, Room, Sorter, read_u64};
use crate::snapshot::table::Entry;

/// Bytes of the section that are gathered ahead of writing them: reading records back and writing in turns would flush
/// with every entry.
const GATHERED: usize = 1 << 20;
/// Part of a snapshot's room that the claimants of one number take, for each of the two orders.
const ROOM_PART: u64 = 4;

/// A customer among the claimants of a number, in an order of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claimant {
    /// The greatest comes first: the seq at which the claim began, or the customer's creation, which may be unknown.
    rank: Option<i64>,
    id: String,
    reference: u64,
}

impl Ord for Claimant {
    fn cmp(&self, other: &Claimant) -> Ordering {
        (other.rank, &other.id, other.reference).cmp(&(self.rank, &self.id, self.reference))
    }
}

impl PartialOrd for Claimant {
    fn partial_cmp(&self, other: &Claimant) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Item for Claimant {
    fn size(&self) -> u64 {
        // What an allocation costs beside its bytes.
        (size_of::<Claimant>() + self.id.len() + 16) as u64
    }

    fn write(&self, run: &mut Vec<u8>) {
        run.extend_from_slice(&u64::from(self.rank.is_some()).to_le_bytes());
        run.extend_from_slice(&self.rank.unwrap_or_default().to_le_bytes());
        run.extend_from_slice(&self.reference.to_le_bytes());
        run.extend_from_slice(&(self.id.len() as u64).to_le_bytes());
        run.extend_from_slice(self.id.as_bytes());
    }

    fn read(run: &mut impl Read) -> io::Result<Claimant> {
        let known = read_u64(run)? != 0;
        let rank = read_u64(run)?.cast_signed();
        let reference = read_u64(run)?;
        let len = read_u64(run)?;
        let mut id = String::new();
        run.take(len).read_to_string(&mut id)?;
        Ok(Claimant {
            rank: known.then_some(rank),
            id,
            reference,
        })
    }
}

/// The claimants of one number.
struct Crowd {
    key: u64,
    shared: bool,
    newest_claim: Sorter<Claimant>,
    newest_customer: Sorter<Claimant>,
}

/// What claims come to.
pub(super) struct Gathered {
    /// One for each number, which leads to its one claimant or to its entry of the claimants section.
    pub(super) entries: Sorter<Entry>,
    /// Numbers with several claimants.
    pub(super) contested: u64,
    /// Entries that are values of attributes, and no numbers.
    pub(super) attributes: u64,
}

/// Goes through the claims in the order of their numbers' hashes.
pub(super) struct Crowds<'a, W> {
    writer: &'a mut SnapshotWriter<W>,
    /// One entry a number.
    numbers: Sorter<Entry>,
    contested: u64,
    attributes: u64,
    gathered: Vec<u8>,
    room: Option<Room>,
}

impl<W: Read + Write + Seek> Crowds<'_, W> {
    /// Writes the claimants section of `writer`.
    pub(super) fn gather(writer: &mut SnapshotWriter<W>) -> Result<Gathered, SnapshotError> {
        let mut claims = std::mem::replace(&mut writer.numbers, Sorter::new(None));
        let mut crowds = Crowds {
            numbers: Sorter::new(writer.room.as_ref()),
            room: writer.room.as_ref().map(|room| room.part(ROOM_PART)),
            contested: 0,
            attributes: 0,
            gathered: Vec::new(),
            writer,
        };
        let mut first: Option<Entry> = None;
        let mut crowd: Option<Crowd> = None;
        for entry in claims.merge()? {
            let entry = entry?;
            match first {
                Some(first) if first.hash == entry.hash => {
                    let crowd = match &mut crowd {
                        Some(crowd) => crowd,
                        none => none.insert(crowds.of(first)?),
                    };
                    crowds.join(crowd, entry)?;
                }
                _ => {
                    crowds.end(first.replace(entry), crowd.take())?;
                }
            }
        }
        crowds.end(first, crowd)?;
        crowds.flush()?;
        Ok(Gathered {
            entries: crowds.numbers,
            contested: crowds.contested,
            attributes: crowds.attributes,
        })
    }

    fn of(&mut self, first: Entry) -> Result<Crowd, SnapshotError> {
        let mut crowd = Crowd {
            key: 0,
            shared: false,
            newest_claim: Sorter::new(self.room.as_ref()),
            newest_customer: Sorter::new(self.room.as_ref()),
        };
        self.join(&mut crowd, first)?;
        Ok(crowd)
    }

    fn join(&mut self, crowd: &mut Crowd, entry: Entry) -> Result<(), SnapshotError> {
        let bytes = self.writer.read_back(entry.reference)?;
        let record = opened(&bytes, entry.reference)?;
        let seed = self.writer.seed;
        let claim = record
            .claims()
            .find(|claim| number_hash(claim.key, seed) == entry.hash);
        let Some(claim) = claim else { return Ok(()) };
        crowd.key = claim.key;
        crowd.shared |= claim.shared;
        let claimant = |rank| Claimant {
            rank,
            id: record.id().to_owned(),
            reference: entry.reference,
        };
        crowd
            .newest_claim
            .push(claimant(Some(claim.since.cast_signed())))?;
        crowd.newest_customer.push(claimant(record.created_ms()))?;
        Ok(())
    }

    /// Ends the number of `first`, which is contested where there is a crowd.
    fn end(&mut self, first: Option<Entry>, crowd: Option<Crowd>) -> Result<(), SnapshotError> {
        let Some(mut entry) = first else { return Ok(()) };
        let is_number = Key::from_raw(number_of_hash(entry.hash, self.writer.seed)).is_number();
        self.attributes += u64::from(!is_number);
        if let Some(crowd) = crowd {
            entry.reference = (self.writer.at + self.gathered.len() as u64) / UNIT;
            self.contested += u64::from(is_number);
            self.write(crowd)?;
        }
        Ok(self.numbers.push(entry)?)
    }

    fn write(&mut self, mut crowd: Crowd) -> Result<(), SnapshotError> {
        let count = crowd.newest_claim.len();
        Many::write(
            (crowd.key, crowd.shared, count),
            |each| {
                for order in [&mut crowd.newest_claim, &mut crowd.newest_customer] {
                    for claimant in order.merge()? {
                        each(claimant?.reference)?;
                    }
                }
                Ok(())
            },
            |bytes| {
                self.gathered.extend_from_slice(bytes);
                if self.gathered.len() >= GATHERED {
                    self.flush()?;
                }
                Ok(())
            },
        )
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        let gathered = std::mem::take(&mut self.gathered);
        self.writer.put(&gathered)
    }
}
