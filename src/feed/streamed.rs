//! One network feed of the runner: what its reader delivered, applied.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::delivery::Sink;
use super::link::{Delivery, Known, Left, MOST_DELIVERIES, Word};
use super::source::{Event, Life, Unreadable};
use crate::replica::{BATCH_BYTES, Change, Freshness, LogError, Outcome, Replica, StreamId};

/// A change that is applied within so many milliseconds of being made, by either clock, has nothing behind it that waits.
const CLOSE_MS: u64 = 2000;

/// Deliveries that become durable together: half as many as may be on their way, so that the source is read meanwhile.
const MOST_AT_ONCE: usize = MOST_DELIVERIES / 2;

/// A feed whose source is read by a thread of its own.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) name: Arc<str>,
    session: u64,
    words: UnboundedSender<Word>,
    waiting: VecDeque<Delivery>,
    stream: Option<(Arc<str>, StreamId)>,
    /// Deliveries that are applied and not durable, and where to go on behind them.
    applied: usize,
    token: Option<String>,
    /// The replica was not told yet of the newest place: once for many changes is enough.
    untold: bool,
    /// What a person reads of where it stands.
    position: Option<String>,
    /// When the source made the newest change of what is not durable yet, in milliseconds since 1970.
    at_ms: Option<i64>,
    /// When it was said last that there is nothing more, with the source's own lag.
    idle: Option<(Instant, Duration)>,
    /// Whether there has been nothing more once since the session began.
    caught_up: bool,
}

impl Streamed {
    pub(super) fn new(name: &str, words: UnboundedSender<Word>) -> Streamed {
        Streamed {
            name: name.into(),
            session: 0,
            words,
            waiting: VecDeque::new(),
            stream: None,
            applied: 0,
            token: None,
            untold: false,
            position: None,
            at_ms: None,
            idle: None,
            caught_up: false,
        }
    }

    /// Begins a session: what is kept of its stream in `replica`.
    pub(super) fn begin(&mut self, replica: &Replica) -> Known {
        self.end_session();
        let lives = replica
            .lives(&self.name)
            .filter(|life| !life.token.is_empty())
            .map(|life| Life {
                incarnation: life.incarnation.clone(),
                token: life.token.clone(),
            })
            .collect();
        Known {
            session: self.session,
            lives,
            gap: replica.gaps().any(|name| name == &*self.name),
        }
    }

    /// Everything was replaced: what was read is of no more use.
    pub(super) fn renew(&mut self) {
        self.end_session();
        self.say(Word::Again);
    }

    fn end_session(&mut self) {
        self.session += 1;
        self.waiting.clear();
        self.stream = None;
        self.applied = 0;
        self.token = None;
        self.untold = false;
        self.at_ms = None;
        self.idle = None;
        self.caught_up = false;
    }

    pub(super) fn stop(&self) {
        self.say(Word::Stop);
    }

    fn say(&self, word: Word) {
        // A reader that is gone needs no word.
        let _gone = self.words.send(word);
    }

    /// Whether something was delivered and is not durable.
    pub(super) fn has_work(&self) -> bool {
        !self.waiting.is_empty() || self.applied > 0
    }

    /// Takes what was delivered, to be applied later.
    pub(super) fn take(&mut self, delivery: Delivery) {
        if delivery.session == self.session {
            self.waiting.push_back(delivery);
        }
    }

    /// Applies what waits, as far as it may.
    ///
    /// # Errors
    /// What came cannot be made durable; it waits, or is applied and becomes durable with the next commit.
    pub(super) fn apply(&mut self, sink: &mut Sink<'_>) -> Result<(), LogError> {
        while self.applied < MOST_AT_ONCE
            && let Some(mut delivery) = self.waiting.pop_front()
        {
            if sink.replica.is_held(&self.name) {
                self.waiting.push_front(delivery);
                return Ok(());
            }
            let Some(stream) = self.stream(sink.replica, &delivery.incarnation) else {
                continue;
            };
            let events = std::mem::take(&mut delivery.events);
            let mut events = events.into_iter();
            while let Some(event) = events.next() {
                if sink.replica.uncommitted_bytes() >= BATCH_BYTES {
                    self.tell_place(sink.replica, stream);
                }
                if let Err(error) = sink.replica.commit_if_large() {
                    delivery.events = std::iter::once(event).chain(events).collect();
                    self.waiting.push_front(delivery);
                    return Err(error);
                }
                if let Some(held) = self.event(sink, stream, event, delivery.at) {
                    self.tell_place(sink.replica, stream);
                    delivery.events = std::iter::once(held).chain(events).collect();
                    self.waiting.push_front(delivery);
                    return Ok(());
                }
            }
            self.tell_place(sink.replica, stream);
            self.applied += 1;
        }
        Ok(())
    }

    /// Has the newest place become durable with what was applied.
    fn tell_place(&mut self, replica: &mut Replica, stream: StreamId) {
        if std::mem::take(&mut self.untold)
            && let Some(token) = &self.token
        {
            replica.resume_from(stream, token.clone());
        }
    }

    /// Everything applied is durable: tells the reader, and says how fresh what is served is.
    pub(super) fn committed(&mut self, freshness: &Freshness, now_ms: i64) {
        let applied = std::mem::take(&mut self.applied);
        if applied == 0 {
            return;
        }
        let done = Word::Done {
            session: self.session,
            deliveries: applied,
            token: self.token.take(),
        };
        self.say(done);
        let now = Instant::now();
        freshness.applied(&self.name, self.position.as_deref());
        let at_ms = self.at_ms.take();
        // One that is never silent says nothing of an end; that it is here as soon as it is made says as much.
        let is_close = |at_ms: i64| now_ms.abs_diff(at_ms) <= CLOSE_MS;
        self.caught_up |= at_ms.is_some_and(is_close);
        freshness.told(&self.name, at_ms, now_ms);
        let as_of = match (self.idle.take(), at_ms) {
            (Some((said, lag)), _) => {
                self.caught_up = true;
                said.checked_sub(lag)
            }
            // All that the source had made until then is applied; a source's clock may be ahead of ours.
            (None, Some(at_ms)) if self.caught_up => {
                let behind = u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0);
                now.checked_sub(Duration::from_millis(behind))
            }
            (None, _) => None,
        };
        if let Some(as_of) = as_of {
            freshness.reached(&self.name, as_of);
        }
    }

    fn stream(&mut self, replica: &mut Replica, incarnation: &Arc<str>) -> Option<StreamId> {
        if let Some((known, stream)) = &self.stream
            && known == incarnation
        {
            return Some(*stream);
        }
        match replica.stream(&self.name, incarnation) {
            Ok(stream) => {
                self.stream = Some((Arc::clone(incarnation), stream));
                Some(stream)
            }
            Err(error) => {
                tracing::error!(feed = &*self.name, %error, "changes cannot be applied");
                replica.gap(&self.name);
                None
            }
        }
    }

    /// Applies one event, which was `read` then; gives it back where its feed is held.
    fn event(&mut self, sink: &mut Sink<'_>, stream: StreamId, event: Event, read: Instant) -> Option<Event> {
        match event {
            Event::Change {
                position,
                at_ms,
                change,
            } => match sink.replica.apply(stream, &position, &change) {
                Outcome::Held => {
                    return Some(Event::Change {
                        position,
                        at_ms,
                        change,
                    });
                }
                Outcome::Refused(refused) => {
                    let reason = refused.without_content();
                    let found = found(&change);
                    self.refuse(sink, &Unreadable { reason, found });
                }
                Outcome::Applied(_) | Outcome::Seen | Outcome::Parked | Outcome::Noted | Outcome::Dropped => {
                    self.at_ms = self.at_ms.max(at_ms)
                }
            },
            Event::Refused(unreadable) => {
                sink.replica.counters().refuse();
                self.refuse(sink, &unreadable);
            }
            Event::Gap(why) => {
                tracing::error!(feed = &*self.name, why, "changes are missing");
                sink.replica.gap(&self.name);
            }
            Event::Place { token, position } => {
                self.token = Some(token);
                self.untold = true;
                self.position = Some(position);
                self.idle = None;
            }
            Event::Idle { lag_ms } => {
                sink.replica.caught_up(&self.name);
                self.idle = Some((read, Duration::from_millis(lag_ms.unwrap_or(0))));
            }
        }
        None
    }

    /// Keeps what is left of a copy: parts wait for their customers, ahead of everything that is followed.
    pub(super) fn keep(&mut self, sink: &mut Sink<'_>, left: &Left) {
        for unreadable in &left.refused {
            sink.replica.counters().refuse();
            self.refuse(sink, unreadable);
        }
        for change in &left.late {
            if let Err(refused) = sink
                .replica
                .wait_for_customer(&self.name, &left.incarnation, change)
            {
                let reason = refused.without_content();
                let found = found(change);
                sink.replica.counters().refuse();
                self.refuse(sink, &Unreadable { reason, found });
            }
        }
    }

    fn refuse(&self, sink: &mut Sink<'_>, unreadable: &Unreadable) {
        tracing::warn!(
            feed = &*self.name,
            reason = unreadable.reason,
            "a change was refused"
        );
        let (reason, found) = (&unreadable.reason, &unreadable.found);
        sink.rejects.keep(&self.name, 0, reason, found, sink.now_ms);
    }
}

/// What a refused change said, for a person to look at.
fn found(change: &Change) -> Vec<u8> {
    match change {
        Change::Upsert { customer } | Change::Sample { customer } => {
            customer.json().to_value().to_string().into_bytes()
        }
        Change::Schema { attributes } => attributes.to_string().into_bytes(),
        Change::Delete { id } => id.clone().into_bytes(),
        Change::Part { customer_id, part } => part.to_line(customer_id),
        Change::Gone(_) | Change::Heartbeat => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
