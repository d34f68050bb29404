//! A stream of a NATS server, of one change a message.

use std::io::Error;
use std::ops::Range;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt;
use servers::nats::Nats;
use tokio::runtime::{self, Runtime};

use super::documents;
use super::source::{Bare, Received, Source};
use crate::centre::other;

const STREAM: &str = "CUSTOMERS";
const SUBJECT: &str = "customers.changed";
/// Messages that are published before one waits for what the server says to them.
const TOGETHER: usize = 1000;
/// Messages that are asked for at once.
const BATCH: usize = 512;

pub(super) struct JetStream {
    nats: Nats,
    runtime: Runtime,
    context: Context,
    /// The last message.
    last: u64,
}

impl JetStream {
    pub(super) fn start() -> Result<JetStream, Error> {
        let nats = Nats::start("")?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let context = runtime.block_on(async {
            let client = async_nats::connect(nats.url()).await.map_err(other)?;
            let context = jetstream::new(client);
            let config = stream::Config {
                name: STREAM.into(),
                subjects: vec!["customers.>".into()],
                ..stream::Config::default()
            };
            context.create_stream(config).await.map_err(other)?;
            Ok::<_, Error>(context)
        })?;
        Ok(JetStream {
            nats,
            runtime,
            context,
            last: 0,
        })
    }
}

impl Source for JetStream {
    fn config(&self) -> String {
        format!(
            "[feed.main]\nkind = \"jetstream\"\n[feed.main.jetstream]\nservers = [{:?}]\nstream = {STREAM:?}\n",
            self.nats.url()
        )
    }

    fn put(&mut self, nth: u64) -> Result<(), Error> {
        self.last = self.runtime.block_on(async {
            let told = self
                .context
                .publish(SUBJECT, documents::line(nth).into())
                .await
                .map_err(other)?;
            Ok::<_, Error>(told.await.map_err(other)?.sequence)
        })?;
        Ok(())
    }

    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error> {
        let all: Vec<u64> = changes.collect();
        for some in all.chunks(TOGETHER) {
            self.last = self.runtime.block_on(async {
                let mut told = Vec::new();
                for nth in some {
                    let published = self.context.publish(SUBJECT, documents::line(*nth).into());
                    told.push(published.await.map_err(other)?);
                }
                let mut last = 0;
                for told in told {
                    last = told.await.map_err(other)?.sequence;
                }
                Ok::<_, Error>(last)
            })?;
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<Bare, Error> {
        let (url, from) = (self.nats.url(), self.last + 1);
        Ok(Box::new(move |received: Received<'_>| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let client = async_nats::connect(url).await.map_err(other)?;
                let stream = jetstream::new(client).get_stream(STREAM).await.map_err(other)?;
                let consumer = stream
                    .create_consumer(Config {
                        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
                        ack_policy: AckPolicy::None,
                        memory_storage: true,
                        ..Config::default()
                    })
                    .await
                    .map_err(other)?;
                let mut messages = consumer
                    .stream()
                    .max_messages_per_batch(BATCH)
                    .expires(Duration::from_secs(10))
                    .messages()
                    .await
                    .map_err(other)?;
                while let Some(message) = messages.next().await {
                    let message = message.map_err(other)?;
                    if documents::of_line(&message.payload).is_some_and(|nth| !received(nth)) {
                        return Ok(());
                    }
                }
                Err(Error::other("the consumer ended"))
            })
        }))
    }
}
