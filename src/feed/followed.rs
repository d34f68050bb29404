//! One feed of the runner: a file that is followed, and what came of it.

use std::time::{Duration, Instant};

use super::Settings;
use super::file::{Batch, Follower, Life, Look};
use crate::replica::{Change, Freshness, Outcome, Replica, StreamId};

/// What some editors put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    name: String,
    follower: Follower,
    stream: Option<StreamId>,
    poll: Duration,
    look_at: Instant,
    /// The greatest position of the stream's present life.
    position: Option<u64>,
    /// Whether the changes of the stream's present life say where they stand; `None` before the first.
    positioned: Option<bool>,
    /// A life has ended since the last merge, so that its file may soon be gone.
    rotated: bool,
    /// Changes were dropped: what is served is no longer what the source says, however quiet it is.
    broken: bool,
    missing: bool,
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
            stream: None,
            poll: Duration::from_millis(feed.poll_ms),
            look_at: now,
            position: None,
            positioned: None,
            rotated: false,
            broken: false,
            missing: false,
        }
    }

    /// Looks, if it is time to, and says when it will be again.
    pub(super) fn look_if_due(
        &mut self,
        now: Instant,
        replica: &mut Replica,
        freshness: &Freshness,
    ) -> Instant {
        if self.look_at <= now {
            let more = self.look(replica, freshness);
            self.look_at = if more { now } else { now + self.poll };
        }
        self.look_at
    }

    /// Whether a life has ended since [`Followed::keep_places`]: what came from it should be merged before its file is
    /// gone.
    pub(super) fn has_rotated(&self) -> bool {
        self.rotated
    }

    /// Tells `replica` where to resume; all that has been read has been applied.
    pub(super) fn keep_places(&mut self, replica: &mut Replica) {
        self.rotated = false;
        self.tell_places(replica);
    }

    /// As [`Followed::keep_places`], where nothing is about to be kept.
    pub(super) fn tell_places(&self, replica: &mut Replica) {
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
    fn look(&mut self, replica: &mut Replica, freshness: &Freshness) -> bool {
        if self.broken {
            freshness.lost(&self.name);
            return false;
        }
        match self.follower.look() {
            Ok(Look::Missing) => {
                if !std::mem::replace(&mut self.missing, true) {
                    tracing::warn!(
                        feed = self.name,
                        "the file that is to be followed is not there; waiting for it"
                    );
                }
                freshness.lost(&self.name);
                false
            }
            Ok(Look::Idle) => {
                self.missing = false;
                freshness.caught_up(&self.name, self.position, Instant::now());
                false
            }
            Ok(Look::Gap) => {
                replica.counters().gaps.inc();
                tracing::error!(
                    feed = self.name,
                    "the file does not go on where it was left: changes may be missing; build the snapshot again to be sure"
                );
                true
            }
            Ok(Look::Lines(batch)) => {
                self.missing = false;
                for _ in 0..batch.too_long {
                    replica.refuse();
                    tracing::warn!(feed = self.name, "a line longer than 16 MiB was passed over");
                }
                self.apply(replica, &batch);
                replica.publish();
                freshness.applied(&self.name, self.position);
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.missing, true) {
                    tracing::error!(feed = self.name, %error, "the file that is to be followed cannot be read");
                }
                freshness.lost(&self.name);
                false
            }
        }
    }

    fn apply(&mut self, replica: &mut Replica, batch: &Batch) {
        let stream = match replica.stream(&self.name, &batch.incarnation) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(feed = self.name, %error, "changes cannot be applied");
                self.broken = true;
                return;
            }
        };
        let before = self.stream.replace(stream);
        if before != Some(stream) {
            // Positions of one life say nothing of those of another.
            (self.position, self.positioned) = (None, None);
            self.rotated |= before.is_some();
        }
        for line in batch
            .lines
            .iter()
            .filter(|line| !line.bytes.trim_ascii().is_empty())
        {
            let bytes = line.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line.bytes);
            let refused = match Change::decode(bytes) {
                Ok((position, _))
                    if *self.positioned.get_or_insert(position.is_some()) != position.is_some() =>
                {
                    // A line's number and a position of the source's do not compare.
                    replica.refuse();
                    "position: expected on every line of the stream or on none".to_owned()
                }
                Ok((position, change)) => {
                    let position = position.unwrap_or(line.number);
                    match replica.apply(stream, position, change) {
                        Outcome::Applied(_) | Outcome::Seen => {
                            self.position = self.position.max(Some(position));
                            continue;
                        }
                        Outcome::Refused(refused) => refused.without_content(),
                    }
                }
                Err(error) => {
                    replica.refuse();
                    error.without_content()
                }
            };
            tracing::warn!(
                feed = self.name,
                line = line.number,
                reason = refused,
                "a change was refused"
            );
        }
    }
}
