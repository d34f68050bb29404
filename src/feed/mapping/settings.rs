//! The paths of a mapping: `[feed.NAME.customers]`, `.cases`, `.interactions` and `.schema` of the configuration.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read::Reader;
use crate::customer::AttributeType;

/// Where customers are, and what of them is where. Every list holds paths, of which the first that leads to something
/// counts; of those of phones and labels all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each has the paths of the document's field of that name"
)]
pub struct Customers {
    /// Their collection or table; empty where there is none.
    pub from: String,
    pub id: Vec<String>,
    pub name: Vec<String>,
    pub first_name: Vec<String>,
    pub last_name: Vec<String>,
    pub company: Vec<String>,
    pub created_at: Vec<String>,
    pub updated_at: Vec<String>,
    pub phones: Vec<String>,
    /// Region of phones that say none.
    pub region: Vec<String>,
    pub labels: Vec<String>,
    pub last_agent_id: Vec<String>,
    pub do_not_call: Vec<String>,
    pub do_not_sms: Vec<String>,
    /// Attributes, in display order.
    pub attributes: Vec<AttributeField>,
}

/// An attribute and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeField {
    /// Key in documents.
    pub key: String,
    /// Its path; the key where left out.
    #[serde(default)]
    pub path: String,
    /// What a person reads; the key where left out.
    #[serde(default)]
    pub label: String,
    /// Type of its values.
    #[serde(rename = "type", default = "text")]
    pub kind: AttributeType,
    /// Whether agents are to fill it in.
    #[serde(default)]
    pub required: bool,
    /// Kept out of logs, URLs, text answers and outbound webhooks.
    #[serde(default)]
    pub sensitive: bool,
    /// A line of help for the agent.
    #[serde(default)]
    pub help: String,
}

/// Where cases are, and what of them is where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each has the paths of the document's field of that name"
)]
pub struct Cases {
    /// Their collection or table; empty where there is none.
    pub from: String,
    /// Paths in the customer's document of lists of cases.
    pub inside: Vec<String>,
    pub id: Vec<String>,
    pub customer_id: Vec<String>,
    pub number: Vec<String>,
    pub title: Vec<String>,
    pub status: Vec<String>,
    pub priority: Vec<String>,
    pub created_at: Vec<String>,
}

/// Where interactions are, and what of them is where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each has the paths of the document's field of that name"
)]
pub struct Interactions {
    /// Their collection or table; empty where there is none.
    pub from: String,
    /// Paths in the customer's document of lists of interactions.
    pub inside: Vec<String>,
    pub id: Vec<String>,
    pub customer_id: Vec<String>,
    pub started_at: Vec<String>,
    pub direction: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Vec<String>,
    pub ani: Vec<String>,
    pub duration_s: Vec<String>,
    /// Lists of activities, whose keys are as in our own documents or, in the same words, in camel case.
    pub activities: Vec<String>,
}

/// Where the schema's attributes are, one a document; each customer then has theirs under their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each has the paths of the attribute's field of that name"
)]
pub struct Schemas {
    /// Their collection or table; empty where there is none, and then `customers.attributes` says what they are.
    pub from: String,
    pub key: Vec<String>,
    pub label: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Vec<String>,
    pub required: Vec<String>,
    pub sensitive: Vec<String>,
    pub help: Vec<String>,
    /// What customers have their attributes under: empty for keys of the document itself.
    pub under: String,
}

fn text() -> AttributeType {
    AttributeType::Text
}

impl AttributeField {
    /// The attribute as a schema has it.
    pub(super) fn definition(&self) -> Value {
        let label = if self.label.is_empty() {
            &self.key
        } else {
            &self.label
        };
        json!({
            "key": self.key,
            "label": label,
            "type": self.kind,
            "required": self.required,
            "sensitive": self.sensitive,
            "help": self.help,
        })
    }

    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() {
            &self.key
        } else {
            &self.path
        }
    }
}

impl Customers {
    /// Whether the top-level `key` of documents is a field of its own, and no attribute.
    pub(super) fn takes(&self, key: &str) -> bool {
        let fields = [
            &self.id,
            &self.name,
            &self.first_name,
            &self.last_name,
            &self.company,
            &self.created_at,
            &self.updated_at,
            &self.phones,
            &self.labels,
            &self.last_agent_id,
            &self.do_not_call,
            &self.do_not_sms,
        ];
        fields.into_iter().flatten().any(|path| path == key)
    }

    /// The customer that a document is, but for its id and its parts; `schemas` says where further attributes are.
    pub(super) fn read(&self, reader: &Reader<'_>, schemas: &Schemas) -> Map<String, Value> {
        let mut customer = Map::new();
        let texts = [
            ("name", &self.name),
            ("first_name", &self.first_name),
            ("last_name", &self.last_name),
            ("company", &self.company),
        ];
        for (key, paths) in texts {
            put(&mut customer, key, reader.text(paths));
        }
        put(&mut customer, "created_at", reader.moment(&self.created_at));
        put(&mut customer, "updated_at", reader.moment(&self.updated_at));
        put(&mut customer, "last_agent_id", reader.id(&self.last_agent_id));
        let region = reader.text(&self.region);
        put(
            &mut customer,
            "phones",
            reader.phones(&self.phones, region.as_ref()),
        );
        put(&mut customer, "labels", reader.labels(&self.labels));
        let flags: Map<String, Value> = [
            ("do_not_call", &self.do_not_call),
            ("do_not_sms", &self.do_not_sms),
        ]
        .into_iter()
        .filter_map(|(key, paths)| Some((key.to_owned(), reader.flag(paths)?.into())))
        .collect();
        if !flags.is_empty() {
            customer.insert("flags".into(), Value::Object(flags));
        }
        let attributes = self.attributes(reader, schemas);
        if !attributes.is_empty() {
            customer.insert("attributes".into(), Value::Object(attributes));
        }
        customer
    }

    fn attributes(&self, reader: &Reader<'_>, schemas: &Schemas) -> Map<String, Value> {
        if schemas.from.is_empty() {
            let fields = self.attributes.iter();
            return fields
                .filter_map(|field| Some((field.key.clone(), reader.attribute(field.path())?)))
                .collect();
        }
        // Which of them are attributes the schema says; others are passed over where the customer is read.
        let Some(all) = reader.object(&schemas.under) else {
            return Map::new();
        };
        all.iter()
            .filter(|(key, _)| !(schemas.under.is_empty() && self.takes(key)))
            .filter_map(|(key, _)| Some((key.clone(), Reader::of_object(all).attribute(key)?)))
            .collect()
    }
}

impl Cases {
    /// The case that `document` is; `None` where it is no object or has no id.
    pub(super) fn read(&self, document: &Value) -> Option<Map<String, Value>> {
        let reader = Reader::of(document);
        let mut case = Map::new();
        case.insert("id".into(), reader.id(&self.id)?);
        let texts = [
            ("number", &self.number),
            ("title", &self.title),
            ("status", &self.status),
            ("priority", &self.priority),
        ];
        for (key, paths) in texts {
            put(&mut case, key, reader.text(paths));
        }
        put(&mut case, "created_at", reader.moment(&self.created_at));
        Some(case)
    }
}

impl Interactions {
    /// The interaction that `document` is; `None` where it is no object or has no id.
    pub fn read(&self, document: &Value) -> Option<Map<String, Value>> {
        let reader = Reader::of(document);
        let mut interaction = Map::new();
        interaction.insert("id".into(), reader.id(&self.id)?);
        put(&mut interaction, "started_at", reader.moment(&self.started_at));
        put(&mut interaction, "direction", reader.direction(&self.direction));
        put(&mut interaction, "type", reader.text(&self.kind));
        put(&mut interaction, "ani", reader.written(&self.ani));
        put(&mut interaction, "duration_s", reader.whole(&self.duration_s));
        put(
            &mut interaction,
            "activities",
            reader.activities(&self.activities),
        );
        Some(interaction)
    }
}

impl Schemas {
    /// The attribute that `document` is; `None` where it has no key.
    pub(super) fn attribute(&self, document: &Value) -> Option<Value> {
        let reader = Reader::of(document);
        let key = reader.text(&self.key)?;
        let word = reader.text(&self.kind);
        Some(json!({
            "key": key,
            "label": reader.text(&self.label).unwrap_or_else(|| key.clone()),
            "type": attribute_type(word.as_ref().and_then(Value::as_str).unwrap_or_default()),
            "required": reader.flag(&self.required).unwrap_or(false),
            "sensitive": reader.flag(&self.sensitive).unwrap_or(false),
            "help": reader.text(&self.help).unwrap_or_default(),
        }))
    }
}

/// Our name of what a system of record calls a type.
fn attribute_type(word: &str) -> &'static str {
    let word: String = word
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    match word.as_str() {
        "phone" | "phonenumber" | "tel" | "telephone" => "phone",
        "email" | "mail" => "email",
        "date" => "date",
        "datetime" | "timestamp" => "datetime",
        "url" | "link" | "uri" => "url",
        "bool" | "boolean" => "bool",
        _ => "text",
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.into(), value);
    }
}
