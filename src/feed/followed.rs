//! One feed of the runner: a file that is followed, and what came of it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::delivery::{Course, Delivered, Format, Sink};
use super::file::{Batch, Follower, Life, Look};
use super::{Settings, ahead};
use crate::replica::{Freshness, LogError, Replica, StreamId};

/// Bytes of lines of one look behind which there is more, as a rule.
const MUCH: usize = 1 << 19;
/// From when something was written to the look at it.
const SOON: Duration = Duration::from_millis(1);

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    name: String,
    follower: Follower,
    format: Format,
    stream: Option<StreamId>,
    poll: Duration,
    look_at: Instant,
    course: Course,
    /// Lines that were read and wait to be applied, and how many of them have been.
    waiting: Option<(Batch, usize)>,
    /// A life has ended since the last merge, so that its file may soon be gone.
    rotated: bool,
    /// Changes were dropped: what is served is no longer what the source says, however quiet it is.
    broken: bool,
    missing: bool,
    /// Something was applied that waits for more to become durable with.
    deferred: bool,
}

impl Followed {
    /// Follows the file of `feed`, called `name`, from where `replica` knows it; looks first at `now`.
    pub(super) fn new(name: &str, feed: &Settings, replica: &Replica, now: Instant) -> Followed {
        let known = replica
            .lives(name)
            .map(|life| Life::new(&life.incarnation, &life.token))
            .collect();
        Followed {
            name: name.into(),
            follower: Follower::new(&feed.path, known),
            format: Format::of(feed),
            stream: None,
            poll: Duration::from_millis(feed.poll_ms),
            look_at: now,
            course: Course::default(),
            waiting: None,
            rotated: false,
            broken: false,
            missing: false,
            deferred: false,
        }
    }

    /// Looks, if it is time to, and says when it will be again. What came is durable and visible then.
    ///
    /// # Errors
    /// What came cannot be made durable; it waits.
    pub(super) fn look_if_due(
        &mut self,
        now: Instant,
        sink: &mut Sink<'_>,
        freshness: &Freshness,
    ) -> Result<Instant, LogError> {
        if self.look_at <= now {
            let more = self.look(sink, freshness)?;
            self.look_at = if more { now } else { now + self.poll };
        }
        Ok(self.look_at)
    }

    /// Something was written: looks soon. Not at once, so that a writer of single lines does not cost an `fsync` each.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.look_at = self.look_at.min(now + SOON);
    }

    /// Whether a life has ended since the last merge: what came from it should be merged before its file is gone.
    pub(super) fn has_rotated(&self) -> bool {
        self.rotated
    }

    /// A merge was begun.
    pub(super) fn merging(&mut self) {
        self.rotated = false;
    }

    /// Tells `replica` where to resume, where all that has been read has been applied.
    fn tell_places(&self, replica: &mut Replica) {
        if self.waiting.is_some() {
            return;
        }
        for life in self.follower.lives() {
            // Where the list of streams is full, that has been said when the life began.
            if let Some(place) = life.place
                && let Ok(stream) = replica.stream(&self.name, &life.incarnation)
            {
                replica.resume_from(stream, place.to_string());
            }
        }
    }

    /// Looks once, and applies what came. Whether there may be more at once.
    fn look(&mut self, sink: &mut Sink<'_>, freshness: &Freshness) -> Result<bool, LogError> {
        if self.broken {
            freshness.lost(&self.name);
            return Ok(false);
        }
        if self.waiting.is_some() {
            return self.apply(sink, freshness);
        }
        Ok(match self.follower.look() {
            Ok(Look::Missing) => {
                if !std::mem::replace(&mut self.missing, true) {
                    tracing::warn!(
                        feed = self.name,
                        "the file that is to be followed is not there; waiting for it"
                    );
                }
                sink.replica.commit()?;
                freshness.lost(&self.name);
                false
            }
            Ok(Look::Idle) => {
                self.missing = false;
                self.tell_places(sink.replica);
                sink.replica.caught_up(&self.name);
                sink.replica.commit()?;
                if std::mem::take(&mut self.deferred) {
                    freshness.told(&self.name, self.course.at_ms, sink.now_ms);
                }
                freshness.caught_up(&self.name, self.course.position, Instant::now());
                false
            }
            Ok(Look::Gap) => {
                sink.replica.gap(&self.name);
                sink.replica.commit()?;
                tracing::error!(
                    feed = self.name,
                    "the file does not go on where it was left: changes may be missing; build the snapshot again to be sure"
                );
                true
            }
            Ok(Look::Lines(batch)) => {
                self.missing = false;
                for _ in 0..batch.too_long {
                    sink.replica.counters().refuse();
                    tracing::warn!(feed = self.name, "a line longer than 16 MiB was passed over");
                }
                self.waiting = Some((batch, 0));
                return self.apply(sink, freshness);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.missing, true) {
                    tracing::error!(feed = self.name, %error, "the file that is to be followed cannot be read");
                }
                sink.replica.commit()?;
                freshness.lost(&self.name);
                false
            }
        })
    }

    /// Applies what waits. Whether there may be more at once.
    fn apply(&mut self, sink: &mut Sink<'_>, freshness: &Freshness) -> Result<bool, LogError> {
        let Some((batch, done)) = &mut self.waiting else {
            return Ok(false);
        };
        let stream = match sink.replica.stream(&self.name, &batch.incarnation) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(feed = self.name, %error, "changes cannot be applied");
                self.broken = true;
                // What came before it was left to be made durable with it.
                sink.replica.commit()?;
                return Ok(false);
            }
        };
        let before = self.stream.replace(stream);
        if before != Some(stream) {
            // Positions of one life say nothing of those of another.
            self.course = Course::default();
            self.rotated |= before.is_some();
        }
        if sink.replica.is_held(&self.name) {
            return Ok(false);
        }
        let lines: Vec<&[u8]> = batch.lines[*done..].iter().map(|line| &*line.bytes).collect();
        let mut numbered = batch.lines[*done..].iter();
        let (mut held, mut written) = (false, Ok(()));
        ahead::decode(&*self.format.decoder, &lines, &mut |items| {
            let Some(line) = numbered.next() else {
                return ControlFlow::Break(());
            };
            written = sink.replica.commit_if_large();
            if written.is_err() {
                return ControlFlow::Break(());
            }
            let read = (&self.format, &*line.bytes, items);
            held = sink.deliver(&self.name, stream, &mut self.course, line.number, read) == Delivered::Held;
            if held {
                return ControlFlow::Break(());
            }
            *done += 1;
            ControlFlow::Continue(())
        });
        written?;
        if held {
            // Where to resume stays as it was: a start delivers the batch again, and most of it has been seen.
            sink.replica.commit()?;
            return Ok(false);
        }
        let more = batch.lines.iter().map(|line| line.bytes.len()).sum::<usize>() >= MUCH;
        self.waiting = None;
        self.tell_places(sink.replica);
        if more {
            // Behind a long outage a batch that is not large waits for what comes at once.
            sink.replica.commit_if_large()?;
            self.deferred = true;
            // Connected; how far is told with what is durable.
            freshness.applied(&self.name, None::<u64>);
            freshness.told(&self.name, self.course.at_ms, sink.now_ms);
            return Ok(true);
        }
        sink.replica.commit()?;
        freshness.applied(&self.name, self.course.position);
        freshness.told(&self.name, self.course.at_ms, sink.now_ms);
        Ok(true)
    }
}
