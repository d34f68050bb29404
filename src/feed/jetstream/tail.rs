//! The end of a stream, message by message.
//!
//! A pull consumer that lives only as long as we do, begins where we say, and whose silence is noticed within a second: the
//! library's own ordered consumer was measured to stay silent for a minute after its broker was killed.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::{Config, MessagesError, Stream};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use bytes::Bytes;
use futures_util::StreamExt;

use super::connection::Connection;
use super::place::Place;
use super::seen;
use crate::feed::source::SourceError;

/// How often a server says that it is there when there is nothing to say; two that are missing are noticed.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long one request for messages stands.
const EXPIRES: Duration = Duration::from_secs(10);
/// Messages that are asked for at once.
const BATCH: usize = 512;
/// How long a server keeps a consumer that nobody asks.
const FORGET: Duration = Duration::from_secs(30);

/// A message that arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Where it is.
    pub place: Place,
    /// Under what it was published.
    pub subject: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it holds.
    pub payload: Bytes,
    /// How many more there were behind it.
    pub pending: u64,
}

/// The end of a stream, read on and on.
pub struct Tail {
    messages: Stream,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}

impl Tail {
    /// Reads the stream called `name` from the message `from` on, or from the first behind it that is there.
    ///
    /// # Errors
    /// There is no such stream, or the server does not answer.
    pub(super) async fn open(connection: &Connection, name: &str, from: u64) -> Result<Tail, SourceError> {
        let stream = seen::open(connection, name).await?;
        Tail::of(&stream, from, "a Ringside feed").await
    }

    /// The same of `stream`, by a consumer that is `description`.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn of(
        stream: &async_nats::jetstream::stream::Stream,
        from: u64,
        description: &str,
    ) -> Result<Tail, SourceError> {
        let name = &stream.cached_info().config.name;
        let away = |error: &dyn std::fmt::Display| {
            SourceError::Away(format!("the stream {name:?} cannot be read now: {error}"))
        };
        let consumer = stream
            .create_consumer(Config {
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: from.max(1),
                },
                ack_policy: AckPolicy::None,
                inactive_threshold: FORGET,
                memory_storage: true,
                num_replicas: 1,
                description: Some(description.to_owned()),
                ..Config::default()
            })
            .await
            .map_err(|error| away(&error))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .expires(EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| away(&error))?;
        Ok(Tail { messages })
    }

    /// The next message. Whoever waits may stop at any time.
    ///
    /// # Errors
    /// The server has fallen silent, or the consumer is gone.
    pub async fn next(&mut self) -> Result<Arrived, SourceError> {
        let message = match self.messages.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(silent(&error)),
            None => return Err(SourceError::Away("the connection to NATS has ended".into())),
        };
        let info = message.info().map_err(|_| {
            SourceError::Away("NATS delivered something that is no message of a stream".into())
        })?;
        let (place, pending) = (
            Place {
                sequence: info.stream_sequence,
                stored_ns: info.published.unix_timestamp_nanos(),
            },
            info.pending,
        );
        let (message, _nobody_waits) = message.split();
        Ok(Arrived {
            place,
            subject: message.subject.to_string(),
            headers: message.headers.unwrap_or_default(),
            payload: message.payload,
            pending,
        })
    }
}

fn silent(error: &MessagesError) -> SourceError {
    SourceError::Away(format!("NATS delivers no more: {error}"))
}
