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
use super::runner::{FeedError, Signal};
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

/// Has the source of a feed read; `None` where it has none of the network.
///
/// # Errors
/// No thread is to be had.
pub(super) fn read(settings: &Settings, reading: Reading) -> Result<Option<JoinHandle<()>>, FeedError> {
    if settings.is_jetstream() {
        let source = JetStream::new(
            &reading.feed,
            settings.jetstream.clone(),
            settings.tls.clone(),
            settings.decoder(),
            settings.mapping().fingerprint(),
        );
        // Rows of a relay's copy come as its source had them.
        return reading.by(source, true);
    }
    match settings.kind {
        Kind::Postgres => {
            let source = Postgres::new(
                settings.postgres.clone(),
                settings.tls.clone(),
                settings.mapping(),
            );
            reading.by(source, settings.has_parts())
        }
        Kind::Mongodb => {
            let source = MongoDb::new(settings.mongodb.clone(), settings.tls.clone(), settings.mapping());
            reading.by(source, settings.has_parts())
        }
        _ => Ok(None),
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
