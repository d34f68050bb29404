//! The end of a change stream: waited for by a task of its own, so that whoever waits for it may stop at any time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use mongodb::bson::RawDocumentBuf;
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::events::{Read, Reader};
use super::server::{Server, told};
use super::written;
use crate::feed::source::{Event, SourceError};

/// What has been read and waits to be taken.
const QUEUE: usize = 1024;
/// The most events between two places, where more wait.
const PLACES_APART: usize = 64;
/// How often the primary is asked how far a majority is.
const PULSE: Duration = Duration::from_secs(1);

/// A change stream that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    reader: Reader,
    server: Server,
    read: mpsc::Receiver<Result<Arrived, SourceError>>,
    pulse: watch::Receiver<Pulse>,
    tasks: [JoinHandle<()>; 2],
    silence: Duration,
    ready: VecDeque<Event>,
    /// Events since the last place.
    since_place: usize,
    /// The schema has changed at this position, ahead of this place, and has not been read: kept here, since whoever waits
    /// may stop.
    changed: Option<(Vec<u8>, String)>,
}

/// What came.
enum Arrived {
    Event(RawDocumentBuf, ResumeToken),
    /// Nothing, up to this place, at this moment: it may wait for long until somebody takes it.
    Nothing(String, Instant),
}

/// How far a majority was, and when that was heard.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    lag_ms: u64,
    heard: Instant,
}

impl Tail {
    pub(super) fn new(
        stream: ChangeStream<RawDocumentBuf>,
        reader: Reader,
        server: Server,
        silence: Duration,
    ) -> Tail {
        let (to, read) = mpsc::channel(QUEUE);
        let (heard, pulse) = watch::channel(Pulse {
            lag_ms: 0,
            heard: Instant::now(),
        });
        let tasks = [
            tokio::spawn(follow(stream, to)),
            tokio::spawn(listen(server.clone(), heard)),
        ];
        Tail {
            reader,
            server,
            read,
            pulse,
            tasks,
            silence,
            ready: VecDeque::new(),
            since_place: 0,
            changed: None,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Event, SourceError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some((position, token)) = &self.changed {
                let documents = self.documents().await?;
                self.reader
                    .schema(&documents, position.clone(), &mut self.ready)?;
                let token = token.clone();
                self.place(token);
                self.changed = None;
                continue;
            }
            let silent = || SourceError::Away(format!("nothing was heard for {} s", self.silence.as_secs()));
            let arrived = match tokio::time::timeout(self.silence, self.read.recv()).await {
                Err(_) => return Err(silent()),
                Ok(None) => return Err(SourceError::Away("the change stream has ended".into())),
                Ok(Some(arrived)) => arrived?,
            };
            match arrived {
                Arrived::Event(event, token) => match self.reader.read(&event, &mut self.ready)? {
                    // Of many that wait not each needs a place to go on behind it: what lies behind the last is read again.
                    Read::Done if !self.read.is_empty() && self.since_place < PLACES_APART => {
                        self.since_place += 1;
                    }
                    Read::Done => self.place(written(&token)?),
                    Read::Schema(position) => self.changed = Some((position, written(&token)?)),
                },
                Arrived::Nothing(token, at) => {
                    self.place(token);
                    let waited = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
                    self.ready.push_back(Event::Idle {
                        lag_ms: Some(self.lag_ms().saturating_add(waited)),
                    });
                }
            }
        }
    }

    fn place(&mut self, token: String) {
        self.since_place = 0;
        let position = position_of(&token);
        self.ready.push_back(Event::Place { token, position });
    }

    /// By how much what the stream gives is behind what the primary has; by as much more as that was not heard of.
    fn lag_ms(&self) -> u64 {
        let pulse = *self.pulse.borrow();
        let unheard = pulse.heard.elapsed().saturating_sub(PULSE * 2);
        let unheard = u64::try_from(unheard.as_millis()).unwrap_or(u64::MAX);
        pulse.lag_ms.saturating_add(unheard)
    }

    async fn documents(&self) -> Result<Vec<serde_json::Value>, SourceError> {
        match self.reader.attributes() {
            Some(from) => self.server.documents(from).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Reads `stream` until nobody wants more.
async fn follow(mut stream: ChangeStream<RawDocumentBuf>, to: mpsc::Sender<Result<Arrived, SourceError>>) {
    loop {
        let arrived = stream.next_if_any().await.map_err(|error| told(&error));
        let arrived = match (arrived, stream.resume_token()) {
            (Err(error), _) => Err(error),
            (Ok(_), None) => Err(SourceError::Away("the change stream tells no place".into())),
            (Ok(Some(event)), Some(token)) => Ok(Arrived::Event(event, token)),
            (Ok(None), Some(token)) => written(&token).map(|token| Arrived::Nothing(token, Instant::now())),
        };
        let is_end = arrived.is_err() || !stream.is_alive();
        let closed = std::pin::pin!(to.closed());
        match select(std::pin::pin!(to.send(arrived)), closed).await {
            Either::Left((Ok(()), _)) if !is_end => {}
            _ => return,
        }
    }
}

/// Asks the primary again and again how far a majority is.
async fn listen(server: Server, heard: watch::Sender<Pulse>) {
    loop {
        let asked = tokio::time::timeout(PULSE * 2, server.majority()).await;
        if let Ok(Ok(majority)) = asked {
            let pulse = Pulse {
                lag_ms: majority.lag_ms,
                heard: Instant::now(),
            };
            if heard.send(pulse).is_err() {
                return;
            }
        }
        tokio::time::sleep(PULSE).await;
        if heard.is_closed() {
            return;
        }
    }
}

/// What a person reads of a token: the cluster time that it begins with, as seconds since 1970 and the change of that
/// second.
fn position_of(token: &str) -> String {
    let token: serde_json::Value = serde_json::from_str(token).unwrap_or_default();
    let digits = token["_data"].as_str().unwrap_or_default();
    // One byte says that a timestamp follows.
    let number = |range| {
        digits
            .get(range)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    match (number(2..10), number(10..18)) {
        (Some(seconds), Some(nth)) => format!("{seconds}.{nth}"),
        _ => String::new(),
    }
}
