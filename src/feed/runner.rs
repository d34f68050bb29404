//! The thread that runs the feeds, and with them the replica and its compaction.

mod files;
mod network;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Settings;
use super::copies::Copies;
use super::delivery::{Format, Sink};
use super::followed::Followed;
use super::link::Words;
use super::merging::Merging;
use super::push::{self, Post, PushRefused, Pushed, Pushes};
use super::rejects::Rejects;
use super::signals::{Halt, Installer, Places, Replacement, Running, Signal};
use super::sources::{self, Reading};
use super::streamed::Streamed;
use super::watch::Watch;
use crate::replica::{BATCH_BYTES, Freshness, LogError, Replica};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::folder::Held;

/// How long the change log is left alone after a write that failed and may be tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// The longest time between two looks at what there is to do.
const LONGEST: Duration = Duration::from_secs(3600);

/// Where and when to compact.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// The folder that this process holds.
    pub folder: Arc<Held>,
    /// Bytes of the overlay at which it is merged.
    pub overlay_max_bytes: u64,
    /// Bytes of the change log at which the overlay is merged, and the log gives up generations before the present one.
    pub log_max_bytes: u64,
    /// Memory that a compaction may take, bytes.
    pub memory_bytes: u64,
    /// Seconds within which what was deleted leaves every file.
    pub erase_within_s: u64,
    /// Bytes of refused changes that are kept.
    pub rejects_max_bytes: u64,
}

/// Why feeds cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// No thread is to be had.
    #[error(
        "the feeds' thread cannot be started: {0}; raise the limit of processes of the user who runs this"
    )]
    Thread(std::io::Error),
}

/// The feeds of a contact centre, ready to run.
#[derive(Debug)]
pub struct Feeds {
    settings: BTreeMap<String, Settings>,
    /// How the posts of each feed that is posted to are read.
    formats: BTreeMap<String, Format>,
    followed: Vec<Followed>,
    streamed: Vec<Streamed>,
    /// What readers listen to, until they are there.
    words: Vec<Words>,
    copies: Option<Arc<dyn Copies>>,
    replica: Replica,
    freshness: Arc<Freshness>,
    merging: Merging,
    rejects: Rejects,
    signals: Sender<Signal>,
    received: Receiver<Signal>,
    /// What was received and comes next.
    next: Option<Signal>,
    /// The change log could not be written: nothing is applied ahead of this moment.
    blocked_until: Option<Instant>,
    /// Who watches followed files, once they run.
    watch: Option<Watch>,
}

impl Feeds {
    /// The feeds of `settings`, by name, which write through `replica`.
    pub fn new(
        settings: &BTreeMap<String, Settings>,
        replica: Replica,
        freshness: Arc<Freshness>,
        compaction: Compaction,
    ) -> Feeds {
        let (signals, received) = channel();
        let folder = compaction.folder.folder().dir().to_owned();
        let rejects = Rejects::new(
            &folder,
            compaction.rejects_max_bytes,
            compaction.erase_within_s,
            now_ms(),
        );
        for (name, _) in settings.iter().filter(|(_, feed)| feed.is_posted()) {
            freshness.awaits(name, Instant::now());
            freshness.positioned(name, push::position(&replica, name));
        }
        let (streamed, words) = settings
            .iter()
            .filter(|(_, feed)| feed.is_network())
            .map(|(name, _)| {
                let (told, words) = tokio::sync::mpsc::unbounded_channel();
                (Streamed::new(name, told), words)
            })
            .unzip();
        Feeds {
            streamed,
            words,
            copies: None,
            followed: follow(settings, &replica),
            settings: settings.clone(),
            formats: settings
                .iter()
                .filter(|(_, feed)| feed.is_posted())
                .map(|(name, feed)| (name.clone(), Format::of(feed)))
                .collect(),
            merging: Merging::new(compaction, signals.clone()),
            signals,
            received,
            next: None,
            replica,
            freshness,
            rejects,
            blocked_until: None,
            watch: None,
        }
    }

    /// What snapshots are handed over by, once they run; until then whoever hands one over waits.
    pub fn installer(&self) -> Installer {
        Installer {
            signals: self.signals.clone(),
        }
    }

    /// What builds generations of copies of whole sources.
    pub fn copying(self, copies: Arc<dyn Copies>) -> Feeds {
        Feeds {
            copies: Some(copies),
            ..self
        }
    }

    /// Where changes are posted to, once they run.
    pub fn pushes(&self) -> Pushes {
        Pushes {
            feeds: self.pushed().map(str::to_owned).collect(),
            signals: self.signals.clone(),
            waiting: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn pushed(&self) -> impl Iterator<Item = &str> {
        let pushed = self.settings.iter().filter(|(_, feed)| feed.is_posted());
        pushed.map(|(name, _)| name.as_str())
    }

    /// Runs them on a thread of their own.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self) -> Result<Running, FeedError> {
        self.spawn_reading(sources::read)
    }

    /// As [`Feeds::spawn`]; `read` has the source of each network feed read.
    pub(crate) fn spawn_reading(
        mut self,
        mut read: impl FnMut(&Settings, Reading) -> Result<Option<JoinHandle<()>>, FeedError>,
    ) -> Result<Running, FeedError> {
        let signals = self.signals.clone();
        let mut readers = Vec::new();
        for (streamed, words) in self.streamed.iter().zip(std::mem::take(&mut self.words)) {
            let Some(settings) = self.settings.get(&*streamed.name) else {
                continue;
            };
            let reading = Reading {
                feed: Arc::clone(&streamed.name),
                signals: signals.clone(),
                words,
                freshness: Arc::clone(&self.freshness),
                copies: self.copies.clone(),
                memory: usize::try_from(self.merging.memory_bytes() / 2).unwrap_or(usize::MAX),
            };
            readers.extend(read(settings, reading)?);
        }
        self.watch();
        let thread = std::thread::Builder::new()
            .name("feeds".into())
            .spawn(move || self.run())
            .map_err(FeedError::Thread)?;
        Ok(Running {
            signals,
            thread,
            readers,
        })
    }

    fn run(mut self) {
        loop {
            let now = Instant::now();
            self.replica.at(now, now_ms());
            let next = self.look(now);
            let rotated = self.followed.iter().any(Followed::has_rotated);
            let merge_at = self
                .merging
                .tend(&mut self.replica, &mut self.rejects, now, rotated);
            if self.merging.is_under_way() {
                self.followed.iter_mut().for_each(Followed::merging);
            }
            self.tell_troubles();
            let next = next.min(merge_at).saturating_duration_since(Instant::now());
            let received = match self.next.take() {
                Some(signal) => Ok(signal),
                None => self.received.recv_timeout(next),
            };
            match received {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(signal) => self.receive(signal),
            }
        }
        self.streamed.iter().for_each(Streamed::stop);
        if self.followed.iter().any(Followed::has_rotated) {
            self.merging.begin(&mut self.replica);
        }
        self.merging.wait();
    }

    /// Looks at what is followed, and says when to look again.
    fn look(&mut self, now: Instant) -> Instant {
        if let Some(until) = self.blocked_until {
            if now < until {
                return until;
            }
            let committed = self.replica.commit();
            if self.note(committed).is_err() {
                return self.blocked_until.unwrap_or(now);
            }
        }
        if self.replica.failed().is_some() {
            return now + LONGEST;
        }
        let mut next = now + LONGEST;
        for nth in 0..self.followed.len() {
            let mut sink = Sink {
                replica: &mut self.replica,
                rejects: &mut self.rejects,
                now_ms: now_ms(),
            };
            let looked = self.followed[nth].look_if_due(now, &mut sink, &self.freshness);
            match self.note(looked) {
                Ok(look_at) => next = next.min(look_at),
                Err(_) => return self.blocked_until.unwrap_or(next),
            }
        }
        match self.apply_streamed() {
            Ok(()) if self.has_streamed() => now,
            Ok(()) => next,
            Err(_) => self.blocked_until.unwrap_or(next),
        }
    }

    /// Takes note of whether the log could be written.
    fn note<T>(&mut self, written: Result<T, LogError>) -> Result<T, LogError> {
        match &written {
            Ok(_) => {
                if self.blocked_until.take().is_some() {
                    tracing::info!("the change log can be written again: changes are applied");
                }
            }
            Err(error) => {
                if self.replica.failed().is_some() {
                    self.blocked_until = Some(Instant::now() + LONGEST);
                    tracing::error!(
                        %error,
                        "changes are no longer applied, because they cannot be made durable; what is served stays. Look at \
                         the disk, and start again"
                    );
                    for name in self.settings.keys() {
                        self.freshness.lost(name);
                    }
                } else if self.blocked_until.replace(Instant::now() + WRITE_AGAIN).is_none() {
                    tracing::error!(%error, "changes wait until the change log can be written");
                } else {
                    self.blocked_until = Some(Instant::now() + WRITE_AGAIN);
                }
            }
        }
        written
    }

    fn tell_troubles(&self) {
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<Vec<_>>();
        let gaps = names(&mut self.replica.gaps());
        let held = names(&mut self.replica.held());
        self.freshness.set_troubles(
            gaps.iter().map(String::as_str),
            held.iter().map(String::as_str),
            self.replica.failed().is_some(),
        );
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Merge(told) => self.merging.merge(&mut self.replica, told),
            Signal::Merged(merged) => self.merging.finish(&mut self.replica, merged),
            Signal::Replace(replacement) => self.replace(&replacement),
            Signal::Halt(told) => self.halt(&told),
            Signal::Places(told) => {
                let _gone = told.send(self.places());
            }
            Signal::GoesOnOver { place, told } => {
                let _gone = told.send(self.replica.goes_on_over(place));
            }
            Signal::Post(post) => self.posts(post),
            Signal::Delivered(delivery) => self.deliver(delivery),
            Signal::Ask(feed, question) => self.answer_reader(&feed, question),
            Signal::Release { feed, word, released } => {
                let was_held = self.replica.release(&feed, word);
                let committed = self.replica.commit();
                let _noted = self.note(committed);
                let _gone = released.send(was_held);
            }
            Signal::Grown => self.grown(),
            Signal::Set(bounds) => self.replica.set(bounds),
            Signal::Stop => {}
        }
    }

    /// Applies `post` and those that wait behind it, makes all of them durable at once, and answers.
    fn posts(&mut self, post: Post) {
        let mut applied: Vec<(Post, Result<Pushed, PushRefused>)> = Vec::new();
        let mut next = Some(post);
        while let Some(post) = next.take() {
            let outcome = self.post(&post);
            applied.push((post, outcome));
            if self.replica.uncommitted_bytes() >= BATCH_BYTES {
                break;
            }
            match self.received.try_recv() {
                Ok(Signal::Post(post)) => next = Some(post),
                // What else there is comes behind; the order of posts among themselves is all that counts.
                Ok(other) => self.next = Some(other),
                Err(_) => {}
            }
        }
        self.answer(applied);
    }

    fn post(&mut self, post: &Post) -> Result<Pushed, PushRefused> {
        if self.blocked_until.is_some() {
            let why = self
                .replica
                .failed()
                .unwrap_or("the disk was full or failing a moment ago");
            return Err(PushRefused::Log(why.to_owned()));
        }
        if self.replica.is_held(&post.feed) {
            return Err(PushRefused::Held { line: 1 });
        }
        let now_ms = now_ms();
        let mut sink = Sink {
            replica: &mut self.replica,
            rejects: &mut self.rejects,
            now_ms,
        };
        // Whoever posts names a feed that is posted to.
        let format = self.formats.entry(post.feed.clone()).or_default();
        let (pushed, course) = post.apply(&mut sink, format)?;
        self.replica.caught_up(&post.feed);
        self.freshness.told(&post.feed, course.at_ms, now_ms);
        Ok(pushed)
    }

    fn answer(&mut self, applied: Vec<(Post, Result<Pushed, PushRefused>)>) {
        let committed = self.replica.commit();
        let committed = self.note(committed).map_err(|error| error.to_string());
        let seq = self.replica.index().seq();
        // Whoever is told that the feed is held must not find it fresh.
        self.tell_troubles();
        for (post, mut outcome) in applied {
            // Where the log could not be written, nobody may be told that lines ahead of a held one are applied either.
            let says_applied = matches!(outcome, Ok(_) | Err(PushRefused::Held { .. }));
            match (&mut outcome, &committed) {
                (Ok(pushed), Ok(())) => {
                    pushed.seq = seq;
                    let position = push::position(&self.replica, &post.feed);
                    self.freshness.caught_up(&post.feed, position, Instant::now());
                }
                (_, Err(error)) if says_applied => outcome = Err(PushRefused::Log(error.clone())),
                _ => {}
            }
            // Whoever posted may have gone away.
            let _gone = post.answer.send(outcome);
        }
    }

    fn places(&mut self) -> Places {
        Places {
            seq: self.replica.index().seq(),
            streams: self.replica.streams().iter().skip(1).cloned().collect(),
            log: self.replica.log_place(),
        }
    }

    /// Stands still until whoever wanted it has replaced everything, or has let go.
    fn halt(&mut self, told: &Sender<Halt>) {
        let (replacing, replaced) = channel();
        let halt = Halt {
            places: self.places(),
            is_empty: self.replica.is_empty(),
            replacing,
        };
        if told.send(halt).is_ok()
            && let Ok(replacement) = replaced.recv()
        {
            self.replace(&replacement);
        }
    }

    fn replace(&mut self, replacement: &Replacement) {
        let replaced = self.take_up(&replacement.snapshot, replacement.cures);
        // Whoever asked may have gone away.
        let _gone = replacement.done.send(replaced);
    }

    fn take_up(&mut self, snapshot: &Arc<MappedSnapshot>, cures: bool) -> bool {
        let generation = snapshot.header().generation;
        let line = self.replica.log_place().line;
        match self.replica.replace(snapshot, cures) {
            Ok(is_whole) => {
                if self.replica.log_place().line != line {
                    // Places are the generation's own now, however old that is: what was reached before is not.
                    let sought = self.settings.iter().filter(|(_, feed)| !feed.is_posted());
                    sought.for_each(|(name, _)| self.freshness.begins_anew(name));
                }
                self.followed = follow(&self.settings, &self.replica);
                self.streamed.iter_mut().for_each(Streamed::renew);
                if !is_whole {
                    tracing::error!(
                        generation,
                        "the change log does not reach back to that generation: changes are missing; build it again"
                    );
                }
                tracing::info!(generation, "serving another generation in place of everything");
                true
            }
            Err(error) => {
                tracing::error!(generation, %error, "the generation cannot be taken up before the next start");
                false
            }
        }
    }
}

fn follow(settings: &BTreeMap<String, Settings>, replica: &Replica) -> Vec<Followed> {
    let now = Instant::now();
    settings
        .iter()
        .filter(|(_, feed)| feed.is_followed())
        .map(|(name, feed)| Followed::new(name, feed, replica, now))
        .collect()
}

pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests;
