//! One feed of the runner: a file that is followed, and what came of it.

use std::time::{Duration, Instant};

use super::Settings;
use super::file::{Batch, Follower, Life, Look};
use crate::replica::{Change, Freshness, Outcome, Replica, StreamId};

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

    /// Tells `replica` where to resume; all that has been read has been applied.
    pub(super) fn keep_places(&self, replica: &mut Replica) {
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
                freshness.heard(&self.name, self.position, Instant::now());
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
                freshness.heard(&self.name, self.position, Instant::now());
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
                return;
            }
        };
        if self.stream.replace(stream) != Some(stream) {
            // Positions of one life say nothing of those of another.
            self.position = None;
        }
        for line in batch
            .lines
            .iter()
            .filter(|line| !line.bytes.trim_ascii().is_empty())
        {
            let refused = match Change::decode(&line.bytes) {
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
