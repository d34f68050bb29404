//! NATS JetStream with our own changes, beside a pull consumer that parses each message.

use std::io::Error;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use serde_json::{Value, json};
use servers::nats::Nats;
use tokio::runtime::Runtime;

use super::{Bench, name, number};

const STREAM: &str = "CUSTOMERS";

pub(super) struct JetStream {
    server: Nats,
    runtime: Runtime,
    publisher: Context,
    published: u64,
    held: u64,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
}

impl JetStream {
    pub(super) fn start() -> Result<JetStream, Error> {
        let server = Nats::start("")?;
        let runtime = runtime();
        let publisher = runtime.block_on(async {
            let publisher = context(&server.url()).await;
            let config = Config {
                name: STREAM.to_owned(),
                subjects: vec!["customers".to_owned()],
                ..Config::default()
            };
            let created = publisher.create_stream(config).await;
            created.unwrap_or_else(|error| panic!("{error}"));
            publisher
        });
        Ok(JetStream {
            server,
            runtime,
            publisher,
            published: 0,
            held: 0,
        })
    }
}

async fn context(url: &str) -> Context {
    let client = async_nats::connect(url).await;
    jetstream::new(client.unwrap_or_else(|error| panic!("{error}")))
}

/// Receives from the message `from` on; `each` says whether to go on.
async fn receive(url: &str, from: u64, ready: impl FnOnce(), mut each: impl FnMut() -> bool) {
    let stream = context(url).await.get_stream(STREAM).await;
    let stream = stream.unwrap_or_else(|error| panic!("{error}"));
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
        ack_policy: AckPolicy::None,
        memory_storage: true,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer = consumer.unwrap_or_else(|error| panic!("{error}"));
    let messages = consumer.stream().max_messages_per_batch(512).messages().await;
    let mut messages = messages.unwrap_or_else(|error| panic!("{error}"));
    ready();
    while let Some(message) = messages.next().await {
        let message = message.unwrap_or_else(|error| panic!("{error}"));
        let change: Result<Value, _> = serde_json::from_slice(&message.payload);
        if change.is_ok() && !each() {
            return;
        }
    }
}

impl Bench for JetStream {
    fn rows(&self) -> [(&'static str, &'static str); 2] {
        [
            ("13-jetstream", "JetStream: stored to visible in a lookup, p99"),
            (
                "14-jetstream",
                "JetStream: catching up after an outage, as time of a bare receiver's",
            ),
        ]
    }

    fn config(&self) -> String {
        let url = self.server.url();
        format!(
            "[feed.main]\nkind = \"jetstream\"\n[feed.main.jetstream]\nservers = [{url:?}]\nstream = {STREAM:?}\n"
        )
    }

    fn write(&mut self, ids: Range<u64>, version: u64) {
        let ids: Vec<u64> = ids.collect();
        self.published += ids.len() as u64;
        let publisher = &self.publisher;
        self.runtime.block_on(async {
            for ids in ids.chunks(500) {
                let mut stored = Vec::new();
                for id in ids {
                    let customer =
                        json!({"id": id.to_string(), "name": name(version), "phones": [number(*id)]});
                    let line = json!({"op": "upsert", "customer": customer}).to_string();
                    let sent = publisher.publish("customers", line.into()).await;
                    stored.push(sent.unwrap_or_else(|error| panic!("{error}")));
                }
                for stored in stored {
                    stored.await.unwrap_or_else(|error| panic!("{error}"));
                }
            }
        });
    }

    fn listen(&mut self) -> Receiver<Instant> {
        let (to, received) = channel();
        let (ready, listening) = channel();
        let (url, from) = (self.server.url(), self.published + 1);
        std::thread::spawn(move || {
            let listens = || {
                let _listening = ready.send(());
            };
            runtime().block_on(receive(&url, from, listens, || to.send(Instant::now()).is_ok()));
        });
        let _ready = listening.recv();
        received
    }

    fn hold(&mut self) {
        self.held = self.published + 1;
    }

    fn drain(&mut self, count: u64) -> Duration {
        let (url, mut received) = (self.server.url(), 0);
        let began = Instant::now();
        runtime().block_on(receive(
            &url,
            self.held,
            || {},
            || {
                received += 1;
                received < count
            },
        ));
        began.elapsed()
    }
}
