//! Changes that a NATS JetStream stream carries: those of a relay of ours, or anybody's.

mod connection;
mod follower;
pub mod marks;
mod place;
mod rows;
mod seen;
mod tail;

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::Secret;
use super::decode::Decode;
use super::secure::Tls;
use super::source::{Event, Life, Rows, Source, SourceError, Standing};
pub use connection::{ANSWER, Connection, Haste, Login, places};
use follower::Follower;
use place::Era;
use seen::Lost;
pub use seen::{Seen, Whole, message, place};
pub use tail::{Arrived, Tail};

/// Time between two times that one says that there is nothing more.
const IDLE: Duration = Duration::from_secs(1);
/// Time between two looks at a stream in which nothing happens.
const LOOK: Duration = Duration::from_secs(5);
/// How long a copy that is under way is waited for before that is told.
const COPY_WAIT: Duration = Duration::from_secs(20);

/// What is particular to this kind of feed: `[feed.NAME.jetstream]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Addresses of servers of one cluster, as nats://HOST:4222 or tls://HOST:4222; 1 to 16.
    pub servers: Vec<Secret>,
    /// The stream, 1 to 255 bytes; all of it is read.
    pub stream: String,
    /// How its messages are written, where no relay of ours wrote them.
    pub format: Format,
    /// Who one is to the servers.
    pub login: Login,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One change each, as `POST /v1/changes` takes it.
    #[default]
    Changes,
    /// Debezium's envelope.
    Debezium,
}

/// A stream of changes.
#[derive(Debug)]
pub struct JetStream {
    name: String,
    settings: Settings,
    tls: Tls,
    decode: Box<dyn Decode>,
    reading: u64,
    connection: Option<Connection>,
    copy: Option<Whole>,
    /// What a relay says up to this message of changes that are missing was told.
    told: u64,
    /// A number for what the stream is since it gave sequences away; 0: it did not.
    rewritten: u64,
    follower: Option<Follower>,
    tail: Option<Tail>,
    ready: VecDeque<Event>,
    /// When something last came, or was last said to be nothing.
    quiet: Instant,
    looked: Instant,
    /// The last message that the stream had then.
    end: u64,
}

impl JetStream {
    /// The stream that `settings` name, for the feed `name`. `decode` reads its messages, and `fingerprint` is another
    /// number where it would read them in another way.
    pub fn new(
        name: &str,
        settings: Settings,
        tls: Tls,
        decode: Box<dyn Decode>,
        fingerprint: u64,
    ) -> JetStream {
        let reading = format!("{}\n{:?}\n{fingerprint}", settings.stream, settings.format);
        JetStream {
            name: name.to_owned(),
            reading: xxh3_64(reading.as_bytes()),
            settings,
            tls,
            decode,
            connection: None,
            copy: None,
            told: 0,
            rewritten: 0,
            follower: None,
            tail: None,
            ready: VecDeque::new(),
            quiet: Instant::now(),
            looked: Instant::now(),
            end: 0,
        }
    }

    fn connection(&self) -> Result<&Connection, SourceError> {
        self.connection
            .as_ref()
            .ok_or_else(|| SourceError::Away("not connected".into()))
    }

    fn leave(&mut self) {
        self.tail = None;
        self.follower = None;
        self.copy = None;
        self.ready.clear();
    }

    /// Makes sure that nothing is missing behind the last message that was taken.
    async fn look_behind(&mut self) -> Result<(), SourceError> {
        let Some(follower) = &self.follower else {
            return Err(SourceError::Away("nothing is followed".into()));
        };
        let (era, last) = (follower.era(), follower.last());
        let seen = Seen::look(self.connection()?, &self.settings.stream, Some(last)).await?;
        self.looked = Instant::now();
        self.end = seen.last;
        if seen.created_ns != era.created_ns {
            return Err(SourceError::Lost(
                "the stream was deleted and created again".into(),
            ));
        }
        match seen.lost(last) {
            Some(Lost { why, is_rewritten }) => {
                if is_rewritten {
                    self.rewritten = seen.rewritten();
                }
                Err(SourceError::Lost(why))
            }
            None => Ok(()),
        }
    }

    /// What comes next, or `None` where nothing did for a while.
    async fn arrived(&mut self) -> Result<Option<Arrived>, SourceError> {
        if self.tail.is_none() {
            self.look_behind().await?;
            let from = self
                .follower
                .as_ref()
                .map_or(1, |follower| follower.last().sequence + 1);
            self.tail = Some(Tail::open(self.connection()?, &self.settings.stream, from).await?);
        }
        let Some(tail) = &mut self.tail else {
            return Ok(None);
        };
        tokio::select! {
            arrived = tail.next() => arrived.map(Some),
            () = tokio::time::sleep_until(self.quiet + IDLE) => Ok(None),
        }
    }
}

impl Source for JetStream {
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError> {
        self.leave();
        self.connection = None;
        let name = format!("ringside feed {}", self.name);
        let connection =
            Connection::open(&self.settings.servers, &self.settings.login, &self.tls, &name).await?;
        let at = known.last().and_then(Era::parse).map(|(_, place)| place);
        let seen = Seen::look(&connection, &self.settings.stream, at).await?;
        self.connection = Some(connection);
        self.told = seen.gap.as_ref().map_or(0, |(at, _)| *at);
        Ok(seen.judge(self.reading, known, self.rewritten))
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        let begun = Instant::now();
        loop {
            let seen = Seen::look(self.connection()?, &self.settings.stream, None).await?;
            if let Some(whole) = seen.whole {
                self.copy = Some(whole);
                let era = Era {
                    reading: self.reading,
                    created_ns: seen.created_ns,
                    copy: whole.copy,
                };
                return Ok(era.life(whole.place));
            }
            if !seen.is_copied_now() {
                return Err(SourceError::Unfit(format!(
                    "expected a whole copy in the stream {:?}, found none; import a snapshot (`ringside snapshot build`), \
                     or have a relay fill the stream (`ringside relay`)",
                    self.settings.stream
                )));
            }
            if begun.elapsed() > COPY_WAIT {
                return Err(SourceError::Away(format!(
                    "the relay's copy in the stream {:?} is not whole yet",
                    self.settings.stream
                )));
            }
            tokio::time::sleep(IDLE).await;
        }
    }

    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let whole = self
            .copy
            .ok_or_else(|| SourceError::Away("no copy was begun".into()))?;
        rows::copy(self.connection()?, &self.settings.stream, whole, rows).await
    }

    async fn follow(&mut self, from: &Life) -> Result<(), SourceError> {
        self.leave();
        let Some((era, place)) = Era::parse(from).filter(|(era, _)| era.reading == self.reading) else {
            return Err(SourceError::Lost(
                "what is known is of another stream, or was read under another configuration".into(),
            ));
        };
        self.follower = Some(Follower::new(era, place, self.told, std::time::Instant::now()));
        self.quiet = Instant::now();
        self.look_behind().await
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let arrived = match self.arrived().await {
                Ok(arrived) => arrived,
                Err(error) => {
                    // A consumer may be lost without the connection, as when its server leaves a cluster: another one is
                    // made, once, and whatever is missing then is seen.
                    let retry = self.tail.take().is_some()
                        && matches!(error, SourceError::Away(_))
                        && self
                            .connection
                            .as_ref()
                            .is_some_and(|connection| !connection.is_cut());
                    if retry {
                        continue;
                    }
                    return Err(error);
                }
            };
            let Some(follower) = &mut self.follower else {
                return Err(SourceError::Away("nothing is followed".into()));
            };
            let now = Instant::now();
            // A silence says nothing where messages are known to be on their way, as while a consumer is being made.
            let is_caught_up = match &arrived {
                Some(message) => message.pending == 0,
                None => follower.last().sequence >= self.end,
            };
            let is_quiet = arrived.is_none();
            if let Some(message) = arrived {
                follower.take(&message, self.decode.as_ref(), now.into_std(), &mut self.ready)?;
            }
            if is_caught_up && now >= self.quiet + IDLE {
                let lag_ms = follower.lag_ms(now.into_std());
                self.ready.push_back(Event::Idle { lag_ms });
                self.quiet = now;
            }
            if is_quiet && now >= self.looked + LOOK {
                self.look_behind().await?;
            }
        }
    }

    fn confirm(&mut self, _token: &str) {
        // A stream keeps what its limits say, whoever has read it.
    }

    async fn close(&mut self) {
        self.leave();
        self.connection = None;
    }
}
