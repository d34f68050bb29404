//! The network sources that there are: which reader follows a feed of which kind.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use super::copies::Copies;
use super::jetstream::JetStream;
use super::link::Words;
use super::mongodb::MongoDb;
use super::postgres::Postgres;
use super::reader::Reader;
use super::runner::FeedError;
use super::signals::Signal;
use super::source::Source;
use super::{Kind, Settings};
use crate::replica::Freshness;

/// What a reader needs beside its source.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(super) feed: Arc<str>,
    pub(super) signals: Sender<Signal>,
    pub(super) words: Words,
    pub(super) freshness: Arc<Freshness>,
    pub(super) copies: Option<Arc<dyn Copies>>,
    pub(super) memory: usize,
}

/// What somebody does with a source, whichever it is.
pub(crate) trait Take {
    /// What comes of it.
    type Taken;

    /// Takes `source`; `has_parts` where a copy of it has customers and their parts apart.
    fn take<S: Source + Send + 'static>(self, source: S, has_parts: bool) -> Self::Taken;
}

/// Hands the source of the feed `name` to `take`; `None` where it has none of the network.
pub(crate) fn open<T: Take>(name: &str, settings: &Settings, take: T) -> Option<T::Taken> {
    let (tls, mapping) = (settings.tls.clone(), settings.mapping());
    if settings.is_jetstream() {
        let (decode, fingerprint) = (settings.decoder(), mapping.fingerprint());
        let source = JetStream::new(name, settings.jetstream.clone(), tls, decode, fingerprint);
        // Rows of a relay's copy come as its source had them.
        return Some(take.take(source, true));
    }
    Some(match settings.kind {
        Kind::Postgres => take.take(
            Postgres::new(settings.postgres.clone(), tls, mapping),
            settings.has_parts(),
        ),
        Kind::Mongodb => take.take(
            MongoDb::new(settings.mongodb.clone(), tls, mapping),
            settings.has_parts(),
        ),
        _ => return None,
    })
}

/// Has the source of a feed read; `None` where it has none of the network.
///
/// # Errors
/// No thread is to be had.
pub(super) fn read(settings: &Settings, reading: Reading) -> Result<Option<JoinHandle<()>>, FeedError> {
    let feed = Arc::clone(&reading.feed);
    open(&feed, settings, reading).unwrap_or(Ok(None))
}

impl Take for Reading {
    type Taken = Result<Option<JoinHandle<()>>, FeedError>;

    fn take<S: Source + Send + 'static>(self, source: S, has_parts: bool) -> Self::Taken {
        self.by(source, has_parts)
    }
}

impl Reading {
    /// Has `source` read; `has_parts` where a copy of it has customers and their parts apart.
    pub(crate) fn by<S: Source + Send + 'static>(
        self,
        source: S,
        has_parts: bool,
    ) -> Result<Option<JoinHandle<()>>, FeedError> {
        let reader = Reader {
            feed: self.feed,
            source,
            signals: self.signals,
            words: self.words,
            freshness: self.freshness,
            copies: self.copies,
            has_parts,
            memory: self.memory,
        };
        reader.spawn().map(Some)
    }
}
