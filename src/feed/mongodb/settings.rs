//! `[feed.NAME.mongodb]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::feed::Secret;

/// Which database of which replica set is followed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Connection string, `mongodb://` or `mongodb+srv://`.
    pub uri: Secret,
    /// File whose first line is the password of the connection string's user; empty: it says it itself.
    pub password_file: PathBuf,
    /// Database.
    pub database: String,
    /// Which servers are read from.
    pub read_preference: ReadPreference,
    /// How long a server may take to be found and to answer.
    #[serde(rename = "connect_timeout_ms", deserialize_with = "milliseconds")]
    pub connect_timeout: Duration,
    /// How long nothing may be heard of the server, though it answers about once a second where there is nothing to tell.
    #[serde(rename = "silence_ms", deserialize_with = "milliseconds")]
    pub silence: Duration,
    /// Documents that a copy asks for at once, 1–100 000.
    pub batch_documents: u32,
}

/// Which servers are read from, in MongoDB's own words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPreference {
    /// The primary alone.
    #[default]
    Primary,
    /// The primary, or a secondary where there is none.
    PrimaryPreferred,
    /// A secondary alone.
    Secondary,
    /// A secondary, or the primary where there is none.
    SecondaryPreferred,
    /// The nearest.
    Nearest,
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
