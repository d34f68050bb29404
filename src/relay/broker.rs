//! The thread that talks with the broker: it looks, publishes, and tells what became of it; it decides nothing.

use std::thread::JoinHandle;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use crossbeam::channel::Sender;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Settings;
use super::course::{End, Fate, Last};
use super::letter::Letter;
use crate::feed::jetstream::marks::Stamp;
use crate::feed::jetstream::{Connection, Seen, message, places};
use crate::feed::source::SourceError;

/// How often one looks whether the connection is still there while something is on its way.
const CUT: Duration = Duration::from_millis(100);
/// How long what is on its way may take when the relay ends.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a broker remembers ids of messages.
const DUPLICATES: Duration = Duration::from_secs(120);

/// What the broker's thread is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Look,
    Publish(Box<Letter>),
    Stop,
}

/// What the broker's thread says.
#[derive(Debug)]
pub(super) enum Heard {
    End(Result<End, SourceError>),
    Fate { epoch: u64, sequence: u64, fate: Fate },
}

/// Starts the thread.
///
/// # Errors
/// No thread is to be had.
pub(super) fn spawn(
    settings: Settings,
    heard: Sender<Heard>,
) -> std::io::Result<(UnboundedSender<Ask>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (asks, asked) = unbounded_channel();
    let broker = Broker {
        settings,
        heard,
        connection: None,
    };
    let thread = std::thread::Builder::new()
        .name("relay-broker".into())
        .spawn(move || runtime.block_on(broker.run(asked)))?;
    Ok((asks, thread))
}

struct Broker {
    settings: Settings,
    heard: Sender<Heard>,
    connection: Option<Connection>,
}

/// What becomes of a message, of which epoch, under which sequence.
type OnWay = std::pin::Pin<Box<dyn Future<Output = (u64, u64, Result<PublishAck, PublishError>)> + Send>>;

impl Broker {
    async fn run(mut self, mut asked: UnboundedReceiver<Ask>) {
        let mut on_way: FuturesUnordered<OnWay> = FuturesUnordered::new();
        let mut last = (0, 0);
        loop {
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(Ask::Look) => {
                        let end = self.look().await;
                        self.tell(Heard::End(end));
                    }
                    Some(Ask::Publish(letter)) => {
                        last = (letter.stamp.epoch, letter.sequence);
                        if let Some(sent) = self.publish(letter).await {
                            on_way.push(sent);
                        }
                    }
                    Some(Ask::Stop) | None => break,
                },
                Some((epoch, sequence, result)) = on_way.next(), if !on_way.is_empty() => {
                    self.tell(Heard::Fate { epoch, sequence, fate: fate(result) });
                }
                () = tokio::time::sleep(CUT), if !on_way.is_empty() => {
                    if self.connection.as_ref().is_some_and(Connection::is_cut) {
                        // Nobody will hear of what was on its way.
                        on_way.clear();
                        self.unknown(last.0, last.1, "the connection to NATS was cut");
                    }
                }
            }
        }
        let farewell = async { while on_way.next().await.is_some() {} };
        let _in_time = tokio::time::timeout(LAST_WORDS, farewell).await;
        if let Some(connection) = &self.connection {
            connection.flush().await;
        }
    }

    fn tell(&self, heard: Heard) {
        // Whoever decides may have ended.
        let _told = self.heard.send(heard);
    }

    fn unknown(&self, epoch: u64, sequence: u64, why: &str) {
        let fate = Fate::Unknown(why.to_owned());
        self.tell(Heard::Fate {
            epoch,
            sequence,
            fate,
        });
    }

    async fn publish(&self, letter: Box<Letter>) -> Option<OnWay> {
        let (epoch, sequence) = (letter.stamp.epoch, letter.sequence);
        let Some(connection) = self.connection.as_ref().filter(|connection| !connection.is_cut()) else {
            self.unknown(epoch, sequence, "not connected to NATS");
            return None;
        };
        let subject = format!("{}.{}", self.settings.prefix, letter.subject);
        let headers = letter.headers();
        let message = PublishMessage::build()
            .headers(headers)
            .payload(letter.payload.into());
        match connection.jetstream.send_publish(subject, message).await {
            Ok(sent) => Some(Box::pin(async move { (epoch, sequence, sent.await) })),
            Err(error) => {
                self.unknown(epoch, sequence, &error.to_string());
                None
            }
        }
    }

    async fn look(&mut self) -> Result<End, SourceError> {
        if self.connection.as_ref().is_none_or(Connection::is_cut) {
            self.connection = None;
            let settings = &self.settings;
            let name = format!("ringside relay {}", settings.name());
            self.connection =
                Some(Connection::open(&settings.servers, &settings.login, &settings.tls, &name).await?);
        }
        let looked = self.look_connected().await;
        if looked.is_err() {
            self.connection = None;
        }
        looked
    }

    async fn look_connected(&self) -> Result<End, SourceError> {
        let settings = &self.settings;
        let Some(connection) = &self.connection else {
            return Err(SourceError::Away("not connected to NATS".into()));
        };
        let at = places(&settings.servers);
        let stream = connection
            .jetstream
            .get_or_create_stream(config(settings))
            .await
            .map_err(|error| match error.kind() {
                CreateStreamErrorKind::JetStream(error) => SourceError::Unfit(format!(
                    "NATS at {at}: expected the stream {:?}, or room for one of relay.max_bytes ({}) with relay.replicas ({}), \
                     found: {error}; correct these keys, or give the server more room",
                    settings.stream, settings.max_bytes, settings.replicas
                )),
                CreateStreamErrorKind::JetStreamUnavailable => SourceError::Unfit(format!(
                    "NATS at {at}: expected JetStream, found a server without it; start it with -js, or give it a block \
                     `jetstream {{ store_dir: … }}`"
                )),
                _ => SourceError::Away(format!("NATS at {at} does not answer: {error}")),
            })?;
        let info = stream.cached_info();
        let subjects = format!("{}.>", settings.prefix);
        if info.config.subjects != [subjects.as_str()] || info.config.retention != RetentionPolicy::Limits {
            return Err(SourceError::Unfit(format!(
                "NATS at {at}: expected a stream {:?} with the one subject {subjects:?} and retention by limits, found \
                 another one; correct relay.stream and relay.prefix, or: nats stream edit {} --subjects {subjects:?}",
                settings.stream, settings.stream
            )));
        }
        let seen = Seen::look(connection, &settings.stream, None).await?;
        let last = message(&stream, seen.last).await?;
        Ok(End {
            created_ns: seen.created_ns,
            first: seen.first,
            last: seen.last,
            message: match last {
                None if seen.last == 0 => Last::Nothing,
                None => Last::Gone,
                Some(message) => Last::of(Stamp::read(&message.headers), &message.subject, &message.payload),
            },
            whole: seen.whole.map(|whole| whole.copy),
            begun: seen.begun,
            max_payload: connection.max_payload(),
        })
    }
}

/// The stream as it is created where it is missing.
fn config(settings: &Settings) -> Config {
    let max_age = Duration::from_secs(settings.max_age_s);
    Config {
        name: settings.stream.clone(),
        subjects: vec![format!("{}.>", settings.prefix)],
        description: Some("changes of customers, published by ringside relay".to_owned()),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        num_replicas: settings.replicas,
        max_bytes: i64::try_from(settings.max_bytes)
            .ok()
            .filter(|most| *most > 0)
            .unwrap_or(-1),
        max_age,
        duplicate_window: DUPLICATES.min(if max_age.is_zero() { DUPLICATES } else { max_age }),
        ..Config::default()
    }
}

fn fate(result: Result<PublishAck, PublishError>) -> Fate {
    match result {
        Ok(stored) => Fate::Stored(stored.sequence),
        Err(error) => match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => Fate::Refused,
            _ => Fate::Unknown(error.to_string()),
        },
    }
}
