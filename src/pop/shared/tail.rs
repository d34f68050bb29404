//! The end of the stream, read on and on: by a consumer, and by asking any server that has a copy, where that is silent.
//!
//! A consumer is on one server, and an election may take seconds: whatever a majority has kept, some other server gives out
//! meanwhile.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use crossbeam::channel::Sender;
use tokio::time::{sleep, timeout};

use super::broker::Heard;
use super::committed::{Mark, Newest, Passed, stamp};
use super::envelope::{self, Opened};
use super::seal::Seal;
use crate::feed::jetstream::{Connection, Tail};

/// A consumer that has said nothing for so long may be dead: any other server is asked.
const SILENCE: Duration = Duration::from_millis(250);
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Time between two attempts to have a consumer.
const PAUSE: Duration = Duration::from_millis(100);
/// The most messages that are asked for one by one before a consumer is tried again.
const ONE_BY_ONE: usize = 64;

/// Reads one life of a stream.
pub(super) struct Reading {
    pub(super) connection: Connection,
    pub(super) stream: String,
    pub(super) prefix: String,
    pub(super) life: u64,
    /// The message that is expected next.
    pub(super) next: u64,
    /// The newest message that was read.
    pub(super) newest: Option<Newest>,
    pub(super) seal: Arc<Seal>,
    pub(super) heard: Sender<Heard>,
}

/// The stream is another one.
struct IsGone;

impl Reading {
    /// Reads on until the stream is another one, or there is no connection; it may be stopped at any time.
    pub(super) async fn run(mut self) {
        loop {
            match self.follow().await {
                Ok(()) if self.connection.is_cut() => return,
                Ok(()) => {}
                Err(IsGone) => {
                    self.tell(Heard::LostTail);
                    return;
                }
            }
            self.ask_anybody(ONE_BY_ONE).await;
            sleep(PAUSE).await;
        }
    }

    /// Follows a consumer until it falls silent for good.
    async fn follow(&mut self) -> Result<(), IsGone> {
        let stream = self.stream.clone();
        let opening = open(
            self.connection.clone(),
            stream,
            self.life,
            self.next,
            self.newest.clone(),
        );
        let mut opening = std::pin::pin!(timeout(2 * ANSWER, opening));
        let mut tail = loop {
            match timeout(SILENCE, &mut opening).await {
                Ok(Ok(Ok(Some(tail)))) => break tail,
                Ok(Ok(Err(IsGone))) => return Err(IsGone),
                Ok(Ok(Ok(None)) | Err(_)) => return Ok(()),
                Err(_) => self.ask_anybody(ONE_BY_ONE).await,
            }
        };
        loop {
            match timeout(SILENCE, tail.next()).await {
                Ok(Ok(arrived)) => {
                    let (sequence, more) = (arrived.place.sequence, arrived.pending);
                    self.arrived(
                        sequence,
                        more,
                        &arrived.subject,
                        &arrived.headers,
                        &arrived.payload,
                    );
                }
                Ok(Err(_silent)) => return Ok(()),
                Err(_) => self.ask_anybody(ONE_BY_ONE).await,
            }
        }
    }

    /// Asks whichever server has a copy for what comes next, as long as there is something.
    async fn ask_anybody(&mut self, most: usize) {
        let context: &Context = &self.connection.jetstream;
        let Ok(stream) = context.get_stream_no_info(&self.stream).await else {
            return;
        };
        for _ in 0..most {
            let subjects = format!("{}.>", self.prefix);
            let asked = stream.direct_get_next_for_subject(subjects, Some(self.next));
            match timeout(ANSWER, asked).await {
                Ok(Ok(message)) if message.sequence >= self.next => {
                    let sequence = message.sequence;
                    self.arrived(sequence, 0, &message.subject, &message.headers, &message.payload);
                }
                // There is nothing more, or nobody to ask.
                _ => return,
            }
        }
    }

    fn arrived(&mut self, sequence: u64, more: u64, subject: &str, headers: &HeaderMap, payload: &[u8]) {
        if sequence < self.next {
            return;
        }
        self.next = sequence + 1;
        let subject = subject.strip_prefix(&self.prefix).unwrap_or(subject);
        let subject = subject.trim_start_matches('.');
        let opened: Opened = envelope::open(&self.seal, subject, headers, payload, sequence);
        let stamp = stamp(payload);
        self.newest = Some(match &opened {
            Opened::Letter(letter) => Newest::Letter(Mark {
                origin: letter.origin.clone(),
                n: letter.last(),
                sequence,
            }),
            _ => Newest::Passed(Passed { sequence, stamp }),
        });
        self.tell(Heard::Arrived {
            sequence,
            more,
            stamp,
            opened,
        });
    }

    fn tell(&self, heard: Heard) {
        // Whoever decides may have ended.
        let _told = self.heard.send(heard);
    }
}

/// Whether `stream` has the message `newest`, as far as can be told: whoever lost its end may have grown past that place again.
///
/// # Errors
/// Nobody says so now; why.
pub(super) async fn still_has(stream: &Stream, newest: &Newest) -> Result<bool, String> {
    match timeout(ANSWER, stream.get_raw_message(newest.sequence())).await {
        Ok(Ok(message)) => {
            let writer = envelope::letter_of(&message.headers);
            Ok(newest.is_it(writer.as_ref(), &message.payload))
        }
        // It was trimmed, or somebody removed it.
        Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(true),
        Ok(Err(_)) | Err(_) => Err("JetStream does not answer".to_owned()),
    }
}

/// A consumer of the stream `name` from `next` on, behind the message `newest`; `None` where there is none to be had now.
async fn open(
    connection: Connection,
    name: String,
    life: u64,
    next: u64,
    newest: Option<Newest>,
) -> Result<Option<Tail>, IsGone> {
    let stream = match connection.jetstream.get_stream(&name).await {
        // One that has less than was read lost its end with the servers that had it.
        Ok(stream) if life_of(&stream) == life && stream.cached_info().state.last_sequence >= next - 1 => {
            stream
        }
        Ok(_) => return Err(IsGone),
        Err(error) => {
            return match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    Err(IsGone)
                }
                _ => Ok(None),
            };
        }
    };
    if let Some(newest) = &newest {
        match still_has(&stream, newest).await {
            Ok(true) => {}
            Ok(false) => return Err(IsGone),
            Err(_) => return Ok(None),
        }
    }
    Ok(Tail::of(&stream, next, "a Ringside node").await.ok())
}

/// When a stream was created, nanoseconds since 1970.
pub(super) fn life_of(stream: &Stream) -> u64 {
    u64::try_from(stream.cached_info().created.unix_timestamp_nanos()).unwrap_or(u64::MAX)
}
