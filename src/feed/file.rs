//! The file feed: changes, one a line, followed as the file grows.
//!
//! A file that was renamed away is read to its end before the one that took its name, after a restart too where it is
//! still in the same folder (one rotation while nobody looks; the files between two are not found); a file that was cut, or written anew under the same name, is a new life of the stream and
//! is read from its start. The last bytes that were read are compared whenever more is, so that a file that was
//! rewritten longer than it was is noticed too. What was written between the last look and a cut cannot be had: rename
//! and create, rather than copy and truncate.

mod life;
mod open;

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

pub use life::{Life, NoPlace, Place};
use open::{Open, identity};

/// Bytes read at once, unless one line is longer.
const CHUNK: usize = 1 << 20;
/// The longest line.
const LONGEST_LINE: usize = 16 << 20;

/// A whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in this life of the file, from 1.
    pub number: u64,
    /// Its bytes without the newline.
    pub bytes: Vec<u8>,
}

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// There is no file at the path.
    Missing,
    /// Nothing new.
    Idle,
    /// What was followed before the restart is gone, or was rewritten: what had been written to it and not read is
    /// missing, and what comes next is a new life.
    Gap,
    /// Something new; there may be more.
    Lines(Batch),
}

/// Lines of one life of the stream, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which life.
    pub incarnation: String,
    /// Whole lines; none where only a part of one that is too long was passed over.
    pub lines: Vec<Line>,
    /// Lines that were too long and were passed over.
    pub too_long: u64,
}

/// Follows the file at a path. Never waits; whoever calls decides when to look again.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// The other lives of the stream that are known, the newest last.
    known: Vec<Life>,
}

impl Follower {
    /// Follows `path`. `known` are the lives of the stream that a snapshot remembers, the newest last.
    pub fn new(path: &Path, known: Vec<Life>) -> Follower {
        Follower {
            path: path.to_owned(),
            open: None,
            known,
        }
    }

    /// Every known life and where to go on in it after a restart, once everything that was given out has been kept.
    pub fn lives(&self) -> impl Iterator<Item = Life> {
        let open = self.open.as_ref().map(|open| open.life(false));
        self.known.iter().cloned().chain(open)
    }

    /// Looks at the file.
    ///
    /// # Errors
    /// The file is there and cannot be read; the next look goes on where this one began.
    pub fn look(&mut self) -> Result<Look, Error> {
        let (open, joined) = match self.open.take() {
            Some(open) => (open, true),
            None => match self.begin()? {
                Some(begun) => begun,
                None => return Ok(Look::Missing),
            },
        };
        let open = self.open.insert(open);
        if !joined {
            return Ok(Look::Gap);
        }
        let read = open.read(false)?;
        if read.bytes > 0 {
            open.replaced = false;
            return Ok(Look::Lines(Batch {
                incarnation: open.incarnation.clone(),
                lines: read.lines,
                too_long: read.too_long,
            }));
        }
        let replaced = match std::fs::metadata(&self.path) {
            Ok(metadata) => identity(&metadata) != open.identity,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Look::Missing),
            Err(error) => return Err(error),
        };
        if !(std::mem::replace(&mut open.replaced, replaced) && replaced) {
            return Ok(Look::Idle);
        }
        // Nothing came during a whole look since the path led elsewhere: its writer has moved on too.
        let read = open.read(true)?;
        let life = open.life(true);
        let batch = Batch {
            incarnation: life.incarnation.clone(),
            lines: read.lines,
            too_long: read.too_long,
        };
        self.known.push(life);
        self.open = None;
        Ok(if read.bytes > 0 {
            Look::Lines(batch)
        } else {
            Look::Idle
        })
    }

    /// The file to follow, and whether it joins on to what was followed before; `None` where there is none yet.
    fn begin(&mut self) -> Result<Option<(Open, bool)>, Error> {
        let present = Open::at(&self.path)?;
        let unread = self.known.iter().rposition(Life::is_open);
        if let Some(nth) = unread {
            let life = &self.known[nth];
            let same = |open: &Open| life.is_of(&open.identity);
            let here = present.as_ref().is_some_and(same);
            let found = if here { None } else { self.beside(life) };
            if let Some(mut open) = found
                && open.resume(life)?
            {
                self.known.remove(nth);
                return Ok(Some((open, true)));
            }
        }
        let Some(mut open) = present else {
            return Ok(None);
        };
        let newest = self.known.iter().rposition(|life| life.is_of(&open.identity));
        let went_on = match newest {
            Some(nth) => open.resume(&self.known[nth])?,
            None => false,
        };
        let joined = unread.is_none_or(|unread| went_on && newest == Some(unread));
        if let Some(nth) = newest.filter(|_| went_on) {
            self.known.remove(nth);
        }
        // There is nothing more to be had of a life that was lost.
        for life in &mut self.known {
            if let Some(place) = &mut life.place {
                place.ended = true;
            }
        }
        Ok(Some((open, joined)))
    }

    /// The file of `life` under another name in the same folder, where a rotation puts it.
    fn beside(&self, life: &Life) -> Option<Open> {
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let renamed = std::fs::read_dir(folder).ok()?.flatten().find(|entry| {
            entry
                .metadata()
                .is_ok_and(|metadata| metadata.is_file() && life.is_of(&identity(&metadata)))
        })?;
        // Between looking and opening another file may have come to that name.
        Open::at(&renamed.path())
            .ok()
            .flatten()
            .filter(|open| life.is_of(&open.identity))
    }
}

#[cfg(test)]
mod tests;
