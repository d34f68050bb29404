//! `[feed.NAME.debezium]` of the configuration.

use serde::Deserialize;

/// How Debezium's events come, and what is particular to them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What carries them.
    pub transport: Transport,
    /// What the connector writes in place of values that its database did not log: its own
    /// `unavailable.value.placeholder`, 1 to 200 bytes.
    pub unavailable_value: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            transport: Transport::Http,
            unavailable_value: "__debezium_unavailable_value".into(),
        }
    }
}

/// What carries Debezium's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Lines appended to the feed's file.
    File,
    /// Posts to `/v1/changes`.
    #[default]
    Http,
    /// NATS JetStream.
    Jetstream,
}
