//! Feeds: where changes come from. A feed waits and decodes; the replica decides.
//!
//! All feeds of a contact centre run on one thread, which owns the replica and with it the index's one writer, so that
//! changes need no lock between them.

mod ahead;
pub mod copies;
pub mod debezium;
pub mod decode;
mod delivery;
pub mod file;
mod followed;
pub mod jetstream;
mod link;
pub mod mapping;
mod merging;
pub mod mongodb;
pub mod pilot;
pub mod postgres;
pub mod push;
mod reader;
mod rejects;
mod runner;
mod secret;
pub mod secure;
mod signals;
pub mod source;
pub(crate) mod sources;
mod streamed;
mod watch;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::number::SourceSettings;
use debezium::Transport;

pub use copies::Copies;
pub use debezium::Debezium;
pub use decode::{Decode, Item, Message, Native};
pub use mapping::Mapping;
pub use push::{PushRefused, Pushed, Pushes};
pub use runner::{Compaction, FeedError, Feeds};
pub use secret::Secret;
pub use signals::{Halt, Installer, Places, Running};

/// One feed: `[feed.NAME]` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What delivers the changes.
    pub kind: Kind,
    /// The file followed by [`Kind::File`]; empty where there is none.
    pub path: PathBuf,
    /// Milliseconds between two looks, 10 to 60 000.
    pub poll_ms: u64,
    /// What is particular to the numbers of its customers.
    pub numbers: SourceSettings,
    /// How Debezium's events come to [`Kind::Debezium`].
    pub debezium: debezium::Settings,
    /// The server that [`Kind::Postgres`] follows.
    pub postgres: postgres::Settings,
    /// TLS towards its server.
    pub tls: secure::Tls,
    /// What is particular to [`Kind::Mongodb`].
    pub mongodb: mongodb::Settings,
    /// What is particular to [`Kind::Jetstream`].
    pub jetstream: jetstream::Settings,
    /// What documents of customers mean.
    pub customers: mapping::Customers,
    /// What documents of cases mean.
    pub cases: mapping::Cases,
    /// What documents of interactions mean.
    pub interactions: mapping::Interactions,
    /// What documents of the schema's attributes mean.
    pub schema: mapping::Schemas,
}

impl Settings {
    /// Whether lines are read from a file.
    pub fn is_followed(&self) -> bool {
        self.kind == Kind::File || self.is_debezium_over(Transport::File)
    }

    /// Whether its changes are posted to `/v1/changes`.
    pub fn is_posted(&self) -> bool {
        self.kind == Kind::Http || self.is_debezium_over(Transport::Http)
    }

    /// Whether a server is followed, by a thread of its own.
    pub fn is_network(&self) -> bool {
        #[cfg(test)]
        if self.kind == Kind::MadeUp {
            return true;
        }
        matches!(self.kind, Kind::Mongodb | Kind::Postgres) || self.is_jetstream()
    }

    fn is_jetstream(&self) -> bool {
        self.kind == Kind::Jetstream || self.is_debezium_over(Transport::Jetstream)
    }

    /// What reads its messages.
    pub fn decoder(&self) -> Box<dyn Decode> {
        let is_debezium = match self.kind {
            Kind::Debezium => true,
            Kind::Jetstream => self.jetstream.format == jetstream::Format::Debezium,
            _ => false,
        };
        if is_debezium {
            Box::new(Debezium::new(self.mapping(), &self.debezium))
        } else {
            Box::new(Native)
        }
    }

    /// The attributes of its customers, where these and not the source say what there is.
    fn attributes(&self) -> Option<Value> {
        let says = self.kind == Kind::Debezium && !self.customers.attributes.is_empty();
        self.mapping().schema(&[]).filter(|_| says)
    }

    fn is_debezium_over(&self, transport: Transport) -> bool {
        self.kind == Kind::Debezium && self.debezium.transport == transport
    }

    /// What documents of this feed mean.
    pub fn mapping(&self) -> Mapping {
        Mapping {
            customers: self.customers.clone(),
            cases: self.cases.clone(),
            interactions: self.interactions.clone(),
            schema: self.schema.clone(),
        }
    }

    /// Whether its source is copied as a whole where it is met for the first time, or has lost its history.
    pub fn copies(&self) -> bool {
        matches!(self.kind, Kind::Mongodb | Kind::Postgres | Kind::Jetstream)
    }

    /// Whether cases or interactions are in collections or tables of their own.
    pub fn has_parts(&self) -> bool {
        !(self.cases.from.is_empty() && self.interactions.from.is_empty())
    }
}

/// What delivers changes, in this version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing.
    #[default]
    None,
    /// Lines appended to a file.
    File,
    /// Lines that somebody posts to `/v1/changes`.
    Http,
    /// Debezium's events, over one of several transports.
    Debezium,
    /// A database of a MongoDB replica set.
    Mongodb,
    /// PostgreSQL's logical replication.
    Postgres,
    /// A NATS JetStream stream.
    Jetstream,
    /// A source that a test makes up.
    #[cfg(test)]
    #[serde(skip)]
    MadeUp,
}

#[cfg(test)]
mod tests;
