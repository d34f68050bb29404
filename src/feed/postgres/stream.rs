//! The stream: a task that reads it, keeps the server's time-out from passing, and notices when the server is gone.
//!
//! What was received and what is durable are told apart: the second alone frees the server's log.

use std::time::Duration;

use bytes::Bytes;
use pgwire_replication::Lsn;
use pgwire_replication::protocol::framing::BackendMessage;
use pgwire_replication::protocol::replication::{PG_EPOCH_MICROS, ReplicationCopyData, parse_copy_data};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::pgoutput::Message;
use super::session::refused_message;
use super::wire::Wire;
use crate::feed::source::SourceError;

/// Messages that wait for whoever takes them, at the most.
const WAITING: usize = 4096;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What comes out of the stream.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message of `pgoutput`.
    Message(Message),
    /// Everything that was committed ahead of this has arrived, unless a transaction is under way.
    Reached(Lsn),
}

/// The stream, as it is held.
pub(super) struct Streaming {
    arrivals: mpsc::Receiver<Result<Arrival, SourceError>>,
    durable: watch::Sender<Lsn>,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Streaming {
    /// Takes over `wire`, on which the stream has begun at `from`.
    pub(super) fn new(wire: Wire, from: Lsn, silence: Duration) -> Streaming {
        let (sender, arrivals) = mpsc::channel(WAITING);
        let (durable, confirmed) = watch::channel(from);
        let (ending, ends) = watch::channel(false);
        let pump = Pump {
            wire,
            sender,
            confirmed,
            ends,
            received: from,
            silence,
            heard: Instant::now(),
            spoke: Instant::now(),
            held: None,
        };
        Streaming {
            arrivals,
            durable,
            ending,
            task: tokio::spawn(pump.run()),
        }
    }

    /// What comes next. Whoever waits may stop.
    pub(super) async fn next(&mut self) -> Result<Arrival, SourceError> {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => Err(SourceError::Away("PostgreSQL: the stream has ended".into())),
        }
    }

    /// Everything ahead of `place` is durable.
    pub(super) fn confirm(&self, place: Lsn) {
        self.durable.send_if_modified(|durable| {
            let is_news = place > *durable;
            *durable = place.max(*durable);
            is_news
        });
    }

    /// Tells the server what is durable and ends the stream, so that its slot is free at once.
    pub(super) async fn close(mut self) {
        let _running = self.ending.send(true);
        self.arrivals.close();
        let _late = timeout(FAREWELL, &mut self.task).await;
    }
}

/// What the pump has to do next.
enum Next {
    End,
    /// More is durable.
    Confirmed,
    /// What was held has found its place.
    Handed,
    Message(BackendMessage),
    /// It is time for a word.
    Word,
}

struct Pump {
    wire: Wire,
    sender: mpsc::Sender<Result<Arrival, SourceError>>,
    confirmed: watch::Receiver<Lsn>,
    ends: watch::Receiver<bool>,
    /// What the server has sent everything ahead of.
    received: Lsn,
    silence: Duration,
    heard: Instant,
    spoke: Instant,
    /// What waits for a place in the queue.
    held: Option<Arrival>,
}

impl Pump {
    async fn run(mut self) {
        if let Err(error) = self.pump().await {
            // Behind what arrived ahead of it; nobody listens where this fails.
            if let Some(held) = self.held.take()
                && self.sender.send(Ok(held)).await.is_err()
            {
                return;
            }
            let _told = self.sender.send(Err(error)).await;
        }
    }

    async fn pump(&mut self) -> Result<(), SourceError> {
        // Thrice ahead of the server's time-out, and of ours.
        let pace = self.silence / 6;
        self.say(true);
        loop {
            if self.wire.has_output() {
                let written = timeout(self.silence, self.wire.flush()).await;
                written.map_err(|_| self.silent())??;
            }
            let next_word = self.spoke + pace;
            let Pump {
                wire,
                sender,
                confirmed,
                ends,
                held,
                ..
            } = self;
            let next = tokio::select! {
                biased;
                _ = ends.changed() => Next::End,
                Ok(()) = confirmed.changed() => Next::Confirmed,
                place = sender.reserve(), if held.is_some() => match (place, held.take()) {
                    (Ok(place), Some(held)) => {
                        place.send(Ok(held));
                        Next::Handed
                    }
                    _ => return Ok(()),
                },
                message = wire.read(), if held.is_none() => Next::Message(message?),
                () = sleep_until(next_word) => Next::Word,
            };
            match next {
                Next::End => return self.end().await,
                Next::Confirmed => self.say(false),
                // What waited to be read meanwhile is no silence.
                Next::Handed => self.heard = Instant::now(),
                Next::Message(message) => {
                    self.heard = Instant::now();
                    self.take(message.tag, message.payload)?;
                }
                Next::Word => {
                    if self.held.is_none() && self.heard.elapsed() >= self.silence {
                        return Err(self.silent());
                    }
                    self.say(true);
                }
            }
        }
    }

    fn silent(&self) -> SourceError {
        SourceError::Away(format!(
            "PostgreSQL: nothing was heard for {} ms",
            self.silence.as_millis()
        ))
    }

    fn take(&mut self, tag: u8, payload: Bytes) -> Result<(), SourceError> {
        match tag {
            b'd' => {}
            b'E' => return Err(refused_message("following", &payload)),
            b'c' | b'C' => return Err(SourceError::Away("PostgreSQL ended the stream".into())),
            _ => return Ok(()),
        }
        let malformed = |error: String| SourceError::Away(format!("PostgreSQL: {error}"));
        let arrival = match parse_copy_data(payload).map_err(|error| malformed(error.to_string()))? {
            ReplicationCopyData::XLogData { data, .. } => {
                let message = Message::read(data).map_err(|error| malformed(error.to_string()))?;
                if let Message::Commit { end } = message {
                    self.received = self.received.max(Lsn(end));
                }
                Arrival::Message(message)
            }
            ReplicationCopyData::KeepAlive {
                wal_end,
                reply_requested,
                ..
            } => {
                self.received = self.received.max(wal_end);
                if reply_requested {
                    self.say(false);
                }
                Arrival::Reached(wal_end)
            }
        };
        match self.sender.try_send(Ok(arrival)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(arrival)) => self.held = arrival.ok(),
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
        Ok(())
    }

    /// Puts our standing among what is to be written. `asking`: the server is to answer.
    fn say(&mut self, asking: bool) {
        let durable = *self.confirmed.borrow_and_update();
        self.spoke = Instant::now();
        self.wire
            .put_copy_data(&status(self.received.max(durable), durable, asking));
    }

    async fn end(&mut self) -> Result<(), SourceError> {
        self.say(false);
        self.wire.farewell().await
    }
}

/// A standby's status: what was received, what is durable and applied, whether an answer is asked for.
fn status(received: Lsn, durable: Lsn, asking: bool) -> Vec<u8> {
    let now = jiff::Timestamp::now().as_microsecond() - PG_EPOCH_MICROS;
    let mut bytes = Vec::with_capacity(34);
    bytes.push(b'r');
    for place in [received, durable, durable] {
        bytes.extend_from_slice(&place.0.to_be_bytes());
    }
    bytes.extend_from_slice(&now.to_be_bytes());
    bytes.push(u8::from(asking));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_received_from_durable() {
        let bytes = status(Lsn(7), Lsn(5), true);
        assert_eq!(bytes.len(), 34);
        assert_eq!(bytes[0], b'r');
        assert_eq!(bytes[1..9], 7_u64.to_be_bytes());
        assert_eq!(bytes[9..17], 5_u64.to_be_bytes());
        assert_eq!(bytes[17..25], 5_u64.to_be_bytes());
        assert_eq!(bytes[33], 1);
    }
}
