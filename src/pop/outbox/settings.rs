//! What a configuration says of the system of record: `[system_of_record]`.

mod check;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::item::Kind;
use crate::feed::Secret;
use crate::feed::mapping::Interactions;

pub use check::Fault;
pub(super) use check::{is_history_place, is_path_place, is_place};

/// What there is to be told, how, and what waits for it meanwhile; ranges are those of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is told.
    pub kind: TargetKind,
    /// Where it is: `http://HOST[:PORT][/PATH]` or https; the webhook's whole address.
    pub url: String,
    /// From connecting to the end of an answer, 100–600 000 ms.
    pub timeout_ms: u64,
    /// Requests under way at once, 1–256.
    pub in_flight_max: usize,
    /// Attempts that fail for what may be the item's own fault, 1–10 000.
    pub attempts_max: u32,
    /// The wait after the first failure, 10–60 000 ms, doubled each time.
    pub backoff_ms: u64,
    /// The longest wait, 10–86 400 000 ms.
    pub backoff_max_ms: u64,
    /// The longest time that a server can ask for, 0–86 400 s.
    pub retry_after_max_s: u64,
    /// Items that wait, 1–1 000 000.
    pub items_max: usize,
    /// Bytes of items that wait, 1–512 MiB.
    pub size_max_mib: u64,
    /// Dead letters that are kept, 0–1 000 000.
    pub dead_max: usize,
    /// How long, 60–31 536 000 s.
    pub dead_kept_s: i64,
    /// Keys and ids that are remembered of items that are no more, 0–1 000 000.
    pub keys_kept: usize,
    /// Header of the idempotency key.
    pub key_header: String,
    /// Where customers are made, links made, and so on: `cim` alone. Empty: such items are not taken.
    pub customers_path: String,
    /// How.
    pub customers_method: Method,
    /// One customer.
    pub customer_path: String,
    /// How it is changed.
    pub customer_method: Method,
    /// Links.
    pub links_path: String,
    /// How they are made.
    pub links_method: Method,
    /// Interactions.
    pub interactions_path: String,
    /// How they are made.
    pub interactions_method: Method,
    /// Messages.
    pub sms_path: String,
    /// How they are sent.
    pub sms_method: Method,
    /// Older interactions of a customer; empty: they cannot be asked for.
    pub history_path: String,
    /// Where an answer has the id of the customer that was made.
    pub created_id: Vec<String>,
    /// Where an answer with status 409 has the id of the customer that is there.
    pub existing_id: Vec<String>,
    /// Further members of customers that are made: a JSON object.
    pub customer_extra: String,
    /// Our names and theirs.
    pub customer_fields: Fields,
    /// The same of links.
    pub link_fields: Fields,
    /// The same of interactions.
    pub interaction_fields: Fields,
    /// The same of an interaction's activities.
    pub activity_fields: Fields,
    /// The same of messages.
    pub sms_fields: Fields,
    /// How we say who we are.
    pub auth: Auth,
    /// TLS.
    pub tls: Tls,
    /// Where `kind` is `webhook`.
    pub webhook: Webhook,
    /// Where `kind` is `file`.
    pub file: File,
    /// Asking for older interactions.
    pub history: HistorySettings,
}

/// Our names and theirs; what has an empty one, or none, is left out.
pub type Fields = BTreeMap<String, String>;

/// What is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// Nothing.
    #[default]
    None,
    /// An API in the manner of CIM's.
    Cim,
    /// One address that takes everything.
    Webhook,
    /// A file.
    File,
}

/// A method of HTTP that writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "they are HTTP's own")]
pub enum Method {
    #[default]
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "PUT")]
    Put,
    #[serde(rename = "PATCH")]
    Patch,
}

/// How we say who we are: `[system_of_record.auth]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// In which manner.
    pub kind: AuthKind,
    /// The user of `basic`.
    pub user: String,
    /// The file of the token, password or value, which is read again where it no longer counts.
    pub file: PathBuf,
    /// The header of `header`.
    pub header: String,
}

/// In which manner we say who we are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer TOKEN`.
    Bearer,
    /// `Authorization: Basic …`.
    Basic,
    /// A header of the server's own.
    Header,
}

/// Files of TLS, where the address is https: `[system_of_record.tls]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates, in PEM, that the server's must lead to; empty: those that browsers trust.
    pub ca: PathBuf,
    /// Our own certificate, in PEM; empty: none.
    pub certificate: PathBuf,
    /// Its private key, in PEM, without a password.
    pub key: PathBuf,
}

/// `[system_of_record.webhook]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// How it is told.
    pub method: Method,
    /// What it is told of.
    pub kinds: Vec<Kind>,
    /// Further headers.
    pub headers: BTreeMap<String, Secret>,
    /// JSON whose texts have places for values.
    pub template: String,
}

/// `[system_of_record.file]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Which.
    pub path: PathBuf,
    /// Size from which on another one is begun, 1–65 536 MiB.
    pub rotate_mib: u64,
    /// Older ones that are kept, 0–1000.
    pub kept: usize,
}

/// `[system_of_record.history]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySettings {
    /// From connecting to the end of an answer, 100–60 000 ms.
    pub timeout_ms: u64,
    /// The longest answer, 1–65 536 KiB.
    pub answer_max_kib: usize,
    /// Requests under way at once, 1–256.
    pub in_flight_max: usize,
    /// Failures in a row after which nothing is asked for a while, 1–1000.
    pub failures_max: u32,
    /// That while, 1–3600 s.
    pub pause_s: u64,
    /// Where an answer has the list, if it is none itself.
    pub list: Vec<String>,
    /// Ids.
    pub id: Vec<String>,
    /// When they began.
    pub started_at: Vec<String>,
    /// Directions.
    pub direction: Vec<String>,
    /// Types.
    #[serde(rename = "type")]
    pub kind: Vec<String>,
    /// Calling numbers.
    pub ani: Vec<String>,
    /// Durations in seconds.
    pub duration_s: Vec<String>,
    /// Lists of activities.
    pub activities: Vec<String>,
}

impl Method {
    pub(super) fn http(self) -> hyper::Method {
        match self {
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
        }
    }
}

impl HistorySettings {
    /// What documents of interactions mean.
    pub(super) fn interactions(&self) -> Interactions {
        Interactions {
            id: self.id.clone(),
            started_at: self.started_at.clone(),
            direction: self.direction.clone(),
            kind: self.kind.clone(),
            ani: self.ani.clone(),
            duration_s: self.duration_s.clone(),
            activities: self.activities.clone(),
            ..Interactions::default()
        }
    }
}

impl Settings {
    /// Whether there is anything to tell.
    pub fn is_on(&self) -> bool {
        self.kind != TargetKind::None
    }

    /// Whether items of `kind` are taken.
    pub fn takes(&self, kind: Kind) -> bool {
        match self.kind {
            TargetKind::None => false,
            TargetKind::File => true,
            TargetKind::Webhook => self.webhook.kinds.contains(&kind),
            TargetKind::Cim => !self.path(kind).is_empty(),
        }
    }

    /// Whether older interactions can be asked for.
    pub fn has_history(&self) -> bool {
        self.kind == TargetKind::Cim && !self.history_path.is_empty()
    }

    pub(super) fn path(&self, kind: Kind) -> &str {
        match kind {
            Kind::Customer => &self.customers_path,
            Kind::Link => &self.links_path,
            Kind::Interaction => &self.interactions_path,
            Kind::Sms => &self.sms_path,
        }
    }
}
