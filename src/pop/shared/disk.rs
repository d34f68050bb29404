//! The own log, written by a thread of its own: a disk that hangs or is full keeps nothing from the stream.

use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::super::store::{State, StoreError};
use super::course::Course;
use crate::durable::{Journal, JournalError};

/// The most bytes that wait for the disk; beyond them everything is written anew, once it can be.
const WAITING_BYTES: u64 = 64 << 20;

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// Append these lines.
    Lines { lines: Vec<u8>, up_to: u64 },
    /// Begin a segment.
    Roll(Box<State>, u64),
}

/// What it says: own entries up to here are on disk; or nothing is taken until another segment begins; or that was not
/// begun; for this reason.
#[derive(Debug)]
pub(super) enum Said {
    Written { up_to: u64, bytes: u64 },
    Rolled { up_to: u64, bytes: u64 },
    Failed(String),
    NotRolled(String),
}

/// The own log.
#[derive(Debug)]
pub(super) struct Disk {
    told: Option<Sender<Told>>,
    waiting: u64,
    thread: Option<JoinHandle<()>>,
}

struct Writer {
    journal: Journal,
    segment: u64,
    /// Something is missing in the segment: nothing makes sense behind it.
    is_stale: bool,
}

impl Disk {
    /// Goes on with `journal`, whose last segment is called `segment`: another one begins, as of `course`.
    ///
    /// # Errors
    /// It cannot be begun, or there is no thread to be had.
    pub(super) fn spawn(
        journal: Journal,
        segment: u64,
        course: &Course,
        said: Sender<Said>,
    ) -> Result<Disk, StoreError> {
        let mut writer = Writer {
            journal,
            segment,
            is_stale: false,
        };
        writer.roll(&course.state())?;
        let (told, hears) = unbounded();
        let thread = std::thread::Builder::new()
            .name("calls-disk".to_owned())
            .spawn(move || writer.run(&hears, &said))
            .map_err(StoreError::Thread)?;
        Ok(Disk {
            told: Some(told),
            waiting: 0,
            thread: Some(thread),
        })
    }

    /// Appends `lines`, with which own entries up to `up_to` are on disk. False where too much waits for it.
    pub(super) fn append(&mut self, lines: Vec<u8>, up_to: u64) -> bool {
        if self.waiting > WAITING_BYTES {
            return false;
        }
        self.waiting += lines.len() as u64;
        self.tell(Told::Lines { lines, up_to });
        true
    }

    /// Begins a segment with `state`, with which own entries up to `up_to` are on disk.
    pub(super) fn roll(&mut self, state: State, up_to: u64) {
        self.tell(Told::Roll(Box::new(state), up_to));
    }

    /// Nothing waits any more of so many bytes.
    pub(super) fn written(&mut self, bytes: u64) {
        self.waiting = self.waiting.saturating_sub(bytes);
    }

    fn tell(&self, told: Told) {
        if let Some(channel) = &self.told {
            // The thread ends with this value alone, or in a panic that was told of.
            let _told = channel.send(told);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.told = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the log of calls ended in a panic; what it said stands above");
        }
    }
}

impl Writer {
    fn run(mut self, hears: &Receiver<Told>, said: &Sender<Said>) {
        while let Ok(first) = hears.recv() {
            let mut together = vec![first];
            together.extend(hears.try_iter());
            let (mut lines, mut up_to) = (Vec::new(), None);
            for told in together {
                match told {
                    Told::Lines {
                        lines: more,
                        up_to: place,
                    } => {
                        lines.extend_from_slice(&more);
                        up_to = Some(place);
                    }
                    Told::Roll(state, place) => {
                        self.append(&mut lines, up_to.take(), said);
                        let said_of_it = match self.roll(&state) {
                            Ok(bytes) => Said::Rolled { up_to: place, bytes },
                            Err(error) => {
                                // What was noted behind the state may be in no segment.
                                self.is_stale = true;
                                Said::NotRolled(error.to_string())
                            }
                        };
                        // Whoever decides may have ended.
                        let _told = said.send(said_of_it);
                    }
                }
            }
            self.append(&mut lines, up_to, said);
        }
    }

    fn append(&mut self, lines: &mut Vec<u8>, up_to: Option<u64>, said: &Sender<Said>) {
        let Some(up_to) = up_to else {
            return;
        };
        let bytes = lines.len() as u64;
        let appended = match self.is_stale {
            false => self.journal.append(lines),
            true => Ok(()),
        };
        lines.clear();
        let said_of_it = match appended {
            Ok(()) if !self.is_stale => Said::Written { up_to, bytes },
            Ok(()) => Said::Written { up_to: 0, bytes },
            Err(error) => {
                self.is_stale = true;
                let _told = said.send(Said::Written { up_to: 0, bytes });
                Said::Failed(error.to_string())
            }
        };
        let _told = said.send(said_of_it);
    }

    /// Begins a segment, and leaves those before it. Gives its bytes.
    fn roll(&mut self, state: &State) -> Result<u64, StoreError> {
        let state = serde_json::to_vec(state).map_err(StoreError::State)?;
        self.journal.roll(self.segment + 1, &state)?;
        self.segment += 1;
        self.is_stale = false;
        match self.journal.trim(self.segment) {
            Ok(_) | Err(JournalError::Undone(_)) => Ok(state.len() as u64),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
