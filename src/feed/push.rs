//! The push feed: batches of changes that somebody posts, each answered once it is durable.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::oneshot;

use super::ahead;
use super::delivery::{Course, Delivered, Format, Sink};
use super::signals::Signal;
use crate::replica::{BATCH_BYTES, Replica};

/// Posts that wait to be applied at once; more are refused.
const MOST_WAITING: usize = 64;
/// Refusals that one answer tells.
const MOST_ERRORS: usize = 100;
/// The life of a stream whose sender names none.
pub const INCARNATION: &str = "1";
/// The longest name of a life, in bytes.
pub const MOST_INCARNATION: usize = 64;

/// What became of a post; every accepted change is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Changes that were applied, or had been before.
    pub accepted: u64,
    /// Changes that were refused, and changed nothing.
    pub rejected: u64,
    /// Why, for the first hundred of them.
    pub errors: Vec<PushError>,
    /// The newest change that is visible.
    pub seq: u64,
    /// The greatest position of the stream; `null` ahead of the first change.
    pub position: Option<String>,
}

/// A change that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushError {
    /// Its line in the post, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// Why a post was not taken; what it says is to be posted again later, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefused {
    /// Which feed is not told, or there is no such feed.
    #[error("feed: expected {expected}, found {found:?}")]
    NoFeed {
        /// The feeds that there are.
        expected: String,
        /// What was asked for.
        found: String,
    },
    /// The name of the stream's life.
    #[error("incarnation: expected 1 to {MOST_INCARNATION} letters, digits and . _ : -, found another text")]
    Incarnation,
    /// Too many wait.
    #[error("{MOST_WAITING} posts wait already; try again")]
    Busy,
    /// The feed deletes or moves too many customers, and waits for somebody's word.
    #[error(
        "line {line}: the feed deletes or moves more customers than guard.max_percent allows, and is held; lines ahead of \
         it are applied. Look at the source, then `ringside accept --feed NAME`, and post it again"
    )]
    Held {
        /// The line that was not applied, from 1.
        line: u64,
    },
    /// The change log cannot be written.
    #[error("the changes cannot be made durable: {0}")]
    Log(String),
    /// The list of streams is full.
    #[error("{0}")]
    Streams(String),
    /// The service stops.
    #[error("the service is stopping")]
    Stopping,
}

/// A post on its way to the feeds' thread.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) feed: String,
    pub(super) incarnation: String,
    pub(super) body: Bytes,
    pub(super) answer: oneshot::Sender<Result<Pushed, PushRefused>>,
    /// Held until it is answered, though whoever posted it went away: else posts without end could wait.
    pub(super) _place: Place,
}

/// Where changes are posted to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pushes {
    pub(super) feeds: Arc<[String]>,
    pub(super) signals: Sender<Signal>,
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Pushes {
    /// Has the lines of `body` applied as changes of `feed`, which may be left out where there is one alone, in the life
    /// `incarnation` of its stream.
    ///
    /// # Errors
    /// They were not taken, or not all.
    pub async fn push(
        &self,
        feed: Option<&str>,
        incarnation: Option<&str>,
        body: Bytes,
    ) -> Result<Pushed, PushRefused> {
        let feed = match (feed, &*self.feeds) {
            (Some(name), feeds) if feeds.iter().any(|feed| feed == name) => name,
            (None, [only]) => only,
            (found, feeds) => {
                return Err(PushRefused::NoFeed {
                    expected: match feeds {
                        [] => "a feed of kind \"http\" in the configuration".to_owned(),
                        feeds => format!("one of {}", feeds.join(", ")),
                    },
                    found: found.unwrap_or_default().to_owned(),
                });
            }
        };
        let incarnation = incarnation.unwrap_or(INCARNATION);
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if incarnation.is_empty()
            || incarnation.len() > MOST_INCARNATION
            || !incarnation.bytes().all(is_token)
        {
            return Err(PushRefused::Incarnation);
        }
        let place = Place::take(&self.waiting).ok_or(PushRefused::Busy)?;
        let (answer, answered) = oneshot::channel();
        let post = Post {
            feed: feed.to_owned(),
            incarnation: incarnation.to_owned(),
            body,
            answer,
            _place: place,
        };
        self.signals
            .send(Signal::Post(post))
            .map_err(|_| PushRefused::Stopping)?;
        answered.await.unwrap_or(Err(PushRefused::Stopping))
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Place> {
        if waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            waiting.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Place(Arc::clone(waiting)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Post {
    /// Applies the post; what it says is durable once the replica has committed.
    pub(super) fn apply(
        &self,
        sink: &mut Sink<'_>,
        format: &Format,
    ) -> Result<(Pushed, Course), PushRefused> {
        let stream = sink
            .replica
            .stream(&self.feed, &self.incarnation)
            .map_err(|error| PushRefused::Streams(error.to_string()))?;
        let mut course = course(sink.replica, &self.feed, &self.incarnation);
        // Lines that do not say where they stand are counted on from post to post.
        let mut next = match course.positioned {
            Some(true) => 1,
            _ => course.position.map_or(1, |position| position.saturating_add(1)),
        };
        let mut pushed = Pushed::default();
        let mut held = None;
        let mut written = Ok(());
        let lines = format.decoder.messages(&self.body);
        let mut numbered = (1..).zip(&lines);
        ahead::decode(&*format.decoder, &lines, &mut |items| {
            let Some((number, line)) = numbered.next() else {
                return ControlFlow::Break(());
            };
            if sink.replica.uncommitted_bytes() >= BATCH_BYTES {
                // A short line may make a long record: a post is bounded, and what comes of it is not.
                if let Some(token) = token(course) {
                    sink.replica.resume_from(stream, token);
                }
                written = sink.replica.commit_if_large();
                if written.is_err() {
                    return ControlFlow::Break(());
                }
            }
            match sink.deliver(&self.feed, stream, &mut course, next, (format, line, items)) {
                Delivered::Blank => return ControlFlow::Continue(()),
                Delivered::Done(_) => pushed.accepted += 1,
                Delivered::Refused(reason) => {
                    pushed.rejected += 1;
                    if pushed.errors.len() < MOST_ERRORS {
                        pushed.errors.push(PushError { line: number, reason });
                    }
                }
                Delivered::Held => {
                    held = Some(number);
                    return ControlFlow::Break(());
                }
            }
            next += 1;
            ControlFlow::Continue(())
        });
        written.map_err(|error| PushRefused::Log(error.to_string()))?;
        if let Some(token) = token(course) {
            sink.replica.resume_from(stream, token);
        }
        pushed.position = course.position.map(|position| position.to_string());
        match held {
            Some(line) => Err(PushRefused::Held { line }),
            None => Ok((pushed, course)),
        }
    }
}

/// How far the life `incarnation` of the stream of `feed` is, by its token: `at 17` where its lines say where they stand,
/// else `line 17`.
fn course(replica: &Replica, feed: &str, incarnation: &str) -> Course {
    let life = replica.lives(feed).find(|life| life.incarnation == incarnation);
    let token = life.map_or("", |life| life.token.as_str());
    let (positioned, position) = match token.split_once(' ') {
        Some(("at", position)) => (Some(true), position),
        Some(("line", position)) => (Some(false), position),
        _ => (None, ""),
    };
    Course {
        position: position.parse().ok(),
        positioned,
        at_ms: None,
    }
}

fn token(course: Course) -> Option<String> {
    let position = course.position?;
    let kind = if course.positioned? { "at" } else { "line" };
    Some(format!("{kind} {position}"))
}

/// The position that the newest life of the stream of `feed` has come to.
pub(super) fn position(replica: &Replica, feed: &str) -> Option<u64> {
    let incarnation = replica.lives(feed).last()?.incarnation.clone();
    course(replica, feed, &incarnation).position
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn whoever_posts_and_goes_away_leaves_a_post_that_is_counted() {
        let (signals, received) = channel();
        let pushes = Pushes {
            feeds: ["main".to_owned()].into(),
            signals,
            waiting: Arc::default(),
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut post = || pin!(pushes.push(None, None, Bytes::new())).poll(&mut context);
        for _ in 0..MOST_WAITING {
            assert!(post().is_pending());
        }
        assert_eq!(post(), Poll::Ready(Err(PushRefused::Busy)));
        drop(received.recv().unwrap());
        assert!(post().is_pending(), "one was done with");
    }
}
