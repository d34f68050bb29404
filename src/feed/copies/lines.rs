//! Lines from whoever reads a source to whoever builds a generation of them, bounded.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that are handed over at once.
const CHUNK: usize = 256 << 10;
/// Chunks that wait.
const QUEUE: usize = 4;

/// Where lines go in.
#[derive(Debug)]
pub(super) struct Lines {
    to: SyncSender<Option<Vec<u8>>>,
    chunk: Vec<u8>,
}

/// Where they come out.
#[derive(Debug)]
pub(super) struct Piped {
    from: Receiver<Option<Vec<u8>>>,
    chunk: Vec<u8>,
    read: usize,
    ended: bool,
}

/// The reader is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

pub(super) fn pipe() -> (Lines, Piped) {
    let (to, from) = sync_channel(QUEUE);
    let chunk = Vec::with_capacity(CHUNK);
    let lines = Lines { to, chunk };
    let piped = Piped {
        from,
        chunk: Vec::new(),
        read: 0,
        ended: false,
    };
    (lines, piped)
}

impl Lines {
    /// Sends a line; waits where as many wait as may.
    pub(super) fn send(&mut self, line: &[u8]) -> Result<(), Gone> {
        self.chunk.extend_from_slice(line);
        self.chunk.push(b'\n');
        if self.chunk.len() < CHUNK {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.to.send(Some(chunk)).map_err(|_| Gone)
    }

    /// These are all of them. Lines that are dropped without this are an error to whoever reads.
    pub(super) fn end(self) {
        // A reader that is gone says why itself.
        let _gone = self.to.send(Some(self.chunk)).and_then(|()| self.to.send(None));
    }
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() && !self.ended {
            match self.from.recv() {
                Ok(Some(chunk)) => (self.chunk, self.read) = (chunk, 0),
                Ok(None) => self.ended = true,
                Err(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the copy was broken off",
                    ));
                }
            }
        }
        let rest = &self.chunk[self.read..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in_and_an_end_that_was_not_said_is_none() {
        let (mut lines, mut piped) = pipe();
        let sent = std::thread::spawn(move || {
            for nth in 0..100_000 {
                lines.send(format!("line {nth}").as_bytes()).unwrap();
            }
            lines.end();
        });
        let mut text = String::new();
        piped.read_to_string(&mut text).unwrap();
        sent.join().unwrap();
        assert_eq!(text.lines().count(), 100_000);
        assert!(text.ends_with("line 99999\n"));

        let (mut lines, mut piped) = pipe();
        lines.send(b"one").unwrap();
        drop(lines);
        assert!(piped.read_to_string(&mut text).is_err());
        let (mut lines, piped) = pipe();
        drop(piped);
        assert_eq!((0..1000).try_for_each(|_| lines.send(&[b'x'; 1024])), Err(Gone));
    }
}
