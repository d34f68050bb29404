//! One thing that the system of record is to be told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The longest idempotency key, in bytes: it stands in a header.
pub(super) const KEY_MAX: usize = 200;
/// The longest lane, in bytes.
pub(super) const LANE_MAX: usize = 400;
/// Bytes of memory that an item takes beside its texts, roughly.
const OVERHEAD: u64 = 400;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A customer that an agent made, or, where the body says `"op": "update"`, changed.
    Customer,
    /// Which customer a call belongs to.
    Link,
    /// A call that is over, or another contact.
    Interaction,
    /// A message to be sent.
    Sms,
}

/// One thing that the system of record is to be told.
///
/// Its body is in our own words: `customer_id` is the customer's id (a provisional one where an agent has just made the
/// customer), `call_id`, `agent`, and the members of a customer, an interaction or a message.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its number, growing; 0 until it is pushed.
    pub id: u64,
    /// Idempotency key: the same at every attempt. 1 to 200 bytes, visible ASCII.
    pub key: String,
    /// Items of one lane are sent one after the other: the call's id, or the customer's provisional one.
    pub lane: String,
    /// What it is about.
    pub kind: Kind,
    /// What is to be told, in our words.
    pub body: Value,
    /// When it was pushed.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// Attempts so far, of whatever outcome.
    #[serde(default)]
    pub attempts: u32,
    /// Attempts that failed for what may be the item's own fault: these are bounded.
    #[serde(default)]
    pub strikes: u32,
    /// Why the last attempt failed, without anything of the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How the server explained it, shortened. It may repeat what it was sent: for administrators alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<String>,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Customer, Kind::Link, Kind::Interaction, Kind::Sms];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Link => "link",
            Kind::Interaction => "interaction",
            Kind::Sms => "sms",
        }
    }
}

impl Item {
    /// An item that is to be pushed, made now.
    pub fn new(key: impl Into<String>, lane: impl Into<String>, kind: Kind, body: Value) -> Item {
        Item {
            id: 0,
            key: key.into(),
            lane: lane.into(),
            kind,
            body,
            created_at: Timestamp::now(),
            attempts: 0,
            strikes: 0,
            last_error: None,
            last_answer: None,
        }
    }

    /// The customer that it is about, as it was pushed.
    pub fn customer_id(&self) -> Option<&str> {
        self.body.get("customer_id").and_then(Value::as_str)
    }

    /// Whether it changes a customer that there is.
    pub(super) fn is_update(&self) -> bool {
        self.kind == Kind::Customer && self.body.get("op").and_then(Value::as_str) == Some("update")
    }

    /// The provisional id of the customer that it has made.
    pub(super) fn creates(&self) -> Option<&str> {
        self.customer_id()
            .filter(|_| self.kind == Kind::Customer && !self.is_update())
    }

    /// Bytes that it takes, roughly.
    pub(super) fn bytes(&self) -> u64 {
        let texts = self.key.len() + 2 * self.lane.len();
        weight(&self.body) + texts as u64 + OVERHEAD
    }
}

/// Bytes of `value` as JSON, roughly, without writing it.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 4,
        Value::Array(list) => list.iter().map(weight).sum::<u64>() + 4,
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| key.len() as u64 + 4 + weight(value))
            .sum::<u64>(),
    }
}

/// Without the body and the server's words: they are the customer's.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("attempts", &self.attempts)
            .field("last_error", &self.last_error)
            .finish_non_exhaustive()
    }
}

/// A moment as RFC 3339.
pub(super) mod moment {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    pub(in super::super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
