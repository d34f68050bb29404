//! What the feeds' thread is told, and by whom.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::link::{Delivery, Question};
use super::push::Post;
use crate::replica::compaction::CompactionError;
use crate::replica::{Settings as Bounds, Word};
use crate::snapshot::layout::LogPlace;
use crate::snapshot::{MappedSnapshot, Stream};

/// How far the feeds are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The newest change that was applied.
    pub seq: u64,
    /// The streams behind that of imports, each with where to resume it.
    pub streams: Vec<Stream>,
    /// Where the change log is.
    pub log: LogPlace,
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Signal {
    Stop,
    /// Another snapshot is the present one, and to be taken up in place of everything.
    Replace(Replacement),
    /// Somebody wants the feeds to stand still while another snapshot is made the present one.
    Halt(Sender<Halt>),
    /// Somebody wants to know how far the feeds are.
    Places(Sender<Places>),
    /// Somebody wants to know whether the change log goes on over a snapshot.
    GoesOnOver {
        place: LogPlace,
        told: Sender<bool>,
    },
    /// Somebody wants the next generation now, and is told once there is none or it is there.
    Merge(Sender<()>),
    Merged(Result<Arc<MappedSnapshot>, CompactionError>),
    Post(Post),
    /// The reader of a network feed has read something.
    Delivered(Delivery),
    /// It asks something.
    Ask(Arc<str>, Question),
    /// A person has looked at a feed that is held.
    Release {
        feed: String,
        word: Word,
        released: Sender<bool>,
    },
    /// A followed file has been written to.
    Grown,
    /// The configuration has changed.
    Set(Bounds),
}

/// A snapshot that takes the place of everything.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) snapshot: Arc<MappedSnapshot>,
    /// Whether it is a whole copy of the source.
    pub(super) cures: bool,
    pub(super) done: Sender<bool>,
}

/// Feeds that stand still until this is dropped: what is posted meanwhile waits, and is applied behind it.
#[derive(Debug)]
pub struct Halt {
    /// How far they are.
    pub places: Places,
    /// Whether nothing has ever come: there is nothing that could be lost.
    pub is_empty: bool,
    pub(super) replacing: Sender<Replacement>,
}

/// Running feeds.
#[derive(Debug)]
pub struct Running {
    pub(super) signals: Sender<Signal>,
    pub(super) thread: JoinHandle<()>,
    pub(super) readers: Vec<JoinHandle<()>>,
}

/// Hands snapshots to the feeds' thread, which alone may take them up.
#[derive(Debug, Clone)]
pub struct Installer {
    pub(super) signals: Sender<Signal>,
}

impl Installer {
    /// Has `snapshot`, which is the folder's present one, taken up in place of everything that is served, and waits for
    /// it. Changes that it does not have are applied over it, and feeds go on where they are; `cures` where it is a whole
    /// copy of the source. False where the feeds have stopped.
    pub fn replace(&self, snapshot: Arc<MappedSnapshot>, cures: bool) -> bool {
        replace(snapshot, cures, |replacement| {
            self.signals.send(Signal::Replace(replacement)).is_ok()
        })
    }

    /// Has the feeds stand still once they have applied what they were told so far: whoever looks at what they have brought and
    /// then replaces it loses nothing that comes in between. Let go of it soon, and ask for nothing else meanwhile. `None` where
    /// the feeds have stopped.
    pub fn halt(&self) -> Option<Halt> {
        let (told, halted) = channel();
        self.signals.send(Signal::Halt(told)).ok()?;
        halted.recv().ok()
    }

    /// Whether every change over a snapshot whose header says `place` is in the change log; `None` where the feeds have
    /// stopped.
    pub fn goes_on_over(&self, place: LogPlace) -> Option<bool> {
        let (told, goes_on) = channel();
        self.signals.send(Signal::GoesOnOver { place, told }).ok()?;
        goes_on.recv().ok()
    }

    /// Has what changed since the present generation merged into the next, and waits for it, or for a merge that is under
    /// way; whether feeds still run.
    pub fn merge(&self) -> bool {
        let (told, merged) = channel();
        self.signals.send(Signal::Merge(told)).is_ok() && merged.recv().is_ok()
    }

    /// How far the feeds are; `None` where they have stopped.
    pub fn places(&self) -> Option<Places> {
        let (told, places) = channel();
        self.signals.send(Signal::Places(told)).ok()?;
        places.recv().ok()
    }

    /// Has the feed `name` go on, which is held; whether it was.
    pub fn release(&self, name: &str, word: Word) -> Option<bool> {
        let (released, told) = channel();
        let feed = name.to_owned();
        self.signals.send(Signal::Release { feed, word, released }).ok()?;
        told.recv().ok()
    }

    /// Bounds the replica by `bounds` from now on.
    pub fn set(&self, bounds: Bounds) {
        // Where the feeds have stopped there is nothing to bound.
        let _stopped = self.signals.send(Signal::Set(bounds));
    }
}

impl Halt {
    /// As [`Installer::replace`], with nothing applied since the feeds stand still.
    pub fn replace(self, snapshot: Arc<MappedSnapshot>, cures: bool) -> bool {
        replace(snapshot, cures, |replacement| {
            self.replacing.send(replacement).is_ok()
        })
    }
}

fn replace(snapshot: Arc<MappedSnapshot>, cures: bool, tell: impl FnOnce(Replacement) -> bool) -> bool {
    let (done, taken_up) = channel();
    let replacement = Replacement {
        snapshot,
        cures,
        done,
    };
    tell(replacement) && taken_up.recv() == Ok(true)
}

impl Running {
    /// Stops following, and waits until a merge that is under way is done.
    pub fn stop(self) {
        // Where the thread is gone already there is nobody to tell.
        let _gone = self.signals.send(Signal::Stop);
        let _panicked = self.thread.join();
        for reader in self.readers {
            let _panicked = reader.join();
        }
    }
}
