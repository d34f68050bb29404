//! The sections and what their keys mean; `config/default.toml` documents each for whoever writes a file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::StringDeserializer;
use serde::de::{Deserializer, Error, Unexpected};

use crate::callers::Dialect;
use crate::http::{Ceiling, Demand, ShadowSettings, Sources};
use crate::number::{Mode, Region, SourceSettings};

use super::Dialects;

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
    #[serde(deserialize_with = "optional")]
    pub region: Option<Region>,
    /// How the numbers that arrive here are written; `numbers.mode` where `None`.
    #[serde(deserialize_with = "optional")]
    pub mode: Option<Mode>,
    /// What is spoken here.
    pub dialects: Vec<Dialect>,
    /// What may be done here at all, whoever asks.
    pub scopes: Ceiling,
    /// Whence one may come; Unix sockets are not concerned.
    pub sources: Sources,
    /// Whence one may come further, for each dialect.
    pub dialect_sources: BTreeMap<Dialect, Sources>,
    /// Whether a request needs a key.
    pub keys: Demand,
    /// Whether `?key=` counts.
    pub key_in_query: bool,
    /// What else is particular to the numbers that arrive here.
    pub numbers: SourceSettings,
    /// The same for each dialect, ahead of `numbers`.
    pub dialect_numbers: BTreeMap<Dialect, SourceSettings>,
    /// What makes connections over TCP secret.
    pub tls: Tls,
    /// What answered here until now, and still does.
    pub shadow: ShadowSettings,
}

/// What is particular to the numbers of one source, and which keys say so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Particular {
    /// What is particular.
    pub settings: SourceSettings,
    /// The full paths of the keys that say it, those nearest to the call first. One that a nearer key overrides is not
    /// among them.
    pub keys: Vec<String>,
}

impl Particular {
    /// What the tables at these paths say, the nearest to the call first.
    pub(super) fn of(said: impl IntoIterator<Item = (String, SourceSettings)>) -> Particular {
        let mut all = Particular::default();
        for (path, said) in said {
            let further = said
                .keys()
                .filter(|key| all.settings.keys().all(|known| known != *key));
            let further: Vec<String> = further.map(|key| format!("{path}.{key}")).collect();
            all.keys.extend(further);
            all.settings = all.settings.or(&said);
        }
        all
    }
}

impl Listener {
    /// What is particular to the numbers that arrive in `dialect` at this listener, called `name`; `dialects` says what
    /// holds for it everywhere. What is said of the dialect here goes first, then what is said of the listener.
    pub fn numbers(&self, name: &str, dialect: Dialect, dialects: &Dialects) -> Particular {
        let here = self.dialect_numbers.get(&dialect).cloned().unwrap_or_default();
        let short = SourceSettings {
            default_region: self.region,
            mode: self.mode,
            ..SourceSettings::default()
        };
        let mut all = Particular::of([
            (
                format!("listener.{name}.dialect_numbers.{}", dialect.name()),
                here,
            ),
            (format!("listener.{name}.numbers"), self.numbers.clone()),
            (format!("listener.{name}"), short),
            dialects.said(dialect),
        ]);
        let long = format!("listener.{name}.default_region");
        if let Some(region) = all.keys.iter_mut().find(|key| **key == long) {
            *region = format!("listener.{name}.region");
        }
        all
    }
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, with what leads to its root; no TLS where `None`.
    #[serde(deserialize_with = "optional_path")]
    pub certificate: Option<PathBuf>,
    /// Its private key.
    #[serde(deserialize_with = "optional_path")]
    pub key: Option<PathBuf>,
    /// Whose client certificates are demanded; none are where `None`.
    #[serde(deserialize_with = "optional_path")]
    pub client_ca: Option<PathBuf>,
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The file of keys; `keys.json` in the data folder where `None`.
    #[serde(deserialize_with = "optional_path")]
    pub file: Option<PathBuf>,
}

/// Health, metrics and roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// TCP address; port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
    /// Whence one may come.
    pub sources: Sources,
    /// Whether a page that is not for everybody needs a key.
    pub keys: Demand,
    /// The most connections at once, 1–10 000.
    pub connections_max: usize,
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
    /// Generations that stay, the present one among them, 1–100.
    pub generations_kept: usize,
    /// Size of the change log at which it gives up generations before the present one, MiB, 16–1 048 576.
    pub log_max_mib: u64,
    /// Seconds within which what was deleted leaves every file, 1–315 360 000.
    pub erase_within_s: u64,
    /// Refused changes that are kept to be looked at, MiB, 1–65 536.
    pub rejects_max_mib: u64,
}

/// How snapshots are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Memory of a build or a compaction, beside what is mapped, MiB, 64–65 536.
    pub memory_mib: u64,
}

/// Where generations are published, and whence one catches up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// The object store, as `s3://BUCKET/PREFIX` or `file:///FOLDER`; empty: none.
    pub store: String,
    /// Published generations that stay, the newest among them, 1–100.
    pub kept: usize,
    /// The least time between two publications, 0–86 400 s.
    pub every_s: u64,
    /// Whether a node that is new or too far behind fetches a generation by itself.
    pub catch_up: bool,
    /// An S3 server other than Amazon's, as `https://HOST:PORT`; empty: Amazon's.
    pub endpoint: String,
    /// The bucket's region; empty: the environment's, or `us-east-1`.
    pub region: String,
    /// Id of the access key; empty: the environment's, or the machine's role.
    pub key_id: String,
    /// File with its secret, the first line; `None`: the environment's.
    #[serde(deserialize_with = "optional_path")]
    pub secret_file: Option<PathBuf>,
    /// Certificates that the server's has to lead to; `None`: those that browsers trust.
    #[serde(deserialize_with = "optional_path")]
    pub ca: Option<PathBuf>,
}

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Dialled numbers whose lookups are counted by name, at most 100, in any written form.
    pub dnis: Vec<String>,
}

/// What is kept of each customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The most cases, 0–1000.
    pub cases: usize,
    /// The most interactions, 0–1000.
    pub interactions: usize,
    /// The most cases and interactions, of all feeds, that wait for customers that are not known yet, 0–10 000 000.
    pub parked_max: usize,
    /// Keys of attributes that hold a customer's ids in other systems, 0–4: it is found by their values.
    pub id_attributes: Vec<String>,
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

pub(super) fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = optional_text(deserializer)?;
    text.map(|text| T::deserialize(StringDeserializer::new(text)))
        .transpose()
}

/// Empty text stands for none, because TOML has no word for it and a key left out would be a default elsewhere.
fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}
