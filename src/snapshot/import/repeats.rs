//! Rows whose id an earlier row has: found when all rows are read, and taken out by a second pass.

use std::io::{self, Read};

use crate::customer::Record;
use crate::snapshot::sort::{Item, Merge, Sorter, read_u64};

/// A row whose id an earlier one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Repeat {
    pub(super) row: u64,
    /// The first row with that id.
    pub(super) first: u64,
}

impl Item for Repeat {
    fn size(&self) -> u64 {
        size_of::<Repeat>() as u64
    }

    fn write(&self, run: &mut Vec<u8>) {
        run.extend_from_slice(&self.row.to_le_bytes());
        run.extend_from_slice(&self.first.to_le_bytes());
    }

    fn read(run: &mut impl Read) -> io::Result<Repeat> {
        Ok(Repeat {
            row: read_u64(run)?,
            first: read_u64(run)?,
        })
    }
}

/// The row that `record` came from: an import's records have it as their position.
pub(super) fn row_of(record: &Record<'_>) -> u64 {
    <[u8; 8]>::try_from(record.origin().position).map_or(0, u64::from_be_bytes)
}

/// Goes along rows that ascend, and tells which of them are repeats.
pub(super) struct Passing<'a> {
    repeats: Merge<'a, Repeat>,
    next: Option<Repeat>,
}

impl<'a> Passing<'a> {
    pub(super) fn along(repeats: &'a mut Sorter<Repeat>) -> io::Result<Passing<'a>> {
        let mut repeats = repeats.merge()?;
        let next = repeats.next().transpose()?;
        Ok(Passing { repeats, next })
    }

    /// The next repeat ahead of `row`; `None` once there is no other.
    pub(super) fn before(&mut self, row: u64) -> io::Result<Option<Repeat>> {
        match self.next {
            Some(repeat) if repeat.row < row => {
                self.next = self.repeats.next().transpose()?;
                Ok(Some(repeat))
            }
            _ => Ok(None),
        }
    }

    /// Whether `row` is a repeat, where none is left before it.
    pub(super) fn is_at(&self, row: u64) -> bool {
        self.next.is_some_and(|repeat| repeat.row == row)
    }
}
