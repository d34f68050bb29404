//! The sections and what their keys mean; `config/default.toml` documents each for whoever writes a file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};

/// Listeners or feeds by their names.
pub type Named<T> = BTreeMap<String, T>;

/// One place where callers and desktops connect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Whether it is opened.
    pub enabled: bool,
    /// TCP address; port 0 takes a free one.
    #[serde(deserialize_with = "optional_address")]
    pub address: Option<SocketAddr>,
    /// Unix socket.
    #[serde(deserialize_with = "optional_path")]
    pub unix: Option<PathBuf>,
    /// Region of the numbers that arrive here; `numbers.default_region` where `None`.
    #[serde(deserialize_with = "optional_text")]
    pub region: Option<String>,
    /// How the numbers that arrive here are written; `numbers.mode` where `None`.
    #[serde(deserialize_with = "optional_text")]
    pub mode: Option<String>,
}

/// Health, metrics and roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// TCP address; port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
}

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder of everything that is kept.
    pub dir: PathBuf,
    /// Seconds in which every mapped byte is verified once, 60–2 592 000.
    pub scrub_interval_s: u64,
    /// Size of the overlay at which it is compacted, MiB, 1–65 536.
    pub overlay_max_mib: u64,
}

/// Where changes come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// What delivers them.
    pub kind: FeedKind,
    /// The file followed by [`FeedKind::File`].
    #[serde(deserialize_with = "optional_path")]
    pub path: Option<PathBuf>,
    /// Milliseconds between two looks, 10–60 000.
    pub poll_ms: u64,
}

/// What delivers changes, in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// Nothing.
    None,
    /// Lines appended to a file.
    File,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The most customers listed, 1–1000.
    pub matches_max: usize,
    /// What the network must vouch for before an answer may disclose.
    pub require_attestation: Attestation,
    /// Seconds after the newest change from which answers are stale; 0: never.
    pub stale_after_s: u64,
}

/// How much the network must vouch for a calling number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Not at all.
    None,
    /// Anything but a failed verification.
    NotFailed,
    /// Full attestation.
    A,
}

/// How a caller is to be treated: if all the conditions given hold, what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreatmentRule {
    /// Condition: the customer has this label.
    pub label: Option<String>,
    /// Condition: the customer has this flag.
    pub flag: Option<Flag>,
    /// Condition: the customer has this attribute …
    pub attribute: Option<String>,
    /// … with this value.
    pub equals: Option<String>,
    /// Condition: this number was dialled.
    pub dnis: Option<String>,
    /// Condition: the network's word on the calling number.
    pub verstat: Option<String>,
    /// What follows: the treatment's name.
    pub treatment: Option<String>,
    /// What follows: the queue's name.
    pub queue: Option<String>,
}

/// A customer's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// No calls.
    DoNotCall,
    /// No text messages.
    DoNotSms,
}

/// Requests and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Threads that serve callers, 1–1024; 0: one per core.
    pub workers: usize,
    /// The longest request body, bytes, 1024–2³⁰.
    pub body_max_bytes: usize,
    /// Seconds that open requests have when the service stops, 0–3600.
    pub drain_s: u64,
    /// The most numbers in one request, 1–100 000.
    pub batch_max: usize,
}

/// What is kept of each customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The most cases, 0–1000.
    pub cases: usize,
    /// The most interactions, 0–1000.
    pub interactions: usize,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    optional_address(deserializer)?.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(""), &AN_ADDRESS))
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    optional_text(deserializer)?
        .map(|text| {
            text.parse()
                .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &AN_ADDRESS))
        })
        .transpose()
}

const AN_ADDRESS: &str = "an IP address and a port, such as \"127.0.0.1:7464\"";

fn optional_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(optional_text(deserializer)?.map(PathBuf::from))
}

/// Empty text stands for none, because TOML has no word for it and a key left out would be a default elsewhere.
fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}
