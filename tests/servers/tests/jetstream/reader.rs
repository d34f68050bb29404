//! A reader of a stream, and somebody who publishes to it.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use ringside::feed::Secret;
use ringside::feed::decode::Native;
use ringside::feed::jetstream::{JetStream, Login, Settings};
use ringside::feed::secure::Tls;
use ringside::feed::source::{Event, Life, Source, SourceError, Standing};
use ringside::replica::Change;
use servers::nats::Nats;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const STREAM: &str = "CUSTOMERS";

/// Runs `test` on a runtime as a feed has it, and ends it when it takes too long.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}

pub(crate) fn source_at(url: &str, login: Login, tls: Tls) -> JetStream {
    let settings = Settings {
        servers: vec![Secret::from(url.to_owned())],
        stream: STREAM.to_owned(),
        login,
        ..Settings::default()
    };
    JetStream::new("main", settings, tls, Box::new(Native), 0)
}

pub(crate) fn source(nats: &Nats) -> JetStream {
    source_at(&nats.url(), Login::default(), Tls::default())
}

pub(crate) async fn publisher(nats: &Nats) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

/// A stream that nobody's relay fills.
pub(crate) async fn create(publisher: &async_nats::jetstream::Context) {
    publisher
        .create_stream(Config {
            name: STREAM.to_owned(),
            subjects: vec!["customers".to_owned()],
            ..Config::default()
        })
        .await
        .unwrap();
}

pub(crate) fn id(number: usize) -> String {
    format!("c-{number}")
}

/// Publishes the deletion of each of `numbers`, durably.
pub(crate) async fn publish(publisher: &async_nats::jetstream::Context, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let line = Change::Delete { id: id(number) }.to_line(None);
        let stored = publisher.publish("customers", line.into()).await.unwrap();
        stored.await.unwrap();
    }
}

/// Connects again and again, as the feeds do, until the server is there.
pub(crate) async fn connect(source: &mut JetStream, known: &[Life]) -> Result<Standing, SourceError> {
    loop {
        match source.connect(known).await {
            Err(SourceError::Away(_)) => servers::wait::moment().await,
            other => return other,
        }
    }
}

/// Connects and follows from where `known` leads to.
pub(crate) async fn follow(source: &mut JetStream, known: &[Life]) -> Life {
    let standing = connect(source, known).await.unwrap();
    let Standing::GoesOn(life) = standing else {
        panic!("{standing:?}")
    };
    source.follow(&life).await.unwrap();
    life
}

/// Takes `count` deletions off `source`: their ids, and the place behind the last.
pub(crate) async fn deletions(
    source: &mut JetStream,
    life: &Life,
    count: usize,
) -> Result<(Vec<String>, Life), SourceError> {
    let (mut ids, mut life) = (Vec::new(), life.clone());
    while ids.len() < count {
        if let Event::Change {
            change: Change::Delete { id },
            ..
        } = source.next().await?
        {
            ids.push(id);
        }
    }
    loop {
        if let Event::Place { token, .. } = source.next().await? {
            life.token = token;
            return Ok((ids, life));
        }
    }
}

pub(crate) fn ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(id).collect()
}
