//! Bytes that are written now and read once, later: in memory while they are few, behind that in a file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use crate::durable;
use crate::snapshot::sort::Room;

/// Bytes that are kept in memory.
const MOST_KEPT: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Spool {
    /// Without room everything stays in memory.
    room: Option<Room>,
    kept: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    pub(super) fn new(room: Option<&Room>) -> Spool {
        Spool {
            room: room.cloned(),
            kept: Vec::new(),
            file: None,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.kept.extend_from_slice(bytes);
        if let Some(room) = &self.room
            && self.kept.len() >= MOST_KEPT
        {
            let file = match &mut self.file {
                Some(file) => file,
                empty => empty.insert(durable::scratch(room.dir())?),
            };
            file.write_all(&self.kept)?;
            self.kept.clear();
        }
        Ok(())
    }

    /// Hands over everything, a piece at a time.
    pub(super) fn each<E: From<io::Error>>(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(mut file) = self.file.take() {
            file.rewind()?;
            let mut piece = vec![0; MOST_KEPT];
            loop {
                let read = file.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                take(&piece[..read])?;
            }
        }
        take(&self.kept)
    }
}
