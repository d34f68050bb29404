//! Runs of words: sorted, each with customers behind those of the run before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::List;
use crate::durable;
use crate::snapshot::names::{read_leb, write_leb};
use crate::snapshot::sort::{Room, Span};

/// Bytes that a run is written in.
const WRITTEN: usize = 1 << 18;
/// Bytes that are read of a run at a time.
const READ: usize = 1 << 16;

/// Words in their order, each with its customers.
pub(super) trait Run {
    /// The next word.
    fn next(&mut self) -> io::Result<Option<(u128, List)>>;
}

impl Run for std::vec::IntoIter<(u128, List)> {
    fn next(&mut self) -> io::Result<Option<(u128, List)>> {
        Ok(Iterator::next(self))
    }
}

/// Runs in a file.
#[derive(Debug, Default)]
pub(super) struct Runs {
    file: Option<Arc<File>>,
    /// Where each ends.
    ends: Vec<u64>,
}

impl Runs {
    /// Writes `words` behind what is there.
    pub(super) fn spill(&mut self, words: Vec<(u128, List)>, room: &Room) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(durable::scratch(room.dir())?))),
        };
        let mut end = self.ends.last().copied().unwrap_or(0);
        let mut bytes = Vec::with_capacity(WRITTEN);
        for (key, list) in words {
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.extend_from_slice(&list.last.to_le_bytes());
            bytes.extend_from_slice(
                &u32::try_from(list.bytes.len())
                    .map_err(io::Error::other)?
                    .to_le_bytes(),
            );
            bytes.extend_from_slice(&list.bytes);
            if bytes.len() >= WRITTEN {
                file.write_all_at(&bytes, end)?;
                end += bytes.len() as u64;
                bytes.clear();
            }
        }
        file.write_all_at(&bytes, end)?;
        self.ends.push(end + bytes.len() as u64);
        Ok(())
    }

    /// Every run, in their order.
    pub(super) fn readers<'r>(&self) -> Vec<Box<dyn Run + 'r>> {
        let Some(file) = &self.file else { return Vec::new() };
        let mut at = 0;
        let spans = self.ends.iter().map(|end| Span {
            file: Arc::clone(file),
            at: std::mem::replace(&mut at, *end),
            end: *end,
        });
        let mut readers: Vec<Box<dyn Run + 'r>> = Vec::new();
        for span in spans {
            let left = span.end - span.at;
            readers.push(Box::new(Spilled {
                bytes: BufReader::with_capacity(READ, span),
                left,
            }));
        }
        readers
    }
}

struct Spilled {
    bytes: BufReader<Span>,
    left: u64,
}

impl Run for Spilled {
    fn next(&mut self) -> io::Result<Option<(u128, List)>> {
        const HEAD: usize = 24;
        if self.left == 0 {
            return Ok(None);
        }
        let (mut key, mut number) = ([0; 16], [0; 4]);
        self.bytes.read_exact(&mut key)?;
        self.bytes.read_exact(&mut number)?;
        let last = u32::from_le_bytes(number);
        self.bytes.read_exact(&mut number)?;
        let mut list = List {
            last,
            ..List::default()
        };
        list.bytes.resize(u32::from_le_bytes(number) as usize, 0);
        self.bytes.read_exact(&mut list.bytes)?;
        self.left = self.left.saturating_sub((HEAD + list.bytes.len()) as u64);
        Ok(Some((u128::from_le_bytes(key), list)))
    }
}

/// Hands to `each` every word of `runs` once, in order, with its customers of all of them.
pub(super) fn merge<E: From<io::Error>>(
    mut runs: Vec<Box<dyn Run + '_>>,
    mut each: impl FnMut(u128, &List) -> Result<(), E>,
) -> Result<(), E> {
    let mut heads: Vec<Option<List>> = Vec::with_capacity(runs.len());
    let mut next = BinaryHeap::new();
    for (nth, run) in runs.iter_mut().enumerate() {
        let head = run.next()?;
        next.extend(head.as_ref().map(|(key, _)| Reverse((*key, nth))));
        heads.push(head.map(|(_, list)| list));
    }
    let mut present: Option<(u128, List)> = None;
    while let Some(Reverse((key, nth))) = next.pop() {
        let list = heads[nth].take().unwrap_or_default();
        if let Some((following, list)) = runs[nth].next()? {
            next.push(Reverse((following, nth)));
            heads[nth] = Some(list);
        }
        match &mut present {
            Some((word, gathered)) if *word == key => append(gathered, list),
            before => {
                if let Some((word, gathered)) = before.replace((key, list)) {
                    each(word, &gathered)?;
                }
            }
        }
    }
    if let Some((word, gathered)) = present {
        each(word, &gathered)?;
    }
    Ok(())
}

/// Puts the customers of `later` behind those of `list`: only the first is told by its distance anew.
fn append(list: &mut List, later: List) {
    let mut rest = &later.bytes[..];
    let Some(first) = read_leb(&mut rest) else { return };
    write_leb(first.saturating_sub(list.last), &mut list.bytes);
    list.bytes.extend_from_slice(rest);
    list.last = later.last;
}
