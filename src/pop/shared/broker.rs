//! The thread that talks with the stream: it looks, publishes, reads, and tells what came of it; it decides nothing.

mod bucket;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use crossbeam::channel::Sender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::settings::Shared;
use super::committed::Newest;
use super::course::View;
use super::decider::Peer;
use super::envelope::{self, Opened, Sealed};
use super::letter::{Letter, Origin};
use super::seal::Seal;
use super::side::SideKind;
use super::tail::{Reading, life_of, still_has};
use super::terms::Asked;
use crate::feed::jetstream::{Connection, Haste, places};
use crate::ha::Input;
use bucket::Bucket;

/// How fast servers are given up: rings wait for none, but each moment without them is one in which nothing is replicated.
const HASTE: Haste = Haste {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(2),
    ping: Duration::from_secs(2),
    in_order: true,
};
/// Time between two looks whether the server is still there, and how long it may take to say so.
const PULSE: Duration = Duration::from_millis(500);
const PULSE_LATE: Duration = Duration::from_millis(1500);
/// How long the servers may take to keep a trial.
const TRIAL: Duration = Duration::from_secs(1);
/// How long the servers remember ids of messages.
const DUPLICATES: Duration = Duration::from_secs(120);
/// So often a letter is sent under the same id.
const SAME_ID: u32 = 4;
/// The most messages that are read back to one of the other node.
const TRIED: usize = 32;
/// How long what is on its way may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// At the stream, and whether it still has this message.
    Look(Option<Newest>),
    Follow {
        from: u64,
        life: u64,
        newest: Option<Newest>,
    },
    Publish(Arc<Letter>),
    Try,
    Peer(Option<Peer>),
    Side {
        kind: SideKind,
        bytes: Vec<u8>,
        done: Option<oneshot::Sender<bool>>,
    },
}

/// What it says.
#[derive(Debug)]
pub(super) enum Heard {
    Looked(View),
    CannotLook(String),
    Stored {
        id: String,
        sequence: u64,
    },
    Unknown(String),
    Arrived {
        sequence: u64,
        more: u64,
        /// What [`stamp`](super::committed::stamp) makes of it.
        stamp: u64,
        opened: Opened,
    },
    LostTail,
    Probed(bool),
    Tried(bool),
    Peer(Option<Vec<u8>>),
    Cut(String),
}

/// The thread.
#[derive(Debug)]
pub(super) struct Broker {
    asks: Option<UnboundedSender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

struct Talking {
    settings: Shared,
    origin: Origin,
    seal: Arc<Seal>,
    heard: Sender<Heard>,
    news: Sender<Input>,
    link: Option<Link>,
    /// Letters on their way.
    sent: JoinSet<()>,
    /// The last letter, and how often it was sent again.
    last: Option<String>,
    tries: u32,
}

/// A connection, and what lasts as long as it does.
struct Link {
    connection: Connection,
    bucket: Bucket,
    reading: Option<tokio::task::JoinHandle<()>>,
    _pulse: Aborts,
}

/// A task that ends with this value.
struct Aborts(tokio::task::JoinHandle<()>);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }
}

impl Broker {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn spawn(
        settings: Shared,
        origin: Origin,
        seal: Arc<Seal>,
        terms: Asked,
        heard: Sender<Heard>,
    ) -> std::io::Result<Broker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (asks, asked) = unbounded_channel();
        let talking = Talking {
            settings,
            origin,
            seal,
            heard,
            news: terms.news.clone(),
            link: None,
            sent: JoinSet::new(),
            last: None,
            tries: 0,
        };
        let thread = std::thread::Builder::new()
            .name("calls-nats".to_owned())
            .spawn(move || runtime.block_on(talking.run(asked, terms)))?;
        Ok(Broker {
            asks: Some(asks),
            thread: Some(thread),
        })
    }

    /// Asks for something.
    pub(super) fn ask(&self, ask: Ask) {
        if let Some(asks) = &self.asks {
            // The thread ends with this value alone, or in a panic that was told of.
            let _asked = asks.send(ask);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the stream of calls ended in a panic; what it said stands above");
        }
    }
}

impl Talking {
    async fn run(mut self, mut asked: UnboundedReceiver<Ask>, mut terms: Asked) {
        loop {
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(Ask::Look(newest)) => self.look(newest).await,
                    Some(Ask::Follow { from, life, newest }) => self.follow(from, life, newest),
                    Some(Ask::Publish(letter)) => self.publish(&letter),
                    Some(Ask::Try) => self.try_stream(),
                    Some(Ask::Peer(peer)) => self.ask_peer(peer),
                    Some(Ask::Side { kind, bytes, done }) => self.publish_side(kind, bytes, done),
                    None => break,
                },
                Some(mint) = terms.asks.recv() => match &self.link {
                    Some(link) => link.bucket.mint(mint),
                    None => {
                        let why = "not connected to NATS".to_owned();
                        let _told = self.news.send(Input::NotMinted { why });
                    }
                },
                Some(_ended) = self.sent.join_next() => {}
            }
        }
        let farewell = async { while self.sent.join_next().await.is_some() {} };
        let _in_time = timeout(LAST_WORDS, farewell).await;
    }

    fn tell(&self, heard: Heard) {
        // Whoever decides may have ended.
        let _told = self.heard.send(heard);
    }

    async fn look(&mut self, newest: Option<Newest>) {
        match self.looked(newest).await {
            Ok(view) => self.tell(Heard::Looked(view)),
            Err(why) => {
                // A server that lets one in and is cut off from the others must not be the only one that is ever asked.
                if self.link.take().is_some() && !self.settings.servers.is_empty() {
                    self.settings.servers.rotate_left(1);
                }
                self.tell(Heard::CannotLook(why));
            }
        }
    }

    async fn looked(&mut self, newest: Option<Newest>) -> Result<View, String> {
        let settings = &self.settings;
        let at = places(&settings.servers);
        if self.link.as_ref().is_none_or(|link| link.connection.is_cut()) {
            self.link = None;
            let name = format!("ringside {}", self.origin.node);
            let connection =
                Connection::open_in(HASTE, &settings.servers, &settings.login, &settings.tls, &name)
                    .await
                    .map_err(|error| error.to_string())?;
            let heard = self.heard.clone();
            self.link = Some(Link {
                bucket: Bucket::begin(
                    &connection,
                    settings,
                    &self.origin.node,
                    heard.clone(),
                    self.news.clone(),
                ),
                reading: None,
                _pulse: Aborts(tokio::spawn(pulse(connection.clone(), heard))),
                connection,
            });
        }
        let link = self.link.as_ref().ok_or("not connected to NATS")?;
        let found = timeout(
            HASTE.answer,
            link.connection.jetstream.get_or_create_stream(config(settings)),
        );
        let stream = found
            .await
            .map_err(|_| format!("NATS at {at}: JetStream does not answer"))?
            .map_err(|error| match error.kind() {
                CreateStreamErrorKind::JetStream(error) => format!(
                    "NATS at {at}: expected the stream {:?}, or room for one of calls.jetstream.max_bytes ({}) on \
                     calls.jetstream.replicas ({}) servers, found: {error}; correct these keys, or give the servers more room",
                    settings.stream, settings.max_bytes, settings.replicas
                ),
                CreateStreamErrorKind::JetStreamUnavailable => format!(
                    "NATS at {at}: expected JetStream, found none: start the servers with -js, and a majority of them"
                ),
                _ => format!("NATS at {at}: JetStream does not answer: {error}"),
            })?;
        let info = stream.cached_info();
        let subjects = subjects(settings);
        if info.config.subjects != [subjects.as_str()] || info.config.retention != RetentionPolicy::Limits {
            return Err(format!(
                "NATS at {at}: expected a stream {:?} with the one subject {subjects:?} and retention by limits, found another one; \
                 correct calls.jetstream.stream and calls.jetstream.prefix, or: nats stream edit {} --subjects {subjects:?}",
                settings.stream, settings.stream
            ));
        }
        self.try_secret(&stream, info.state.last_sequence).await?;
        let is_another_end = match newest {
            Some(newest) => !still_has(&stream, &newest).await?,
            None => false,
        };
        Ok(View {
            life: life_of(&stream),
            first: info.state.first_sequence.max(1),
            last: info.state.last_sequence,
            is_another_end,
        })
    }

    /// Makes sure that what the other node wrote last, up to the message `last`, can be understood: a node that has another
    /// secret must not write a word, for the other one could never read on.
    ///
    /// # Errors
    /// It cannot, for this reason.
    async fn try_secret(&self, stream: &Stream, last: u64) -> Result<(), String> {
        for sequence in (1..=last).rev().take(TRIED) {
            let message = match timeout(HASTE.answer, stream.get_raw_message(sequence)).await {
                Ok(Ok(message)) => message,
                Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound => continue,
                Ok(Err(_)) | Err(_) => return Err("JetStream does not answer".to_owned()),
            };
            if envelope::writer(&message.headers) == Some(&*self.origin.node) {
                continue;
            }
            let subject = message.subject.strip_prefix(&self.settings.prefix);
            let subject = subject.unwrap_or_default().trim_start_matches('.');
            match envelope::open(&self.seal, subject, &message.headers, &message.payload, sequence) {
                Opened::Unreadable(why) => return Err(why),
                Opened::Strange => {}
                Opened::Letter(_) | Opened::Side(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn follow(&mut self, next: u64, life: u64, newest: Option<Newest>) {
        let Some(link) = &mut self.link else {
            return;
        };
        let reading = Reading {
            connection: link.connection.clone(),
            stream: self.settings.stream.clone(),
            prefix: self.settings.prefix.clone(),
            life,
            next,
            newest,
            seal: Arc::clone(&self.seal),
            heard: self.heard.clone(),
        };
        if let Some(before) = link.reading.replace(tokio::spawn(reading.run())) {
            before.abort();
        }
    }

    fn publish(&mut self, letter: &Letter) {
        let id = letter.id();
        let mut sealed = envelope::seal_letter(&self.seal, letter);
        self.tries = match self.last.as_deref() == Some(&*id) {
            true => self.tries.saturating_add(1),
            false => 0,
        };
        self.last = Some(id.clone());
        // Some servers refuse an id for two minutes whose message an election lost. Whoever folds the stream knows a letter
        // that comes twice by its numbers.
        if self.tries >= SAME_ID
            && let Ok(sealed) = &mut sealed
        {
            sealed.id = Some(format!("{id}-{}", self.tries));
        }
        let sending = self.sending(sealed);
        let heard = self.heard.clone();
        self.sent.spawn(async move {
            let stored = match sending {
                Some(sending) => sending.await,
                None => None,
            };
            let _told = heard.send(match stored {
                Some(sequence) => Heard::Stored { id, sequence },
                None => Heard::Unknown(id),
            });
        });
    }

    fn publish_side(&mut self, kind: SideKind, bytes: Vec<u8>, done: Option<oneshot::Sender<bool>>) {
        let sealed = envelope::seal_side(&self.seal, kind, &self.origin, bytes);
        let sending = self.sending(sealed);
        self.sent.spawn(async move {
            let is_stored = match sending {
                Some(sending) => sending.await.is_some(),
                None => false,
            };
            // Whoever asked may have gone.
            let _told = done.map(|done| done.send(is_stored));
        });
    }

    /// Writes what means nothing, to see whether it is kept.
    fn try_stream(&mut self) {
        let sealed = envelope::seal_side(&self.seal, SideKind::Trial, &self.origin, Vec::new());
        let sending = self.sending(sealed);
        let heard = self.heard.clone();
        self.sent.spawn(async move {
            let is_kept = match sending {
                Some(sending) => matches!(timeout(TRIAL, sending).await, Ok(Some(_))),
                None => false,
            };
            let _told = heard.send(Heard::Tried(is_kept));
        });
    }

    /// What publishes a message, and knows then where it is stored, for sure.
    fn sending(
        &self,
        sealed: Result<Sealed, getrandom::Error>,
    ) -> Option<impl Future<Output = Option<u64>> + Send + 'static> {
        let link = self.link.as_ref().filter(|link| !link.connection.is_cut())?;
        let sealed = sealed.ok()?;
        let jetstream = link.connection.jetstream.clone();
        let subject = format!("{}.{}", self.settings.prefix, sealed.subject);
        let message = PublishMessage::build()
            .headers(sealed.headers)
            .payload(sealed.payload.into())
            .expected_stream(&self.settings.stream);
        let message = match sealed.id {
            Some(id) => message.message_id(id),
            None => message,
        };
        Some(async move {
            match jetstream.send_publish(subject, message).await {
                // Servers from 2.9.22 on call a message known, at place 0, that they have only been asked to keep.
                Ok(acknowledged) => acknowledged
                    .await
                    .ok()
                    .map(|stored| stored.sequence)
                    .filter(|sequence| *sequence > 0),
                Err(_) => None,
            }
        })
    }

    fn ask_peer(&self, peer: Option<Peer>) {
        let heard = self.heard.clone();
        let ask = move || {
            let _told = heard.send(Heard::Peer(peer.and_then(|peer| (peer.0)())));
        };
        drop(tokio::task::spawn_blocking(ask));
    }
}

/// Looks whether the server is there, and says so once it is not.
async fn pulse(connection: Connection, heard: Sender<Heard>) {
    loop {
        tokio::time::sleep(PULSE).await;
        let is_there = matches!(timeout(PULSE_LATE, connection.echo()).await, Ok(true));
        if !is_there || connection.is_cut() {
            connection.give_up();
            let _told = heard.send(Heard::Cut("the connection to NATS was cut".to_owned()));
            return;
        }
    }
}

/// All subjects of the stream.
fn subjects(settings: &Shared) -> String {
    format!("{}.>", settings.prefix)
}

/// The stream as it is created where it is missing.
fn config(settings: &Shared) -> Config {
    let max_age = Duration::from_secs(settings.max_age_s);
    Config {
        name: settings.stream.clone(),
        subjects: vec![subjects(settings)],
        description: Some("calls of a pair of Ringside nodes, sealed".to_owned()),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        num_replicas: settings.replicas,
        max_bytes: i64::try_from(settings.max_bytes).unwrap_or(i64::MAX),
        max_age,
        duplicate_window: DUPLICATES.min(max_age),
        allow_direct: true,
        ..Config::default()
    }
}
