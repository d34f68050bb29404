//! The index of names while a snapshot is written: each word's customers, encoded as they come.
//!
//! Customers come in the order of their places, so that nothing has to be sorted but words. What is more than the room
//! allows is written to a file as a run; the runs of a word follow one another as they stand. The names of a snapshot that
//! is merged are the first run.

mod kept;
mod runs;
mod spool;

use std::collections::HashMap;
use std::io::{self, Read, Seek, Write};

use smallvec::SmallVec;

use self::kept::Kept;
use self::runs::{Run, Runs};
use self::spool::Spool;
use super::SnapshotWriter;
use crate::snapshot::SnapshotError;
use crate::snapshot::layout::SectionKind;
use crate::snapshot::names::{Names, Row, TRAILER, WORD, write_leb};
use crate::snapshot::sort::Room;

/// What a word takes in memory beside its customers.
const WORD_COST: u64 = 80;
/// Bytes that are gathered ahead of being written.
const GATHERED: usize = 1 << 16;

/// A word's customers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List {
    /// The place of the last one.
    last: u32,
    /// All of them, encoded.
    bytes: SmallVec<[u8; 16]>,
}

impl List {
    fn add(&mut self, place: u32) {
        write_leb(place - self.last, &mut self.bytes);
        self.last = place;
    }
}

/// The names of customers so far.
#[derive(Debug)]
pub(super) struct Index {
    room: Option<Room>,
    rows: Spool,
    words: HashMap<u128, List>,
    cost: u64,
    /// The place of the next customer; `None` behind the last one that can be counted.
    next: Option<u32>,
    runs: Runs,
}

impl Index {
    pub(super) fn new(room: Option<&Room>) -> Index {
        Index {
            room: room.cloned(),
            rows: Spool::new(room),
            words: HashMap::new(),
            cost: 0,
            next: Some(0),
            runs: Runs::default(),
        }
    }

    /// Adds the next customer, whose record is at `reference`, created then and ordered so by its name. Without `keys` its
    /// words are among those of the snapshot that is merged.
    pub(super) fn add(
        &mut self,
        reference: u64,
        (created_ms, name): (Option<i64>, u64),
        keys: &[u128],
    ) -> io::Result<()> {
        let Some(place) = self.next else { return Ok(()) };
        let row = Row {
            reference,
            created_ms,
            name,
        };
        self.rows.write(&row.encode())?;
        for key in keys {
            let list = self.words.entry(*key).or_insert_with(|| {
                self.cost += WORD_COST;
                List::default()
            });
            let before = list.bytes.len();
            list.add(place);
            self.cost += (list.bytes.len() - before) as u64;
        }
        self.next = place.checked_add(1);
        if let Some(room) = self.room.as_ref().filter(|room| self.cost >= room.buffer()) {
            self.runs.spill(sorted(&mut self.words), room)?;
            self.cost = 0;
        }
        Ok(())
    }
}

fn sorted(words: &mut HashMap<u128, List>) -> Vec<(u128, List)> {
    let mut sorted: Vec<(u128, List)> = words.drain().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}

impl<W: Read + Write + Seek> SnapshotWriter<W> {
    /// Has the snapshot have no index of names, as those written before there was one.
    #[must_use]
    pub fn without_names(mut self) -> SnapshotWriter<W> {
        self.names = None;
        self
    }

    /// Writes the section of names; `over` are those of the snapshot that is merged, and the places of its customers that
    /// are not kept, ascending. All those that are kept are ahead of those that are not its own.
    pub(super) fn name_section(
        &mut self,
        mut index: Index,
        over: Option<(Names<'_>, &[u32])>,
    ) -> Result<(), SnapshotError> {
        let Some(customers) = index.next else {
            return Ok(());
        };
        self.begin(SectionKind::Names)?;
        index.rows.each(|bytes| self.put(bytes))?;
        let mut runs: Vec<Box<dyn Run + '_>> = Vec::new();
        if let Some((names, gone)) = over {
            runs.push(Box::new(Kept::new(names, gone)));
        }
        let memory = sorted(&mut index.words);
        runs.extend(index.runs.readers());
        runs.push(Box::new(memory.into_iter()));

        let mut entries = Spool::new(index.room.as_ref());
        let (mut at, mut words) = (0_u64, 0_u64);
        let mut gathered = Vec::with_capacity(GATHERED);
        runs::merge(runs, |key, list| -> Result<(), SnapshotError> {
            gathered.extend_from_slice(&list.bytes);
            at += list.bytes.len() as u64;
            words += 1;
            let mut entry = [0; WORD];
            entry[..16].copy_from_slice(&key.to_be_bytes());
            entry[16..].copy_from_slice(&at.to_le_bytes());
            entries.write(&entry)?;
            if gathered.len() >= GATHERED {
                self.put(&gathered)?;
                gathered.clear();
            }
            Ok(())
        })?;
        self.put(&gathered)?;
        entries.each(|bytes| self.put(bytes))?;
        let mut trailer = [0; TRAILER];
        for (word, slot) in [u64::from(customers), at, words]
            .iter()
            .zip(trailer.chunks_exact_mut(8))
        {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        self.put(&trailer)?;
        self.end(SectionKind::Names);
        Ok(())
    }
}
