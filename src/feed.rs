//! Feeds: where changes come from. A feed waits and decodes; the replica decides.
//!
//! All feeds of a contact centre run on one thread, which owns the replica and with it the index's one writer, so that
//! changes need no lock between them.

mod delivery;
pub mod file;
mod followed;
pub mod mapping;
mod merging;
pub mod postgres;
pub mod push;
mod rejects;
mod runner;
mod secret;
pub mod secure;
pub mod source;

use std::path::PathBuf;

use serde::Deserialize;

use crate::number::SourceSettings;

pub use mapping::Mapping;
pub use push::{PushRefused, Pushed, Pushes};
pub use runner::{Compaction, FeedError, Feeds, Installer, Places, Running};
pub use secret::Secret;

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
    /// TLS towards its server.
    pub tls: secure::Tls,
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
    /// What documents of this feed mean.
    pub fn mapping(&self) -> Mapping {
        Mapping {
            customers: self.customers.clone(),
            cases: self.cases.clone(),
            interactions: self.interactions.clone(),
            schema: self.schema.clone(),
        }
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
}

#[cfg(test)]
mod tests;
