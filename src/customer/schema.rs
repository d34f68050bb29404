//! The schema: which attributes customers of this contact centre have, their types and their order.

use serde::{Deserialize, Serialize};

/// The most custom attributes that a schema may have.
pub const MOST_ATTRIBUTES: usize = 50;

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Up to 1000 characters.
    Text,
    /// A phone number; its values are lookup keys too.
    Phone,
    /// An e-mail address.
    Email,
    /// `YYYY-MM-DD`.
    Date,
    /// RFC 3339.
    DateTime,
    /// An absolute URL.
    Url,
    /// `true` or `false`.
    Bool,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeDef {
    /// Key in documents.
    pub key: String,
    /// What a person reads; the key where left out.
    #[serde(default)]
    pub label: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// Whether a customer without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Kept out of logs, URLs, text answers and outbound webhooks.
    #[serde(default)]
    pub sensitive: bool,
    /// A line of help for the agent.
    #[serde(default)]
    pub help: String,
}

/// The attributes in display order, and which version of them this is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Grows by one with every change of the schema.
    pub version: u32,
    /// Display order.
    pub attributes: Vec<AttributeDef>,
}
